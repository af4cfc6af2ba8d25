//! Runs blocking work on threads outside the async runtime: a bounded number at once, a bounded number waiting. Work beyond both bounds is
//! refused with the time after which to try again.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::api::http::problem::Problem;

/// Seconds after which another try makes sense when the queue is full.
const RETRY_AFTER_S: u64 = 5;

/// A bounded number of threads with a bounded queue.
#[derive(Clone, Debug)]
pub(crate) struct WorkerPool {
    name: &'static str,
    threads: Arc<Semaphore>,
    waiting: Arc<AtomicUsize>,
    max_waiting: usize,
}

/// A position in the queue; released when dropped.
#[derive(Debug)]
pub(crate) struct QueueSlot(Arc<AtomicUsize>);

impl Drop for QueueSlot {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl WorkerPool {
    /// `name` is a plural noun for messages, such as `analyses`.
    pub(crate) fn new(name: &'static str, at_once: usize, max_waiting: usize) -> Self {
        Self { name, threads: Arc::new(Semaphore::new(at_once)), waiting: Arc::default(), max_waiting }
    }

    /// Takes a position in the queue.
    ///
    /// # Errors
    /// [`Problem::too_many`] when it is full.
    pub(crate) fn enqueue(&self) -> Result<QueueSlot, Problem> {
        if self.waiting.fetch_add(1, Ordering::AcqRel) >= self.max_waiting {
            self.waiting.fetch_sub(1, Ordering::AcqRel);
            return Err(Problem::too_many(
                format!("{} {} are already waiting", self.max_waiting, self.name),
                RETRY_AFTER_S,
            ));
        }
        Ok(QueueSlot(Arc::clone(&self.waiting)))
    }

    /// Waits for a free thread; the position in the queue is released then.
    pub(crate) async fn thread(&self, queued: QueueSlot) -> Result<OwnedSemaphorePermit, Problem> {
        let thread = Arc::clone(&self.threads).acquire_owned().await;
        drop(queued);
        thread.map_err(|_| Problem::unavailable(self.name, "automap is shutting down"))
    }

    /// Runs `work` when a thread is free. The thread stays in use until the work ends, even when the request was dropped meanwhile.
    ///
    /// # Errors
    /// [`Problem`] when the queue is full, or `work` panics.
    pub(crate) async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Problem> {
        let thread = self.thread(self.enqueue()?).await?;
        let run = tokio::task::spawn_blocking(move || {
            let _thread = thread;
            work()
        });
        run.await.map_err(|_| Problem::internal(self.name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_full_queue_refuses_and_a_panic_releases_its_thread() {
        let pool = WorkerPool::new("tests", 1, 1);
        let taken = pool.thread(pool.enqueue().unwrap()).await.unwrap();
        let place = pool.enqueue().unwrap();
        let refused = pool.run(|| 1).await.unwrap_err();
        assert_eq!((refused.status, refused.retry_after_s), (429, Some(RETRY_AFTER_S)));
        drop((taken, place));
        assert_eq!(pool.run(|| -> u8 { panic!("on purpose") }).await.unwrap_err().status, 500);
        assert_eq!(pool.run(|| 2).await.unwrap(), 2);
    }
}
