//! The built-in engines behind the common interface, and one ranking of metrics across services.
//!
//! The answer is that of `automap diagnose`: the same analysis, with the verdict, named causes and confidence of its report. If the report shows no
//! candidates ("no incident"), the underlying ranking does not count. If it does, the whole ranking is used, since a report lists only five.
//!
//! The core ranks the metrics within each service (`rank::rank_metrics`) but not across services, which metric-level scores need. Here the
//! score of a metric is the score of its service times the metric's share of the service's best metric.

use std::collections::BTreeMap;

use automap_chaos::score::named_causes;
use automap_core::frame::ServiceIdx;
use automap_core::rank::{self, rank_metrics};
use automap_core::report::{VerdictKind, compose};
use automap_core::{Analysis, DiagnoseOptions, analyse};

use super::{Answer, Certainty, Question, incident_start, ranked, unique_indicators};

/// Smallest score of a service or metric, so that metrics without evidence keep their order behind those with evidence.
const MIN_SCORE: f64 = 1e-6;

pub(super) fn answer(engine: rank::Engine, question: &Question) -> Result<Answer, String> {
    let options = DiagnoseOptions { engine, ..DiagnoseOptions::default() };
    let analysis = analyse(question.observation, &options).map_err(|e| e.to_string())?;
    let report = compose(question.observation, &analysis, &options.verdict);
    let (mut services, mut metrics) = (Vec::new(), Vec::new());
    if !report.causes.is_empty() {
        services = analysis.ranking.services.iter().map(|s| analysis.frame.service(s.service).to_owned()).collect();
        metrics = unique_indicators(ranked(metric_scores(&analysis).into_iter().collect()));
    }
    let confidence = report.causes.first().map_or(0.0, |first| first.confidence);
    let is_named = report.verdict.kind == VerdictKind::Cause;
    let named = named_causes(&report);
    let path = |cause: &Vec<String>| {
        let candidate = report.causes.iter().find(|c| cause.contains(&c.service));
        candidate.map(|c| c.path.clone()).unwrap_or_default()
    };
    Ok(Answer {
        services,
        metrics,
        paths: named.iter().map(path).collect(),
        named: Some(named),
        certainty: Some(Certainty { confidence, is_named }),
        verdict: Some(report.verdict.summary),
        started: incident_start(&analysis.windows),
    })
}

/// Scores by `(service, metric)`. With service scores 4 and 2, and metrics at 1.0 and 0.2 of the best in the first service, the
/// pairs score 4.0 and 0.8, and the best metric of the second service (2.0) comes between them.
fn metric_scores(analysis: &Analysis) -> BTreeMap<(String, String), f64> {
    let Analysis { ranking, anomalies, frame, .. } = analysis;
    let scores: BTreeMap<ServiceIdx, f64> =
        ranking.services.iter().map(|s| (s.service, s.score.max(MIN_SCORE))).collect();
    let mut first_metric_scores: BTreeMap<ServiceIdx, f64> = BTreeMap::new();
    let mut out = BTreeMap::new();
    for m in rank_metrics(ranking, anomalies) {
        // The metrics of a service are in descending order, so the first one is its best.
        let first = *first_metric_scores.entry(m.service).or_insert(m.score.max(MIN_SCORE));
        let name = anomalies.series[m.evidence].metric.name.clone();
        let score = scores.get(&m.service).copied().unwrap_or(MIN_SCORE) * m.score / first;
        let slot = out.entry((frame.service(m.service).to_owned(), name)).or_insert(score);
        *slot = slot.max(score);
    }
    out
}

#[cfg(test)]
mod tests {
    use automap_core::frame::{RawSeries, assemble};
    use automap_core::observation::Observation;
    use automap_core::time::{Timestamp, WindowHint};
    use automap_core::topology::CallGraph;

    use super::*;

    /// The ranking behind "no incident" is not shown to the user, so it is not an answer.
    #[test]
    fn what_is_not_shown_is_no_answer() {
        let times: Vec<_> = (0..60).map(|i| Timestamp::from_ms(i * 1000)).collect();
        let series = |service: &str, metric: &str| RawSeries {
            service: service.into(),
            metric: metric.into(),
            peer: None,
            points: times.iter().enumerate().map(|(i, t)| (*t, 100.0 + ((i * 7) % 11) as f64)).collect(),
        };
        let raw =
            [("a", "latency_ms"), ("a", "error_ratio"), ("b", "latency_ms"), ("b", "error_ratio"), ("b", "cpu_cores")];
        let observation = Observation::new(
            assemble(raw.map(|(service, metric)| series(service, metric)).to_vec(), times.clone()).unwrap().0,
            [("a", "b")].into_iter().collect(),
            "",
        );
        let ask = |hint| {
            let observation = Observation { hint, ..observation.clone() };
            answer(rank::Engine::Evidence, &Question { observation: &observation, entry: None, seed: 0 }).unwrap()
        };
        let calm = ask(WindowHint::default());
        assert!(calm.services.is_empty() && calm.verdict.unwrap().contains("no incident"));
        let told = ask(WindowHint { incident_start: Some(times[40]), ..WindowHint::default() });
        assert_eq!((told.services.len(), told.named), (2, Some(Vec::new())), "where the start is given it is shown");
    }

    /// A memory leak also costs CPU. The CPU changed more, but memory comes earlier in the chain of causes.
    #[test]
    fn within_a_service_causes_rank_before_their_consequences() {
        let times: Vec<_> = (0..60).map(|i| Timestamp::from_ms(i * 1000)).collect();
        let series = |service: &str, metric: &str, factor: f64| RawSeries {
            service: service.into(),
            metric: metric.into(),
            peer: None,
            points: times
                .iter()
                .enumerate()
                .map(|(i, t)| (*t, (100.0 + ((i * 7) % 11) as f64) * if i < 40 { 1.0 } else { factor }))
                .collect(),
        };
        let raw = [("a", "cpu", 8.0), ("a", "mem", 6.0), ("b", "cpu", 1.0), ("b", "mem", 1.0), ("c", "cpu", 1.0)];
        let raw = raw.map(|(service, metric, factor)| series(service, metric, factor)).to_vec();
        let observation = Observation {
            hint: WindowHint { incident_start: Some(times[40]), ..WindowHint::default() },
            ..Observation::new(assemble(raw, times.clone()).unwrap().0, CallGraph::new(), "")
        };
        let question = Question { observation: &observation, entry: None, seed: 0 };
        for engine in rank::Engine::ALL {
            let answer = answer(engine, &question).unwrap();
            let pair = |metric: &str| ("a".to_owned(), metric.to_owned());
            assert_eq!(answer.metrics[..2], [pair("mem"), pair("cpu")], "{engine:?}");
            assert_eq!((answer.metrics.len(), answer.services.len()), (5, 3));
            assert!(answer.certainty.unwrap().is_named, "{engine:?}");
            assert_eq!(answer.started, Some(times[40]));
        }
    }
}
