//! The AutoMAP engine: behaviour graph, anomaly graph, metric weights, heuristic random walk.
//!
//! Ma et al., *AutoMAP: Diagnose Your Microservice-based Web Applications Automatically*, WWW 2020. The paper's constants and some of its formulas
//! are not public; what is reconstructed is an option here, and its default is what measured best.

use std::collections::BTreeMap;

use super::metric_weights::EQUAL_WEIGHTS;
use super::walk::{Transitions, WalkOptions, visits};
use super::{Engine, Part, PartSource, RankedService, Ranking};
use crate::anomaly::{Anomalies, Rows};
use crate::frame::{MetricFrame, ServiceIdx};
use crate::graph::{
    self, ByType, GraphOptions, GraphSignals, IncidentGraphs, Knowledge, MetricType, Subtraction, WeightedGraph,
};
use crate::independence::{CiOptions, FisherZ, Scores};
use crate::metric::{Family, Side};
use crate::note::Note;
use crate::topology::CallGraph;

/// The options of the engine.
#[derive(Clone, Copy, Debug)]
pub struct AutomapOptions {
    /// How graphs are learnt.
    pub graph: GraphOptions,
    /// Where the walk goes.
    pub walk_on: WalkOn,
    /// How normal behaviour is subtracted, where it is.
    pub subtraction: Subtraction,
    /// What attracts the walk.
    pub attraction: Attraction,
    /// Where the walk begins, and begins anew.
    pub start: Start,
    /// How it moves.
    pub walk: WalkOptions,
    /// Weights of the metric types, summing to 1; equal, or learnt from confirmed incidents.
    pub metric_weights: ByType,
}

impl Default for AutomapOptions {
    fn default() -> Self {
        Self {
            graph: GraphOptions::default(),
            walk_on: WalkOn::Anomaly,
            subtraction: Subtraction::default(),
            attraction: Attraction::Evidence,
            start: Start::Scores,
            walk: WalkOptions::default(),
            metric_weights: EQUAL_WEIGHTS,
        }
    }
}

impl AutomapOptions {
    /// As near to the paper as can be told: no knowledge of calls, correlation with the front-end, an uninterrupted walk from there.
    pub fn paper() -> Self {
        let mut options = Self {
            attraction: Attraction::Correlation,
            start: Start::Entry,
            walk: WalkOptions { restart: 0.0, ..WalkOptions::default() },
            ..Self::default()
        };
        options.graph.knowledge = Knowledge::None;
        options
    }
}

/// Which graph is walked. With [`Knowledge::Calls`] the calls are part of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WalkOn {
    /// The incident's graph minus normal behaviour: the paper's anomaly profile.
    Anomaly,
    /// The incident's graph.
    Incident,
    /// The graph of normal time.
    Normal,
    /// The calls alone.
    Calls,
}

/// What attracts the walk to a service: `S_i`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attraction {
    /// The paper's: weighted |correlation| of its metrics with the violated service's, over baseline and incident.
    Correlation,
    /// Weighted evidence that its metrics left their normal behaviour. Default: what correlates with a victim is first of all every
    /// other victim.
    Evidence,
}

/// Where the walk begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// The paper's: the violated service that users see.
    Entry,
    /// Every service, in proportion to its attraction. Default: a cause that no arrow reaches can be found too.
    Scores,
}

/// Everything about an incident that does not depend on the metric weights.
#[derive(Debug)]
pub struct Prepared {
    /// The graphs of both windows.
    pub graphs: IncidentGraphs,
    /// The incident's graph minus normal behaviour; the incident's own where nothing would be left.
    pub anomaly: WeightedGraph,
    /// The violated service; `None` where none shows a symptom and nobody is known to be called by users.
    pub entry: Option<ServiceIdx>,
    /// What was remarkable.
    pub notes: Vec<Note>,
    services: Vec<ServiceIdx>,
    /// `effect → cause`.
    arrows: Vec<(usize, usize)>,
    /// By service of the frame and metric type; `NaN` where not observed.
    attraction: Vec<ByType>,
    evidence: Vec<ByType>,
}

/// Learns the graphs and measures what attracts. Cost: that of [`graph::learn_for_incident`], which is nearly all of the engine's.
pub fn prepare(
    frame: &MetricFrame,
    rows: &Rows,
    anomalies: &Anomalies,
    calls: &CallGraph,
    options: &AutomapOptions,
) -> Prepared {
    let graphs = graph::learn_for_incident(frame, rows, calls, &options.graph);
    let evidence = evidence_by_type(frame, anomalies);
    let entry = violated_entry(frame, calls, &evidence);
    let (anomaly, notes) = anomaly_graph(frame, &graphs, entry, options);
    let arrows = arrows(frame, &graphs, &anomaly, calls, options);
    let attraction = match options.attraction {
        Attraction::Evidence => evidence.clone(),
        Attraction::Correlation => correlation_with(frame, rows, entry, options),
    };
    let mut services: Vec<ServiceIdx> = anomalies.series.iter().map(|s| s.service).collect();
    services.dedup();
    Prepared { graphs, anomaly, entry, notes, services, arrows, attraction, evidence }
}

/// Ranks by how often the walk visits. Cost: that of [`visits`].
pub fn rank(prepared: &Prepared, frame: &MetricFrame, options: &AutomapOptions) -> Ranking {
    let scores: Vec<f64> = prepared.attraction.iter().map(|a| weighted(a, &options.metric_weights)).collect();
    let entry = prepared.entry.map(|s| s.0);
    let transitions = Transitions::heuristic(&prepared.arrows, &scores, options.walk.backward, entry);
    let start: Vec<f64> = match (options.start, entry) {
        (Start::Entry, Some(entry)) => (0..scores.len()).map(|i| f64::from(u8::from(i == entry))).collect(),
        _ => scores.clone(),
    };
    let visited = visits(&transitions, &start, &options.walk);
    let mut order: Vec<ServiceIdx> = prepared.services.clone();
    // Nine digits: what differs only by rounding of sums is equal, and then the attraction and the name decide.
    let rounded = |v: f64| (v * 1e9).round();
    order.sort_by(|a, b| {
        let by = |values: &[f64]| rounded(values[b.0]).total_cmp(&rounded(values[a.0]));
        by(&visited).then_with(|| by(&scores)).then_with(|| frame.service(*a).cmp(frame.service(*b)))
    });
    let all: f64 = order.iter().map(|s| visited[s.0]).sum();
    let services = order.into_iter().map(|service| RankedService {
        service,
        score: visited[service.0] * scores.len() as f64,
        share: if all > 0.0 { visited[service.0] / all } else { 0.0 },
        parts: parts(&prepared.evidence[service.0], &options.metric_weights),
        explained: Vec::new(),
    });
    Ranking { engine: Engine::Automap, services: services.collect() }
}

/// How well each metric type alone finds `cause`: 1 over its rank, 0 where nothing has that type or the service is not ranked.
pub fn precision(prepared: &Prepared, frame: &MetricFrame, options: &AutomapOptions, cause: &str) -> ByType {
    MetricType::ALL.map(|metric| {
        let mut weights = ByType::default();
        weights[metric as usize] = 1.0;
        if prepared.attraction.iter().all(|a| a[metric as usize].is_nan()) {
            return 0.0;
        }
        let ranking = rank(prepared, frame, &AutomapOptions { metric_weights: weights, ..*options });
        let place = ranking.services.iter().position(|s| frame.service(s.service) == cause);
        place.map_or(0.0, |i| 1.0 / (i + 1) as f64)
    })
}

/// The weighted sum over the types that were observed, as if the others had shown as much.
fn weighted(values: &ByType, weights: &ByType) -> f64 {
    let observed = values.iter().zip(weights).filter(|(v, _)| !v.is_nan());
    let (sum, weight) = observed.fold((0.0, 0.0), |(s, w), (v, weight)| (s + v * weight, w + weight));
    if weight > 0.0 { sum / weight } else { 0.0 }
}

/// Strongest evidence of every service by metric type, never below 0; `NaN` where nothing of the type was judged.
///
/// Congestion has none: it is made of throughput and latency, which are judged already, and would count both twice. It shapes the graph, and
/// attracts by correlation.
pub fn evidence_by_type(frame: &MetricFrame, anomalies: &Anomalies) -> Vec<ByType> {
    let mut out = vec![[f64::NAN; MetricType::COUNT]; frame.services().len()];
    let mut raise = |service: ServiceIdx, metric: MetricType, evidence: f64| {
        let slot = &mut out[service.0][metric as usize];
        *slot = slot.max(evidence.max(0.0));
    };
    for s in anomalies.series.iter().filter(|s| s.metric.side == Side::Own) {
        if let Some(metric) = type_of(&s.metric.family) {
            raise(s.service, metric, s.evidence);
        }
    }
    // Samples that stopped arriving: the service is not there.
    anomalies.missing.iter().for_each(|(s, e)| raise(*s, MetricType::Availability, *e));
    out
}

fn type_of(family: &Family) -> Option<MetricType> {
    match family {
        Family::Latency => Some(MetricType::Latency),
        Family::Throughput => Some(MetricType::Throughput),
        Family::Error | Family::Lifecycle => Some(MetricType::Availability),
        Family::Cpu | Family::Throttle => Some(MetricType::Cpu),
        Family::Memory => Some(MetricType::Memory),
        Family::Disk | Family::Network => Some(MetricType::Io),
        Family::NetworkGap | Family::Syscall | Family::Other(_) => None,
    }
}

/// The service that users see violated: of those that nobody calls, else of all, the one with the clearest symptom.
fn violated_entry(frame: &MetricFrame, calls: &CallGraph, evidence: &[ByType]) -> Option<ServiceIdx> {
    let symptom = |s: ServiceIdx| {
        [MetricType::Latency, MetricType::Availability]
            .map(|m| evidence[s.0][m as usize])
            .into_iter()
            .fold(0.0, f64::max)
    };
    let clearest = |services: Vec<ServiceIdx>| {
        let strongest = services.iter().map(|s| symptom(*s)).fold(0.0, f64::max);
        services.into_iter().find(|s| symptom(*s) == strongest)
    };
    let entries: Vec<ServiceIdx> = calls.entries().into_iter().filter_map(|name| frame.find(name)).collect();
    match entries.is_empty() {
        false => clearest(entries),
        true => clearest((0..evidence.len()).map(ServiceIdx).collect()).filter(|s| symptom(*s) > 0.0),
    }
}

fn anomaly_graph(
    frame: &MetricFrame,
    graphs: &IncidentGraphs,
    entry: Option<ServiceIdx>,
    options: &AutomapOptions,
) -> (WeightedGraph, Vec<Note>) {
    let (incident, normal) = (graphs.incident.graph.weights(), graphs.normal.graph.weights());
    let keep: Vec<&str> = entry.map(|s| frame.service(s)).into_iter().collect();
    let anomaly = incident.subtract(&normal, options.subtraction, &keep);
    if anomaly.is_empty() && !incident.is_empty() {
        let text = "the incident shows no dependence that normal time does not show too: its own graph is used";
        return (incident, vec![Note::info("anomaly_graph_empty", text)]);
    }
    (anomaly, Vec::new())
}

fn arrows(
    frame: &MetricFrame,
    graphs: &IncidentGraphs,
    anomaly: &WeightedGraph,
    calls: &CallGraph,
    options: &AutomapOptions,
) -> Vec<(usize, usize)> {
    let learnt = match options.walk_on {
        WalkOn::Anomaly => anomaly.clone(),
        WalkOn::Incident => graphs.incident.graph.weights(),
        WalkOn::Normal => graphs.normal.graph.weights(),
        WalkOn::Calls => WeightedGraph::default(),
    };
    let index = |name: &str| frame.find(name).map(|s| s.0);
    let from_data = learnt.edges().filter_map(|(cause, effect, _)| Some((index(effect)?, index(cause)?)));
    let knows_calls = options.graph.knowledge == Knowledge::Calls || options.walk_on == WalkOn::Calls;
    let observed = calls.edges().filter(|_| knows_calls);
    let from_calls = observed.filter_map(|(caller, callee, _)| Some((index(caller)?, index(callee)?)));
    let mut arrows: Vec<(usize, usize)> = from_data.chain(from_calls).collect();
    arrows.sort_unstable();
    arrows.dedup();
    arrows
}

/// `|ρ|` of every service's signals with the entry's of the same type, over all rows that are compared.
fn correlation_with(
    frame: &MetricFrame,
    rows: &Rows,
    entry: Option<ServiceIdx>,
    options: &AutomapOptions,
) -> Vec<ByType> {
    let mut out = vec![[f64::NAN; MetricType::COUNT]; frame.services().len()];
    let Some(entry) = entry else { return out };
    let signals = GraphSignals::of(frame, options.graph.congestion);
    let mut compared: Vec<usize> = rows.baseline.iter().chain(&rows.incident).copied().collect();
    compared.sort_unstable();
    let plain = CiOptions { effective_samples: false, ..CiOptions::default() };
    for metric in MetricType::ALL {
        let columns = signals.rows(metric, &compared);
        for (service, column) in columns.iter().enumerate() {
            let pair = Scores::plain(&[columns[entry.0].clone(), column.clone()]);
            if pair.is_testable(0) && pair.is_testable(1) {
                // A service correlates with itself, whatever it does.
                let r = if service == entry.0 { 1.0 } else { FisherZ::new(&pair, &plain).correlation(0, 1) };
                out[service][metric as usize] = r.abs();
            }
        }
    }
    out
}

fn parts(evidence: &ByType, weights: &ByType) -> Vec<Part> {
    let family = |metric: MetricType| match metric {
        MetricType::Latency => Family::Latency,
        MetricType::Throughput | MetricType::Congestion => Family::Throughput,
        MetricType::Availability => Family::Error,
        MetricType::Cpu => Family::Cpu,
        MetricType::Memory => Family::Memory,
        MetricType::Io => Family::Disk,
    };
    let observed = MetricType::ALL.iter().filter(|m| !evidence[**m as usize].is_nan());
    observed
        .map(|m| Part {
            source: PartSource::Own(family(*m)),
            evidence: evidence[*m as usize],
            weight: weights[*m as usize],
        })
        .collect()
}

/// Evidence that every service's metrics show, by name and type: for profiles and comparisons.
impl Prepared {
    /// Evidence of one service by metric type, never below 0; `NaN` where nothing of the type was judged.
    pub fn evidence(&self, service: ServiceIdx) -> &ByType {
        &self.evidence[service.0]
    }

    /// Metric types that no service of the frame has.
    pub fn unobserved(&self) -> Vec<MetricType> {
        let is_missing = |m: &MetricType| self.evidence.iter().all(|e| e[*m as usize].is_nan());
        MetricType::ALL.into_iter().filter(is_missing).collect()
    }
}

/// Ranks of all services by name, from 1.
pub fn places<'a>(ranking: &Ranking, frame: &'a MetricFrame) -> BTreeMap<&'a str, usize> {
    ranking.services.iter().enumerate().map(|(i, s)| (frame.service(s.service), i + 1)).collect()
}
