//! Our engines' answers, and their order of (service, metric) pairs.
//!
//! Within a service the core orders the metrics (`rank::rank_metrics`); across services a metric's score is its service's score times its part of
//! the service's strongest.

use std::collections::BTreeMap;

use automap_core::frame::ServiceIdx;
use automap_core::rank::{self, rank_metrics};
use automap_core::verdict::{Decision, VerdictOptions, confidence, decide};
use automap_core::{Analysis, DiagnoseOptions, analyse};

use super::{Answer, Certainty, Question, began, indicators, ranked};

/// Metrics without evidence keep an order of their own behind those with.
const TRACE: f64 = 1e-6;

pub(super) fn answer(engine: rank::Engine, question: &Question) -> Result<Answer, String> {
    let options = DiagnoseOptions { engine, ..DiagnoseOptions::default() };
    let analysis = analyse(question.observation, &options).map_err(|e| e.to_string())?;
    let ranking = &analysis.ranking;
    let verdict = VerdictOptions::default();
    let sure = ranking.services.first().map_or(0.0, |top| confidence(&analysis, top, &verdict));
    let is_named = decide(&analysis, &verdict) == Decision::Cause;
    Ok(Answer {
        services: ranking.services.iter().map(|s| analysis.frame.service(s.service).to_owned()).collect(),
        metrics: indicators(ranked(metrics(&analysis).into_iter().collect())),
        certainty: Some(Certainty { confidence: sure, is_named }),
        started: began(&analysis.windows),
    })
}

/// The best metric of the first service comes first, and the second service's before the weak ones of the first.
fn metrics(analysis: &Analysis) -> BTreeMap<(String, String), f64> {
    let Analysis { ranking, anomalies, frame, .. } = analysis;
    let scores: BTreeMap<ServiceIdx, f64> = ranking.services.iter().map(|s| (s.service, s.score.max(TRACE))).collect();
    let mut strongest: BTreeMap<ServiceIdx, f64> = BTreeMap::new();
    let mut out = BTreeMap::new();
    for m in rank_metrics(ranking, anomalies) {
        // A service's metrics come from the most to the least telling.
        let first = *strongest.entry(m.service).or_insert(m.score.max(TRACE));
        let name = anomalies.series[m.evidence].metric.name.clone();
        let score = scores.get(&m.service).copied().unwrap_or(TRACE) * m.score / first;
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

    /// A hog of memory also takes CPU; the CPU moved more, the memory stands earlier in the chain of causes.
    #[test]
    fn within_a_service_causes_come_before_consequences() {
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
