//! The metrics of one target, from its Prometheus.

use automap_core::observation::Observation;
use automap_core::time::Timestamp;
use automap_sources::prometheus::{Client, ObserveOptions, observe};

use crate::watcher::Source;

/// Asks a Prometheus on every look.
#[derive(Debug)]
pub struct PrometheusSource {
    client: Client,
    namespace: String,
    remember_ms: i64,
}

impl PrometheusSource {
    /// The services of one namespace, and how much of their past is seen.
    pub fn new(client: Client, namespace: impl Into<String>, remember_ms: i64) -> Self {
        Self { client, namespace: namespace.into(), remember_ms }
    }
}

impl Source for PrometheusSource {
    fn look(&mut self, now: Timestamp) -> Result<Observation, String> {
        let options = ObserveOptions::new(&self.namespace, now.plus_ms(-self.remember_ms), now, now);
        observe(&self.client, &options, &|_| {}).map(|f| f.observation).map_err(|e| e.to_string())
    }
}
