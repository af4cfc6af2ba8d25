//! Accuracy of rankings: AC@k and Avg@k, as in Pham et al., "Root Cause Analysis for Microservice Systems: How Far Are
//! We?", ASE 2024. One cause for each case, so AC@k is the share of cases whose cause is among the first k.

/// Accuracy over a set of cases.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Accuracy {
    /// Cause ranked first.
    pub ac1: f64,
    /// Cause among the first three.
    pub ac3: f64,
    /// Mean of AC@1 to AC@5.
    pub avg5: f64,
}

impl Accuracy {
    /// From the ranks of the true causes, 1 the best; `None` is a miss (not ranked, or no answer). No cases: all 0.
    pub fn of(ranks: &[Option<usize>]) -> Self {
        let at = |k: usize| {
            let hits = ranks.iter().filter(|r| r.is_some_and(|r| r <= k)).count();
            hits as f64 / ranks.len().max(1) as f64
        };
        Self { ac1: at(1), ac3: at(3), avg5: (1..=5).map(at).sum::<f64>() / 5.0 }
    }

    /// The mean over sets: each set counts once, however many cases it has.
    pub fn macro_mean(sets: &[Self]) -> Self {
        let mean = |f: fn(&Self) -> f64| sets.iter().map(f).sum::<f64>() / sets.len().max(1) as f64;
        Self { ac1: mean(|a| a.ac1), ac3: mean(|a| a.ac3), avg5: mean(|a| a.avg5) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ranks 1, 3, 6 and a miss: AC@1 1/4, AC@2 1/4, AC@3 2/4, AC@4 2/4, AC@5 2/4, so Avg@5 = 2/5.
    #[test]
    fn worked_by_hand() {
        let accuracy = Accuracy::of(&[Some(1), Some(3), Some(6), None]);
        assert_eq!(accuracy.ac1, 0.25);
        assert_eq!(accuracy.ac3, 0.5);
        assert!((accuracy.avg5 - 0.4).abs() < 1e-12);
        assert_eq!(Accuracy::of(&[]), Accuracy::default());
    }

    #[test]
    fn small_sets_weigh_as_much_as_large_ones() {
        let (all, none) = (Accuracy::of(&[Some(1)]), Accuracy::of(&[None; 99]));
        assert_eq!(Accuracy::macro_mean(&[all, none]).ac1, 0.5);
    }
}
