//! The table of signals: every PromQL expression that is ever sent for a metric stands here.
//!
//! One row is one signal for all services at once. Rows with the same `request` travel together, and an expression that
//! several rows name is sent once. Sums are formed by the server after `rate`, so that pods may come and go; shares and
//! means are formed here, after labels have become services, so that two views of one call add up correctly.
//!
//! To add a signal, add a row; if its name is new, teach it to `automap_core::metric`.

mod istio;
mod kubernetes;

/// One exporter: how its presence is found, and what it tells.
#[derive(Debug)]
pub(crate) struct Exporter {
    /// The preset it belongs to.
    pub(crate) preset: &'static str,
    /// What people call it.
    pub(crate) title: &'static str,
    /// Its series in the namespace, as a selector.
    pub(crate) selector: &'static str,
    /// Its series anywhere.
    pub(crate) anywhere: &'static str,
    /// The label that holds the namespace.
    pub(crate) namespace_label: &'static str,
    /// A label without which its signals mean nothing, and what it should say.
    pub(crate) needs: Option<(&'static str, &'static str)>,
    /// What is not seen when it is absent.
    pub(crate) covers: &'static str,
    /// Its signals.
    pub(crate) signals: &'static [Signal],
}

/// One signal.
#[derive(Debug)]
pub(crate) struct Signal {
    /// The metric's name in `automap_core::metric`.
    pub(crate) name: &'static str,
    /// Signals with the same word share a request.
    pub(crate) request: &'static str,
    /// Whose value it is.
    pub(crate) key: Key,
    /// How the value is made.
    pub(crate) formula: Formula,
    /// What it means when there is no such series.
    pub(crate) absence: Absence,
}

/// Which labels say whose value it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Key {
    /// `destination_workload`.
    Workload,
    /// A call as its source reports it: `source_workload` → `destination_*`.
    Call,
    /// A call as its destination reports it.
    ServedCall,
    /// `pod`, whose workload owns the value.
    Pod,
}

/// How a value is made of sums. Every expression returns one series per key.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Formula {
    /// The sum itself.
    Sum(&'static str),
    /// `total / count`, a gap where nothing was counted.
    Mean { total: &'static str, count: &'static str },
    /// `part / whole`: 0 where there is a whole and no part, a gap where there is no whole.
    Share { part: &'static str, whole: &'static str },
    /// `events`, 0 where there is only what they could have happened to.
    Events { events: &'static str, among: &'static str },
}

impl Formula {
    /// The expressions behind it.
    pub(crate) fn parts(&self) -> (&'static str, Option<&'static str>) {
        match *self {
            Self::Sum(sum) => (sum, None),
            Self::Mean { total, count } => (total, Some(count)),
            Self::Share { part, whole } => (part, Some(whole)),
            Self::Events { events, among } => (events, Some(among)),
        }
    }

    /// One expression that shows the signal in any Prometheus UI.
    pub(crate) fn shown(&self, fill: impl Fn(&str) -> String) -> String {
        match *self {
            Self::Sum(sum) => fill(sum),
            Self::Mean { total, count } => format!("{} / {}", fill(total), fill(count)),
            Self::Share { part, whole } => {
                let whole = fill(whole);
                format!("({} or 0 * {whole}) / {whole}", fill(part))
            }
            Self::Events { events, among } => format!("{} or 0 * {}", fill(events), fill(among)),
        }
    }
}

/// What it means when a signal has no series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Absence {
    /// Something could not be seen, and this is the likely reason.
    NotSeen(&'static str),
    /// Nothing of the kind exists here.
    Fine,
}

/// All exporters, the most telling first.
pub(crate) const EXPORTERS: [&Exporter; 3] = [&istio::SIDE_CARS, &kubernetes::CADVISOR, &kubernetes::STATE_METRICS];

/// Pods and replica sets with their owners, over the whole window, since pods die. Part 0: pods, part 1: replica sets.
pub(crate) const OWNERS: [&str; 2] = [
    "max by (pod, owner_kind, owner_name) (last_over_time(kube_pod_owner{namespace=$NS}[$SPAN]))",
    "max by (replicaset, owner_kind, owner_name) (last_over_time(kube_replicaset_owner{namespace=$NS}[$SPAN]))",
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use automap_core::metric::{Family, Metric};

    use super::*;
    use crate::prometheus::promql::{Values, fill};

    #[test]
    fn every_row_is_known_to_the_core_and_fills_without_a_rest() {
        let values = Values { namespace: "shop".into(), rate_ms: 60_000, span_ms: 60_000 };
        let mut names = BTreeSet::new();
        for signal in EXPORTERS.iter().flat_map(|e| e.signals) {
            assert!(names.insert(signal.name), "{} stands twice in the table", signal.name);
            assert!(!matches!(Metric::parse(signal.name).family, Family::Other(_)) || signal.name.starts_with("tcp_"));
            let shown = signal.formula.shown(|e| fill(e, &values));
            assert!(!shown.contains('$') && shown.contains(r#"="shop""#), "{shown}");
            assert_eq!(shown.matches('(').count(), shown.matches(')').count(), "{shown}");
        }
    }
}
