//! Estimates how much evidence each metric shows without any fault.
//!
//! Two pseudo-incidents are cut from the baseline and scored like real ones; their evidence is subtracted from the real evidence. So noisy
//! metrics need a larger shift to count.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::rows::Column;
use super::{AnomalyOptions, Rows, evidence};
use crate::frame::ServiceIdx;

/// Number of services that suffices to calibrate a metric; with more, a sample of at least half and at most this many is used. The mean over 100
/// services and two pseudo-incidents is known to a fourteenth of its spread.
const ENOUGH_SERVICES: usize = 200;

/// Mean evidence by metric over two pseudo-incidents, cut from the end and from the beginning of the baseline.
///
/// Pooled over services, because a few dozen samples can calibrate a metric but not a single series. Empty if the baseline has fewer than six
/// samples.
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
    let columns = &*sample_services(columns);
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

/// Selects all columns of every k-th service, and of every service with a rare metric.
fn sample_services<'c, 'a>(columns: &'c [Column<'a>]) -> Cow<'c, [Column<'a>]> {
    let services: BTreeSet<ServiceIdx> = columns.iter().map(|c| c.service).collect();
    let every = services.len().div_ceil(ENOUGH_SERVICES);
    if every < 2 {
        return Cow::Borrowed(columns);
    }
    let mut series: BTreeMap<&str, usize> = BTreeMap::new();
    columns.iter().for_each(|c| *series.entry(c.metric.name.as_str()).or_default() += 1);
    let mut chosen: BTreeSet<ServiceIdx> = services.into_iter().step_by(every).collect();
    chosen.extend(columns.iter().filter(|c| series[c.metric.name.as_str()] <= ENOUGH_SERVICES).map(|c| c.service));
    Cow::Owned(columns.iter().filter(|c| chosen.contains(&c.service)).cloned().collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::Metric;

    #[test]
    fn of_many_services_some_are_used_and_all_with_a_rare_metric() {
        let (cpu, restarts) = (Metric::parse("cpu_cores"), Metric::parse("restarts"));
        let column = |service: usize, metric| Column {
            series: service,
            service: ServiceIdx(service),
            peer: None,
            metric,
            values: vec![1.0; 4].into(),
        };
        let mut columns: Vec<Column> = (0..1500).map(|s| column(s, &cpu)).collect();
        assert_eq!(sample_services(&columns[..200]).len(), 200);
        assert_eq!(sample_services(&columns[..201]).len(), 101, "every second");
        columns.push(column(7, &restarts));
        let asked = sample_services(&columns);
        assert_eq!(asked.len(), 188 + 2, "every eighth, and both series of service 7");
        assert_eq!(asked.iter().filter(|c| c.service == ServiceIdx(7)).count(), 2);
    }
}
