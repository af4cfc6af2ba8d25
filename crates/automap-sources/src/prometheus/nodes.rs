//! Which pods run on which node, how the nodes' series are queried, and which other workloads use a node that is near a limit.
//!
//! Machines have no namespace, so they are found by the addresses and names of the nodes that our pods run on. Workloads of other namespaces are
//! queried only if a node came near a limit, and only those that used most of it are kept. Without `kube_pod_info` no pods are placed and nothing is
//! queried.

use std::collections::{BTreeMap, BTreeSet};

use automap_core::entity::{Entities, Entity, EntityKind, node_name};
use automap_core::frame::RawSeries;
use automap_core::metric::Metric;

use super::decode::Labels;
use super::hosts::Address;
use super::plan::{self, Request};
use super::pods::Owners;
use super::presets::Exporter;
use super::presets::nodes::{NODE_EXPORTER, NODE_STATE, TAKEN};
use super::promql::{self, Values};
use super::query::{Answer, Grid};

/// Most nodes that a query lists; with more, all are queried and ours are selected from the answer.
const MAX_LISTED: usize = 25;
/// Most nodes whose neighbours are queried: the fullest.
const MAX_FULL: usize = 5;
/// Most neighbours per node: those that rose most in one resource.
const MAX_NEIGHBOURS: usize = 5;
/// Fraction of the harmful level above which neighbours are queried; below it no rise is evidence.
const NEARLY: f64 = 0.8;
/// The exporters with series about nodes.
const EXPORTERS: [&Exporter; 2] = [&NODE_EXPORTER, &NODE_STATE];

/// A node and a workload on it.
type OnNode = (String, String);
/// The workload's namespace and its usage over the grid.
type Taken = (String, Vec<f64>);

/// Pods and their nodes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Placed {
    /// Pod → node.
    pods: BTreeMap<String, String>,
    /// Address or name of a node → node.
    hosts: BTreeMap<String, String>,
}

impl Placed {
    /// Reads the answer to [`super::presets::nodes::PLACED`], which is this part of it.
    pub(crate) fn read(answer: &Answer, part: usize) -> Self {
        let mut placed = Self::default();
        for series in plan::part(answer, part) {
            let label = |name: &str| series.labels.get(name).filter(|value| !value.is_empty());
            let (Some(pod), Some(node)) = (label("pod"), label("node")) else { continue };
            placed.pods.insert(pod.clone(), node.clone());
            placed.hosts.insert(node.clone(), node.clone());
            if let Some(address) = label("host_ip") {
                placed.hosts.insert(address.clone(), node.clone());
            }
        }
        placed
    }

    /// The node that a series belongs to, among those that our pods run on.
    pub(crate) fn node(&self, labels: &Labels) -> Option<&str> {
        let known = |label: &str| labels.get(label).and_then(|host| self.hosts.get(Address::of(host).host));
        known("node").or_else(|| known("host")).map(String::as_str)
    }

    /// The requests about these nodes; none if no pod is placed.
    pub(crate) fn requests(&self, values: &Values) -> Vec<Request> {
        if self.pods.is_empty() {
            return Vec::new();
        }
        let mut requests = plan::requests(&EXPORTERS, values, &BTreeMap::new());
        for request in &mut requests {
            request.promql = self.fill(&request.promql);
            request.parts.iter_mut().for_each(|part| *part = self.fill(part));
            request.signals.iter_mut().for_each(|planned| planned.shown = self.fill(&planned.shown));
        }
        joined(requests)
    }

    fn fill(&self, promql: &str) -> String {
        let nodes: BTreeSet<&str> = self.hosts.values().map(String::as_str).collect();
        if nodes.len() > MAX_LISTED {
            return promql.replace("$HOSTS", ".+").replace("$NODES", ".+");
        }
        let hosts = promql::any_of(self.hosts.keys().map(String::as_str));
        promql.replace("$HOSTS", &format!("({hosts})(:[0-9]+)?")).replace("$NODES", &promql::any_of(nodes))
    }

    /// Places the pods' services on nodes.
    pub(crate) fn place(&self, owners: &Owners, entities: &mut Entities) {
        for (pod, node) in self.pods.iter().filter(|(pod, _)| !owners.is_of_job(pod)) {
            entities.place(owners.workload(pod), &node_name(node), 1);
        }
    }
}

/// Joins both exporters' signals into one request.
fn joined(requests: Vec<Request>) -> Vec<Request> {
    let all = requests.into_iter().reduce(|mut all, more| {
        let before = all.parts.len();
        all.parts.extend(more.parts);
        all.signals.extend(more.signals.into_iter().map(|mut planned| {
            planned.parts = (planned.parts.0 + before, planned.parts.1.map(|second| second + before));
            planned
        }));
        all
    });
    all.into_iter().map(|request| Request { promql: promql::join(&request.parts), ..request }).collect()
}

/// The queries about nodes, each with its purpose; the names of the nodes are filled in when they are known.
pub(crate) fn explain(values: &Values) -> Vec<(&'static str, String)> {
    let of_nodes =
        joined(plan::requests(&EXPORTERS, values, &BTreeMap::new())).into_iter().map(|request| request.promql);
    let taken: Vec<String> = TAKEN.iter().map(|(_, promql)| promql::fill(promql, values)).collect();
    let of_nodes = of_nodes.map(|promql| ("nodes that the pods run on ($NODES, at the addresses $HOSTS)", promql));
    of_nodes.chain([("who else takes of nodes near a limit ($NODES)", promql::join(&taken))]).collect()
}

/// Nodes that came near a limit according to the raw series of a look, the fullest first.
pub(crate) fn nearly_full(raw: &[RawSeries], entities: &Entities) -> Vec<String> {
    let mut fullest: BTreeMap<&str, f64> = BTreeMap::new();
    for series in raw.iter().filter(|s| entities.kind_of(&s.service) == EntityKind::Node) {
        let Some(hurts_from) = Metric::parse(&series.metric).hurts_from() else { continue };
        let highest = series.points.iter().map(|(_, value)| value / hurts_from).fold(0.0, f64::max);
        let slot = fullest.entry(series.service.as_str()).or_default();
        *slot = slot.max(highest);
    }
    let mut full: Vec<(&str, f64)> = fullest.into_iter().filter(|(_, highest)| *highest >= NEARLY).collect();
    full.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(b.0)));
    full.into_iter().take(MAX_FULL).map(|(node, _)| node.to_owned()).collect()
}

/// The queries about the neighbours on these nodes.
pub(crate) fn neighbour_queries(full: &[String], values: &Values) -> Vec<String> {
    let names = full.iter().filter_map(|name| name.strip_prefix(&node_name("")));
    let nodes = promql::any_of(names);
    TAKEN.iter().map(|(_, promql)| promql::fill(promql, values).replace("$NODES", &nodes)).collect()
}

/// The neighbours that rose most, as `namespace/workload`, with their series; adds them to the entities. An absent workload used nothing: at times
/// when our own pods on the node were observed, by `ours`, and it was not, its series is 0.
pub(crate) fn neighbours(answer: &Answer, grid: Grid, ours: &[RawSeries], entities: &mut Entities) -> Vec<RawSeries> {
    let owners = Owners::default();
    let mut kept: BTreeMap<(usize, String), (Entity, String, Vec<f64>)> = BTreeMap::new();
    for (part, _) in TAKEN.iter().enumerate() {
        let mut found: BTreeMap<OnNode, Taken> = BTreeMap::new();
        for series in plan::part(answer, part) {
            let label = |name: &str| series.labels.get(name).map_or("", String::as_str);
            let (namespace, pod, node) = (label("namespace"), label("pod"), label("node"));
            if [namespace, pod, node].contains(&"") {
                continue;
            }
            let key = (node_name(node), format!("{namespace}/{}", owners.workload(pod)));
            let (_, column) = found.entry(key).or_insert_with(|| (namespace.to_owned(), vec![f64::NAN; grid.len()]));
            for (time, value) in &series.points {
                if let Some(i) = grid.position(*time) {
                    column[i] = if column[i].is_nan() { *value } else { column[i] + value };
                }
            }
        }
        // By node, since many workloads share one.
        let mut seen_on: BTreeMap<String, Vec<bool>> = BTreeMap::new();
        for ((node, _), (_, column)) in &mut found {
            let of_node = seen_on.entry(node.clone());
            let seen = of_node.or_insert_with(|| seen(ours, TAKEN[part].0, node, entities, grid));
            let gaps = column.iter_mut().zip(seen).filter(|(value, seen)| value.is_nan() && **seen);
            gaps.for_each(|(value, _)| *value = 0.0);
        }
        for ((node, workload), (namespace, column)) in largest(found) {
            let known_from = Some("runs on the same node".to_owned());
            let entity = Entity { namespace: Some(namespace), known_from, ..Entity::of(EntityKind::Neighbour) };
            kept.insert((part, workload), (entity, node, column));
        }
    }
    let mut raw = Vec::new();
    for ((part, workload), (entity, node, column)) in kept {
        if entities.get(&workload).is_none() {
            entities.describe(&workload, entity);
        }
        if !entities.nodes_of(&workload).any(|(on, _)| on == node) {
            entities.place(&workload, &node, 1);
        }
        let times = grid.times();
        let points = times.zip(column).filter(|(_, value)| !value.is_nan()).collect();
        raw.push(RawSeries { service: workload, metric: TAKEN[part].0.to_owned(), peer: None, points });
    }
    raw
}

/// When a metric of any of our pods on the node was observed.
fn seen(ours: &[RawSeries], metric: &str, node: &str, entities: &Entities, grid: Grid) -> Vec<bool> {
    let on_it: BTreeSet<&str> = entities.on_node(node).collect();
    let mut seen = vec![false; grid.len()];
    let series = ours.iter().filter(|s| s.metric == metric && on_it.contains(s.service.as_str()));
    for (time, _) in series.flat_map(|s| &s.points) {
        if let Some(i) = grid.position(*time) {
            seen[i] = true;
        }
    }
    seen
}

/// The workloads of each node that rose most.
fn largest(found: BTreeMap<OnNode, Taken>) -> Vec<(OnNode, Taken)> {
    let rise = |column: &[f64]| {
        let seen = || column.iter().copied().filter(|v| v.is_finite());
        seen().fold(f64::NEG_INFINITY, f64::max) - seen().fold(f64::INFINITY, f64::min)
    };
    let mut by_node: BTreeMap<String, Vec<_>> = BTreeMap::new();
    for (key, value) in found {
        by_node.entry(key.0.clone()).or_default().push((key, value));
    }
    let most = |mut of_node: Vec<(OnNode, Taken)>| {
        of_node.sort_by(|a, b| rise(&b.1.1).total_cmp(&rise(&a.1.1)).then_with(|| a.0.cmp(&b.0)));
        of_node.truncate(MAX_NEIGHBOURS);
        of_node
    };
    by_node.into_values().flat_map(most).collect()
}
