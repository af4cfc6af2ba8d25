//! Sums the rows of an answer by one label at a time, in both windows.

use std::collections::BTreeMap;

use automap_core::breakdown::{ByLabel, Counts, Label, Measure, ValueCounts};
use automap_core::text::observed_name;

use super::places::{Places, is_pod_of};
use super::{Asked, values};
use crate::prometheus::Labels;
use crate::prometheus::query::Answer;

/// Values that systems use for an unknown version.
const UNKNOWN_VERSIONS: [&str; 3] = ["unknown", "latest", "<none>"];

/// Which labels rows have.
#[derive(Clone, Copy, Debug)]
pub(super) enum Columns {
    /// The labels that a preset names.
    Labels(&'static [(Label, &'static [&'static str])]),
    /// The pod alone.
    Pods,
}

/// The counts of one service in one window, by the combination of all labels.
#[derive(Debug, Default)]
pub(super) struct Rows(BTreeMap<Labels, Counts>);

impl Rows {
    /// Reads the expressions of `asked`, whose parts begin at `from`. Rates become counts by the length of the window; memory is not a rate.
    pub(super) fn read(answer: &Answer, from: usize, asked: &Asked<'_>, seconds: f64) -> Self {
        let factor = if asked.measure.is_of_pods() { 1.0 } else { seconds };
        let is_ours = |labels: &Labels| match asked.columns {
            Columns::Labels(_) => true,
            Columns::Pods => labels.get("pod").is_some_and(|pod| is_pod_of(pod, asked.service)),
        };
        let mut rows: BTreeMap<Labels, Counts> = BTreeMap::new();
        for (labels, value) in values(answer, from).filter(|(labels, value)| is_ours(labels) && *value >= 0.0) {
            rows.entry(plain(labels)).or_default().amount += value * factor;
        }
        match &asked.base {
            None => rows.values_mut().for_each(|counts| counts.base = 1.0),
            Some(_) => {
                for (labels, value) in
                    values(answer, from + 1).filter(|(labels, value)| is_ours(labels) && *value >= 0.0)
                {
                    rows.entry(plain(labels)).or_default().base += value * factor;
                }
            }
        }
        if asked.measure == Measure::Failures {
            // If a counter starts with a failure, its first sample is not seen as growth.
            rows.values_mut().for_each(|counts| counts.base = counts.base.max(counts.amount));
        }
        rows.retain(|_, counts| counts.base > 0.0);
        Self(rows)
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The labels with a meaning.
fn plain(labels: &Labels) -> Labels {
    let kept = labels.iter().filter(|(name, value)| !value.is_empty() && !matches!(name.as_str(), "part" | "ours"));
    kept.map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// The counts by one label.
///
/// # Errors
/// Why there are none; `None` if the label does not apply here. `$TITLE` in the reason stands for the exporter.
pub(super) fn by_label(
    label: Label,
    columns: Columns,
    rows: &[Rows; 2],
    places: &Places,
) -> Result<ByLabel, Option<String>> {
    let own = |wanted: Label, labels: &Labels| match columns {
        Columns::Pods => labels.get("pod").filter(|_| wanted == Label::Pod).cloned(),
        Columns::Labels(all) => {
            let names = all.iter().find(|(label, _)| *label == wanted)?.1;
            let is_told = |value: &&String| wanted != Label::Version || !UNKNOWN_VERSIONS.contains(&value.as_str());
            names.iter().find_map(|name| labels.get(*name).filter(is_told)).cloned()
        }
    };
    let node = |labels: &Labels| {
        own(Label::Node, labels).or_else(|| places.node_of_pod.get(&own(Label::Pod, labels)?).cloned())
    };
    let of = |labels: &Labels| match label {
        Label::Node => node(labels),
        Label::Zone => own(Label::Zone, labels).or_else(|| places.zone_of_node.get(&node(labels)?).cloned()),
        Label::Version => {
            own(Label::Version, labels).or_else(|| places.image_of_pod.get(&own(Label::Pod, labels)?).cloned())
        }
        _ => own(label, labels),
    };
    let mut found: BTreeMap<String, [Option<Counts>; 2]> = BTreeMap::new();
    for (window, rows) in rows.iter().enumerate() {
        for (labels, counts) in &rows.0 {
            let value = of(labels).map_or_else(String::new, |value| observed_name(&value).into_owned());
            let sum = found.entry(value).or_default()[window].get_or_insert_default();
            sum.base += counts.base;
            sum.amount += counts.amount;
        }
    }
    if !found.keys().any(|value| !value.is_empty()) {
        return Err(unseen(label, columns, places));
    }
    let values = found.into_iter().map(|(value, [before, during])| ValueCounts { value, before, during });
    Ok(ByLabel { label, values: values.collect() })
}

/// Why no series has a label.
fn unseen(label: Label, columns: Columns, places: &Places) -> Option<String> {
    let names = match columns {
        Columns::Pods => None,
        Columns::Labels(all) => all.iter().find(|(known, _)| *known == label).map(|(_, names)| names.join(", ")),
    };
    let from_pods = |what: &str| match places.is_asked {
        true => format!("kube-state-metrics does not tell {what}"),
        false => format!("without kube-state-metrics nothing tells {what}"),
    };
    match label {
        Label::Node => Some(from_pods("on which nodes its pods stand (kube_pod_info)")),
        Label::Zone => {
            Some(from_pods("the zones of nodes (kube_node_labels with topology.kubernetes.io/zone allowed)"))
        }
        Label::Pod | Label::Version => Some(match names {
            Some(names) => format!("the series of $TITLE have no label {names}"),
            None => format!("$TITLE does not tell {}s apart", label.words().0),
        }),
        // Resources belong to pods and have no requests; gRPC is not used everywhere.
        Label::GrpcStatus => None,
        _ if matches!(columns, Columns::Pods) => None,
        _ => Some(match names {
            Some(names) => format!("the series of $TITLE have no label {names}"),
            None => format!("$TITLE has no label for {}s", label.words().0),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Labels, amount and base of a row.
    type Row<'a> = (&'a [(&'a str, &'a str)], f64, f64);

    fn rows(all: &[Row<'_>]) -> Rows {
        let row = |(labels, base, amount): &(&[(&str, &str)], f64, f64)| {
            let labels = labels.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
            (labels, Counts { base: *base, amount: *amount })
        };
        Rows(all.iter().map(row).collect())
    }

    #[test]
    fn rows_are_added_up_by_one_label_and_pods_lead_to_nodes_zones_and_images() {
        const LABELS: &[(Label, &[&str])] =
            &[(Label::Pod, &["pod"]), (Label::Version, &["version"]), (Label::Method, &["method"])];
        let before = rows(&[(&[("pod", "a"), ("method", "GET"), ("version", "unknown")], 10.0, 1.0)]);
        let during = rows(&[
            (&[("pod", "a"), ("method", "GET")], 20.0, 2.0),
            (&[("pod", "a"), ("method", "PUT")], 5.0, 4.0),
            (&[("pod", "b")], 7.0, 0.0),
        ]);
        let pairs = |all: &[(&str, &str)]| all.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let places = Places {
            node_of_pod: pairs(&[("a", "n1"), ("b", "n2")]),
            zone_of_node: pairs(&[("n1", "z"), ("n2", "z")]),
            image_of_pod: pairs(&[("a", "orders:2"), ("b", "orders:1")]),
            is_asked: true,
        };
        let both = [before, during];
        let by = |label| {
            let found = by_label(label, Columns::Labels(LABELS), &both, &places);
            found.map(|by| by.values.into_iter().map(|v| (v.value, v.during.map(|c| c.base))).collect::<Vec<_>>())
        };
        let told = |all: &[(&str, f64)]| Ok(all.iter().map(|(v, n)| ((*v).to_owned(), Some(*n))).collect::<Vec<_>>());
        assert_eq!(by(Label::Pod), told(&[("a", 25.0), ("b", 7.0)]));
        assert_eq!(by(Label::Node), told(&[("n1", 25.0), ("n2", 7.0)]));
        assert_eq!(by(Label::Zone), told(&[("z", 32.0)]));
        assert_eq!(by(Label::Version), told(&[("orders:1", 7.0), ("orders:2", 25.0)]));
        assert_eq!(by(Label::Method), told(&[("", 7.0), ("GET", 20.0), ("PUT", 5.0)]));
        assert_eq!(by(Label::Route), Err(Some("$TITLE has no label for routes".to_owned())));
        assert_eq!(by(Label::GrpcStatus), Err(None));
    }
}
