//! The loop that calls a watcher: when the next tick is due, and which ones were missed. The caller provides the thread.

use std::time::Duration;

use automap_core::time::Timestamp;

use super::source::Source;
use super::{Stop, Tick, TickInputs, Watcher};

/// The source of the current time; tests use a fake one.
pub trait Clock: Send {
    /// The current time.
    fn now(&self) -> Timestamp;
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_ms(jiff::Timestamp::now().as_millisecond())
    }
}

/// Ticks at once, and then every `every` until it is stopped: each target at its own moment, so that many targets taken over together are not polled
/// together for ever. A tick that takes longer than `every` delays the next ones; two never run at once.
pub fn run(
    watcher: &mut Watcher,
    source: &mut dyn Source,
    clock: &dyn Clock,
    every: Duration,
    stop: &Stop,
    mut inputs_at: impl FnMut(Timestamp) -> TickInputs,
    mut on_tick: impl FnMut(&Watcher, &Tick),
) {
    let every_ms = i64::try_from(every.as_millis()).unwrap_or(i64::MAX).max(1);
    let mut last_due = None;
    while !stop.is_set() {
        let now = clock.now();
        let inputs = inputs_at(now);
        let tick = watcher.tick(source, &inputs, now);
        on_tick(watcher, &tick);
        let after = clock.now();
        let mut due = match last_due {
            None => second_tick(&watcher.status.target, after, every_ms),
            Some(due) => Timestamp::plus_ms(due, every_ms),
        };
        if after > due {
            let missed = (after.ms() - due.ms()) / every_ms + 1;
            watcher.status.ticks_late += u64::try_from(missed).unwrap_or(0);
            due = due.plus_ms(missed * every_ms);
        }
        last_due = Some(due);
        let left = u64::try_from(due.ms() - clock.now().ms()).unwrap_or(0);
        if stop.sleep(Duration::from_millis(left)) {
            return;
        }
    }
}

/// The target's own moment, half of `every` to one and a half after the first tick.
fn second_tick(target: &str, first: Timestamp, every_ms: i64) -> Timestamp {
    let mixed = target.bytes().fold(0_i64, |sum, byte| sum.wrapping_mul(31).wrapping_add(i64::from(byte)));
    // Names that differ only in their last digit end up far apart.
    let moment_ms = mixed.wrapping_mul(7919).rem_euclid(every_ms);
    let earliest = first.plus_ms(every_ms / 2);
    earliest.plus_ms((moment_ms - earliest.ms()).rem_euclid(every_ms))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_that_begin_together_go_on_at_moments_of_their_own() {
        let first = Timestamp::from_ms(1_795_615_395_123);
        let mut moments: Vec<i64> =
            (0..150).map(|i| second_tick(&format!("shop-{i}"), first, 15_000).ms() - first.ms()).collect();
        moments.sort_unstable();
        assert!(moments[0] >= 7_500 && moments[149] < 22_500, "{moments:?}");
        // In each of fifteen seconds ten are due on average.
        for second in 0..15 {
            let due = moments.iter().filter(|ms| (7500 + second * 1000..8500 + second * 1000).contains(*ms)).count();
            assert!((1..=25).contains(&due), "second {second}: {due}");
        }
        let again = second_tick("shop-7", first.plus_ms(15_000), 15_000);
        assert_eq!(again.ms() - second_tick("shop-7", first, 15_000).ms(), 15_000, "the same moment at every replica");
    }
}
