//! Limits how many targets of one server are polled at once.
//!
//! Each poll sends up to four requests at a time, and holds their answers. Without a bound, a replica that takes over hundreds of targets would send
//! a server more than a thousand requests at once, from as many threads. If polls are slow, the others wait; if none ends at all, they start anyway,
//! so that an unresponsive server is noticed at every target, and no target waits for another one's timeout.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::stop::{Stop, block_on};

/// Polls in progress at one server.
const AT_ONCE: usize = 8;
/// Longest wait during which none of them ends.
const PATIENCE: Duration = Duration::from_secs(15);

/// Admits a few polls at a time, in the order of their arrival. Clones are the same gate.
#[derive(Clone, Debug)]
pub(crate) struct Gate {
    room: Arc<Semaphore>,
    /// How many polls have ended.
    ended: Arc<AtomicU64>,
}

/// A poll in progress, until this is dropped.
#[derive(Debug)]
pub(crate) struct Pass {
    /// `None` if it started because no other poll ended.
    _room: Option<OwnedSemaphorePermit>,
    ended: Arc<AtomicU64>,
}

impl Drop for Pass {
    fn drop(&mut self) {
        self.ended.fetch_add(1, Ordering::Relaxed);
    }
}

impl Default for Gate {
    fn default() -> Self {
        Self { room: Arc::new(Semaphore::new(AT_ONCE)), ended: Arc::default() }
    }
}

impl Gate {
    /// Blocks until there is room, no poll in progress has ended for a while, or the stop is set.
    pub(crate) fn enter(&self, stop: &Stop) -> Pass {
        self.enter_within(stop, PATIENCE)
    }

    fn enter_within(&self, stop: &Stop, patience: Duration) -> Pass {
        let mut room = pin!(async {
            tokio::select! {
                biased;
                room = Arc::clone(&self.room).acquire_owned() => room.ok(),
                () = stop.wait() => None,
            }
        });
        let pass = |room| Pass { _room: room, ended: Arc::clone(&self.ended) };
        loop {
            let ended = self.ended.load(Ordering::Relaxed);
            if let Some(room) = block_on(room.as_mut(), Some(patience)) {
                return pass(room);
            }
            if self.ended.load(Ordering::Relaxed) == ended {
                return pass(None);
            }
        }
    }

    #[cfg(test)]
    fn free(&self) -> usize {
        self.room.available_permits()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FOR_EVER: Duration = Duration::from_secs(600);

    #[test]
    fn one_is_let_through_when_another_has_left() {
        let (gate, stop) = (Gate::default(), Stop::default());
        let mut inside: Vec<Pass> = (0..AT_ONCE).map(|_| gate.enter(&stop)).collect();
        assert_eq!(gate.free(), 0);
        std::thread::scope(|scope| {
            let next = scope.spawn(|| gate.enter_within(&stop, FOR_EVER));
            std::thread::sleep(Duration::from_millis(20));
            inside.pop();
            let _next = next.join().unwrap();
            assert_eq!(gate.free(), 0, "it has the room of the one that left");
        });
        inside.clear();
        assert_eq!(gate.free(), AT_ONCE);
    }

    #[test]
    fn slow_ones_are_waited_for_and_those_that_never_end_are_not() {
        let (gate, stop) = (Gate::default(), Stop::default());
        let inside: Vec<Pass> = (0..AT_ONCE).map(|_| gate.enter(&stop)).collect();
        let extra = gate.enter_within(&stop, Duration::from_millis(1));
        assert!(extra._room.is_none(), "none has ended");
        drop(inside);
        assert!(gate.enter_within(&stop, FOR_EVER)._room.is_some());
        let _inside: Vec<Pass> = (0..AT_ONCE).map(|_| gate.enter(&stop)).collect();
        stop.set();
        assert!(gate.enter_within(&stop, FOR_EVER)._room.is_none());
    }
}
