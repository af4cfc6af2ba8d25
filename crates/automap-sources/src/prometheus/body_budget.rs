//! One budget for the large answers of all connections of the process.
//!
//! Four queries at once, for each of many targets, could each return an answer of the largest size. An answer larger than [`SMALL_BYTES`] is read and
//! decoded only with one of [`MAX_LARGE`] permits; the others wait, and their servers with them. The holder of a permit needs no second one, so there
//! is no deadlock.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Answers up to this size need no permit.
pub(crate) const SMALL_BYTES: u64 = 1 << 20;
/// Most large answers in memory at once.
pub(crate) const MAX_LARGE: usize = 2;

static HELD: Mutex<usize> = Mutex::new(0);
static FREED: Condvar = Condvar::new();

/// The right to have one large answer in memory; given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Permit(());

/// Waits for a permit; `None` if none was free in time.
pub(crate) fn permit(longest: Duration) -> Option<Permit> {
    let until = Instant::now() + longest;
    let mut held = HELD.lock().unwrap_or_else(PoisonError::into_inner);
    while *held >= MAX_LARGE {
        let left = until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())?;
        held = FREED.wait_timeout(held, left).unwrap_or_else(PoisonError::into_inner).0;
    }
    *held += 1;
    Some(Permit(()))
}

impl Drop for Permit {
    fn drop(&mut self) {
        *HELD.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        FREED.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permits_are_few_and_come_back() {
        let long = Duration::from_secs(60);
        let held: Vec<Permit> = (0..MAX_LARGE).map(|_| permit(long).unwrap()).collect();
        assert!(permit(Duration::from_millis(1)).is_none());
        let waiting = std::thread::spawn(move || permit(long).is_some());
        drop(held);
        assert!(waiting.join().unwrap());
    }
}
