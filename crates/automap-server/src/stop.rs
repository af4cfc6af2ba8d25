//! A signal that asks threads and tasks to end, and wakes those that sleep.
//!
//! A thin wrapper around [`CancellationToken`]: async tasks await it, and threads without a runtime sleep on it. Nothing polls a flag, so a stop
//! takes effect at once and an idle process does not wake up.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

/// Set once, and observed by everything that waits for it. Clones share the signal.
///
/// ```
/// use std::time::Duration;
/// use automap_server::stop::Stop;
///
/// let stop = Stop::default();
/// let child = stop.child();
/// assert!(!child.sleep(Duration::from_millis(1)));
/// stop.set();
/// assert!(child.sleep(Duration::from_secs(3600)), "returns at once");
/// ```
#[derive(Clone, Debug, Default)]
pub struct Stop(CancellationToken);

impl Stop {
    /// Asks everything that holds this signal, or a child of it, to stop.
    pub fn set(&self) {
        self.0.cancel();
    }

    /// Whether it was set.
    pub fn is_set(&self) -> bool {
        self.0.is_cancelled()
    }

    /// A signal that is set with this one, and may be set alone.
    #[must_use]
    pub fn child(&self) -> Self {
        Self(self.0.child_token())
    }

    /// Completes when it is set.
    pub async fn wait(&self) {
        self.0.cancelled().await;
    }

    /// Blocks the thread until it is set.
    pub fn block(&self) {
        block_on(self.0.cancelled(), None);
    }

    /// Blocks the thread for `span`, or until the signal is set. Returns whether it was set.
    pub fn sleep(&self, span: Duration) -> bool {
        block_on(self.0.cancelled(), Some(span)).is_some()
    }
}

/// Parks the thread until `future` is ready; `None` when `limit` passes first. For futures that need no runtime (channels, signals): timers
/// and sockets would never wake it.
pub(crate) fn block_on<T>(future: impl Future<Output = T>, limit: Option<Duration>) -> Option<T> {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    let begun = Instant::now();
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
            return Some(value);
        }
        match limit.map(|limit| limit.saturating_sub(begun.elapsed())) {
            None => thread::park(),
            Some(Duration::ZERO) => return None,
            Some(left) => thread::park_timeout(left),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sleeping_thread_wakes_when_the_parent_is_set() {
        let stop = Stop::default();
        let child = stop.child();
        let sleeper = thread::spawn(move || child.sleep(Duration::from_secs(600)));
        stop.set();
        assert!(sleeper.join().unwrap());
    }

    #[test]
    fn a_child_is_set_alone() {
        let stop = Stop::default();
        stop.child().set();
        assert!(!stop.is_set());
    }
}
