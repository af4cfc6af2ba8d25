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

/// Ticks at every multiple of `every` until it is stopped. A tick that takes longer than `every` delays the next ones; two never run at once.
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
    let mut due = clock.now();
    while !stop.is_set() {
        let now = clock.now();
        let inputs = inputs_at(now);
        let tick = watcher.tick(source, &inputs, now);
        on_tick(watcher, &tick);
        due = due.plus_ms(every_ms);
        let after = clock.now();
        if after > due {
            let missed = (after.ms() - due.ms()) / every_ms + 1;
            watcher.status.ticks_late += u64::try_from(missed).unwrap_or(0);
            due = due.plus_ms(missed * every_ms);
        }
        let left = u64::try_from(due.ms() - clock.now().ms()).unwrap_or(0);
        if stop.sleep(Duration::from_millis(left)) {
            return;
        }
    }
}
