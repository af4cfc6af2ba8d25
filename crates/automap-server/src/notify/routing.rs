//! Which receivers hear of an incident, and whose it is.

use automap_core::incident::Incident;

use crate::config::{Owner, Route, fits};

/// Routes and owners of the configuration.
#[derive(Clone, Debug, Default)]
pub struct Routing {
    routes: Vec<Route>,
    owners: Vec<Owner>,
}

impl Routing {
    /// In the order of the configuration: the first owner that fits owns.
    pub fn new(routes: &[Route], owners: &[Owner]) -> Self {
        Self { routes: routes.to_vec(), owners: owners.to_vec() }
    }

    /// Receivers that hear of this state of an incident, each once.
    pub fn receivers(&self, incident: &Incident) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for route in self.routes.iter().filter(|r| self.lets_through(r, incident)) {
            if !names.contains(&route.receiver) {
                names.push(route.receiver.clone());
            }
        }
        names
    }

    /// Who looks after the confirmed or named cause; without one, after the first service with a symptom.
    pub fn owner(&self, incident: &Incident) -> Option<&Owner> {
        let service = service(incident)?;
        self.owners.iter().find(|o| o.services.iter().any(|pattern| fits(pattern, service)))
    }

    fn lets_through(&self, route: &Route, incident: &Incident) -> bool {
        let any = |patterns: &[String], name: Option<&str>| {
            patterns.is_empty() || name.is_some_and(|name| patterns.iter().any(|p| fits(p, name)))
        };
        let team = self.owner(incident).map(|o| o.team.as_str());
        any(&route.targets, Some(&incident.target))
            && any(&route.services, service(incident))
            && any(&route.teams, team)
            && (route.severities.is_empty() || route.severities.contains(&incident.severity))
            && (route.states.is_empty() || route.states.contains(&incident.state))
    }
}

fn service(incident: &Incident) -> Option<&str> {
    let named = || incident.cause.as_ref().map(|c| c.service.as_str());
    let felt = || incident.symptoms.first().map(|s| s.service.as_str());
    incident.confirmed.as_deref().or_else(named).or_else(felt)
}
