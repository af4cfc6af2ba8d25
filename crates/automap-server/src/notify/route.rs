//! Which route is notified of which incident, and which team owns a service.

use automap_core::incident::{Incident, IncidentState, Owner, Severity};
use serde::Deserialize;

use super::glob::matches;

/// Connects incidents to a receiver.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// Its name; part of the keys of messages, so a renamed route is a different one.
    pub name: String,
    /// The receiver's name.
    pub receiver: String,
    /// Which incidents; all by default.
    #[serde(default)]
    pub filter: Filter,
    /// Whether changes between the opening and the end are sent too. Default: yes.
    #[serde(default = "yes")]
    pub updates: bool,
    /// Template of the first line, instead of the built-in one.
    pub title: Option<String>,
    /// Template of the text, instead of the built-in one.
    pub text: Option<String>,
}

const fn yes() -> bool {
    true
}

/// Conditions on an incident; every list that is not empty must match. `*` in a pattern stands for any characters.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Filter {
    /// Patterns of targets.
    pub targets: Vec<String>,
    /// Severities; the owner's, if it sets its own.
    pub severities: Vec<Severity>,
    /// Patterns of the cause; while none is named, of the services that show symptoms.
    pub services: Vec<String>,
    /// The owning teams.
    pub teams: Vec<String>,
    /// States. A route without `closed` is not notified of the end.
    pub states: Vec<IncidentState>,
}

/// The owner of services. The first matching entry counts.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OwnerConfig {
    /// Pattern of the service: `payment`, `payment-*`, `*`.
    pub service: String,
    /// Pattern of the target; any by default.
    pub target: Option<String>,
    /// The team.
    pub team: Option<String>,
    /// Address of the instructions for an incident.
    pub runbook: Option<String>,
    /// Address of a dashboard.
    pub dashboard: Option<String>,
    /// Severity of its incidents, instead of the one that automap determines.
    pub severity: Option<Severity>,
}

/// The owner of an incident's services: from the configuration, otherwise the incident's own (from the labels of the workload).
pub fn owner(owners: &[OwnerConfig], incident: &Incident) -> Option<Owner> {
    let of_target = |o: &&OwnerConfig| o.target.as_ref().is_none_or(|t| matches(t, &incident.target));
    let fits = |s: &&str| owners.iter().filter(of_target).find(|o| matches(&o.service, s));
    let found = incident.services().iter().find_map(fits).map(OwnerConfig::owner);
    let known = incident.owner.as_ref();
    found.map(|o| Owner { team: o.team.or_else(|| known?.team.clone()), ..o }).or_else(|| known.cloned())
}

impl OwnerConfig {
    fn owner(&self) -> Owner {
        let Self { team, runbook, dashboard, severity, .. } = self.clone();
        Owner { team, runbook, dashboard, severity }
    }
}

/// Whether a route is notified of this incident. A route that was notified before stays so, even if the incident no longer matches (a milder one now,
/// another cause): what was opened must be closed. Only `states` still counts then.
pub(super) fn wants(route: &Route, owners: &[OwnerConfig], incident: &Incident, was_notified: bool) -> bool {
    let Filter { targets, severities, services: wanted, teams, states } = &route.filter;
    if !states.is_empty() && !states.contains(&incident.state) {
        return false;
    }
    // While muted, only the end, and only to a route that was notified before.
    if incident.muted.is_some() && (incident.is_open() || !was_notified) {
        return false;
    }
    let owner = owner(owners, incident);
    let severity = owner.as_ref().and_then(|o| o.severity).unwrap_or(incident.severity);
    let team = owner.and_then(|o| o.team);
    was_notified
        || (any(targets, [incident.target.as_str()].as_slice())
            && (severities.is_empty() || severities.contains(&severity))
            && any(wanted, &incident.services())
            && (teams.is_empty() || team.is_some_and(|t| teams.contains(&t))))
}

fn any(patterns: &[String], names: &[&str]) -> bool {
    patterns.is_empty() || patterns.iter().any(|p| names.iter().any(|n| matches(p, n)))
}
