//! Runs a thread's work again after a panic: a bug that one target's data sets off must not leave this target unwatched in silence.
//!
//! The pause before each start doubles, up to a bound, and is short again after the work has gone well for a while. What the panic said goes to the
//! log by the process' panic hook; what it left behind is rebuilt from the store, since the work begins from nothing.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use crate::stop::Stop;

/// Pause after the first panic.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// Longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);
/// Work that has gone on for so long has gone well.
const WELL_AFTER: Duration = Duration::from_secs(900);

/// Works until `work` returns or, in a pause, until the stop. `broke_off` is told of each panic and of the pause after it.
pub(super) fn run(stop: &Stop, mut work: impl FnMut(), mut broke_off: impl FnMut(Duration)) {
    let mut pause = FIRST_PAUSE;
    loop {
        let begun = Instant::now();
        if catch_unwind(AssertUnwindSafe(&mut work)).is_ok() {
            return;
        }
        if begun.elapsed() >= WELL_AFTER {
            pause = FIRST_PAUSE;
        }
        broke_off(pause);
        if stop.sleep(pause) {
            return;
        }
        pause = (2 * pause).min(LONGEST_PAUSE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_that_panics_begins_again_after_a_longer_pause_each_time() {
        let (mut begun, mut pauses) = (0, Vec::new());
        let work = || {
            begun += 1;
            assert!(begun > 2, "on purpose");
        };
        run(&Stop::default(), work, |pause| pauses.push(pause));
        assert_eq!((begun, pauses), (3, vec![FIRST_PAUSE, 2 * FIRST_PAUSE]));
    }

    #[test]
    fn a_stop_ends_the_pause() {
        let stop = Stop::default();
        let mut begun = 0;
        let work = || {
            begun += 1;
            panic!("on purpose");
        };
        run(&stop, work, |_| stop.set());
        assert_eq!(begun, 1);
    }
}
