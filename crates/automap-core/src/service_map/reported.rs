//! The map of a report alone, if its metrics are gone.
//!
//! A report has no call graph. It does have the services that it names, the path of each cause to the users, and the calls that its evidence was
//! measured on: `payment` with the path `front-end → orders → payment` and evidence on `orders → payment` gives three services and two calls.
//! Services and calls that the report does not name are missing, and a note says so.

use std::collections::{BTreeMap, BTreeSet};

use super::compose::{hosting, in_incident, title};
use super::model::{EdgeChange, MAP_SCHEMA_VERSION, MapEdge, MapKind, MapNode, ServiceMap};
use crate::entity::EntityKind;
use crate::note::Note;
use crate::report::{Evidence, Report};

/// Builds the map. O(size of the report · log).
pub fn of_report(report: &Report) -> ServiceMap {
    let steps: BTreeSet<(&str, &str)> = report.causes.iter().flat_map(|c| pairs(&c.path)).collect();
    let measured = evidence(report).filter_map(|e| Some((e.seen_by.as_str(), e.peer.as_deref()?)));
    let calls: BTreeSet<(&str, &str)> = steps.into_iter().chain(measured).filter(|(from, to)| from != to).collect();
    let hosting: BTreeSet<(&str, &str)> =
        hosting(report, MapKind::Anomaly).into_iter().filter(|pair| !calls.contains(pair)).collect();
    let named = report.causes.first().filter(|c| report.verdict.names(&c.service));
    let path: BTreeSet<(&str, &str)> = named.into_iter().flat_map(|c| pairs(&c.path)).collect();
    let edge = |(from, to): (&str, &str), observed: bool| MapEdge {
        from: from.to_owned(),
        to: to.to_owned(),
        observed,
        asserted: false,
        metrics: Vec::new(),
        change: EdgeChange::Same,
        on_path: path.iter().any(|step| *step == (from, to)),
    };
    let ends = calls.iter().chain(&hosting).flat_map(|(from, to)| [*from, *to]);
    let nodes = nodes(report, ends.collect());
    let mut edges: Vec<MapEdge> =
        calls.iter().map(|call| edge(*call, true)).chain(hosting.iter().map(|on| edge(*on, false))).collect();
    edges.sort_by(|a, b| (&a.from, &a.to).cmp(&(&b.from, &b.to)));
    let note = "made of the report alone: services and calls that it does not name are missing";
    ServiceMap {
        schema_version: MAP_SCHEMA_VERSION,
        kind: MapKind::Anomaly,
        title: title(report, MapKind::Anomaly),
        nodes,
        edges,
        notes: vec![Note::info("report_alone", note)],
    }
}

fn pairs(path: &[String]) -> impl Iterator<Item = (&str, &str)> {
    path.windows(2).map(|step| (step[0].as_str(), step[1].as_str()))
}

fn evidence(report: &Report) -> impl Iterator<Item = &Evidence> {
    let causes = report.causes.iter().flat_map(|c| &c.evidence);
    causes.chain(report.victims.iter().flat_map(|v| &v.evidence)).chain(report.symptoms.iter().map(|s| &s.evidence))
}

/// All services that the report names, and the ends of the calls.
fn nodes(report: &Report, ends: BTreeSet<&str>) -> Vec<MapNode> {
    let kinds: BTreeMap<&str, EntityKind> = report.causes.iter().map(|c| (c.service.as_str(), c.kind)).collect();
    let entries: BTreeSet<&str> = report.impacts.iter().flat_map(|i| &i.entries).map(String::as_str).collect();
    let mut names = ends;
    names.extend(kinds.keys());
    names.extend(report.victims.iter().map(|v| v.service.as_str()));
    names.extend(report.symptoms.iter().map(|s| s.service.as_str()));
    names.extend(&entries);
    let kind = |name: &str| kinds.get(name).copied().unwrap_or_default();
    let node = |name: &str| MapNode { is_entry: entries.contains(name), ..MapNode::new(name, kind(name)) };
    names.into_iter().map(|name| in_incident(node(name), report)).collect()
}
