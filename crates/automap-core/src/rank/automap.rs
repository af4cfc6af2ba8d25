//! The AutoMAP engine (Ma et al., *AutoMAP: Diagnose Your Microservice-based Web Applications Automatically*, WWW 2020).
//!
//! It learns behaviour graphs of baseline and incident, subtracts the baseline's, and ranks services by how often a random walk over the result
//! visits them. [`prepare`] does everything that does not depend on the metric weights, [`rank`] the rest. The paper leaves constants and some
//! formulas open; each such choice is an option here, and the default is the one that measured best (journal 0003).

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

/// Options of the engine.
#[derive(Clone, Copy, Debug)]
pub struct AutomapOptions {
    /// How graphs are learnt.
    pub graph: GraphOptions,
    /// Which graph the walk uses.
    pub walk_on: WalkOn,
    /// How normal behaviour is subtracted.
    pub subtraction: Subtraction,
    /// What attracts the walk.
    pub attraction: Attraction,
    /// Where the walk starts and restarts.
    pub start: Start,
    /// How the walk moves.
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
    /// Options as close to the paper as its text allows: no knowledge of calls, attraction by correlation with the front-end, an uninterrupted
    /// walk from there.
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

/// Which graph the walk uses. With [`Knowledge::Calls`] each contains the calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WalkOn {
    /// The incident's graph minus normal behaviour: the paper's anomaly profile.
    Anomaly,
    /// The incident's graph.
    Incident,
    /// The baseline's graph.
    Normal,
    /// The calls alone.
    Calls,
}

/// What attracts the walk to a service: `S_i`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attraction {
    /// As in the paper: weighted |correlation| of its metrics with those of the violated service, over baseline and incident.
    Correlation,
    /// Weighted evidence that its metrics deviate from normal. Default, since correlation with a victim is highest for other victims.
    Evidence,
}

/// Where the walk starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// As in the paper: at the violated service that users see.
    Entry,
    /// At every service, in proportion to its attraction. Default, since it also finds a cause that no arrow reaches.
    Scores,
}

/// Everything about an incident that does not depend on the metric weights.
#[derive(Debug)]
pub struct Prepared {
    /// The graphs of both windows.
    pub graphs: IncidentGraphs,
    /// The incident's graph minus normal behaviour, or the incident's graph itself if nothing is left.
    pub anomaly: WeightedGraph,
    /// The violated service; `None` if no service shows a symptom and no entry is known from the calls.
    pub entry: Option<ServiceIdx>,
    /// Notes for the report.
    pub notes: Vec<Note>,
    services: Vec<ServiceIdx>,
    /// `effect → cause`.
    arrows: Vec<(usize, usize)>,
    /// By service of the frame and metric type; `NaN` if not observed.
    attraction: Vec<ByType>,
    evidence: Vec<ByType>,
}

/// Learns the graphs and computes the attractions. Cost: that of [`graph::learn_for_incident`], which is nearly all of the engine's.
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
    // Nine digits: values that differ only by rounding compare equal, and then the attraction and the name decide.
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

/// How well each metric type alone finds `cause`: 1 / rank, 0 if no service has that type or the service is not ranked. Cost: seven times
/// that of [`rank`].
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

/// Weighted mean over the observed types.
fn weighted(values: &ByType, weights: &ByType) -> f64 {
    let observed = values.iter().zip(weights).filter(|(v, _)| !v.is_nan());
    let (sum, weight) = observed.fold((0.0, 0.0), |(s, w), (v, weight)| (s + v * weight, w + weight));
    if weight > 0.0 { sum / weight } else { 0.0 }
}

/// Strongest evidence of every service by metric type, at least 0; `NaN` if no series of the type was judged.
///
/// Congestion has none: it is derived from throughput and latency and would count both twice. It only shapes the graph and the correlations.
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
        Family::Error | Family::Lifecycle | Family::Outage => Some(MetricType::Availability),
        Family::Cpu | Family::Throttle => Some(MetricType::Cpu),
        Family::Memory | Family::Evictions => Some(MetricType::Memory),
        Family::Disk | Family::Network => Some(MetricType::Io),
        Family::Commands => Some(MetricType::Latency),
        Family::Locks | Family::Connections | Family::Queue | Family::Replication | Family::Pool => None,
        Family::Consumers | Family::Unconsumed => Some(MetricType::Availability),
        Family::NetworkGap
        | Family::Syscall
        | Family::Saturation
        | Family::Lookups
        | Family::FailedLookups
        | Family::Blocked
        | Family::TakenOut
        | Family::Certificate
        | Family::Other(_) => None,
    }
}

/// The violated service that users see: the one with the clearest symptom among the entries, or among all services if no entry is known.
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
    let entries = frame.entries(calls);
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
        let text =
            "the incident shows no dependence that the baseline does not show too: the incident's own graph is used";
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

/// |Correlation| of every service's signals with the entry's signal of the same type, over baseline and incident.
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
                // A service always correlates with itself.
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

impl Prepared {
    /// Evidence of one service by metric type, at least 0; `NaN` if no series of the type was judged.
    pub fn evidence(&self, service: ServiceIdx) -> &ByType {
        &self.evidence[service.0]
    }

    /// Metric types that no service of the frame has.
    pub fn unobserved(&self) -> Vec<MetricType> {
        let is_missing = |m: &MetricType| self.evidence.iter().all(|e| e[*m as usize].is_nan());
        MetricType::ALL.into_iter().filter(is_missing).collect()
    }
}
