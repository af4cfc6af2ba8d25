//! Calibration of confidences: is an answer with a confidence of 0.8 right in four of five cases?
//!
//! [`reliability`] groups answers by confidence, [`calibration_error`] condenses the groups into one number, and [`risk_coverage`] shows how
//! accurate the most confident answers are.
//!
//! # Example
//!
//! Four answers. Those around 0.97 are both right; of the two at 0.5 one is right. The first group is off by 0.025, the second by nothing:
//!
//! ```
//! use automap_eval::score::calibration::{Prediction, calibration_error, reliability};
//!
//! let answer = |confidence, is_right| Prediction { confidence, is_right };
//! let bins = reliability(&[answer(1.0, true), answer(0.95, true), answer(0.5, true), answer(0.5, false)]);
//! let top = bins.last().unwrap();
//! assert_eq!((top.cases, top.confidence, top.right), (2, Some(0.975), Some(1.0)));
//! assert!((calibration_error(&bins).unwrap() - 0.0125).abs() < 1e-12); // (2 · 0.025 + 2 · 0) / 4
//! ```

use serde::Serialize;

/// Upper ends of the confidence bins.
const BINS: [f64; 6] = [0.2, 0.4, 0.6, 0.8, 0.9, 1.0];
/// Shares of the cases shown by the risk–coverage curve, the most confident answers first.
const COVERAGES: [f64; 4] = [0.25, 0.5, 0.75, 1.0];

/// One answer: its confidence, and whether it was right.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prediction {
    /// Confidence in the first service, 0 to 1; 0 without an answer.
    pub confidence: f64,
    /// Whether the first service was a true cause.
    pub is_right: bool,
}

/// The answers whose confidence lies in one range.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ReliabilityBin {
    /// Lower end of the range.
    pub from: f64,
    /// Upper end of the range, not included, except that the last bin includes 1.
    pub to: f64,
    /// Number of answers.
    pub cases: usize,
    /// Mean confidence; `None` for an empty bin.
    pub confidence: Option<f64>,
    /// Share of right answers; `None` for an empty bin.
    pub right: Option<f64>,
}

/// Accuracy of the most confident answers: one point of the risk–coverage curve.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CoveragePoint {
    /// Share of the cases taken, the most confident first.
    pub coverage: f64,
    /// Number of answers taken.
    pub cases: usize,
    /// The lowest confidence among them.
    pub confidence_from: f64,
    /// Share of right answers among them.
    pub ac1: f64,
}

/// Groups answers by confidence. Always returns all bins, from low to high.
pub fn reliability(predictions: &[Prediction]) -> Vec<ReliabilityBin> {
    let mut from = 0.0;
    let mut bins = Vec::with_capacity(BINS.len());
    for to in BINS {
        let inside = |t: &&Prediction| t.confidence >= from && (t.confidence < to || to >= 1.0);
        let here: Vec<&Prediction> = predictions.iter().filter(inside).collect();
        let mean = |f: &dyn Fn(&Prediction) -> f64| {
            (!here.is_empty()).then(|| here.iter().map(|t| f(t)).sum::<f64>() / here.len() as f64)
        };
        let right = mean(&|t| f64::from(u8::from(t.is_right)));
        bins.push(ReliabilityBin { from, to, cases: here.len(), confidence: mean(&|t| t.confidence), right });
        from = to;
    }
    bins
}

/// Expected calibration error (Naeini et al., AAAI 2015): the difference between mean confidence and share of right answers in each
/// bin, averaged with the number of answers as weight. 0 is perfect, 1 the worst. `None` without answers.
pub fn calibration_error(bins: &[ReliabilityBin]) -> Option<f64> {
    let cases: usize = bins.iter().map(|b| b.cases).sum();
    let apart = bins.iter().filter_map(|b| Some(b.cases as f64 * (b.confidence? - b.right?).abs()));
    (cases > 0).then(|| apart.sum::<f64>() / cases as f64)
}

/// The risk–coverage curve at 25, 50, 75 and 100 %: the accuracy if only the most confident answers are taken. Answers of equal
/// confidence keep their order. Empty without answers.
pub fn risk_coverage(predictions: &[Prediction]) -> Vec<CoveragePoint> {
    let mut most_confident = predictions.to_vec();
    most_confident.sort_by(|a, b| b.confidence.total_cmp(&a.confidence));
    let covered = |coverage: f64| {
        let answered = &most_confident[..(coverage * most_confident.len() as f64).round() as usize];
        let right = answered.iter().filter(|t| t.is_right).count();
        Some(CoveragePoint {
            coverage,
            cases: answered.len(),
            confidence_from: answered.last()?.confidence,
            ac1: right as f64 / answered.len() as f64,
        })
    };
    COVERAGES.into_iter().filter_map(covered).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn predictions(all: &[(f64, bool)]) -> Vec<Prediction> {
        all.iter().map(|&(confidence, is_right)| Prediction { confidence, is_right }).collect()
    }

    /// 0.95 and 1.0 right, 0.5 once right and once wrong: the bin 0.9–1 has mean confidence 0.975 and is always right, the bin 0.4–0.6
    /// has 0.5 and is right in half. Off by 0.025 in two of four cases: 0.0125.
    #[test]
    fn bins_worked_by_hand() {
        let bins = reliability(&predictions(&[(1.0, true), (0.5, true), (0.95, true), (0.5, false)]));
        assert_eq!(bins.iter().map(|b| b.cases).collect::<Vec<_>>(), [0, 0, 2, 0, 0, 2]);
        assert_eq!((bins[2].confidence, bins[2].right), (Some(0.5), Some(0.5)));
        assert_eq!((bins[5].right, bins[0].right), (Some(1.0), None));
        assert!((calibration_error(&bins).unwrap() - 0.0125).abs() < 1e-12);
        assert_eq!(calibration_error(&reliability(&[])), None);
    }

    #[test]
    fn the_most_confident_answers_are_covered_first() {
        let curve = risk_coverage(&predictions(&[(0.1, false), (0.9, true), (0.5, false), (0.7, true)]));
        let points: Vec<(usize, f64, f64)> = curve.iter().map(|c| (c.cases, c.confidence_from, c.ac1)).collect();
        assert_eq!(points, [(1, 0.9, 1.0), (2, 0.7, 1.0), (3, 0.5, 2.0 / 3.0), (4, 0.1, 0.5)]);
        assert!(risk_coverage(&[]).is_empty());
    }
}
