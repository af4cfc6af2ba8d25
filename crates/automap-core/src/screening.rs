//! Selects the services of a large system for which all signals are queried, from the signals queried for all of them: their requests and calls.
//!
//! A cause explains what users feel. So its own requests changed, or it is called by a service whose requests changed, directly or through others, or
//! calls one, or uses a node that one of them runs on. Each service gets the evidence of its own requests, or of those that lead to it, reduced for
//! each call in between: by a fifth, or by three fifths over a call that was measured and did not change. The sources query the details of the
//! highest ones only; anything else counts as not observed. Whether anything is wrong, and what caused it, is decided later, with all the data.
//!
//! Worked example: the latency of `web` rises with evidence 3. It calls `cart`, which is as fast as before (3 · 0.4 = 1.2), and `db` over TCP, which
//! is not measured (3 · 0.8 = 2.4). `cart` calls `cache`, over TCP as well (1.2 · 0.8 = 0.96). Queried in this order: `web`, `db`, `cart`, `cache`.

use std::collections::{BTreeMap, BTreeSet};

use crate::anomaly::{self, Anomalies, AnomalyOptions, SeriesEvidence};
use crate::course::Course;
use crate::entity::{Entities, EntityKind};
use crate::frame::{MetricFrame, Series};
use crate::metric::{Family, Side};
use crate::time::WindowHint;
use crate::topology::CallGraph;
use crate::windows::{self, WindowError};

/// Most services for which all signals are queried without screening.
pub const MAX_UNSCREENED: usize = 1_000;
/// The number of services above which suspects are selected; `None` if never, since all signals of all services are needed.
pub fn above(asks_for_all: bool) -> Option<usize> {
    (!asks_for_all).then_some(MAX_UNSCREENED)
}

/// Most services that are selected.
pub const MAX_SUSPECTS: usize = 300;
/// Evidence from which requests count as changed: less than clear, since selecting too many costs little.
const CHANGED: f64 = 0.5;
/// Most calls between a change and a service that it leads to.
const MAX_CALLS: usize = 4;
/// Share of the evidence that remains over a call that may carry it.
const PER_CALL: f64 = 0.8;
/// The same over a call that was measured and did not change.
const PER_CALM_CALL: f64 = 0.4;
/// The same from a service to its callers, and to those that use its node.
const BESIDE: f64 = 0.5;
/// Share of the level that hurts from which a node counts as full.
const NEARLY_FULL: f64 = 0.8;
/// Most of the possible windows that are compared.
const MAX_WINDOWS: usize = 3;

/// What was queried for all services.
#[derive(Clone, Copy, Debug)]
pub struct Outline<'a> {
    /// Requests, latency and errors, of services and of their calls.
    pub frame: &'a MetricFrame,
    /// The call graph.
    pub calls: &'a CallGraph,
    /// Which service runs on which node.
    pub entities: &'a Entities,
    /// What is known about the incident.
    pub hint: &'a WindowHint,
}

/// Services for which all signals are queried.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Suspects {
    /// The most suspicious first.
    pub services: Vec<String>,
    /// How many more there were.
    pub omitted: usize,
}

/// Selects at most `most` services of those for which `is_askable` holds. O(series × samples + calls).
///
/// # Errors
/// [`WindowError`] if the data has no two windows to compare.
///
/// ```
/// use automap_core::entity::Entities;
/// use automap_core::frame::{RawSeries, assemble};
/// use automap_core::screening::{Outline, suspects};
/// use automap_core::time::{Timestamp, WindowHint};
/// use automap_core::topology::{CallGraph, Protocol};
///
/// // web becomes slow; it calls db over TCP, and nobody calls other.
/// let times: Vec<Timestamp> = (0..60).map(|i| Timestamp::from_ms(i * 15_000)).collect();
/// let latency = |service: &str, fault: f64| RawSeries {
///     service: service.into(),
///     metric: "latency_ms".into(),
///     peer: None,
///     points: times.iter().enumerate().map(|(i, t)| (*t, 10.0 + (i % 3) as f64 + if i < 40 { 0.0 } else { fault })).collect(),
/// };
/// let (frame, _) = assemble(vec![latency("web", 90.0), latency("other", 0.0)], times.clone())?;
/// let mut calls = CallGraph::new();
/// calls.add("web", "db", Protocol::Tcp);
/// let outline = Outline { frame: &frame, calls: &calls, entities: &Entities::default(), hint: &WindowHint::default() };
/// let chosen = suspects(&outline, |_| true, 300)?;
/// assert_eq!((chosen.services, chosen.omitted), (vec!["web".to_owned(), "db".to_owned()], 0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn suspects(
    outline: &Outline<'_>,
    is_askable: impl Fn(&str) -> bool,
    most: usize,
) -> Result<Suspects, WindowError> {
    let found = Found::of(outline)?;
    let changed: Scores<'_> = found.own.iter().map(|(s, e)| (*s, *e)).filter(|(_, e)| *e >= CHANGED).collect();
    let nearby = beside(outline, &changed);
    let mut scores = changed;
    follow(outline.calls, &found, &mut scores);
    for (service, score) in nearby {
        raise(&mut scores, service, score);
    }
    let mut services: Vec<(&str, f64)> = scores.into_iter().filter(|(service, _)| is_askable(service)).collect();
    services.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(b.0)));
    let omitted = services.len().saturating_sub(most);
    let services = services.into_iter().take(most).map(|(service, _)| service.to_owned()).collect();
    Ok(Suspects { services, omitted })
}

/// Evidence by name.
type Scores<'a> = BTreeMap<&'a str, f64>;

/// How far requests changed, in any of the possible windows.
#[derive(Default)]
struct Found<'a> {
    /// Of services.
    own: Scores<'a>,
    /// Of calls, measured at either end.
    calls: BTreeMap<(&'a str, &'a str), f64>,
}

impl<'a> Found<'a> {
    fn of(outline: &Outline<'a>) -> Result<Self, WindowError> {
        let Outline { frame, calls, hint, .. } = *outline;
        let plan = Course::of(frame, calls, hint).plan(frame, hint);
        let mut found = Self::default();
        for possible in windows::planned(frame, &plan)?.into_iter().take(MAX_WINDOWS) {
            found.add(frame, &anomaly::detect(frame, &possible.windows.rows, &AnomalyOptions::default()));
        }
        Ok(found)
    }

    fn add(&mut self, frame: &'a MetricFrame, anomalies: &Anomalies) {
        for series in anomalies.series.iter().filter(|s| is_of_requests(s)) {
            let service = frame.service(series.service);
            raise(&mut self.own, service, series.evidence);
            if let Some(peer) = series.peer.map(|peer| frame.service(peer)) {
                raise(&mut self.own, peer, series.evidence);
                let known = self.calls.entry((service, peer)).or_default();
                *known = known.max(series.evidence);
            }
        }
        for (service, evidence) in &anomalies.missing {
            raise(&mut self.own, frame.service(*service), *evidence);
        }
    }

    /// The share of a caller's evidence that remains at a callee: less if the call was measured and did not change.
    fn per_call(&self, caller: &str, callee: &str) -> f64 {
        match self.calls.get(&(caller, callee)).or_else(|| self.own.get(callee)) {
            Some(evidence) if *evidence < CHANGED => PER_CALM_CALL,
            _ => PER_CALL,
        }
    }
}

fn is_of_requests(series: &SeriesEvidence) -> bool {
    let is_ours = matches!(series.metric.side, Side::Own | Side::Client | Side::Served);
    is_ours && (series.metric.family.is_symptom() || series.metric.family == Family::Throughput)
}

fn raise<'a>(scores: &mut Scores<'a>, service: &'a str, score: f64) {
    let known = scores.entry(service).or_default();
    *known = known.max(score);
}

/// Propagates evidence along the calls.
fn follow<'a>(calls: &'a CallGraph, found: &Found<'_>, scores: &mut Scores<'a>) {
    for _ in 0..MAX_CALLS {
        let before = scores.clone();
        for (caller, callee, _) in calls.edges() {
            if let Some(score) = before.get(caller) {
                raise(scores, callee, score * found.per_call(caller, callee));
            }
        }
        if *scores == before {
            break;
        }
    }
}

/// The callers of a changed service, and the services on a full node that it runs on.
fn beside<'a>(outline: &Outline<'a>, changed: &Scores<'a>) -> Scores<'a> {
    let mut scores = Scores::new();
    for (caller, callee, _) in outline.calls.edges() {
        if let Some(evidence) = changed.get(callee) {
            raise(&mut scores, caller, BESIDE * evidence);
        }
    }
    let mut nodes: Scores<'a> = Scores::new();
    for (service, evidence) in changed {
        outline.entities.nodes_of(service).for_each(|(node, _)| raise(&mut nodes, node, *evidence));
    }
    let full = full_nodes(outline);
    for (node, evidence) in nodes.into_iter().filter(|(node, _)| full.contains(node)) {
        outline.entities.on_node(node).for_each(|service| raise(&mut scores, service, BESIDE * evidence));
    }
    scores
}

/// Nodes with a resource near the level that hurts.
fn full_nodes<'a>(outline: &Outline<'a>) -> BTreeSet<&'a str> {
    let frame = outline.frame;
    let is_near = |s: &&Series| {
        s.metric.hurts_from().is_some_and(|limit| s.values.iter().any(|value| *value >= NEARLY_FULL * limit))
    };
    let near = frame.series().iter().filter(is_near).map(|s| frame.service(s.service));
    near.filter(|name| outline.entities.kind_of(name) == EntityKind::Node).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{RawSeries, assemble};
    use crate::time::Timestamp;
    use crate::topology::Protocol;

    /// A latency of this service, or of its call, that rises by so much after two thirds of the time.
    fn latency(service: &str, peer: Option<&str>, rise_ms: f64) -> RawSeries {
        let value = |i: i64| 20.0 + (i * 7 % 5) as f64 / 5.0 + if i < 40 { 0.0 } else { rise_ms };
        let metric = if peer.is_some() { "client_latency_ms" } else { "latency_ms" };
        let points = (0..60).map(|i| (Timestamp::from_ms(i * 15_000), value(i))).collect();
        RawSeries { service: service.into(), metric: metric.into(), peer: peer.map(Into::into), points }
    }

    fn chosen(raw: Vec<RawSeries>, calls: &[(&str, &str)], entities: &Entities, most: usize) -> Suspects {
        let times = (0..60).map(|i| Timestamp::from_ms(i * 15_000)).collect();
        let (frame, _) = assemble(raw, times).unwrap();
        let mut graph = CallGraph::new();
        calls.iter().for_each(|(from, to)| graph.add(from, to, Protocol::Request));
        let hint = WindowHint::default();
        let outline = Outline { frame: &frame, calls: &graph, entities, hint: &hint };
        suspects(&outline, |service| !service.starts_with("node/"), most).unwrap()
    }

    const CALLS: [(&str, &str); 6] =
        [("gate", "web"), ("web", "cart"), ("web", "db"), ("cart", "cache"), ("cache", "disk"), ("other", "far")];

    fn shop() -> Vec<RawSeries> {
        vec![
            latency("web", None, 80.0),
            latency("cart", None, 0.0),
            latency("web", Some("cart"), 0.0),
            latency("gate", None, 0.0),
            latency("other", None, 0.0),
            latency("far", None, 0.0),
        ]
    }

    #[test]
    fn callees_follow_by_what_their_calls_may_carry_and_strangers_never() {
        let all = chosen(shop(), &CALLS, &Entities::default(), 300);
        assert_eq!(all.services, ["web", "db", "gate", "cart", "cache", "disk"]);
        assert_eq!(all.omitted, 0);
        let few = chosen(shop(), &CALLS, &Entities::default(), 2);
        assert_eq!((few.services.as_slice(), few.omitted), (&["web".to_owned(), "db".to_owned()][..], 4));
    }

    #[test]
    fn where_nothing_changed_nobody_is_chosen() {
        let mut calm = shop();
        calm[0] = latency("web", None, 0.0);
        assert_eq!(chosen(calm, &CALLS, &Entities::default(), 300), Suspects::default());
    }

    #[test]
    fn evidence_ends_after_a_few_calls() {
        let names: Vec<String> = (0..9).map(|i| format!("s{i}")).collect();
        let calls: Vec<(&str, &str)> = names.windows(2).map(|w| (w[0].as_str(), w[1].as_str())).collect();
        let found = chosen(vec![latency("s0", None, 80.0)], &calls, &Entities::default(), 300);
        assert_eq!(found.services, names[..=MAX_CALLS]);
    }

    #[test]
    fn who_shares_a_full_node_with_a_changed_service_is_chosen() {
        let mut entities = Entities::default();
        for (service, node) in [("web", "node/a"), ("batch", "node/a"), ("other", "node/b")] {
            entities.place(service, node, 1);
        }
        let full = |node: &str, metric: &str| RawSeries {
            service: node.into(),
            metric: metric.into(),
            ..latency(node, None, 0.0)
        };
        let used = |of: RawSeries| RawSeries { points: of.points.iter().map(|(t, _)| (*t, 0.99)).collect(), ..of };
        let mut raw = shop();
        raw.extend(["node/a", "node/b"].map(|node| used(full(node, "cpu_used_ratio"))));
        let found = chosen(raw, &CALLS, &entities, 300);
        assert!(found.services.contains(&"batch".to_owned()), "{:?}", found.services);
        assert!(!found.services.contains(&"other".to_owned()), "{:?}", found.services);
    }
}
