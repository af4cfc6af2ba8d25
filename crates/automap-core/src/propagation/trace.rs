//! Follows the effects of an assumed cause along the calls, breadth first.
//!
//! [`from_cause`] reaches a caller over responses (latency, errors) and a callee over load, never over a call that is measured and calm. The
//! result lists the services that the cause accounts for, with the hops; changed services that are not reached remain unexplained.

use std::collections::{BTreeMap, BTreeSet};

use super::changes::{ChangeSource, ClearChange, ClearChanges, OnsetSpan, ServiceChanges};
use super::{Channel, HopState, PropagationOptions};
use crate::anomaly::Anomalies;
use crate::frame::{MetricFrame, ServiceIdx};
use crate::metric::{Family, Side};
use crate::rank::Ranking;
use crate::topology::CallGraph;

/// What an assumed cause accounts for.
#[derive(Clone, Debug, Default)]
pub struct TracedEffects {
    /// The hops, those nearest to the cause first; each service is the end of at most one.
    pub hops: Vec<Hop>,
    /// The role of every service with a clear change.
    pub roles: BTreeMap<ServiceIdx, Role>,
    /// Chains of positions in `hops`, from the cause to the services that users call or, if none is affected, to the ends.
    pub paths: Vec<Vec<usize>>,
}

/// Role of a changed service, given the assumed cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The assumed cause.
    Cause,
    /// The cause accounts for it.
    Victim,
    /// The cause does not account for it.
    Unexplained,
}

/// One step of the spread.
#[derive(Clone, Debug, PartialEq)]
pub struct Hop {
    /// The service nearer to the cause.
    pub from: ServiceIdx,
    /// The affected service.
    pub to: ServiceIdx,
    /// What travels.
    pub channel: Channel,
    /// The change of `from`: the earlier one of its symptom (or load) and its clearest change.
    pub cause: Option<ClearChange>,
    /// The change of `to` in the same channel.
    pub effect: Option<ClearChange>,
    /// The clearest series of the call itself, measured at the caller: a position in [`Anomalies::series`].
    pub shown_by: Option<usize>,
    /// What the onsets imply.
    pub state: HopState,
    /// Share of `to`'s symptom that the ranking attributed to `from`, 0–1.
    pub share: Option<f64>,
}

impl Hop {
    /// Milliseconds from the onset of the cause to that of the effect, with the smallest and largest lag that the intervals allow. `None` if one
    /// of the onsets is unknown.
    pub fn lag_ms(&self) -> Option<(i64, i64, i64)> {
        let (c, e) = (self.cause?.onset?, self.effect?.onset?);
        Some((e.at.ms() - c.at.ms(), e.earliest.ms() - c.latest.ms(), e.latest.ms() - c.earliest.ms()))
    }
}

/// Follows the effects of `cause` along the calls.
///
/// A caller is reached if its own latency or errors rose, or its measured calls to the callee did, or it is not measured (then it is only passed
/// through), but never over a call that is measured and calm. A callee is reached if its load changed. Of several neighbours, the one whose calls
/// show most is used, then the first by name. O(services · calls).
pub fn from_cause(
    frame: &MetricFrame,
    anomalies: &Anomalies,
    ranking: &Ranking,
    calls: &CallGraph,
    signals: &ClearChanges,
    cause: Option<ServiceIdx>,
    options: &PropagationOptions,
) -> TracedEffects {
    let Some(cause) = cause else { return TracedEffects::default() };
    let tracer = Tracer::new(frame, anomalies, ranking, calls, signals, options);
    let mut reached: BTreeMap<ServiceIdx, usize> = BTreeMap::from([(cause, 0)]);
    let mut hops: Vec<Hop> = Vec::new();
    // Responses first, all the way up, because load is the weaker explanation.
    for channels in [&[Channel::Response][..], &[Channel::Response, Channel::Load]] {
        loop {
            let next = tracer.next_round(&reached, channels);
            if next.is_empty() {
                break;
            }
            let depth = reached.values().max().map_or(0, |d| d + 1);
            reached.extend(next.iter().map(|h| (h.to, depth)));
            hops.extend(next);
        }
    }
    let hops = tracer.without_dead_ends(hops);
    let roles = tracer.roles(cause, &hops);
    let paths = tracer.paths(cause, &hops);
    TracedEffects { hops, roles, paths }
}

/// Services that appear in calls but have no metrics, by name. In a trace their indices follow those of the frame's services.
pub fn services_without_metrics(frame: &MetricFrame, calls: &CallGraph) -> Vec<String> {
    let named: BTreeSet<&str> = calls.edges().flat_map(|(from, to, _)| [from, to]).collect();
    named.into_iter().filter(|name| frame.find(name).is_none()).map(ToOwned::to_owned).collect()
}

struct Tracer<'a> {
    signals: &'a ClearChanges,
    options: &'a PropagationOptions,
    /// `(caller, callee)`.
    calls: Vec<(ServiceIdx, ServiceIdx)>,
    entries: Vec<ServiceIdx>,
    /// The clearest symptom of each measured call: position in the anomalies, and evidence.
    edges: BTreeMap<(ServiceIdx, ServiceIdx), (usize, f64)>,
    /// Evidence of each measured call by family.
    families: BTreeMap<(ServiceIdx, ServiceIdx, Family), f64>,
    /// Families in which each service itself shows a clear symptom.
    symptoms: BTreeMap<ServiceIdx, BTreeSet<Family>>,
    /// The clearest load of each measured call.
    loads: BTreeMap<(ServiceIdx, ServiceIdx), (usize, f64)>,
    /// Services whose own latency or errors were judged.
    measured: BTreeSet<ServiceIdx>,
    /// Largest share, over the families, of a service's symptom that was attributed to a callee.
    shares: BTreeMap<(ServiceIdx, ServiceIdx), f64>,
    rises: BTreeSet<ServiceIdx>,
    /// Services whose request rate changed at least slightly, so that they pass on a change of load.
    faint_load: BTreeSet<ServiceIdx>,
}

impl<'a> Tracer<'a> {
    fn new(
        frame: &MetricFrame,
        anomalies: &Anomalies,
        ranking: &Ranking,
        calls: &CallGraph,
        signals: &'a ClearChanges,
        options: &'a PropagationOptions,
    ) -> Self {
        let beyond = services_without_metrics(frame, calls);
        let find = |name: &str| {
            let place = || beyond.iter().position(|b| b == name);
            frame.find(name).or_else(|| Some(ServiceIdx(frame.services().len() + place()?)))
        };
        let pair = |from: &str, to: &str| Some((find(from)?, find(to)?));
        let mut tracer = Tracer {
            signals,
            options,
            calls: calls.edges().filter_map(|(from, to, _)| pair(from, to)).collect(),
            entries: frame.entries(calls),
            edges: BTreeMap::new(),
            families: BTreeMap::new(),
            symptoms: BTreeMap::new(),
            loads: BTreeMap::new(),
            measured: BTreeSet::new(),
            shares: BTreeMap::new(),
            rises: BTreeSet::new(),
            faint_load: BTreeSet::new(),
        };
        tracer.add_series(anomalies);
        tracer.add_shares(ranking);
        tracer.rises = signals
            .by_service
            .iter()
            .filter(|(_, s)| s.load.is_some_and(|l| rises(frame, anomalies, l)))
            .map(|(s, _)| *s)
            .collect();
        tracer
    }

    /// Adds the evidence of every service and every measured call.
    fn add_series(&mut self, anomalies: &Anomalies) {
        for (i, s) in anomalies.series.iter().enumerate() {
            let symptom = s.metric.family.is_symptom();
            match (s.metric.side, s.peer) {
                (Side::Own, _) if symptom => {
                    self.measured.insert(s.service);
                    if s.evidence >= self.options.clear {
                        self.symptoms.entry(s.service).or_default().insert(s.metric.family.clone());
                    }
                }
                (Side::Own, _) if s.metric.family == Family::Throughput && s.evidence >= self.options.calm => {
                    self.faint_load.insert(s.service);
                }
                (Side::Client, Some(peer)) => {
                    if symptom {
                        let key = (s.service, peer, s.metric.family.clone());
                        let slot = self.families.entry(key).or_insert(s.evidence);
                        *slot = slot.max(s.evidence);
                    }
                    let slots = match s.metric.family {
                        _ if symptom => &mut self.edges,
                        Family::Throughput => &mut self.loads,
                        _ => continue,
                    };
                    let slot = slots.entry((s.service, peer)).or_insert((i, s.evidence));
                    if s.evidence > slot.1 {
                        *slot = (i, s.evidence);
                    }
                }
                _ => {}
            }
        }
    }

    /// Adds the share of each service's symptom that the ranking attributed to a callee.
    fn add_shares(&mut self, ranking: &Ranking) {
        for service in &ranking.services {
            for e in &service.explained {
                let share = self.shares.entry((service.service, e.by)).or_default();
                *share = share.max(e.share);
            }
        }
    }

    /// The services one call beyond those reached, each over its best neighbour.
    fn next_round(&self, reached: &BTreeMap<ServiceIdx, usize>, channels: &[Channel]) -> Vec<Hop> {
        let mut best: BTreeMap<ServiceIdx, (f64, Hop)> = BTreeMap::new();
        for &(caller, callee) in &self.calls {
            for channel in channels {
                let (from, to) = match channel {
                    Channel::Response => (callee, caller),
                    Channel::Load => (caller, callee),
                };
                let Some(weight) = self.carries(caller, callee, *channel) else { continue };
                if !reached.contains_key(&from) || reached.contains_key(&to) {
                    continue;
                }
                if best.get(&to).is_none_or(|(other, _)| weight > *other) {
                    best.insert(to, (weight, self.hop(from, to, *channel)));
                }
            }
        }
        best.into_values().map(|(_, hop)| hop).collect()
    }

    /// How clearly an effect spread over a call; `None` if it did not.
    fn carries(&self, caller: ServiceIdx, callee: ServiceIdx, channel: Channel) -> Option<f64> {
        let edge = self.edges.get(&(caller, callee)).map(|(_, e)| *e);
        match channel {
            Channel::Response => {
                if self.is_calm(caller, callee) {
                    return None;
                }
                let passes = self.signals.of(caller).symptom.is_some()
                    || edge.is_some_and(|e| e >= self.options.clear)
                    || !self.measured.contains(&caller);
                // Responses weigh more than load.
                passes.then(|| 10.0 + edge.unwrap_or(0.0) + self.shares.get(&(caller, callee)).unwrap_or(&0.0))
            }
            Channel::Load => {
                let signals = self.signals.of(callee);
                let silent = signals.clearest.is_some_and(|s| s.source == ChangeSource::Missing);
                (signals.load.is_some() || silent || self.faint_load.contains(&callee))
                    .then(|| self.loads.get(&(caller, callee)).map_or(0.0, |(_, e)| e.max(0.0)))
            }
        }
    }

    /// Whether a call is measured for the caller's symptoms and shows none of them.
    fn is_calm(&self, caller: ServiceIdx, callee: ServiceIdx) -> bool {
        let has_symptom = |family: &Family| match self.symptoms.get(&caller) {
            Some(families) => families.contains(family),
            None => true,
        };
        let measured = [Family::Latency, Family::Error].into_iter().filter(has_symptom);
        let shown: Vec<Option<&f64>> = measured.map(|f| self.families.get(&(caller, callee, f))).collect();
        shown.iter().all(|e| e.is_some_and(|e| *e < self.options.calm))
    }

    fn hop(&self, from: ServiceIdx, to: ServiceIdx, channel: Channel) -> Hop {
        let (at_from, at_to) = (self.signals.of(from), self.signals.of(to));
        let clear = |slot: Option<&(usize, f64)>| slot.filter(|(_, e)| *e >= self.options.clear).copied();
        let (cause, effect, shown_by) = match channel {
            Channel::Response => {
                let edge = clear(self.edges.get(&(to, from)));
                let by_call = edge.map(|(i, evidence)| ClearChange {
                    source: ChangeSource::Series(i),
                    evidence,
                    onset: self.signals.onsets.get(&i).copied(),
                });
                (earlier(at_from.symptom, at_from), at_to.symptom.or(by_call), edge.map(|(i, _)| i))
            }
            Channel::Load => {
                let edge = clear(self.loads.get(&(from, to)));
                (earlier(at_from.load, at_from), at_to.load.or(at_to.clearest), edge.map(|(i, _)| i))
            }
        };
        let onset = |s: Option<ClearChange>| -> Option<OnsetSpan> { s?.onset };
        let share = if channel == Channel::Response { self.shares.get(&(to, from)).copied() } else { None };
        Hop { from, to, channel, cause, effect, shown_by, state: HopState::of(onset(cause), onset(effect)), share }
    }

    /// Drops services without a change that do not lead to one with a change.
    fn without_dead_ends(&self, mut hops: Vec<Hop>) -> Vec<Hop> {
        loop {
            let leads: BTreeSet<ServiceIdx> = hops.iter().map(|h| h.from).collect();
            let before = hops.len();
            hops.retain(|h| leads.contains(&h.to) || self.signals.by_service.contains_key(&h.to));
            if hops.len() == before {
                return hops;
            }
        }
    }

    fn roles(&self, cause: ServiceIdx, hops: &[Hop]) -> BTreeMap<ServiceIdx, Role> {
        let role = |service: ServiceIdx, signals: &ServiceChanges| {
            if service == cause {
                return Role::Cause;
            }
            match hops.iter().find(|h| h.to == service).map(|h| h.channel) {
                Some(Channel::Response) => Role::Victim,
                // A lower load does not explain a symptom.
                Some(Channel::Load) if signals.symptom.is_none() || self.rises.contains(&service) => Role::Victim,
                _ => Role::Unexplained,
            }
        };
        let mut roles: BTreeMap<_, _> = self.signals.by_service.iter().map(|(s, all)| (*s, role(*s, all))).collect();
        roles.insert(cause, Role::Cause);
        roles
    }

    fn paths(&self, cause: ServiceIdx, hops: &[Hop]) -> Vec<Vec<usize>> {
        let chain = |end: ServiceIdx| {
            let mut chain = Vec::new();
            let mut at = end;
            while let Some(i) = hops.iter().position(|h| h.to == at) {
                chain.push(i);
                at = hops[i].from;
            }
            chain.reverse();
            chain
        };
        let symptomatic = |s: &&ServiceIdx| self.signals.of(**s).symptom.is_some() && **s != cause;
        let noticed: Vec<Vec<usize>> =
            self.entries.iter().filter(symptomatic).map(|s| chain(*s)).filter(|c| !c.is_empty()).collect();
        if !noticed.is_empty() {
            return noticed;
        }
        let leads: BTreeSet<ServiceIdx> = hops.iter().map(|h| h.from).collect();
        hops.iter().filter(|h| h.channel == Channel::Response && !leads.contains(&h.to)).map(|h| chain(h.to)).collect()
    }
}

/// The earliest change of a service: it may pass on a fault before its clearest metric shows it.
fn earlier(first: Option<ClearChange>, signals: ServiceChanges) -> Option<ClearChange> {
    let candidates = [first, signals.clearest, signals.as_cause];
    let dated = candidates.into_iter().flatten().filter(|s| s.onset.is_some());
    dated.min_by_key(|s| s.onset.map(|o| o.at)).or(first).or(signals.clearest)
}

/// Whether a load increased, by the means of the series before and after its onset.
fn rises(frame: &MetricFrame, anomalies: &Anomalies, load: ClearChange) -> bool {
    let (ChangeSource::Series(i), Some(onset)) = (load.source, load.onset) else { return false };
    let values = &frame.series()[anomalies.series[i].series].values;
    let row = frame.times().partition_point(|t| *t < onset.at);
    crate::stats::mean(&values[row..]) > crate::stats::mean(&values[..row])
}
