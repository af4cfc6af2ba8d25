//! How many targets of one server are looked at at once.
//!
//! Each look sends up to four requests at a time, and holds their answers. Without a bound, a replica that takes over hundreds of targets would send
//! a server more than a thousand requests at once, from as many threads. It is a courtesy and no lock: a look that has waited for long begins all the
//! same, so that a server that answers nobody is noticed at every target, and no target waits for another one's time limit.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::stop::{Stop, block_on};

/// Looks under way at one server.
const AT_ONCE: usize = 8;
/// Longest wait for one of them to end.
const PATIENCE: Duration = Duration::from_secs(15);

/// Lets some through at a time, in the order in which they came. Clones are the same gate.
#[derive(Clone, Debug)]
pub(crate) struct Gate(Arc<Semaphore>);

/// A look under way, until it is dropped; nothing where it began after a long wait.
#[derive(Debug)]
pub(crate) struct Pass(
    #[cfg_attr(not(test), expect(dead_code, reason = "held until the look is over"))] Option<OwnedSemaphorePermit>,
);

impl Default for Gate {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(AT_ONCE)))
    }
}

impl Gate {
    /// Blocks until there is room, at most for a while, or until the stop.
    pub(crate) fn enter(&self, stop: &Stop) -> Pass {
        self.enter_within(stop, PATIENCE)
    }

    fn enter_within(&self, stop: &Stop, patience: Duration) -> Pass {
        let room = async {
            tokio::select! {
                biased;
                permit = Arc::clone(&self.0).acquire_owned() => permit.ok(),
                () = stop.wait() => None,
            }
        };
        Pass(block_on(room, Some(patience)).flatten())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn some_are_let_through_and_the_next_when_one_has_left() {
        let (gate, stop) = (Gate::default(), Stop::default());
        let mut inside: Vec<Pass> = (0..AT_ONCE).map(|_| gate.enter(&stop)).collect();
        assert!(inside.iter().all(|pass| pass.0.is_some()));
        let begun = Instant::now();
        std::thread::scope(|scope| {
            let next = scope.spawn(|| gate.enter(&stop));
            std::thread::sleep(Duration::from_millis(20));
            inside.pop();
            assert!(next.join().unwrap().0.is_some() && begun.elapsed() < PATIENCE);
        });
    }

    #[test]
    fn nobody_waits_for_ever() {
        let (gate, stop) = (Gate::default(), Stop::default());
        let _inside: Vec<Pass> = (0..AT_ONCE).map(|_| gate.enter(&stop)).collect();
        assert!(gate.enter_within(&stop, Duration::from_millis(1)).0.is_none());
        stop.set();
        assert!(gate.enter_within(&stop, Duration::from_secs(600)).0.is_none());
    }
}
