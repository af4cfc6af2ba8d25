//! How often the independence tests are wrong: false alarms on independent autocorrelated series, and missed dependence.
//! Seeded simulations; the shares are printed with `cargo test -p automap-core --test integration independence -- --nocapture`.

use automap_core::graph::skeleton::{SkeletonOptions, skeleton};
use automap_core::independence::{CiOptions, CiTest, Scores, Tester};
use automap_core::random::Rng;

/// How a series is generated.
#[derive(Clone, Copy, Debug)]
enum Regime {
    /// Requests per second over the last `window` seconds, every `step` seconds: counts of independent seconds.
    Rate { samples: usize, step: usize, window: usize },
    /// `x_t = ρ·x_{t−1} + noise`.
    Autoregressive { samples: usize, rho: f64 },
}
use Regime::{Autoregressive, Rate};

impl Regime {
    fn series(self, rng: &mut Rng) -> Vec<f64> {
        match self {
            Rate { samples, step, window } => {
                // Thirty-two coin flips a second: 16 requests on average.
                let seconds = window + (samples - 1) * step;
                let counts: Vec<f64> = (0..seconds).map(|_| f64::from((rng.bits() as u32).count_ones())).collect();
                (0..samples).map(|i| counts[i * step..i * step + window].iter().sum::<f64>() / window as f64).collect()
            }
            Autoregressive { samples, rho } => {
                let mut value = rng.normal() / (1.0 - rho * rho).sqrt();
                let mut next = || {
                    value = rho * value + rng.normal();
                    value
                };
                (0..samples).map(|_| next()).collect()
            }
        }
    }
}

/// Of this many pairs, how many were tested, and how many of those were called dependent at 5 %.
#[derive(Debug)]
struct Found {
    pairs: usize,
    tested: usize,
    dependent: usize,
}

impl Found {
    fn share(&self) -> f64 {
        self.dependent as f64 / self.tested as f64
    }
}

/// Pairs of each simulation.
const PAIRS: usize = 600;

/// Tests the first two series of every draw, given the third if `conditions` is 1.
fn ask(options: &CiOptions, pairs: usize, conditions: usize, mut draw: impl FnMut() -> Vec<Vec<f64>>) -> Found {
    let given = &[2][..conditions];
    let p_values = (0..pairs).map(|_| Tester::new(&Scores::new(&draw()), options).test(0, 1, given).p_value());
    let tested: Vec<f64> = p_values.flatten().collect();
    Found { pairs, tested: tested.len(), dependent: tested.iter().filter(|p| **p < 0.05).count() }
}

fn false_alarms(regime: Regime, options: &CiOptions) -> Found {
    let mut rng = Rng::new(1);
    ask(options, PAIRS, 0, || vec![regime.series(&mut rng), regime.series(&mut rng)])
}

/// Windows with little and with much overlap, few samples and many.
const RATES: [Regime; 4] = [
    Rate { samples: 20, step: 15, window: 60 },
    Rate { samples: 240, step: 15, window: 60 },
    Rate { samples: 240, step: 5, window: 60 },
    Rate { samples: 300, step: 1, window: 45 },
];
const SLOW: [Regime; 2] = [Autoregressive { samples: 60, rho: 0.9 }, Autoregressive { samples: 240, rho: 0.9 }];

fn options(test: CiTest, effective_samples: bool) -> CiOptions {
    CiOptions { test, effective_samples, ..CiOptions::default() }
}

/// Nominal 5 %; twice that is the maximum we accept, and 600 pairs distinguish 5 % from 10 % beyond doubt (standard error 0.9 %).
#[test]
fn fisher_z_keeps_its_level_on_autocorrelated_series() {
    for regime in RATES.into_iter().chain(SLOW) {
        let found = false_alarms(regime, &options(CiTest::FisherZ, true));
        println!("{regime:?}: {:.1} % false of {found:?}", 100.0 * found.share());
        assert!(found.tested * 10 >= found.pairs * 9, "hardly anything is tested: {regime:?} {found:?}");
        assert!(found.share() <= 0.10, "{regime:?} {found:?}");
    }
}

/// The test above, if all samples were counted.
#[test]
fn the_textbook_test_fails_on_every_such_series() {
    for regime in RATES.into_iter().chain(SLOW) {
        let found = false_alarms(regime, &options(CiTest::FisherZ, false));
        println!("{regime:?}: {:.1} % false of {found:?}", 100.0 * found.share());
        assert!(found.share() > 0.15, "{regime:?} {found:?}");
    }
}

/// Two bins need 20 effective samples, three 45: regimes with fewer are left untested and raise no alarm.
#[test]
fn g_square_keeps_its_level_and_recognises_insufficient_data() {
    let mut untested = 0;
    for regime in RATES.into_iter().chain(SLOW) {
        for bins in [2, 3] {
            let found = false_alarms(regime, &options(CiTest::GSquare { bins }, true));
            println!("{bins} bins, {regime:?}: {found:?}");
            let share_of_all = found.dependent as f64 / found.pairs as f64;
            assert!(share_of_all <= 0.10 && (found.tested < 50 || found.share() <= 0.10), "{regime:?} {found:?}");
            untested += found.pairs - found.tested;
        }
    }
    assert!(untested > 0);
    let plain = false_alarms(RATES[2], &options(CiTest::GSquare { bins: 2 }, false));
    assert!(plain.share() > 0.15, "{plain:?}");
}

/// Scaled to mean 0 and spread 1.
fn standard(series: Vec<f64>) -> Vec<f64> {
    let n = series.len() as f64;
    let mean = series.iter().sum::<f64>() / n;
    let spread = (series.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n).sqrt();
    series.iter().map(|x| (x - mean) / spread).collect()
}

/// `√share·a + √(1 − share)·b`.
fn mix(a: &[f64], b: &[f64], share: f64) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| share.sqrt() * a + (1.0 - share).sqrt() * b).collect()
}

/// Two services that share a load and otherwise correlate by `r`, tested given the load.
fn given_the_load(load: Regime, own: Regime, share: f64, r: f64) -> Found {
    let mut rng = Rng::new(3);
    ask(&CiOptions::default(), PAIRS, 1, || {
        let load = standard(load.series(&mut rng));
        let (a, other) = (standard(own.series(&mut rng)), standard(own.series(&mut rng)));
        let b = mix(&a, &other, r * r);
        vec![mix(&load, &a, share), mix(&load, &b, share), load]
    })
}

/// The load may be fast and the rest of a service's behaviour slow, or the other way round: what counts is the residual series.
#[test]
fn conditional_tests_keep_their_level_and_detect_real_dependence() {
    let (fast, slow) = (Autoregressive { samples: 240, rho: 0.0 }, Autoregressive { samples: 240, rho: 0.95 });
    for (load, own) in [(fast, slow), (slow, fast), (slow, slow), (RATES[2], RATES[2])] {
        for share in [0.5, 0.8] {
            let none = given_the_load(load, own, share, 0.0);
            println!("{load:?} hides {own:?}: {:.1} % false of {none:?}", 100.0 * none.share());
            assert!(none.share() <= 0.10 && none.tested > PAIRS / 2, "{load:?} {own:?} {share}: {none:?}");
            let some = given_the_load(load, own, share, 0.6);
            assert!(some.dependent * 10 >= some.pairs * 8, "{load:?} {own:?} {share}: {some:?}");
        }
    }
}

/// r = 0.6 at 30 effective samples and more: at least four in five are detected.
#[test]
fn real_dependence_is_detected() {
    let mut rng = Rng::new(5);
    for regime in [RATES[1], RATES[2], Autoregressive { samples: 30, rho: 0.0 }] {
        let found = ask(&CiOptions::default(), PAIRS, 0, || {
            let (a, other) = (standard(regime.series(&mut rng)), standard(regime.series(&mut rng)));
            vec![mix(&a, &other, 0.36), a]
        });
        println!("{regime:?}: {:.1} % detected", 100.0 * found.dependent as f64 / found.pairs as f64);
        assert!(found.dependent * 10 >= found.pairs * 8, "{regime:?} {found:?}");
    }
}

/// Edges of a graph over 14 unrelated services, averaged over 60 graphs.
fn false_edges(regime: Regime, independence: &CiOptions, edges: &SkeletonOptions) -> f64 {
    let mut rng = Rng::new(9);
    let mut graph = || {
        let series: Vec<Vec<f64>> = (0..14).map(|_| regime.series(&mut rng)).collect();
        skeleton(&Tester::new(&Scores::new(&series), independence), 14, edges).edges().count()
    };
    (0..60).map(|_| graph()).sum::<usize>() as f64 / 60.0
}

/// A rate of false discoveries of 0.1 leaves an edgeless graph edgeless nine times in ten. Without it 5 % of 91 pairs are edges, and
/// without effective samples a quarter of them.
#[test]
fn graphs_of_independent_series_have_hardly_any_edge() {
    let control = SkeletonOptions::default();
    let uncontrolled = SkeletonOptions { false_discovery_rate: 1.0, ..control };
    for regime in RATES.into_iter().chain(SLOW) {
        let edges = false_edges(regime, &CiOptions::default(), &control);
        println!("{regime:?}: {edges:.2} false edges");
        assert!(edges <= 0.5, "{regime:?}: {edges}");
    }
    assert!(false_edges(RATES[2], &CiOptions::default(), &uncontrolled) > 2.0);
    assert!(false_edges(RATES[2], &options(CiTest::FisherZ, false), &control) > 10.0);
}
