//! The call graph: which service calls which.
//!
//! Symptoms travel along calls, so the ranking explains a caller's latency by its callees'. Calls are observed by a mesh or declared by the
//! user; the sources find them.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::text::clean_name;

/// What an edge of the call graph carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    /// Requests with a latency and a status, such as HTTP and gRPC.
    Request,
    /// A byte stream, as to databases and brokers: the call is known, its latency is not.
    Tcp,
}

/// Directed calls between services, observed or declared, ordered by name. Calls of a service to itself are dropped. Names are cleaned on their way
/// in, as those of a frame are ([`clean_name`]).
///
/// ```
/// use automap_core::topology::{CallGraph, Protocol};
///
/// let mut calls: CallGraph = [("front-end", "orders"), ("orders", "payment")].into_iter().collect();
/// calls.add("payment", "payment-db", Protocol::Tcp);
/// assert_eq!(calls.len(), 3);
/// assert_eq!(calls.entries(), ["front-end"], "users enter where no other service calls");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallGraph {
    edges: BTreeMap<(String, String), Protocol>,
    /// Edges that were declared and never observed.
    asserted: BTreeSet<(String, String)>,
    views: BTreeSet<String>,
}

impl CallGraph {
    /// A graph without edges: no symptom is then explained by a callee.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an observed call. A request edge replaces a TCP edge between the same two services.
    pub fn add(&mut self, caller: &str, callee: &str, protocol: Protocol) {
        let edge = (clean_name(caller).into_owned(), clean_name(callee).into_owned());
        if edge.0 == edge.1 {
            return;
        }
        self.asserted.remove(&edge);
        self.edges.entry(edge).and_modify(|known| *known = (*known).min(protocol)).or_insert(protocol);
    }

    /// Adds a call that the user declares. An observed one stays as it is.
    pub fn assert_call(&mut self, caller: &str, callee: &str) {
        let edge = (clean_name(caller).into_owned(), clean_name(callee).into_owned());
        if edge.0 != edge.1 && !self.edges.contains_key(&edge) {
            self.edges.insert(edge.clone(), Protocol::Request);
            self.asserted.insert(edge);
        }
    }

    /// Whether the call was declared and never observed.
    pub fn is_asserted(&self, caller: &str, callee: &str) -> bool {
        self.asserted.contains(&(caller.to_owned(), callee.to_owned()))
    }

    /// Marks a node that is not a component but a client's view of one, such as a remote endpoint or a user agent in a trace map. It reflects what
    /// others do and is seldom the cause.
    pub fn mark_view(&mut self, node: &str) {
        self.views.insert(clean_name(node).into_owned());
    }

    /// Whether the node is only a client's view of another one: marked as such, or following the naming and position of trace maps such as AWS
    /// X-Ray. `…-remote` is called but makes no calls, `…-client` makes calls but is not called.
    ///
    /// ```
    /// use automap_core::topology::CallGraph;
    ///
    /// let calls: CallGraph = [("shop-client", "shop"), ("shop", "db.example.com-remote"), ("shop", "redis-client"), ("redis-client", "redis")]
    ///     .into_iter()
    ///     .collect();
    /// assert_eq!(calls.views().collect::<Vec<_>>(), ["db.example.com-remote", "shop-client"]);
    /// ```
    pub fn is_view(&self, node: &str) -> bool {
        self.views.contains(node) || self.is_at_the_rim(node)
    }

    /// All nodes for which [`Self::is_view`] holds, by name.
    pub fn views(&self) -> impl Iterator<Item = &str> {
        let nodes = self.edges().flat_map(|(from, to, _)| [from, to]).filter(|node| self.is_at_the_rim(node));
        self.views.iter().map(String::as_str).chain(nodes).collect::<BTreeSet<_>>().into_iter()
    }

    fn is_at_the_rim(&self, node: &str) -> bool {
        let calls = || self.edges().any(|(from, ..)| from == node);
        let is_called = || self.edges().any(|(_, to, _)| to == node);
        match (node.ends_with("-remote"), node.ends_with("-client")) {
            (true, _) => is_called() && !calls(),
            (_, true) => calls() && !is_called(),
            _ => false,
        }
    }

    /// All edges as `(caller, callee, protocol)`, ordered by name.
    pub fn edges(&self) -> impl Iterator<Item = (&str, &str, Protocol)> {
        self.edges.iter().map(|((from, to), p)| (from.as_str(), to.as_str(), *p))
    }

    /// Services that call others and are not called themselves, by name: users enter there. Empty if every caller is also called.
    pub fn entries(&self) -> Vec<&str> {
        let called: BTreeSet<&str> = self.edges().map(|(_, to, _)| to).collect();
        let callers: BTreeSet<&str> = self.edges().map(|(from, _, _)| from).collect();
        callers.difference(&called).copied().collect()
    }

    /// The services that one calls, by name. O(log edges + callees).
    pub fn callees(&self, caller: &str) -> impl Iterator<Item = &str> {
        let first = (caller.to_owned(), String::new());
        let from = self.edges.range(first.clone()..).take_while(move |((from, _), _)| *from == first.0);
        from.map(|((_, to), _)| to.as_str())
    }

    /// All services that one calls, directly or through others; itself only if they call it back. O(edges · log edges).
    ///
    /// ```
    /// use automap_core::topology::CallGraph;
    ///
    /// let calls: CallGraph = [("front-end", "orders"), ("orders", "payment"), ("a", "b"), ("b", "a")].into_iter().collect();
    /// assert_eq!(calls.reached_from("front-end").into_iter().collect::<Vec<_>>(), ["orders", "payment"]);
    /// assert_eq!(calls.reached_from("a").into_iter().collect::<Vec<_>>(), ["a", "b"]);
    /// ```
    pub fn reached_from(&self, caller: &str) -> BTreeSet<&str> {
        let mut reached: BTreeSet<&str> = self.callees(caller).collect();
        let mut queue: Vec<&str> = reached.iter().copied().collect();
        while let Some(at) = queue.pop() {
            for to in self.callees(at) {
                if reached.insert(to) {
                    queue.push(to);
                }
            }
        }
        reached
    }

    /// Whether `caller` calls `callee`, directly or through others. O(edges · log edges).
    pub fn reaches(&self, caller: &str, callee: &str) -> bool {
        self.reached_from(caller).contains(callee)
    }

    /// Number of edges.
    pub fn len(&self) -> usize {
        self.edges.len()
    }

    /// Whether there are no edges.
    pub fn is_empty(&self) -> bool {
        self.edges.is_empty()
    }
}

impl<'a> FromIterator<(&'a str, &'a str)> for CallGraph {
    fn from_iter<I: IntoIterator<Item = (&'a str, &'a str)>>(edges: I) -> Self {
        let mut graph = Self::new();
        for (caller, callee) in edges {
            graph.add(caller, callee, Protocol::Request);
        }
        graph
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_edge_wins_and_self_calls_are_dropped() {
        let mut graph = CallGraph::new();
        graph.add("orders", "orders", Protocol::Request);
        graph.add("orders", "payment", Protocol::Tcp);
        graph.add("orders", "payment", Protocol::Request);
        graph.add("orders", "payment", Protocol::Tcp);
        assert_eq!(graph.edges().collect::<Vec<_>>(), [("orders", "payment", Protocol::Request)]);
    }

    #[test]
    fn an_observed_call_is_no_longer_only_declared() {
        let mut graph = CallGraph::new();
        graph.assert_call("orders", "orders");
        graph.assert_call("orders", "payment");
        graph.add("front-end", "orders", Protocol::Tcp);
        graph.assert_call("front-end", "orders");
        assert!(graph.is_asserted("orders", "payment") && !graph.is_asserted("front-end", "orders"));
        assert_eq!((graph.len(), graph.edges().next()), (2, Some(("front-end", "orders", Protocol::Tcp))));
        graph.add("orders", "payment", Protocol::Tcp);
        assert!(!graph.is_asserted("orders", "payment"));
    }
}
