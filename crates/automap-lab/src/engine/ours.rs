//! Our engines' answers, and their order of (service, metric) pairs.
//!
//! An engine ranks services. Within a service its metrics are ordered by evidence times how early that kind of evidence stands in
//! the chain of causes (`verdict::causal_weight`), the order in which reports name the mechanism; a metric's score is the service's score times
//! its part of the service's strongest. So the best metric of the first service comes first, and the second service's before the weak
//! ones of the first. What others measure of a service (its network, its callers' view) counts as a metric of the service.

use std::collections::BTreeMap;

use automap_core::metric::{Family, Side};
use automap_core::rank::{self, PartSource, RankedService};
use automap_core::verdict::{Decision, VerdictOptions, causal_weight, confidence, decide};
use automap_core::{Analysis, DiagnoseOptions, analyse};

use super::{Answer, Certainty, Question, began, indicators, ranked};

/// Metrics without evidence keep an order of their own behind those with.
const TRACE: f64 = 1e-6;

pub(super) fn answer(engine: rank::Engine, question: &Question) -> Result<Answer, String> {
    let options = DiagnoseOptions { engine, ..DiagnoseOptions::default() };
    let analysis = analyse(question.observation, &options).map_err(|e| e.to_string())?;
    let ranking = &analysis.ranking;
    let verdict = VerdictOptions::default();
    let sure = ranking.services.first().map_or(0.0, |top| confidence(engine, top, &verdict));
    let is_named = decide(ranking, &analysis.anomalies, &verdict) == Decision::Cause;
    Ok(Answer {
        services: ranking.services.iter().map(|s| analysis.frame.service(s.service).to_owned()).collect(),
        metrics: indicators(ranked(metrics(&analysis).into_iter().collect())),
        certainty: Some(Certainty { confidence: sure, is_named }),
        started: began(&analysis.windows),
    })
}

fn metrics(analysis: &Analysis) -> BTreeMap<(String, String), f64> {
    let mut out = BTreeMap::new();
    for ranked in &analysis.ranking.services {
        let of_service = of_service(analysis, ranked);
        let strongest = of_service.values().copied().fold(TRACE, f64::max);
        let service = analysis.frame.service(ranked.service);
        for (metric, strength) in of_service {
            out.insert((service.to_owned(), metric), ranked.score.max(TRACE) * strength / strongest);
        }
    }
    out
}

fn of_service(analysis: &Analysis, ranked: &RankedService) -> BTreeMap<String, f64> {
    let mut out = BTreeMap::new();
    let mut raise = |metric: &str, strength: f64| {
        let slot = out.entry(metric.to_owned()).or_insert(f64::NEG_INFINITY);
        *slot = strength.max(*slot);
    };
    for s in analysis.anomalies.series.iter().filter(|s| s.service == ranked.service) {
        // What it sees of others is evidence about them; it stays among its metrics, behind its own.
        let weight =
            if s.metric.side == Side::Own { causal_weight(&PartSource::Own(s.metric.family.clone())) } else { 0.0 };
        raise(&s.metric.name, weight * s.evidence.max(0.0) + TRACE * s.evidence);
    }
    for part in &ranked.parts {
        let strength = causal_weight(&part.source) * part.evidence.max(0.0);
        match &part.source {
            PartSource::Own(_) => {}
            PartSource::SeenByCallers(family) => raise(family.as_str(), strength),
            PartSource::NetworkGap => raise(Family::NetworkGap.as_str(), strength),
            PartSource::Missing => raise("missing samples", strength),
        }
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
