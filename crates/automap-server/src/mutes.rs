//! Mutes: times in which nobody is notified of some incidents, such as a maintenance window. Incidents open, change and close all the same, and
//! say that they are muted. They come from three places: the configuration (`mutes.windows`), the API and the command line (kept in the store),
//! and silences of Alertmanagers (`mutes.alertmanagers`).
//!
//! Worked example: `mutes.windows` holds `backup`, Saturdays 02:00 to 05:00, for the services `*-db`. At 02:10 `orders-db` turns slow and an incident
//! opens with it as the cause: no message is queued, and the timeline says why. At 05:00 the incident is still open: the mute is over, and every
//! route that wants it is notified that it *opened*. If it had closed by then, nobody would have been notified. If a route was notified before the
//! mute began, it is still notified of the end, so that no pager stays red.

mod config;
mod known;
mod matcher;
mod request;
mod silence;
mod weekly;

use std::collections::BTreeMap;

use automap_core::incident::{Incident, Muted};
use automap_core::time::Timestamp;
use automap_sources::prometheus::{ClusterSpec, NamespaceSpec};
use parking_lot::Mutex;
use schemars::JsonSchema;
use serde::Serialize;

use crate::notify::glob::matches;
use crate::store::{Mute, MuteStore, StoreError};

pub use config::{AlertmanagerSource, MutesConfig, Window};
pub use known::{Known, Unknown};
pub use request::{MAX_LENGTH_MS, MuteError, MuteRequest, add};
pub use silence::{ReadSilences, Silence, SilenceError, read as read_silences};

/// Every mute that is known, and which one applies to an incident.
#[derive(Debug, Default)]
pub struct Mutes {
    windows: Vec<Window>,
    /// Namespace and cluster of each target, as silences name them.
    targets: BTreeMap<String, (String, Option<String>)>,
    known: Mutex<Read>,
}

/// What was read last. It stays valid while the store or an Alertmanager does not answer, since every mute has an end.
#[derive(Debug, Default)]
struct Read {
    kept: Vec<Mute>,
    /// By the Alertmanager's address.
    silences: BTreeMap<String, Vec<Silence>>,
}

/// One mute in a listing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ListedMute {
    /// The mute. `id` is the name of a window, or `silence <id>` of an Alertmanager.
    #[serde(flatten)]
    pub mute: Mute,
    /// Where it comes from.
    pub origin: MuteOrigin,
    /// Whether it applies now.
    pub is_active: bool,
}

/// Where a mute comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MuteOrigin {
    /// A window of the configuration; listed while it applies.
    Configuration,
    /// Made over the API or the command line.
    Store,
    /// A silence of an Alertmanager, with its matchers as the reason.
    Alertmanager,
}

impl Mutes {
    /// The windows of the configuration; the others are empty until they are read. `targets`: name, namespace and cluster of each.
    pub fn new(config: &MutesConfig, targets: impl IntoIterator<Item = (String, String, Option<String>)>) -> Self {
        let targets = targets.into_iter().map(|(name, namespace, cluster)| (name, (namespace, cluster))).collect();
        Self { windows: config.windows.clone(), targets, known: Mutex::default() }
    }

    /// Reads the mutes that the store holds.
    ///
    /// # Errors
    /// [`StoreError`]; what was read before stays valid.
    pub fn refresh(&self, store: &dyn MuteStore, now: Timestamp) -> Result<(), StoreError> {
        let kept = store.mutes(now)?;
        self.known.lock().kept = kept;
        Ok(())
    }

    /// Replaces the silences of an Alertmanager.
    pub fn set_silences(&self, address: &str, silences: Vec<Silence>) {
        self.known.lock().silences.insert(address.to_owned(), silences);
    }

    /// The mute that applies to an incident now; of several the one that ends last.
    pub fn of(&self, incident: &Incident, now: Timestamp) -> Option<Muted> {
        let known = self.known.lock();
        let windows = self.windows.iter().filter(|w| covers(&w.targets, &w.services, incident));
        let windows = windows.filter_map(|w| Some(Muted { by: w.name.clone(), until: w.active(now)?.end }));
        let kept = known.kept.iter().filter(|m| m.applies(now) && covers(&m.targets, &m.services, incident));
        let kept = kept.map(|m| Muted { by: m.id.clone(), until: m.until });
        let labels = self.labels(incident);
        let silences = known.silences.values().flatten().filter(|s| s.applies(now) && s.matches(&labels));
        let silences = silences.map(|s| Muted { by: s.name(), until: s.until });
        windows.chain(kept).chain(silences).max_by(|a, b| (a.until, &b.by).cmp(&(b.until, &a.by)))
    }

    /// Every mute that applies now or later, by origin and id.
    pub fn list(&self, now: Timestamp) -> Vec<ListedMute> {
        let known = self.known.lock();
        let windows = self.windows.iter().filter_map(|w| w.mute(now)).map(|m| (MuteOrigin::Configuration, m));
        let kept = known.kept.iter().filter(|m| m.until > now).map(|m| (MuteOrigin::Store, m.clone()));
        let silences = known.silences.values().flatten().filter(|s| s.until > now);
        let silences = silences.map(|s| (MuteOrigin::Alertmanager, s.applies(now), s.mute()));
        let all = windows.chain(kept).map(|(origin, mute)| (origin, mute.applies(now), mute)).chain(silences);
        let mut all: Vec<ListedMute> =
            all.map(|(origin, is_active, mute)| ListedMute { is_active, origin, mute }).collect();
        all.sort_by(|a, b| (a.origin, &a.mute.id).cmp(&(b.origin, &b.mute.id)));
        all
    }

    /// The labels that a silence may match: those of the alert that automap sends to an Alertmanager, and where the incident is.
    fn labels(&self, incident: &Incident) -> BTreeMap<&'static str, String> {
        let mut labels = BTreeMap::from([
            ("alertname", "AutomapIncident".to_owned()),
            ("incident", incident.id.clone()),
            ("target", incident.target.clone()),
            ("severity", incident.severity.as_str().to_owned()),
        ]);
        let place = self.targets.get(&incident.target);
        // If a target has several clusters or namespaces, its services' names carry theirs, the cluster first.
        let has_clusters = place.is_some_and(|(_, c)| c.as_ref().is_some_and(|c| !ClusterSpec::parse(c).is_one()));
        let cause = incident.cause.as_ref().map_or("", |cause| cause.service.as_str());
        let (of_cluster, cause) = match cause.split_once('/').filter(|_| has_clusters) {
            Some((cluster, rest)) => (Some(cluster), rest),
            None => (None, cause),
        };
        let of_cause = cause.split_once('/');
        labels.extend(place.map(|(namespace, _)| {
            let is_one = NamespaceSpec::parse(namespace).is_one();
            let of_cause = of_cause.filter(|_| !is_one).map(|(namespace, _)| namespace.to_owned());
            ("namespace", of_cause.unwrap_or_else(|| namespace.clone()))
        }));
        let cluster = place.and_then(|(_, cluster)| cluster.clone());
        labels.extend(cluster.map(|cluster| ("cluster", of_cluster.map_or(cluster, ToOwned::to_owned))));
        labels.extend(incident.owner.as_ref().and_then(|o| Some(("team", o.team.clone()?))));
        if let Some(cause) = &incident.cause {
            labels.extend(["service", "rca_service"].map(|name| (name, cause.service.clone())));
        }
        labels
    }
}

impl Mute {
    fn applies(&self, now: Timestamp) -> bool {
        self.from <= now && now < self.until
    }
}

/// Whether patterns cover an incident. While no cause is named, every service with symptoms must match: one that does not may be the cause.
fn covers(targets: &[String], services: &[String], incident: &Incident) -> bool {
    let fits = |patterns: &[String], name: &str| patterns.is_empty() || patterns.iter().any(|p| matches(p, name));
    let affected = incident.services();
    fits(targets, &incident.target)
        && (services.is_empty() || (!affected.is_empty() && affected.iter().all(|s| fits(services, s))))
}

#[cfg(test)]
mod tests;
