//! The recently closed incidents: they serve to recognise a relapse, and their time is excluded from the baseline.

use super::open_incident::Opening;
use crate::incident::{Incident, IndicatorChange};
use crate::time::Timestamp;

/// Closed incidents kept in memory.
const MAX_REMEMBERED: usize = 50;

/// The most recently closed incidents, oldest first, without their reports.
#[derive(Debug, Default)]
pub(super) struct ClosedIncidents(Vec<Incident>);

/// How well a closed incident fits a problem that begins now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fit {
    /// One of them has no cause, and they share a symptom or an alert.
    Symptom,
    /// The same cause.
    Cause,
}

impl ClosedIncidents {
    /// Keeps one; if there are too many, the oldest is dropped.
    pub(super) fn remember(&mut self, mut incident: Incident) {
        incident.report = None;
        self.0.push(incident);
        if self.0.len() > MAX_REMEMBERED {
            self.0.remove(0);
        }
    }

    /// Takes over a changed copy of a remembered incident, if the copy is closed too. Returns whether it is remembered.
    pub(super) fn take_over(&mut self, incident: &Incident) -> bool {
        let is_known = |i: &&mut Incident| i.id == incident.id && i.opened == incident.opened;
        let Some(known) = self.0.iter_mut().find(is_known) else { return false };
        if !incident.is_open() {
            *known = Incident { report: None, ..incident.clone() };
        }
        true
    }

    /// All of them, oldest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Incident> {
        self.0.iter()
    }

    /// All of them, mutable, the latest first.
    pub(super) fn latest_first(&mut self) -> impl Iterator<Item = &mut Incident> {
        self.0.iter_mut().rev()
    }

    /// Their ids.
    pub(super) fn ids(&self) -> impl Iterator<Item = String> {
        self.0.iter().map(|i| i.id.clone())
    }

    /// Those closed at or after a time.
    pub(super) fn since(&self, from: Timestamp) -> impl Iterator<Item = &Incident> {
        self.0.iter().filter(move |i| i.closed.is_some_and(|closed| closed >= from))
    }

    /// When the latest one was closed.
    pub(super) fn last(&self) -> Option<Timestamp> {
        self.0.iter().filter_map(|i| i.closed).max()
    }

    /// Removes the one that relapsed: closed since then, with the same cause or, if either has no cause, with a common symptom or alert. One
    /// with the same cause is preferred; of equal ones, the latest.
    pub(super) fn take_relapse(&mut self, since: Timestamp, opening: &Opening<'_>) -> Option<Incident> {
        let soon = |i: &Incident| i.closed.is_some_and(|closed| closed >= since);
        let fits = self.0.iter().enumerate().filter(|(_, i)| soon(i));
        let best = fits.filter_map(|(at, i)| Some((fit(i, opening)?, at))).max()?;
        Some(self.0.remove(best.1))
    }
}

/// If a user confirmed the cause, only a problem that names the confirmed service is the same.
fn fit(before: &Incident, opening: &Opening<'_>) -> Option<Fit> {
    let same_sign =
        |s: &IndicatorChange| before.symptoms.iter().any(|b| (&b.service, b.indicator) == (&s.service, s.indicator));
    let named = opening.cause.as_ref().map(|c| &c.service);
    let has_common_sign = || {
        opening.assessment.signs.iter().any(same_sign) || opening.alerts.iter().any(|a| before.alerts.contains(&a.key))
    };
    match (named, &before.cause, &before.confirmed) {
        (named, _, Some(confirmed)) => (named == Some(confirmed)).then_some(Fit::Cause),
        (Some(new), Some(old), None) => (*new == old.service).then_some(Fit::Cause),
        _ => has_common_sign().then_some(Fit::Symptom),
    }
}
