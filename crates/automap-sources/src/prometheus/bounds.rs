//! Bounds an answer: a repeated series is used once, and of too many series those with the most samples are kept.
//!
//! A front end that merges replicas badly, or a proxy that repeats a part, returns the same labels twice; summing them would double a service. Series
//! with different labels are never duplicates: pods and replicas are summed later (`combine`). Dropped series are counted, and readers treat the
//! answer as partly observed, never as calm.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use automap_core::time::Timestamp;

use super::decode::LabelledSeries;
use super::promql::PART;
use super::query::Grid;

/// Most series of one vector of an answer.
pub const MAX_SERIES: usize = 10_000;
/// Most services of an observation: the most completely observed ones are kept.
pub const MAX_SERVICES: usize = 2_000;

/// The samples of one series.
pub(crate) type Points = Vec<(Timestamp, f64)>;

/// What was dropped from an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// Repeated series or samples.
    pub duplicates: u64,
    /// Series beyond [`MAX_SERIES`] or the bounds of the decoder.
    pub excess: u64,
    /// Samples at instants that were not requested, and instants with two different values: clocks that disagree.
    pub misplaced: u64,
}

impl LeftOut {
    /// Adds the counts of another part of the same answer.
    pub(crate) fn add(&mut self, other: Self) {
        self.duplicates += other.duplicates;
        self.excess = self.excess.max(other.excess);
        self.misplaced += other.misplaced;
    }
}

/// The series of one answer, each once and in order of time, at most [`MAX_SERIES`] of each vector.
pub(crate) fn keep(series: Vec<LabelledSeries>, left_out: &mut LeftOut) -> Vec<LabelledSeries> {
    let mut known: BTreeMap<_, Points> = BTreeMap::new();
    for LabelledSeries { labels, mut points } in series {
        let (again, conflicts) = put_in_order(&mut points);
        left_out.duplicates += u64::from(again);
        left_out.misplaced += conflicts;
        match known.entry(labels) {
            Entry::Vacant(free) => {
                free.insert(points);
            }
            Entry::Occupied(mut first) => {
                left_out.duplicates += 1;
                if is_preferred(&points, first.get()) {
                    first.insert(points);
                }
            }
        }
    }
    let series = known.into_iter().map(|(labels, points)| LabelledSeries { labels, points });
    most_complete(series.collect(), left_out)
}

/// At most [`MAX_SERIES`] of each vector: those with the most samples; ties are broken by the labels.
pub(crate) fn most_complete(mut series: Vec<LabelledSeries>, left_out: &mut LeftOut) -> Vec<LabelledSeries> {
    if series.len() <= MAX_SERIES {
        return series;
    }
    let before = series.len();
    series.sort_by(|a, b| b.points.len().cmp(&a.points.len()).then_with(|| a.labels.cmp(&b.labels)));
    let mut taken: BTreeMap<Option<String>, usize> = BTreeMap::new();
    series.retain(|s| {
        let of_vector = taken.entry(s.labels.get(PART).cloned()).or_default();
        *of_vector += 1;
        *of_vector <= MAX_SERIES
    });
    left_out.excess += (before - series.len()) as u64;
    series.sort_by(|a, b| a.labels.cmp(&b.labels));
    series
}

/// Drops samples at instants that were not requested: a server answers on the grid, so a clock that jumped, or a proxy, has moved them. The other
/// samples of such an answer are kept, and the answer counts as partial.
pub(crate) fn within(grid: Grid, series: &mut [LabelledSeries], left_out: &mut LeftOut) {
    for LabelledSeries { points, .. } in series {
        let before = points.len();
        points.retain(|(time, _)| grid.position(*time).is_some());
        left_out.misplaced += (before - points.len()) as u64;
    }
}

/// Sorts by time and keeps one sample per instant. Returns whether any sample was repeated, and how many contradict another one.
fn put_in_order(points: &mut Points) -> (bool, u64) {
    if points.windows(2).all(|w| w[0].0 < w[1].0) {
        return (false, 0);
    }
    points.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
    let (mut repeats, mut conflicts) = (false, 0);
    points.dedup_by(|later, first| {
        let is_same = later.0 == first.0;
        let is_equal = later.1.total_cmp(&first.1).is_eq();
        repeats |= is_same && is_equal;
        conflicts += u64::from(is_same && !is_equal);
        is_same
    });
    (repeats, conflicts)
}

/// Chooses between two series with the same labels independently of their order: the one with more samples, then the one with the greater values.
fn is_preferred(points: &Points, to: &Points) -> bool {
    let values = points.iter().zip(to).map(|(a, b)| a.1.total_cmp(&b.1)).find(|order| order.is_ne());
    points.len().cmp(&to.len()).then(values.unwrap_or(std::cmp::Ordering::Equal)).is_gt()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(labels: &[(&str, &str)], points: &[(i64, f64)]) -> LabelledSeries {
        let labels = labels.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        LabelledSeries { labels, points: points.iter().map(|(t, v)| (Timestamp::from_ms(*t), *v)).collect() }
    }

    #[test]
    fn a_series_that_comes_twice_is_taken_once_in_any_order() {
        let (a, b) = (series(&[("w", "a")], &[(1, 1.0), (2, 2.0)]), series(&[("w", "a")], &[(1, 1.0), (2, 3.0)]));
        let other = series(&[("w", "a"), ("pod", "2")], &[(1, 5.0)]);
        for given in [vec![a.clone(), b.clone(), other.clone()], vec![other.clone(), b.clone(), a]] {
            let mut left_out = LeftOut::default();
            assert_eq!(keep(given, &mut left_out), [other.clone(), b.clone()], "another pod is another series");
            assert_eq!(left_out, LeftOut { duplicates: 1, ..LeftOut::default() });
        }
    }

    #[test]
    fn samples_that_come_twice_or_out_of_order_are_put_right() {
        let mut left_out = LeftOut::default();
        let kept = keep(vec![series(&[], &[(3, 3.0), (1, 1.0), (1, 1.0), (2, 2.0)])], &mut left_out);
        assert_eq!((kept, left_out.duplicates), (vec![series(&[], &[(1, 1.0), (2, 2.0), (3, 3.0)])], 1));
    }

    #[test]
    fn of_too_many_series_the_most_complete_stay_in_every_vector() {
        let name = |i: usize| format!("{i:06}");
        let mut all: Vec<_> =
            (0..MAX_SERIES + 5).map(|i| series(&[("w", &name(i)), (PART, "0")], &[(1, 1.0)])).collect();
        all.push(series(&[("w", "zz"), (PART, "0")], &[(1, 1.0), (2, 1.0)]));
        all.push(series(&[("w", "zz"), (PART, "1")], &[(1, 1.0)]));
        let mut left_out = LeftOut::default();
        let kept = keep(all, &mut left_out);
        assert_eq!((kept.len(), left_out.excess), (MAX_SERIES + 1, 6));
        assert_eq!(kept.iter().filter(|s| s.labels["w"] == "zz").count(), 2);
    }
}
