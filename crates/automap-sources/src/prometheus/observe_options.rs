//! What to observe, and the result.

use automap_core::observation::Observation;
use automap_core::time::{Timestamp, WindowHint};
use serde::Serialize;

use super::bounds::MAX_SERVICES;
use super::client::FetchStats;

/// Even a fast scrape takes time to arrive: no samples younger than this are queried.
pub const DEFAULT_SETTLE_MS: i64 = 5_000;

/// What to observe.
#[derive(Clone, Debug)]
pub struct ObserveOptions {
    /// The Kubernetes namespace, several between commas, or patterns with `*` ([`super::NamespaceSpec`]).
    pub namespace: String,
    /// Start of the data; moved to a multiple of the step.
    pub from: Timestamp,
    /// End of the data; moved likewise, and back to what is settled: `now` minus two scrapes or `settle_ms`.
    pub to: Timestamp,
    /// The current time.
    pub now: Timestamp,
    /// Distance of samples. Unset: the scrape interval, or a multiple of it where a series would have more than
    /// [`super::MAX_USUAL_POINTS`] samples.
    pub step_ms: Option<i64>,
    /// How often the server scrapes. Unset: the server is asked.
    pub scrape_interval_ms: Option<i64>,
    /// Least age of the newest sample.
    pub settle_ms: i64,
    /// What is known about the incident; passed on.
    pub hint: WindowHint,
    /// Whether to query changes, in three more requests.
    pub changes: bool,
    /// Above this many services, only the pods of suspects are queried, as far as a diagnosis needs them; `None`: always those of all services.
    pub screen_above: Option<usize>,
    /// Above this many services, the server picks those that are observed, if `screen_above` is set; [`super::MAX_SERVICES`] except in tests.
    pub preselect_above: usize,
}

impl ObserveOptions {
    /// This namespace in this window; everything else is detected.
    pub fn new(namespace: impl Into<String>, from: Timestamp, to: Timestamp, now: Timestamp) -> Self {
        Self {
            namespace: namespace.into(),
            from,
            to,
            now,
            step_ms: None,
            scrape_interval_ms: None,
            settle_ms: DEFAULT_SETTLE_MS,
            hint: WindowHint::default(),
            changes: true,
            screen_above: None,
            preselect_above: MAX_SERVICES,
        }
    }
}

/// An observation and its cost.
#[derive(Clone, Debug)]
pub struct Fetched {
    /// The observation.
    pub observation: Observation,
    /// The presets in use, in order of trust.
    pub presets: Vec<Preset>,
    /// The clusters that the server has the namespace in.
    pub clusters: Vec<ClusterSeen>,
    /// How often the server scrapes, in milliseconds; samples are as far apart, or a multiple of it in long windows.
    pub scrape_ms: i64,
    /// The cost.
    pub stats: FetchStats,
}

/// A cluster that a server knows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ClusterSeen {
    /// Its name.
    pub name: String,
    /// Whether the observation covers it, alone or among others.
    pub is_looked_at: bool,
}

/// A preset, as shown to users.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preset {
    /// Its name: `istio-sidecar`.
    pub name: String,
    /// The system that it is for: `Istio side-cars`.
    pub title: String,
    /// Whether it covers services, rather than only stores, gateways, the DNS or external hosts.
    pub is_of_services: bool,
}

/// Progress of fetching.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress<'a> {
    /// Steps done.
    pub done: usize,
    /// Total number of steps.
    pub total: usize,
    /// The step that was finished last, such as `latency`.
    pub what: &'a str,
}

/// A query of a diagnosis, before anything is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedQuery {
    /// Its purpose: the signals, or a word for a preparatory step.
    pub purpose: String,
    /// The expression.
    pub promql: String,
}
