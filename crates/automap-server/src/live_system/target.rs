//! A target of the configuration, ready to be polled: its client, its objectives and its counters.

use std::sync::Arc;

use automap_sources::prometheus::Client;
use automap_sources::slo::{Slo, SloFileError};

use super::counters::Counters;
use crate::address;
use crate::changes::ToldChanges;
use crate::config::{Config, Prometheus, Target};
use crate::gate::Gate;
use crate::store::Store;

/// Why the targets of a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The configuration names nothing to watch.
    #[error("no target is configured: name one under `targets:`, or give --prometheus and --namespace")]
    NoTarget,
    /// A server's address, header or certificate cannot be used.
    #[error("target {target}: {message}")]
    Client {
        /// Which target.
        target: String,
        /// Why.
        message: String,
    },
    /// A file of objectives cannot be used.
    #[error(transparent)]
    Slo(#[from] SloFileError),
}

/// A target and what is needed to poll it.
#[derive(Debug)]
pub(crate) struct MonitoredTarget {
    pub(crate) target: Target,
    pub(crate) client: Client,
    /// Limits how many targets of its server are polled at once.
    pub(crate) gate: Gate,
    pub(crate) slos: Vec<Slo>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) told: Arc<ToldChanges>,
}

/// A server, and what its targets share: connections, certificates, presets.
struct Shared<'a> {
    config: &'a Prometheus,
    client: Client,
    gate: Gate,
}

impl MonitoredTarget {
    /// All targets of a configuration. Their servers are not contacted.
    pub(super) fn all_of(config: &Config, store: &Arc<dyn Store>) -> Result<Vec<Self>, SetupError> {
        if config.targets.is_empty() {
            return Err(SetupError::NoTarget);
        }
        let mut servers: Vec<Shared<'_>> = Vec::new();
        let mut all = Vec::with_capacity(config.targets.len());
        for target in &config.targets {
            let known = servers.iter().position(|server| *server.config == target.prometheus);
            let server = match known {
                Some(at) => servers.swap_remove(at),
                None => Shared::new(target, &servers)?,
            };
            all.push(Self::new(target, &server, store)?);
            servers.push(server);
        }
        Ok(all)
    }

    /// Where people open its Prometheus.
    pub(super) fn query_page(&self) -> String {
        self.target.prometheus.page.clone().unwrap_or_else(|| self.client.address().to_owned())
    }

    fn new(target: &Target, server: &Shared<'_>, store: &Arc<dyn Store>) -> Result<Self, SetupError> {
        let slos = target.objectives()?;
        let (grafana, flags) = (target.grafana.as_ref(), target.feature_flags.as_ref());
        let told = ToldChanges::new(&target.name, grafana, flags, store)
            .map_err(|message| SetupError::Client { target: target.name.clone(), message })?;
        let (client, gate) = (server.client.clone(), server.gate.clone());
        Ok(Self { target: target.clone(), client, gate, slos, counters: Arc::default(), told: Arc::new(told) })
    }
}

impl<'a> Shared<'a> {
    /// The server of a target. If another target of the configuration has the same address, they share a gate.
    fn new(target: &'a Target, others: &[Self]) -> Result<Self, SetupError> {
        let failed = |message: String| SetupError::Client { target: target.name.clone(), message };
        let config = &target.prometheus;
        let options = config.client_options().map_err(|e| failed(e.to_string()))?;
        let client = Client::new(options).map_err(|e| failed(e.to_string()))?;
        if let Some(Err(reason)) = config.page.as_deref().map(address::check) {
            return Err(failed(format!("prometheus.page is no address for a browser: {reason}")));
        }
        let same = others.iter().find(|other| other.client.address() == client.address());
        Ok(Self { config, gate: same.map(|other| other.gate.clone()).unwrap_or_default(), client })
    }
}
