//! Attributes symptoms to the services where they start, by explaining them away along the calls.
//!
//! Latency and errors travel from callee to caller, so a caller's symptom is discounted if a callee shows it too, or if the caller's outgoing
//! calls show it. The callee must be *clearly* abnormal, not *more* abnormal than its caller: a caller's error share may be far larger than that of
//! the failing callee, which also serves others. A symptom that all callers of a service show but the service itself does not
//! indicates a fault between them; a matched filter finds it.
//!
//! Calls to most stores are not timed. Sessions that wait for a lock, refused clients or an absent store are the callers' symptom as the store's
//! exporter sees it, so they explain it as a callee's own symptom does.
//!
//! Worked example: front-end and orders both show latency evidence of 4, and front-end calls orders. The step at 2.5 is passed (0.98), so
//! `0.7 · 0.98 = 0.68` of front-end's symptom is explained by orders; 4 · 0.32 = 1.3 remains with front-end, 4 with orders.

use std::collections::BTreeMap;

use super::Explained;
use super::callee_fit::CalleeFit;
use super::calls::Calls;
use super::evidence::EvidenceOptions;
use crate::anomaly::{Anomalies, CLEAR};
use crate::frame::ServiceIdx;
use crate::metric::{Family, Side};
use crate::stats::soft_step;

/// Lower bound of a service's own evidence when it is compared with that of its outgoing calls.
const OWN_FLOOR: f64 = 0.3;

/// Evidence of one symptom family by point of measurement: the largest of the family's metrics.
#[derive(Default)]
pub(super) struct SymptomEvidence {
    /// As the service measures itself.
    own: BTreeMap<ServiceIdx, f64>,
    /// As it measures all its outgoing calls together.
    client: BTreeMap<ServiceIdx, f64>,
    /// As it measures the calls to one callee.
    edge: BTreeMap<(ServiceIdx, ServiceIdx), f64>,
    /// How well each callee fits the service's own quantiles.
    callee_fit: CalleeFit,
    /// How clearly the clients of a store wait or are refused, according to its exporter.
    held_up: BTreeMap<ServiceIdx, f64>,
}

/// Evidence of one symptom family after explaining away.
pub(super) struct Attribution {
    /// Evidence that remains with the service that shows it.
    pub(super) own: BTreeMap<ServiceIdx, f64>,
    /// Evidence for a service as the cause that only its callers show.
    pub(super) seen_by_callers: BTreeMap<ServiceIdx, f64>,
    /// What was explained away from a service, and the callee that it was attributed to.
    pub(super) explained: Vec<(ServiceIdx, Explained)>,
}

impl SymptomEvidence {
    pub(super) fn of(anomalies: &Anomalies, family: &Family, calls: &Calls) -> Self {
        let mut out = Self { callee_fit: CalleeFit::of(anomalies, family, calls), ..Self::default() };
        for s in anomalies.series.iter().filter(|s| s.metric.family.holds_up_clients() && s.evidence >= CLEAR) {
            let slot = out.held_up.entry(s.service).or_default();
            *slot = slot.max(s.evidence);
        }
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

    /// Attributes the symptom. `busy` is how clearly a service's own resources, containers or network deviate from normal.
    /// O(services + calls).
    pub(super) fn attribute(
        &self,
        family: &Family,
        calls: &Calls,
        busy: &BTreeMap<ServiceIdx, f64>,
        options: &EvidenceOptions,
    ) -> Attribution {
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
                // Outgoing calls explain a symptom even if the graph does not show which callee it comes from.
                let unnamed = if by_calls.is_none() { self.outgoing_share(s, e) } else { 0.0 };
                (s, if e > 0.0 { left * (1.0 - unnamed) } else { e })
            })
            .collect();
        let seen_by_callers = self.seen_by_callers(&own, calls, options);
        for (s, e) in own.iter_mut().filter(|(_, e)| **e > 0.0) {
            let idle = busy.get(s).map(|b| 1.0 - soft_step(*b, options.busy, options.gate_softness / 2.0));
            let unmeasured = self.explained_by_unmeasured(*s, calls, idle, options);
            let by_store = self.explained_by_store(*s, calls, idle, options);
            let why = [unmeasured, by_store].into_iter().flatten();
            if let Some((by, share)) = clearest(why) {
                *e *= 1.0 - share;
                explained.push((*s, Explained { family: family.clone(), by, is_unseen: true, share }));
            }
        }
        Attribution { own, seen_by_callers, explained }
    }

    /// The callee that shows the symptom most clearly, and the share that it explains.
    fn explained_by_callee(
        &self,
        s: ServiceIdx,
        calls: &Calls,
        options: &EvidenceOptions,
    ) -> Option<(ServiceIdx, f64)> {
        let shows = |w: &ServiceIdx| self.own.get(w).map(|e| (*w, options.explained_share * gate(*e, options)));
        clearest(calls.callees[s.0].iter().filter_map(shows))
    }

    /// A service that is slow while its CPU, memory, containers and network are normal is waiting for something. If it calls a service that is
    /// not measured, such as a database behind TCP, that is as likely as its own code.
    fn explained_by_unmeasured(
        &self,
        s: ServiceIdx,
        calls: &Calls,
        idle: Option<f64>,
        options: &EvidenceOptions,
    ) -> Option<(ServiceIdx, f64)> {
        let is_unmeasured = |w: &&ServiceIdx| !self.own.contains_key(w) && !self.edge.contains_key(&(s, **w));
        let by = calls.callees[s.0].iter().find(is_unmeasured)?;
        Some((*by, options.unseen_share * idle?))
    }

    /// The untimed store that clearly holds up its clients, and the share that it explains. A service that is busy itself may be why
    /// sessions stay open.
    fn explained_by_store(
        &self,
        s: ServiceIdx,
        calls: &Calls,
        idle: Option<f64>,
        options: &EvidenceOptions,
    ) -> Option<(ServiceIdx, f64)> {
        let stores = calls.callees[s.0].iter().filter(|w| !self.edge.contains_key(&(s, **w)));
        let holds_up = stores.filter_map(|w| self.held_up.get(w).map(|e| (*w, gate(*e, options))));
        let (by, clear) = clearest(holds_up)?;
        Some((by, options.explained_share * clear * idle.unwrap_or(1.0)))
    }

    /// The callee whose calls show the symptom most, if calls are measured individually.
    fn explained_by_outgoing_calls(&self, s: ServiceIdx, own: f64) -> Option<(ServiceIdx, f64)> {
        let edges = self.edge.range((s, ServiceIdx(0))..=(s, ServiceIdx(usize::MAX)));
        let (by, _) = clearest(edges.map(|((_, by), e)| (*by, *e)))?;
        Some((by, self.outgoing_share(s, own)))
    }

    fn outgoing_share(&self, s: ServiceIdx, own: f64) -> f64 {
        self.client.get(&s).map_or(0.0, |out| (out.max(0.0) / own.max(OWN_FLOOR)).min(1.0))
    }

    /// Matched filter `(Σ callers' symptom)² / (√#callers · Σ all services' symptom)`: large if all callers of a service show a symptom and
    /// no other service does.
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

    /// The symptom of caller `u` that may come from `w`: that of the calls to `w` if they are measured individually (less the symptom of `w` itself),
    /// else that of all outgoing calls, else the rest of `u`'s own, as far as `w` could have caused it.
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
            _ => own.get(&u).map(|e| e.max(0.0) * self.callee_fit.fit(u, w)),
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

/// The service with the largest value; the first by name among equals.
fn clearest(all: impl Iterator<Item = (ServiceIdx, f64)>) -> Option<(ServiceIdx, f64)> {
    all.max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0)))
}

fn gate(evidence: f64, options: &EvidenceOptions) -> f64 {
    soft_step(evidence, options.gate, options.gate_softness)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One caller of two services: the calls to the first are measured, so what comes from the second can only be what is left of the caller's own.
    #[test]
    fn what_calls_that_are_not_measured_pass_down_is_added_to_what_the_measured_ones_do() {
        let [caller, first, second] = [0, 1, 2].map(ServiceIdx);
        let callees = |all: &[ServiceIdx]| vec![all.to_vec(), Vec::new(), Vec::new()];
        let calls = |all: &[ServiceIdx]| Calls { callees: callees(all), callers: Vec::new(), is_view: Vec::new() };
        let evidence = SymptomEvidence { edge: BTreeMap::from([((caller, first), 3.0)]), ..SymptomEvidence::default() };
        let (own, options) = (BTreeMap::from([(caller, 2.0)]), EvidenceOptions::default());
        let passed_down = |all: &[ServiceIdx]| evidence.passed_down_in_all(caller, &own, &calls(all), &options);
        assert_eq!(passed_down(&[first]).to_bits(), 3.0_f64.to_bits());
        assert_eq!(passed_down(&[first, second]).to_bits(), 5.0_f64.to_bits());
    }
}
