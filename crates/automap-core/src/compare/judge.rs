//! Judges whether a series is the same in two periods.
//!
//! [`Judge::series`] computes levels, shifts and p-values; [`control_false_discoveries`] decides once the p-values of all series are known.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use super::model::{Difference, Level, LevelKind, SeriesComparison, SeriesVerdict};
use super::{CompareOptions, Period, SeriesKey, metric_of};
use crate::anomaly::practical_floor;
use crate::metric::Unit;
use crate::stats::{
    effective_samples, false_discovery_rates, finite, mad, mann_whitney, mean, median, persistence, sd, signed_log,
    trimmed_means_p_value,
};

/// Fewest observed samples in each period.
pub(super) const MIN_SAMPLES: usize = 6;
/// Largest reported shift: relative to a constant, the number of spreads is arbitrary.
const MAX_SHIFT: f64 = 1e6;
/// Shift that a vanished or new series counts as, in spreads.
const ONE_SIDED_SHIFT: f64 = 10.0;

/// Everything about the reference that is needed to judge a series.
pub(super) struct Judge<'a> {
    options: &'a CompareOptions,
    /// Median over services of each metric's level in the reference, without services at zero.
    typical: BTreeMap<String, f64>,
    /// Metrics that the reference has.
    collected: BTreeSet<&'a str>,
}

/// A later period and the metrics that it has.
pub(super) struct Later<'a> {
    period: &'a Period,
    collected: BTreeSet<&'a str>,
}

impl<'a> Later<'a> {
    pub(super) fn of(period: &'a Period) -> Self {
        Self { period, collected: period.metrics() }
    }
}

impl<'a> Judge<'a> {
    pub(super) fn new(reference: &'a Period, options: &'a CompareOptions) -> Self {
        let mut levels: BTreeMap<String, Vec<f64>> = BTreeMap::new();
        for (key, values) in &reference.series {
            let level = median(values).abs();
            if level > 0.0 {
                levels.entry(key.metric.clone()).or_default().push(level);
            }
        }
        let collected = reference.metrics();
        Self { collected, options, typical: levels.into_iter().map(|(metric, l)| (metric, median(&l))).collect() }
    }

    /// The smallest spread that matters for a series whose level in the reference is `level`.
    pub(super) fn floor(&self, metric: &str, unit: Unit, level: f64) -> f64 {
        let floors = &self.options.floors;
        let typical = self.typical.get(metric).copied().unwrap_or(0.0);
        let practical = if floors.practical_floors { practical_floor(unit) } else { 0.0 };
        let level = if level.is_nan() { 0.0 } else { level.abs() };
        (floors.relative_floor * level).max(floors.typical_floor * typical).max(practical).max(f64::MIN_POSITIVE)
    }

    /// Compares a series in all periods. The q-values and the final verdict follow when all p-values are known.
    pub(super) fn series(&self, key: &SeriesKey, reference: &Period, later: &[Later<'_>]) -> SeriesComparison {
        let metric = metric_of(key);
        let none: &[f64] = &[];
        let values = |p: &'_ Period| p.series.get(key).map_or(none.to_vec(), Clone::clone);
        let a = values(reference);
        let floor = self.floor(&key.metric, metric.unit, median(&a));
        let mut levels = vec![level(&a, 0.0)];
        let mut differences = Vec::new();
        for (i, Later { period, collected }) in later.iter().enumerate() {
            let b = values(period);
            let phi = persistence(&[&a, &b], 1);
            if i == 0 {
                levels[0] = level(&a, phi);
            }
            levels.push(level(&b, phi));
            let mut difference = self.difference(period, &a, &b, phi, floor);
            let was_collected = |metrics: &BTreeSet<&str>| metrics.contains(key.metric.as_str());
            let is_one_sided = matches!(difference.verdict, SeriesVerdict::OnlyInA | SeriesVerdict::OnlyInB);
            let is_always_zero = is_one_sided && a.iter().chain(&b).all(|v| v.is_nan() || *v == 0.0);
            if is_always_zero || !was_collected(&self.collected) || !was_collected(collected) {
                difference.verdict = SeriesVerdict::NotComparable;
            }
            differences.push(difference);
        }
        SeriesComparison {
            service: key.service.clone(),
            metric: metric.clone(),
            peer: key.peer.clone(),
            family: metric.family.clone(),
            unit: metric.unit,
            verdict: SeriesVerdict::Same,
            levels,
            differences,
            shape: None,
        }
    }

    fn difference(&self, period: &Period, a: &[f64], b: &[f64], phi: f64, floor: f64) -> Difference {
        let (na, nb) = (finite(a).len(), finite(b).len());
        let observed = |v: f64| (!v.is_nan()).then_some(v);
        let mut out = Difference {
            period: period.name.clone(),
            verdict: one_sided(na, nb),
            from: observed(median(a)),
            to: observed(median(b)),
            level: LevelKind::Median,
            shift: None,
            delta: None,
            superiority: None,
            p_value: None,
            q_value: None,
        };
        let Some(test) = mann_whitney(a, b).filter(|_| na.min(nb) >= MIN_SAMPLES) else { return out };
        let (from, to) = (median(a), median(b));
        let by_median = (to - from) / mad(a, from).max(floor);
        let by_mean = (mean(b) - mean(a)) / sd(a).max(floor);
        let is_mean = by_median.abs() < self.options.min_shift && by_mean.abs() >= self.options.min_shift;
        let shift = if is_mean { by_mean } else { by_median };
        if is_mean {
            (out.from, out.to, out.level) = (Some(mean(a)), Some(mean(b)), LevelKind::Mean);
        }
        out.shift = Some(shift.clamp(-MAX_SHIFT, MAX_SHIFT));
        out.delta = Some(test.delta());
        out.superiority = Some(test.superiority());
        let by_ranks = test.p_value_of_effective(effective_samples(na, phi), effective_samples(nb, phi));
        let by_size = trimmed_means_p_value(a, b, phi, floor).unwrap_or(1.0);
        // Two tests of the same pair: the smaller p-value is doubled (Bonferroni).
        out.p_value = Some((2.0 * by_ranks.min(by_size)).min(1.0));
        out
    }
}

/// The verdict by sample counts alone; `Same` if the values can be compared, until they are.
fn one_sided(na: usize, nb: usize) -> SeriesVerdict {
    match (na, nb) {
        (a, 0) if a >= MIN_SAMPLES => SeriesVerdict::OnlyInA,
        (0, b) if b >= MIN_SAMPLES => SeriesVerdict::OnlyInB,
        (a, b) if a.min(b) < MIN_SAMPLES => SeriesVerdict::TooFewSamples,
        _ => SeriesVerdict::Same,
    }
}

fn level(values: &[f64], phi: f64) -> Option<Level> {
    let samples = finite(values).len();
    let centre = median(values);
    (samples > 0).then(|| Level {
        median: centre,
        mean: mean(values),
        spread: mad(values, centre),
        samples,
        effective_samples: effective_samples(samples, phi),
    })
}

/// Computes the q-values over all tests and decides the verdicts.
pub(super) fn control_false_discoveries(series: &mut [SeriesComparison], options: &CompareOptions) {
    let p: Vec<f64> = series.iter().flat_map(|s| &s.differences).map(|d| d.p_value.unwrap_or(f64::NAN)).collect();
    let mut q = false_discovery_rates(&p).into_iter();
    for s in series {
        for (d, q) in s.differences.iter_mut().zip(&mut q) {
            if d.p_value.is_some() {
                d.q_value = Some(q);
                d.verdict = if differs(d, options) { SeriesVerdict::Differs } else { SeriesVerdict::Same };
            }
        }
        s.verdict = s.differences.iter().map(|d| d.verdict).min().unwrap_or(SeriesVerdict::TooFewSamples);
    }
}

fn differs(d: &Difference, options: &CompareOptions) -> bool {
    let (Some(shift), Some(delta), Some(q)) = (d.shift, d.delta, d.q_value) else { return false };
    // A level that moves one way while most values move the other way is not a clear difference.
    let agree = shift * delta > 0.0;
    agree && q <= options.false_discovery && shift.abs() >= options.min_shift && delta.abs() >= options.min_delta
}

/// Weight of a finding: its compressed shift, or that of ten spreads for a vanished or new series; 0 without a finding.
pub(super) fn weight(s: &SeriesComparison) -> f64 {
    let of = |d: &Difference| match d.verdict {
        SeriesVerdict::Differs => signed_log(d.shift.unwrap_or(0.0).abs()),
        SeriesVerdict::OnlyInA | SeriesVerdict::OnlyInB => signed_log(ONE_SIDED_SHIFT),
        _ => 0.0,
    };
    s.differences.iter().map(of).fold(0.0, f64::max)
}

/// Orders findings first, the heaviest first, then by name.
pub(super) fn by_weight(a: &SeriesComparison, b: &SeriesComparison) -> Ordering {
    let shift = |s: &SeriesComparison| strongest(s).and_then(|d| d.shift).map_or(0.0, f64::abs);
    let name = |s: &SeriesComparison| (s.service.clone(), s.metric.clone(), s.peer.clone());
    weight(b)
        .total_cmp(&weight(a))
        .then(a.verdict.cmp(&b.verdict))
        .then(shift(b).total_cmp(&shift(a)))
        .then_with(|| name(a).cmp(&name(b)))
}

/// The difference that represents the series: the one with its verdict and the largest shift, the earliest of equals.
pub(super) fn strongest(s: &SeriesComparison) -> Option<&Difference> {
    let size = |d: &Difference| d.shift.map_or(0.0, f64::abs);
    let matching = s.differences.iter().filter(|d| d.verdict == s.verdict);
    matching.reduce(|best, d| if size(d) > size(best) { d } else { best })
}
