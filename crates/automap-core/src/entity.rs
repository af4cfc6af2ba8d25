//! What each name of a frame stands for: a service, or something that services use, enter through, call outside or run on.
//!
//! A frame, a call graph and a ranking know only names. This module adds the types: the kind of each entity, its namespace and cluster, and the nodes
//! that a service runs on. *Calls* and *uses* are edges of the call graph, where *uses* is a call whose callee is a store or a broker. How sources
//! find these, and how the ranking uses them, is not decided here.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::text::{clean_name, shown};

/// Prefix of node names in a frame: a node and a service may have the same name.
const NODE_PREFIX: &str = "node/";
/// Prefix of the names of external hosts in a frame.
const EXTERNAL_PREFIX: &str = "external/";
/// Longest text on how a kind is known, in characters.
const MAX_KNOWN_FROM_CHARS: usize = 200;

/// The kind of an entity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EntityKind {
    /// A workload that answers or makes requests. The default for unknown names.
    #[default]
    Service,
    /// A database or a cache.
    Store,
    /// A message broker.
    Broker,
    /// A machine that pods run on.
    Node,
    /// Where requests enter: an ingress or a load balancer.
    Gateway,
    /// A host outside of the cluster that is called.
    External,
    /// A DNS server.
    Dns,
    /// A workload of another namespace, of which only its usage of a shared node is read.
    Neighbour,
}

impl EntityKind {
    /// The word in reports.
    pub fn word(self) -> &'static str {
        match self {
            Self::Service => "service",
            Self::Store => "store",
            Self::Broker => "broker",
            Self::Node => "node",
            Self::Gateway => "gateway",
            Self::External => "external host",
            Self::Dns => "DNS",
            Self::Neighbour => "neighbour",
        }
    }
}

/// What is known of one name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Entity {
    /// Its kind.
    pub kind: EntityKind,
    /// The namespace that it belongs to; `null` if it belongs to none or this is unknown.
    #[serde(default)]
    pub namespace: Option<String>,
    /// The cluster that it belongs to; `null` if only one was queried.
    #[serde(default)]
    pub cluster: Option<String>,
    /// How the kind is known, such as `redis_exporter: redis-exporter without -exporter`; `null` if a source measures the entity itself.
    #[serde(default)]
    pub known_from: Option<String>,
}

impl Entity {
    /// An entity of this kind, with nothing else known.
    pub fn of(kind: EntityKind) -> Self {
        Self { kind, ..Self::default() }
    }
}

/// The entities of an observation, and which service runs on which node.
///
/// ```
/// use automap_core::entity::{Entities, Entity, EntityKind, node_name};
///
/// let mut entities = Entities::default();
/// let worker = node_name("worker-3");
/// entities.describe("carts-db", Entity::of(EntityKind::Store));
/// entities.place("carts", &worker, 2);
/// entities.place("carts", &node_name("worker-1"), 1);
///
/// assert_eq!(entities.kind_of("carts-db"), EntityKind::Store);
/// assert_eq!(entities.kind_of(&worker), EntityKind::Node, "what something runs on is a node");
/// assert_eq!(entities.kind_of("orders"), EntityKind::Service, "of which nothing is known");
/// assert_eq!(entities.nodes_of("carts").collect::<Vec<_>>(), [("node/worker-1", 1.0 / 3.0), ("node/worker-3", 2.0 / 3.0)]);
/// assert_eq!(entities.on_node(&worker).collect::<Vec<_>>(), ["carts"]);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Entities {
    /// The known entities, by name.
    #[serde(default)]
    known: BTreeMap<String, Entity>,
    /// The pods of each service by node.
    #[serde(default)]
    runs_on: BTreeMap<String, BTreeMap<String, u32>>,
}

/// The name of a node in a frame.
pub fn node_name(node: &str) -> String {
    format!("{NODE_PREFIX}{node}")
}

/// The name of an external host in a frame.
pub fn external_name(host: &str) -> String {
    format!("{EXTERNAL_PREFIX}{host}")
}

impl Entities {
    /// Sets what a name stands for, replacing any earlier entry.
    pub fn describe(&mut self, name: &str, entity: Entity) {
        let text = |t: Option<String>| t.map(|t| clean_name(&t).into_owned());
        let Entity { kind, namespace, cluster, known_from } = entity;
        let known_from = known_from.map(|t| shown(&t, MAX_KNOWN_FROM_CHARS));
        let entity = Entity { kind, namespace: text(namespace), cluster: text(cluster), known_from };
        self.known.insert(clean_name(name).into_owned(), entity);
    }

    /// Records that this many pods of a service run on a node; both are names of the frame. Repeated calls add up.
    pub fn place(&mut self, service: &str, node: &str, pods: u32) {
        let node = clean_name(node).into_owned();
        self.known.entry(node.clone()).or_insert_with(|| Entity::of(EntityKind::Node));
        let nodes = self.runs_on.entry(clean_name(service).into_owned()).or_default();
        let known = nodes.entry(node).or_default();
        *known = known.saturating_add(pods);
    }

    /// What a name stands for.
    pub fn kind_of(&self, name: &str) -> EntityKind {
        self.get(name).map_or(EntityKind::Service, |entity| entity.kind)
    }

    /// Whether it is not a service but something that services run on, beside or with: a node, a neighbour or the DNS.
    pub fn is_beneath(&self, name: &str) -> bool {
        matches!(self.kind_of(name), EntityKind::Node | EntityKind::Neighbour | EntityKind::Dns)
    }

    /// What is known of a name; `None` if nothing is.
    pub fn get(&self, name: &str) -> Option<&Entity> {
        self.known.get(name)
    }

    /// All known entities, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Entity)> {
        self.known.iter().map(|(name, entity)| (name.as_str(), entity))
    }

    /// The nodes that a service runs on, by name, each with the share of its pods, 0–1.
    pub fn nodes_of(&self, service: &str) -> impl Iterator<Item = (&str, f64)> {
        let nodes = self.runs_on.get(service);
        let all: f64 = nodes.into_iter().flatten().map(|(_, pods)| f64::from(*pods)).sum();
        let share = move |pods: u32| if all > 0.0 { f64::from(pods) / all } else { 0.0 };
        nodes.into_iter().flatten().map(move |(node, pods)| (node.as_str(), share(*pods)))
    }

    /// The services that have pods on a node, by name. O(services · log nodes).
    pub fn on_node(&self, node: &str) -> impl Iterator<Item = &str> {
        self.runs_on.iter().filter(move |(_, nodes)| nodes.contains_key(node)).map(|(service, _)| service.as_str())
    }

    /// The same with renamed entities, all in this cluster, if any; those that already have a cluster keep it.
    pub fn in_cluster(self, cluster: Option<&str>, name: impl Fn(&str) -> String) -> Self {
        let mut out = Self::default();
        for (known, entity) in self.known {
            let cluster = entity.cluster.or_else(|| cluster.map(ToOwned::to_owned));
            out.describe(&name(&known), Entity { cluster, ..entity });
        }
        for (service, nodes) in &self.runs_on {
            nodes.iter().for_each(|(node, pods)| out.place(&name(service), &name(node), *pods));
        }
        out
    }

    /// Adds the entities of another observation. For entities in both, this one's entry is kept, and pods are not added up.
    pub fn extend(&mut self, more: Self) {
        for (name, entity) in more.known {
            self.known.entry(name).or_insert(entity);
        }
        for (service, nodes) in more.runs_on {
            self.runs_on.entry(service).or_insert(nodes);
        }
    }

    /// Whether there are no entities.
    pub fn is_empty(&self) -> bool {
        self.known.is_empty() && self.runs_on.is_empty()
    }

    /// The same with all names cleaned. Must be called after reading entities from outside.
    pub fn cleaned(self) -> Self {
        let mut clean = Self::default();
        self.known.into_iter().for_each(|(name, entity)| clean.describe(&name, entity));
        for (service, nodes) in &self.runs_on {
            nodes.iter().for_each(|(node, pods)| clean.place(service, node, *pods));
        }
        clean
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_from_outside_are_cleaned() {
        let json =
            r#"{"known":{"db\u001b[31m":{"kind":"store","namespace":"shop\n"}},"runs_on":{"a\u0000":{"node/1":2}}}"#;
        let read: Entities = serde_json::from_str(json).unwrap();
        let clean = read.cleaned();
        let (name, entity) = clean.iter().next().unwrap();
        assert!(!name.contains('\u{1b}') && !entity.namespace.as_deref().unwrap().contains('\n'));
        assert!(clean.on_node("node/1").all(|service| !service.contains('\0')));
        assert_eq!(clean.clone().cleaned(), clean, "again changes nothing");
    }

    #[test]
    fn equal_names_of_two_clusters_stay_apart() {
        let mut of_one = Entities::default();
        of_one.describe("db", Entity::of(EntityKind::Store));
        of_one.place("carts", "node/1", 2);
        let mut both = of_one.clone().in_cluster(Some("eu"), |name| format!("eu/{name}"));
        both.extend(of_one.in_cluster(Some("us"), |name| format!("us/{name}")));
        assert_eq!(both.on_node("us/node/1").collect::<Vec<_>>(), ["us/carts"]);
        assert_eq!(both.kind_of("eu/node/1"), EntityKind::Node);
        assert_eq!(both.get("us/db").unwrap().cluster.as_deref(), Some("us"));
    }

    #[test]
    fn a_node_that_was_described_keeps_its_description() {
        let mut entities = Entities::default();
        let described = Entity { cluster: Some("east".into()), ..Entity::of(EntityKind::Node) };
        entities.describe("node/1", described.clone());
        entities.place("carts", "node/1", 1);
        entities.place("carts", "node/1", 1);
        assert_eq!(entities.get("node/1"), Some(&described));
        assert_eq!(entities.nodes_of("carts").collect::<Vec<_>>(), [("node/1", 1.0)]);
        assert_eq!(entities.nodes_of("orders").count(), 0);
        assert!(!entities.is_empty() && Entities::default().is_empty());
    }
}
