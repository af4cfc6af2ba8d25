//! Turns the table of signals into the requests that are sent.

use std::collections::BTreeMap;

use super::presets::{Exporter, Signal};
use super::promql::{self, Cluster, PART, Values};
use super::query::Answer;

/// One request and the signals that it serves.
#[derive(Debug)]
pub(crate) struct Request {
    /// Its name in the table.
    pub(crate) name: &'static str,
    /// The query.
    pub(crate) promql: String,
    /// The expressions in it, one for each part of the answer.
    pub(crate) parts: Vec<String>,
    /// The label with the namespace of each part's series, if there are several namespaces.
    pub(crate) scopes: Vec<Option<String>>,
    pub(crate) signals: Vec<Planned>,
    /// Why it covers only some services, if it does.
    pub(crate) part_of: Option<String>,
}

/// One signal of a request.
#[derive(Debug)]
pub(crate) struct Planned {
    /// The exporter that provides it.
    pub(crate) exporter: &'static Exporter,
    pub(crate) signal: &'static Signal,
    /// The expression that returns it alone.
    pub(crate) shown: String,
    /// The vectors of the answer that it is computed from.
    pub(crate) parts: (usize, Option<usize>),
}

/// The requests for these exporters, in the order of the table. `clusters` are those that an exporter is narrowed to, by title; the others are
/// narrowed to the cluster of `values`.
pub(crate) fn requests<'a>(
    exporters: impl IntoIterator<Item = &'a &'static Exporter>,
    values: &Values,
    clusters: &BTreeMap<&'static str, Cluster>,
) -> Vec<Request> {
    let groups = |exporter: &'a &'static Exporter| {
        let exporter = *exporter;
        let cluster = clusters.get(exporter.title).or(values.cluster.as_ref()).cloned();
        let values = Values { cluster, ..values.clone() };
        let groups = exporter.signals.chunk_by(|a, b| a.request == b.request);
        groups.map(|group| request(exporter, group, &values)).collect::<Vec<_>>()
    };
    exporters.into_iter().flat_map(groups).collect()
}

fn request(exporter: &'static Exporter, group: &'static [Signal], values: &Values) -> Request {
    let mut expressions: Vec<&'static str> = Vec::new();
    let mut part = |expression: &'static str| {
        expressions.iter().position(|known| *known == expression).unwrap_or_else(|| {
            expressions.push(expression);
            expressions.len() - 1
        })
    };
    let planned = group.iter().map(|signal| {
        let (first, second) = signal.formula.parts();
        let parts = (part(first), second.map(&mut part));
        Planned { exporter, signal, shown: signal.formula.shown(|e| promql::fill_both_ends(e, values)), parts }
    });
    let signals = planned.collect();
    let filled: Vec<String> = expressions.iter().map(|e| promql::fill_both_ends(e, values)).collect();
    let scopes = expressions.iter().map(|e| values.scope_label(e)).collect();
    Request { name: group[0].request, promql: promql::join(&filled), parts: filled, scopes, signals, part_of: None }
}

/// The series of one vector of a joined answer.
pub(crate) fn part(answer: &Answer, part: usize) -> impl Iterator<Item = &super::LabelledSeries> {
    answer.series.iter().filter(move |series| match series.labels.get(PART) {
        None => part == 0,
        Some(label) => label.parse() == Ok(part),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prometheus::presets::TABLES;

    #[test]
    fn rows_of_one_request_share_it_and_shared_expressions_are_sent_once() {
        let values = Values { namespace: "shop".into(), cluster: None, rate_ms: 60_000, span_ms: 60_000, only: None };
        let all = requests(&TABLES, &values, &BTreeMap::new());
        let served = &all[0];
        assert_eq!(served.name, "requests served");
        let parts = [(0, None), (1, Some(2)), (3, Some(0)), (4, None)];
        assert_eq!(served.signals.iter().map(|p| p.parts).collect::<Vec<_>>(), parts);
        assert_eq!(served.promql.matches("label_replace").count(), 5);
        let rows: usize = TABLES.iter().map(|e| e.signals.len()).sum();
        assert_eq!(all.iter().map(|r| r.signals.len()).sum::<usize>(), rows);
        assert_eq!(all.len(), 17);
        let mut names: Vec<_> = all.iter().map(|r| r.name).collect();
        names.dedup();
        assert_eq!(names.len(), all.len(), "rows of one request stand together");
    }
}
