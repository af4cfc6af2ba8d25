//! Which Prometheus is queried, with which credentials: options that several commands share.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, bail};
use automap_core::DiagnoseOptions;
use automap_core::observation::Observation;
use automap_core::screening;
use automap_core::second_look::SecondLookOptions;
use automap_core::time::Timestamp;
use automap_core::time_of_day::CompareWith;
use automap_sources::prometheus::{
    Auth, Client, ClientOptions, FetchStats, Fetched, ObserveOptions, Presets, Progress, TlsOptions, observe,
    observe_closely,
};
use clap::Args;
use jiff::ZonedDateTime;

use super::parse::{header, millis, span, url_parameter};
use super::time::TimeArgs;
use crate::console::bar;

/// A live server.
#[derive(Args, Clone, Debug)]
pub(crate) struct PrometheusArgs {
    /// Address of Prometheus (or Thanos, Mimir, VictoriaMetrics), with its path prefix
    #[arg(long, value_name = "URL", help_heading = "Prometheus")]
    pub(crate) prometheus: Option<String>,
    /// Kubernetes namespace of the services; comma-separated or repeated for several, or a pattern such as 'team-*'
    #[arg(long, short, value_name = "NAME", help_heading = "Prometheus")]
    namespace: Vec<String>,
    /// All namespaces except the cluster's own (kube-system, …), like -n '*'
    #[arg(long, short = 'A', conflicts_with = "namespace", help_heading = "Prometheus")]
    all_namespaces: bool,
    /// Cluster of the services, if the server has several (label cluster, k8s_cluster_name, …); comma-separated, or a pattern such as 'prod-*'
    #[arg(long, value_name = "NAME", help_heading = "Prometheus")]
    pub(super) cluster: Option<String>,
    /// User for basic authentication, with --password-file
    #[arg(long, value_name = "NAME", requires = "password_file", help_heading = "Prometheus")]
    pub(super) username: Option<String>,
    /// File with the password
    #[arg(long, value_name = "FILE", requires = "username", help_heading = "Prometheus")]
    pub(super) password_file: Option<PathBuf>,
    /// File with a bearer token; read again for every request
    #[arg(long, value_name = "FILE", conflicts_with = "username", help_heading = "Prometheus")]
    pub(super) bearer_token_file: Option<PathBuf>,
    /// Header to send with every request, such as 'X-Scope-OrgID: shop'; may be repeated
    #[arg(long, value_name = "NAME: VALUE", value_parser = header, help_heading = "Prometheus")]
    pub(super) header: Vec<(String, String)>,
    /// URL parameter to add to every request, such as 'namespace=shop'; may be repeated
    #[arg(long, value_name = "NAME=VALUE", value_parser = url_parameter, help_heading = "Prometheus")]
    pub(super) url_parameter: Vec<(String, String)>,
    /// Certificate authorities (PEM) to trust instead of the public ones
    #[arg(long, value_name = "FILE", help_heading = "Prometheus")]
    pub(super) ca_file: Option<PathBuf>,
    /// Client certificate (PEM)
    #[arg(long, value_name = "FILE", requires = "key_file", help_heading = "Prometheus")]
    pub(super) cert_file: Option<PathBuf>,
    /// Key of the client certificate (PEM)
    #[arg(long, value_name = "FILE", requires = "cert_file", help_heading = "Prometheus")]
    pub(super) key_file: Option<PathBuf>,
    /// Accept any certificate; for experiments only
    #[arg(long, help_heading = "Prometheus")]
    pub(super) insecure_skip_verify: bool,
    /// File with presets for metrics that automap does not know; may be repeated (`automap config presets` prints examples)
    #[arg(long, value_name = "FILE", help_heading = "Prometheus")]
    pub(super) presets: Vec<PathBuf>,
    /// Store that an exporter (named by workload, service, job or instance) belongs to, such as redis-exporter=session-db; may be repeated
    #[arg(long, value_name = "EXPORTER=STORE", value_parser = store_of, help_heading = "Prometheus")]
    pub(super) exporter: Vec<(String, String)>,
    /// Timeout of one request
    #[arg(long, value_name = "SPAN", default_value = "30s", value_parser = span, help_heading = "Prometheus")]
    pub(super) timeout: Duration,
    /// Time between two samples [default: the scrape interval]
    #[arg(long, value_name = "SPAN", value_parser = span, help_heading = "Prometheus")]
    pub(super) step: Option<Duration>,
    /// How often the server scrapes [default: read from the server]
    #[arg(long, value_name = "SPAN", value_parser = span, help_heading = "Prometheus")]
    pub(super) scrape_interval: Option<Duration>,
    /// With more than 1,000 services, query the pods of all of them, not only of suspects
    #[arg(long, help_heading = "Prometheus")]
    pub(super) full: bool,
    /// Do not query changes: releases, scaling, configuration, … (saves three requests)
    #[arg(long, help_heading = "Prometheus")]
    pub(super) no_changes: bool,
    /// Do not break the cause down by pod, node, version, response code, caller and route (saves two requests)
    #[arg(long, help_heading = "Prometheus")]
    pub(super) no_breakdown: bool,
    /// Earlier days to compare at the same hour: auto (yesterday and a week ago, if worth querying), none, or days such as 1d,7d
    #[arg(long, value_name = "DAYS", default_value = "auto", help_heading = "Prometheus")]
    pub(super) compare_with: CompareWith,
}

/// `redis-exporter=session-db`.
fn store_of(text: &str) -> Result<(String, String), String> {
    match text.split_once('=').map(|(exporter, store)| (exporter.trim(), store.trim())) {
        Some((exporter, store)) if !exporter.is_empty() && !store.is_empty() => Ok((exporter.into(), store.into())),
        _ => Err("write it as EXPORTER=STORE: redis-exporter=session-db".into()),
    }
}

impl PrometheusArgs {
    /// The requested namespaces, comma-separated; `None` if there are none.
    pub(crate) fn namespace(&self) -> Option<String> {
        match (self.all_namespaces, self.namespace.is_empty()) {
            (true, _) => Some("*".to_owned()),
            (false, true) => None,
            (false, false) => Some(self.namespace.join(",")),
        }
    }

    /// The namespace, for verbs that work in a single one.
    #[cfg(feature = "chaos")]
    pub(crate) fn only_namespace(&self) -> Result<Option<String>> {
        let namespace = self.namespace();
        if let Some(several) =
            namespace.as_ref().filter(|n| !automap_sources::prometheus::NamespaceSpec::parse(n).is_one())
        {
            bail!("--namespace {several}: give a single namespace, experiments run in one");
        }
        Ok(namespace)
    }

    /// What to query from the server.
    pub(crate) fn observe_options(&self, time: &TimeArgs, now: &ZonedDateTime) -> Result<ObserveOptions> {
        let Some(namespace) = self.namespace() else {
            bail!("--namespace is missing: which namespace do the services run in?");
        };
        let (from, to, hint) = time.range(now)?;
        let now = Timestamp::from_ms(now.timestamp().as_millisecond());
        Ok(ObserveOptions {
            step_ms: self.step.map(millis),
            scrape_interval_ms: self.scrape_interval.map(millis),
            hint,
            changes: !self.no_changes,
            ..ObserveOptions::new(namespace, from, to, now)
        })
    }

    /// Queries everything from the server, with a progress bar.
    pub(crate) fn observe(&self, url: &str, time: &TimeArgs, now: &ZonedDateTime) -> Result<(Observation, FetchStats)> {
        let fetched = self.fetch(url, time, now)?;
        Ok((fetched.observation, fetched.stats))
    }

    /// Number of services above which only suspects are queried in full.
    fn screen_above(&self) -> Option<usize> {
        screening::above(self.full)
    }

    /// Queries what a diagnosis needs.
    pub(crate) fn observe_to_diagnose(&self, url: &str, time: &TimeArgs, now: &ZonedDateTime) -> Result<Observation> {
        let options = self.observe_options(time, now)?;
        Ok(self.look(url, ObserveOptions { screen_above: self.screen_above(), ..options }, None)?.observation)
    }

    /// Queries everything; also returns the presets that were found.
    pub(crate) fn fetch(&self, url: &str, time: &TimeArgs, now: &ZonedDateTime) -> Result<Fetched> {
        self.look(url, self.observe_options(time, now)?, None)
    }

    /// Queries what a diagnosis needs, then more about what the first diagnosis names.
    pub(crate) fn fetch_closely(
        &self,
        url: &str,
        time: &TimeArgs,
        now: &ZonedDateTime,
        diagnosis: &DiagnoseOptions,
    ) -> Result<Fetched> {
        let options = self.observe_options(time, now)?;
        self.look(url, ObserveOptions { screen_above: self.screen_above(), ..options }, Some(diagnosis))
    }

    fn look(&self, url: &str, options: ObserveOptions, closely: Option<&DiagnoseOptions>) -> Result<Fetched> {
        let client = self.client(url)?;
        let bar = bar(0);
        let show = |progress: Progress<'_>| {
            bar.set_length(progress.total as u64);
            bar.set_position(progress.done as u64);
            bar.set_message(progress.what.to_owned());
        };
        let may_ask = SecondLookOptions { breakdown: !self.no_breakdown, compare_with: self.compare_with };
        let fetched = match closely {
            Some(diagnosis) => observe_closely(&client, &options, diagnosis, may_ask, &show),
            None => observe(&client, &options, &show),
        };
        bar.finish_and_clear();
        Ok(fetched?)
    }

    /// A client of the server.
    pub(crate) fn client(&self, url: &str) -> Result<Client> {
        Ok(Client::new(ClientOptions { presets: self.presets()?, ..self.client_options(url) })?)
    }

    /// The presets to look for: those from files first, then the built-in ones.
    pub(crate) fn presets(&self) -> Result<Presets> {
        let mut presets = Presets::default();
        for file in &self.presets {
            presets = presets.with_file(file)?;
        }
        Ok(presets.with_stores(self.exporter.iter().cloned().collect()))
    }

    fn client_options(&self, url: &str) -> ClientOptions {
        let auth =
            Auth::from_files(self.username.as_ref(), self.password_file.as_ref(), self.bearer_token_file.as_ref());
        ClientOptions {
            auth,
            parameters: self.url_parameter.iter().map(|(n, value)| (n.clone(), value.as_str().into())).collect(),
            headers: self.header.iter().map(|(name, value)| (name.clone(), value.as_str().into())).collect(),
            tls: TlsOptions {
                ca_file: self.ca_file.clone(),
                cert_file: self.cert_file.clone(),
                key_file: self.key_file.clone(),
                insecure_skip_verify: self.insecure_skip_verify,
            },
            timeout: self.timeout,
            cluster: self.cluster.clone(),
            ..ClientOptions::new(url)
        }
    }
}
