//! Finds whether the DNS holds up callers: every service depends on it, but the time spent on lookups is not measured at the callers.
//!
//! A service that looks up a name before a call waits in its own time, or between both ends of the call; its own series stay normal. So the DNS is
//! suspected if its own metrics clearly became worse, and what users feel arises either at two or more callers, or at one caller whose share the
//! lookups account for. A call cannot be delayed by more than its lookups: a DNS that takes 2 ms longer on a starved machine does not cause 20
//! ms, unless it also fails, since clients then retry after seconds. Many programs keep their connections and hardly ever look up names, so a slow
//! DNS may be felt only at the one that does so before every call.
//!
//! Lookups account for what users feel at a caller if that is at most twice the added waiting of all lookups together, both counted by Little's law
//! as the number waiting at any moment; and if each of its calls had to wait for a few lookups at most. Failures are counted in the same way, per
//! second. The rate of lookups is the lower one of the two windows. A caller whose calls are not counted is assumed to make one call per request. If
//! the rate of lookups or of calls is unknown, one slow service is not blamed on the DNS, and a DNS that is not measured, or no longer
//! measured, explains nothing.
//!
//! Worked example: coredns goes from 2 ms per name to 400 ms, evidence 3. Of the added waiting 50 % is front-end's own time and 45 % orders', and
//! both call others: two callers suffer. The DNS weighs (1 + 3)² · 4 = 64 against 1 for each of them, so it is suspected with 95 %. If all of it is
//! front-end's, 10 more users wait there, and 30 names are looked up each second, then 30 · 0.398 = 12 more lookups are pending: enough. With 30
//! calls a second each call waits for 10 / 12 = 0.8 lookups. The DNS weighs (1 + 3)² = 16 against 1 for front-end. With 3 names a second, only 1.2
//! more lookups would be pending, and it would weigh nothing.

use std::collections::{BTreeMap, BTreeSet};

use crate::anomaly::{Anomalies, CLEAR, Rows};
use crate::attribution::{Impact, ImpactKind, Place};
use crate::entity::{Entities, Entity, EntityKind};
use crate::frame::{MetricFrame, ServiceIdx};
use crate::metric::{CLIENT_RPS, FAILED_LOOKUPS_RATIO, Family, LOOKUP_MS, LOOKUPS_PER_S, Side, THROUGHPUT_RPS};
use crate::stats::mean;
use crate::topology::CallGraph;

/// Fewer suffering callers than this say nothing about a common cause.
const FEWEST_CALLERS: usize = 2;
/// A caller with a smaller share of what users feel is ignored.
const SMALLEST: f64 = 0.1;
/// How much likelier the DNS is than a service if several callers suffer.
const SEVERAL_SUFFER: f64 = 4.0;
/// If calls do not decide, the DNS is an explanation only if at least this share of all services suffers.
const FEWEST_OF_ALL: f64 = 0.5;
/// The lookups account for a caller's added waiting or failures if they make up at least this share of it.
const ACCOUNTED: f64 = 0.5;
/// Maximum number of sequential lookups per call: pods have three search domains, plus the name itself.
const MOST_PER_CALL: f64 = 4.0;

/// The DNS servers of a frame that became worse, and the callers that wait for them.
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
    /// Whether lookups fail or are rejected, so that clients retry after seconds: the lookup time is then no bound on the waiting.
    is_refusing: bool,
    /// Callers at which what users feel arises, and may come from its lookups; empty if there are fewer than [`FEWEST_CALLERS`].
    callers: BTreeSet<ServiceIdx>,
    /// Callers for which its lookups account.
    accounts_for: BTreeSet<ServiceIdx>,
}

/// The data in which callers are looked up.
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

    /// The DNS servers that the service may wait for, each with its likelihood relative to a service whose own resources did not move, which is 1.
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

    /// How far a DNS server explains the suffering services (`suffer` of `all`), 0–1, if calls do not decide.
    pub(super) fn fit(&self, dns: ServiceIdx, suffer: usize, all: usize) -> f64 {
        let part = suffer as f64 / all.max(1) as f64;
        let is_common = suffer >= FEWEST_CALLERS && part >= FEWEST_OF_ALL;
        if is_common && self.worse.contains_key(&dns) { part } else { 0.0 }
    }
}

impl Setting<'_> {
    /// The callers at which what users feel arises, if there are several and lookups of the DNS server may explain each of them.
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

    /// The callers for which the lookups of a DNS server account, each judged by the clearest impact there.
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

    /// The part of an impact that arises at each caller, in its own time or on the way to its callees.
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

    /// Whether a higher mean is more than a change of the mix: if fast names are no longer looked up, the mean rises although all lookups together
    /// take less time than before. If the rate is unknown, the mean alone decides.
    fn takes_longer(&self, dns: ServiceIdx, metric: &str) -> bool {
        let all =
            |rows: &[usize]| Some(self.level(dns, metric, None, rows)? * self.level(dns, LOOKUPS_PER_S, None, rows)?);
        let together = all(&self.rows.baseline).zip(all(&self.rows.incident));
        together.is_none_or(|(before, since)| since > before)
    }

    /// The added seconds per lookup, or the added share of failed lookups; and the lookups per second. `None` if unknown or not worse.
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

    /// Whether lookups that each added `by_each`, `rate` times a second, account for the amount that arises at a caller.
    fn is_accounted(&self, caller: ServiceIdx, amount: f64, (by_each, rate): (f64, f64)) -> bool {
        let counted: f64 = self.rates(caller).flatten().sum();
        ACCOUNTED * amount <= by_each * rate && amount <= MOST_PER_CALL * by_each * counted
    }

    /// The most that the calls of a caller can add if each lookup adds `by_each`; infinite if neither calls nor requests are counted.
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
