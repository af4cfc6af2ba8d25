//! Adds the learnt graphs to the service map: besides the calls, which services moved together.

use std::collections::{BTreeMap, BTreeSet};

use super::compose::{DataEdge, compose};
use super::model::{EdgeChange, MapKind, ServiceMap};
use crate::graph::service_class::classes;
use crate::graph::{IncidentGraphs, Learned, Link, MetricType, WeightedGraph};
use crate::note::Note;
use crate::observation::Observation;
use crate::report::Report;

/// Share of untestable pairs from which a note says that the picture lacks edges.
const WORTH_A_NOTE: f64 = 0.5;

/// The map of an incident with the edges inferred from data, the services' classes, and what could not be learnt.
pub fn with_graphs(observation: &Observation, report: &Report, graphs: &IncidentGraphs, kind: MapKind) -> ServiceMap {
    let (normal, incident) = (graphs.normal.graph.weights(), graphs.incident.graph.weights());
    let edges = match kind {
        MapKind::Normal => arrows(&normal).into_values().collect(),
        MapKind::Anomaly => arrows(&incident).into_values().collect(),
        MapKind::Difference => difference(&normal, &incident, &graphs.changed),
    };
    let mut map = compose(observation, report, kind, &edges);
    let shown = if kind == MapKind::Normal { &normal } else { &incident };
    let classes = classes(shown);
    for node in &mut map.nodes {
        node.class = classes.get(node.service.as_str()).copied().flatten();
    }
    let learnt: &[(&str, &Learned)] = match kind {
        MapKind::Normal => &[("the baseline", &graphs.normal)],
        MapKind::Anomaly => &[("the incident", &graphs.incident)],
        MapKind::Difference => &[("the baseline", &graphs.normal), ("the incident", &graphs.incident)],
    };
    map.notes.extend(learnt.iter().filter_map(|(window, learnt)| too_little(window, learnt)));
    map
}

/// One edge per pair and metric; arrows both ways become one edge without direction.
fn arrows(graph: &WeightedGraph) -> BTreeMap<Link, DataEdge> {
    let mut out = BTreeMap::new();
    for (from, to, weights) in graph.edges() {
        for metric in MetricType::ALL.into_iter().filter(|m| weights[*m as usize] > 0.0) {
            let back = graph.weights(to, from).is_some_and(|w| w[metric as usize] > 0.0);
            let edge = DataEdge {
                from: from.to_owned(),
                to: to.to_owned(),
                metric,
                weight: weights[metric as usize],
                directed: !back,
                change: EdgeChange::Same,
            };
            let (a, b) = (from.min(to).to_owned(), from.max(to).to_owned());
            out.entry((a, b, metric)).or_insert(edge);
        }
    }
    out
}

/// The edges of both; an edge without a significant change is the same.
fn difference(normal: &WeightedGraph, incident: &WeightedGraph, changed: &BTreeSet<Link>) -> Vec<DataEdge> {
    let (normal, mut edges) = (arrows(normal), arrows(incident));
    for (link, edge) in &mut edges {
        edge.change = if changed.contains(link) { EdgeChange::New } else { EdgeChange::Same };
    }
    for (link, edge) in normal {
        let change = if changed.contains(&link) { EdgeChange::Gone } else { EdgeChange::Same };
        edges.entry(link).or_insert(DataEdge { change, ..edge });
    }
    edges.into_values().collect()
}

fn too_little(window: &str, learnt: &Learned) -> Option<Note> {
    let (pairs, lost) = learnt.tests.iter().fold((0, 0), |(p, l), t| (p + t.pairs, l + t.insufficient));
    (pairs > 0 && lost as f64 >= WORTH_A_NOTE * pairs as f64).then(|| {
        let text = format!(
            "{window} is too short or too repetitive to test {lost} of {pairs} pairs of signals: edges from data are missing"
        );
        Note::warning("too_few_samples_for_graph", text)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::BehaviourGraph;

    fn graph(text: &str) -> WeightedGraph {
        let edges: Vec<(&str, &str, MetricType)> = text
            .split_whitespace()
            .map(|e| (&e[0..1], &e[2..3], if e.ends_with('c') { MetricType::Cpu } else { MetricType::Latency }))
            .collect();
        BehaviourGraph::from_edges(&edges).weights()
    }

    #[test]
    fn new_gone_and_undirected_edges_are_told_apart() {
        let changed = |a: &str, b: &str, metric| (a.to_owned(), b.to_owned(), metric);
        let changed = BTreeSet::from([changed("a", "b", MetricType::Cpu), changed("b", "c", MetricType::Latency)]);
        let edges = difference(&graph("a>b:l b>c:l c>b:l"), &graph("a>b:l a>b:c d>a:c"), &changed);
        let found: Vec<(&str, &str, MetricType, bool, EdgeChange)> =
            edges.iter().map(|e| (e.from.as_str(), e.to.as_str(), e.metric, e.directed, e.change)).collect();
        assert_eq!(
            found,
            [
                ("a", "b", MetricType::Latency, true, EdgeChange::Same),
                ("a", "b", MetricType::Cpu, true, EdgeChange::New),
                // In the incident only, but not significantly so.
                ("d", "a", MetricType::Cpu, true, EdgeChange::Same),
                ("b", "c", MetricType::Latency, false, EdgeChange::Gone),
            ]
        );
    }
}
