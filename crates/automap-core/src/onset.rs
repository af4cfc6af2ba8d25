//! When it began: for the whole system, and for one series.

mod interval;

pub use interval::{LEVEL, LOOK_BACK_STEPS, OnsetRows, interval_of_series};

use crate::frame::{MetricFrame, Series};
use crate::metric::{Family, Side};
use crate::stats::{mad, median, signed_log};

/// Candidates closer to the ends than this have too few samples on one side.
const MIN_BEFORE: usize = 6;
const MIN_AFTER: usize = 2;
/// Load changes all day: it has a small say in when an incident began.
const LOAD_VOTE: f64 = 0.3;
/// Added to every variance, so that a constant series does not outvote the rest.
const VARIANCE_FLOOR: f64 = 0.05;
/// Movements below this many usual steps stay linear, larger ones are compressed.
const LINEAR_STEPS: f64 = 3.0;
/// Log-likelihood that a split gains in noise: rates over overlapping windows are autocorrelated. A series has a say only
/// with what it gains beyond, or a hundred quiet series would outvote the few that broke.
const NOISE_GAIN: f64 = 16.0;

/// The row at which the system changed, `None` when nothing did.
///
/// Every series is scaled by its own movement from one sample to the next (which a level shift barely touches) and
/// compressed; every candidate row gets the log-likelihood that two levels and spreads describe the series better than
/// one; what lies beyond noise is added up over all series, and the largest sum wins. O(series × samples).
pub fn detect(frame: &MetricFrame) -> Option<usize> {
    let n = frame.times().len();
    let first = MIN_BEFORE.max(n / 10);
    let candidates = first..n.saturating_sub(MIN_AFTER - 1);
    let gains: Vec<Vec<f64>> = frame.series().iter().filter_map(|s| gains(s, candidates.clone())).collect();
    let total = |k: usize| -> f64 { gains.iter().map(|g| g[k]).sum() };
    let best = (0..candidates.len()).map(|k| (k, total(k))).max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0)))?;
    (best.1 > 0.0).then(|| first + best.0)
}

/// What one series gains by a split at every candidate.
fn gains(series: &Series, candidates: std::ops::Range<usize>) -> Option<Vec<f64>> {
    if matches!(series.metric.side, Side::Outside | Side::Served) || candidates.is_empty() {
        return None;
    }
    let weight = match series.metric.family {
        Family::Throughput | Family::Network | Family::Syscall => LOAD_VOTE,
        _ => 1.0,
    };
    let scaled = scaled(series)?;
    let mut before = Running::default();
    let mut after = Running::default();
    scaled.iter().for_each(|v| after.add(*v, 1.0));
    let whole = after.cost();
    let mut out = Vec::with_capacity(candidates.len());
    for (i, v) in scaled.iter().enumerate() {
        if candidates.contains(&i) {
            let enough = before.n >= MIN_BEFORE as f64 && after.n >= MIN_AFTER as f64;
            let gain = 0.5 * (whole - before.cost() - after.cost()) - NOISE_GAIN;
            out.push(if enough { weight * gain.max(0.0) } else { 0.0 });
        }
        before.add(*v, 1.0);
        after.add(*v, -1.0);
    }
    Some(out)
}

/// In units of the usual movement from one sample to the next, compressed; latencies on a log scale.
fn scaled(series: &Series) -> Option<Vec<f64>> {
    let is_log = series.metric.family == Family::Latency;
    let log = |v: f64| if v.is_nan() { v } else { (v.max(0.0) + 1e-9).ln() };
    let values: Vec<f64> = series.values.iter().map(|v| if is_log { log(*v) } else { *v }).collect();
    let centre = median(&values);
    if centre.is_nan() {
        return None;
    }
    let steps: Vec<f64> = values.windows(2).map(|w| (w[1] - w[0]).abs()).collect();
    let floor = if is_log { 0.02 } else { (0.02 * centre.abs()).max(1e-12) };
    let scale = (median(&steps) / 0.954).max(floor);
    Some(values.iter().map(|v| signed_log((v - centre) / (LINEAR_STEPS * scale))).collect())
}

/// Sums for mean and spread; gaps are skipped.
#[derive(Default)]
struct Running {
    n: f64,
    sum: f64,
    squares: f64,
}

impl Running {
    fn add(&mut self, value: f64, sign: f64) {
        if !value.is_nan() {
            self.n += sign;
            self.sum += sign * value;
            self.squares += sign * value * value;
        }
    }

    /// `n·ln(variance)`: twice the negative log-likelihood of a normal distribution, up to a constant.
    fn cost(&self) -> f64 {
        let mean = self.sum / self.n.max(1.0);
        let variance = (self.squares / self.n.max(1.0) - mean * mean).max(0.0);
        self.n * (variance + VARIANCE_FLOOR).ln()
    }
}

/// The first row from `from` on at which a series leaves its normal band for two samples in a row.
///
/// The band is `baseline median ± 4 floored spreads`. Evidence to show, not to rank by: with a few samples noise decides who
/// was first. `None` when the series never leaves the band that long.
pub fn of_series(values: &[f64], baseline: &[usize], from: usize, floor: f64) -> Option<usize> {
    const SPREADS: f64 = 4.0;
    let normal: Vec<f64> = baseline.iter().map(|&i| values[i]).collect();
    let centre = median(&normal);
    let band = SPREADS * mad(&normal, centre).max(floor);
    let outside = |v: f64| (v - centre).abs() > band;
    (from..values.len().saturating_sub(1)).find(|&i| outside(values[i]) && outside(values[i + 1]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{RawSeries, assemble};
    use crate::time::Timestamp;

    fn frame(change_at: Option<usize>) -> MetricFrame {
        let times: Vec<_> = (0..100).map(|i| Timestamp::from_ms(i * 5000)).collect();
        let series = |s: usize| RawSeries {
            service: format!("s{s}"),
            metric: "latency_ms".into(),
            peer: None,
            points: times
                .iter()
                .enumerate()
                .map(|(i, t)| {
                    let wobble = ((i * 7919 + s * 104_729) % 101) as f64 / 101.0;
                    let fault = if s == 0 && change_at.is_some_and(|c| i >= c) { 8.0 } else { 1.0 };
                    (*t, 10.0 * fault * (1.0 + 0.2 * wobble))
                })
                .collect(),
        };
        assemble((0..4).map(series).collect(), times).unwrap().0
    }

    #[test]
    fn the_change_is_found_where_it_is() {
        for at in [20, 60, 95] {
            assert_eq!(detect(&frame(Some(at))), Some(at));
        }
    }

    #[test]
    fn noise_is_no_onset() {
        assert_eq!(detect(&frame(None)), None);
    }

    #[test]
    fn a_single_spike_is_no_onset_of_a_series() {
        let mut values = vec![1.0; 30];
        values[12] = 9.0;
        values[20..].fill(9.0);
        let baseline: Vec<usize> = (0..10).collect();
        assert_eq!(of_series(&values, &baseline, 10, 0.1), Some(20));
    }
}
