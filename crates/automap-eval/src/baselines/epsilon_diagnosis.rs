//! ε-Diagnosis (Shan et al., WWW 2019), repaired: rank metrics by how much their distribution differs between baseline and incident.
//!
//! The paper applies a two-sample test based on energy statistics to every metric. The code that benchmarks run (PyRCA) computes a covariance
//! between two windows that are unrelated in time, pairs its thresholds with bootstrap replicates instead of columns, and reports at most
//! three metrics, so that it scores near zero. This file implements the test that the paper describes: energy distance with a permutation
//! test (Székely & Rizzo, 2004), ranked by p-value. Many metrics share the smallest possible p-value; among them the normalised statistic
//! decides (0: same distribution, 1: no overlap).
//!
//! A weakness of the method is kept: samples are treated as independent.

use super::common::{BaselineInput, BaselineScores, candidates, windows};
use automap_core::random::Rng;

/// Number of permutations. The smallest possible p-value is 1/200.
const PERMUTATIONS: usize = 199;

pub(super) fn score(input: &BaselineInput) -> BaselineScores {
    let scored = candidates(input.frame).filter_map(|(i, series)| {
        let (normal, incident) = windows(series, input.rows)?;
        let test = Test::new(&normal, &incident);
        let mut random = Rng::named(input.seed, &i.to_string());
        // P-values are multiples of 1/200 and the statistic is at most 1, so the sum orders by p-value first, then by statistic.
        Some((series, -test.p_value(&mut random) + test.statistic() / (2 * (PERMUTATIONS + 1)) as f64))
    });
    BaselineScores::of_series(input.frame, scored)
}

/// Both samples pooled and sorted, with a flag for values of the incident.
struct Test {
    /// Distance to the next value.
    gaps: Vec<f64>,
    is_incident: Vec<bool>,
    incident: usize,
}

impl Test {
    fn new(normal: &[f64], incident: &[f64]) -> Self {
        let tagged = normal.iter().map(|v| (*v, false)).chain(incident.iter().map(|v| (*v, true)));
        let mut pooled: Vec<(f64, bool)> = tagged.collect();
        pooled.sort_by(|a, b| a.0.total_cmp(&b.0));
        let gaps = pooled.windows(2).map(|w| w[1].0 - w[0].0).collect();
        Self { gaps, is_incident: pooled.into_iter().map(|(_, is)| is).collect(), incident: incident.len() }
    }

    /// Energy distance `2E|X−Y| − E|X−X'| − E|Y−Y'|`, in one dimension `2∫(F−G)²`, and `2E|X−Y|`, which is `2∫(F(1−G) + G(1−F))`.
    fn energy(&self, is_incident: &[bool]) -> (f64, f64) {
        let (n, m) = ((is_incident.len() - self.incident) as f64, self.incident as f64);
        let (mut normal, mut incident) = (0.0, 0.0);
        let (mut distance, mut between) = (0.0, 0.0);
        for (gap, is) in self.gaps.iter().zip(is_incident) {
            if *is {
                incident += 1.0
            } else {
                normal += 1.0
            }
            let (f, g) = (normal / n, incident / m);
            distance += 2.0 * (f - g) * (f - g) * gap;
            between += 2.0 * (f * (1.0 - g) + g * (1.0 - f)) * gap;
        }
        (distance, between)
    }

    /// The energy distance as a share of its largest possible value, 0 to 1.
    fn statistic(&self) -> f64 {
        let (distance, between) = self.energy(&self.is_incident);
        if between > 0.0 { distance / between } else { 0.0 }
    }

    fn p_value(&self, random: &mut Rng) -> f64 {
        let (observed, _) = self.energy(&self.is_incident);
        let mut labels = self.is_incident.clone();
        // Values equal up to rounding count as equally extreme.
        let as_extreme = (0..PERMUTATIONS).filter(|_| {
            random.shuffle(&mut labels);
            self.energy(&labels).0 >= observed * (1.0 - 1e-12)
        });
        (1 + as_extreme.count()) as f64 / (PERMUTATIONS + 1) as f64
    }
}

#[cfg(test)]
mod tests {
    use automap_core::topology::CallGraph;

    use super::super::{Baseline, test_frames};
    use super::*;

    /// {0, 1} against {2, 4}: E|X−Y| = (2 + 4 + 1 + 3)/4 = 2.5, E|X−X'| = ½, E|Y−Y'| = 1; distance 5 − ½ − 1 = 3.5, share 3.5/5.
    #[test]
    fn energy_distance_worked_by_hand() {
        let test = Test::new(&[0.0, 1.0], &[2.0, 4.0]);
        assert_eq!(test.energy(&test.is_incident), (3.5, 5.0));
        assert_eq!(test.statistic(), 0.7);
        // Of the six ways to choose two of four, {0, 1} and {2, 4} are equally extreme: p near 1/3.
        let p = test.p_value(&mut Rng::new(1));
        assert!((p - 1.0 / 3.0).abs() < 0.12, "{p}");
    }

    #[test]
    fn a_shift_ranks_before_noise_and_a_constant_series_last() {
        let wave: Vec<f64> = (0..40).map(|i| f64::from((i * 7) % 11)).collect();
        let shifted = wave.iter().enumerate().map(|(i, v)| if i < 30 { *v } else { v - 30.0 }).collect();
        let frame =
            test_frames::frame(&[("noise", "cpu", wave), ("fell", "cpu", shifted), ("still", "cpu", vec![2.0; 40])]);
        let scores = test_frames::score(Baseline::EpsilonDiagnosis, &frame, 30, &CallGraph::new());
        assert!(scores.services["fell"] > scores.services["noise"], "{scores:?}");
        assert_eq!(scores.services["still"], -1.0);
    }
}
