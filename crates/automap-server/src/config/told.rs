//! Where changes of a target are read besides Prometheus: a Grafana and a server of feature flags.

use std::collections::BTreeMap;

use automap_sources::grafana::{Grafana, GrafanaError};
use serde::Deserialize;

use crate::address;
use crate::secret::SecretSource;

/// A Grafana whose annotations are read as changes.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GrafanaConfig {
    /// Its address.
    pub url: String,
    /// Where a token is that may read annotations.
    #[serde(default)]
    pub token: Option<SecretSource>,
    /// Annotations with any of these tags are changes; all if none is given.
    #[serde(default)]
    pub tags: Vec<String>,
}

/// A server of feature flags that speaks OFREP.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FlagsConfig {
    /// Its address, before `/ofrep/v1/…`.
    pub url: String,
    /// Where a bearer token is.
    #[serde(default)]
    pub token: Option<SecretSource>,
    /// The context that flags are evaluated for.
    #[serde(default)]
    pub context: BTreeMap<String, String>,
}

impl GrafanaConfig {
    /// A reader for it.
    ///
    /// # Errors
    /// [`GrafanaError`] when the address cannot be used.
    pub fn grafana(&self) -> Result<Grafana, GrafanaError> {
        Grafana::new(&self.url, self.token.clone(), self.tags.clone())
    }

    pub(super) fn check(&self) -> Result<(), (String, String)> {
        self.grafana().map(|_| ()).map_err(|e| ("grafana.url".to_owned(), e.reason))
    }
}

impl FlagsConfig {
    pub(super) fn check(&self) -> Result<(), (String, String)> {
        if address::check(&self.url).is_ok() && !self.url.contains(['?', '#', ' ']) {
            return Ok(());
        }
        let reason = "write http://… or https://… without credentials and parameters";
        Err(("feature_flags.url".to_owned(), reason.to_owned()))
    }
}
