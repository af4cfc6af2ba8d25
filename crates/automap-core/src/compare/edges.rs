//! Finds the edges that only one of two periods has: calls, and dependencies learnt from the metrics.
//!
//! A learnt edge counts only if the correlations of the two periods differ significantly (see [`crate::graph::changed_links`]).

use std::collections::BTreeSet;

use super::Period;
use super::model::{EdgeDifference, EdgeKind, SeriesVerdict};
use crate::graph::{
    Congestion, GraphOptions, GraphSignals, Learned, LearnedWindow, MetricType, changed_links, learn, links,
};
use crate::topology::CallGraph;

/// All vanished and new edges, period by period: calls first, then learnt edges.
pub(super) fn differences(reference: &Period, later: &[Period]) -> Vec<EdgeDifference> {
    let a = LearnedPeriod::of(reference);
    later.iter().flat_map(|b| calls(reference, b).into_iter().chain(learned_edges(&a, &LearnedPeriod::of(b)))).collect()
}

/// Calls that only one of the two periods has, including those of services that exist in only one period.
fn calls(reference: &Period, later: &Period) -> Vec<EdgeDifference> {
    let only = |in_one: &Period, in_other: &Period, verdict: SeriesVerdict| -> Vec<EdgeDifference> {
        let missing = in_one.calls.iter().filter(|call| !in_other.calls.contains(*call));
        let edge = |(from, to): &(String, String)| EdgeDifference {
            kind: EdgeKind::Call,
            from: from.clone(),
            to: to.clone(),
            metric: None,
            period: later.name.clone(),
            verdict,
        };
        missing.map(edge).collect()
    };
    let mut edges = only(reference, later, SeriesVerdict::OnlyInA);
    edges.extend(only(later, reference, SeriesVerdict::OnlyInB));
    edges
}

/// A period and its behaviour graph.
struct LearnedPeriod<'a> {
    period: &'a Period,
    signals: GraphSignals,
    learned: Learned,
}

impl<'a> LearnedPeriod<'a> {
    fn of(period: &'a Period) -> Self {
        let (signals, calls) = (GraphSignals::of(&period.frame, Congestion::default()), period.call_graph());
        let learned = learn(&period.frame, &signals, &period.rows, &calls, &GraphOptions::default());
        Self { period, signals, learned }
    }

    fn window(&self) -> LearnedWindow<'_> {
        let Self { period, signals, learned } = self;
        LearnedWindow { frame: &period.frame, signals, rows: &period.rows, learned }
    }
}

fn learned_edges(a: &LearnedPeriod<'_>, b: &LearnedPeriod<'_>) -> Vec<EdgeDifference> {
    let before = links(&a.learned);
    let changed = changed_links(&a.window(), &b.window(), &GraphOptions::default().independence);
    let edge = |(from, to, metric)| EdgeDifference {
        kind: EdgeKind::Learnt,
        verdict: if before.contains(&(String::clone(&from), String::clone(&to), metric)) {
            SeriesVerdict::OnlyInA
        } else {
            SeriesVerdict::OnlyInB
        },
        from,
        to,
        metric: Some(metric),
        period: b.period.name.clone(),
    };
    let place = |e: &EdgeDifference| (e.from.clone(), e.to.clone(), e.metric.map(MetricType::as_str));
    let mut edges: Vec<EdgeDifference> = changed.into_iter().map(edge).collect();
    edges.sort_by(|x, y| x.verdict.cmp(&y.verdict).then_with(|| place(x).cmp(&place(y))));
    edges
}

impl Period {
    fn call_graph(&self) -> CallGraph {
        let calls: BTreeSet<(&str, &str)> = self.calls.iter().map(|(from, to)| (from.as_str(), to.as_str())).collect();
        calls.into_iter().collect()
    }
}
