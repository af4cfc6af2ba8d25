//! Simulated users of the shop: an open-loop load with a seed.
//!
//! Arrivals form a Poisson process that does not wait for answers. If the shop is slow, requests queue up as they would with real users; a
//! closed loop would slow down with the shop and hide that ("coordinated omission").
//!
//! The load runs outside the mesh and talks to the front-end pod directly, like the original's load test, which runs in a namespace without
//! side-cars.

mod journey;
mod stats;

pub use stats::LoadStats;

use std::fmt;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::{Instant, interval, sleep_until};

use self::journey::SimulatedUser;
use crate::plan::{GATEWAY, Ports, component};
use crate::shop::endpoints::{Balancer, Endpoints};
use crate::shop::http::Local;
use crate::shop::{ShopError, locked};
use automap_core::random::Rng;

/// Maximum number of users at the same time. Further arrivals are dropped and counted.
pub const MAX_CONCURRENT_USERS: usize = 400;
/// New users per second that two cores handle easily: the shop then uses 0.4 cores (0.8 at 20 per second).
pub const DEFAULT_RATE_PER_S: f64 = 8.0;
/// How often `on_tick` is called.
const TICK: Duration = Duration::from_secs(1);

/// Called every second with the counts so far; `Break` ends the load.
pub type OnTick = Box<dyn FnMut(&LoadStats) -> ControlFlow<()> + Send>;

/// Options of the load.
pub struct LoadOptions {
    /// Where the shop listens.
    pub ports: Ports,
    /// The file with the addresses of the front-end's pods; `None`: there is one, at 127.0.0.1.
    pub endpoints: Option<PathBuf>,
    /// Whether users come through the gateway instead of calling front-end directly.
    pub gateway: bool,
    /// Mean number of new users per second. Each makes about seven requests.
    pub rate_per_s: f64,
    /// Seed of arrivals, choices and pauses.
    pub seed: u64,
    /// `None`: until `on_tick` breaks.
    pub duration: Option<Duration>,
    /// Called with the counts every second.
    pub on_tick: Option<OnTick>,
}

impl fmt::Debug for LoadOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { ports, endpoints, gateway, rate_per_s, seed, duration, on_tick: _ } = self;
        f.debug_struct("LoadOptions")
            .field("ports", ports)
            .field("endpoints", endpoints)
            .field("gateway", gateway)
            .field("rate_per_s", rate_per_s)
            .field("seed", seed)
            .field("duration", duration)
            .finish_non_exhaustive()
    }
}

/// Runs the load on this thread and returns the counts at the end.
///
/// # Errors
/// Only if the thread cannot have an async runtime. Failing requests are counts, not errors.
pub fn run(options: LoadOptions) -> Result<LoadStats, ShopError> {
    crate::shop::block_on(async { Ok(send_load(options).await) })
}

/// As [`run`], on the caller's runtime. Users who are still active at the end finish without being counted.
pub async fn send_load(mut options: LoadOptions) -> LoadStats {
    let stats = Arc::new(Mutex::new(LoadStats::default()));
    let entrance = if options.gateway { Some(&GATEWAY) } else { component("front-end") };
    let Some(entrance) = entrance else { return LoadStats::default() };
    let endpoints = Endpoints::watch(options.endpoints.clone());
    let port = options.ports.pod(entrance);
    let to_pod = move |ip| Local::at(ip, port);
    let shop = Arc::new(Balancer::new(entrance.name, endpoints, MAX_CONCURRENT_USERS, to_pod));
    let slots = Arc::new(Semaphore::new(MAX_CONCURRENT_USERS));
    let mut rng = Rng::new(options.seed);
    let mut ticks = interval(TICK);
    let start = Instant::now();
    let end = options.duration.map(|d| start + d);
    let mean_gap_s = 1.0 / options.rate_per_s.max(f64::MIN_POSITIVE);
    let mut next = start + gap(&mut rng, mean_gap_s);
    loop {
        tokio::select! {
            () = sleep_until(next) => {
                // Counted from the planned arrival, so that a late wake-up does not reduce the load.
                next += gap(&mut rng, mean_gap_s);
                let user = SimulatedUser::new(Arc::clone(&shop), Arc::clone(&stats), Rng::new(rng.bits()));
                match Arc::clone(&slots).try_acquire_owned() {
                    Ok(slot) => drop(tokio::spawn(async move {
                        user.visit().await;
                        drop(slot);
                    })),
                    Err(_) => locked(&stats).dropped += 1,
                }
            }
            _ = ticks.tick() => {
                let counts = *locked(&stats);
                if options.on_tick.as_mut().is_some_and(|f| f(&counts).is_break()) {
                    break;
                }
            }
            () = sleep_until(end.unwrap_or(start)), if end.is_some() => break,
        }
    }
    *locked(&stats)
}

/// The time to the next arrival; at most an hour, so that tiny rates cannot overflow the clock.
fn gap(rng: &mut Rng, mean_s: f64) -> Duration {
    const LONGEST: Duration = Duration::from_secs(3600);
    Duration::try_from_secs_f64(rng.exponential(mean_s)).unwrap_or(LONGEST).min(LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn arrivals_do_not_wait_for_an_unreachable_shop() {
        let options = LoadOptions {
            ports: Ports { base: 1 },
            endpoints: None,
            gateway: false,
            rate_per_s: 10.0,
            seed: 3,
            duration: Some(Duration::from_secs(100)),
            on_tick: None,
        };
        let stats = send_load(options).await;
        assert!((900..1100).contains(&(stats.journeys + stats.dropped)), "{stats:?}");
        assert!(stats.failed > 0 && stats.ok == 0 && stats.latency_mean_ms().is_none(), "{stats:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn the_callback_can_end_the_load() {
        let mut ticks = 0;
        let on_tick = move |_: &LoadStats| {
            ticks += 1;
            if ticks == 5 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let options = LoadOptions {
            ports: Ports { base: 1 },
            endpoints: None,
            gateway: false,
            rate_per_s: 0.0,
            seed: 3,
            duration: None,
            on_tick: Some(Box::new(on_tick)),
        };
        assert_eq!(send_load(options).await, LoadStats::default());
    }
}
