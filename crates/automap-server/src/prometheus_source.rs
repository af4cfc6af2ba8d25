//! The metrics of one target, from its Prometheus.

use automap_core::observation::Observation;
use automap_core::time::Timestamp;
use automap_sources::prometheus::{Client, ObserveOptions, observe};

use crate::config::{Span, Target};
use crate::watcher::Source;

/// Asks a Prometheus on every look.
#[derive(Debug)]
pub struct PrometheusSource {
    client: Client,
    namespace: String,
    remember_ms: i64,
    step_ms: Option<i64>,
    scrape_interval_ms: Option<i64>,
}

impl PrometheusSource {
    /// The services of one namespace, and how much of their past is seen.
    pub fn new(client: Client, namespace: impl Into<String>, remember_ms: i64) -> Self {
        Self { client, namespace: namespace.into(), remember_ms, step_ms: None, scrape_interval_ms: None }
    }

    /// As a target of the configuration says.
    pub fn of(client: Client, target: &Target) -> Self {
        Self {
            step_ms: target.step.map(Span::ms),
            scrape_interval_ms: target.scrape_interval.map(Span::ms),
            ..Self::new(client, &target.namespace, target.remember.ms())
        }
    }
}

impl Source for PrometheusSource {
    fn look(&mut self, now: Timestamp) -> Result<Observation, String> {
        let options = ObserveOptions {
            step_ms: self.step_ms,
            scrape_interval_ms: self.scrape_interval_ms,
            ..ObserveOptions::new(&self.namespace, now.plus_ms(-self.remember_ms), now, now)
        };
        observe(&self.client, &options, &|_| {}).map(|f| f.observation).map_err(|e| e.to_string())
    }
}
