//! Turns the shares of what users feel into suspects: one service, or a pair that the measurements cannot distinguish.
//!
//! The attribution locates an impact along the calls. A place inside a service belongs to the service, or to an untimed callee that it waits for,
//! such as a database behind TCP; a place between two services belongs to one of the two ends. Other evidence decides: resources that moved at one of
//! them, the symptoms of the store's other callers, how many calls of each end are hit. If that does not decide, both are suspected together.
//!
//! Worked example: 95 % of the added waiting is catalogue's own time, and catalogue calls catalogue-db over TCP. The evidence of catalogue's
//! resources is 0, that of the database's 3: (1 + 0)² : (1 + 3)² = 1 : 16, so the database is the suspect with a share of 95 %. If neither moved it
//! is 1 : 1, and both are suspected together.

mod owners;

use std::collections::{BTreeMap, BTreeSet};

use super::hosts::Hosts;
use super::{Part, PartSource, RankedService, Ranking};
use crate::attribution::{Impact, ImpactKind, Place, Share};
use crate::frame::{MetricFrame, ServiceIdx};
use crate::stats::soft_step;
use crate::topology::CallGraph;
use owners::Owners;

/// Weight of the attribution from which it decides where the cause is.
pub const DECIDES: f64 = 0.5;
/// With more causes than this at once, none is named: they must have a common cause.
pub const MAX_CAUSES: usize = 3;
/// Evidence of a symptom at an entry from which it decides where the cause is.
const FELT: f64 = 1.0;
/// Softness of that step.
const FELT_SOFTNESS: f64 = 0.25;
/// The suspects together carry at least this share of the impact.
const CARRIED: f64 = 0.85;
/// Smallest share of a suspect.
pub(super) const SMALLEST: f64 = 0.1;
/// Smallest lower end of the interval of a suspect's share.
const SMALLEST_LOW: f64 = 0.03;
/// Users clearly feel a separate fault if it alone raises the mean latency at the entry by this share …
const ALONE_WAITING: f64 = 0.25;
/// … or makes this additional share of the requests fail.
const ALONE_FAILING: f64 = 0.01;

/// A service, or two that cannot be distinguished, and the share of the impact that it accounts for.
#[derive(Clone, Debug)]
pub struct Suspect {
    /// One service or two, the more likely first.
    pub services: Vec<ServiceIdx>,
    /// Share of all impacts, weighted by how clear they are, 0–1.
    pub share: f64,
    /// Lower end of the interval of the share: 19 of 20 resamples lie above.
    pub low: f64,
    /// The same by impact.
    pub impacts: Vec<SuspectImpact>,
    /// Whether it is a separate fault, whatever else happened: users would clearly feel it alone, the service's own series show it, and it calls no
    /// service that accounts for more, since a waiting caller piles up work.
    pub is_clear_alone: bool,
    /// Callees that may be the cause instead, since the caller does not report its calls: the network to them looks like the service's own time.
    /// Empty if the service's resources moved, or its calls do not matter.
    pub unseen_networks: Vec<ServiceIdx>,
    /// Whether it is a gateway, and most of its share arises at services that get more requests because of its surge.
    pub is_surge: bool,
    /// The services that it holds up, by node or DNS server; empty for a suspect that is neither of these and saturates no node.
    pub held_up: BTreeMap<ServiceIdx, BTreeSet<ServiceIdx>>,
}

/// A suspect's share of one impact.
#[derive(Clone, Debug)]
pub struct SuspectImpact {
    /// Waiting or failing.
    pub kind: ImpactKind,
    /// Share, 0–1.
    pub share: f64,
    /// Lower end of its interval.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// The place with the largest part of it.
    pub place: Place,
    /// The part of the share that lies in networks, 0–1.
    pub network: f64,
}

impl Suspect {
    /// Which part of its share lies in the network, 0–1; 0 if it accounts for nothing.
    pub fn network_share(&self) -> f64 {
        let sum = |of: fn(&SuspectImpact) -> f64| self.impacts.iter().map(of).sum::<f64>();
        let all = sum(|i| i.share);
        if all > 0.0 { sum(|i| i.network) / all } else { 0.0 }
    }
}

/// The suspects according to the attribution.
#[derive(Clone, Debug, Default)]
pub struct Suspects {
    /// All, the largest share first.
    pub all: Vec<Suspect>,
    /// How clearly users feel something, 0–1: the weight of the attribution in deciding where the cause is.
    pub weight: f64,
}

impl Suspects {
    /// The smallest set that carries the impact, each clearly above noise, followed by those that are clear alone beside a much larger fault; empty
    /// if users feel nothing that could be attributed.
    pub fn carrying(&self) -> Vec<&Suspect> {
        if self.weight < DECIDES {
            return Vec::new();
        }
        let mut carried = 0.0;
        let is_needed = |suspect: &&Suspect| {
            let is_needed = carried < CARRIED && suspect.share >= SMALLEST && suspect.low >= SMALLEST_LOW;
            carried += suspect.share;
            is_needed
        };
        let needed: Vec<&Suspect> = self.all.iter().take_while(is_needed).collect();
        let beside = self.all[needed.len()..].iter().filter(|s| s.is_clear_alone && !needed.is_empty());
        let free = MAX_CAUSES.saturating_sub(needed.len());
        needed.iter().copied().chain(beside.take(free)).collect()
    }

    /// How far a service accounts for what users feel, 0–1: its share relative to the largest one, and 1 for a fault that is clear alone.
    pub fn accounts(&self, service: ServiceIdx) -> f64 {
        let largest = self.all.first().map_or(0.0, |top| top.share);
        match self.of(service) {
            Some(suspect) if suspect.is_clear_alone => 1.0,
            Some(suspect) if largest > 0.0 => (suspect.share / largest).min(1.0),
            _ => 0.0,
        }
    }

    /// The suspect that a service belongs to with the largest share.
    pub fn of(&self, service: ServiceIdx) -> Option<&Suspect> {
        self.all.iter().find(|s| s.services.contains(&service))
    }
}

/// Finds the suspects. `ranking` is that of the evidence engine. O(places + services · (calls + nodes)).
pub fn find(frame: &MetricFrame, calls: &CallGraph, hosts: &Hosts, impacts: &[Impact], ranking: &Ranking) -> Suspects {
    let clear = |i: &Impact| soft_step(i.evidence, FELT, FELT_SOFTNESS);
    let weights: Vec<f64> = impacts.iter().map(|i| i.evidence.max(0.0) * clear(i)).collect();
    let sum: f64 = weights.iter().sum();
    if sum <= 0.0 {
        return Suspects::default();
    }
    let ranked = ranking.services.iter().map(|s| (s.service, s)).collect();
    let owners = Owners { frame, calls, impacts, ranked, hosts };
    let mut groups: BTreeMap<Vec<ServiceIdx>, Vec<(usize, &Share)>> = BTreeMap::new();
    for (i, impact) in impacts.iter().enumerate() {
        for share in &impact.shares {
            groups.entry(owners.of(share, impact.kind)).or_default().push((i, share));
        }
    }
    join_nodes(&mut groups, hosts);
    join_pairs(&mut groups, |i| weights[i] / sum);
    let suspect = |(services, shares): (Vec<ServiceIdx>, Vec<(usize, &Share)>)| {
        let weighted = || shares.iter().map(|(i, s)| (*s, weights[*i] / sum));
        let (low, _) = Share::interval(weighted());
        let by_impact = impacts.iter().enumerate().filter_map(|(i, impact)| suspect_impact(i, impact.kind, &shares));
        let suspected: Vec<SuspectImpact> = by_impact.collect();
        let is_clear_alone = is_felt_alone(&suspected, impacts) && services.iter().any(|s| owners.shows(*s));
        let unseen_networks = owners.unseen_networks(&services, &suspected);
        let held_up = owners.held_up(&services, shares.iter().map(|(_, share)| share.place));
        let share = weighted().map(|(s, w)| s.share * w).sum();
        let elsewhere: f64 = weighted().filter(|(s, _)| !is_within(s.place, &services)).map(|(s, w)| s.share * w).sum();
        let is_surge = elsewhere > 0.5 * share && services.iter().any(|s| hosts.has_surge(*s));
        Suspect { services, share, low, impacts: suspected, is_clear_alone, unseen_networks, is_surge, held_up }
    };
    let mut all: Vec<Suspect> = groups.into_iter().map(suspect).collect();
    all.sort_by(|a, b| b.share.total_cmp(&a.share).then_with(|| a.services.cmp(&b.services)));
    for i in 1..all.len() {
        // Few are clear, so the calls are followed only for them.
        all[i].is_clear_alone = all[i].is_clear_alone && !owners.calls_any(&all[i].services, &all[..i]);
    }
    Suspects { all, weight: impacts.iter().map(clear).fold(0.0, f64::max) }
}

/// Whether users would clearly feel the suspect's share if nothing else had happened.
fn is_felt_alone(suspected: &[SuspectImpact], impacts: &[Impact]) -> bool {
    let alone = |s: &SuspectImpact| {
        let entry = impacts.iter().find(|i| i.kind == s.kind)?.entries.first()?;
        let rise = s.low * (entry.to - entry.from);
        Some(match s.kind {
            ImpactKind::Waiting => rise >= ALONE_WAITING * entry.from,
            ImpactKind::Failing => rise >= ALONE_FAILING,
        })
    };
    suspected.iter().any(|s| alone(s) == Some(true))
}

fn suspect_impact(impact: usize, kind: ImpactKind, shares: &[(usize, &Share)]) -> Option<SuspectImpact> {
    let of: Vec<&Share> = shares.iter().filter(|(i, _)| *i == impact).map(|(_, s)| *s).collect();
    let largest = of.iter().max_by(|a, b| a.share.total_cmp(&b.share).then(b.place.cmp(&a.place)))?;
    let (low, high) = Share::interval(of.iter().map(|s| (*s, 1.0)));
    let network = of.iter().filter(|s| matches!(s.place, Place::Network { .. })).map(|s| s.share).sum();
    Some(SuspectImpact { kind, share: of.iter().map(|s| s.share).sum(), low, high, place: largest.place, network })
}

/// Merges a pair into the one of its services that is also suspected alone, unless that is negligible: one cause is likelier than two.
fn join_pairs(groups: &mut BTreeMap<Vec<ServiceIdx>, Vec<(usize, &Share)>>, weight: impl Fn(usize) -> f64) {
    let size = |shares: &Vec<(usize, &Share)>| shares.iter().map(|(i, s)| s.share * weight(*i)).sum::<f64>();
    let pairs: Vec<Vec<ServiceIdx>> = groups.keys().filter(|k| k.len() > 1).cloned().collect();
    for pair in pairs {
        let alone = |s: &ServiceIdx| groups.get(&vec![*s]).map(|g| (size(g), *s));
        let best = pair.iter().filter_map(alone).max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1)));
        let own = groups.get(&pair).map_or(0.0, size);
        if let Some((_, service)) = best.filter(|(size, _)| *size >= SMALLEST.min(own))
            && let Some(shares) = groups.remove(&pair)
        {
            groups.entry(vec![service]).or_default().extend(shares);
        }
    }
}

/// Whether a place is within one of the services, or between one of them and another.
fn is_within(place: Place, services: &[ServiceIdx]) -> bool {
    place.ends().iter().any(|end| services.contains(end))
}

/// Prefers what several services may suffer from at once (a node, the DNS, a surge) over each of them.
fn join_nodes(groups: &mut BTreeMap<Vec<ServiceIdx>, Vec<(usize, &Share)>>, hosts: &Hosts) {
    let mut pairs: BTreeMap<ServiceIdx, Vec<Vec<ServiceIdx>>> = BTreeMap::new();
    for pair in groups.keys().filter(|k| k.len() > 1) {
        let nodes = pair.iter().filter(|s| hosts.is_common(**s));
        nodes.for_each(|node| pairs.entry(*node).or_default().push(pair.clone()));
    }
    for (node, pairs) in pairs.into_iter().filter(|(_, pairs)| pairs.len() > 1) {
        let shares: Vec<_> = pairs.iter().filter_map(|pair| groups.remove(pair)).flatten().collect();
        groups.entry(vec![node]).or_default().extend(shares);
    }
}

/// Ranks services by what they account for. Evidence of a service counts in proportion to what it accounts for of what users feel, in full if that is
/// clear alone, and the symptom's evidence is added, times the lower end of the share. Suspects that are not measured are added.
///
/// Worked example: users' waiting has evidence of 4. Payment has a score of 3 and a share of 90 % (85 % at least), catalogue one of 6 and none.
/// Payment scores 3 + 4 · 0.85 = 6.4, catalogue 6 · 0 = 0.
pub fn weigh(ranking: Ranking, suspects: &Suspects, impacts: &[Impact]) -> Ranking {
    if suspects.all.is_empty() || suspects.weight <= 0.0 {
        return ranking;
    }
    let mut services = ranking.services;
    for suspect in &suspects.all {
        for service in &suspect.services {
            if suspect.low >= SMALLEST && !services.iter().any(|s| s.service == *service) {
                services.push(RankedService {
                    service: *service,
                    score: 0.0,
                    share: 0.0,
                    parts: Vec::new(),
                    explained: Vec::new(),
                });
            }
        }
    }
    for ranked in &mut services {
        let suspect = suspects.of(ranked.service);
        let counts = 1.0 - suspects.weight + suspects.weight * suspects.accounts(ranked.service);
        ranked.score *= counts;
        ranked.parts.iter_mut().for_each(|p| p.weight *= counts);
        for part in suspect.into_iter().flat_map(|s| &s.impacts) {
            let felt = impacts.iter().find(|i| i.kind == part.kind).map_or(0.0, |i| i.evidence);
            let evidence = suspects.weight * felt * part.low;
            if evidence > 0.0 {
                ranked.parts.push(Part { source: PartSource::Felt(part.kind), evidence, weight: 1.0 });
                ranked.score += evidence;
            }
        }
    }
    super::evidence::with_shares(services)
}
