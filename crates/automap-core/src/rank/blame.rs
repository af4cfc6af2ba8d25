//! Where a symptom starts: explaining away along the calls.
//!
//! Latency and errors travel from callee to caller. A caller's symptom is discounted when a callee shows it too (the
//! callee needs to be *clearly* anomalous, not *more* anomalous: a caller's error share may be far larger than the
//! guilty callee's, which serves many others) and when its outgoing calls show it. What callers pass on
//! to a callee that shows nothing itself is the trace of a fault between the two: a matched filter finds it.

use std::collections::BTreeMap;

use super::Explained;
use super::calls::Calls;
use super::evidence::EvidenceOptions;
use super::suspects::Suspects;
use crate::anomaly::Anomalies;
use crate::frame::ServiceIdx;
use crate::metric::{Family, Side};
use crate::stats::soft_step;

/// Smallest own evidence that the outgoing calls' evidence is compared with.
const OWN_FLOOR: f64 = 0.3;

/// Evidence of one symptom family, by where it was seen. The largest of a family's metrics speaks for it.
#[derive(Default)]
pub(super) struct Symptom {
    /// The service's own view of itself.
    own: BTreeMap<ServiceIdx, f64>,
    /// Its view of all its outgoing calls.
    client: BTreeMap<ServiceIdx, f64>,
    /// Its view of the calls to one callee.
    edge: BTreeMap<(ServiceIdx, ServiceIdx), f64>,
    /// Which of a service's callees its own view points at.
    suspects: Suspects,
}

/// What one symptom family says after explaining away.
pub(super) struct Blame {
    /// Evidence that stays with the service that shows it.
    pub(super) own: BTreeMap<ServiceIdx, f64>,
    /// Evidence against a service that its callers show and it does not.
    pub(super) seen_by_callers: BTreeMap<ServiceIdx, f64>,
    /// What was taken away, and in whose favour.
    pub(super) explained: Vec<(ServiceIdx, Explained)>,
}

impl Symptom {
    pub(super) fn of(anomalies: &Anomalies, family: &Family, calls: &Calls) -> Self {
        let mut out = Self { suspects: Suspects::of(anomalies, family, calls), ..Self::default() };
        for s in anomalies.series.iter().filter(|s| s.metric.family == *family) {
            let larger = |slot: &mut f64| *slot = slot.max(s.evidence);
            match s.metric.side {
                Side::Own => larger(out.own.entry(s.service).or_insert(f64::NEG_INFINITY)),
                Side::Client => {
                    larger(out.client.entry(s.service).or_insert(f64::NEG_INFINITY));
                    if let Some(peer) = s.peer {
                        larger(out.edge.entry((s.service, peer)).or_insert(f64::NEG_INFINITY));
                    }
                }
                Side::Served | Side::Outside => {}
            }
        }
        out
    }

    /// `busy`: how clearly a service's own resources, containers or network left their normal behaviour.
    pub(super) fn blame(
        &self,
        family: &Family,
        calls: &Calls,
        busy: &BTreeMap<ServiceIdx, f64>,
        options: &EvidenceOptions,
    ) -> Blame {
        let mut explained = Vec::new();
        let mut own: BTreeMap<ServiceIdx, f64> = self
            .own
            .iter()
            .map(|(&s, &e)| {
                let by_callee = self.explained_by_callee(s, calls, options);
                let by_calls = self.explained_by_outgoing_calls(s, e);
                let why = [by_callee, by_calls].into_iter().flatten();
                explained.extend(
                    why.filter(|_| e > 0.0)
                        .map(|(by, share)| (s, Explained { family: family.clone(), by, is_unseen: false, share })),
                );
                let left = [by_callee, by_calls].into_iter().flatten().fold(e, |left, (_, share)| left * (1.0 - share));
                // Outgoing calls explain even where the graph does not say which callee is meant.
                let unnamed = if by_calls.is_none() { self.outgoing_share(s, e) } else { 0.0 };
                (s, if e > 0.0 { left * (1.0 - unnamed) } else { e })
            })
            .collect();
        let seen_by_callers = self.seen_by_callers(&own, calls, options);
        for (s, e) in own.iter_mut().filter(|(_, e)| **e > 0.0) {
            if let Some((by, share)) = self.explained_by_unseen(*s, calls, busy, options) {
                *e *= 1.0 - share;
                explained.push((*s, Explained { family: family.clone(), by, is_unseen: true, share }));
            }
        }
        Blame { own, seen_by_callers, explained }
    }

    /// The callee that shows the symptom most clearly, and how much that takes away.
    fn explained_by_callee(
        &self,
        s: ServiceIdx,
        calls: &Calls,
        options: &EvidenceOptions,
    ) -> Option<(ServiceIdx, f64)> {
        let shows = |w: &ServiceIdx| self.own.get(w).map(|e| (*w, options.explained_share * gate(*e, options)));
        calls.callees[s.0].iter().filter_map(shows).max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0)))
    }

    /// A service that is slow while its processor, memory, containers and network are as always waits for something. Where it
    /// calls somebody whose answers nobody times (a store behind TCP), that is as likely as its own code.
    fn explained_by_unseen(
        &self,
        s: ServiceIdx,
        calls: &Calls,
        busy: &BTreeMap<ServiceIdx, f64>,
        options: &EvidenceOptions,
    ) -> Option<(ServiceIdx, f64)> {
        let unseen = |w: &&ServiceIdx| !self.own.contains_key(w) && !self.edge.contains_key(&(s, **w));
        let by = calls.callees[s.0].iter().find(unseen)?;
        let idle = 1.0 - soft_step(*busy.get(&s)?, options.busy, options.gate_softness / 2.0);
        Some((*by, options.unseen_share * idle))
    }

    /// The callee whose calls show the symptom most, where calls are measured one by one.
    fn explained_by_outgoing_calls(&self, s: ServiceIdx, own: f64) -> Option<(ServiceIdx, f64)> {
        let edges = self.edge.range((s, ServiceIdx(0))..=(s, ServiceIdx(usize::MAX)));
        let ((_, by), _) = edges.max_by(|a, b| a.1.total_cmp(b.1).then(b.0.cmp(a.0)))?;
        Some((*by, self.outgoing_share(s, own)))
    }

    fn outgoing_share(&self, s: ServiceIdx, own: f64) -> f64 {
        self.client.get(&s).map_or(0.0, |out| (out.max(0.0) / own.max(OWN_FLOOR)).min(1.0))
    }

    /// `(Σ callers' symptom)² / (√#callers · Σ everybody's symptom)`: large when all callers of a service show a
    /// symptom and nobody else does.
    fn seen_by_callers(
        &self,
        own: &BTreeMap<ServiceIdx, f64>,
        calls: &Calls,
        options: &EvidenceOptions,
    ) -> BTreeMap<ServiceIdx, f64> {
        let total: f64 =
            (0..calls.callees.len()).map(|u| self.passed_down_in_all(ServiceIdx(u), own, calls, options)).sum();
        if total <= 0.0 {
            return BTreeMap::new();
        }
        let one = |w: usize| {
            let from: Vec<f64> =
                calls.callers[w].iter().filter_map(|u| self.passed_down(*u, ServiceIdx(w), own, options)).collect();
            let sum: f64 = from.iter().sum();
            (!from.is_empty()).then(|| (ServiceIdx(w), sum * sum / ((from.len() as f64).sqrt() * total)))
        };
        (0..calls.callers.len()).filter_map(one).collect()
    }

    /// The symptom that `u` passes down to `w`: the calls to `w` where they are measured one by one (less what `w`
    /// shows itself), else all its outgoing calls, else what is left of its own, as far as `w` could have caused it.
    fn passed_down(
        &self,
        u: ServiceIdx,
        w: ServiceIdx,
        own: &BTreeMap<ServiceIdx, f64>,
        options: &EvidenceOptions,
    ) -> Option<f64> {
        if let Some(e) = self.edge.get(&(u, w)) {
            let shown = self.own.get(&w).map_or(0.0, |e| options.explained_share * gate(*e, options));
            return Some(e.max(0.0) * (1.0 - shown));
        }
        let measured_by_edge = self.edge.range((u, ServiceIdx(0))..=(u, ServiceIdx(usize::MAX))).next().is_some();
        match self.client.get(&u) {
            Some(e) if !measured_by_edge => Some(e.max(0.0)),
            _ => own.get(&u).map(|e| e.max(0.0) * self.suspects.fit(u, w)),
        }
    }

    fn passed_down_in_all(
        &self,
        u: ServiceIdx,
        own: &BTreeMap<ServiceIdx, f64>,
        calls: &Calls,
        options: &EvidenceOptions,
    ) -> f64 {
        let mut edges = self.edge.range((u, ServiceIdx(0))..=(u, ServiceIdx(usize::MAX))).peekable();
        if edges.peek().is_none() {
            return self.client.get(&u).or_else(|| own.get(&u)).map_or(0.0, |e| e.max(0.0));
        }
        let by_edge: f64 = edges.filter_map(|((_, w), _)| self.passed_down(u, *w, own, options)).sum();
        let unmeasured = calls.callees[u.0].iter().any(|w| !self.edge.contains_key(&(u, *w)));
        by_edge + if unmeasured { own.get(&u).map_or(0.0, |e| e.max(0.0)) } else { 0.0 }
    }
}

fn gate(evidence: f64, options: &EvidenceOptions) -> f64 {
    soft_step(evidence, options.gate, options.gate_softness)
}
