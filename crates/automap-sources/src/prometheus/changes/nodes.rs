//! Nodes that our pods run on: added, gone, cordoned, tainted, not ready or under pressure.
//!
//! Taints that Kubernetes sets by itself repeat the conditions and are left out, as are nodes without a pod of the namespace.

use automap_core::change::{Change, ChangeKind};
use automap_core::entity::node_name;

use super::queries::Part;
use super::readings::{Moment, Readings, last_time, named, text};
use super::tracks::{spans, steps};
use crate::prometheus::decode::Labels;

/// All changes of nodes.
pub(super) fn find(readings: &Readings) -> Vec<Change> {
    let first = readings.watched().first();
    let added = readings.nodes.iter().filter_map(|series| {
        let (node, at) = (named(&series.labels, "node")?, last_time(series)?);
        // A node older than the first sample may be as old as the cluster.
        first.filter(|first| at >= *first)?;
        Some(told(Moment::exact(at), ChangeKind::Node, node, "added".to_owned(), "kube_node_created"))
    });
    let mut out: Vec<Change> = added.collect();
    for (node, points) in readings.by(Part::NodesGone, "", node) {
        let gone = points.first().map(|(time, _)| readings.within_step(*time));
        // Its absence is noticed only after a while.
        let gone = gone.map(|moment| Moment { uncertainty_ms: moment.uncertainty_ms + GONE_MS, ..moment });
        out.extend(gone.map(|moment| told(moment, ChangeKind::Node, &node, "gone".to_owned(), "kube_node_created")));
    }
    out.extend(cordoned(readings));
    out.extend(tainted(readings));
    out.extend(conditions(readings));
    out
}

/// How long a node that is gone is still reported.
const GONE_MS: i64 = 120_000;

fn node(labels: &Labels) -> Option<String> {
    named(labels, "node").map(str::to_owned)
}

fn told(moment: Moment, kind: ChangeKind, node: &str, what: String, source: &str) -> Change {
    Change { service: Some(node_name(node)), to: Some(what), ..moment.change(kind, format!("node {node}"), source) }
}

fn cordoned(readings: &Readings) -> Vec<Change> {
    const FAMILY: &str = "kube_node_spec_unschedulable";
    let mut out = Vec::new();
    for (node, points) in readings.by(Part::Nodes, FAMILY, node) {
        out.extend(steps(&points).map(|step| {
            let what = if step.to > step.from { "cordoned" } else { "uncordoned" };
            told(readings.between(step.edge), ChangeKind::Node, &node, what.to_owned(), FAMILY)
        }));
    }
    out
}

/// A taint counts only on a node whose cordon state, which is always exported, is known.
fn tainted(readings: &Readings) -> Vec<Change> {
    const FAMILY: &str = "kube_node_spec_taint";
    let known = readings.by(Part::Nodes, "kube_node_spec_unschedulable", node);
    let taint = |labels: &Labels| Some((node(labels)?, format!("{}:{}", text(labels, "key"), text(labels, "effect"))));
    let watched = readings.watched();
    let mut out = Vec::new();
    for ((node, taint), points) in readings.by(Part::Nodes, FAMILY, taint) {
        let is_known = |time| known.get(&node).is_some_and(|seen| seen.binary_search_by(|(t, _)| t.cmp(&time)).is_ok());
        for span in spans(&points, &watched) {
            let [begins, ends] =
                [span.begins, span.ends].map(|edge| edge.filter(|e| is_known(e.before) && is_known(e.at)));
            let change = |edge, what| told(readings.between(edge), ChangeKind::Node, &node, what, FAMILY);
            out.extend(begins.map(|edge| change(edge, format!("taint {taint}"))));
            out.extend(ends.map(|edge| change(edge, format!("no taint {taint}"))));
        }
    }
    out
}

/// Nodes that become not ready or come under pressure; the return to normal is not reported.
fn conditions(readings: &Readings) -> Vec<Change> {
    const FAMILY: &str = "kube_node_status_condition";
    let key = |labels: &Labels| Some((node(labels)?, text(labels, "condition").to_owned()));
    let mut out = Vec::new();
    for ((node, condition), points) in readings.by(Part::Nodes, FAMILY, key) {
        let is_ready = condition == "Ready";
        let bad = steps(&points).filter(|step| (step.to < step.from) == is_ready);
        out.extend(bad.map(|step| {
            let what = if is_ready { "not ready".to_owned() } else { condition.clone() };
            told(readings.between(step.edge), ChangeKind::NodeCondition, &node, what, FAMILY)
        }));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::readings::tests::{Table, labels, minute};
    use super::*;
    use crate::prometheus::decode::LabelledSeries;

    #[test]
    fn every_change_of_a_node_is_told_in_its_words() {
        let flag = |of: std::ops::Range<i64>| (0..60).map(move |m| (m, f64::from(of.contains(&m))));
        let state = |condition: &str| format!("__name__=kube_node_status_condition,node=n1,condition={condition}");
        let taint = |key: &str| format!("__name__=kube_node_spec_taint,node=n1,key={key},effect=NoSchedule");
        let mut table = Table::new()
            .values(Part::Nodes, "__name__=kube_node_spec_unschedulable,node=n1", flag(10..20))
            .values(Part::Nodes, &state("Ready"), flag(0..30))
            .values(Part::Nodes, &state("DiskPressure"), flag(25..28))
            .there(Part::Nodes, &taint("upgrade"), 40..50)
            .there(Part::Nodes, &taint("gpu"), 0..60)
            .there(Part::NodesGone, "node=n2", [55]);
        let created = |node: &str, after_s: f64| LabelledSeries {
            labels: labels(node),
            points: vec![(minute(59), minute(0).seconds() + after_s)],
        };
        table.0.nodes = vec![created("node=n3", 1987.0), created("node=n1", -3.0)];
        let words = |c: &Change| {
            let after_s = (c.at.ms() - minute(0).ms()) / 1000;
            format!("{after_s} {:?} {} {} ±{}", c.kind, c.subject, c.to.clone().unwrap(), c.uncertainty_ms / 1000)
        };
        let mut found = find(&table.0);
        found.sort();
        assert_eq!(
            found.iter().map(words).collect::<Vec<_>>(),
            [
                "600 Node node n1 cordoned ±75",
                "1200 Node node n1 uncordoned ±75",
                "1500 NodeCondition node n1 DiskPressure ±75",
                "1800 NodeCondition node n1 not ready ±75",
                "1987 Node node n3 added ±0",
                "2400 Node node n1 taint upgrade:NoSchedule ±75",
                "3000 Node node n1 no taint upgrade:NoSchedule ±75",
                "3300 Node node n2 gone ±195",
            ]
        );
        let of: std::collections::BTreeSet<_> = found.iter().filter_map(|c| c.service.as_deref()).collect();
        assert_eq!(of, ["node/n1", "node/n2", "node/n3"].into());
    }
}
