//! `automap discover`: which presets find metrics, which signals every service has, what is missing and what cannot be diagnosed without it.

mod show;

use anyhow::{Result, bail};
use automap_core::change::{ChangeKind, ChangeLog};
use automap_core::coverage::{CoverageSignal, MissingSignal, ServiceCoverage, coverage, missing};
use automap_core::note::NotChecked;
use automap_core::time::Timestamp;
use automap_sources::prometheus::{ClusterSeen, Offer, OfferState, SourceError, catalogue, changes_told};
use clap::Args;
use jiff::ZonedDateTime;
use serde::Serialize;

use crate::args::output::{Format, StyleArgs};
use crate::args::prometheus::PrometheusArgs;
use crate::args::time::TimeArgs;
use crate::console::{color, print, say};
use crate::exit::Exit;
use crate::surroundings::{self, Surrounding};

pub(crate) const EXAMPLES: &str = "Examples:
  automap discover --prometheus http://localhost:9090 -n sock-shop
  automap discover --prometheus http://localhost:9090 -n sock-shop --presets mine.yaml
                                          with metrics that automap does not know
  automap discover --prometheus http://localhost:9090 -n sock-shop -o json | jq .presets";

#[derive(Args, Debug)]
pub(crate) struct DiscoverArgs {
    #[command(flatten)]
    prometheus: PrometheusArgs,
    #[command(flatten)]
    time: TimeArgs,
    /// Output format
    #[arg(long, short, value_enum, default_value_t = Format::Text, help_heading = "Output")]
    output: Format,
    #[command(flatten)]
    style: StyleArgs,
}

/// The result.
#[derive(Debug, Serialize)]
struct Discovery {
    namespace: String,
    source: String,
    /// Clusters that have the namespace; empty if no series names a cluster.
    clusters: Vec<ClusterSeen>,
    /// In the order of preference.
    presets: Vec<PresetFound>,
    /// The columns of every service's `signals`.
    signals: Vec<CoverageSignal>,
    services: Vec<ServiceCoverage>,
    /// What is missing, and what a diagnosis cannot find without it.
    missing: Vec<MissingSignal>,
    /// Gateways, DNS, nodes, stores, brokers and external hosts.
    surroundings: Vec<Surrounding>,
    /// Kinds of change, and what is needed to observe the missing ones. Empty if changes were not queried.
    changes: Vec<ChangesSeen>,
    /// Signals that a preset covers but that could not be read, with the reason.
    not_checked: Vec<NotChecked>,
}

#[derive(Debug, Serialize)]
struct PresetFound {
    preset: String,
    title: String,
    /// The file that defines it; `null` for built-in tables.
    file: Option<String>,
    covers: String,
    /// `used`, `left_out`, `elsewhere`, `absent` or `failed`.
    state: &'static str,
    /// Series of the namespace; 0 if there are none.
    series: u64,
    /// A remark about the state; may be empty.
    remark: String,
}

#[derive(Debug, Serialize)]
struct ChangesSeen {
    kind: ChangeKind,
    is_seen: bool,
    /// What has to be exported for it.
    needs: &'static str,
}

/// Every kind that can be observed on a server.
fn changes(log: &ChangeLog) -> Vec<ChangesSeen> {
    let asked = log.observed.is_some() || !log.unseen.is_empty();
    let seen = |(kind, needs)| ChangesSeen { kind, is_seen: !log.unseen.contains(&kind), needs };
    changes_told().filter(|_| asked).map(seen).collect()
}

/// Runs `automap discover`.
pub(crate) fn run(args: &DiscoverArgs) -> Result<Exit> {
    let (Some(url), Some(namespace)) = (&args.prometheus.prometheus, args.prometheus.namespace()) else {
        bail!("no source: give --prometheus URL and --namespace NAME");
    };
    let now = ZonedDateTime::now();
    let present = Timestamp::from_ms(now.timestamp().as_millisecond());
    let options = args.prometheus.observe_options(&args.time, &now)?;
    let offers = catalogue(&args.prometheus.client(url)?, &options)?;
    let fetched = match args.prometheus.fetch(url, &args.time, &now) {
        Err(error) => match error.downcast_ref() {
            Some(SourceError::NothingDetected { .. }) => {
                return nothing_found(args, (&namespace, url), offers, &[], NOTHING);
            }
            Some(SourceError::SeveralClusters { clusters, .. }) => {
                return nothing_found(args, (&namespace, url), offers, clusters, &error.to_string());
            }
            _ => return Err(error),
        },
        fetched => fetched?,
    };
    let used: Vec<&str> = fetched.presets.iter().map(|p| p.title.as_str()).collect();
    let services = coverage(&fetched.observation, present);
    let missing = missing(&services);
    let is_blind =
        missing.iter().any(|m| m.everywhere && matches!(m.signal, CoverageSignal::Requests | CoverageSignal::Latency));
    let discovery = Discovery {
        namespace: namespace.clone(),
        source: fetched.observation.source.clone(),
        clusters: fetched.clusters,
        presets: offers.into_iter().map(|offer| found(offer, &used)).collect(),
        signals: CoverageSignal::ALL.to_vec(),
        services,
        missing,
        surroundings: surroundings::of(&fetched.observation),
        changes: changes(&fetched.observation.changes),
        not_checked: fetched.observation.not_checked,
    };
    show(args, &discovery)?;
    Ok(if is_blind { Exit::Found } else { Exit::Ok })
}

fn show(args: &DiscoverArgs, discovery: &Discovery) -> Result<()> {
    match args.output {
        Format::Json => print(&(serde_json::to_string_pretty(discovery)? + "\n")),
        Format::Text => print(&show::text(discovery, color(args.style.color()))),
    }
}

/// The message if no preset finds anything.
const NOTHING: &str = "no preset finds any metric: check that this is the Prometheus that scrapes the cluster, or describe its metrics in a \
                       preset of your own (--presets FILE; `automap config presets` prints examples)";

/// No metrics can be read, and why: the answer lists the presets that were tried, and clusters to choose from.
fn nothing_found(
    args: &DiscoverArgs,
    (namespace, url): (&str, &str),
    offers: Vec<Offer>,
    clusters: &[String],
    why: &str,
) -> Result<Exit> {
    let discovery = Discovery {
        namespace: namespace.to_owned(),
        source: url.to_owned(),
        clusters: clusters.iter().map(|name| ClusterSeen { name: name.clone(), is_looked_at: false }).collect(),
        presets: offers.into_iter().map(|offer| found(offer, &[])).collect(),
        signals: CoverageSignal::ALL.to_vec(),
        services: Vec::new(),
        missing: Vec::new(),
        surroundings: Vec::new(),
        changes: Vec::new(),
        not_checked: Vec::new(),
    };
    show(args, &discovery)?;
    say(why);
    Ok(Exit::Found)
}

fn found(offer: Offer, used: &[&str]) -> PresetFound {
    let is_used = used.contains(&offer.title.as_str());
    let (state, series, remark) = match offer.state {
        OfferState::Found { series } => ("used", series, String::new()),
        OfferState::WithoutNamespace { series, label } if is_used => {
            ("used", series, format!("its series lack {label}: they include services of every namespace"))
        }
        OfferState::WithoutNamespace { series, label } => {
            ("left_out", series, format!("its series lack {label}, and another preset covers requests"))
        }
        OfferState::Elsewhere(names) => ("elsewhere", 0, format!("in {}", listed(&names))),
        OfferState::Absent => ("absent", 0, String::new()),
        OfferState::Failed(reason) => ("failed", 0, reason),
    };
    let Offer { preset, title, file, covers, .. } = offer;
    PresetFound { preset, title, file, covers, state, series, remark }
}

/// Most names in a remark.
const MAX_NAMES: usize = 6;

fn listed(names: &[String]) -> String {
    automap_core::text::listed(names, MAX_NAMES)
}

#[cfg(test)]
mod tests {
    use automap_core::coverage::Presence;

    use super::*;

    #[test]
    fn a_preset_is_used_left_out_or_elsewhere() {
        let offer =
            |state| Offer { preset: "p".into(), title: "P".into(), file: None, covers: "requests".into(), state };
        let nameless = || OfferState::WithoutNamespace { series: 5, label: "ns".into() };
        assert_eq!(found(offer(nameless()), &["P"]).state, "used");
        assert_eq!(found(offer(nameless()), &["Q"]).state, "left_out");
        let many: Vec<String> = (0..8).map(|i| format!("n{i}")).collect();
        assert_eq!(found(offer(OfferState::Elsewhere(many)), &[]).remark, "in n0, n1, n2, n3, n4, n5 and 2 more");
    }

    #[test]
    fn what_is_missing_somewhere_is_not_missing_everywhere() {
        let service = |name: &str, first: Presence| ServiceCoverage {
            service: name.into(),
            signals: std::iter::once(first).chain([Presence::Present; 6]).collect(),
            requests_per_s: None,
        };
        let some = missing(&[service("a", Presence::Missing), service("b", Presence::Sparse)]);
        assert_eq!(some.len(), 1);
        assert_eq!(
            (some[0].signal, some[0].services.as_slice(), some[0].everywhere),
            (CoverageSignal::Requests, &["a".to_owned()][..], false)
        );
    }
}
