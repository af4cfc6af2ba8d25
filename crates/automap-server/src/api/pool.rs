//! Work that blocks, on threads where it harms nobody: so much at once, so much waiting, and the rest is told to come back.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::problem::Problem;

/// Seconds after which another try makes sense when all places are taken.
const RETRY_AFTER_S: u64 = 5;

/// A bounded number of threads with a bounded queue.
#[derive(Clone, Debug)]
pub(crate) struct Pool {
    name: &'static str,
    slots: Arc<Semaphore>,
    waiting: Arc<AtomicUsize>,
    max_waiting: usize,
}

/// A place in the queue; given back when dropped.
#[derive(Debug)]
pub(crate) struct Place(Arc<AtomicUsize>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Pool {
    /// `name` is what waits, for people: `analyses`.
    pub(crate) fn new(name: &'static str, at_once: usize, max_waiting: usize) -> Self {
        Self { name, slots: Arc::new(Semaphore::new(at_once)), waiting: Arc::default(), max_waiting }
    }

    /// A place in the queue.
    ///
    /// # Errors
    /// [`Problem::too_many`] when it is full.
    pub(crate) fn queue(&self) -> Result<Place, Problem> {
        if self.waiting.fetch_add(1, Ordering::AcqRel) >= self.max_waiting {
            self.waiting.fetch_sub(1, Ordering::AcqRel);
            return Err(Problem::too_many(format!("{} {} wait already", self.max_waiting, self.name), RETRY_AFTER_S));
        }
        Ok(Place(Arc::clone(&self.waiting)))
    }

    /// Waits for a free thread.
    pub(crate) async fn slot(&self, place: Place) -> Result<OwnedSemaphorePermit, Problem> {
        let slot = Arc::clone(&self.slots).acquire_owned().await;
        drop(place);
        slot.map_err(|_| Problem::unavailable(self.name, "automap is shutting down"))
    }

    /// Runs `work` when there is room. The thread stays taken until the work ends, even when nobody waits for it any more.
    ///
    /// # Errors
    /// When the queue is full, or `work` panics.
    pub(crate) async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Problem> {
        let slot = self.slot(self.queue()?).await?;
        let run = tokio::task::spawn_blocking(move || {
            let _slot = slot;
            work()
        });
        run.await.map_err(|_| Problem::internal(self.name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_full_queue_refuses_and_a_panic_gives_its_thread_back() {
        let pool = Pool::new("tests", 1, 1);
        let taken = pool.slot(pool.queue().unwrap()).await.unwrap();
        let place = pool.queue().unwrap();
        let refused = pool.run(|| 1).await.unwrap_err();
        assert_eq!((refused.status, refused.retry_after_s), (429, Some(RETRY_AFTER_S)));
        drop((taken, place));
        assert_eq!(pool.run(|| -> u8 { panic!("on purpose") }).await.unwrap_err().status, 500);
        assert_eq!(pool.run(|| 2).await.unwrap(), 2);
    }
}
