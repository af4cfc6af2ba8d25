//! Divides the signs, alerts and objectives of a poll among the open incidents.
//!
//! A sign belongs to the incident that alone explains it. A sign that several explain (both causes make `front-end` wait) does not keep an incident
//! open that has no sign of its own, as long as another one has: so each incident ends independently. If none has signs of its own, all that explain
//! it stay open, since an ambiguous sign does not mean calm.
//!
//! Worked example: `payment` and `catalogue` are slow, and `front-end` calls both. When payment has recovered, `front-end` is still slow; catalogue shows
//! a sign of its own and explains it, so payment's incident recovers.

use super::beside::Look;
use super::model::{Alert, Share, WatchOptions};
use super::open_incident::OpenIncident;
use super::quiet::{PreparedInput, is_silent};
use super::scope::{Relation, Scope};
use crate::incident::{IndicatorChange, Severity, SloImpact};

/// Which alerts and objectives belong to which open incident.
#[derive(Debug, Default)]
pub(super) struct Claims {
    pub(super) alerts: Vec<Vec<Alert>>,
    pub(super) slos: Vec<Vec<(SloImpact, Severity)>>,
    /// Alerts about services that no open incident covers.
    pub(super) alerts_of_none: Vec<Alert>,
}

/// Assigns alerts and objectives. An alert stays with the incident that it joined first; else it goes to the incident with the services that it
/// names, the closest and latest of several; an alert without services goes to the latest. An objective goes to all incidents that explain its
/// service, else to the most severe one. `is_known`: whether a service is observed. `is_settled`: whether a new problem could be distinguished from the open incidents by now.
pub(super) fn claims(
    open: &[OpenIncident],
    scopes: &[Scope],
    (alerts, slos): (&[Alert], &[(SloImpact, Severity)]),
    is_known: &dyn Fn(&str) -> bool,
    is_settled: bool,
) -> Claims {
    let mut claims =
        Claims { alerts: vec![Vec::new(); open.len()], slos: vec![Vec::new(); open.len()], alerts_of_none: Vec::new() };
    let latest = open.len().saturating_sub(1);
    for alert in alerts {
        let known = open.iter().rposition(|o| o.incident.alerts.contains(&alert.key));
        let services: Vec<&String> = alert.services.iter().filter(|s| is_known(s)).collect();
        let related = |scope: &Scope| services.iter().map(|s| scope.relation(s)).max().unwrap_or(Relation::None);
        let closest = (0..open.len()).max_by_key(|i| (related(&scopes[*i]), *i));
        let at = match (known, closest) {
            (Some(known), _) => known,
            (None, Some(closest)) if related(&scopes[closest]) > Relation::None => closest,
            _ if services.is_empty() || !is_settled || scopes.iter().any(|s| !s.is_known()) => latest,
            _ => {
                claims.alerts_of_none.push(alert.clone());
                continue;
            }
        };
        claims.alerts[at].push(alert.clone());
    }
    let severest = (0..open.len()).max_by_key(|i| (open[*i].incident.severity, std::cmp::Reverse(*i))).unwrap_or(0);
    for slo in slos {
        let affected: Vec<usize> = (0..open.len()).filter(|i| is_affected(&open[*i], &scopes[*i], &slo.0)).collect();
        let of: &[usize] = if affected.is_empty() { &[severest] } else { &affected };
        of.iter().for_each(|i| claims.slos[*i].push(slo.clone()));
    }
    claims
}

fn is_affected(open: &OpenIncident, scope: &Scope, slo: &SloImpact) -> bool {
    let service = &slo.service;
    !service.is_empty() && (scope.explains(service) || open.incident.victims.contains(service))
}

/// The part of a poll that belongs to each open incident. O(incidents² · signs).
pub(super) fn shares(
    prepared: &PreparedInput,
    (open, scopes): (&[OpenIncident], &[Scope]),
    signs: &[IndicatorChange],
    look: Option<&Look>,
    (claims, options): (&Claims, &WatchOptions),
) -> Vec<Share> {
    let poll = Divided { prepared, open, scopes, signs, look, claims, options };
    let own: Vec<bool> = (0..open.len()).map(|i| poll.shows_own(i)).collect();
    let share = |i: usize| Share {
        signs: poll.signs.iter().filter(|s| poll.is_told(i, s)).cloned().collect(),
        alerts: claims.alerts[i].clone(),
        slos: claims.slos[i].clone(),
        is_wrong: own[i] || poll.shares_wrong(i, &own),
        is_unclear: look.is_some_and(Look::is_unclear),
    };
    (0..open.len()).map(share).collect()
}

struct Divided<'a> {
    prepared: &'a PreparedInput,
    open: &'a [OpenIncident],
    scopes: &'a [Scope],
    signs: &'a [IndicatorChange],
    look: Option<&'a Look>,
    claims: &'a Claims,
    options: &'a WatchOptions,
}

impl Divided<'_> {
    /// The incidents that explain a service; if none does, the one that has symptoms of it, else the first.
    fn explaining(&self, service: &str) -> Vec<usize> {
        let all = 0..self.open.len();
        let explain: Vec<usize> = all.clone().filter(|i| self.scopes[*i].explains(service)).collect();
        if !explain.is_empty() {
            return explain;
        }
        let with_symptom = all.into_iter().find(|i| self.open[*i].services_with_symptoms().any(|s| s == service));
        vec![with_symptom.unwrap_or(0)]
    }

    /// Whether a sign is kept apart from an incident: it is new, and may belong to a separate problem. Signs that the incident showed before, and
    /// signs of its cause, are not.
    fn is_held(&self, i: usize, sign: &IndicatorChange) -> bool {
        let open = &self.open[i];
        let was_there = !open.is_recovering() && open.has_symptom(sign);
        self.look.is_some_and(|l| l.holds(sign)) && !was_there && !self.scopes[i].is_cause(&sign.service)
    }

    /// Whether this incident alone explains a sign.
    fn is_own_sign(&self, i: usize, sign: &IndicatorChange) -> bool {
        self.explaining(&sign.service) == [i] && !self.is_held(i, sign)
    }

    /// Whether a sign is reported as a symptom of an incident: its own signs, and shared ones that no other incident has reported.
    fn is_told(&self, i: usize, sign: &IndicatorChange) -> bool {
        let is_new = || !self.open.iter().any(|o| o.has_symptom(sign));
        let is_shared = || self.explaining(&sign.service).contains(&i) && is_new();
        !self.look.is_some_and(|l| l.holds(sign)) && (self.is_own_sign(i, sign) || is_shared())
    }

    /// Whether something is wrong that belongs to this incident and to no other.
    fn shows_own(&self, i: usize) -> bool {
        let (open, frame) = (&self.open[i], &self.prepared.observation.frame);
        let recent = &self.prepared.recent;
        let is_alone = self.open.len() == 1;
        let is_own = |service: &str| self.explaining(service) == [i];
        let is_gone = |service: &str| is_own(service) && is_silent(frame, service, recent);
        let marks = open.marks_hold(frame, recent, self.options);
        // Marks of the cause other than latency and errors show whether it goes on while others make it wait. Without such a mark its own symptoms
        // count.
        let is_felt = || self.signs.iter().any(|s| self.scopes[i].explains(&s.service));
        let is_marked = !is_alone && marks == Some(true) && is_felt();
        let is_cause_bad =
            marks.is_none() && self.signs.iter().any(|s| self.scopes[i].is_cause(&s.service) && !self.is_held(i, s));
        self.signs.iter().any(|s| self.is_own_sign(i, s))
            || is_cause_bad
            || is_marked
            || (open.is_resource_only() && open.may_be_abnormal(frame, recent))
            || open.services_with_symptoms().any(is_gone)
            || !self.claims.alerts[i].is_empty()
            || self.claims.slos[i].iter().any(|(slo, _)| self.burning(slo) == [i])
    }

    /// The incidents that an objective belongs to.
    fn burning(&self, slo: &SloImpact) -> Vec<usize> {
        let has = |of: &[(SloImpact, Severity)]| of.iter().any(|(other, _)| other.slo == slo.slo);
        (0..self.open.len()).filter(|i| has(&self.claims.slos[*i])).collect()
    }

    /// Whether something is wrong that several explain and that none of them owns.
    fn shares_wrong(&self, i: usize, own: &[bool]) -> bool {
        let has_owner = |of: &[usize]| of.iter().any(|j| *j != i && own[*j]);
        let is_shared = |s: &IndicatorChange| {
            let of = self.explaining(&s.service);
            of.len() > 1 && of.contains(&i) && !self.is_held(i, s) && !has_owner(&of)
        };
        let burns = |slo: &SloImpact| {
            let of = self.burning(slo);
            of.len() > 1 && !has_owner(&of)
        };
        self.signs.iter().any(is_shared) || self.claims.slos[i].iter().any(|(slo, _)| burns(slo))
    }
}
