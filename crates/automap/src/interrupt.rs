//! Ctrl-C and SIGTERM, for verbs that must undo something before they end.
//!
//! The first signal only sets a flag, so that the verb can undo what it did; a second one ends the program at once, as users
//! expect. `watch` and `serve` have threads to wake and use the server's own handler instead.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

/// Set once the user or the system asked the program to stop.
#[derive(Clone, Debug)]
pub(crate) struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Listens for the signals from now on.
    pub(crate) fn listen() -> io::Result<Self> {
        let is_set = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            // In this order: the first signal finds the flag unset and sets it, the second finds it set and exits.
            flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&is_set))?;
            flag::register(signal, Arc::clone(&is_set))?;
        }
        Ok(Self(is_set))
    }

    pub(crate) fn is_set(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }

    /// Waits for `span`, and calls `tell` about once a second with the time left. Returns `false` if it was set before the end.
    pub(crate) fn wait(&self, span: Duration, tell: &mut dyn FnMut(Duration)) -> bool {
        const TICK: Duration = Duration::from_secs(1);
        let until = Instant::now() + span;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            tell(left);
            if self.is_set() || left.is_zero() {
                return !self.is_set();
            }
            std::thread::sleep(left.min(TICK));
        }
    }
}
