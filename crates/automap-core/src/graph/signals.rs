//! Chooses the seven signals of every service from the metrics that a source delivers.
//!
//! AutoMAP compares services metric type by metric type, so each service has at most one column per type. Missing types stay missing; nothing
//! is imputed.

use super::MetricType;
use crate::frame::{MetricFrame, Series, ServiceIdx};
use crate::metric::{Family, Side};

/// Definition of congestion.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Congestion {
    /// Throughput divided by latency, the "power" of Ramakrishnan and Jain (1990), which later papers report. Default.
    #[default]
    Power,
    /// Throughput times latency: requests in flight, by Little's law (1961).
    Concurrency,
}

/// At most one column per service and metric type.
#[derive(Clone, Debug)]
pub struct GraphSignals {
    /// By type, in the order of [`MetricType::ALL`], then by service of the frame; empty if not observed.
    columns: Vec<Vec<Vec<f64>>>,
    /// Services whose I/O is network traffic, because no disk is measured.
    without_disk: Vec<bool>,
}

impl GraphSignals {
    /// Chooses and derives the columns. Only a service's own metrics are used, the mean latency before percentiles. Errors stand for availability
    /// (the same with the opposite sign); I/O is disk bytes, or network bytes if no disk is measured. O(series × samples).
    pub fn of(frame: &MetricFrame, congestion: Congestion) -> Self {
        let services = frame.services().len();
        let columns = MetricType::ALL.iter().map(|metric| {
            (0..services).map(|s| column(frame, ServiceIdx(s), *metric, congestion).unwrap_or_default()).collect()
        });
        let has_disk = |s| own(frame, ServiceIdx(s), &Family::Disk).next().is_some();
        Self { columns: columns.collect(), without_disk: (0..services).map(|s| !has_disk(s)).collect() }
    }

    /// The metric family behind a column. The same type may come from different families for different services.
    pub fn family(&self, metric: MetricType, service: ServiceIdx) -> Family {
        match metric {
            MetricType::Latency => Family::Latency,
            MetricType::Throughput | MetricType::Congestion => Family::Throughput,
            MetricType::Availability => Family::Error,
            MetricType::Cpu => Family::Cpu,
            MetricType::Memory => Family::Memory,
            MetricType::Io if self.without_disk[service.0] => Family::Network,
            MetricType::Io => Family::Disk,
        }
    }

    /// One column; `None` if the service has no such signal. `NaN` is a gap.
    pub fn get(&self, metric: MetricType, service: ServiceIdx) -> Option<&[f64]> {
        let column = &self.columns[metric as usize][service.0];
        (!column.is_empty()).then_some(column)
    }

    /// The given rows of every service's column of one type; empty if there is no column.
    pub fn rows(&self, metric: MetricType, rows: &[usize]) -> Vec<Vec<f64>> {
        let pick =
            |column: &Vec<f64>| if column.is_empty() { vec![] } else { rows.iter().map(|&i| column[i]).collect() };
        self.columns[metric as usize].iter().map(pick).collect()
    }
}

fn column(frame: &MetricFrame, service: ServiceIdx, metric: MetricType, congestion: Congestion) -> Option<Vec<f64>> {
    let values = |family: Family| best(frame, service, &family).map(|s| s.values.to_vec());
    match metric {
        MetricType::Latency => values(Family::Latency),
        MetricType::Throughput => values(Family::Throughput),
        MetricType::Availability => values(Family::Error),
        MetricType::Cpu => values(Family::Cpu),
        MetricType::Memory => values(Family::Memory),
        MetricType::Congestion => {
            let (rate, latency) = (values(Family::Throughput)?, values(Family::Latency)?);
            let one = |(rate, latency): (&f64, &f64)| match congestion {
                Congestion::Power if *latency > 0.0 => rate / latency,
                Congestion::Power => f64::NAN,
                Congestion::Concurrency => rate * latency,
            };
            Some(rate.iter().zip(&latency).map(one).collect())
        }
        MetricType::Io => sum(frame, service, &Family::Disk).or_else(|| sum(frame, service, &Family::Network)),
    }
}

fn own<'a>(frame: &'a MetricFrame, service: ServiceIdx, family: &'a Family) -> impl Iterator<Item = &'a Series> {
    frame.series_of(service).iter().filter(move |s| s.metric.side == Side::Own && s.metric.family == *family)
}

/// The most basic series of a family: the one with the shortest name, which prefers a mean to percentiles (`latency` before `latency-90`); ties
/// by name.
fn best<'a>(frame: &'a MetricFrame, service: ServiceIdx, family: &'a Family) -> Option<&'a Series> {
    own(frame, service, family).min_by_key(|s| (s.metric.name.len(), &s.metric.name))
}

/// The sum of a family's series; a gap wherever one of them has a gap.
fn sum(frame: &MetricFrame, service: ServiceIdx, family: &Family) -> Option<Vec<f64>> {
    own(frame, service, family).map(|s| s.values.to_vec()).reduce(|mut sum, next| {
        sum.iter_mut().zip(next).for_each(|(a, b)| *a += b);
        sum
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{RawSeries, assemble};
    use crate::time::Timestamp;

    fn frame(series: &[(&str, [f64; 3])]) -> MetricFrame {
        let times: Vec<_> = (0..3).map(|i| Timestamp::from_ms(i * 1000)).collect();
        let raw = series.iter().map(|(metric, values)| RawSeries {
            service: "a".into(),
            metric: (*metric).into(),
            peer: None,
            points: times.iter().copied().zip(*values).collect(),
        });
        assemble(raw.collect(), times.clone()).unwrap().0
    }

    #[test]
    fn the_seven_signals_by_hand() {
        let frame = frame(&[
            ("latency_ms", [2.0, 4.0, 0.0]),
            ("latency_p95_ms", [9.0; 3]),
            ("throughput_rps", [8.0, 8.0, 8.0]),
            ("disk_read_bytes_per_s", [1.0, 2.0, 3.0]),
            ("disk_write_bytes_per_s", [1.0, f64::NAN, 1.0]),
            ("network_in_bytes_per_s", [7.0; 3]),
        ]);
        let signals = GraphSignals::of(&frame, Congestion::Power);
        let get = |m| signals.get(m, ServiceIdx(0));
        assert_eq!(get(MetricType::Latency), Some(&[2.0, 4.0, 0.0][..]));
        assert_eq!(get(MetricType::Congestion).unwrap()[..2], [4.0, 2.0]);
        assert!(get(MetricType::Congestion).unwrap()[2].is_nan(), "no latency, no power");
        let io = get(MetricType::Io).unwrap();
        assert!(io[0] == 2.0 && io[1].is_nan() && io[2] == 4.0);
        assert_eq!(get(MetricType::Cpu), None);
        let little = GraphSignals::of(&frame, Congestion::Concurrency);
        assert_eq!(little.get(MetricType::Congestion, ServiceIdx(0)), Some(&[16.0, 32.0, 0.0][..]));
    }
}
