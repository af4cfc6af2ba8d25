//! Lists what a diagnosis would need and could not observe: what cannot be seen is never called calm.
//!
//! "No incident" is a statement about requests, so it needs the latency and the errors of the services where users enter. Services that are called
//! and report nothing are listed too, since a cause may hide there. What was not asked at all, and why, is known to the sources.

use std::collections::BTreeSet;

use crate::anomaly::Anomalies;
use crate::frame::{MetricFrame, ServiceIdx};
use crate::metric::{Family, Side};
use crate::note::NotChecked;
use crate::topology::{CallGraph, Protocol};

/// What was not observed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unseen {
    /// Latency or errors that cannot be judged where users enter, with the entries that lack it; no services: nowhere at all.
    pub symptoms: Vec<(Family, Vec<ServiceIdx>)>,
    /// Services that are called and of which nothing can be judged, neither by themselves nor by their callers.
    pub silent: Vec<ServiceIdx>,
}

impl Unseen {
    /// Finds it. Entries are those that make requests: what only reads a queue has no users. Without calls, or where every caller is also called, a symptom counts as seen if any service reports it. O(series + calls).
    pub fn of(frame: &MetricFrame, anomalies: &Anomalies, calls: &CallGraph) -> Self {
        let asks = |service: &str| calls.edges().any(|(from, _, p)| from == service && p == Protocol::Request);
        let entries: BTreeSet<ServiceIdx> =
            frame.entries(calls).into_iter().filter(|s| asks(frame.service(*s))).collect();
        let lacking = |family: Family| {
            let symptoms = anomalies.series.iter().filter(|s| s.metric.family == family);
            let judged: BTreeSet<ServiceIdx> =
                symptoms.filter(|s| matches!(s.metric.side, Side::Own | Side::Client)).map(|s| s.service).collect();
            if entries.is_empty() {
                return judged.is_empty().then_some((family, Vec::new()));
            }
            let lacking: Vec<ServiceIdx> = entries.difference(&judged).copied().collect();
            (!lacking.is_empty()).then_some((family, lacking))
        };
        let known: BTreeSet<ServiceIdx> =
            anomalies.series.iter().flat_map(|s| [Some(s.service), s.peer]).flatten().collect();
        let called = calls.edges().filter_map(|(_, to, _)| frame.find(to));
        let silent: BTreeSet<ServiceIdx> = called.filter(|s| !known.contains(s)).collect();
        Self {
            symptoms: [Family::Latency, Family::Error].into_iter().filter_map(lacking).collect(),
            silent: silent.into_iter().collect(),
        }
    }

    /// The same for a report.
    pub fn not_checked(&self, frame: &MetricFrame) -> Vec<NotChecked> {
        let names = |services: &[ServiceIdx]| services.iter().map(|s| frame.service(*s).to_owned()).collect::<Vec<_>>();
        let symptom = |(family, services): &(Family, Vec<ServiceIdx>)| NotChecked {
            signal: family.as_str().to_owned(),
            services: names(services),
            reason: match services.is_empty() {
                true => format!("no service reports the {} of its requests", words(family)),
                false => format!("users enter here, and no series shows the {} of their requests", words(family)),
            },
        };
        let mut out: Vec<NotChecked> = self.symptoms.iter().map(symptom).collect();
        if !self.silent.is_empty() {
            out.push(NotChecked {
                signal: "everything".to_owned(),
                services: names(&self.silent),
                reason: "called by others, and neither they nor it report anything about it".to_owned(),
            });
        }
        out
    }
}

/// As in "the errors of its requests".
pub(crate) fn words(family: &Family) -> &str {
    match family {
        Family::Error => "errors",
        other => other.as_str(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::anomaly::{AnomalyOptions, Rows, detect};
    use crate::frame::{RawSeries, assemble};
    use crate::time::Timestamp;

    fn unseen(series: &[(&str, &str, Option<&str>)], calls: &[(&str, &str)]) -> (MetricFrame, Unseen) {
        let times: Vec<Timestamp> = (0..20).map(|i| Timestamp::from_ms(i * 1000)).collect();
        let raw = series.iter().map(|(service, metric, peer)| RawSeries {
            service: (*service).to_owned(),
            metric: (*metric).to_owned(),
            peer: peer.map(str::to_owned),
            points: times.iter().enumerate().map(|(i, t)| (*t, (i % 3) as f64)).collect(),
        });
        let (frame, _) = assemble(raw.collect(), times.clone()).unwrap();
        let anomalies = detect(&frame, &Rows::split(&frame, 12), &AnomalyOptions::default());
        let calls: CallGraph = calls.iter().copied().collect();
        let found = Unseen::of(&frame, &anomalies, &calls);
        (frame, found)
    }

    #[test]
    fn an_entry_needs_latency_and_errors() {
        let calls = [("front-end", "orders")];
        let complete = [("front-end", "latency_ms", None), ("front-end", "client_error_ratio", Some("orders"))];
        assert_eq!(unseen(&complete, &calls).1, Unseen::default(), "its calls show what its requests get");
        let (frame, partial) = unseen(&[("front-end", "latency_ms", None), ("orders", "error_ratio", None)], &calls);
        assert_eq!(partial.symptoms, [(Family::Error, vec![frame.find("front-end").unwrap()])]);
        assert_eq!(partial.not_checked(&frame)[0].services, ["front-end"]);
        let (_, none) = unseen(&[("front-end", "cpu_cores", None)], &[]);
        assert_eq!(none.symptoms.len(), 2);
        let (_, any) = unseen(&[("a", "latency_ms", None), ("b", "error_ratio", None)], &[]);
        assert!(any.symptoms.is_empty(), "without calls nothing says where users enter");
    }
}
