//! One watched system: a namespace of services and the Prometheus that holds their metrics.

use std::collections::BTreeMap;
use std::path::PathBuf;

use automap_core::time_of_day::CompareWith;
use automap_sources::prometheus::{Auth, ClientOptions, NamespaceSpec, PresetError, Presets, TlsOptions};
use automap_sources::slo::{Slo, SloFileError};
use serde::Deserialize;

use super::duration::ConfigDuration;
use super::objective::{self, ObjectiveConfig};
use super::told::{FlagsConfig, GrafanaConfig};

/// Longest name of a target.
const MAX_NAME: usize = 63;

/// A watched system.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// Its name in incidents, messages and addresses: lower-case letters, digits and dashes.
    pub name: String,
    /// The Kubernetes namespace of its services, several with commas between them, or a pattern: `team-*`, `*`.
    pub namespace: String,
    /// Where its metrics are.
    pub prometheus: Prometheus,
    /// Time between two polls. Default 15 s.
    #[serde(default = "every")]
    pub every: ConfigDuration,
    /// How much of its metrics is kept in memory: the baseline and the incident. Default 1 h.
    #[serde(default = "remember")]
    pub remember: ConfigDuration,
    /// Time between two samples. Unset: the scrape interval.
    #[serde(default)]
    pub step: Option<ConfigDuration>,
    /// How often the server scrapes. Unset: queried from the server.
    #[serde(default)]
    pub scrape_interval: Option<ConfigDuration>,
    /// Whether to query the pods of all services if there are more than 1,000, not only of those that requests point to. Default false.
    #[serde(default)]
    pub full: bool,
    /// Whether to query changes: releases, scaling, configuration, … Default true.
    #[serde(default = "changes")]
    pub changes: bool,
    /// Whether to query, when an incident opens or its cause changes, which part of the cause it is: pod, node, version, … Default true.
    #[serde(default = "breakdown")]
    pub breakdown: bool,
    /// Which earlier days are queried for the same hours before an incident opens: `auto` (yesterday and a week ago, if the traffic moved, it is a
    /// drift, or a job began), `none`, or days such as `1d,7d`. Default `auto`.
    #[serde(default)]
    pub compare_with: CompareWith,
    /// A Grafana whose annotations are changes.
    #[serde(default)]
    pub grafana: Option<GrafanaConfig>,
    /// A server of feature flags.
    #[serde(default)]
    pub feature_flags: Option<FlagsConfig>,
    /// The Kubernetes label with the team of a workload, for services that match no owner of the configuration.
    #[serde(default)]
    pub team_label: Option<String>,
    /// Objectives of its services.
    #[serde(default)]
    pub slos: Vec<ObjectiveConfig>,
    /// Files of OpenSLO, Sloth and Pyrra with more of them.
    #[serde(default)]
    pub slo_files: Vec<PathBuf>,
    /// How long alerting rules wait (`for:`) before they fire: the onset is searched that much before the alert started.
    #[serde(default)]
    pub alert_for: Option<ConfigDuration>,
}

/// A Prometheus, or another server with its API.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prometheus {
    /// Address with its path prefix.
    pub url: String,
    /// Where people open it in a browser, for links to its queries. Unset: the same address.
    #[serde(default)]
    pub page: Option<String>,
    /// Cluster of the services, if the server has several; several separated by commas, or a pattern.
    #[serde(default)]
    pub cluster: Option<String>,
    /// User for basic authentication.
    #[serde(default)]
    pub username: Option<String>,
    /// File that holds the password.
    #[serde(default)]
    pub password_file: Option<PathBuf>,
    /// File that holds a token; read again for every request.
    #[serde(default)]
    pub bearer_token_file: Option<PathBuf>,
    /// Headers, such as `X-Scope-OrgID: shop`.
    #[serde(default)]
    pub headers: Vec<String>,
    /// Parameters of every request's address, such as `namespace=shop`.
    #[serde(default)]
    pub url_parameters: Vec<String>,
    /// Certificate authorities (PEM) to trust instead of the public ones.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// Client certificate (PEM).
    #[serde(default)]
    pub cert_file: Option<PathBuf>,
    /// Key of the client certificate (PEM).
    #[serde(default)]
    pub key_file: Option<PathBuf>,
    /// Accept any certificate; for testing only.
    #[serde(default)]
    pub insecure_skip_verify: bool,
    /// Files with presets for metrics that automap does not know.
    #[serde(default)]
    pub presets: Vec<PathBuf>,
    /// Maps an exporter to the store that it reports on: its workload, service, job or instance → store.
    #[serde(default)]
    pub stores: BTreeMap<String, String>,
    /// Timeout of one request. Default 30 s.
    #[serde(default = "timeout")]
    pub timeout: ConfigDuration,
}

const fn every() -> ConfigDuration {
    ConfigDuration::from_ms(15_000)
}

const fn changes() -> bool {
    true
}

fn breakdown() -> bool {
    true
}

const fn remember() -> ConfigDuration {
    ConfigDuration::from_ms(3_600_000)
}

const fn timeout() -> ConfigDuration {
    ConfigDuration::from_ms(30_000)
}

/// Headers and parameters may hold secrets, an address may hold a password.
impl std::fmt::Debug for Prometheus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Prometheus")
            .field("username", &self.username)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

/// The name of a target that was not given one: `shop-bank` for `shop,bank`, `team` for `team-*`, `all` for `*`.
fn name_of(namespace: &str) -> String {
    if NamespaceSpec::parse(namespace).is_one() {
        return namespace.to_owned();
    }
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let name: String = namespace.chars().map(plain).collect();
    let words: Vec<&str> = name.split('-').filter(|word| !word.is_empty()).collect();
    let name: String = words.join("-").chars().take(MAX_NAME).collect();
    if name.is_empty() { "all".to_owned() } else { name }
}

impl Target {
    /// A namespace and its server, with defaults for everything else; the target is named after the namespace, or after what several have in common.
    ///
    /// # Errors
    /// The key that is wrong, and why.
    pub fn new(namespace: &str, url: &str) -> Result<Self, (String, String)> {
        let prometheus = Prometheus {
            url: url.to_owned(),
            page: None,
            cluster: None,
            username: None,
            password_file: None,
            bearer_token_file: None,
            headers: Vec::new(),
            url_parameters: Vec::new(),
            ca_file: None,
            cert_file: None,
            key_file: None,
            insecure_skip_verify: false,
            presets: Vec::new(),
            stores: BTreeMap::new(),
            timeout: timeout(),
        };
        let target = Self {
            name: name_of(namespace),
            namespace: namespace.to_owned(),
            prometheus,
            every: every(),
            remember: remember(),
            step: None,
            scrape_interval: None,
            full: false,
            changes: changes(),
            breakdown: breakdown(),
            compare_with: CompareWith::default(),
            grafana: None,
            feature_flags: None,
            team_label: None,
            slos: Vec::new(),
            slo_files: Vec::new(),
            alert_for: None,
        };
        target.check()?;
        Ok(target)
    }

    /// Its objectives, including those of files, which are read now.
    ///
    /// # Errors
    /// [`SloFileError`], which names the file.
    pub fn objectives(&self) -> Result<Vec<Slo>, SloFileError> {
        objective::all(&self.slos, &self.slo_files)
    }

    pub(super) fn check(&self) -> Result<(), (String, String)> {
        let wrong = |key: &str, reason: &str| Err((key.to_owned(), reason.to_owned()));
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if self.name.is_empty() || self.name.len() > MAX_NAME || !self.name.chars().all(plain) {
            return wrong("name", "write up to 63 lower-case letters, digits and dashes");
        }
        if self.namespace.split(',').all(|part| part.trim().is_empty()) {
            return wrong("namespace", "it is empty: which namespace do the services run in?");
        }
        if self.every.ms() < 1000 || self.every.ms() > 600_000 {
            return wrong("every", "write 1s to 10m");
        }
        if self.remember.ms() < 10 * self.every.ms() {
            return wrong("remember", "it must be at least ten times `every`");
        }
        self.grafana.as_ref().map_or(Ok(()), GrafanaConfig::check)?;
        self.feature_flags.as_ref().map_or(Ok(()), FlagsConfig::check)?;
        for (i, slo) in self.slos.iter().enumerate() {
            slo.slo().map_err(|(key, reason)| (format!("slos[{i}].{key}"), reason))?;
        }
        self.prometheus.check().map_err(|(key, reason)| (format!("prometheus.{key}"), reason))
    }
}

impl Prometheus {
    fn check(&self) -> Result<(), (String, String)> {
        let wrong = |key: &str, reason: &str| Err((key.to_owned(), reason.to_owned()));
        if !self.url.starts_with("http://") && !self.url.starts_with("https://") {
            return wrong("url", "it begins with neither http:// nor https://");
        }
        if self.username.is_some() != self.password_file.is_some() {
            return wrong("username", "username and password_file go together");
        }
        if self.username.is_some() && self.bearer_token_file.is_some() {
            return wrong("bearer_token_file", "either a token or a user and a password");
        }
        if self.cert_file.is_some() != self.key_file.is_some() {
            return wrong("cert_file", "cert_file and key_file go together");
        }
        let is_nameless = |p: &String| p.split_once('=').is_none_or(|(name, _)| name.trim().is_empty());
        if let Some(i) = self.url_parameters.iter().position(is_nameless) {
            return wrong(&format!("url_parameters[{i}]"), "write it as 'name=value'");
        }
        match self.headers.iter().position(|h| h.split_once(':').is_none_or(|(name, _)| name.trim().is_empty())) {
            Some(i) => wrong(&format!("headers[{i}]"), "write it as 'Name: value'"),
            None => Ok(()),
        }
    }

    /// The options of the client that queries it. Reads the preset files.
    ///
    /// # Errors
    /// [`PresetError`] names the file, the preset and the key.
    pub fn client_options(&self) -> Result<ClientOptions, PresetError> {
        let presets = self.presets.iter().try_fold(Presets::default(), |all, file| all.with_file(file))?;
        let presets = presets.with_stores(self.stores.clone());
        let auth =
            Auth::from_files(self.username.as_ref(), self.password_file.as_ref(), self.bearer_token_file.as_ref());
        let header = |h: &String| h.split_once(':').map(|(n, v)| (n.trim().to_owned(), v.trim().into()));
        let parameter = |p: &String| p.split_once('=').map(|(n, v)| (n.trim().to_owned(), v.into()));
        Ok(ClientOptions {
            auth,
            presets,
            parameters: self.url_parameters.iter().filter_map(parameter).collect(),
            headers: self.headers.iter().filter_map(header).collect(),
            tls: TlsOptions {
                ca_file: self.ca_file.clone(),
                cert_file: self.cert_file.clone(),
                key_file: self.key_file.clone(),
                insecure_skip_verify: self.insecure_skip_verify,
            },
            timeout: self.timeout.duration(),
            cluster: self.cluster.clone(),
            ..ClientOptions::new(&self.url)
        })
    }
}
