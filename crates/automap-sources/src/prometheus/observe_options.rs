//! What to observe, and what came of it.

use automap_core::observation::Observation;
use automap_core::time::{Timestamp, WindowHint};
use serde::Serialize;

use super::bounds::MAX_SERVICES;
use super::client::FetchStats;

/// Even a fast scrape needs time to arrive: nothing younger than this is asked for.
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
    /// The present.
    pub now: Timestamp,
    /// Distance of samples. Unset: the scrape interval, or a multiple of it where a series would have more than
    /// [`super::MAX_USUAL_POINTS`] samples.
    pub step_ms: Option<i64>,
    /// How often the server scrapes. Unset: asked from the server.
    pub scrape_interval_ms: Option<i64>,
    /// Least age of the newest sample.
    pub settle_ms: i64,
    /// What is known about the incident; passed on.
    pub hint: WindowHint,
    /// Whether to ask for changes, in three requests more.
    pub changes: bool,
    /// Above how many services the pods of suspects alone are asked for, as a diagnosis needs them; `None`: those of all in any case.
    pub screen_above: Option<usize>,
    /// Above how many services the server picks those that are looked at, where `screen_above` is set; [`super::MAX_SERVICES`] unless a test has fewer.
    pub preselect_above: usize,
}

impl ObserveOptions {
    /// This namespace in this window; everything else is found out.
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
    /// What was seen.
    pub observation: Observation,
    /// The presets that were used, in order of trust.
    pub presets: Vec<Preset>,
    /// The clusters that the server has the namespace in.
    pub clusters: Vec<ClusterSeen>,
    /// How often the server scrapes, in milliseconds; samples are as far apart, or a multiple of it in long windows.
    pub scrape_ms: i64,
    /// What it cost.
    pub stats: FetchStats,
}

/// A cluster that a server knows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ClusterSeen {
    /// Its name.
    pub name: String,
    /// Whether the observation is of it, or of it among others.
    pub is_looked_at: bool,
}

/// A preset, as people know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preset {
    /// Its name: `istio-sidecar`.
    pub name: String,
    /// The system that it stands for: `Istio side-cars`.
    pub title: String,
    /// Whether it tells of services, and not only of stores, gateways, the DNS or hosts outside.
    pub is_of_services: bool,
}

/// How far the fetching is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress<'a> {
    /// Steps done.
    pub done: usize,
    /// Steps in all.
    pub total: usize,
    /// The step that was finished last, such as `latency`.
    pub what: &'a str,
}

/// A query of a diagnosis, before anything is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedQuery {
    /// What it is for: signals, or a word about finding the way.
    pub purpose: String,
    /// The expression.
    pub promql: String,
}
