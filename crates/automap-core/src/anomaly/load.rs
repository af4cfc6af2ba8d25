//! Measures the request rate of every service, and what a rate outside the baseline's range explains.
//!
//! The ranking needs it twice: for the share of a caller's requests that visits a callee, and to recognise idle services. Where a service gets
//! more or fewer requests than ever in the baseline, its CPU usage cannot be predicted: anything from no change to a proportional change is
//! expected, and only what leaves that interval is unusual.
//!
//! Worked example: 10 to 12 requests a second use 0.1 cores. At 36 requests, three times the maximum, 0.1 to 0.3 cores are normal; 0.6 cores
//! are twice what was expected and count as 0.2.

use std::collections::BTreeMap;

use rayon::prelude::*;

use super::Rows;
use super::rows::Column;
use crate::frame::ServiceIdx;
use crate::metric::{Family, Side};
use crate::stats::{finite, mean, median};

/// The request rate of a service.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Load {
    /// Mean over the baseline, in the metric's unit; `NaN` if nothing was observed there.
    pub normal: f64,
    /// Whether the rate was 0 throughout baseline and incident. A gap is not a zero: a service without any observed sample is not idle.
    pub is_idle: bool,
}

/// Whether a column is a service's own request rate.
pub(super) fn is_own_load(column: &Column) -> bool {
    column.metric.family == Family::Throughput && column.metric.side == Side::Own && column.peer.is_none()
}

/// Request rates by service; services without such a metric are absent.
pub(super) fn loads(columns: &[Column], rows: &Rows) -> BTreeMap<ServiceIdx, Load> {
    let of = |column: &Column| {
        let normal = column.pick(&rows.baseline);
        let observed = || normal.iter().copied().chain(column.pick(&rows.incident)).filter(|v| !v.is_nan());
        let is_idle = observed().next().is_some() && observed().all(|v| v <= 0.0);
        Load { normal: mean(&normal), is_idle }
    };
    columns.par_iter().filter(|c| is_own_load(c)).map(|c| (c.service, of(c))).collect()
}

/// The smallest and the largest value in the baseline; `None` without any.
pub(super) fn baseline_range(values: &[f64], rows: &Rows) -> Option<(f64, f64)> {
    let observed = finite(&rows.baseline.iter().map(|&i| values[i]).collect::<Vec<_>>());
    Some((observed.iter().copied().reduce(f64::min)?, observed.iter().copied().reduce(f64::max)?))
}

/// Whether the relation of a family to the load must be observed. Bytes and system calls are a cost of every request.
pub(super) fn follows_in_its_own_way(family: &Family) -> bool {
    family.follows_load() && !matches!(family, Family::Network | Family::Syscall | Family::Throughput)
}

/// Removes from the incident what a load outside the baseline's range explains.
pub(super) fn explain_beyond_baseline(columns: &mut [Column], rows: &Rows) {
    let range = |c: &Column| baseline_range(&c.values, rows).filter(|(low, _)| *low > 0.0);
    let leaves = |c: &Column, (low, high): (f64, f64)| {
        rows.incident.iter().any(|&row| c.values[row] > high || c.values[row] < low)
    };
    let of = |c: &Column| {
        let range = range(c).filter(|range| leaves(c, *range))?;
        Some((c.service, (c.values.to_vec(), range)))
    };
    let loads: BTreeMap<ServiceIdx, (Vec<f64>, (f64, f64))> =
        columns.par_iter().filter(|c| is_own_load(c)).filter_map(of).collect();
    if loads.is_empty() {
        return;
    }
    let is_asked = |c: &&mut Column| c.metric.side == Side::Own && follows_in_its_own_way(&c.metric.family);
    columns.par_iter_mut().filter(is_asked).for_each(|column| {
        let Some((load, (low, high))) = loads.get(&column.service) else { return };
        let usual = median(&column.pick(&rows.baseline));
        for &row in &rows.incident {
            let times = (load[row] / high).max(1.0) * (load[row] / low).min(1.0);
            if times.is_finite() && times != 1.0 && usual > 0.0 {
                let value = column.values[row];
                column.values.to_mut()[row] = without_explained(value, usual, times);
            }
        }
    });
}

/// A value minus the most that `times` the load explains.
fn without_explained(value: f64, usual: f64, times: f64) -> f64 {
    let (least, most) = (usual * times.min(1.0), usual * times.max(1.0));
    if value > most {
        value / times.max(1.0)
    } else if value < least {
        value / times.min(1.0)
    } else if value.is_nan() {
        value
    } else {
        usual
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::Metric;

    #[test]
    fn idle_means_observed_zeros_and_never_gaps() {
        let gap = f64::NAN;
        let (rps, cpu) = (Metric::parse("throughput_rps"), Metric::parse("cpu_cores"));
        let column = |service: usize, metric, values: [f64; 4]| Column {
            series: service,
            service: ServiceIdx(service),
            peer: None,
            metric,
            values: values.to_vec().into(),
        };
        let columns = [
            column(0, &rps, [1.0, 3.0, gap, gap]),
            column(1, &rps, [0.0, 0.0, gap, 0.0]),
            column(2, &rps, [0.0, 0.0, 5.0, 0.0]),
            column(3, &rps, [gap, gap, gap, gap]),
            column(4, &cpu, [0.0, 0.0, 0.0, 0.0]),
        ];
        let found = loads(&columns, &Rows { baseline: vec![0, 1], incident: vec![2, 3] });
        assert_eq!(found[&ServiceIdx(0)], Load { normal: 2.0, is_idle: false });
        assert_eq!(found[&ServiceIdx(1)], Load { normal: 0.0, is_idle: true });
        assert!(!found[&ServiceIdx(2)].is_idle, "it got requests during the incident");
        assert!(!found[&ServiceIdx(3)].is_idle && found[&ServiceIdx(3)].normal.is_nan());
        assert_eq!(found.len(), 4);
    }

    #[test]
    fn more_requests_than_ever_explain_up_to_their_share_and_no_more() {
        for (load, cpu, expected) in [
            (36.0, 0.3, 0.1),
            (36.0, 0.2, 0.1),
            (36.0, 0.1, 0.1),
            (36.0, 0.6, 0.2),
            (36.0, 0.05, 0.05),
            (11.0, 0.3, 0.3),
            (5.0, 0.06, 0.1),
            (5.0, 0.025, 0.05),
            (5.0, 0.4, 0.4),
            (0.0, 0.0, 0.1),
        ] {
            let metrics = ["throughput_rps", "cpu_cores", "latency_ms"].map(Metric::parse);
            let column = |series: usize, values: Vec<f64>| Column {
                series,
                service: ServiceIdx(0),
                peer: None,
                metric: &metrics[series],
                values: values.into(),
            };
            let mut columns = [
                column(0, vec![10.0, 11.0, 12.0, load]),
                column(1, vec![0.1, 0.1, 0.1, cpu]),
                column(2, vec![9.0, 9.0, 9.0, 90.0]),
            ];
            explain_beyond_baseline(&mut columns, &Rows { baseline: vec![0, 1, 2], incident: vec![3] });
            assert!((columns[1].values[3] - expected).abs() < 1e-12, "{load} {cpu}: {}", columns[1].values[3]);
            assert_eq!(columns[2].values[3], 90.0, "requests do not excuse slowness");
        }
    }
}
