//! From a supposed cause to everything that it accounts for.

use std::collections::{BTreeMap, BTreeSet};

use super::changes::{ChangeSource, ClearChange, ClearChanges, OnsetSpan, ServiceChanges};
use super::{Channel, HopState, PropagationOptions};
use crate::anomaly::Anomalies;
use crate::frame::{MetricFrame, ServiceIdx};
use crate::metric::{Family, Side};
use crate::rank::Ranking;
use crate::topology::CallGraph;

/// What a supposed cause accounts for.
#[derive(Clone, Debug, Default)]
pub struct TracedEffects {
    /// Nearest the cause first; `hops[i].to` occurs once.
    pub hops: Vec<Hop>,
    /// Every service with a clear change.
    pub roles: BTreeMap<ServiceIdx, Role>,
    /// Chains of positions in `hops`, from the cause to what users notice, else to the ends.
    pub paths: Vec<Vec<usize>>,
}

/// What a changed service is, seen from the supposed cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The supposed cause.
    Cause,
    /// The cause accounts for it.
    Victim,
    /// The cause does not account for it.
    Unexplained,
}

/// One step of the spread.
#[derive(Clone, Debug, PartialEq)]
pub struct Hop {
    /// Nearer to the cause.
    pub from: ServiceIdx,
    /// The one that feels it.
    pub to: ServiceIdx,
    /// What travels.
    pub channel: Channel,
    /// What `from` showed: the earlier of its own symptom (or load) and its clearest change.
    pub cause: Option<ClearChange>,
    /// What `to` showed of what travels.
    pub effect: Option<ClearChange>,
    /// The clearest series of the call itself, at the caller: a position in [`Anomalies::series`].
    pub shown_by: Option<usize>,
    /// What the onsets say.
    pub state: HopState,
    /// How much of the symptom of `to` the ranking took away in favour of `from`, 0 to 1.
    pub share: Option<f64>,
}

impl Hop {
    /// Milliseconds from the cause's onset to the effect's, and the smallest and largest that the intervals allow.
    pub fn lag_ms(&self) -> Option<(i64, i64, i64)> {
        let (c, e) = (self.cause?.onset?, self.effect?.onset?);
        Some((e.at.ms() - c.at.ms(), e.earliest.ms() - c.latest.ms(), e.latest.ms() - c.earliest.ms()))
    }
}

/// Follows the effects of `cause` along the calls.
///
/// A caller is reached when its own latency or errors rose, or its measured calls to the callee show it, or nobody measures it (then
/// it is only passed through); never over a call that is measured and calm. A callee is reached when its load changed. Ties go to the
/// callee whose calls show most, then by name. O(services · calls).
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
    let world = World::new(frame, anomalies, ranking, calls, signals, options);
    let mut reached: BTreeMap<ServiceIdx, usize> = BTreeMap::from([(cause, 0)]);
    let mut hops: Vec<Hop> = Vec::new();
    // What comes back from callees first, all the way up: load is the weaker explanation.
    for channels in [&[Channel::Response][..], &[Channel::Response, Channel::Load]] {
        loop {
            let next = world.next_round(&reached, channels);
            if next.is_empty() {
                break;
            }
            let depth = reached.values().max().map_or(0, |d| d + 1);
            reached.extend(next.iter().map(|h| (h.to, depth)));
            hops.extend(next);
        }
    }
    let hops = world.without_dead_ends(hops);
    let roles = world.roles(cause, &hops);
    let paths = world.paths(cause, &hops);
    TracedEffects { hops, roles, paths }
}

/// Services that only the calls know, by name. In a trace they follow the frame's: the first has the index behind its last.
pub fn services_without_metrics(frame: &MetricFrame, calls: &CallGraph) -> Vec<String> {
    let named: BTreeSet<&str> = calls.edges().flat_map(|(from, to, _)| [from, to]).collect();
    named.into_iter().filter(|name| frame.find(name).is_none()).map(ToOwned::to_owned).collect()
}

struct World<'a> {
    signals: &'a ClearChanges,
    options: &'a PropagationOptions,
    /// `(caller, callee)`.
    calls: Vec<(ServiceIdx, ServiceIdx)>,
    entries: Vec<ServiceIdx>,
    /// The clearest symptom of each measured call: position in the anomalies and evidence.
    edges: BTreeMap<(ServiceIdx, ServiceIdx), (usize, f64)>,
    /// Families that each measured call can show, with their evidence.
    families: BTreeMap<(ServiceIdx, ServiceIdx, Family), f64>,
    /// What each service clearly suffers from itself.
    symptoms: BTreeMap<ServiceIdx, BTreeSet<Family>>,
    /// The clearest load of each measured call.
    loads: BTreeMap<(ServiceIdx, ServiceIdx), (usize, f64)>,
    /// Services whose own latency or errors could be judged.
    measured: BTreeSet<ServiceIdx>,
    /// How much of a service's symptom goes to a callee, over the family with the larger share.
    shares: BTreeMap<(ServiceIdx, ServiceIdx), f64>,
    rises: BTreeSet<ServiceIdx>,
    /// Services whose requests changed at least a little: they pass a change of load on.
    faint_load: BTreeSet<ServiceIdx>,
}

impl<'a> World<'a> {
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
        let mut world = World {
            signals,
            options,
            calls: calls.edges().filter_map(|(from, to, _)| pair(from, to)).collect(),
            entries: calls.entries().into_iter().filter_map(|name| frame.find(name)).collect(),
            edges: BTreeMap::new(),
            families: BTreeMap::new(),
            symptoms: BTreeMap::new(),
            loads: BTreeMap::new(),
            measured: BTreeSet::new(),
            shares: BTreeMap::new(),
            rises: BTreeSet::new(),
            faint_load: BTreeSet::new(),
        };
        for (i, s) in anomalies.series.iter().enumerate() {
            let symptom = s.metric.family.is_symptom();
            match (s.metric.side, s.peer) {
                (Side::Own, _) if symptom => {
                    world.measured.insert(s.service);
                    if s.evidence >= options.clear {
                        world.symptoms.entry(s.service).or_default().insert(s.metric.family.clone());
                    }
                }
                (Side::Own, _) if s.metric.family == Family::Throughput && s.evidence >= options.calm => {
                    world.faint_load.insert(s.service);
                }
                (Side::Client, Some(peer)) => {
                    if symptom {
                        let key = (s.service, peer, s.metric.family.clone());
                        let slot = world.families.entry(key).or_insert(s.evidence);
                        *slot = slot.max(s.evidence);
                    }
                    let slots = match s.metric.family {
                        _ if symptom => &mut world.edges,
                        Family::Throughput => &mut world.loads,
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
        for service in &ranking.services {
            for e in &service.explained {
                let share = world.shares.entry((service.service, e.by)).or_default();
                *share = share.max(e.share);
            }
        }
        world.rises = signals
            .by_service
            .iter()
            .filter(|(_, s)| s.load.is_some_and(|l| rises(frame, anomalies, l)))
            .map(|(s, _)| *s)
            .collect();
        world
    }

    /// Everything one call beyond what is reached, each over its best neighbour.
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

    /// How clearly something came over a call; `None` where it did not.
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
                // What comes back weighs more than what is sent.
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

    /// Whether a call is measured for what the caller suffers from, and shows nothing of it.
    fn is_calm(&self, caller: ServiceIdx, callee: ServiceIdx) -> bool {
        let suffers = |family: &Family| match self.symptoms.get(&caller) {
            Some(families) => families.contains(family),
            None => true,
        };
        let measured = [Family::Latency, Family::Error].into_iter().filter(suffers);
        let shown: Vec<Option<&f64>> = measured.map(|f| self.families.get(&(caller, callee, f))).collect();
        shown.iter().all(|e| e.is_some_and(|e| *e < self.options.calm))
    }

    fn hop(&self, from: ServiceIdx, to: ServiceIdx, channel: Channel) -> Hop {
        let (at_from, at_to) = (self.signals.of(from), self.signals.of(to));
        let clear = |slot: Option<&(usize, f64)>| slot.filter(|(_, e)| *e >= self.options.clear).copied();
        let (cause, effect, shown_by) = match channel {
            Channel::Response => {
                let edge = clear(self.edges.get(&(to, from)));
                let seen = edge.map(|(i, evidence)| ClearChange {
                    source: ChangeSource::Series(i),
                    evidence,
                    onset: self.signals.onsets.get(&i).copied(),
                });
                (earlier(at_from.symptom, at_from), at_to.symptom.or(seen), edge.map(|(i, _)| i))
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

    /// Services that show nothing are kept only where they lead to one that does.
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
                // Fewer requests make nobody slow.
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

/// The earlier of two: a service may pass on a fault before its own clearest metric shows it.
fn earlier(first: Option<ClearChange>, signals: ServiceChanges) -> Option<ClearChange> {
    let candidates = [first, signals.clearest, signals.as_cause];
    let dated = candidates.into_iter().flatten().filter(|s| s.onset.is_some());
    dated.min_by_key(|s| s.onset.map(|o| o.at)).or(first).or(signals.clearest)
}

/// Whether a load went up, by the means of the whole series before and from its onset on.
fn rises(frame: &MetricFrame, anomalies: &Anomalies, load: ClearChange) -> bool {
    let (ChangeSource::Series(i), Some(onset)) = (load.source, load.onset) else { return false };
    let values = &frame.series()[anomalies.series[i].series].values;
    let row = frame.times().partition_point(|t| *t < onset.at);
    crate::stats::mean(&values[row..]) > crate::stats::mean(&values[..row])
}
