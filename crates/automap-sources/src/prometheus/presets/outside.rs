//! Presets of things outside the namespace: gateways through which requests enter, the DNS, and hosts that our services call.
//!
//! Their series carry foreign names and namespaces. The identifying labels are renamed on the server to `outside` and `outside_namespace`, which the
//! handling of several namespaces leaves alone, and those of the services behind or in front of it to Istio's, as in all presets. All signals of a
//! preset share one request. `prometheus/names.rs` derives the name from the labels.

use automap_core::entity::EntityKind;

use super::expand::formula;
use super::file::{OutsideKind, OutsideOf, Preset, is_of_calls};
use super::labels::{Labels, text};
use super::{Absence, Key, Signal};
use crate::prometheus::decode::Labels as SeriesLabels;
use crate::prometheus::scope::Scope;

/// Signals that belong to the callee, rather than to the gateway or the caller.
const OF_THE_CALLED: [&str; 2] = ["backends_down", "blocked_ratio"];

/// What a preset reports on.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Outside {
    /// A gateway, the DNS, or hosts that are called.
    pub(crate) kind: EntityKind,
    /// The system's title shown to users.
    pub(crate) title: &'static str,
    /// Its namespace and name if no label gives them, as `namespace/name`.
    pub(crate) otherwise: Option<&'static str>,
    /// Whether only callees that are known from another source count.
    pub(crate) known_only: bool,
    /// How it reports that it reloaded its configuration; `None` if it does not.
    pub(crate) reloads: Option<Reloads>,
}

/// When a gateway last read its configuration.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Reloads {
    /// What it reads, for users.
    pub(crate) what: &'static str,
    /// The metric for it.
    pub(crate) metric: &'static str,
    /// A template of seconds since 1970 by process; 0 while a process runs with its initial configuration.
    pub(crate) time_s: &'static str,
    /// Whether it also reloads when pods come and go.
    pub(crate) also_for_pods: bool,
}

impl Outside {
    /// The name from the labels `outside` and `outside_namespace`: with its namespace, unless that is the observed one.
    pub(crate) fn name(&self, labels: &SeriesLabels, scope: &Scope) -> Option<String> {
        let known = |name: &str| labels.get(name).map(String::as_str).filter(|v| !v.is_empty() && *v != "unknown");
        let otherwise = self.otherwise.and_then(|otherwise| otherwise.split_once('/'));
        let name = known("outside").or(otherwise.map(|(_, name)| name))?;
        let namespace = known("outside_namespace").or(otherwise.map(|(namespace, _)| namespace));
        Some(match namespace.filter(|n| scope.is_elsewhere(n)) {
            Some(namespace) => format!("{namespace}/{name}"),
            None => name.to_owned(),
        })
    }
}

pub(super) fn of(outside: &OutsideOf, preset: &Preset) -> &'static Outside {
    Box::leak(Box::new(Outside {
        kind: match outside.kind {
            OutsideKind::Gateway => EntityKind::Gateway,
            OutsideKind::Dns => EntityKind::Dns,
            OutsideKind::External => EntityKind::External,
        },
        title: text(&preset.title),
        otherwise: outside.otherwise.as_deref().map(text),
        known_only: outside.known_only,
        reloads: outside.reloads.as_ref().map(|reloads| Reloads {
            what: text(&reloads.what),
            metric: text(&reloads.metric),
            time_s: Labels::of_outside_processes(outside).aggregate("max", &reloads.time_s),
            also_for_pods: reloads.also_for_pods,
        }),
    }))
}

/// The signals of a preset: of the thing itself, of its calls, or of its callees.
pub(super) fn signals(preset: &Preset, of: &OutsideOf, outside: &'static Outside) -> Vec<Signal> {
    let request = text(&preset.title);
    let signal = |(metric, signal): (&String, _)| {
        let (key, labels) = match metric.as_str() {
            name if OF_THE_CALLED.contains(&name) => (Key::OutsidePeer(outside), Labels::of_outside_calls(of)),
            name if is_of_calls(name) => (Key::OutsideCall(outside), Labels::of_outside_calls(of)),
            _ => (Key::Outside(outside), Labels::of_outside(of)),
        };
        let formula = formula(signal, |aggregation, expression| labels.aggregate(aggregation, expression));
        Signal { name: text(metric), request, key, formula, absence: Absence::Expected }
    };
    preset.signals.iter().map(signal).collect()
}
