//! Measures how one series changed, before the smallest relevant spread is known: that depends on all series of the metric.
//!
//! So every series is read once. Several sums are accumulated in one pass, each in sample order, since every addition waits for the one before it;
//! if samples are missing, the present ones are counted too.

use super::views::Views;
use crate::stats::{Middle, RollingSums, Selection, mean, sd};

/// Widths of pulses, as shares of the incident's length.
const PULSE_SHARES: [f64; 3] = [1.0 / 8.0, 1.0 / 4.0, 1.0 / 2.0];

/// Buffers for measuring a change, reused for the next series.
#[derive(Debug, Default)]
pub(super) struct Workplace {
    pub(super) selection: Selection,
    sums: Vec<f64>,
    means: [Vec<f64>; PULSE_SHARES.len()],
}

/// Shifts between the windows, and the baseline spreads to divide them by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    mean_shift: f64,
    sd: f64,
    median_shift: f64,
    mad: f64,
    /// `NaN` for a width that is not measured.
    pulses: [Pulse; PULSE_SHARES.len()],
}

/// By how much the extreme rolling mean of the incident exceeds that of the baseline.
#[derive(Clone, Copy, Debug)]
struct Pulse {
    up: f64,
    down: f64,
    sd: f64,
}

impl Pulse {
    const NONE: Self = Self { up: f64::NAN, down: f64::NAN, sd: f64::NAN };
}

impl Shape {
    /// Compares the values of baseline (`middle` is theirs) and incident. O(n).
    pub(super) fn of(normal: &[f64], incident: &[f64], middle: Middle, place: &mut Workplace) -> Self {
        let centre = middle.median();
        let after = place.selection.median(incident.iter().copied());
        let mad = place.selection.mad(normal.iter().copied().filter(|v| !v.is_nan()), centre);
        let has_gaps = normal.iter().chain(incident).any(|v| v.is_nan());
        let (mean_shift, sd, pulses) = match has_gaps {
            true => with_gaps(normal, incident),
            false => without_gaps(normal, incident, place),
        };
        Self { mean_shift, sd, median_shift: after - centre, mad, pulses }
    }

    /// In spreads of the baseline, each at least `floor`.
    pub(super) fn views(&self, floor: f64) -> Views {
        let (mut up, mut down) = (f64::NEG_INFINITY, f64::NEG_INFINITY);
        for pulse in &self.pulses {
            let spread = pulse.sd.max(floor);
            up = up.max(pulse.up / spread);
            down = down.max(pulse.down / spread);
        }
        let or_zero = |v: f64| if v.is_finite() { v } else { 0.0 };
        Views {
            mean: self.mean_shift / self.sd.max(floor),
            median: self.median_shift / self.mad.max(floor),
            pulse_up: or_zero(up),
            pulse_down: or_zero(down),
        }
    }
}

/// The pulse widths to look for; 0 for none.
fn widths(normal: &[f64], incident: &[f64]) -> [usize; PULSE_SHARES.len()] {
    let mut widths = PULSE_SHARES.map(|s| ((incident.len() as f64 * s).round_ties_even() as usize).max(1));
    for k in (1..widths.len()).rev() {
        if widths[k] == widths[k - 1] {
            widths[k] = 0;
        }
    }
    widths.map(|width| if width < normal.len() { width } else { 0 })
}

type Measured = (f64, f64, [Pulse; PULSE_SHARES.len()]);

fn with_gaps(normal: &[f64], incident: &[f64]) -> Measured {
    let (normal_sums, incident_sums) = (RollingSums::new(normal), RollingSums::new(incident));
    let highest = |values: &[f64]| values.iter().copied().fold(f64::NAN, f64::max);
    let lowest = |values: &[f64]| values.iter().copied().fold(f64::NAN, f64::min);
    let pulse = |width: usize| {
        if width == 0 {
            return Pulse::NONE;
        }
        let (n, x) = (normal_sums.means(width), incident_sums.means(width));
        Pulse { up: highest(&x) - highest(&n), down: lowest(&n) - lowest(&x), sd: sd(&n) }
    };
    (mean(incident) - mean(normal), sd(normal), widths(normal, incident).map(pulse))
}

/// Like [`with_gaps`], with bit-identical results.
fn without_gaps(normal: &[f64], incident: &[f64], place: &mut Workplace) -> Measured {
    let widths = widths(normal, incident);
    let Workplace { sums, means, .. } = place;
    add_up(incident, sums);
    let mean_after = sums[incident.len()] / incident.len() as f64;
    let after = widths.map(|width| extremes_of_means(sums, width));
    add_up(normal, sums);
    let mean_before = sums[normal.len()] / normal.len() as f64;
    for (means, width) in means.iter_mut().zip(widths) {
        means.clear();
        if width > 0 {
            means.extend(sums.iter().zip(&sums[width..]).map(|(a, b)| (b - a) / width as f64));
        }
    }
    let [a, b, c] = &*means;
    let [sum_a, sum_b, sum_c] = sums_of([a, b, c]);
    let centres = [mean_before, sum_a / a.len() as f64, sum_b / b.len() as f64, sum_c / c.len() as f64];
    let squares = squares_of([normal, a, b, c], centres);
    let spread = |sum: f64, n: usize| (sum / n as f64).sqrt();
    let pulse = |k: usize| {
        if widths[k] == 0 {
            return Pulse::NONE;
        }
        let (low, high) = extremes(&means[k]);
        Pulse { up: after[k].1 - high, down: low - after[k].0, sd: spread(squares[k + 1], means[k].len()) }
    };
    (mean_after - mean_before, spread(squares[0], normal.len()), [0, 1, 2].map(pulse))
}

/// The sums of the first 0, 1, 2 … values.
fn add_up(values: &[f64], sums: &mut Vec<f64>) {
    sums.clear();
    sums.reserve(values.len() + 1);
    let mut sum = 0.0;
    sums.push(sum);
    sums.extend(values.iter().map(|v| {
        sum += v;
        sum
    }));
}

/// Three sums in one pass, each in order.
fn sums_of(columns: [&[f64]; 3]) -> [f64; 3] {
    let [a, b, c] = columns;
    let mut sums = [0.0; 3];
    for ((a, b), c) in a.iter().zip(b).zip(c) {
        sums[0] += a;
        sums[1] += b;
        sums[2] += c;
    }
    let shared = a.len().min(b.len()).min(c.len());
    for (sum, column) in sums.iter_mut().zip(columns) {
        column[shared..].iter().for_each(|v| *sum += v);
    }
    sums
}

/// Four sums of squared distances in one pass, each in order.
fn squares_of(columns: [&[f64]; 4], centres: [f64; 4]) -> [f64; 4] {
    let [a, b, c, d] = columns;
    let mut sums = [0.0; 4];
    for (((a, b), c), d) in a.iter().zip(b).zip(c).zip(d) {
        let apart = [a - centres[0], b - centres[1], c - centres[2], d - centres[3]];
        for k in 0..4 {
            sums[k] += apart[k] * apart[k];
        }
    }
    let shared = a.len().min(b.len()).min(c.len()).min(d.len());
    for ((sum, column), centre) in sums.iter_mut().zip(columns).zip(centres) {
        column[shared..].iter().for_each(|v| *sum += (v - centre) * (v - centre));
    }
    sums
}

/// The lowest and the highest mean of `width` neighbours. Dividing by the same number keeps the order, so only two are divided.
fn extremes_of_means(sums: &[f64], width: usize) -> (f64, f64) {
    if width == 0 || width >= sums.len() {
        return (f64::NAN, f64::NAN);
    }
    let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
    for (a, b) in sums.iter().zip(&sums[width..]) {
        let sum = b - a;
        low = if sum < low { sum } else { low };
        high = if sum > high { sum } else { high };
    }
    (low / width as f64, high / width as f64)
}

/// The lowest and the highest of some values.
fn extremes(values: &[f64]) -> (f64, f64) {
    const LANES: usize = 4;
    let (mut low, mut high) = ([f64::INFINITY; LANES], [f64::NEG_INFINITY; LANES]);
    let chunks = values.chunks_exact(LANES);
    for (k, v) in chunks.remainder().iter().enumerate() {
        (low[k], high[k]) = (*v, *v);
    }
    for chunk in chunks {
        for k in 0..LANES {
            low[k] = if chunk[k] < low[k] { chunk[k] } else { low[k] };
            high[k] = if chunk[k] > high[k] { chunk[k] } else { high[k] };
        }
    }
    (low.into_iter().fold(f64::INFINITY, f64::min), high.into_iter().fold(f64::NEG_INFINITY, f64::max))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Rng;

    #[test]
    fn the_short_way_and_the_way_around_gaps_agree_to_the_last_bit() {
        let mut random = Rng::new(3);
        let mut place = Workplace::default();
        for (n, m) in [(4, 2), (7, 3), (30, 10), (361, 119), (20, 60)] {
            let [normal, incident] = [n, m].map(|len| (0..len).map(|_| 1e3 * random.normal()).collect::<Vec<f64>>());
            let (a, b) = (with_gaps(&normal, &incident), without_gaps(&normal, &incident, &mut place));
            assert_eq!(format!("{a:?}"), format!("{b:?}"), "{n} {m}");
        }
    }
}
