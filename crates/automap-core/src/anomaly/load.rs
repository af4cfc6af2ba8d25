//! Measures the request rate of every service.
//!
//! The ranking needs it twice: to know which share of a caller's requests visits a callee, and to recognise idle services.

use std::collections::BTreeMap;

use super::Rows;
use super::rows::Column;
use crate::frame::ServiceIdx;
use crate::metric::{Family, Side};
use crate::stats::mean;

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
    columns.iter().filter(|c| is_own_load(c)).map(|c| (c.service, of(c))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::Metric;

    #[test]
    fn idle_means_observed_zeros_and_never_gaps() {
        let gap = f64::NAN;
        let column = |service: usize, metric: &str, values: [f64; 4]| Column {
            series: service,
            service: ServiceIdx(service),
            peer: None,
            metric: Metric::parse(metric),
            values: values.to_vec(),
        };
        let columns = [
            column(0, "throughput_rps", [1.0, 3.0, gap, gap]),
            column(1, "throughput_rps", [0.0, 0.0, gap, 0.0]),
            column(2, "throughput_rps", [0.0, 0.0, 5.0, 0.0]),
            column(3, "throughput_rps", [gap, gap, gap, gap]),
            column(4, "cpu_cores", [0.0, 0.0, 0.0, 0.0]),
        ];
        let found = loads(&columns, &Rows { baseline: vec![0, 1], incident: vec![2, 3] });
        assert_eq!(found[&ServiceIdx(0)], Load { normal: 2.0, is_idle: false });
        assert_eq!(found[&ServiceIdx(1)], Load { normal: 0.0, is_idle: true });
        assert!(!found[&ServiceIdx(2)].is_idle, "it got requests during the incident");
        assert!(!found[&ServiceIdx(3)].is_idle && found[&ServiceIdx(3)].normal.is_nan());
        assert_eq!(found.len(), 4);
    }
}
