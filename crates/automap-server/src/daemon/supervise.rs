//! Runs a thread's work again after a panic: a bug triggered by one target's data must not leave this target silently unwatched.
//!
//! The pause before each restart doubles, up to a bound, and is short again after a while without panics. The process' panic hook logs the message;
//! the state is rebuilt from the store, since the work begins from scratch.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use crate::stop::Stop;

/// Pause after the first panic.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// Longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);
/// After running this long, the work counts as stable.
const WELL_AFTER: Duration = Duration::from_secs(900);

/// Runs `work` until it returns or, in a pause, until the stop. `broke_off` is called after each panic with the pause that follows.
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
