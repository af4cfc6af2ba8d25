//! Draws blocks of samples with replacement, so that every share gets an interval.
//!
//! Blocks of neighbouring rows are drawn, since neighbouring samples are alike and single rows would make the interval too narrow (Künsch,
//! Annals of Statistics 1989). Baseline and incident are drawn independently.

use rayon::prelude::*;

use super::levels::{Counts, Levels, Measured};
use crate::random::Rng;

/// Number of resamples.
const DRAWS: usize = 100;

/// Applies `of` to the levels of every resample.
pub(super) fn draws<T: Send>(measured: &Measured, of: impl Fn(&Levels) -> T + Sync) -> Vec<T> {
    (0..DRAWS).into_par_iter().map(|i| of(&measured.levels(counts(measured.blocks(), i as u64)))).collect()
}

fn counts(blocks: [usize; 2], draw: u64) -> Counts {
    let mut rng = Rng::named(draw, "attribution");
    blocks.map(|n| {
        let mut counts = vec![0.0; n];
        (0..n).for_each(|_| counts[rng.below(n)] += 1.0);
        counts
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_draw_has_as_many_blocks_as_the_window() {
        let drawn: Vec<Counts> = (0..50).map(|i| counts([12, 5], i)).collect();
        assert!(drawn.iter().all(|c| c[0].iter().sum::<f64>() == 12.0 && c[1].iter().sum::<f64>() == 5.0));
        assert!(drawn.iter().any(|c| c[0].contains(&0.0)), "with replacement");
        assert_ne!(drawn[0], drawn[1]);
    }
}
