//! What an open incident explains: its cause, and the services that call the cause, directly or through others.
//!
//! It is used to divide the signs of a poll among the open incidents (`share`), and to distinguish new problems from more of the same (`beside`).
//! An incident without a named cause explains nothing for certain, so anything connected with its symptoms counts as the same problem.

use std::collections::{BTreeMap, BTreeSet};

use super::model::WatchOptions;
use super::open_incident::OpenIncident;
use crate::topology::CallGraph;

/// The callers of each service.
#[derive(Debug)]
pub(super) struct Callers<'a> {
    calls: &'a CallGraph,
    by_callee: BTreeMap<&'a str, Vec<&'a str>>,
}

impl<'a> Callers<'a> {
    /// O(calls · log services).
    pub(super) fn of(calls: &'a CallGraph) -> Self {
        let mut by_callee: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (caller, callee, _) in calls.edges() {
            by_callee.entry(callee).or_default().push(caller);
        }
        Self { calls, by_callee }
    }

    /// All services that call one of these, directly or through others. O(calls · log services).
    fn of_all(&self, services: &BTreeSet<String>) -> BTreeSet<String> {
        reached(services, |at| self.by_callee.get(at).into_iter().flatten().copied().collect())
    }

    /// All services that these call, directly or through others. O(calls · log calls).
    fn called_by_all(&self, services: &BTreeSet<String>) -> BTreeSet<String> {
        reached(services, |at| self.calls.callees(at).collect())
    }
}

/// Everything reached from these in one step or more.
fn reached<'a>(from: &BTreeSet<String>, next: impl Fn(&str) -> Vec<&'a str>) -> BTreeSet<String> {
    let mut found: BTreeSet<String> = BTreeSet::new();
    let mut queue: Vec<String> = from.iter().cloned().collect();
    while let Some(at) = queue.pop() {
        for service in next(&at) {
            if found.insert(service.to_owned()) {
                queue.push(service.to_owned());
            }
        }
    }
    found
}

/// How closely a service belongs to an incident, the closest last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Relation {
    /// Not at all.
    None,
    /// The cause calls it.
    Called,
    /// It waits for the cause, or symptoms of it are known.
    Affected,
    /// It is the cause.
    Cause,
}

/// What an incident explains.
#[derive(Debug)]
pub(super) struct Scope {
    causes: BTreeSet<String>,
    callers: BTreeSet<String>,
    /// Services with symptoms, those of its alerts, and those that a still unknown cause may affect.
    noticed: BTreeSet<String>,
    called: BTreeSet<String>,
    /// Services whose evidence began with the incident.
    early: BTreeSet<String>,
    knows_calls: bool,
}

impl Scope {
    /// O(calls · log services).
    pub(super) fn of(open: &OpenIncident, callers: &Callers<'_>, options: &WatchOptions) -> Self {
        let (causes, noticed) = (open.causes(), open.noticed());
        let from = if causes.is_empty() { &noticed } else { &causes };
        Self {
            callers: callers.of_all(from),
            called: callers.called_by_all(from),
            early: open.early(options),
            knows_calls: !callers.calls.is_empty(),
            causes,
            noticed,
        }
    }

    /// Whether a problem caused by this service belongs to this incident: it is the cause, waits for it, or showed something when it began. If
    /// causes and consequences cannot be distinguished, everything does.
    pub(super) fn is_same_trouble(&self, service: &str) -> bool {
        let is_unknown = !self.knows_calls || (self.causes.is_empty() && self.noticed.is_empty());
        let may_be_cause = self.causes.is_empty() && self.called.contains(service);
        is_unknown || may_be_cause || self.explains(service) || self.early.contains(service)
    }

    /// Whether the cause is named and explains symptoms of this service; without a cause, whether its symptoms are known.
    pub(super) fn explains(&self, service: &str) -> bool {
        match self.causes.is_empty() {
            true => self.noticed.contains(service) || self.callers.contains(service),
            false => self.is_cause(service) || self.callers.contains(service),
        }
    }

    /// Whether this service only waits for its cause, and showed nothing else when it began.
    pub(super) fn is_consequence(&self, service: &str) -> bool {
        !self.is_cause(service) && !self.causes.is_empty() && self.callers.contains(service)
    }

    /// Whether this service is its cause.
    pub(super) fn is_cause(&self, service: &str) -> bool {
        self.causes.contains(service)
    }

    /// How closely a service belongs to it.
    pub(super) fn relation(&self, service: &str) -> Relation {
        match () {
            () if self.is_cause(service) => Relation::Cause,
            () if self.explains(service) || self.noticed.contains(service) => Relation::Affected,
            () if self.called.contains(service) => Relation::Called,
            () => Relation::None,
        }
    }

    /// Whether enough is known of it to say that a service does not belong to it.
    pub(super) fn is_known(&self) -> bool {
        self.knows_calls && !(self.causes.is_empty() && self.noticed.is_empty())
    }
}
