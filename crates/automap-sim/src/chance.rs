//! Random variables that the project's generator does not provide.

use automap_core::random::Rng;

/// Log-normal with this **mean**: heavy-tailed, like the work of requests. With `sigma` 1, the 99th percentile is six means.
pub(crate) fn lognormal(rng: &mut Rng, mean: f64, sigma: f64) -> f64 {
    mean * (sigma * rng.normal() - 0.5 * sigma * sigma).exp()
}

/// Uniform in [from, to).
pub(crate) fn between(rng: &mut Rng, from: f64, to: f64) -> f64 {
    from + (to - from) * rng.unit()
}

/// Whether an event of this probability happens.
pub(crate) fn happens(rng: &mut Rng, probability: f64) -> bool {
    rng.unit() < probability
}

/// An index, with a probability proportional to its weight; `None` if no weight is above zero.
pub(crate) fn weighted(rng: &mut Rng, weights: &[f64]) -> Option<usize> {
    let total: f64 = weights.iter().sum();
    if total <= 0.0 {
        return None;
    }
    let mut left = rng.unit() * total;
    let hit = weights.iter().position(|w| {
        left -= w;
        left < 0.0
    });
    hit.or(weights.iter().rposition(|w| *w > 0.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mean(n: usize, mut draw: impl FnMut() -> f64) -> f64 {
        (0..n).map(|_| draw()).sum::<f64>() / n as f64
    }

    #[test]
    fn the_mean_is_the_one_that_was_asked_for() {
        let mut rng = Rng::new(1);
        assert!((mean(200_000, || lognormal(&mut rng, 5.0, 0.8)) - 5.0).abs() < 0.1);
    }

    #[test]
    fn a_weight_of_zero_is_never_drawn() {
        let mut rng = Rng::new(2);
        for _ in 0..1000 {
            assert_eq!(weighted(&mut rng, &[0.0, 2.0, 0.0]), Some(1));
        }
        assert_eq!(weighted(&mut rng, &[0.0, 0.0]), None);
    }
}
