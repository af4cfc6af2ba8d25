//! Finds whether the DNS holds up who calls others: it is everybody's dependency, and nobody times what is spent on it.
//!
//! A service that looks up a name before it calls waits in its own time, or between both ends of the call; its own series stay calm. So the DNS is suspected where
//! its own metrics clearly became worse, and what users feel arises at callers in one of two ways: at two of them at least, or at one for which the lookups
//! account. At none of them can a call wait for longer than the lookups that it needs became slower: a DNS that takes 2 ms longer on a starved machine is no cause of 20 ms, unless it also fails: then programs ask again after seconds. Many programs keep their connections and hardly ever ask, so that a slow DNS may be felt at the one that asks before every call.
//!
//! Lookups account for what users feel at a caller if that is at most twice what all lookups together became slower, both counted by Little's law as how many wait
//! at any moment; and if each of its calls had to wait for a few lookups at most. Failures are counted in the same way, as failures per second. As many lookups count as
//! there are in both windows. Of a caller whose calls are not counted, a call for each request is assumed. Where the rate of lookups or that of the calls is not known, one slow service is not the DNS's doing, and a DNS that is not measured, or stopped being
//! measured, explains nothing.
//!
//! Worked example: coredns took 2 ms for a name and takes 400, evidence 3. Of the added waiting 50 % is front-end's own time and 45 % orders', and both
//! call others: two callers of all that call suffer. The DNS weighs (1 + 3)² · 4 = 64 beside 1 for each of them, so it is suspected with 95 %. If all of it is front-end's,
//! 10 users more wait there, and 30 names are looked up each second, then 30 · 0.398 = 12 more lookups are waited for: enough. With 30 calls a second each call waits 10 / 12 = 0.8
//! lookups. The DNS weighs (1 + 3)² = 16 beside front-end's 1. Were it 3 names a second, only 1.2 more lookups would wait, and it would weigh nothing.

use std::collections::{BTreeMap, BTreeSet};

use crate::anomaly::{Anomalies, CLEAR, Rows};
use crate::attribution::{Impact, ImpactKind, Place};
use crate::entity::{Entities, Entity, EntityKind};
use crate::frame::{MetricFrame, ServiceIdx};
use crate::metric::{CLIENT_RPS, FAILED_LOOKUPS_RATIO, Family, LOOKUP_MS, LOOKUPS_PER_S, Side, THROUGHPUT_RPS};
use crate::stats::mean;
use crate::topology::CallGraph;

/// Fewer callers that suffer together say nothing of what they have in common.
const FEWEST_CALLERS: usize = 2;
/// A caller with a smaller part of what users feel says nothing.
const SMALLEST: f64 = 0.1;
/// How much likelier the DNS is than a service where several callers suffer.
const SEVERAL_SUFFER: f64 = 4.0;
/// Where calls do not decide, the DNS explains what at least this part of all services suffers.
const FEWEST_OF_ALL: f64 = 0.5;
/// The lookups account for what a caller suffers if they make up this part of it at least.
const ACCOUNTED: f64 = 0.5;
/// Most lookups that a call waits for, one after another: pods have three search domains, and the name as it is.
const MOST_PER_CALL: f64 = 4.0;

/// The DNS servers of a frame that became worse, and who waits for them.
#[derive(Debug, Default)]
pub(super) struct Resolvers {
    /// All, worse or not.
    pub(super) all: BTreeSet<ServiceIdx>,
    /// Those that became worse.
    worse: BTreeMap<ServiceIdx, Worse>,
}

/// A DNS server that became worse.
#[derive(Debug, Default)]
struct Worse {
    evidence: f64,
    /// Whether lookups fail or are turned away, so that whoever asks tries again after seconds: how long an answer takes is no bound, then.
    is_refusing: bool,
    /// Callers at which what users feel arises, and may come from its lookups; empty where they are fewer than [`FEWEST_CALLERS`].
    callers: BTreeSet<ServiceIdx>,
    /// Callers for which its lookups account.
    accounts_for: BTreeSet<ServiceIdx>,
}

/// What callers are looked up in.
struct Setting<'a> {
    frame: &'a MetricFrame,
    rows: &'a Rows,
    calls: &'a CallGraph,
    impacts: &'a [Impact],
}

impl Resolvers {
    /// Finds them. O(series + places · callees).
    pub(super) fn of(
        frame: &MetricFrame,
        rows: &Rows,
        entities: &Entities,
        anomalies: &Anomalies,
        calls: &CallGraph,
        impacts: &[Impact],
    ) -> Self {
        let is_dns = |(_, entity): &(&str, &Entity)| entity.kind == EntityKind::Dns;
        let all: BTreeSet<ServiceIdx> =
            entities.iter().filter(is_dns).filter_map(|(name, _)| frame.find(name)).collect();
        let setting = Setting { frame, rows, calls, impacts };
        let mut worse: BTreeMap<ServiceIdx, Worse> = BTreeMap::new();
        for series in anomalies.series.iter().filter(|s| all.contains(&s.service) && s.metric.side == Side::Own) {
            let tells = match series.metric.family {
                Family::FailedLookups | Family::Queue => true,
                Family::Lookups => setting.takes_longer(series.service, &series.metric.name),
                _ => false,
            };
            if tells && series.evidence >= CLEAR {
                let slot = worse.entry(series.service).or_default();
                slot.evidence = slot.evidence.max(series.evidence);
                slot.is_refusing |= series.metric.family != Family::Lookups;
            }
        }
        for (dns, worse) in &mut worse {
            worse.accounts_for = setting.accounted(*dns);
            worse.callers = setting.suffering(*dns, worse.is_refusing);
        }
        Self { all, worse }
    }

    /// The DNS servers that the service may wait for, each with how likely it is beside a service whose own resources did not move, which is 1.
    pub(super) fn may_hold_up(&self, service: ServiceIdx) -> impl Iterator<Item = (ServiceIdx, f64)> {
        self.worse.iter().filter_map(move |(dns, worse)| {
            let weight = (1.0 + worse.evidence).powi(2);
            match (worse.callers.contains(&service), worse.accounts_for.contains(&service)) {
                (true, _) => Some((*dns, weight * SEVERAL_SUFFER)),
                (false, true) => Some((*dns, weight)),
                (false, false) => None,
            }
        })
    }

    /// Whether it is a DNS server that became worse and for which callers may wait.
    pub(super) fn is_suspected(&self, service: ServiceIdx) -> bool {
        let worse = self.worse.get(&service);
        worse.is_some_and(|worse| !worse.callers.is_empty() || !worse.accounts_for.is_empty())
    }

    /// How far a DNS server explains what services suffer, 0–1, where calls do not tell: `suffer` of `all` do.
    pub(super) fn fit(&self, dns: ServiceIdx, suffer: usize, all: usize) -> f64 {
        let part = suffer as f64 / all.max(1) as f64;
        let is_common = suffer >= FEWEST_CALLERS && part >= FEWEST_OF_ALL;
        if is_common && self.worse.contains_key(&dns) { part } else { 0.0 }
    }
}

impl Setting<'_> {
    /// The callers at which what users feel arises, where they are several and each may have it from lookups of a DNS server.
    fn suffering(&self, dns: ServiceIdx, is_refusing: bool) -> BTreeSet<ServiceIdx> {
        let mut suffering = BTreeSet::new();
        for impact in self.clear() {
            let mut callers = self.by_caller(impact);
            let bound = self.added_by(dns, impact.kind).filter(|_| !is_refusing);
            if let Some((by_each, _)) = bound {
                callers.retain(|caller, share| *share * impact.amount <= self.most_by_calls(*caller, by_each));
            }
            if callers.len() >= FEWEST_CALLERS {
                suffering.extend(callers.into_keys());
            }
        }
        suffering
    }

    /// The callers for which the lookups of a DNS server account, each judged by the clearest of what users feel there.
    fn accounted(&self, dns: ServiceIdx) -> BTreeSet<ServiceIdx> {
        let mut judged: BTreeMap<ServiceIdx, bool> = BTreeMap::new();
        for impact in self.clear() {
            let more = self.added_by(dns, impact.kind);
            for (caller, share) in self.by_caller(impact) {
                judged
                    .entry(caller)
                    .or_insert_with(|| more.is_some_and(|more| self.is_accounted(caller, share * impact.amount, more)));
            }
        }
        judged.into_iter().filter(|(_, is_accounted)| *is_accounted).map(|(caller, _)| caller).collect()
    }

    /// What users clearly feel, the clearest first.
    fn clear(&self) -> Vec<&Impact> {
        let mut clear: Vec<&Impact> = self.impacts.iter().filter(|impact| impact.evidence >= CLEAR).collect();
        clear.sort_by(|a, b| b.evidence.total_cmp(&a.evidence));
        clear
    }

    /// The part of an impact that arises at each caller, in its own time or on the way to whom it calls.
    fn by_caller(&self, impact: &Impact) -> BTreeMap<ServiceIdx, f64> {
        let mut by_caller: BTreeMap<ServiceIdx, f64> = BTreeMap::new();
        for share in &impact.shares {
            let caller = match share.place {
                Place::Service(s) => Some(s).filter(|s| self.calls.callees(self.frame.service(*s)).next().is_some()),
                Place::Network { caller, .. } | Place::Refused { caller, .. } => Some(caller),
                Place::MoreCalls { .. } => None,
            };
            if let Some(caller) = caller {
                *by_caller.entry(caller).or_default() += share.share;
            }
        }
        by_caller.retain(|_, share| *share >= SMALLEST);
        by_caller
    }

    /// Whether a longer mean is more than another mixture: where the names that are quickly found are no longer asked for, the mean of the others is longer, and all
    /// lookups together take less time than before. Where the rate is not known, the mean has to do.
    fn takes_longer(&self, dns: ServiceIdx, metric: &str) -> bool {
        let all =
            |rows: &[usize]| Some(self.level(dns, metric, None, rows)? * self.level(dns, LOOKUPS_PER_S, None, rows)?);
        let together = all(&self.rows.baseline).zip(all(&self.rows.incident));
        together.is_none_or(|(before, since)| since > before)
    }

    /// What one lookup takes longer in seconds, or how many more of them fail; and how many there are per second. `None` where that is not known.
    fn added_by(&self, dns: ServiceIdx, kind: ImpactKind) -> Option<(f64, f64)> {
        let (metric, per_amount) = match kind {
            ImpactKind::Waiting => (LOOKUP_MS, 1e-3),
            ImpactKind::Failing => (FAILED_LOOKUPS_RATIO, 1.0),
        };
        let level = |rows: &[usize]| self.level(dns, metric, None, rows);
        let rise = level(&self.rows.incident)? - level(&self.rows.baseline)?;
        let rate = |rows: &[usize]| self.level(dns, LOOKUPS_PER_S, None, rows);
        let rate = rate(&self.rows.baseline)?.min(rate(&self.rows.incident)?);
        (rise > 0.0).then_some((rise * per_amount, rate))
    }

    /// Whether lookups that each added `by_each`, `rate` times a second, account for what a caller adds to what users feel.
    fn is_accounted(&self, caller: ServiceIdx, amount: f64, (by_each, rate): (f64, f64)) -> bool {
        let counted: f64 = self.rates(caller).flatten().sum();
        ACCOUNTED * amount <= by_each * rate && amount <= MOST_PER_CALL * by_each * counted
    }

    /// What the calls of a caller can add at most where each lookup adds `by_each`; without a bound where nothing is counted.
    fn most_by_calls(&self, caller: ServiceIdx, by_each: f64) -> f64 {
        let requests = self.level(caller, THROUGHPUT_RPS, None, &self.rows.baseline);
        let calls: Option<f64> = self.rates(caller).map(|rate| rate.or(requests)).sum();
        calls.map_or(f64::INFINITY, |calls| MOST_PER_CALL * by_each * calls)
    }

    /// How often it calls each callee, per second.
    fn rates(&self, caller: ServiceIdx) -> impl Iterator<Item = Option<f64>> {
        let callees = self.calls.callees(self.frame.service(caller)).filter_map(|name| self.frame.find(name));
        callees.map(move |to| self.level(caller, CLIENT_RPS, Some(to), &self.rows.baseline))
    }

    fn level(&self, of: ServiceIdx, metric: &str, peer: Option<ServiceIdx>, rows: &[usize]) -> Option<f64> {
        Some(mean(&self.frame.get(of, metric, peer)?.values_at(rows))).filter(|level| level.is_finite())
    }
}
