//! Looks for problems beside the open incidents: changes that came after them, with a cause that none of them explains.
//!
//! `level` decides what is compared with what, and `scope` which cause belongs to which incident. Findings are kept apart from the open incidents
//! until it is known which one they belong to, so that a second fault neither changes the cause of the first nor appears among its symptoms.

use super::level;
use super::model::{Alert, WatchInput, WatchOptions};
use super::open_incident::OpenIncident;
use super::quiet::{Assessment, PreparedInput, TroubleSince, assess, is_same_sign};
use super::scope::Scope;
use crate::incident::{IndicatorChange, NamedCause};
use crate::time::Timestamp;

/// A separate cause must be named by this many polls in a row.
const POLLS_TO_SEPARATE: u32 = 2;
/// How long signs with an unclear cause are kept apart from the open incidents: 3 min. After that they belong to those.
const MAX_HELD_MS: i64 = 180_000;

/// State between polls.
#[derive(Debug, Default)]
pub(super) struct Beside {
    trouble: TroubleSince,
    /// Since when there are signs of a new problem.
    since: Option<Timestamp>,
    /// The separate cause that was named last, and how many polls in a row have named it.
    candidate: Option<(String, u32)>,
    /// The same for a service that waits for an open incident's cause.
    consequence: Option<(String, u32)>,
}

/// What was found beside the open incidents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Finding {
    /// Nothing new.
    Nothing,
    /// More of the same problem.
    Same,
    /// The same problem: a service that waits for the cause now has symptoms of its own, such as a backlog.
    Consequence,
    /// A new problem with an unclear cause.
    Unclear,
    /// A separate problem.
    Separate,
}

/// The result of one look.
#[derive(Debug)]
pub(super) struct Look {
    /// Judged against the level in force.
    pub(super) assessment: Assessment,
    finding: Finding,
    is_held: bool,
    /// How many polls in a row have named its cause.
    polls: u32,
    /// It should become an incident now.
    pub(super) is_due: bool,
}

impl Look {
    /// Whether the findings are kept apart from the open incidents.
    pub(super) fn is_held(&self) -> bool {
        self.is_held
    }

    /// Whether a sign is kept apart from the open incidents.
    pub(super) fn holds(&self, sign: &IndicatorChange) -> bool {
        self.is_held && self.assessment.signs.iter().any(|s| is_same_sign(s, sign))
    }

    /// Whether it is undecided to which incident the signs that are kept apart belong.
    pub(super) fn is_unclear(&self) -> bool {
        self.is_held && self.finding == Finding::Unclear
    }

    /// The service that is a consequence of an open incident, if any, and whether that has been confirmed. Its symptoms are no evidence for the
    /// cause of the incident.
    pub(super) fn consequence(&self) -> Option<(String, bool)> {
        let service = self.assessment.named().filter(|_| self.finding == Finding::Consequence)?.service;
        Some((service, self.polls >= POLLS_TO_SEPARATE))
    }

    /// The cause, if it is a separate problem.
    pub(super) fn separate_cause(&self) -> Option<NamedCause> {
        self.assessment.named().filter(|_| self.finding == Finding::Separate)
    }

    /// Whether an alert names a service with new signs, or their cause.
    pub(super) fn is_about(&self, alert: &Alert) -> bool {
        let cause = self.assessment.named().map(|c| c.service);
        let is_new = |service: &String| {
            cause.as_ref() == Some(service) || self.assessment.signs.iter().any(|s| s.service == *service)
        };
        alert.services.iter().any(is_new)
    }
}

impl Beside {
    /// One look. `signs` are the indicators out of their normal range. `None` while the level in force is not known.
    pub(super) fn look(
        &mut self,
        prepared: &PreparedInput,
        (open, scopes): (&[OpenIncident], &[Scope]),
        signs: &[IndicatorChange],
        now: Timestamp,
        options: &WatchOptions,
    ) -> Option<Look> {
        let all: Vec<&OpenIncident> = open.iter().collect();
        let Some(view) = level::in_force(prepared, &all, options) else {
            *self = Self::default();
            return None;
        };
        let input = WatchInput { now, observation: &view.observation, slos: &[], uncounted: &[], alerts: &[] };
        let assessment = assess(&view, &input, &mut self.trouble, Some(signs), None, options).ok()?;
        let finding = finding(&assessment, (open, scopes), prepared);
        let is_held = match finding {
            Finding::Separate => true,
            Finding::Unclear => now.ms() - self.since.get_or_insert(now).ms() < MAX_HELD_MS,
            _ => false,
        };
        if !matches!(finding, Finding::Separate | Finding::Unclear) {
            // Time during which an open incident got worse does not count towards a separate problem.
            (self.since, self.trouble) = (None, TroubleSince::default());
        }
        let named = |of: Finding| assessment.named().filter(|_| finding == of).map(|c| c.service);
        let polls = counted(&mut self.candidate, named(Finding::Separate))
            .max(counted(&mut self.consequence, named(Finding::Consequence)));
        let is_due = assessment.is_due && finding == Finding::Separate && polls >= POLLS_TO_SEPARATE;
        Some(Look { assessment, finding, is_held, polls, is_due })
    }
}

/// Counts the polls in a row that have named the same service.
fn counted(slot: &mut Option<(String, u32)>, named: Option<String>) -> u32 {
    *slot = match (slot.take(), named) {
        (Some((service, polls)), Some(named)) if service == named => Some((named, polls + 1)),
        (_, named) => named.map(|named| (named, 1)),
    };
    slot.as_ref().map_or(0, |(_, polls)| *polls)
}

fn finding(assessment: &Assessment, (open, scopes): (&[OpenIncident], &[Scope]), prepared: &PreparedInput) -> Finding {
    let signs = &assessment.signs;
    if signs.is_empty() && assessment.watchpoints.is_empty() {
        return Finding::Nothing;
    }
    let goes_on = || open.iter().zip(scopes).filter(|(o, _)| !o.is_recovering());
    // A change before the open incidents is not a new one.
    let is_later = goes_on().all(|(o, _)| assessment.onset > o.began);
    let cause = assessment.named().filter(|_| assessment.is_current && is_later);
    let calls = &prepared.observation.calls;
    let is_explained = |s: &IndicatorChange, cause: &str| s.service == cause || calls.reaches(&s.service, cause);
    if let Some(NamedCause { service, .. }) = &cause {
        if scopes.iter().any(|scope| scope.is_consequence(service)) {
            return Finding::Consequence;
        }
        if scopes.iter().any(|scope| scope.is_same_trouble(service)) {
            return Finding::Same;
        }
        // A cause must explain what users feel.
        if signs.is_empty() || signs.iter().any(|s| is_explained(s, service)) {
            return Finding::Separate;
        }
    }
    let is_more = |s: &IndicatorChange| goes_on().any(|(_, scope)| scope.explains(&s.service));
    match !signs.is_empty() && signs.iter().all(is_more) {
        true => Finding::Same,
        false if scopes.iter().any(|scope| !scope.is_known()) => Finding::Same,
        false => Finding::Unclear,
    }
}
