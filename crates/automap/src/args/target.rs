//! What is watched: the targets of a configuration file, or one target whose Prometheus and namespace are given as options.

use std::path::PathBuf;

use anyhow::{Result, anyhow, bail};
use automap_server::config::{Config, ConfigDuration, GrafanaConfig, Target};
use clap::Args;

use super::file::readable;
use super::parse::millis;
use super::prometheus::PrometheusArgs;
use super::told::GrafanaArgs;

/// Options that describe a target, and so conflict with a configuration.
const OF_ONE_TARGET: [&str; 25] = [
    "prometheus",
    "namespace",
    "all_namespaces",
    "cluster",
    "username",
    "password_file",
    "bearer_token_file",
    "header",
    "url_parameter",
    "ca_file",
    "cert_file",
    "key_file",
    "insecure_skip_verify",
    "presets",
    "exporter",
    "timeout",
    "step",
    "scrape_interval",
    "full",
    "no_changes",
    "no_breakdown",
    "compare_with",
    "grafana",
    "grafana_token_file",
    "grafana_tag",
];

/// A configuration, or a single target without one.
#[derive(Args, Clone, Debug)]
pub(crate) struct TargetArgs {
    /// Configuration file: targets, objectives, receivers, …
    #[arg(long, short, value_name = "FILE", conflicts_with_all = OF_ONE_TARGET)]
    config: Option<PathBuf>,
    #[command(flatten)]
    prometheus: PrometheusArgs,
    #[command(flatten)]
    grafana: GrafanaArgs,
}

impl TargetArgs {
    /// The configuration that was given, or one with a single target and defaults for everything else.
    pub(crate) fn configuration(&self) -> Result<Config> {
        if let Some(file) = &self.config {
            return Ok(Config::read(readable(file))?);
        }
        let Some(mut target) = target(&self.prometheus)? else {
            bail!("nothing to watch: give --config FILE, or --prometheus URL and --namespace NAME");
        };
        if let Some(url) = &self.grafana.grafana {
            let (token, tags) = (self.grafana.token(), self.grafana.grafana_tag.clone());
            target.grafana = Some(GrafanaConfig { url: url.clone(), token, tags });
        }
        Ok(Config { targets: vec![target], ..Config::default() })
    }
}

/// The options as a watcher's target; `None` if the server or the namespace is missing.
fn target(args: &PrometheusArgs) -> Result<Option<Target>> {
    let (Some(url), Some(namespace)) = (&args.prometheus, args.namespace()) else { return Ok(None) };
    let mut target = Target::new(&namespace, url).map_err(|(key, reason)| anyhow!("{key}: {reason}"))?;
    let prometheus = &mut target.prometheus;
    prometheus.cluster.clone_from(&args.cluster);
    prometheus.username.clone_from(&args.username);
    prometheus.password_file.clone_from(&args.password_file);
    prometheus.bearer_token_file.clone_from(&args.bearer_token_file);
    prometheus.headers = args.header.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    let parameters = args.url_parameter.iter();
    prometheus.url_parameters = parameters.map(|(name, value)| format!("{name}={value}")).collect();
    prometheus.ca_file.clone_from(&args.ca_file);
    prometheus.cert_file.clone_from(&args.cert_file);
    prometheus.key_file.clone_from(&args.key_file);
    prometheus.insecure_skip_verify = args.insecure_skip_verify;
    prometheus.presets.clone_from(&args.presets);
    prometheus.stores = args.exporter.iter().cloned().collect();
    prometheus.timeout = ConfigDuration::from_ms(millis(args.timeout));
    target.step = args.step.map(|step| ConfigDuration::from_ms(millis(step)));
    target.scrape_interval = args.scrape_interval.map(|interval| ConfigDuration::from_ms(millis(interval)));
    target.full = args.full;
    target.changes = !args.no_changes;
    target.breakdown = !args.no_breakdown;
    target.compare_with = args.compare_with;
    Ok(Some(target))
}
