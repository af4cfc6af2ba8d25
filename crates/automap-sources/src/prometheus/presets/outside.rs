//! Presets of what stands outside of the namespace: gateways through which requests enter, the DNS, and hosts that our services call.
//!
//! Their series carry the names and the namespace of somebody else. The labels that say who it is are renamed on the server to `outside` and
//! `outside_namespace`, which several namespaces do not touch, and those of the services behind or in front of it to Istio's, as in all presets. All signals of a
//! preset travel in one request. What name comes of the labels is decided in `prometheus/names.rs`.

use automap_core::entity::EntityKind;

use super::expand::formula;
use super::file::{OutsideKind, OutsideOf, Preset, is_of_calls};
use super::labels::{Labels, text};
use super::{Absence, Key, Signal};
use crate::prometheus::decode::Labels as SeriesLabels;
use crate::prometheus::scope::Scope;

/// Signals that are not of the gateway or the caller, but of whom it calls.
const OF_THE_CALLED: [&str; 2] = ["backends_down", "blocked_ratio"];

/// What a preset tells of.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Outside {
    /// A gateway, the DNS, or hosts that are called.
    pub(crate) kind: EntityKind,
    /// What people call the system.
    pub(crate) title: &'static str,
    /// Its namespace and name where no label tells them, as `namespace/name`.
    pub(crate) otherwise: Option<&'static str>,
    /// Whether only callees that something else is known by count.
    pub(crate) known_only: bool,
    /// How it tells when it read its configuration anew; `None` where it does not.
    pub(crate) reloads: Option<Reloads>,
}

/// When a gateway last read its configuration.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Reloads {
    /// What it reads, for people.
    pub(crate) what: &'static str,
    /// The metric that tells it.
    pub(crate) metric: &'static str,
    /// A template of seconds since 1970 by process; 0 as long as a process runs with what it began with.
    pub(crate) time_s: &'static str,
    /// Whether it does so when pods come and go, too.
    pub(crate) also_for_pods: bool,
}

impl Outside {
    /// The name by the labels `outside` and `outside_namespace`: with its namespace, unless that is the one that is looked at.
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

/// The signals of a preset, each of the thing itself, of its calls, or of whom it calls.
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
