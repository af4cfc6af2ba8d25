//! The configuration of notifications, and the checks that need no network.

use std::collections::BTreeSet;

use automap_core::incident::{Incident, Owner};
use automap_core::similar::similar_names;
use serde::Deserialize;

use super::backoff::RetryOptions;
use super::http::{Http, HttpOptions};
use super::receiver::{Kind, check_url};
use super::route::{OwnerConfig, Route, owner, wants};
use super::template;
use crate::address;
use crate::percent::encoded;

/// Most receivers, routes and owners each.
pub const MAX_ENTRIES: usize = 1000;

/// Everything about notifications.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NotifyConfig {
    /// The address of this automap in links: `https://automap.example.org`. `/incidents/<id>` is added.
    pub external_url: Option<String>,
    /// How receivers are reached.
    pub http: HttpOptions,
    /// How often and how long a message is tried.
    pub retry: RetryOptions,
    /// Where notifications can be sent.
    pub receivers: Vec<ReceiverConfig>,
    /// Which receivers are notified of which incidents. Every matching route is notified.
    pub routes: Vec<Route>,
    /// The owners of services; the first matching entry counts.
    pub owners: Vec<OwnerConfig>,
}

/// One receiver.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReceiverConfig {
    /// Its name, for routes.
    pub name: String,
    /// What it is and where.
    pub to: Kind,
    /// Most messages a minute. Default: what the service allows, or no limit if it states none.
    pub per_minute: Option<u32>,
}

impl NotifyConfig {
    /// The routes to notify of this change of an incident. `notified`: those that were notified of it before.
    pub fn routes_for(&self, incident: &Incident, notified: &[String]) -> Vec<String> {
        let wanted = self.routes.iter().filter(|r| wants(r, &self.owners, incident, notified.contains(&r.name)));
        wanted.map(|r| r.name.clone()).collect()
    }

    /// The owner of an incident's services.
    pub fn owner_of(&self, incident: &Incident) -> Option<Owner> {
        owner(&self.owners, incident)
    }

    /// The incident's page.
    pub(super) fn link(&self, id: &str) -> Option<String> {
        let base = self.external_url.as_deref()?.trim_end_matches('/');
        Some(format!("{base}/incidents/{}", encoded(id)))
    }

    /// The invalid keys, such as `routes[0].receiver`, each with the reason; empty when the configuration is valid. Reads no secret and
    /// opens no connection.
    pub fn check(&self) -> Vec<(String, String)> {
        let mut wrong = InvalidKeys::default();
        for (what, count) in
            [("receivers", self.receivers.len()), ("routes", self.routes.len()), ("owners", self.owners.len())]
        {
            if count > MAX_ENTRIES {
                wrong.add(what, format!("{count} are more than {MAX_ENTRIES}"));
            }
        }
        if let Err(e) = Http::new(&self.http) {
            wrong.add("http", e);
        }
        // It becomes part of every link that is sent.
        if let Some(Err(reason)) = self.external_url.as_deref().map(address::check) {
            wrong.add("external_url", reason);
        }
        if self.retry.max_attempts == 0 || self.retry.max_age_h == 0 {
            wrong.add("retry", "max_attempts and max_age_h are at least 1");
        }
        let names = self.check_receivers(&mut wrong);
        self.check_routes(&names, &mut wrong);
        wrong.0
    }

    fn check_receivers(&self, wrong: &mut InvalidKeys) -> Vec<String> {
        let mut names = Vec::new();
        for (i, receiver) in self.receivers.iter().enumerate() {
            let key = |of: &str| format!("receivers[{i}].{of}");
            if names.contains(&receiver.name) {
                wrong.add(&key("name"), format!("'{}' is already in use", receiver.name));
            }
            names.push(receiver.name.clone());
            if receiver.per_minute == Some(0) {
                wrong.add(&key("per_minute"), "it is at least 1");
            }
            let bad = receiver.to.check().err().into_iter();
            let bad = bad.chain(receiver.to.urls().into_iter().filter_map(|url| check_url(url, &self.http).err()));
            bad.for_each(|e| wrong.add(&key("to"), format!("{}: {e}", receiver.name)));
        }
        names
    }

    fn check_routes(&self, receivers: &[String], wrong: &mut InvalidKeys) {
        let mut names = BTreeSet::new();
        for (i, route) in self.routes.iter().enumerate() {
            let key = |of: &str| format!("routes[{i}].{of}");
            if !names.insert(route.name.as_str()) {
                wrong.add(&key("name"), format!("'{}' is already in use", route.name));
            }
            if route.name.is_empty() || route.name.len() > MAX_ROUTE_NAME || !route.name.chars().all(is_plain) {
                wrong.add(
                    &key("name"),
                    format!("a name is 1 to {MAX_ROUTE_NAME} letters, digits, dots, hyphens or underscores"),
                );
            }
            if !receivers.contains(&route.receiver) {
                let hint = match similar_names(&route.receiver, receivers).first() {
                    Some(name) => format!("did you mean '{name}'?"),
                    None => format!("there are: {}", receivers.join(", ")),
                };
                wrong.add(&key("receiver"), format!("there is no receiver '{}'; {hint}", route.receiver));
            }
            for (of, text) in [("title", &route.title), ("text", &route.text)] {
                if let Some(Err(e)) = text.as_deref().map(template::check) {
                    wrong.add(&key(of), e);
                }
            }
        }
    }
}

/// Invalid keys, each with the reason.
#[derive(Default)]
struct InvalidKeys(Vec<(String, String)>);

impl InvalidKeys {
    fn add(&mut self, key: &str, reason: impl Into<String>) {
        self.0.push((key.to_owned(), reason.into()));
    }
}

/// Keys with the route's name in them go into headers.
const MAX_ROUTE_NAME: usize = 64;

fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_')
}
