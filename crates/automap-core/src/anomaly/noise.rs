//! How much evidence a metric shows when nothing is wrong.

use std::collections::BTreeMap;

use super::rows::Column;
use super::{AnomalyOptions, Rows, evidence};

/// Mean evidence by metric over two pseudo-incidents, cut from the end and from the beginning of the baseline.
///
/// Pooled over services on purpose: a few dozen samples calibrate a metric, not a single series. Empty when the
/// baseline is too short to cut (fewer than six samples).
pub(super) fn levels(columns: &[Column], rows: &Rows, options: &AnomalyOptions) -> BTreeMap<String, f64> {
    let base = &rows.baseline;
    let cut = rows.incident.len().min(base.len() / 3);
    if cut < 2 {
        return BTreeMap::new();
    }
    let (head, tail) = (base.len() - cut, cut);
    let pseudo = [
        Rows { baseline: base[..head].to_vec(), incident: base[head..].to_vec() },
        Rows { baseline: base[tail..].to_vec(), incident: base[..tail].to_vec() },
    ];
    let mut found: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for rows in &pseudo {
        for (column, e) in columns.iter().zip(evidence(columns, rows, options)) {
            if let Some(e) = e {
                found.entry(column.metric.name.as_str()).or_default().push(e.max(0.0));
            }
        }
    }
    found.into_iter().map(|(metric, e)| (metric.to_owned(), crate::stats::mean(&e))).collect()
}
