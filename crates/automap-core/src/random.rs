//! The project's only random number generator: small, seeded, the same stream on every machine.
//!
//! Used for the Monte-Carlo walk, resampling, jitter and the lab's faults, which must all be repeatable: the seed determines a
//! run completely. The algorithm is SplitMix64 (Steele, Lea and Flood, OOPSLA 2014), for which every seed is
//! good. It is not cryptographic: never use it for tokens or keys.

/// A stream of random numbers.
///
/// ```
/// use automap_core::random::Rng;
///
/// let mut rng = Rng::new(1_234_567);
/// assert_eq!(rng.bits(), 6_457_827_717_110_365_317, "as published with the reference implementation");
/// assert!((0.0..1.0).contains(&rng.unit()));
/// // Components of one run draw from streams of their own.
/// assert_ne!(Rng::named(7, "user").bits(), Rng::named(7, "user-db").bits());
/// ```
#[derive(Clone, Debug)]
pub struct Rng(u64);

impl Rng {
    /// Starts the stream of one seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Starts the stream of a named component. Components that share a seed do not draw the same numbers.
    pub fn named(seed: u64, name: &str) -> Self {
        const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
        const FNV_PRIME: u64 = 0x0000_0100_0000_01b3;
        let hash = name.bytes().fold(FNV_OFFSET, |h, b| (h ^ u64::from(b)).wrapping_mul(FNV_PRIME));
        Self(seed ^ hash)
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Uniform in [0, 1).
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Uniform in 0..n; 0 for n = 0. The bias of the multiplication is below n / 2⁵³.
    pub fn below(&mut self, n: usize) -> usize {
        (self.unit() * n as f64) as usize
    }

    /// Shuffles in place (Fisher and Yates); every order is equally likely.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            items.swap(i, self.below(i + 1));
        }
    }

    /// Returns true with a probability of `percent` / 100.
    pub fn percent(&mut self, percent: f64) -> bool {
        self.unit() * 100.0 < percent
    }

    /// Exponentially distributed with this mean, such as the time between independent arrivals.
    pub fn exponential(&mut self, mean: f64) -> f64 {
        -mean * (1.0 - self.unit()).ln()
    }

    /// Standard normal, mean 0 and standard deviation 1 (Box and Muller 1958). Takes two numbers of the stream.
    pub fn normal(&mut self) -> f64 {
        let (radius, angle) = (1.0 - self.unit(), self.unit());
        (-2.0 * radius.ln()).sqrt() * (std::f64::consts::TAU * angle).cos()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stream_is_splitmix64() {
        // First outputs for seed 1234567, as published with the reference implementation.
        let mut rng = Rng::new(1_234_567);
        assert_eq!([rng.bits(), rng.bits()], [6_457_827_717_110_365_317, 3_203_168_211_198_807_973]);
    }

    #[test]
    fn exponential_has_its_mean() {
        let mut rng = Rng::new(7);
        let mean = (0..20_000).map(|_| rng.exponential(3.0)).sum::<f64>() / 20_000.0;
        assert!((mean - 3.0).abs() < 0.1, "{mean}");
    }

    /// Standard errors over 20,000 draws: 0.007 for the mean, 0.01 for the variance.
    #[test]
    fn normal_has_mean_zero_and_variance_one() {
        let mut rng = Rng::new(11);
        let draws: Vec<f64> = (0..20_000).map(|_| rng.normal()).collect();
        let mean = draws.iter().sum::<f64>() / 20_000.0;
        let variance = draws.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / 20_000.0;
        assert!(mean.abs() < 0.03 && (variance - 1.0).abs() < 0.04, "{mean} {variance}");
    }

    #[test]
    fn every_position_comes_first_as_often() {
        let (mut rng, mut first) = (Rng::new(3), [0usize; 4]);
        for _ in 0..4000 {
            let mut items = [0, 1, 2, 3];
            rng.shuffle(&mut items);
            first[items[0]] += 1;
        }
        // 1000 each, ± 4 standard errors of 27.
        assert!(first.iter().all(|n| n.abs_diff(1000) < 110), "{first:?}");
    }

    #[test]
    fn names_get_streams_of_their_own() {
        assert_ne!(Rng::named(1, "user").bits(), Rng::named(1, "user-db").bits());
    }
}
