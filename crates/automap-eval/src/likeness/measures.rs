//! The measures: of one series, of one incident, and the distance of two distributions.

use automap_core::frame::{MetricFrame, Series};
use automap_core::metric::{Family, Side};
use automap_core::stats::{mad, mean, median, sd};

use super::Measure;

/// Series with fewer samples than this are not measured.
const MIN_SAMPLES: usize = 40;
/// Lags of the autocorrelation, in samples.
const LAGS: [usize; 3] = [1, 6, 12];
/// A symptom moves if its median differs from the earlier one by this many of the earlier spreads, and by this share of it.
const MOVES: (f64, f64) = (3.0, 0.1);

/// The properties of one series before the fault; `NaN` is a missing sample. A series that never changes has no noise to compare. O(n).
pub(super) fn of_series(values: &[f64]) -> Vec<(Measure, f64)> {
    let seen = values.iter().filter(|v| !v.is_nan()).count();
    if seen < MIN_SAMPLES {
        return Vec::new();
    }
    let mut out = vec![(Measure::Missing, 1.0 - seen as f64 / values.len() as f64)];
    let (mean, sd) = (mean(values), sd(values));
    if sd <= 1e-12 * mean.abs() || sd == 0.0 {
        return out;
    }
    if mean.abs() > 0.0 {
        out.push((Measure::Noise, sd / mean.abs()));
    }
    let steps: Vec<f64> = values.windows(2).map(|pair| pair[1] - pair[0]).filter(|step| !step.is_nan()).collect();
    out.extend(kurtosis(&steps).map(|k| (Measure::Jumps, k)));
    let correlated = |lag: &usize| Some((Measure::Autocorrelation(*lag), autocorrelation(values, mean, *lag)?));
    out.extend(LAGS.iter().filter_map(correlated));
    out
}

/// The fourth central moment divided by the squared second; `None` without any spread.
fn kurtosis(values: &[f64]) -> Option<f64> {
    let centre = mean(values);
    let moment = |power: i32| values.iter().map(|v| (v - centre).powi(power)).sum::<f64>() / values.len() as f64;
    let second = moment(2);
    (second > 0.0).then(|| moment(4) / (second * second))
}

/// Over pairs of observed samples; `None` without any.
fn autocorrelation(values: &[f64], mean: f64, lag: usize) -> Option<f64> {
    let later = values.get(lag..)?;
    let pairs = values.iter().zip(later).filter(|(a, b)| !a.is_nan() && !b.is_nan());
    let (mut sum, mut own, mut n) = (0.0, 0.0, 0_usize);
    for (a, b) in pairs {
        sum += (a - mean) * (b - mean);
        own += 0.5 * ((a - mean).powi(2) + (b - mean).powi(2));
        n += 1;
    }
    (n > lag && own > 0.0).then(|| sum / own)
}

/// The share of services with latency or errors whose latency or errors move after the first `quiet` samples; `None` if there are none.
pub(super) fn moved(frame: &MetricFrame, quiet: usize) -> Option<f64> {
    let is_symptom = |s: &&Series| {
        s.peer.is_none() && s.metric.side == Side::Own && matches!(s.metric.family, Family::Latency | Family::Error)
    };
    let (mut seen, mut moved) = (vec![false; frame.services().len()], vec![false; frame.services().len()]);
    for series in frame.series().iter().filter(is_symptom) {
        let (before, during) = series.values.split_at(quiet);
        let (old, new) = (median(before), median(during));
        if old.is_nan() || new.is_nan() {
            continue;
        }
        seen[series.service.0] = true;
        moved[series.service.0] |= (new - old).abs() > (MOVES.0 * mad(before, old)).max(MOVES.1 * old.abs());
    }
    let count = |flags: &[bool]| flags.iter().filter(|flag| **flag).count() as f64;
    (count(&seen) > 0.0).then(|| count(&moved) / count(&seen))
}

/// The largest difference of two empirical distribution functions (Kolmogorov and Smirnov). O(n log n).
pub(super) fn distance(a: &[f64], b: &[f64]) -> f64 {
    let sorted = |values: &[f64]| {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        sorted
    };
    let (a, b) = (sorted(a), sorted(b));
    let below = |of: &[f64], x: f64| of.partition_point(|v| *v <= x) as f64 / of.len() as f64;
    a.iter().chain(&b).map(|x| (below(&a, *x) - below(&b, *x)).abs()).fold(0.0, f64::max)
}

#[cfg(test)]
mod tests {
    use automap_core::frame::{RawSeries, assemble};
    use automap_core::random::Rng;
    use automap_core::time::Timestamp;

    use super::*;

    fn get(values: &[f64], measure: Measure) -> Option<f64> {
        of_series(values).into_iter().find(|(m, _)| *m == measure).map(|(_, value)| value)
    }

    #[test]
    fn noise_without_memory_is_told_from_noise_with_it() {
        let mut rng = Rng::new(1);
        let white: Vec<f64> = (0..4000).map(|_| 100.0 + 10.0 * rng.normal()).collect();
        assert!((get(&white, Measure::Noise).unwrap() - 0.1).abs() < 0.01);
        assert!((get(&white, Measure::Jumps).unwrap() - 3.0).abs() < 0.3);
        assert!(get(&white, Measure::Autocorrelation(1)).unwrap().abs() < 0.05);
        // Each sample keeps 0.9 of the previous one: 0.9 at lag 1, 0.9⁶ = 0.53 at lag 6, 0.9¹² = 0.28 at lag 12.
        let mut last = 0.0;
        let kept: Vec<f64> = (0..40_000)
            .map(|_| {
                last = 0.9 * last + rng.normal();
                50.0 + last
            })
            .collect();
        for (measure, expected) in [
            (Measure::Autocorrelation(1), 0.9),
            (Measure::Autocorrelation(6), 0.53),
            (Measure::Autocorrelation(12), 0.28),
        ] {
            assert!((get(&kept, measure).unwrap() - expected).abs() < 0.05, "{measure:?}");
        }
    }

    #[test]
    fn gaps_are_counted_and_what_never_changes_has_no_noise() {
        let mut values: Vec<f64> = (0..100).map(|i| f64::from(i % 7)).collect();
        values[10] = f64::NAN;
        assert!((get(&values, Measure::Missing).unwrap() - 0.01).abs() < 1e-9);
        assert_eq!(of_series(&[5.0; 100]), [(Measure::Missing, 0.0)]);
        assert!(of_series(&[1.0; 9]).is_empty());
    }

    #[test]
    fn distances_worked_by_hand() {
        assert_eq!(distance(&[1.0, 2.0], &[3.0, 4.0]), 1.0);
        // At 2, all of the first and half of the second are below.
        assert_eq!(distance(&[1.0, 2.0], &[2.0, 3.0]), 0.5);
        assert_eq!(distance(&[1.0, 2.0, 3.0], &[1.0, 2.0, 3.0]), 0.0);
    }

    #[test]
    fn services_that_move_are_counted() {
        let times: Vec<_> = (0..60).map(|i| Timestamp::from_ms(i * 1000)).collect();
        let series = |service: &str, factor: f64| RawSeries {
            service: service.into(),
            metric: automap_core::metric::LATENCY_MS.into(),
            peer: None,
            points: times
                .iter()
                .enumerate()
                .map(|(i, t)| (*t, (10.0 + ((i * 7) % 5) as f64) * if i < 40 { 1.0 } else { factor }))
                .collect(),
        };
        let raw = vec![series("a", 4.0), series("b", 1.0), series("c", 1.05)];
        let frame = assemble(raw, times.clone()).unwrap().0;
        assert_eq!(moved(&frame, 40), Some(1.0 / 3.0));
    }
}
