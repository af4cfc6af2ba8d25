//! Finds the entry services, and how much more users wait or fail there.
//!
//! Users enter at services that no other service calls, and at those that get clearly more requests than their callers make, such as a service
//! behind a gateway of its own. The impact is computed at the baseline's request rate, so that more visitors are not a fault.

use std::collections::BTreeSet;

use super::levels::{Levels, Measured};
use super::place::ImpactKind;
use crate::frame::{MetricFrame, ServiceIdx};
use crate::topology::CallGraph;

/// Share of a called service's requests without a known caller from which users enter there too.
const FROM_OUTSIDE: f64 = 0.3;

/// A service where users enter.
#[derive(Clone, Copy)]
pub(super) struct Entry {
    service: ServiceIdx,
    /// Whether others call it too, so that only a part of its requests comes from users.
    is_called: bool,
}

#[cfg(test)]
impl Entry {
    /// An entry that no service calls.
    pub(super) fn new(service: ServiceIdx) -> Self {
        Self { service, is_called: false }
    }
}

/// What users feel at one entry.
#[derive(Clone, Debug)]
pub struct EntryImpact {
    /// The entry.
    pub service: ServiceIdx,
    /// Mean latency in milliseconds, or share of failed requests, in the baseline. NaN if only its calls are measured.
    pub from: f64,
    /// The same in the incident.
    pub to: f64,
    /// Additional users waiting, or failures per second.
    pub amount: f64,
}

/// All entries, by service. `levels` are those of all samples.
pub(super) fn find(frame: &MetricFrame, calls: &CallGraph, measured: &Measured, levels: &Levels) -> Vec<Entry> {
    let uncalled: BTreeSet<ServiceIdx> = frame.entries(calls).into_iter().collect();
    let from_outside = |s: &ServiceIdx| {
        let rate = levels.node(s.0).rate[0];
        rate > 0.0 && rate - called_rate(measured, levels, *s) > FROM_OUTSIDE * rate
    };
    (0..frame.services().len())
        .map(ServiceIdx)
        .filter(|s| uncalled.contains(s) || (!measured.to[s.0].is_empty() && from_outside(s)))
        .map(|service| Entry { service, is_called: !uncalled.contains(&service) })
        .collect()
}

/// Requests per second that known callers made in the baseline.
fn called_rate(measured: &Measured, levels: &Levels, service: ServiceIdx) -> f64 {
    let rates = measured.to[service.0].iter().map(|&e| levels.edge(e).rate[0]);
    rates.filter(|r| r.is_finite()).sum()
}

/// What the entries feel at these levels; entries without a rise are absent. The largest amount first.
pub(super) fn felt(kind: ImpactKind, entries: &[Entry], measured: &Measured, levels: &Levels) -> Vec<EntryImpact> {
    let of = |entry: &Entry| {
        let node = *levels.node(entry.service.0);
        let called = if entry.is_called { called_rate(measured, levels, entry.service) } else { 0.0 };
        // Keep NaN for requests that were not counted: `max` would turn it into zero.
        let rate = if node.rate[0].is_nan() { f64::NAN } else { (node.rate[0] - called).max(0.0) };
        let (level, per_amount) = match kind {
            ImpactKind::Waiting => (node.latency, 1e-3),
            ImpactKind::Failing => (node.failing, 1.0),
        };
        let own = rate * (level[1] - level[0]) * per_amount;
        // An entry that does not measure itself, such as a gateway of another namespace, is judged by its calls.
        let amount = if own.is_finite() { own } else { by_its_calls(kind, measured, levels, entry.service) };
        EntryImpact { service: entry.service, from: level[0], to: level[1], amount }
    };
    let mut found: Vec<EntryImpact> = entries.iter().map(of).filter(|e| e.amount > 0.0).collect();
    found.sort_by(|a, b| b.amount.total_cmp(&a.amount).then(a.service.cmp(&b.service)));
    found
}

fn by_its_calls(kind: ImpactKind, measured: &Measured, levels: &Levels, service: ServiceIdx) -> f64 {
    let of = |e: &usize| {
        let edge = levels.edge(*e);
        let rise = match kind {
            ImpactKind::Waiting => (edge.latency[1] - edge.latency[0]) * 1e-3,
            ImpactKind::Failing => edge.failing[1] - edge.failing[0],
        };
        edge.rate[0] * rise
    };
    measured.from[service.0].iter().map(of).filter(|a| a.is_finite()).sum()
}
