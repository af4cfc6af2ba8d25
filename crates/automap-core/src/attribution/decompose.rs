//! Divides an impact among places for one selection of samples.
//!
//! The impact arrives at the entries. At every service it is split by where the change arises; a callee's part moves to the callee and is split
//! again, until everything is assigned to a place. Cycles lose nothing: what still circulates after [`MAX_HOPS`] hops stays where it is.
//!
//! Failures are handled separately. A failure that a caller counts and its callee does not, because the connection was refused or lost, belongs to
//! the call; if the callee became slow at the same time, the caller timed out, and the failure counts as the callee's slowness.
//!
//! If the caller's own requests were not counted in both windows, it is assumed to make as many calls per request as before. A call that is made but
//! whose latency or failures were not measured is listed as unmeasured ([`Decomposition::unmeasured`]): its part is included in the caller's own.

use std::collections::BTreeMap;

use super::entries::EntryImpact;
use super::levels::{EdgeLevel, Levels, Measured, Pair, is_known};
use super::place::ImpactKind;
use crate::frame::ServiceIdx;

/// Hops after which the decomposition ends.
const MAX_HOPS: usize = 40;
/// An arriving share below this is not followed.
const NEGLIGIBLE: f64 = 1e-6;
/// A service is slow enough for its callers to give up if its latency rose by this factor …
const SLOW_FACTOR: f64 = 3.0;
/// … and by this many milliseconds.
const SLOW_MS: f64 = 100.0;
/// Rise of the measured calls, relative to their earlier time, from which they account for something.
const RISES: f64 = 0.1;
/// A call with less than this share of the other window's rate counts as not made.
const HARDLY_MADE: f64 = 0.05;
/// Failures, or abandoned calls, per additional call from which more calls are retries.
const RETRIES: f64 = 0.2;

/// What arrives at a service, to be split further.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Layer {
    Waiting(usize),
    Failing(usize),
}

/// Where a part goes.
#[derive(Clone, Copy)]
enum Target {
    Place(usize),
    Further(Layer),
}

/// The decomposition at one set of levels.
pub(super) struct Decomposition<'a> {
    measured: &'a Measured,
    levels: &'a Levels<'a>,
    splits: BTreeMap<Layer, Vec<(Target, f64)>>,
}

impl<'a> Decomposition<'a> {
    pub(super) fn new(measured: &'a Measured, levels: &'a Levels<'a>) -> Self {
        Self { measured, levels, splits: BTreeMap::new() }
    }

    /// The share of every place in [`Measured::place`]'s order; they sum to 1. All zero if nothing is felt.
    pub(super) fn divide(&mut self, kind: ImpactKind, felt: &[EntryImpact]) -> Vec<f64> {
        let mut shares = vec![0.0; self.measured.places()];
        let total: f64 = felt.iter().map(|e| e.amount).sum();
        if total <= 0.0 {
            return shares;
        }
        let layer = |s: usize| match kind {
            ImpactKind::Waiting => Layer::Waiting(s),
            ImpactKind::Failing => Layer::Failing(s),
        };
        let mut arriving: BTreeMap<Layer, f64> = felt.iter().map(|e| (layer(e.service.0), e.amount / total)).collect();
        for _ in 0..MAX_HOPS {
            let mut next: BTreeMap<Layer, f64> = BTreeMap::new();
            for (layer, share) in std::mem::take(&mut arriving) {
                if share < NEGLIGIBLE {
                    shares[layer.service()] += share;
                    continue;
                }
                for (target, part) in self.split(layer) {
                    match *target {
                        Target::Place(place) => shares[place] += share * part,
                        Target::Further(layer) => *next.entry(layer).or_default() += share * part,
                    }
                }
            }
            arriving = next;
            if arriving.is_empty() {
                break;
            }
        }
        arriving.into_iter().for_each(|(layer, share)| shares[layer.service()] += share);
        shares
    }

    /// The parts of what arrives at a service; they sum to 1.
    fn split(&mut self, layer: Layer) -> &[(Target, f64)] {
        if !self.splits.contains_key(&layer) {
            let mut parts = match layer {
                Layer::Waiting(s) => self.split_waiting(s),
                Layer::Failing(s) => self.split_failing(s),
            };
            parts.retain(|(_, part)| *part > 0.0);
            let sum: f64 = parts.iter().map(|(_, part)| part).sum();
            if sum > 0.0 {
                parts.iter_mut().for_each(|(_, part)| *part /= sum);
            } else {
                parts = vec![(Target::Place(layer.service()), 1.0)];
            }
            self.splits.insert(layer, parts);
        }
        self.splits.get(&layer).map_or(&[], Vec::as_slice)
    }

    /// Own time, and for every call its network, its callee and the number of calls.
    fn split_waiting(&self, s: usize) -> Vec<(Target, f64)> {
        let node = self.levels.node(s);
        let (mut parts, mut is_whole) = (Vec::new(), true);
        let (mut before, mut change) = (0.0, 0.0);
        for &e in &self.measured.from[s] {
            let edge = self.levels.edge(e);
            let Some(call) = CallChange::of(edge, self.calls(s, edge)) else {
                is_whole = false;
                continue;
            };
            before += call.before;
            change += call.network + call.callee + call.more;
            let callee = self.measured.ends[e].1.0;
            parts.push((Target::Place(self.measured.network_at(e)), call.network));
            parts.push((Target::Further(Layer::Waiting(callee)), call.callee));
            parts.extend(self.more_calls(e, self.calls(s, edge), call.more));
        }
        let total = node.latency[1] - node.latency[0];
        if total.is_nan() {
            // If one call is not measured and the others take no longer, only their noise would be left.
            let rises = parts.iter().map(|(_, part)| part.max(0.0)).sum::<f64>() >= RISES * before;
            return if is_whole || rises { parts } else { Vec::new() };
        }
        let mut waited = if before > 0.0 { (node.latency[0] / before).min(1.0) } else { 1.0 };
        if change > 0.0 && total > waited * change {
            // Of parallel calls, the slowest counts in full.
            waited = (total / change).min(1.0);
        }
        parts.iter_mut().for_each(|(_, part)| *part *= waited);
        parts.push((Target::Place(s), total - waited * change));
        parts
    }

    /// Failures of its calls that it passes on, and its own.
    fn split_failing(&self, s: usize) -> Vec<(Target, f64)> {
        let node = self.levels.node(s);
        let mut calls: Vec<(usize, f64)> = Vec::new();
        for &e in &self.measured.from[s] {
            let edge = self.levels.edge(e);
            let rise = rise_per_request(self.calls(s, edge), edge.failing);
            if rise > 0.0 {
                calls.push((e, rise));
            }
        }
        let by_calls: f64 = calls.iter().map(|(_, rise)| rise).sum();
        let total = node.failing[1] - node.failing[0];
        let passed_on = if total.is_nan() { by_calls } else { total.min(by_calls) };
        let mut parts: Vec<(Target, f64)> = Vec::new();
        for (e, rise) in calls {
            parts.extend(self.failing_call(e, passed_on * rise / by_calls));
        }
        let own = total - passed_on;
        // A service that has become very slow fails because it is slow.
        let target = if self.is_slow(s) { Target::Further(Layer::Waiting(s)) } else { Target::Place(s) };
        parts.push((target, if own.is_nan() { 0.0 } else { own }));
        parts
    }

    /// Failures that the callee reports itself go to the callee; the rest was refused, or the callee was too slow.
    fn failing_call(&self, e: usize, part: f64) -> [(Target, f64); 2] {
        let callee = self.measured.ends[e].1.0;
        let (node, edge) = (self.levels.node(callee), self.levels.edge(e));
        let reported = (node.failing[1] - node.failing[0]) / (edge.failing[1] - edge.failing[0]);
        let reported = if reported.is_finite() { reported.clamp(0.0, 1.0) } else { 0.0 };
        let rest = match self.is_slow(callee) {
            true => Target::Further(Layer::Waiting(callee)),
            false => Target::Place(self.measured.refused_at(e)),
        };
        [(Target::Further(Layer::Failing(callee)), part * reported), (rest, part * (1.0 - reported))]
    }

    /// Additional calls that fail are retries and belong to what fails, and so do calls repeated after a timeout; others are attributed to the
    /// caller.
    fn more_calls(&self, e: usize, calls: Pair, part: f64) -> Vec<(Target, f64)> {
        let more = calls[1] - calls[0];
        if rise_per_request(calls, self.levels.edge(e).failing) > RETRIES * more {
            return self.failing_call(e, part).to_vec();
        }
        let callee = self.measured.ends[e].1.0;
        if rise_per_request(calls, self.levels.node(callee).hung_up) > RETRIES * more {
            return vec![(Target::Further(Layer::Waiting(callee)), part)];
        }
        vec![(Target::Place(self.measured.more_calls_at(e)), part)]
    }

    /// Calls per request of the caller, in both windows. A call that was timed but not counted was made, as often as in the other window. NaN if that
    /// is unknown, too.
    fn calls(&self, s: usize, edge: &EdgeLevel) -> Pair {
        let rate = self.levels.node(s).rate;
        let n = match rate.map(f64::is_finite) {
            [true, true] => [edge.rate[0] / rate[0], edge.rate[1] / rate[1]],
            [true, false] => [edge.rate[0] / rate[0]; 2],
            [false, true] => [edge.rate[1] / rate[1]; 2],
            [false, false] => [edge.rate[0] / self.requests(s); 2],
        };
        let or_other = |w: usize| if n[w].is_nan() && edge.latency[w].is_finite() { n[1 - w] } else { n[w] };
        [or_other(0), or_other(1)]
    }

    /// Requests per second in the baseline if they were not counted: each request is assumed to make the most frequent call once.
    fn requests(&self, s: usize) -> f64 {
        let calls = self.measured.from[s].iter().map(|&e| self.levels.edge(e).rate[0]);
        let most = calls.filter(|rate| rate.is_finite()).fold(0.0, f64::max);
        if most > 0.0 { most } else { 1.0 }
    }

    /// Calls that were made but whose latency or failures were not measured: caller and callee.
    pub(super) fn unmeasured(&self, kind: ImpactKind) -> Vec<(ServiceIdx, ServiceIdx)> {
        let is_open = |e: &usize| {
            let edge = self.levels.edge(*e);
            let calls = self.calls(self.measured.ends[*e].0.0, edge);
            match kind {
                ImpactKind::Waiting => CallChange::of(edge, calls).is_none(),
                ImpactKind::Failing => !is_known(calls) || (calls[1] > 0.0 && !is_known(edge.failing)),
            }
        };
        let is_open = |e: &usize| self.levels.edge(*e).is_made() && is_open(e);
        (0..self.measured.ends.len()).filter(is_open).map(|e| self.measured.ends[e]).collect()
    }

    fn is_slow(&self, s: usize) -> bool {
        let [from, to] = self.levels.node(s).latency;
        to >= SLOW_FACTOR * from && to - from >= SLOW_MS
    }
}

impl Layer {
    fn service(self) -> usize {
        match self {
            Self::Waiting(s) | Self::Failing(s) => s,
        }
    }
}

/// What one call adds to a request of its caller, in milliseconds.
struct CallChange {
    /// Calls per request times latency in the baseline.
    before: f64,
    network: f64,
    callee: f64,
    more: f64,
}

impl CallChange {
    /// `None` if the rate or the latency is unknown. `n`: calls per request of the caller.
    fn of(edge: &EdgeLevel, n: Pair) -> Option<Self> {
        if n == [0.0; 2] {
            return Some(Self { before: 0.0, network: 0.0, callee: 0.0, more: 0.0 });
        }
        // A call that is hardly made takes no relevant time.
        let hardly_made = |w: usize| n[w] <= HARDLY_MADE * n[1 - w];
        let or_other = |w: usize| match edge.latency[w].is_nan() && hardly_made(w) {
            true => edge.latency[1 - w],
            false => edge.latency[w],
        };
        let latency = [or_other(0), or_other(1)];
        if !is_known(n) || !is_known(latency) {
            return None;
        }
        let slower = f64::midpoint(n[0], n[1]) * (latency[1] - latency[0]);
        let gap = (latency[1] - edge.served[1]) - (latency[0] - edge.served[0]);
        // Noise can make one end change more than the whole call, so each part is clamped between nothing and all of it.
        let network = if gap.is_finite() {
            (f64::midpoint(n[0], n[1]) * gap).clamp(slower.min(0.0), slower.max(0.0))
        } else {
            0.0
        };
        Some(Self {
            before: n[0] * latency[0],
            network,
            callee: slower - network,
            more: f64::midpoint(latency[0], latency[1]) * (n[1] - n[0]),
        })
    }
}

/// The rise of a share of the calls, per request of the caller; 0 if unknown.
fn rise_per_request(calls: Pair, share: Pair) -> f64 {
    let rise = calls[1] * share[1] - calls[0] * share[0];
    if rise.is_finite() { rise } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::super::entries::{Entry, felt};
    use super::super::place::Place;
    use super::*;
    use crate::anomaly::Rows;
    use crate::frame::{RawSeries, assemble};
    use crate::time::Timestamp;

    /// What a metric was and is.
    type Change = (&'static str, &'static str, Option<&'static str>, f64, f64);

    /// The shares of an impact at front-end, by name, in percent and largest first.
    fn shares(kind: ImpactKind, changes: &[Change]) -> Vec<(String, i64)> {
        let times: Vec<Timestamp> = (0..8).map(|i| Timestamp::from_ms(i * 1000)).collect();
        let series = changes.iter().map(|(service, metric, peer, from, to)| RawSeries {
            service: (*service).to_owned(),
            metric: (*metric).to_owned(),
            peer: peer.map(str::to_owned),
            points: times.iter().enumerate().map(|(i, t)| (*t, if i < 4 { *from } else { *to })).collect(),
        });
        let (frame, _) = assemble(series.collect(), times.clone()).unwrap();
        let measured = Measured::of(&frame, &Rows::split(&frame, 4)).unwrap();
        let levels = measured.levels(measured.whole());
        let entry = Entry::new(frame.find("front-end").unwrap());
        let divided = Decomposition::new(&measured, &levels).divide(kind, &felt(kind, &[entry], &measured, &levels));
        assert!((divided.iter().sum::<f64>() - 1.0).abs() < 1e-9, "shares sum to one");
        let name = |place: Place| match place {
            Place::Service(s) => frame.service(s).to_owned(),
            Place::Network { caller, callee } => format!("{}~{}", frame.service(caller), frame.service(callee)),
            Place::MoreCalls { caller, callee } => format!("{}+{}", frame.service(caller), frame.service(callee)),
            Place::Refused { caller, callee } => format!("{}x{}", frame.service(caller), frame.service(callee)),
        };
        let mut out: Vec<(String, i64)> = divided
            .iter()
            .enumerate()
            .map(|(i, share)| (name(measured.place(i)), (share * 100.0).round() as i64))
            .filter(|(_, percent)| *percent > 0)
            .collect();
        out.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        out
    }

    fn named(expected: &[(&str, i64)]) -> Vec<(String, i64)> {
        expected.iter().map(|(name, percent)| ((*name).to_owned(), *percent)).collect()
    }

    /// A request a second at every service, all calls once per request.
    fn chain() -> Vec<Change> {
        vec![
            ("front-end", "throughput_rps", None, 1.0, 1.0),
            ("orders", "throughput_rps", None, 1.0, 1.0),
            ("payment", "throughput_rps", None, 1.0, 1.0),
            ("front-end", "client_rps", Some("orders"), 1.0, 1.0),
            ("orders", "client_rps", Some("payment"), 1.0, 1.0),
        ]
    }

    /// The example of the module `attribution`: of 60 ms at front-end 2 are its own, 58 are passed on by orders; of orders' 58, 50 are the network to
    /// payment and 8 its own.
    #[test]
    fn worked_by_hand() {
        let mut changes = chain();
        changes.extend([
            ("front-end", "latency_ms", None, 20.0, 80.0),
            ("front-end", "client_latency_ms", Some("orders"), 10.0, 68.0),
            ("front-end", "served_latency_ms", Some("orders"), 9.0, 67.0),
            ("orders", "latency_ms", None, 9.0, 67.0),
            ("orders", "client_latency_ms", Some("payment"), 4.0, 54.0),
            ("orders", "served_latency_ms", Some("payment"), 3.0, 3.0),
            ("payment", "latency_ms", None, 3.0, 3.0),
        ]);
        assert_eq!(
            shares(ImpactKind::Waiting, &changes),
            named(&[("orders~payment", 83), ("orders", 13), ("front-end", 3)])
        );
    }

    /// Front-end waits 12 ms for orders and payment at once, 10 and 8 ms of calls. Orders takes 40 ms more and so does front-end: all of it is orders'.
    #[test]
    fn of_parallel_calls_the_slowest_is_waited_for_in_full() {
        let changes = [
            ("front-end", "throughput_rps", None, 1.0, 1.0),
            ("front-end", "latency_ms", None, 12.0, 52.0),
            ("front-end", "client_rps", Some("orders"), 1.0, 1.0),
            ("front-end", "client_rps", Some("payment"), 1.0, 1.0),
            ("front-end", "client_latency_ms", Some("orders"), 10.0, 50.0),
            ("front-end", "client_latency_ms", Some("payment"), 8.0, 8.0),
        ];
        assert_eq!(shares(ImpactKind::Waiting, &changes), named(&[("orders", 100)]));
    }

    /// Nobody waits for the queue: its 400 ms more are in no request of front-end, whose own 10 ms are.
    #[test]
    fn a_call_that_is_not_waited_for_hardly_counts() {
        let changes = [
            ("front-end", "throughput_rps", None, 1.0, 1.0),
            ("front-end", "latency_ms", None, 10.0, 20.0),
            ("front-end", "client_rps", Some("catalogue"), 1.0, 1.0),
            ("front-end", "client_latency_ms", Some("catalogue"), 5.0, 15.0),
            ("front-end", "client_rps", Some("queue"), 1.0, 1.0),
            ("front-end", "client_latency_ms", Some("queue"), 200.0, 200.0),
        ];
        assert_eq!(shares(ImpactKind::Waiting, &changes), named(&[("catalogue", 100)]));
    }

    /// Twice as many calls of 10 ms: more calls, and no slower ones.
    #[test]
    fn more_calls_are_the_callers_doing_unless_they_are_retries() {
        let calls = |failing: f64| {
            vec![
                ("front-end", "throughput_rps", None, 1.0, 1.0),
                ("front-end", "latency_ms", None, 15.0, 25.0),
                ("front-end", "client_rps", Some("orders"), 1.0, 2.0),
                ("front-end", "client_latency_ms", Some("orders"), 10.0, 10.0),
                ("front-end", "client_error_ratio", Some("orders"), 0.0, failing),
                ("orders", "error_ratio", None, 0.0, failing),
            ]
        };
        assert_eq!(shares(ImpactKind::Waiting, &calls(0.0)), named(&[("front-end+orders", 100)]));
        assert_eq!(shares(ImpactKind::Waiting, &calls(0.5)), named(&[("orders", 100)]));
        let mut impatient = calls(0.0);
        impatient.push(("orders", "hung_up_ratio", None, 0.0, 0.5));
        assert_eq!(shares(ImpactKind::Waiting, &impatient), named(&[("orders", 100)]));
    }

    /// Half of front-end's requests fail: its calls to orders do, which orders reports for 20 of 50 %; orders passes on what it gets from payment.
    #[test]
    fn failures_are_followed_to_where_they_are_made_and_the_rest_was_refused() {
        let mut changes = chain();
        changes.extend([
            ("front-end", "latency_ms", None, 20.0, 20.0),
            ("front-end", "error_ratio", None, 0.0, 0.5),
            ("front-end", "client_latency_ms", Some("orders"), 10.0, 10.0),
            ("front-end", "client_error_ratio", Some("orders"), 0.0, 0.5),
            ("orders", "error_ratio", None, 0.0, 0.2),
            ("orders", "latency_ms", None, 9.0, 9.0),
            ("orders", "client_latency_ms", Some("payment"), 4.0, 4.0),
            ("orders", "client_error_ratio", Some("payment"), 0.0, 0.2),
            ("payment", "error_ratio", None, 0.0, 0.2),
        ]);
        assert_eq!(shares(ImpactKind::Failing, &changes), named(&[("front-endxorders", 60), ("payment", 40)]));
    }

    /// Orders answers after 2 s in place of 10 ms and front-end gives up: the failures are orders' slowness.
    #[test]
    fn a_caller_that_gives_up_waiting_fails_because_of_the_slowness() {
        let mut changes = chain();
        changes.extend([
            ("front-end", "error_ratio", None, 0.0, 0.5),
            ("front-end", "client_latency_ms", Some("orders"), 10.0, 1000.0),
            ("front-end", "client_error_ratio", Some("orders"), 0.0, 0.5),
            ("orders", "error_ratio", None, 0.0, 0.0),
            ("orders", "latency_ms", None, 9.0, 2000.0),
            ("orders", "client_latency_ms", Some("payment"), 4.0, 1994.0),
            ("payment", "latency_ms", None, 3.0, 1993.0),
        ]);
        assert_eq!(shares(ImpactKind::Failing, &changes), named(&[("payment", 100)]));
    }

    /// Orders and payment call each other: what circulates stays, and nothing is lost.
    #[test]
    fn a_cycle_loses_nothing() {
        let mut changes = chain();
        changes.extend([
            ("front-end", "latency_ms", None, 20.0, 80.0),
            ("front-end", "client_latency_ms", Some("orders"), 10.0, 70.0),
            ("orders", "latency_ms", None, 10.0, 70.0),
            ("orders", "client_latency_ms", Some("payment"), 8.0, 68.0),
            ("payment", "latency_ms", None, 8.0, 68.0),
            ("payment", "client_rps", Some("orders"), 0.1, 0.1),
            ("payment", "client_latency_ms", Some("orders"), 10.0, 70.0),
        ]);
        assert_eq!(shares(ImpactKind::Waiting, &changes)[0].0, "payment");
    }
}
