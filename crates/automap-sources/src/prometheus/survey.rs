//! What a server has on a namespace besides its signals, to assess whether it is a good source.

use std::collections::{BTreeMap, BTreeSet};

use automap_core::time::Timestamp;

use super::client::Client;
use super::cluster::{self, ClusterSpec, MAX_CLUSTERS};
use super::error::RequestError;
use super::promql::{Values, fill, is_plain_label};
use super::query::Answer;
use super::scope::NamespaceSpec;

/// Ages at which data is searched, in milliseconds, the youngest first.
const AGES_MS: [i64; 7] =
    [3_600_000, 6 * 3_600_000, 24 * 3_600_000, 3 * 86_400_000, 7 * 86_400_000, 15 * 86_400_000, 30 * 86_400_000];
/// Containers that are proxies of a mesh.
const PROXIES: [&str; 2] = ["istio-proxy", "linkerd-proxy"];

/// The findings.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Survey {
    /// The newest sample of the namespace; `None` if there is none within five minutes.
    pub newest: Option<Timestamp>,
    /// The greatest of the tested ages for which there is data, in milliseconds; `None` for less than an hour.
    pub reaches_back_ms: Option<i64>,
    /// Pods with containers.
    pub pods: BTreeSet<String>,
    /// Those of them with a proxy.
    pub pods_with_proxy: BTreeSet<String>,
    /// Which ends of calls are counted: `source`, `destination`.
    pub reporters: BTreeSet<String>,
    /// The scrapers of the same pods, if there are several: `job=a, prometheus=b`. Sums over them are too large.
    pub scrapers: BTreeSet<String>,
}

/// Labels that identify the scraper: two Prometheus servers behind one address, or two jobs of one server.
const SCRAPER: [&str; 4] = ["job", "prometheus", "prometheus_replica", "replica"];

const CONTAINERS: &str = r#"container_memory_working_set_bytes{namespace=$NS,container!="",container!="POD"}"#;
const REQUESTS: &str = r#"istio_requests_total{destination_workload_namespace=$NS}"#;

/// Runs the survey; at most fourteen requests, or one more and fourteen for each chosen cluster.
///
/// # Errors
/// [`RequestError`] when the server does not answer.
pub fn survey(client: &Client, namespace: &str, now: Timestamp) -> Result<Survey, RequestError> {
    let values = Values {
        namespace: NamespaceSpec::parse(namespace).scope(),
        cluster: None,
        rate_ms: 60_000,
        span_ms: 60_000,
        only: None,
    };
    let Some(spec) = client.cluster().map(ClusterSpec::parse) else { return of_one(client, &values, now) };
    let labels: Vec<&str> = cluster::LABELS.into_iter().filter(|label| is_plain_label(label)).collect();
    let there = fill(&format!("group by ({}) ({CONTAINERS} or {REQUESTS})", labels.join(", ")), &values);
    let clusters = cluster::of(&client.instant(&there, now)?.series);
    let names: BTreeSet<&String> = clusters.values().flatten().filter(|name| spec.matches(name)).collect();
    let mut all = Vec::new();
    for name in names.into_iter().take(MAX_CLUSTERS) {
        let narrowed = Values { cluster: cluster::named(&clusters, name), ..values.clone() };
        all.push((name, of_one(client, &narrowed, now)?));
    }
    match all.len() {
        0 => of_one(client, &values, now),
        1 => Ok(all.pop().map(|(_, survey)| survey).unwrap_or_default()),
        _ => Ok(together(all)),
    }
}

/// Merges them: as old as the oldest of them, reaching back no further than the shortest.
fn together(all: Vec<(&String, Survey)>) -> Survey {
    let all: Vec<Survey> = all.into_iter().map(|(cluster, survey)| survey.within(cluster)).collect();
    Survey {
        newest: all.iter().map(|s| s.newest).min().flatten(),
        reaches_back_ms: all.iter().map(|s| s.reaches_back_ms).min().flatten(),
        pods: all.iter().flat_map(|s| s.pods.clone()).collect(),
        pods_with_proxy: all.iter().flat_map(|s| s.pods_with_proxy.clone()).collect(),
        reporters: all.iter().flat_map(|s| s.reporters.clone()).collect(),
        scrapers: all.iter().flat_map(|s| s.scrapers.clone()).collect(),
    }
}

impl Survey {
    /// The same with the cluster as a prefix of its pods.
    fn within(self, cluster: &str) -> Self {
        let named = |pods: BTreeSet<String>| pods.into_iter().map(|pod| format!("{cluster}/{pod}")).collect();
        Self { pods: named(self.pods), pods_with_proxy: named(self.pods_with_proxy), ..self }
    }
}

fn of_one(client: &Client, values: &Values, now: Timestamp) -> Result<Survey, RequestError> {
    let ask = |template: &str, at: Timestamp| client.instant(&fill(template, values), at);
    let newest = ask(&format!("max(timestamp({CONTAINERS})) or max(timestamp({REQUESTS}))"), now)?;
    let newest = newest.series.iter().filter_map(|s| s.points.last()).map(|(_, seconds)| *seconds);
    let newest = newest.fold(f64::NAN, f64::max);
    let mut found =
        Survey { newest: newest.is_finite().then(|| Timestamp::from_ms((newest * 1e3) as i64)), ..Survey::default() };
    for age_ms in AGES_MS {
        let there = ask(&format!("count({CONTAINERS}) or count({REQUESTS})"), now.plus_ms(-age_ms))?;
        if there.series.is_empty() {
            break;
        }
        found.reaches_back_ms = Some(age_ms);
    }
    for series in ask(&format!("count by (pod, container) ({CONTAINERS})"), now)?.series {
        let Some(pod) = series.labels.get("pod") else { continue };
        found.pods.insert(pod.clone());
        if series.labels.get("container").is_some_and(|c| PROXIES.contains(&c.as_str())) {
            found.pods_with_proxy.insert(pod.clone());
        }
    }
    let reporters = ask(&format!("count by (reporter) ({REQUESTS})"), now)?;
    found.reporters = reporters.series.iter().filter_map(|s| s.labels.get("reporter").cloned()).collect();
    for metric in [CONTAINERS, REQUESTS] {
        found.scrapers.extend(twice(&ask(&format!("count by (pod, {}) ({metric})", SCRAPER.join(", ")), now)?));
    }
    Ok(found)
}

/// The scrapers of pods that have more than one.
fn twice(answer: &Answer) -> BTreeSet<String> {
    let mut of: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for series in &answer.series {
        let Some(pod) = series.labels.get("pod") else { continue };
        let who = SCRAPER.iter().filter_map(|label| Some(format!("{label}={}", series.labels.get(*label)?)));
        of.entry(pod).or_default().insert(who.collect::<Vec<_>>().join(", "));
    }
    of.into_values().filter(|who| who.len() > 1).flatten().collect()
}
