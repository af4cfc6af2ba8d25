//! Decides whether two stretches are pulses of one incident: the same metrics move in the same proportions.
//!
//! User-visible symptoms are similar in many incidents, so all metrics of all services are compared: each stretch is a vector of compressed
//! deviations, and two stretches belong together if the angle between their vectors is small.
//!
//! Worked example: in one stretch `user` is slow by 20 spreads and nothing else moves, in the next `carts` is. The vectors share no entry, their cosine is
//! 0, and they are two incidents. If `user` is slow by 20 and then by 30 spreads, the cosine is 1.

use std::ops::Range;

use rayon::prelude::*;

use crate::anomaly::practical_floor;
use crate::frame::{MetricFrame, Series};
use crate::metric::{Family, Side};
use crate::stats::Selection;

/// Pulses this far apart are different incidents, however alike: ten minutes.
const LONGEST_PAUSE_MS: i64 = 600_000;
/// Cosine from which two stretches are alike.
const ALIKE: f64 = 0.75;
/// Deviations below this many spreads are noise.
const NOISE_SPREADS: f64 = 4.0;
/// Smallest spread as a share of the level.
const RELATIVE_FLOOR: f64 = 0.05;

/// Stretches of one incident.
struct Incident {
    /// What moved in its first pulse; `None` until a second stretch is near.
    signature: Option<Vec<f64>>,
    pulses: Vec<Range<usize>>,
}

/// Groups stretches into incidents, each with its pulses in order. O(series × rows + stretches × series).
pub(super) fn incidents(frame: &MetricFrame, stretches: Vec<Range<usize>>, normal: &[usize]) -> Vec<Vec<Range<usize>>> {
    let times = frame.times();
    let signature = |rows: &Range<usize>| -> Vec<f64> {
        let of = |selection: &mut Selection, s: &Series| moved(s, rows, normal, selection);
        frame.series().par_iter().map_init(Selection::default, of).collect()
    };
    // Signatures are computed only if another stretch is near, and once per stretch.
    let mut found: Vec<Incident> = Vec::new();
    for rows in stretches {
        let past = found.last().and_then(|incident| incident.pulses.last()).map_or(0, |p| p.end).min(times.len() - 1);
        let is_near = times[rows.start].ms() - times[past].ms() <= LONGEST_PAUSE_MS;
        let Some(Incident { signature: old, pulses }) = found.last_mut().filter(|_| is_near) else {
            found.push(Incident { signature: None, pulses: vec![rows] });
            continue;
        };
        let new = signature(&rows);
        if cosine(old.get_or_insert_with(|| signature(&pulses[0])), &new) >= ALIKE {
            pulses.push(rows);
        } else {
            found.push(Incident { signature: Some(new), pulses: vec![rows] });
        }
    }
    found.into_iter().map(|incident| incident.pulses).collect()
}

/// How far a series moved, in compressed spreads beyond noise, with its sign. Load is left out: it moves with every incident.
fn moved(series: &Series, rows: &Range<usize>, normal: &[usize], selection: &mut Selection) -> f64 {
    let is_load = matches!(series.metric.family, Family::Throughput | Family::Network | Family::Syscall | Family::Disk);
    if !matches!(series.metric.side, Side::Own | Side::Client) || is_load {
        return 0.0;
    }
    let before = || normal.iter().map(|&i| series.values[i]).filter(|v| !v.is_nan());
    let centre = selection.median(before());
    let now = selection.median(series.values[rows.clone()].iter().copied());
    let spread =
        selection.mad(before(), centre).max(RELATIVE_FLOOR * centre.abs()).max(practical_floor(series.metric.unit));
    let spreads = (now - centre) / spread;
    match spreads.is_finite() {
        true => spreads.signum() * (spreads.abs().ln_1p() - NOISE_SPREADS.ln_1p()).max(0.0),
        false => 0.0,
    }
}

fn cosine(a: &[f64], b: &[f64]) -> f64 {
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>();
    let sizes = (dot(a, a) * dot(b, b)).sqrt();
    if sizes > 0.0 { dot(a, b) / sizes } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alike_is_a_matter_of_proportions() {
        assert_eq!(cosine(&[1.0, 0.0], &[0.0, 2.0]), 0.0);
        assert!((cosine(&[1.0, 2.0], &[2.0, 4.0]) - 1.0).abs() < 1e-12);
        assert_eq!(cosine(&[0.0, 0.0], &[1.0, 1.0]), 0.0, "nothing moved");
    }
}
