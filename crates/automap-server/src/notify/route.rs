//! Who hears of what, and whose service it is.

use automap_core::incident::{Incident, IncidentState, Severity};
use serde::Deserialize;

use super::glob::matches;

/// From incidents to a receiver.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// Its name; part of the keys of messages, so a route that is renamed is another one.
    pub name: String,
    /// The receiver's name.
    pub receiver: String,
    /// Which incidents; all where nothing is said.
    #[serde(default)]
    pub filter: Filter,
    /// Whether changes between the opening and the end are told too. Default: yes.
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

/// What an incident must be; every list that is not empty must hold it. `*` in a pattern stands for any characters.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Filter {
    /// Patterns of targets.
    pub targets: Vec<String>,
    /// As the owner sees them, where one sets its own.
    pub severities: Vec<Severity>,
    /// Patterns of the cause; while none is named, of the services that show symptoms.
    pub services: Vec<String>,
    /// The owning teams.
    pub teams: Vec<String>,
    /// States. A route that leaves out `closed` never tells of the end.
    pub states: Vec<IncidentState>,
}

/// Whose a service is. The first entry that fits counts.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Owner {
    /// Pattern of the service: `payment`, `payment-*`, `*`.
    pub service: String,
    /// Pattern of the target; any where nothing is said.
    pub target: Option<String>,
    /// The team.
    pub team: Option<String>,
    /// Where it is written what to do.
    pub runbook: Option<String>,
    /// Where to look.
    pub dashboard: Option<String>,
    /// How bad an incident of it is, whatever it looks like.
    pub severity: Option<Severity>,
}

/// The services that an incident is about: its cause; while none is named, those with symptoms.
fn services(incident: &Incident) -> Vec<&str> {
    match &incident.cause {
        Some(cause) => vec![&cause.service],
        None => incident.symptoms.iter().map(|s| s.service.as_str()).collect(),
    }
}

/// The owner of what an incident is about.
pub fn owner<'a>(owners: &'a [Owner], incident: &Incident) -> Option<&'a Owner> {
    let of_target = |o: &&Owner| o.target.as_ref().is_none_or(|t| matches(t, &incident.target));
    services(incident).iter().find_map(|s| owners.iter().filter(of_target).find(|o| matches(&o.service, s)))
}

/// How bad it is for its owner.
pub(super) fn severity(incident: &Incident, owner: Option<&Owner>) -> Severity {
    owner.and_then(|o| o.severity).unwrap_or(incident.severity)
}

/// Whether a route hears of this incident. One that was `told` before hears on, even if the incident no longer fits (a milder one now,
/// another cause): what was opened must be closed. Only `states` still counts then.
pub(super) fn wants(route: &Route, owners: &[Owner], incident: &Incident, told: bool) -> bool {
    let Filter { targets, severities, services: wanted, teams, states } = &route.filter;
    if !states.is_empty() && !states.contains(&incident.state) {
        return false;
    }
    let owner = owner(owners, incident);
    let team = owner.and_then(|o| o.team.as_ref());
    told || (any(targets, [incident.target.as_str()].as_slice())
        && (severities.is_empty() || severities.contains(&severity(incident, owner)))
        && any(wanted, &services(incident))
        && (teams.is_empty() || team.is_some_and(|t| teams.contains(t))))
}

fn any(patterns: &[String], names: &[&str]) -> bool {
    patterns.is_empty() || patterns.iter().any(|p| names.iter().any(|n| matches(p, n)))
}
