//! Reduces the points of a line without changing how it looks: every stretch keeps its lowest and highest value, and its gap, if
//! any.

use super::ChartPoint;

/// Maximum number of points kept per stretch: lowest, highest, gap.
const KEPT: usize = 3;

/// At most `most` points (at least three) of the given ones, in time order. A series that fits is returned unchanged.
///
/// A stretch of neighbouring points keeps its minimum, its maximum and its first gap: peaks keep their height, and a broken line
/// stays broken. O(points).
pub(super) fn thin(points: &[ChartPoint], most: usize) -> Vec<ChartPoint> {
    if points.len() <= most {
        return points.to_vec();
    }
    let stretches = (most / KEPT).max(1);
    (0..stretches)
        .flat_map(|i| extremes(&points[i * points.len() / stretches..(i + 1) * points.len() / stretches]))
        .collect()
}

fn extremes(stretch: &[ChartPoint]) -> Vec<ChartPoint> {
    let observed = || stretch.iter().enumerate().filter_map(|(i, p)| Some((i, p.value?)));
    let lowest = observed().min_by(|a, b| a.1.total_cmp(&b.1).then(a.0.cmp(&b.0)));
    let highest = observed().max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0)));
    let gap = stretch.iter().position(|p| p.value.is_none());
    let mut kept: Vec<usize> = [lowest.map(|l| l.0), highest.map(|h| h.0), gap].into_iter().flatten().collect();
    kept.sort_unstable();
    kept.dedup();
    kept.into_iter().map(|i| stretch[i]).collect()
}

/// Puts a gap into every hole of the time axis longer than `hole_ms`: nothing was observed there.
pub(super) fn open_holes(points: &[ChartPoint], hole_ms: i64) -> Vec<ChartPoint> {
    let mut out = Vec::with_capacity(points.len());
    for (i, p) in points.iter().enumerate() {
        if let Some(before) = i.checked_sub(1).map(|b| points[b])
            && p.at_ms - before.at_ms > hole_ms
        {
            out.push(ChartPoint { at_ms: before.at_ms + (p.at_ms - before.at_ms) / 2, value: None });
        }
        out.push(*p);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(values: &[f64]) -> Vec<ChartPoint> {
        let point = |(i, v): (usize, &f64)| ChartPoint { at_ms: i as i64 * 1000, value: v.is_finite().then_some(*v) };
        values.iter().enumerate().map(point).collect()
    }

    #[test]
    fn a_short_series_is_not_touched() {
        let short = points(&[1.0, f64::NAN, 3.0]);
        assert_eq!(thin(&short, 3), short);
    }

    #[test]
    fn peaks_and_gaps_stay_in_their_place() {
        // Two stretches of six: the first has a peak, the second a trough and a gap.
        let long = points(&[1.0, 1.0, 9.0, 1.0, 1.0, 1.0, 2.0, 2.0, f64::NAN, -5.0, 2.0, 2.0]);
        let kept: Vec<(i64, Option<f64>)> = thin(&long, 6).iter().map(|p| (p.at_ms / 1000, p.value)).collect();
        assert_eq!(kept, [(0, Some(1.0)), (2, Some(9.0)), (6, Some(2.0)), (8, None), (9, Some(-5.0))]);
    }

    #[test]
    fn ten_thousand_points_become_three_hundred_with_the_same_extremes() {
        let values: Vec<f64> = (0..10_000).map(|i| if i == 7777 { 1e6 } else { ((i * 37) % 101) as f64 }).collect();
        let kept = thin(&points(&values), 300);
        assert!(kept.len() <= 300 && kept.windows(2).all(|w| w[0].at_ms < w[1].at_ms));
        assert!(kept.iter().any(|p| p.value == Some(1e6) && p.at_ms == 7_777_000));
    }

    #[test]
    fn a_hole_in_the_axis_breaks_the_line() {
        let two_days = [
            ChartPoint { at_ms: 0, value: Some(1.0) },
            ChartPoint { at_ms: 1000, value: Some(1.0) },
            ChartPoint { at_ms: 9000, value: Some(1.0) },
        ];
        let open = open_holes(&two_days, 3000);
        assert_eq!(open[2], ChartPoint { at_ms: 5000, value: None });
        assert_eq!(open.len(), 4);
    }
}
