//! Whether a fault had an effect, judged by the data and the actual start of the fault.
//!
//! The scored answer may have used other windows, and it has no candidates if it says "no incident". So the same data is diagnosed again with the
//! fault's start given, and the users' requests before and after it are compared directly. "No effect" is stated only if the users' requests were
//! observed and neither shows a change. None of this affects a score.

use automap_core::frame::{MetricFrame, Series};
use automap_core::metric::Side;
use automap_core::observation::Observation;
use automap_core::quantity::change;
use automap_core::report::Report;
use automap_core::stats::{finite, mean, sd};
use automap_core::time::{Timestamp, WindowHint};
use automap_core::{DiagnoseOptions, diagnose};

/// Evidence from which a change exceeds noise; 1 is clear.
const MOVED: f64 = 0.5;
/// A level that grew by this factor is shown, if it also exceeds noise.
const GREW: f64 = 1.25;
/// A difference of two means exceeds noise from this many of its standard errors.
const BEYOND_NOISE: f64 = 3.0;
/// Fewest samples of a mean.
const LEAST_SAMPLES: usize = 3;
/// Most numbers that are shown.
const MAX_SHOWN: usize = 3;

/// What is known about a fault's effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// These numbers moved, for users.
    Moved(Vec<String>),
    /// The requests of the users and the services that were hit were observed, and nothing moved beyond noise.
    None,
    /// Unknown: what is missing, for users.
    NotObserved(Vec<String>),
}

/// The data of one fault, evaluated with its start known.
#[derive(Clone, Debug, Default)]
pub struct Felt {
    /// The diagnosis with the start given; `None` where there is none.
    pub report: Option<Report>,
    /// The users' latency and errors that grew.
    pub grew: Vec<String>,
}

impl Felt {
    /// Evaluates the data with the start of the fault known. O(diagnosis).
    pub fn of(observation: &Observation, started: Timestamp) -> Self {
        let hint = WindowHint { incident_start: Some(started), start_tolerance_ms: Some(0), ..WindowHint::default() };
        let told = Observation { hint, ..observation.clone() };
        Self {
            report: diagnose(&told, &DiagnoseOptions::default()).ok(),
            grew: grew(&observation.frame, observation, started),
        }
    }

    /// The effect on these services and their callers, or on the users.
    pub fn effect(&self, services: &[String]) -> Effect {
        let Some(report) = &self.report else {
            return match self.grew.is_empty() {
                true => Effect::NotObserved(vec!["too little data around its start".to_owned()]),
                false => Effect::Moved(self.grew.clone()),
            };
        };
        match effect(report, services) {
            Effect::Moved(mut numbers) => {
                numbers.extend(self.grew.iter().cloned());
                Effect::Moved(shown(numbers))
            }
            _ if !self.grew.is_empty() => Effect::Moved(self.grew.clone()),
            other => other,
        }
    }
}

/// The effect according to one report.
pub(super) fn effect(report: &Report, services: &[String]) -> Effect {
    let at_users = report.impacts.iter().map(|impact| impact.summary.clone());
    let symptoms = report.symptoms.iter().map(|s| format!("{}: {}", s.service, s.evidence.summary));
    let numbers: Vec<String> = at_users.chain(symptoms).chain(at_services(report, services)).collect();
    if !numbers.is_empty() {
        return Effect::Moved(shown(numbers));
    }
    match report.verdict.is_felt {
        Some(false) => Effect::None,
        Some(true) => Effect::Moved(vec!["users feel it".to_owned()]),
        None => {
            let missing = report.not_checked.iter().map(|n| match n.services.is_empty() {
                true => n.signal.clone(),
                false => format!("{} of {}", n.signal, n.services.join(", ")),
            });
            Effect::NotObserved(shown(missing.collect()))
        }
    }
}

/// Metrics beyond noise at the services, or in their callers' view of them.
fn at_services(report: &Report, services: &[String]) -> Vec<String> {
    let of_causes = report.causes.iter().map(|c| (&c.service, &c.evidence));
    let of_victims = report.victims.iter().map(|v| (&v.service, &v.evidence));
    let others = report.also_changed.iter().map(|a| (&a.service, &a.evidence));
    let mut out = Vec::new();
    for (service, evidence) in of_causes.chain(of_victims).chain(others) {
        for e in evidence.iter().filter(|e| e.strength.abs() >= MOVED) {
            let is_there = |name: &String| services.contains(name);
            if is_there(service) || e.peer.as_ref().is_some_and(is_there) || is_there(&e.seen_by) {
                out.push(format!("{}: {}", e.seen_by, e.summary));
            }
        }
    }
    out
}

fn shown(mut numbers: Vec<String>) -> Vec<String> {
    let mut known = std::collections::BTreeSet::new();
    numbers.retain(|n| known.insert(n.clone()));
    numbers.truncate(MAX_SHOWN);
    numbers
}

/// `front-end: mean latency 24 → 86 ms`: means before and since the start. For services where users enter; without calls, for all.
fn grew(frame: &MetricFrame, observation: &Observation, started: Timestamp) -> Vec<String> {
    let entries = frame.entries(&observation.calls);
    let begins = frame.times().partition_point(|t| *t < started);
    let is_of_users = |s: &&Series| {
        let is_own = s.metric.side == Side::Own && s.peer.is_none() && s.metric.family.is_symptom();
        is_own && (entries.is_empty() || entries.contains(&s.service))
    };
    let one = |series: &Series| {
        let (before, since) = series.values.split_at(begins.min(series.values.len()));
        let (from, to) = means_apart(before, since)?;
        let levels = change(Some(from), Some(to), series.metric.unit);
        Some(format!("{}: mean of {} {levels}", frame.service(series.service), series.metric.words()))
    };
    shown(frame.series().iter().filter(is_of_users).filter_map(one).collect())
}

/// The two means, if the second exceeds the first by [`GREW`] and by [`BEYOND_NOISE`].
fn means_apart(before: &[f64], since: &[f64]) -> Option<(f64, f64)> {
    let (before, since) = (finite(before), finite(since));
    if before.len().min(since.len()) < LEAST_SAMPLES {
        return None;
    }
    let (from, to) = (mean(&before), mean(&since));
    let error = sd(&before) * (1.0 / before.len() as f64 + 1.0 / since.len() as f64).sqrt();
    (to >= GREW * from && to - from > BEYOND_NOISE * error).then_some((from, to))
}

#[cfg(test)]
mod tests {
    use automap_core::frame::{RawSeries, assemble};
    use automap_core::topology::CallGraph;

    use super::*;

    const STEP_S: i64 = 5;

    /// front-end calls catalogue; from sample 60 of 90 on, front-end's latency is multiplied by this factor.
    fn shop(factor: f64) -> Observation {
        let times: Vec<Timestamp> =
            (0..90).map(|i| Timestamp::from_ms(1_700_000_000_000 + 1000 * STEP_S * i)).collect();
        let series = |service: &str, metric: &str, level: f64, factor: f64| RawSeries {
            service: service.to_owned(),
            metric: metric.to_owned(),
            peer: None,
            points: times
                .iter()
                .enumerate()
                .map(|(i, at)| {
                    let wave = 1.0 + ((i * 7) % 11) as f64 / 100.0;
                    (*at, level * wave * if i >= 60 { factor } else { 1.0 })
                })
                .collect(),
        };
        let raw = vec![
            series("front-end", "latency_ms", 24.0, factor),
            series("front-end", "error_ratio", 0.0, 1.0),
            series("catalogue", "latency_ms", 4.0, 1.0),
            series("catalogue", "cpu_cores", 0.2, 1.0),
        ];
        let calls: CallGraph = [("front-end", "catalogue")].into_iter().collect();
        Observation::new(assemble(raw, times).unwrap().0, calls, "a shop")
    }

    fn effect_at(observation: &Observation, service: &str) -> Effect {
        let started = observation.frame.times()[60];
        Felt::of(observation, started).effect(&[service.to_owned()])
    }

    #[test]
    fn a_latency_that_tripled_is_an_effect_wherever_the_fault_was() {
        let Effect::Moved(numbers) = effect_at(&shop(3.5), "catalogue") else { panic!("told as no effect") };
        assert!(numbers.iter().any(|n| n.starts_with("front-end") && n.contains('→')), "{numbers:?}");
    }

    #[test]
    fn nothing_that_moved_is_no_effect_and_what_is_not_observed_is_not() {
        assert_eq!(effect_at(&shop(1.0), "catalogue"), Effect::None);
        let mut blind = shop(1.0);
        let calm = blind.frame.series().iter().filter(|s| s.metric.name == "cpu_cores");
        let raw = calm
            .map(|s| RawSeries {
                service: blind.frame.service(s.service).to_owned(),
                metric: s.metric.name.clone(),
                peer: None,
                points: blind.frame.times().iter().copied().zip(s.values.iter().copied()).collect(),
            })
            .collect();
        blind.frame = assemble(raw, blind.frame.times().to_vec()).unwrap().0;
        assert!(matches!(effect_at(&blind, "catalogue"), Effect::NotObserved(_)));
    }

    /// 20, 21, 22 before and 70, 71, 72 since: apart. Two samples are too few, and a rise within noise does not count.
    #[test]
    fn means_are_apart_beyond_noise() {
        assert_eq!(means_apart(&[20.0, 21.0, 22.0], &[70.0, f64::NAN, 71.0, 72.0]), Some((21.0, 71.0)));
        assert_eq!(means_apart(&[20.0, 21.0, 22.0], &[70.0, 71.0]), None);
        assert_eq!(means_apart(&[1.0, 40.0, 3.0, 60.0], &[30.0, 41.0, 39.0]), None);
    }
}
