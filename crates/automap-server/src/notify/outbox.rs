//! The worker's thread.

use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError, SyncSender};
use std::thread::JoinHandle;
use std::time::Duration;

use automap_core::time::Timestamp;

use super::config::NotifyConfig;
use super::worker::{Step, Worker};
use crate::store::{Store, StoreError};

/// How often the outbox is looked at when nobody rings.
const PAUSE: Duration = Duration::from_secs(1);
/// Name of the lease that the worker holds; no target can be called so.
pub const OUTBOX_LEASE: &str = "#outbox";
/// How long another process waits for a worker that is gone. A step takes at most one time-out for each receiver.
const LEASE: Duration = Duration::from_secs(120);

/// A running worker. It stops when this is dropped, after the message it is sending.
#[derive(Debug)]
pub struct Outbox {
    bell: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// What the worker's thread is made of.
pub struct Parts {
    /// Where the messages are.
    pub store: Arc<dyn Store>,
    /// The configuration as it is now; asked before every step.
    pub config: Box<dyn Fn() -> Arc<NotifyConfig> + Send>,
    /// The time.
    pub clock: Box<dyn Fn() -> Timestamp + Send>,
    /// This process, different from every other on the same store.
    pub holder: String,
    /// Spreads retries.
    pub seed: u64,
    /// Is told of every step that did something, and of every error: for logs and metrics.
    pub report: Box<dyn FnMut(Result<Step, StoreError>) + Send>,
}

impl std::fmt::Debug for Parts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Parts").field("store", &self.store).field("holder", &self.holder).finish_non_exhaustive()
    }
}

impl Outbox {
    /// Starts the thread.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(parts: Parts) -> std::io::Result<Self> {
        // One ring that waits is enough.
        let (bell, rings) = mpsc::sync_channel(1);
        let thread = std::thread::Builder::new().name("outbox".into()).spawn(move || run(parts, &rings))?;
        Ok(Self { bell: Some(bell), thread: Some(thread) })
    }

    /// Says that something was queued, so that it goes out now and not in a second.
    pub fn ring(&self) {
        // One that is full is awake already, one that is gone has ended.
        let _ = self.bell.as_ref().map(|bell| bell.try_send(()));
    }
}

impl Drop for Outbox {
    fn drop(&mut self) {
        self.bell = None;
        if let Some(thread) = self.thread.take() {
            // A panic there was reported by the thread itself.
            let _ = thread.join();
        }
    }
}

fn run(mut parts: Parts, rings: &mpsc::Receiver<()>) {
    let mut worker = Worker::new(parts.seed);
    loop {
        let step = step(&mut worker, &parts);
        let busy = step.as_ref().is_ok_and(|step| step.busy());
        if !matches!(&step, Ok(step) if *step == Step::default()) {
            (parts.report)(step);
        }
        let pause = if busy { Duration::ZERO } else { PAUSE };
        if rings.recv_timeout(pause) == Err(RecvTimeoutError::Disconnected) {
            // So that a successor need not wait; if it fails, the lease runs out.
            let _ = parts.store.release(OUTBOX_LEASE, &parts.holder);
            return;
        }
    }
}

fn step(worker: &mut Worker, parts: &Parts) -> Result<Step, StoreError> {
    let now = (parts.clock)();
    if !parts.store.lease(OUTBOX_LEASE, &parts.holder, now, LEASE)? {
        return Ok(Step::default());
    }
    worker.step(&*parts.store, &(parts.config)(), now)
}
