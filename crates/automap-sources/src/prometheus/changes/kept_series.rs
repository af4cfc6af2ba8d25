//! One series of the look-back, as stretches of one value.
//!
//! The state of a namespace rarely changes: that a deployment wants two replicas is repeated in each of the thousands of samples of six hours. Kept
//! as samples, they would grow by megabytes an hour until the look-back is full; stretches take only as much as there are changes. Nothing is lost: a
//! stretch ends at a missing sample, and in between the instants are those of the axis. `2 2 2 – 2 3` at the instants 1 to 6 is kept as 2 from 1 to
//! 3, 2 at 5 and 3 at 6.

use automap_core::time::Timestamp;

use crate::prometheus::decode::Labels;

/// A series whose samples lie on the axis of its look-back.
#[derive(Clone, Debug)]
pub(super) struct KeptSeries {
    pub(super) labels: Labels,
    stretches: Vec<Stretch>,
}

/// Samples of one value at consecutive instants of the axis.
#[derive(Clone, Copy, Debug)]
struct Stretch {
    first: Timestamp,
    last: Timestamp,
    value: f64,
}

impl Stretch {
    /// Its instants.
    fn of<'a>(&self, axis: &'a [Timestamp]) -> &'a [Timestamp] {
        let from = axis.partition_point(|time| *time < self.first);
        let to = axis.partition_point(|time| *time <= self.last);
        axis.get(from..to).unwrap_or_default()
    }
}

impl KeptSeries {
    /// An empty series.
    pub(super) fn new(labels: Labels) -> Self {
        Self { labels, stretches: Vec::new() }
    }

    /// Appends samples. Each is at an instant of the axis.
    pub(super) fn extend(&mut self, points: impl IntoIterator<Item = (Timestamp, f64)>, axis: &[Timestamp]) {
        for (time, value) in points {
            let before = axis.partition_point(|t| *t < time).checked_sub(1).map(|i| axis[i]);
            match self.stretches.last_mut() {
                // Compared by bits, so that a NaN continues, too.
                Some(known) if Some(known.last) == before && known.value.to_bits() == value.to_bits() => {
                    known.last = time;
                }
                _ => self.stretches.push(Stretch { first: time, last: time, value }),
            }
        }
    }

    /// Drops samples at none of these instants, after the axis was cut at either end.
    pub(super) fn cut(&mut self, axis: &[Timestamp]) {
        self.stretches.retain_mut(|stretch| {
            let (Some(first), Some(last)) = (stretch.of(axis).first(), stretch.of(axis).last()) else { return false };
            (stretch.first, stretch.last) = (*first, *last);
            true
        });
    }

    /// Its samples, in order of time.
    pub(super) fn points<'a>(&'a self, axis: &'a [Timestamp]) -> impl Iterator<Item = (Timestamp, f64)> + 'a {
        self.stretches.iter().flat_map(|stretch| stretch.of(axis).iter().map(|time| (*time, stretch.value)))
    }

    /// How many samples it has.
    pub(super) fn len(&self, axis: &[Timestamp]) -> usize {
        self.stretches.iter().map(|stretch| stretch.of(axis).len()).sum()
    }

    /// Whether it has none.
    pub(super) fn is_empty(&self) -> bool {
        self.stretches.is_empty()
    }

    /// The time of the newest sample.
    pub(super) fn last(&self) -> Option<Timestamp> {
        self.stretches.last().map(|stretch| stretch.last)
    }

    /// Size in memory, in stretches.
    #[cfg(test)]
    pub(super) fn kept(&self) -> usize {
        self.stretches.len()
    }

    /// The same series with the values that `value` returns, or none, at its instants.
    #[cfg(test)]
    pub(super) fn with(&self, axis: &[Timestamp], value: impl Fn(Timestamp, f64) -> Option<f64>) -> Self {
        let mut other = Self::new(self.labels.clone());
        other.extend(self.points(axis).filter_map(|(time, old)| Some((time, value(time, old)?))), axis);
        other
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_ms(minute * 60_000)
    }

    #[test]
    fn samples_come_back_as_they_were_and_equal_ones_take_one_place() {
        let axis: Vec<Timestamp> = (0..8).map(at).collect();
        let values = [(1, 2.0), (2, 2.0), (3, 2.0), (5, 2.0), (6, 3.0), (7, f64::NAN)];
        let points: Vec<_> = values.iter().map(|(m, value)| (at(*m), *value)).collect();
        let mut series = KeptSeries::new(Labels::new());
        // Independent of how the samples are split.
        series.extend(points[..2].iter().copied(), &axis[..3]);
        series.extend(points[2..].iter().copied(), &axis);
        let shown = |series: &KeptSeries, axis: &[Timestamp]| format!("{:?}", series.points(axis).collect::<Vec<_>>());
        assert_eq!(shown(&series, &axis), format!("{points:?}"));
        assert_eq!((series.kept(), series.len(&axis), series.last()), (4, 6, Some(at(7))));
        series.cut(&axis[2..6]);
        assert_eq!(shown(&series, &axis), format!("{:?}", &points[1..4]));
        series.extend([(at(6), 2.0), (at(7), 2.0)], &axis);
        assert_eq!((series.kept(), series.len(&axis)), (2, 5), "what was cut goes on");
        series.cut(&axis[..1]);
        assert!(series.is_empty() && series.last().is_none());
    }
}
