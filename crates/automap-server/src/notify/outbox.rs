//! The thread that sends messages: wakes when something was queued, or once a second, and sends only while it holds the outbox's lease, so that
//! several replicas on one store do not send the same message twice.

use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError, SyncSender};
use std::thread::JoinHandle;
use std::time::Duration;

use automap_core::time::Timestamp;

use super::config::NotifyConfig;
use super::worker::{Step, Worker};
use crate::store::{Store, StoreError};

/// How often the outbox is checked when nothing wakes the thread.
const PAUSE: Duration = Duration::from_secs(1);
/// Name of the lease that the worker holds. No target can have this name.
pub const OUTBOX_LEASE: &str = "#outbox";
/// How long a lease is valid after its last renewal. A step takes at most one time-out for each receiver.
const LEASE: Duration = Duration::from_secs(120);

/// A running worker. It stops when this is dropped, after the message it is sending.
#[derive(Debug)]
pub struct Outbox {
    wake: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// What the thread needs.
pub struct Parts {
    /// Where the messages are.
    pub store: Arc<dyn Store>,
    /// The configuration as it is now; asked before every step.
    pub config: Box<dyn Fn() -> Arc<NotifyConfig> + Send>,
    /// The time.
    pub clock: Box<dyn Fn() -> Timestamp + Send>,
    /// This replica, different from every other on the same store and the same after a restart (a pod's or host's name): one that comes
    /// back under another name waits for its own lease to run out.
    pub holder: String,
    /// Spreads retries.
    pub seed: u64,
    /// Called after every step that did something, and for every error: for the log.
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
        // One pending wake-up is enough.
        let (wake, wakes) = mpsc::sync_channel(1);
        let thread = std::thread::Builder::new().name("outbox".into()).spawn(move || run(parts, &wakes))?;
        Ok(Self { wake: Some(wake), thread: Some(thread) })
    }

    /// Wakes the thread because something was queued, so that it is sent now and not in a second.
    pub fn wake(&self) {
        // A full channel means that it is awake already, a closed one that it has ended.
        let _ = self.wake.as_ref().map(|wake| wake.try_send(()));
    }
}

impl Drop for Outbox {
    fn drop(&mut self) {
        self.wake = None;
        if let Some(thread) = self.thread.take() {
            // A panic there was reported by the thread itself.
            let _ = thread.join();
        }
    }
}

fn run(mut parts: Parts, wakes: &mpsc::Receiver<()>) {
    let mut worker = Worker::new(parts.seed);
    loop {
        let step = step(&mut worker, &parts);
        let busy = step.as_ref().is_ok_and(|step| step.is_busy());
        if !matches!(&step, Ok(step) if *step == Step::default()) {
            (parts.report)(step);
        }
        let pause = if busy { Duration::ZERO } else { PAUSE };
        if wakes.recv_timeout(pause) == Err(RecvTimeoutError::Disconnected) {
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

#[cfg(test)]
mod tests {
    use automap_core::incident::Incident;

    use super::*;
    use crate::store::memory::MemoryStore;

    fn an_incident() -> Incident {
        let at = "2026-11-25T14:03:15Z";
        serde_json::from_value(serde_json::json!({
            "schema_version": 1, "id": "a", "target": "shop", "state": "open", "severity": "warning", "revision": 1,
            "onset": at, "opened": at, "updated": at, "closed": null, "title": "t", "cause": null, "symptoms": [], "victims": [],
            "slos": [], "alerts": [], "reopened": 0, "confirmed": null, "timeline": [], "report": null
        }))
        .unwrap()
    }

    #[test]
    fn only_the_holder_of_the_lease_sends() {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
        let t = Timestamp::from_ms;
        store.put(&an_incident(), &["gone".to_owned()], t(0)).unwrap();
        assert!(store.lease(OUTBOX_LEASE, "other", t(0), LEASE).unwrap());
        let parts = |now: i64| Parts {
            store: Arc::clone(&store),
            config: Box::new(Arc::default),
            clock: Box::new(move || t(now)),
            holder: "me".into(),
            seed: 1,
            report: Box::new(|_| {}),
        };
        let mut worker = Worker::new(1);
        assert_eq!(step(&mut worker, &parts(119_999)).unwrap(), Step::default());
        assert_eq!(step(&mut worker, &parts(120_000)).unwrap().given_up, 1, "its route is gone");
        assert!(!store.lease(OUTBOX_LEASE, "other", t(120_000), LEASE).unwrap());
        // Dropping gives the lease back.
        drop(Outbox::start(parts(120_000)).unwrap());
        assert!(store.lease(OUTBOX_LEASE, "other", t(120_000), LEASE).unwrap());
    }
}
