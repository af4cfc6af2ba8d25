//! Composes the service map from the observation, the report and the edges inferred from data.
//!
//! It computes no statistics: roles and numbers are the report's. Renderers do the layout and drawing.

use std::collections::{BTreeMap, BTreeSet};

use super::model::{
    EdgeChange, EdgeMetric, Influence, MAP_SCHEMA_VERSION, MapEdge, MapKind, MapNode, NodeRole, ServiceMap,
};
use crate::anomaly::CLEAR;
use crate::frame::Series;
use crate::graph::MetricType;
use crate::metric::{Family, Side};
use crate::note::Note;
use crate::observation::Observation;
use crate::quantity::change;
use crate::report::{Evidence, Report, Verdict, VerdictKind};
use crate::time::Interval;

/// Confidence from which a service that is not named counts as a candidate.
const SOME_CONFIDENCE: f64 = 0.1;
/// Own samples from which a service counts as observed: a difference needs two.
const MIN_SAMPLES: usize = 2;

/// One connection that the data shows between two services, for one metric.
#[derive(Clone, Debug, PartialEq)]
pub struct DataEdge {
    /// One end; the earlier one if `directed`.
    pub from: String,
    /// The other end.
    pub to: String,
    /// The metric whose data connects them.
    pub metric: MetricType,
    /// How strong, in any unit from 0 up: only the shares within one pair of services are shown. Not finite counts as 0.
    pub weight: f64,
    /// Whether the data shows the direction.
    pub directed: bool,
    /// Compared with the other graph; [`EdgeChange::Same`] without a comparison.
    pub change: EdgeChange,
}

/// Builds the map: one edge per call, with the data edges of the same two services as its metrics, and one per
/// unordered pair without a call. Data edges from a service to itself are dropped.
///
/// A map of the baseline has no roles, ranks or path. Ranks that the report does not hold are `None`. O((services + calls + data edges) · log).
pub fn compose(observation: &Observation, report: &Report, kind: MapKind, data_edges: &[DataEdge]) -> ServiceMap {
    let named = report.verdict.kind == VerdictKind::Cause;
    let path: &[String] = match report.causes.first() {
        Some(first) if named && kind != MapKind::Normal => &first.path,
        _ => &[],
    };
    let edges = edges(observation, data_edges, path, &hosting(report, kind));
    let nodes = nodes(observation, report, kind, data_edges);
    let mut notes = Vec::new();
    if observation.calls.is_empty() {
        notes.push(Note::info("no_calls", "no calls between services are known: what connects them is the data alone"));
    }
    if kind == MapKind::Difference {
        notes.push(Note::info("difference", difference(&edges)));
    }
    ServiceMap { schema_version: MAP_SCHEMA_VERSION, kind, title: title(report, kind), nodes, edges, notes }
}

/// How many inferred edges the incident added and removed, stated even if there are none.
fn difference(edges: &[MapEdge]) -> String {
    let metrics = || edges.iter().flat_map(|e| &e.metrics);
    let count = |change: EdgeChange| metrics().filter(|m| m.change == change).count();
    match (count(EdgeChange::New), count(EdgeChange::Gone)) {
        (0, 0) => "the incident neither made nor broke an edge that the data shows".to_owned(),
        (new, gone) => format!("of the edges that the data shows, the incident made {new} and broke {gone}"),
    }
}

pub(super) fn title(report: &Report, kind: MapKind) -> String {
    let clocks = |window: Interval| format!("{}–{} UTC", window.start.clock(0), window.end.clock(0));
    let (baseline, incident) = (clocks(report.windows.baseline()), clocks(report.windows.incident()));
    match kind {
        MapKind::Normal => format!("baseline, {baseline}"),
        MapKind::Anomaly => format!("{} · {incident}", verdict(&report.verdict)),
        MapKind::Difference => format!("{} · {incident} against {baseline}", verdict(&report.verdict)),
    }
}

fn verdict(verdict: &Verdict) -> String {
    match verdict.kind {
        VerdictKind::Cause => format!("cause: {}, confidence {:.2}", verdict.summary, verdict.confidence),
        _ => verdict.summary.clone(),
    }
}

fn nodes(observation: &Observation, report: &Report, kind: MapKind, data_edges: &[DataEdge]) -> Vec<MapNode> {
    let calls = observation.calls.edges().flat_map(|(from, to, _)| [from, to]);
    let data = data_edges.iter().flat_map(|e| [e.from.as_str(), e.to.as_str()]);
    let reported = report.causes.iter().map(|c| c.service.as_str());
    let reported = reported.chain(report.victims.iter().map(|v| v.service.as_str()));
    let measured = observation.frame.services().iter().map(String::as_str);
    let entities = &observation.entities;
    // Machines and other workloads on them are on the map only if they are named.
    let is_shown = |name: &&str| !entities.is_beneath(name) || kind != MapKind::Normal && report.verdict.names(name);
    let names: BTreeSet<&str> = measured.chain(calls).chain(data).chain(reported).filter(is_shown).collect();
    let entries = served_entries(observation);
    let seen = observed(observation);
    let known = |name: &str| if seen.contains(name) { NodeRole::Normal } else { NodeRole::Unobserved };
    let node = |name: &str| {
        let is_entry = entries.contains(name);
        let bare = MapNode { role: known(name), is_entry, ..MapNode::new(name, entities.kind_of(name)) };
        if kind == MapKind::Normal { bare } else { in_incident(bare, report) }
    };
    names.into_iter().map(node).collect()
}

/// Entries of the call graph that serve requests, which come from outside. A worker that only calls others is not an entry. If no entry's
/// requests are measured, they cannot be distinguished.
fn served_entries(observation: &Observation) -> BTreeSet<&str> {
    let frame = &observation.frame;
    let is_request = |s: &&Series| {
        let is_kind = matches!(s.metric.family, Family::Latency | Family::Error | Family::Throughput);
        s.metric.side == Side::Own && is_kind && s.values.iter().any(|v| !v.is_nan() && (*v > 0.0 || !is_load(s)))
    };
    let served: BTreeSet<&str> = frame.series().iter().filter(is_request).map(|s| frame.service(s.service)).collect();
    let entries = observation.calls.entries();
    let known = entries.iter().any(|name| served.contains(name));
    entries.into_iter().filter(|name| !known || served.contains(name)).collect()
}

fn is_load(series: &Series) -> bool {
    series.metric.family == Family::Throughput
}

/// Services with samples of their own, not only what other services observe of them.
fn observed(observation: &Observation) -> BTreeSet<&str> {
    let frame = &observation.frame;
    let own = frame.series().iter().filter(|s| s.metric.side == Side::Own && s.peer.is_none());
    let enough = own.filter(|s| s.values.iter().filter(|v| !v.is_nan()).take(MIN_SAMPLES).count() == MIN_SAMPLES);
    enough.map(|s| frame.service(s.service)).collect()
}

/// The node with the report's data on its service.
pub(super) fn in_incident(mut node: MapNode, report: &Report) -> MapNode {
    let cause = report.causes.iter().find(|c| c.service == node.service);
    let victim = report.victims.iter().find(|v| v.service == node.service);
    let is_named = report.verdict.names(&node.service);
    if let Some(cause) = cause {
        node.rank = Some(cause.rank);
        node.confidence = Some(cause.confidence);
    }
    // What users feel there, and a candidate's own clear evidence, is not normal, whichever service is the cause.
    let own = |e: &&Evidence| e.seen_by == node.service && e.peer.is_none();
    let felt = report.symptoms.iter().find(|s| s.service == node.service).map(|s| &s.evidence);
    let clear = |e: &&Evidence| e.metric.family.is_symptom() && e.strength >= CLEAR;
    let felt = felt.or_else(|| cause?.evidence.iter().filter(own).find(clear));
    let evidence: Option<&Evidence> = match (cause, victim) {
        (Some(c), _) if is_named => c.evidence.first(),
        (_, Some(v)) => v.evidence.first(),
        (Some(c), None) if felt.is_none() || c.confidence >= SOME_CONFIDENCE => c.evidence.first(),
        _ => felt,
    };
    if is_named {
        node.role = NodeRole::Cause;
    } else if victim.is_some() {
        node.role = NodeRole::Victim;
    } else if cause.is_some_and(|c| c.confidence >= SOME_CONFIDENCE) {
        node.role = NodeRole::Candidate;
    } else if felt.is_some() {
        node.role = NodeRole::Victim;
    }
    // A faint candidate is a normal service with a number: its variation is not worth a line.
    if matches!(node.role, NodeRole::Cause | NodeRole::Candidate | NodeRole::Victim) {
        node.summary = evidence.map(short);
        node.onset = match cause {
            Some(c) if is_named => c.onset,
            _ => evidence.and_then(|e| e.onset),
        };
    }
    node
}

/// `p95 latency 48.7 → 488 ms`: what and how far, without the observer.
fn short(evidence: &Evidence) -> String {
    format!("{} {}", evidence.metric.words(), change(evidence.from, evidence.to, evidence.metric.unit))
}

/// The data edges of each unordered pair, `(lower, higher)` by name, metric by metric.
type Pairs<'a> = BTreeMap<(&'a str, &'a str), Vec<&'a DataEdge>>;

/// The services that named causes hold up on their nodes, as `(service, cause)`.
pub(super) fn hosting(report: &Report, kind: MapKind) -> BTreeSet<(&str, &str)> {
    let named = report.causes.iter().filter(|c| kind != MapKind::Normal && report.verdict.names(&c.service));
    let held_up =
        named.flat_map(|c| c.holds_up.iter().flat_map(|h| &h.services).map(|s| (s.as_str(), c.service.as_str())));
    held_up.collect()
}

fn edges(
    observation: &Observation,
    data_edges: &[DataEdge],
    path: &[String],
    hosting: &BTreeSet<(&str, &str)>,
) -> Vec<MapEdge> {
    let mut pairs: Pairs<'_> = BTreeMap::new();
    for edge in data_edges.iter().filter(|e| e.from != e.to) {
        let (a, b) = (edge.from.as_str(), edge.to.as_str());
        pairs.entry((a.min(b), a.max(b))).or_default().push(edge);
    }
    let calls: BTreeSet<(&str, &str)> = observation.calls.edges().map(|(from, to, _)| (from, to)).collect();
    let mut out: Vec<MapEdge> = Vec::new();
    for (from, to) in &calls {
        // If two services call each other, the edge from the first by name gets what has no direction.
        let both_ways = calls.contains(&(*to, *from));
        let mine = |e: &&&DataEdge| !both_ways || if e.directed { e.from == *from } else { from < to };
        let data = pairs.get(&(*from.min(to), *from.max(to))).map(Vec::as_slice).unwrap_or_default();
        let data: Vec<&DataEdge> = data.iter().filter(mine).copied().collect();
        let is_asserted = observation.calls.is_asserted(from, to);
        out.push(edge(from, to, (!is_asserted, is_asserted), &data));
    }
    for ((a, b), data) in &pairs {
        if calls.contains(&(*a, *b)) || calls.contains(&(*b, *a)) {
            continue;
        }
        let (from, to) = if leaning(data, a) >= 0.0 { (a, b) } else { (b, a) };
        out.push(edge(from, to, (false, false), data));
    }
    let is_drawn = |from: &str, to: &str| out.iter().any(|e| e.from == from && e.to == to);
    let more: Vec<MapEdge> = hosting
        .iter()
        .filter(|(from, to)| !is_drawn(from, to))
        .map(|(from, to)| edge(from, to, (false, false), &[]))
        .collect();
    out.extend(more);
    let steps: BTreeSet<(&str, &str)> = path.windows(2).map(|w| (w[0].as_str(), w[1].as_str())).collect();
    for e in &mut out {
        e.on_path = steps.contains(&(e.from.as_str(), e.to.as_str()));
    }
    out.sort_by(|a, b| (&a.from, &a.to).cmp(&(&b.from, &b.to)));
    out
}

/// How much more weight leaves `end` than enters it.
fn leaning(data: &[&DataEdge], end: &str) -> f64 {
    let directed = data.iter().filter(|e| e.directed && e.change != EdgeChange::Gone);
    directed.map(|e| if e.from == end { weight(e) } else { -weight(e) }).sum()
}

fn weight(edge: &DataEdge) -> f64 {
    if edge.weight.is_finite() { edge.weight.max(0.0) } else { 0.0 }
}

fn edge(from: &str, to: &str, (observed, asserted): (bool, bool), data: &[&DataEdge]) -> MapEdge {
    let mut by_metric: BTreeMap<(MetricType, Influence, EdgeChange), f64> = BTreeMap::new();
    for d in data {
        let influence = match d.directed {
            false => Influence::Undirected,
            true if d.from == from => Influence::Forward,
            true => Influence::Backward,
        };
        *by_metric.entry((d.metric, influence, d.change)).or_default() += weight(d);
    }
    let (total, count) = (by_metric.values().sum::<f64>(), by_metric.len() as f64);
    let share = |w: f64| if total > 0.0 { w / total } else { 1.0 / count };
    let metric = |((metric, influence, change), w): (&(MetricType, Influence, EdgeChange), &f64)| EdgeMetric {
        metric: *metric,
        weight: share(*w),
        influence: *influence,
        change: *change,
    };
    let metrics: Vec<EdgeMetric> = by_metric.iter().map(metric).collect();
    let change = match metrics.first().map(|m| m.change) {
        Some(first) if metrics.iter().all(|m| m.change == first) => first,
        _ => EdgeChange::Same,
    };
    MapEdge { from: from.to_owned(), to: to.to_owned(), observed, asserted, metrics, change, on_path: false }
}

#[cfg(test)]
mod tests;
