//! The behaviour graph and its algebra: adding windows, subtracting normal behaviour, comparing.
//!
//! The paper does not publish its formulas for "+", "−" and similarity; these are reconstructions. [`BehaviourGraph`] holds counts, so that
//! addition is exact: associative and commutative, with the empty graph as identity. [`WeightedGraph`] holds the resulting shares.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::MetricType;

/// One number for each metric type, in the order of [`MetricType::ALL`].
pub type ByType = [f64; MetricType::COUNT];

/// Counts in how many windows each metric supported an edge `cause → effect`. An undirected edge is stored both ways.
///
/// ```
/// use automap_core::graph::{BehaviourGraph, MetricType, Subtraction};
///
/// let normal = BehaviourGraph::from_edges(&[("db", "web", MetricType::Latency)]);
/// let incident = BehaviourGraph::from_edges(&[("db", "web", MetricType::Latency), ("db", "web", MetricType::Cpu)]);
/// let weights = incident.weights();
/// assert_eq!(weights.weights("db", "web").map(|w| w[MetricType::Cpu as usize]), Some(0.5));
/// // Latency connects the two in normal operation as well; what is new is the CPU.
/// let anomaly = weights.subtract(&normal.weights(), Subtraction::Set, &[]);
/// assert_eq!(anomaly.weights("db", "web").map(|w| w[MetricType::Cpu as usize]), Some(1.0));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BehaviourGraph {
    windows: u32,
    services: BTreeSet<String>,
    support: BTreeMap<(String, String), [u32; MetricType::COUNT]>,
}

impl BehaviourGraph {
    /// The graph of one window over these services, without edges.
    pub fn of_window(services: impl IntoIterator<Item = String>) -> Self {
        Self { windows: 1, services: services.into_iter().collect(), support: BTreeMap::new() }
    }

    /// The graph of one window with these edges `(cause, effect, metric)`.
    pub fn from_edges(edges: &[(&str, &str, MetricType)]) -> Self {
        let mut graph = Self::of_window([]);
        edges.iter().for_each(|(from, to, metric)| graph.support(from, to, *metric));
        graph
    }

    /// Records that a metric supports `from → to` in this window.
    pub(super) fn support(&mut self, from: &str, to: &str, metric: MetricType) {
        self.services.extend([from.to_owned(), to.to_owned()]);
        self.support.entry((from.to_owned(), to.to_owned())).or_default()[metric as usize] += 1;
    }

    /// Records a known edge, which needs no support by data.
    pub(super) fn add_known(&mut self, from: &str, to: &str) {
        self.services.extend([from.to_owned(), to.to_owned()]);
        self.support.entry((from.to_owned(), to.to_owned())).or_default();
    }

    /// `self + other`: windows, services and supports of both.
    #[must_use]
    pub fn add(&self, other: &Self) -> Self {
        let mut sum = self.clone();
        sum.windows += other.windows;
        sum.services.extend(other.services.iter().cloned());
        for (edge, counts) in &other.support {
            let slot = sum.support.entry(edge.clone()).or_default();
            slot.iter_mut().zip(counts).for_each(|(a, b)| *a += b);
        }
        sum
    }

    /// Number of windows added up.
    pub fn windows(&self) -> u32 {
        self.windows
    }

    /// Weights of every edge by metric: shares of its support, which sum to 1; all 0 for an edge that is only known.
    pub fn weights(&self) -> WeightedGraph {
        let edges = self.support.iter().map(|(edge, counts)| (edge.clone(), normalised(counts.map(f64::from))));
        WeightedGraph { services: self.services.clone(), edges: edges.collect() }
    }
}

/// A behaviour graph with weights: what walks, profiles and comparisons use.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "GraphFile", into = "GraphFile")]
pub struct WeightedGraph {
    services: BTreeSet<String>,
    edges: BTreeMap<(String, String), ByType>,
}

/// How normal behaviour is subtracted from an incident's graph.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Subtraction {
    /// The incident's weight minus the normal one, at least 0. Default: an edge that the incident shifts to another metric stays, since real
    /// faults spread along edges that also exist in normal operation.
    #[default]
    Weighted,
    /// Removes every (edge, metric) that also exists in normal operation.
    Set,
}

impl WeightedGraph {
    /// The services, by name.
    pub fn services(&self) -> impl Iterator<Item = &str> {
        self.services.iter().map(String::as_str)
    }

    /// All edges `(from, to, weights)`, by name. An undirected edge appears both ways.
    pub fn edges(&self) -> impl Iterator<Item = (&str, &str, &ByType)> {
        self.edges.iter().map(|((from, to), w)| (from.as_str(), to.as_str(), w))
    }

    /// Number of arrows.
    pub fn len(&self) -> usize {
        self.edges.len()
    }

    /// Whether there are no edges.
    pub fn is_empty(&self) -> bool {
        self.edges.is_empty()
    }

    /// Weights of an arrow; `None` if it does not exist.
    pub fn weights(&self, from: &str, to: &str) -> Option<&ByType> {
        self.edges.get(&(from.to_owned(), to.to_owned()))
    }

    /// Returns `self − normal`. Edges that normal behaviour accounts for are removed and the rest is renormalised; services without edges are
    /// removed as well, except those in `keep`. Edges that are only known (all weights 0) stay.
    #[must_use]
    pub fn subtract(&self, normal: &Self, how: Subtraction, keep: &[&str]) -> Self {
        let mut edges = BTreeMap::new();
        for (edge, weights) in &self.edges {
            let usual = normal.edges.get(edge).copied().unwrap_or_default();
            let mut rest = *weights;
            for (w, u) in rest.iter_mut().zip(usual) {
                *w = match how {
                    Subtraction::Weighted => (*w - u).max(0.0),
                    Subtraction::Set if u > 0.0 => 0.0,
                    Subtraction::Set => *w,
                };
            }
            let is_only_known = weights.iter().all(|w| *w == 0.0);
            // Equal weights may differ by a rounding error.
            if is_only_known || rest.iter().any(|w| *w > 1e-12) {
                edges.insert(edge.clone(), normalised(rest));
            }
        }
        let ends = edges.keys().flat_map(|(from, to): &(String, String)| [from.clone(), to.clone()]);
        let kept = keep.iter().filter(|s| self.services.contains(**s)).map(|s| (*s).to_owned());
        Self { services: ends.chain(kept).collect(), edges }
    }

    /// Sum of the weights of each service's edges by metric; [`super::service_class`] turns them into shares and classes.
    pub(super) fn touching(&self) -> BTreeMap<&str, ByType> {
        let mut out: BTreeMap<&str, ByType> = self.services.iter().map(|s| (s.as_str(), ByType::default())).collect();
        for (from, to, weights) in self.edges() {
            for end in [from, to] {
                if let Some(sum) = out.get_mut(end) {
                    sum.iter_mut().zip(weights).for_each(|(a, b)| *a += b);
                }
            }
        }
        out
    }

    /// Similarity of two graphs, 0–1: half the weighted Jaccard index of their (edge, metric) weights, half the share of services with the same
    /// class. Symmetric; 1 for equal graphs, including two empty ones. O(edges).
    pub fn similarity(&self, other: &Self) -> f64 {
        let none = ByType::default();
        let keys: BTreeSet<&(String, String)> = self.edges.keys().chain(other.edges.keys()).collect();
        let (mut shared, mut all) = (0.0, 0.0);
        for key in keys {
            let (a, b) = (self.edges.get(key).unwrap_or(&none), other.edges.get(key).unwrap_or(&none));
            for (a, b) in a.iter().zip(b) {
                shared += a.min(*b);
                all += a.max(*b);
            }
        }
        let edges = if all > 0.0 { shared / all } else { 1.0 };
        let services: BTreeSet<&String> = self.services.union(&other.services).collect();
        let (mine, theirs) = (super::service_class::classes(self), super::service_class::classes(other));
        // A service that only one graph has counts as a difference, whatever its class.
        let same = services.iter().filter(|s| match (mine.get(s.as_str()), theirs.get(s.as_str())) {
            (Some(a), Some(b)) => a == b,
            _ => false,
        });
        let classes = if services.is_empty() { 1.0 } else { same.count() as f64 / services.len() as f64 };
        0.5 * edges + 0.5 * classes
    }
}

fn normalised(weights: ByType) -> ByType {
    let sum: f64 = weights.iter().sum();
    if sum > 0.0 { weights.map(|w| w / sum) } else { ByType::default() }
}

/// The file format of a graph.
#[derive(Serialize, Deserialize)]
struct GraphFile {
    services: Vec<String>,
    edges: Vec<(String, String, ByType)>,
}

impl From<GraphFile> for WeightedGraph {
    fn from(file: GraphFile) -> Self {
        let edges = file.edges.into_iter().map(|(from, to, w)| ((from, to), w));
        Self { services: file.services.into_iter().collect(), edges: edges.collect() }
    }
}

impl From<WeightedGraph> for GraphFile {
    fn from(graph: WeightedGraph) -> Self {
        let edges = graph.edges.into_iter().map(|((from, to), w)| (from, to, w));
        Self { services: graph.services.into_iter().collect(), edges: edges.collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::MetricType::{Cpu, Latency};
    use super::*;

    fn window(edges: &[(&str, &str, MetricType)]) -> BehaviourGraph {
        let mut g = BehaviourGraph::of_window(["a", "b", "c"].map(String::from));
        edges.iter().for_each(|(from, to, m)| g.support(from, to, *m));
        g
    }

    #[test]
    fn addition_is_associative_and_commutative_and_has_an_identity() {
        let (x, y) = (window(&[("a", "b", Latency)]), window(&[("a", "b", Latency), ("b", "c", Cpu)]));
        let z = window(&[("a", "b", Cpu)]);
        assert_eq!(x.add(&y), y.add(&x));
        assert_eq!(x.add(&y).add(&z), x.add(&y.add(&z)));
        assert_eq!(x.add(&BehaviourGraph::default()), x);
        let sum = x.add(&y).add(&z);
        assert_eq!(sum.windows(), 3);
        let w = *sum.weights().weights("a", "b").unwrap();
        assert!((w[Latency as usize] - 2.0 / 3.0).abs() < 1e-12 && (w.iter().sum::<f64>() - 1.0).abs() < 1e-12);
    }

    #[test]
    fn what_is_normal_is_taken_out() {
        let incident = window(&[("a", "b", Latency), ("a", "b", Cpu), ("b", "c", Cpu)]).weights();
        let normal = window(&[("a", "b", Latency), ("b", "c", Cpu)]).weights();
        let set = incident.subtract(&normal, Subtraction::Set, &["c"]);
        assert_eq!(set.len(), 1);
        assert_eq!(set.weights("a", "b").unwrap()[Cpu as usize], 1.0);
        assert_eq!(set.services().collect::<Vec<_>>(), ["a", "b", "c"], "c is kept on request");
        // Half of a → b is latency in the incident and all of it in the baseline: what is left is CPU.
        let weighted = incident.subtract(&normal, Subtraction::Weighted, &[]);
        assert_eq!(weighted.weights("a", "b").unwrap()[Cpu as usize], 1.0);
        assert!(weighted.weights("b", "c").is_none());
        assert!(incident.subtract(&incident, Subtraction::Weighted, &[]).is_empty());
    }

    #[test]
    fn similarity_is_symmetric_and_bounded() {
        let (x, y) = (window(&[("a", "b", Latency)]).weights(), window(&[("a", "b", Cpu), ("b", "c", Cpu)]).weights());
        assert_eq!(x.similarity(&x), 1.0);
        assert_eq!(WeightedGraph::default().similarity(&WeightedGraph::default()), 1.0);
        assert_eq!(x.similarity(&y), y.similarity(&x));
        assert_eq!(x.similarity(&y), 0.0, "no weight and no class is shared");
    }

    #[test]
    fn a_graph_survives_its_file() {
        let graph = window(&[("a", "b", Latency), ("b", "c", Cpu)]).weights();
        let text = serde_json::to_string(&graph).unwrap();
        assert_eq!(serde_json::from_str::<WeightedGraph>(&text).unwrap(), graph);
    }
}
