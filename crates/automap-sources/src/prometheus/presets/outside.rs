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
