//! The part of a map that a reader needs first: some services, those on the path to the users, and their neighbours.
//!
//! A map of hundreds of services is unreadable as a whole. The caller counts what is left out, and shows it on demand.

use std::collections::BTreeSet;

use super::model::{MapEdge, MapNode, NodeRole, ServiceMap};

/// Most services of a neighbourhood: more names than these do not fit a screen in a readable size.
pub const MAX_NEIGHBOURHOOD: usize = 60;

impl ServiceMap {
    /// The services that the incident affects, and their neighbours; the whole map if it affects none or the map is already small.
    pub fn affected(&self) -> Self {
        let is_affected = |n: &MapNode| matches!(n.role, NodeRole::Cause | NodeRole::Candidate | NodeRole::Victim);
        if self.nodes.iter().any(is_affected) { self.around(is_affected) } else { self.clone() }
    }

    /// The services that `is_centre` chooses, those on the path, and the direct neighbours of both, as far as [`MAX_NEIGHBOURHOOD`] allows: the
    /// chosen first, then the path, then neighbours by name. Empty if nothing is chosen.
    ///
    /// ```
    /// use automap_core::service_map::ServiceMap;
    ///
    /// let node = |name: &str| serde_json::json!({"service": name, "role": "normal", "is_entry": false});
    /// let call = |from: &str, to: &str| {
    ///     serde_json::json!({"from": from, "to": to, "observed": true, "asserted": false, "metrics": [], "change": "same", "on_path": false})
    /// };
    /// let map: ServiceMap = serde_json::from_value(serde_json::json!({
    ///     "schema_version": 1, "kind": "anomaly", "title": "", "notes": [],
    ///     "nodes": [node("cart"), node("shop"), node("stock"), node("web")],
    ///     "edges": [call("web", "shop"), call("shop", "cart"), call("cart", "stock")],
    /// })).unwrap();
    /// let names: Vec<String> = map.around(|n| n.service == "shop").nodes.into_iter().map(|n| n.service).collect();
    /// assert_eq!(names, ["cart", "shop", "web"]);
    /// ```
    #[must_use]
    pub fn around(&self, is_centre: impl Fn(&MapNode) -> bool) -> Self {
        let centre: BTreeSet<&str> = self.nodes.iter().filter(|n| is_centre(n)).map(|n| n.service.as_str()).collect();
        if centre.is_empty() {
            return Self { nodes: Vec::new(), edges: Vec::new(), ..self.clone() };
        }
        let ends = |e: &'_ MapEdge| [e.from.clone(), e.to.clone()];
        let touches = |e: &&MapEdge| centre.contains(e.from.as_str()) || centre.contains(e.to.as_str());
        let path: BTreeSet<String> = self.edges.iter().filter(|e| e.on_path).flat_map(ends).collect();
        let beside: BTreeSet<String> = self.edges.iter().filter(touches).flat_map(ends).collect();
        let mut kept: BTreeSet<String> = BTreeSet::new();
        for name in centre.iter().map(|n| (*n).to_owned()).chain(path).chain(beside) {
            if kept.len() < MAX_NEIGHBOURHOOD {
                kept.insert(name);
            }
        }
        let is_kept = |e: &&MapEdge| kept.contains(&e.from) && kept.contains(&e.to);
        Self {
            nodes: self.nodes.iter().filter(|n| kept.contains(&n.service)).cloned().collect(),
            edges: self.edges.iter().filter(is_kept).cloned().collect(),
            ..self.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::model::{EdgeChange, MAP_SCHEMA_VERSION, MapKind};
    use super::*;
    use crate::entity::EntityKind;

    fn map(names: &[String], calls: &[(String, String)], cause: Option<&str>) -> ServiceMap {
        let role = |name: &str| if Some(name) == cause { NodeRole::Cause } else { NodeRole::Normal };
        let node = |name: &String| MapNode { role: role(name), ..MapNode::new(name, EntityKind::default()) };
        let edge = |(from, to): &(String, String)| MapEdge {
            from: from.clone(),
            to: to.clone(),
            observed: true,
            asserted: false,
            metrics: Vec::new(),
            change: EdgeChange::Same,
            on_path: false,
        };
        ServiceMap {
            schema_version: MAP_SCHEMA_VERSION,
            kind: MapKind::Anomaly,
            title: String::new(),
            nodes: names.iter().map(node).collect(),
            edges: calls.iter().map(edge).collect(),
            notes: Vec::new(),
        }
    }

    #[test]
    fn a_hub_keeps_as_many_neighbours_as_are_readable() {
        let names: Vec<String> = (0..300).map(|i| format!("s{i:03}")).collect();
        let calls: Vec<(String, String)> = names[1..].iter().map(|n| (names[0].clone(), n.clone())).collect();
        let all = map(&names, &calls, Some("s000"));
        let near = all.affected();
        assert_eq!((near.nodes.len(), near.edges.len()), (MAX_NEIGHBOURHOOD, MAX_NEIGHBOURHOOD - 1));
        assert_eq!(near.nodes[0].service, "s000");
    }

    #[test]
    fn a_map_without_an_incident_is_shown_whole() {
        let names: Vec<String> = ["a", "b", "c"].map(str::to_owned).to_vec();
        let quiet = map(&names, &[("a".to_owned(), "b".to_owned())], None);
        assert_eq!(quiet.affected(), quiet);
        assert!(quiet.around(|n| n.service == "nobody").nodes.is_empty());
    }
}
