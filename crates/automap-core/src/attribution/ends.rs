//! Decides which end of a call a network fault or a refused connection belongs to.
//!
//! A pod with a faulty network shows it in all of its calls, each of its neighbours in only one. A matched filter over the calls of each end, which
//! is `(Σ rises)² / (√calls · Σ all rises)`, is large where most calls of one service are hit and no others; the fourth power sharpens the choice.
//! Refused calls are three times as likely to be the callee's fault, since a dead pod refuses them.
//!
//! Worked example: only orders → payment takes 300 ms more between its ends. Orders has 5 calls, payment one: the filter gives 300/√5 = 134 for
//! orders and 300 for payment, and 300⁴ / (300⁴ + 134⁴) = 0.96 for payment's end.

use std::collections::BTreeMap;

use super::levels::{EdgeLevel, Levels, Measured};
use super::place::Place;
use crate::frame::ServiceIdx;

/// How sharply the better end is preferred.
const SHARPNESS: i32 = 4;
/// How much likelier a refused call is the callee's fault.
const CALLEE_REFUSES: f64 = 3.0;

/// Likelihood of both ends for every measured call.
pub(super) struct Ends {
    network: BTreeMap<(ServiceIdx, ServiceIdx), f64>,
    refused: BTreeMap<(ServiceIdx, ServiceIdx), f64>,
}

impl Ends {
    pub(super) fn of(measured: &Measured, levels: &Levels) -> Self {
        let refused = |i: usize, e: &EdgeLevel| {
            let reported = levels.node(measured.ends[i].1.0).failing;
            let reported = (reported[1] - reported[0]).max(0.0);
            e.failing[1] - e.failing[0] - if reported.is_finite() { reported } else { 0.0 }
        };
        Self {
            network: at_callee(measured, levels, 1.0, |_, e| {
                (e.latency[1] - e.served[1]) - (e.latency[0] - e.served[0])
            }),
            refused: at_callee(measured, levels, CALLEE_REFUSES, refused),
        }
    }

    /// Probability that the fault is at the callee's end, 0–1; 0 for places that are not calls.
    pub(super) fn at_callee(&self, place: Place) -> f64 {
        let of = |map: &BTreeMap<_, f64>, caller, callee| map.get(&(caller, callee)).copied().unwrap_or(0.5);
        match place {
            Place::Network { caller, callee } => of(&self.network, caller, callee),
            Place::Refused { caller, callee } => of(&self.refused, caller, callee),
            Place::Service(_) | Place::MoreCalls { .. } => 0.0,
        }
    }
}

fn at_callee(
    measured: &Measured,
    levels: &Levels,
    prior: f64,
    rise: impl Fn(usize, &EdgeLevel) -> f64,
) -> BTreeMap<(ServiceIdx, ServiceIdx), f64> {
    let rises: Vec<f64> =
        (0..measured.ends.len()).map(|i| rise(i, levels.edge(i))).map(|r| if r > 0.0 { r } else { 0.0 }).collect();
    let mut by_end: BTreeMap<ServiceIdx, (f64, usize)> = BTreeMap::new();
    for ((caller, callee), rise) in measured.ends.iter().zip(&rises) {
        for end in [caller, callee] {
            let (sum, calls) = by_end.entry(*end).or_default();
            *sum += rise;
            *calls += 1;
        }
    }
    let filter = |end: &ServiceIdx| by_end.get(end).map_or(0.0, |(sum, calls)| sum * sum / (*calls as f64).sqrt());
    let one = |(caller, callee): &(ServiceIdx, ServiceIdx)| {
        let (a, b) = (filter(caller), filter(callee));
        let top = a.max(b);
        if top <= 0.0 {
            return 0.5;
        }
        let (a, b) = ((a / top).powi(SHARPNESS), prior * (b / top).powi(SHARPNESS));
        b / (a + b)
    };
    measured.ends.iter().map(|ends| (*ends, one(ends))).collect()
}
