//! Where the pods of some services run and which images they run: pod → node → zone, and the image of a pod.
//!
//! Zones are labels of nodes, which kube-state-metrics exports only if allowed (`--metric-labels-allowlist`); some providers also write them into the
//! names of their machines.

use std::collections::BTreeMap;

use automap_core::breakdown::Wanted;
use automap_core::time::Interval;

use super::values;
use crate::prometheus::Labels;
use crate::prometheus::discover::Found;
use crate::prometheus::pods::Owners;
use crate::prometheus::presets::{NODES_ZONES, PODS_IMAGES, PODS_NODES};
use crate::prometheus::promql::{self, Values, literal, quote};
use crate::prometheus::query::Answer;
use crate::prometheus::scope::NamespaceSpec;

/// The exporter that provides this.
const STATE_METRICS: &str = "kube-state-metrics";
/// Most pods, images and nodes.
const MAX_ROWS: usize = 2_000;
/// The labels of nodes that name zones, the current one first.
const ZONE_LABELS: [&str; 2] = ["label_topology_kubernetes_io_zone", "label_failure_domain_beta_kubernetes_io_zone"];

/// What is known about pods.
#[derive(Debug, Default)]
pub(super) struct Places {
    pub(super) node_of_pod: BTreeMap<String, String>,
    pub(super) zone_of_node: BTreeMap<String, String>,
    pub(super) image_of_pod: BTreeMap<String, String>,
    /// Whether kube-state-metrics was queried.
    pub(super) is_asked: bool,
}

/// The expressions; none without kube-state-metrics.
pub(super) fn expressions(found: &Found, namespace: &str, span: Interval, wanted: &[Wanted]) -> Vec<String> {
    if !found.exporters.iter().any(|e| e.title == STATE_METRICS) {
        return Vec::new();
    }
    let cluster = found.clusters.get(STATE_METRICS).cloned();
    let ms = span.len_ms();
    let scope = NamespaceSpec::parse(namespace).scope();
    let scope = wanted.first().map_or(scope.clone(), |first| scope.of_service(&first.service).0);
    let values = Values { namespace: scope, cluster, rate_ms: ms, span_ms: ms, only: None };
    let services: Vec<&str> = wanted.iter().map(|w| w.service.as_str()).collect();
    let fill = |template: &str| promql::fill(template, &values);
    let of_pods = [PODS_NODES, PODS_IMAGES].map(|template| ours(&fill(template), &services));
    let of_nodes = NODES_ZONES.map(|template| format!("topk({MAX_ROWS}, {})", fill(template)));
    of_pods.into_iter().chain(of_nodes).collect()
}

/// Narrows an expression with the label `pod` to the pods of some services, by their names.
pub(super) fn ours(expression: &str, services: &[&str]) -> String {
    let bare = services.iter().map(|s| literal(s.rsplit_once('/').map_or(s, |(_, bare)| bare)));
    let pattern = quote(&format!("(?:{})(?:-.+)?", bare.collect::<Vec<_>>().join("|")));
    format!(
        r#"topk({MAX_ROWS}, label_replace({expression}, "ours", "1", "pod", {pattern}) and on (ours) label_replace(vector(1), "ours", "1", "", ""))"#
    )
}

/// Whether a pod belongs to a service, by its name; pods of `orders-db` do not belong to `orders`.
pub(super) fn is_pod_of(pod: &str, service: &str) -> bool {
    let bare = service.rsplit_once('/').map_or(service, |(_, bare)| bare);
    Owners::default().workload(pod) == bare
}

impl Places {
    /// Reads the answer to [`expressions`], whose parts begin at `first`.
    pub(super) fn read(answer: &Answer, first: usize) -> Self {
        let pairs = |at: usize, of: fn(&Labels) -> Option<(String, String)>| {
            values(answer, first + at).filter_map(|(labels, _)| of(labels)).collect::<BTreeMap<_, _>>()
        };
        let text = |labels: &Labels, name: &str| labels.get(name).filter(|v| !v.is_empty()).cloned();
        let node_of_pod = pairs(0, |l| Some((l.get("pod")?.clone(), l.get("node")?.clone())));
        let mut images: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (labels, _) in values(answer, first + 1) {
            if let (Some(pod), Some(image)) = (text(labels, "pod"), text(labels, "image")) {
                images.entry(pod).or_default().push(short(&image).to_owned());
            }
        }
        images.values_mut().for_each(|all| all.sort_unstable());
        let mut zone_of_node = pairs(3, |l| Some((l.get("node")?.clone(), zone_of_provider(l.get("provider_id")?)?)));
        zone_of_node.extend(pairs(2, |l| {
            let zone = ZONE_LABELS.iter().find_map(|name| l.get(*name).filter(|zone| !zone.is_empty()))?;
            Some((l.get("node")?.clone(), zone.clone()))
        }));
        let is_asked = !node_of_pod.is_empty() || !images.is_empty();
        let image_of_pod = images.into_iter().map(|(pod, all)| (pod, all.join(" + "))).collect();
        Self { node_of_pod, zone_of_node, image_of_pod, is_asked }
    }
}

/// `orders:1.4.2` of `registry.example.com/shop/orders:1.4.2`.
fn short(image: &str) -> &str {
    image.rsplit_once('/').map_or(image, |(_, name)| name)
}

/// `eu-west-1a` of `aws:///eu-west-1a/i-0abc`, `europe-west1-b` of `gce://project/europe-west1-b/node-1`.
fn zone_of_provider(id: &str) -> Option<String> {
    let (provider, rest) = id.split_once("://")?;
    let parts: Vec<&str> = rest.trim_start_matches('/').split('/').collect();
    match (provider, parts.as_slice()) {
        ("aws", [zone, _]) | ("gce", [_, zone, _]) if !zone.is_empty() => Some((*zone).to_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_in_the_names_of_machines() {
        for (id, zone) in [
            ("aws:///eu-west-1a/i-0abc", Some("eu-west-1a")),
            ("gce://project/europe-west1-b/node-1", Some("europe-west1-b")),
            ("azure:///subscriptions/x", None),
            ("k3s://node-1", None),
        ] {
            assert_eq!(zone_of_provider(id).as_deref(), zone, "{id}");
        }
    }

    #[test]
    fn pods_of_a_neighbour_with_a_longer_name_are_not_ours() {
        assert!(is_pod_of("orders-5d4f8c7b9-x2x4z", "orders") && is_pod_of("orders-5d4f8c7b9-x2x4z", "shop/orders"));
        assert!(!is_pod_of("orders-db-5d4f8c7b9-x2x4z", "orders") && is_pod_of("orders-db-0", "orders-db"));
        assert!(ours("x", &["a.b", "c"]).contains(r#""(?:a\\.b|c)(?:-.+)?""#), "{}", ours("x", &["a.b", "c"]));
    }
}
