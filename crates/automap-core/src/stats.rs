//! The statistics that the analysis is built on: location and spread, ranks, tests, robust trends.
//!
//! `NaN` means "not observed" everywhere: it is skipped, never counted and never taken for a zero; a result that rests on no observation is
//! `NaN` or `None`. Values are checked against scipy and pymannkendall (see the tests of each file). Nothing here knows metrics or services.

mod false_discovery;
mod level;
mod mann_kendall;
mod mann_whitney;
mod middle;
mod moments;
mod normal_scores;
mod persistence;
mod rolling;
mod theil_sen;
mod trimmed_means;

pub use false_discovery::{false_discovery_rates, false_discovery_rates_among};
pub use level::Level;
pub use mann_kendall::{MannKendall, hamed_rao_inflation, mann_kendall};
pub use mann_whitney::{MannWhitney, mann_whitney};
pub(crate) use middle::{Middle, Selection, key, of_key};
pub use moments::{finite, mad, mean, median, median_of, quantile, sd};
pub use normal_scores::{average_ranks, normal_scores};
pub use persistence::{effective_samples, persistence};
pub use rolling::RollingSums;
pub use theil_sen::{TheilSen, theil_sen};
pub use trimmed_means::trimmed_means_p_value;

/// Signed logarithm `sign(x)·ln(1+|x|)`: keeps order and sign and turns a factor of ten into a step of about 2.3.
///
/// Evidence is compressed this way so that one gigantic shift does not outweigh several clear ones.
///
/// ```
/// use automap_core::stats::signed_log;
///
/// assert_eq!(signed_log(0.0), 0.0);
/// assert!((signed_log(9.0) - 10_f64.ln()).abs() < 1e-12);
/// assert_eq!(signed_log(-9.0), -signed_log(9.0));
/// ```
pub fn signed_log(x: f64) -> f64 {
    x.signum() * x.abs().ln_1p()
}

/// Logistic step from 0 to 1 around `centre`: 0.5 there, 0.1 and 0.9 at a distance of 2.2 · `softness`.
pub fn soft_step(x: f64, centre: f64, softness: f64) -> f64 {
    1.0 / (1.0 + (-(x - centre) / softness).exp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signed_log_is_odd_and_keeps_zero() {
        assert_eq!(signed_log(0.0), 0.0);
        assert_eq!(signed_log(-3.0), -signed_log(3.0));
        assert!((signed_log(9.0) - 10f64.ln()).abs() < 1e-12);
    }

    #[test]
    fn soft_step_is_half_at_its_centre() {
        assert_eq!(soft_step(2.5, 2.5, 0.4), 0.5);
        assert!(soft_step(9.0, 2.5, 0.4) > 0.999 && soft_step(0.0, 2.5, 0.4) < 0.01);
    }
}
