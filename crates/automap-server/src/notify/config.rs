//! The configuration of notifications, and what is wrong with it.

use std::collections::BTreeSet;

use automap_core::incident::Incident;
use automap_sources::nearest;
use serde::Deserialize;

use super::backoff::RetryOptions;
use super::http::{Http, HttpOptions};
use super::receiver::{Kind, check_url};
use super::route::{Owner, Route, wants};
use super::template;

/// Most receivers, routes and owners each.
pub const MAX_ENTRIES: usize = 1000;

/// Everything about notifications.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NotifyConfig {
    /// Where people reach this automap, for links: `https://automap.example.org`. `/incidents/<id>` is added.
    pub external_url: Option<String>,
    /// How receivers are reached.
    pub http: HttpOptions,
    /// How often and how long a message is tried.
    pub retry: RetryOptions,
    /// Who can be told.
    pub receivers: Vec<ReceiverConfig>,
    /// Who hears of what. Every route that wants an incident gets it.
    pub routes: Vec<Route>,
    /// Whose services they are; the first entry that fits counts.
    pub owners: Vec<Owner>,
}

/// One receiver.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReceiverConfig {
    /// Its name, for routes.
    pub name: String,
    /// What it is and where.
    pub to: Kind,
    /// Most messages a minute. Default: what the service allows, or no limit where it says nothing.
    pub per_minute: Option<u32>,
}

impl NotifyConfig {
    /// The routes that have to hear of this change of an incident. `told`: those that heard of it before ([`crate::store::Store::told`]).
    pub fn routes_for(&self, incident: &Incident, told: &[String]) -> Vec<String> {
        let wanted = self.routes.iter().filter(|r| wants(r, &self.owners, incident, told.contains(&r.name)));
        wanted.map(|r| r.name.clone()).collect()
    }

    /// The incident's page.
    pub(super) fn link(&self, id: &str) -> Option<String> {
        let base = self.external_url.as_deref()?.trim_end_matches('/');
        Some(format!("{base}/incidents/{}", super::receiver::percent(id)))
    }

    /// What is wrong, each with its place; empty when nothing is. Reads no secret and connects to nothing.
    pub fn check(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        for (what, count) in
            [("receivers", self.receivers.len()), ("routes", self.routes.len()), ("owners", self.owners.len())]
        {
            if count > MAX_ENTRIES {
                wrong.push(format!("{what}: {count} are more than {MAX_ENTRIES}"));
            }
        }
        if let Err(e) = Http::new(&self.http) {
            wrong.push(e);
        }
        if let Some(url) = &self.external_url
            && !(url.starts_with("http://") || url.starts_with("https://"))
        {
            wrong.push(format!("external_url: {url} is no http or https address"));
        }
        if self.retry.max_attempts == 0 || self.retry.max_age_h == 0 {
            wrong.push("retry: max_attempts and max_age_h are at least 1".to_owned());
        }
        let mut names = BTreeSet::new();
        for receiver in &self.receivers {
            let place = format!("receiver {}", receiver.name);
            if !names.insert(receiver.name.as_str()) {
                wrong.push(format!("{place}: the name is used twice"));
            }
            if receiver.per_minute == Some(0) {
                wrong.push(format!("{place}: per_minute is at least 1"));
            }
            let bad = receiver.to.check().err().into_iter();
            let bad = bad.chain(receiver.to.urls().into_iter().filter_map(|url| check_url(url, &self.http).err()));
            wrong.extend(bad.map(|e| format!("{place}: {e}")));
        }
        let mut routes = BTreeSet::new();
        for route in &self.routes {
            let place = format!("route {}", route.name);
            if !routes.insert(route.name.as_str()) {
                wrong.push(format!("{place}: the name is used twice"));
            }
            if route.name.is_empty() || route.name.len() > MAX_ROUTE_NAME || !route.name.chars().all(is_plain) {
                wrong.push(format!(
                    "{place}: a name is 1 to {MAX_ROUTE_NAME} letters, digits, dots, hyphens or underscores"
                ));
            }
            if !names.contains(route.receiver.as_str()) {
                let known: Vec<String> = names.iter().map(|n| (*n).to_owned()).collect();
                let hint = match nearest::names(&route.receiver, &known).first() {
                    Some(name) => format!("did you mean '{name}'?"),
                    None => format!("there are: {}", known.join(", ")),
                };
                wrong.push(format!("{place}: there is no receiver {}; {hint}", route.receiver));
            }
            let templates = route.title.iter().chain(&route.text);
            wrong.extend(templates.filter_map(|t| template::check(t).err()).map(|e| format!("{place}: {e}")));
        }
        wrong
    }
}

/// Keys with the route's name in them go into headers.
const MAX_ROUTE_NAME: usize = 64;

fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_')
}
