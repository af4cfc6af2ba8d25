//! Is a confidence of 0.8 right in four of five? And how accurate are the answers that are the surest?

use serde::Serialize;

/// Upper ends of the bins of confidence.
const BINS: [f64; 6] = [0.2, 0.4, 0.6, 0.8, 0.9, 1.0];
/// Shares of the cases that are answered, the surest first.
const COVERAGES: [f64; 4] = [0.25, 0.5, 0.75, 1.0];

/// One answer: how sure it was of its first service, 0 to 1, and whether that was right.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Told {
    /// Confidence; 0 where there was no answer.
    pub confidence: f64,
    /// Whether the first service was a true cause.
    pub is_right: bool,
}

/// The answers of one bin of confidence.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Bin {
    /// Confidence from here.
    pub from: f64,
    /// Confidence below here; the last bin holds 1 too.
    pub to: f64,
    /// Answers.
    pub cases: usize,
    /// Mean confidence; `None` for an empty bin.
    pub confidence: Option<f64>,
    /// Share of right answers; `None` for an empty bin.
    pub right: Option<f64>,
}

/// Accuracy of the surest answers.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Covered {
    /// Share of the cases that are answered.
    pub coverage: f64,
    /// Answers.
    pub cases: usize,
    /// The least sure of them.
    pub confidence_from: f64,
    /// Share of right ones.
    pub ac1: f64,
}

/// The reliability table.
pub fn reliability(told: &[Told]) -> Vec<Bin> {
    let mut from = 0.0;
    let mut bins = Vec::with_capacity(BINS.len());
    for to in BINS {
        let inside = |t: &&Told| t.confidence >= from && (t.confidence < to || to >= 1.0);
        let here: Vec<&Told> = told.iter().filter(inside).collect();
        let mean = |f: &dyn Fn(&Told) -> f64| {
            (!here.is_empty()).then(|| here.iter().map(|t| f(t)).sum::<f64>() / here.len() as f64)
        };
        let right = mean(&|t| f64::from(u8::from(t.is_right)));
        bins.push(Bin { from, to, cases: here.len(), confidence: mean(&|t| t.confidence), right });
        from = to;
    }
    bins
}

/// Expected calibration error (Naeini et al., AAAI 2015): how far confidence and share of right answers are apart, over the bins by
/// their cases. 0 is perfect. `None` without answers.
pub fn calibration_error(bins: &[Bin]) -> Option<f64> {
    let cases: usize = bins.iter().map(|b| b.cases).sum();
    let apart = bins.iter().filter_map(|b| Some(b.cases as f64 * (b.confidence? - b.right?).abs()));
    (cases > 0).then(|| apart.sum::<f64>() / cases as f64)
}

/// The risk–coverage curve at a few points: the surest answers first, equally sure ones in the order given.
pub fn risk_coverage(told: &[Told]) -> Vec<Covered> {
    let mut surest = told.to_vec();
    surest.sort_by(|a, b| b.confidence.total_cmp(&a.confidence));
    let covered = |coverage: f64| {
        let answered = &surest[..(coverage * surest.len() as f64).round() as usize];
        let right = answered.iter().filter(|t| t.is_right).count();
        Some(Covered {
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

    fn told(all: &[(f64, bool)]) -> Vec<Told> {
        all.iter().map(|&(confidence, is_right)| Told { confidence, is_right }).collect()
    }

    /// .95 and 1.0 right, .5 right and .5 wrong: bin .9–1 is .975 sure and all right, bin .4–.6 is .5 sure and half right. Apart by
    /// .025 over two of four cases: .0125.
    #[test]
    fn bins_by_hand() {
        let bins = reliability(&told(&[(1.0, true), (0.5, true), (0.95, true), (0.5, false)]));
        assert_eq!(bins.iter().map(|b| b.cases).collect::<Vec<_>>(), [0, 0, 2, 0, 0, 2]);
        assert_eq!((bins[2].confidence, bins[2].right), (Some(0.5), Some(0.5)));
        assert_eq!((bins[5].right, bins[0].right), (Some(1.0), None));
        assert!((calibration_error(&bins).unwrap() - 0.0125).abs() < 1e-12);
        assert_eq!(calibration_error(&reliability(&[])), None);
    }

    #[test]
    fn the_surest_are_covered_first() {
        let curve = risk_coverage(&told(&[(0.1, false), (0.9, true), (0.5, false), (0.7, true)]));
        let points: Vec<(usize, f64, f64)> = curve.iter().map(|c| (c.cases, c.confidence_from, c.ac1)).collect();
        assert_eq!(points, [(1, 0.9, 1.0), (2, 0.7, 1.0), (3, 0.5, 2.0 / 3.0), (4, 0.1, 0.5)]);
        assert!(risk_coverage(&[]).is_empty());
    }
}
