//! Describes how a series that differs moved: a step, a drift, or both.
//!
//! The samples are averaged in at most 24 blocks of equal length, and four models are fitted: one level, a line, one change of the level, a line
//! with one change. Each costs its squared error and, by the Bayesian information criterion, its number of parameters; autocorrelated blocks count
//! as fewer, and errors below a quarter of the smallest spread that matters are free. The cheapest model wins; if two are practically equal, the
//! shape is unclear.

use super::judge::Judge;
use super::model::{SeriesComparison, Shape, ShapeKind};
use super::{Period, SeriesKey, metric_of};
use crate::stats::{effective_samples, mean, median, persistence};
use crate::time::Timestamp;

/// Most blocks.
const MAX_BLOCKS: usize = 24;
/// Fewest observed blocks that distinguish a line from a step.
const MIN_BLOCKS: usize = 8;
/// Fewest blocks on each side of a change.
const MIN_SIDE: usize = 2;
/// Models whose criterion differs by less fit equally well ("positive evidence" begins at 2, Kass & Raftery 1995).
const CLEAR: f64 = 2.0;
/// Share of the smallest spread that matters below which an error is free.
const FREE_ERROR: f64 = 0.25;
/// Milliseconds in an hour.
const HOUR_MS: f64 = 3_600_000.0;

/// The mean of neighbouring samples.
#[derive(Clone, Copy, Debug)]
struct Block {
    /// Hours since the first sample.
    hours: f64,
    value: f64,
    /// Time of its first sample.
    start: Timestamp,
}

/// The movement inside the later period, or over all periods in time order if there are more than two.
pub(super) fn of_periods(periods: &[Period], series: &SeriesComparison, judge: &Judge<'_>) -> Option<Shape> {
    let key =
        SeriesKey { service: series.service.clone(), metric: series.metric.name.clone(), peer: series.peer.clone() };
    let mut used: Vec<&Period> = if periods.len() > 2 { periods.iter().collect() } else { vec![&periods[1]] };
    used.sort_by_key(|p| p.window.start);
    let (mut times, mut values, mut joints) = (Vec::new(), Vec::new(), Vec::new());
    for period in &used {
        let Some(own) = period.series.get(&key) else { continue };
        joints.push(times.len());
        times.extend(&period.times);
        values.extend(own);
    }
    let level = periods[0].series.get(&key).map_or(f64::NAN, |v| median(v));
    let floor = judge.floor(&key.metric, metric_of(&key).unit, level);
    let first = times.first().copied()?;
    let blocks = blocks(&times, &values, &joints, first);
    Some(of_blocks(&blocks, &times, &values, floor))
}

/// Averages neighbouring samples. No block spans two periods, which meet at `joints`.
fn blocks(times: &[Timestamp], values: &[f64], joints: &[usize], first: Timestamp) -> Vec<Block> {
    let length = values.len().div_ceil(MAX_BLOCKS).max(1);
    let ends = joints.iter().skip(1).copied().chain([values.len()]);
    let mut out = Vec::new();
    for (from, to) in joints.iter().copied().zip(ends) {
        for start in (from..to).step_by(length) {
            let end = (start + length).min(to);
            let value = mean(&values[start..end]);
            let middle = (times[start].ms() + times[end - 1].ms()) as f64 / 2.0 - first.ms() as f64;
            if !value.is_nan() {
                out.push(Block { hours: middle / HOUR_MS, value, start: times[start] });
            }
        }
    }
    out
}

fn of_blocks(blocks: &[Block], times: &[Timestamp], values: &[f64], floor: f64) -> Shape {
    let unclear = Shape { kind: ShapeKind::Unclear, at: None, step: None, slope_per_hour: None };
    if blocks.len() < MIN_BLOCKS {
        return unclear;
    }
    let splits = MIN_SIDE..=blocks.len() - MIN_SIDE;
    let best = |sloped: bool| {
        let fits = splits.clone().map(|at| Fit::new(blocks, sloped, Some(at)));
        fits.reduce(|best, fit| if fit.error < best.error { fit } else { best })
    };
    let (Some(step), Some(both)) = (best(false), best(true)) else { return unclear };
    let level = Fit::new(blocks, false, None);
    let drift = Fit::new(blocks, true, None);
    let phi = persistence(&[&both.residuals(blocks)], 1);
    let worth = effective_samples(blocks.len(), phi).max(MIN_SIDE as f64);
    let free = (FREE_ERROR * floor).powi(2);
    // Parameters: level and spread; slope; place and size of the change.
    let cost = |fit: &Fit, parameters: f64| {
        worth * (fit.error / blocks.len() as f64 + free).max(f64::MIN_POSITIVE).ln() + parameters * worth.ln()
    };
    let mut costs = vec![
        (cost(&level, 2.0), ShapeKind::Level, level),
        (cost(&drift, 3.0), ShapeKind::Drift, drift),
        (cost(&step, 4.0), ShapeKind::Step, step),
        (cost(&both, 5.0), ShapeKind::Both, both),
    ];
    let cheapest = costs.iter().map(|c| c.0).fold(f64::INFINITY, f64::min);
    costs.retain(|c| c.0 - cheapest < CLEAR);
    let is_left = |kind| costs.iter().any(|c| c.1 == kind);
    // The simplest model that is as good as the best; a line and a step are equally simple, and "no movement" is a claim too.
    let undecided = is_left(ShapeKind::Drift) && is_left(ShapeKind::Step);
    let doubtful = is_left(ShapeKind::Level) && costs.len() > 1;
    let Some((_, kind, fit)) = costs.first().filter(|_| !undecided && !doubtful) else { return unclear };
    let at = fit.split.map(|split| refined(blocks, split, times, values));
    let slope = matches!(kind, ShapeKind::Drift | ShapeKind::Both).then_some(fit.slope);
    Shape { kind: *kind, at, step: fit.split.map(|_| fit.jump), slope_per_hour: slope }
}

/// A level or a line, with or without one change of the level.
#[derive(Clone, Copy, Debug)]
struct Fit {
    /// First block after the change.
    split: Option<usize>,
    /// Units per hour.
    slope: f64,
    /// Height at hour 0 before the change.
    start: f64,
    /// How much higher after it.
    jump: f64,
    /// Sum of squared errors.
    error: f64,
}

impl Fit {
    /// Least squares: first the slope, after subtracting each side's means, then the means.
    fn new(blocks: &[Block], sloped: bool, split: Option<usize>) -> Self {
        let (before, after) = blocks.split_at(split.unwrap_or(blocks.len()));
        let centre = |side: &[Block]| {
            let n = side.len().max(1) as f64;
            (side.iter().map(|b| b.hours).sum::<f64>() / n, side.iter().map(|b| b.value).sum::<f64>() / n)
        };
        let sums = |side: &[Block]| {
            let (x, y) = centre(side);
            let products = side.iter().map(|b| ((b.hours - x) * (b.value - y), (b.hours - x).powi(2)));
            products.fold((0.0, 0.0), |sum, p| (sum.0 + p.0, sum.1 + p.1))
        };
        let (xy, xx) = (sums(before).0 + sums(after).0, sums(before).1 + sums(after).1);
        let slope = if sloped && xx > 0.0 { xy / xx } else { 0.0 };
        let height = |side: &[Block]| centre(side).1 - slope * centre(side).0;
        let start = height(before);
        let jump = if after.is_empty() { 0.0 } else { height(after) - start };
        let mut fit = Self { split, slope, start, jump, error: 0.0 };
        fit.error = fit.residuals(blocks).iter().map(|r| r * r).sum();
        fit
    }

    fn residuals(&self, blocks: &[Block]) -> Vec<f64> {
        let jump = |i: usize| if self.split.is_some_and(|s| i >= s) { self.jump } else { 0.0 };
        let fitted = |i: usize, b: &Block| self.start + jump(i) + self.slope * b.hours;
        blocks.iter().enumerate().map(|(i, b)| b.value - fitted(i, b)).collect()
    }
}

/// The time of the change, to the sample: the best split in two means of the samples within a block of the block's start.
fn refined(blocks: &[Block], split: usize, times: &[Timestamp], values: &[f64]) -> Timestamp {
    let place = |block: usize| blocks.get(block).and_then(|b| times.iter().position(|t| *t == b.start));
    let (from, to) = (place(split - MIN_SIDE).unwrap_or(0), place(split + MIN_SIDE).unwrap_or(values.len()));
    let error = |part: &[f64]| {
        let centre = mean(part);
        part.iter().filter(|v| !v.is_nan()).map(|v| (v - centre).powi(2)).sum::<f64>()
    };
    let places = place(split - 1).unwrap_or(from)..=place(split + 1).unwrap_or(to - 1);
    let cost = |at: usize| error(&values[from..at]) + error(&values[at..to]);
    let best =
        places.filter(|at| !values[*at].is_nan()).map(|at| (cost(at), at)).reduce(|a, b| if b.0 < a.0 { b } else { a });
    best.map_or(blocks[split].start, |(_, at)| times[at])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 96 samples every 5 s, a wobble of ±1 that repeats after 5 samples.
    fn shape(movement: impl Fn(usize) -> f64) -> Shape {
        let times: Vec<Timestamp> = (0..96).map(|i| Timestamp::from_ms(i * 5000)).collect();
        let values: Vec<f64> = (0..96).map(|i| 100.0 + [0.0, 1.0, -1.0, 0.6, -0.6][i % 5] + movement(i)).collect();
        of_blocks(&blocks(&times, &values, &[0], times[0]), &times, &values, 1.0)
    }

    #[test]
    fn every_kind_of_movement_is_recognised() {
        assert_eq!(shape(|_| 0.0).kind, ShapeKind::Level);
        let drift = shape(|i| 0.5 * i as f64);
        assert_eq!(drift.kind, ShapeKind::Drift);
        let slope = drift.slope_per_hour.unwrap();
        assert!((slope - 0.5 * 720.0).abs() < 5.0, "half a unit every 5 s is 360 an hour: {slope}");
        let step = shape(|i| if i >= 37 { 30.0 } else { 0.0 });
        assert_eq!((step.kind, step.at), (ShapeKind::Step, Some(Timestamp::from_ms(185_000))));
        assert!((step.step.unwrap() - 30.0).abs() < 1.0);
        let both = shape(|i| 0.5 * i as f64 + if i >= 60 { -40.0 } else { 0.0 });
        assert_eq!(both.kind, ShapeKind::Both);
        assert!(both.step.unwrap() < -35.0 && both.slope_per_hour.unwrap() > 300.0, "{both:?}");
    }

    #[test]
    fn a_change_at_the_edge_of_few_blocks_is_unclear() {
        let times: Vec<Timestamp> = (0..7).map(|i| Timestamp::from_ms(i * 5000)).collect();
        let values = [1.0, 1.0, 1.0, 1.0, 9.0, 9.0, 9.0];
        assert_eq!(of_blocks(&blocks(&times, &values, &[0], times[0]), &times, &values, 0.1).kind, ShapeKind::Unclear);
    }

    #[test]
    fn blocks_skip_gaps_and_end_at_joints() {
        let times: Vec<Timestamp> = (0..60).map(|i| Timestamp::from_ms(i * 5000)).collect();
        let mut values = vec![1.0; 60];
        values[6..12].fill(f64::NAN);
        let made = blocks(&times, &values, &[0, 31], times[0]);
        // Blocks of 3: 11 up to the joint at 31, two of them unobserved, and 10 behind it.
        assert_eq!(made.len(), 9 + 10);
        assert_eq!(made[9].start, times[31]);
    }
}
