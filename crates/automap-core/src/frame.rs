//! The metrics of all services on one time axis, with explicit gaps.
//!
//! Everything after this stage works on a [`MetricFrame`]: services × metrics × time, ordered by name, `NaN` for "not observed". A frame is
//! immutable; subsets and derived series are new frames. Sources fetch and name the metrics.

mod assemble;
mod derive;

pub use assemble::{AlignedSeries, MAX_MAGNITUDE, RawSeries, assemble, from_columns};

use std::sync::Arc;

use rayon::prelude::*;

use crate::metric::Metric;
use crate::time::{Interval, Timestamp};
use crate::topology::CallGraph;

/// Index of a service in [`MetricFrame::services`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServiceIdx(pub usize);

/// One metric of one service over the frame's time axis.
#[derive(Clone, Debug)]
pub struct Series {
    /// The service of the metric.
    pub service: ServiceIdx,
    /// What it measures.
    pub metric: Metric,
    /// The called service, if the metric is about calls to it.
    pub peer: Option<ServiceIdx>,
    /// One value per row of the axis; `NaN` is a gap. Never beyond [`MAX_MAGNITUDE`]. Shared, since frames are derived from frames.
    pub values: Arc<[f64]>,
}

impl Series {
    /// Its values in some rows, including gaps.
    pub(crate) fn values_at(&self, rows: &[usize]) -> Vec<f64> {
        rows.iter().map(|&row| self.values[row]).collect()
    }
}

/// Services × metrics × time. Series are ordered by (service, metric name, peer); `NaN` means "not observed".
///
/// The axis need not be regular. Recordings joined from two days are allowed, since the statistics count samples. Built by [`assemble`].
#[derive(Clone, Debug)]
pub struct MetricFrame {
    services: Vec<String>,
    times: Vec<Timestamp>,
    series: Vec<Series>,
    /// Position of the first series of every service, and the number of series after the last.
    first: Vec<usize>,
}

/// Why no frame can be built.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// Fewer than two samples on the time axis.
    #[error("{0} point(s) in time: at least 2 are needed")]
    TooShort(usize),
    /// The time axis does not increase at this position.
    #[error("times must increase: row {row} is not later than the one before")]
    NotIncreasing {
        /// Row, from 0.
        row: usize,
    },
    /// There are no series.
    #[error("no series")]
    Empty,
    /// More cells than a frame may hold.
    #[error(
        "{series} series of {times} times are more than {MAX_CELLS} cells; use a shorter window, a larger step or fewer series"
    )]
    TooLarge {
        /// Series.
        series: usize,
        /// Times of the axis.
        times: usize,
    },
}

/// Most cells (series × times) of a frame: 512 MiB of numbers. 10,000 services with seven signals and their calls over 480 times are 45 million.
pub const MAX_CELLS: usize = 64 << 20;

impl MetricFrame {
    /// From series that are already in order.
    fn of(services: Vec<String>, times: Vec<Timestamp>, series: Vec<Series>) -> Self {
        let mut first = vec![0; services.len() + 1];
        series.iter().for_each(|s| first[s.service.0 + 1] += 1);
        (1..first.len()).for_each(|i| first[i] += first[i - 1]);
        Self { services, times, series, first }
    }

    /// Names of the services, sorted.
    pub fn services(&self) -> &[String] {
        &self.services
    }

    /// Name of one service.
    pub fn service(&self, service: ServiceIdx) -> &str {
        &self.services[service.0]
    }

    /// Finds a service by name. O(log services).
    pub fn find(&self, service: &str) -> Option<ServiceIdx> {
        self.services.binary_search_by(|s| s.as_str().cmp(service)).ok().map(ServiceIdx)
    }

    /// The services of this frame that are entries of a call graph, where users enter. In the graph's order, which is by name.
    pub fn entries(&self, calls: &CallGraph) -> Vec<ServiceIdx> {
        calls.entries().into_iter().filter_map(|service| self.find(service)).collect()
    }

    /// The time axis: strictly increasing, at least two entries.
    pub fn times(&self) -> &[Timestamp] {
        &self.times
    }

    /// All series.
    pub fn series(&self) -> &[Series] {
        &self.series
    }

    /// The series of one service, by metric name and peer.
    pub(crate) fn series_of(&self, service: ServiceIdx) -> &[Series] {
        match self.first.get(service.0..service.0 + 2) {
            Some(&[from, to]) => &self.series[from..to],
            _ => &[],
        }
    }

    /// Finds a series by service, metric name and peer. O(log series of the service).
    pub fn get(&self, service: ServiceIdx, metric: &str, peer: Option<ServiceIdx>) -> Option<&Series> {
        let series = self.series_of(service);
        let place = |s: &Series| (s.metric.name.as_str(), s.peer).cmp(&(metric, peer));
        series.binary_search_by(place).ok().map(|i| &series[i])
    }

    /// The usual distance between two samples in milliseconds: the median. O(rows · log rows).
    pub fn step_ms(&self) -> i64 {
        let mut steps: Vec<i64> = self.times.windows(2).map(|w| w[1].ms() - w[0].ms()).collect();
        steps.sort_unstable();
        steps[steps.len() / 2]
    }

    /// Returns the part inside `window`, as if nothing else had been recorded.
    ///
    /// # Errors
    /// [`FrameError::TooShort`] if fewer than two samples lie inside.
    pub fn within(&self, window: Interval) -> Result<Self, FrameError> {
        let from = self.times.partition_point(|t| *t < window.start);
        let to = self.times.partition_point(|t| *t < window.end).max(from);
        if to - from < 2 {
            return Err(FrameError::TooShort(to - from));
        }
        let cut = |s: &Series| Series { metric: s.metric.clone(), values: s.values[from..to].into(), ..*s };
        let series = self.series.iter().map(cut).collect();
        Ok(Self::of(self.services.clone(), self.times[from..to].to_vec(), series))
    }

    /// Returns the part outside of all `spans`. The axis is shortened, so that the removed time is not a gap.
    ///
    /// # Errors
    /// [`FrameError::TooShort`] if fewer than two samples are left.
    pub fn without(&self, spans: &[Interval]) -> Result<Self, FrameError> {
        let keep: Vec<usize> =
            (0..self.times.len()).filter(|&i| !spans.iter().any(|span| span.contains(self.times[i]))).collect();
        if keep.len() < 2 {
            return Err(FrameError::TooShort(keep.len()));
        }
        let cut =
            |s: &Series| Series { metric: s.metric.clone(), values: keep.iter().map(|&i| s.values[i]).collect(), ..*s };
        let series = self.series.par_iter().map(cut).collect();
        Ok(Self::of(self.services.clone(), keep.iter().map(|&i| self.times[i]).collect(), series))
    }

    /// Returns the frame with gaps in every series before the time given for its position; series without one are unchanged.
    pub(crate) fn with_gaps_before(&self, until: impl Fn(usize) -> Option<Timestamp>) -> Self {
        let mut frame = self.clone();
        for (i, series) in frame.series.iter_mut().enumerate() {
            let first = until(i).map_or(0, |until| frame.times.partition_point(|t| *t < until));
            if first > 0 {
                Arc::make_mut(&mut series.values)[..first].fill(f64::NAN);
            }
        }
        frame
    }

    /// From the first sample to one step after the last.
    pub fn span(&self) -> Interval {
        let last = self.times[self.times.len() - 1];
        Interval { start: self.times[0], end: last.plus_ms(self.step_ms()) }
    }

    /// From the first of some sorted rows to one step after the last; `None` without rows.
    pub(crate) fn span_of(&self, rows: &[usize]) -> Option<Interval> {
        Interval::new(self.times[*rows.first()?], self.times[*rows.last()?].plus_ms(self.step_ms()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_a_frame_contains_nothing_of_the_rest() {
        let t = |i: i64| Timestamp::from_ms(i * 1000);
        let points = (0..6).map(|i| (t(i), i as f64)).collect();
        let raw = RawSeries { service: "a".into(), metric: "cpu".into(), peer: None, points };
        let frame = assemble(vec![raw], (0..6).map(t).collect()).unwrap().0;
        let part = frame.within(Interval { start: t(2), end: t(4) }).unwrap();
        assert_eq!((part.times(), &part.series()[0].values[..]), (&[t(2), t(3)][..], &[2.0, 3.0][..]));
        assert_eq!(frame.within(Interval { start: t(5), end: t(9) }).unwrap_err(), FrameError::TooShort(1));
        let rest = frame.without(&[Interval { start: t(1), end: t(3) }, Interval { start: t(5), end: t(9) }]).unwrap();
        assert_eq!((rest.times(), &rest.series()[0].values[..]), (&[t(0), t(3), t(4)][..], &[0.0, 3.0, 4.0][..]));
        assert_eq!(frame.without(&[Interval { start: t(0), end: t(5) }]).unwrap_err(), FrameError::TooShort(1));
        let gaps = frame.with_gaps_before(|_| Some(t(4)));
        assert!(gaps.series()[0].values[..4].iter().all(|v| v.is_nan()) && gaps.series()[0].values[4..] == [4.0, 5.0]);
        assert_eq!(frame.with_gaps_before(|_| None).series()[0].values, frame.series()[0].values);
    }
}
