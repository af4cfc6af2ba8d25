//! The built-in engines behind the common interface, and one ranking of metrics across services.
//!
//! The core ranks the metrics within each service (`rank::rank_metrics`) but not across services, which metric-level scores need. Here the
//! score of a metric is the score of its service times the metric's share of the service's best metric.

use std::collections::BTreeMap;

use automap_core::frame::ServiceIdx;
use automap_core::rank::{self, rank_metrics};
use automap_core::verdict::{Decision, Lead, VerdictOptions, decide};
use automap_core::{Analysis, DiagnoseOptions, analyse};

use super::{Answer, Certainty, Question, incident_start, ranked, unique_indicators};

/// Smallest score of a service or metric, so that metrics without evidence keep their order behind those with evidence.
const MIN_SCORE: f64 = 1e-6;

pub(super) fn answer(engine: rank::Engine, question: &Question) -> Result<Answer, String> {
    let options = DiagnoseOptions { engine, ..DiagnoseOptions::default() };
    let analysis = analyse(question.observation, &options).map_err(|e| e.to_string())?;
    let ranking = &analysis.ranking;
    let verdict = VerdictOptions::default();
    let lead = Lead::of(&analysis, &verdict);
    let confidence_of_first = ranking.services.first().map_or(0.0, |top| lead.confidence_of(ranking, top, &verdict));
    let is_named = decide(&analysis, &lead, &verdict) == Decision::Cause;
    Ok(Answer {
        services: ranking.services.iter().map(|s| analysis.frame.service(s.service).to_owned()).collect(),
        metrics: unique_indicators(ranked(metric_scores(&analysis).into_iter().collect())),
        certainty: Some(Certainty { confidence: confidence_of_first, is_named }),
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
        // The metrics of a service come in descending order, so that the first one is its best.
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
            frame: assemble(raw, times.clone()).unwrap().0,
            calls: CallGraph::new(),
            hint: WindowHint { incident_start: Some(times[40]), ..WindowHint::default() },
            notes: Vec::new(),
            not_checked: Vec::new(),
            queries: Vec::new(),
            source: String::new(),
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
