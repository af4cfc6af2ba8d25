//! A shop of any size that is made up, with all that the AutoMAP engine reads of it.

use automap_core::frame::{MetricFrame, RawSeries, assemble};
use automap_core::random::Rng;
use automap_core::time::Timestamp;
use automap_core::topology::CallGraph;

/// Samples of every series.
pub(crate) const SAMPLES: usize = 240;
const STEP_MS: i64 = 15_000;

/// A tree of calls, each service calling up to four. One wave of load goes through all of it, thinner towards the leaves; every
/// service's own state moves slowly; latency adds up from the leaves to the root; measurements are noisy.
pub(crate) fn shop(services: usize) -> (MetricFrame, CallGraph) {
    let mut random = Rng::new(42);
    let caller = |s: usize| (s > 0).then(|| (s - 1) / 4);
    let wave: Vec<f64> = {
        let mut drift = autoregressive(&mut random, 0.95);
        (0..SAMPLES).map(|t| 1.0 + 0.3 * (t as f64 / 40.0).sin() + 0.05 * drift()).collect()
    };
    let mut own: Vec<Vec<f64>> = Vec::new();
    let mut load: Vec<Vec<f64>> = Vec::new();
    for s in 0..services {
        let mut state = autoregressive(&mut random, 0.9);
        own.push((0..SAMPLES).map(|_| state()).collect());
        let mut share = autoregressive(&mut random, 0.7);
        let above = caller(s).map_or(&wave, |c| &load[c]);
        load.push(above.iter().map(|l| l * (1.0 + 0.1 * share())).collect());
    }
    // Leaves first, so that what a service waits for is known.
    let mut latency: Vec<Vec<f64>> = own.iter().map(|state| state.iter().map(|v| 5.0 + 0.8 * v).collect()).collect();
    for s in (1..services).rev() {
        let (callers, rest) = latency.split_at_mut(s);
        callers[(s - 1) / 4].iter_mut().zip(&rest[0]).for_each(|(above, below)| *above += 0.25 * below);
    }
    let mut raw = Vec::new();
    let times: Vec<Timestamp> = (0..SAMPLES as i64).map(|i| Timestamp::from_ms(i * STEP_MS)).collect();
    for s in 0..services {
        let mut leak = 1e8;
        for metric in
            ["latency_ms", "throughput_rps", "error_ratio", "cpu_cores", "memory_bytes", "disk_read_bytes_per_s"]
        {
            let value = |t: usize| {
                let (l, state, noise) = (load[s][t], own[s][t], random.normal());
                match metric {
                    "latency_ms" => latency[s][t] * (1.0 + 0.02 * noise),
                    "throughput_rps" => 50.0 * l * (1.0 + 0.01 * noise),
                    "error_ratio" => (0.01 + 0.002 * state + 0.004 * noise).max(0.0),
                    "cpu_cores" => 0.2 * l + 0.01 * state + 0.005 * noise,
                    "memory_bytes" => {
                        leak += 1e4 * (1.0 + noise);
                        leak + 1e6 * state
                    }
                    _ => 1e5 * (l + 0.2 * state + 0.1 * noise).max(0.0),
                }
            };
            let points = times.iter().copied().zip((0..SAMPLES).map(value)).collect();
            raw.push(RawSeries { service: format!("s{s:04}"), metric: metric.into(), peer: None, points });
        }
    }
    let names: Vec<String> = (0..services).map(|s| format!("s{s:04}")).collect();
    let calls = (1..services).map(|s| (names[(s - 1) / 4].as_str(), names[s].as_str())).collect();
    (assemble(raw, times).unwrap().0, calls)
}

/// `x_t = ρ·x_{t−1} + √(1 − ρ²)·noise`: spread 1.
fn autoregressive(random: &mut Rng, rho: f64) -> impl FnMut() -> f64 + use<> {
    let mut noise = Rng::new(random.bits());
    let mut value = noise.normal();
    move || {
        value = rho * value + (1.0 - rho * rho).sqrt() * noise.normal();
        value
    }
}
