//! A share of a count with its interval, for scorecards and for `automap eval`. Intervals of means, which need resampling, are elsewhere.

use serde::Serialize;

/// A number out of a total, with the interval to expect from other faults of the kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Share {
    /// The number.
    pub hits: usize,
    /// The total.
    pub of: usize,
    /// `hits / of`; `null` if `of` is 0.
    pub share: Option<f64>,
    /// Lower end of Wilson's 95 % score interval (Wilson 1927); 0 if `of` is 0.
    pub low: f64,
    /// Its upper end; 1 if `of` is 0.
    pub high: f64,
}

impl Share {
    /// Computes the share. The interval is also valid for small numbers and extreme shares, unlike the normal approximation.
    pub fn of(hits: usize, of: usize) -> Self {
        /// 97.5 % of a normal distribution lie below.
        const Z: f64 = 1.959_963_985;
        if of == 0 {
            return Self { hits: 0, of: 0, share: None, low: 0.0, high: 1.0 };
        }
        let (n, p) = (of as f64, hits as f64 / of as f64);
        let (z2, scale) = (Z * Z, 1.0 / (1.0 + Z * Z / n));
        let centre = scale * (p + z2 / (2.0 * n));
        let half = scale * Z * (p * (1.0 - p) / n + z2 / (4.0 * n * n)).sqrt();
        Self { hits, of, share: Some(p), low: (centre - half).max(0.0), high: (centre + half).min(1.0) }
    }

    /// `12 of 14 (95 %: 0.60–0.96)`; without questions no interval.
    pub fn words(&self) -> String {
        match self.share {
            None => "0 of 0".to_owned(),
            Some(_) => format!("{} of {} (95 %: {:.2}–{:.2})", self.hits, self.of, self.low, self.high),
        }
    }
}
