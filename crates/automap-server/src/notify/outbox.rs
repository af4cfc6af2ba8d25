//! The threads that send messages. One holds the outbox's lease, so that of several replicas on one store only one sends; the others send, each for
//! its own receivers, so that a receiver that hangs delays no other.
//!
//! A sender wakes when a message was queued, or once a second. It starts a message only if the lease outlasts the longest time that the message may
//! take: when another replica takes over, no message of this one is in progress.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, SyncSender};
use std::time::{Duration, Instant};

use automap_core::time::Timestamp;
use parking_lot::Mutex;

use super::config::NotifyConfig;
use super::worker::{MaySend, Step, Worker};
use crate::stop::Stop;
use crate::store::{Store, StoreError};
use crate::threads::Threads;

/// How often the outbox is checked if nothing wakes a sender, and how often the lease is renewed.
const PAUSE: Duration = Duration::from_secs(1);
/// Name of the lease that the senders need. No target can have this name.
pub const OUTBOX_LEASE: &str = "#outbox";
/// How long a lease is valid after its last renewal, in addition to the longest time of one message.
const LEASE: Duration = Duration::from_secs(20);
/// Most threads that send. Each serves one receiver; only if there are more receivers do some share a thread.
pub const MAX_SENDERS: usize = 64;
/// How long releasing the lease may take, even if the senders used up all the time.
const RELEASE: Duration = Duration::from_millis(500);
/// How long to wait for messages in progress when the outbox is dropped.
const GRACE: Duration = Duration::from_secs(5);

/// The running threads. They stop when this is dropped: no further message is started, and those in progress are waited for, within limits. Unsent
/// messages stay in the store; interrupted ones are sent again under the same key.
#[derive(Debug)]
pub struct Outbox {
    wakes: Vec<SyncSender<()>>,
    stop: Stop,
    threads: Mutex<Threads>,
    /// Stops the thread with the lease, after the senders.
    release: Stop,
    keeper: Mutex<Threads>,
}

/// Called after a step.
pub type Report = Box<dyn FnMut(Result<Step, StoreError>) + Send>;

/// What the threads need.
pub struct Parts {
    /// Where the messages are.
    pub store: Arc<dyn Store>,
    /// The current configuration; read before every step.
    pub config: Box<dyn Fn() -> Arc<NotifyConfig> + Send + Sync>,
    /// The time.
    pub clock: Box<dyn Fn() -> Timestamp + Send + Sync>,
    /// This replica, different from every other on the same store and the same after a restart (a pod's or host's name): one that comes back under
    /// another name waits for its own lease to expire.
    pub holder: String,
    /// Spreads retries.
    pub seed: u64,
    /// Called after every step that did something, and for every error: for the log.
    pub report: Report,
}

impl std::fmt::Debug for Parts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Parts").field("store", &self.store).field("holder", &self.holder).finish_non_exhaustive()
    }
}

/// What the threads share.
struct Shared {
    store: Arc<dyn Store>,
    config: Box<dyn Fn() -> Arc<NotifyConfig> + Send + Sync>,
    clock: Box<dyn Fn() -> Timestamp + Send + Sync>,
    holder: String,
    report: Mutex<Report>,
    /// When our lease expires, in milliseconds; 0 while there is none.
    held_until_ms: AtomicI64,
}

impl Outbox {
    /// Starts the threads.
    ///
    /// # Errors
    /// When the system gives no thread; those already running are stopped.
    pub fn start(parts: Parts) -> std::io::Result<Self> {
        let Parts { store, config, clock, holder, seed, report } = parts;
        let lanes = config().receivers.len().clamp(1, MAX_SENDERS);
        let held_until_ms = AtomicI64::new(0);
        let shared = Arc::new(Shared { store, config, clock, holder, report: Mutex::new(report), held_until_ms });
        let mut outbox = Self {
            wakes: Vec::new(),
            stop: Stop::default(),
            threads: Mutex::default(),
            release: Stop::default(),
            keeper: Mutex::default(),
        };
        // The senders start with the lease held.
        shared.renew();
        let (keeping, release) = (Arc::clone(&shared), outbox.release.clone());
        outbox.keeper.lock().spawn("outbox", move || keeping.keep(&release))?;
        for lane in 0..lanes {
            // One pending wake-up is enough.
            let (wake, wakes) = mpsc::sync_channel(1);
            let (shared, stop) = (Arc::clone(&shared), outbox.stop.clone());
            let send = move || shared.send(seed, (lane, lanes), &wakes, &stop);
            outbox.threads.lock().spawn(&format!("outbox-{lane}"), send)?;
            outbox.wakes.push(wake);
        }
        Ok(outbox)
    }

    /// Wakes the senders because a message was queued, so that it is sent now and not in a second.
    pub fn wake(&self) {
        for wake in &self.wakes {
            // A full channel means that the sender is awake already, a closed one that it has ended.
            let _ = wake.try_send(());
        }
    }

    /// Asks the senders to start no further message.
    pub fn stop(&self) {
        self.stop.set();
        self.wake();
    }

    /// Stops, and waits for messages in progress until `deadline`, then half a second at most for the lease to be released. Returns the names of the
    /// threads that still run: each is inside a request or a store call that does not end.
    pub fn stop_until(&self, deadline: Instant) -> Vec<String> {
        self.stop();
        let mut left = self.threads.lock().wait(deadline);
        self.release.set();
        left.extend(self.keeper.lock().wait(deadline.max(Instant::now() + RELEASE)));
        left
    }
}

impl Drop for Outbox {
    fn drop(&mut self) {
        self.stop_until(Instant::now() + GRACE);
    }
}

impl Shared {
    /// Renews the lease, or takes it when it is free.
    fn renew(&self) {
        let now = (self.clock)();
        let lease = LEASE + (self.config)().http.timeout();
        match self.store.lease(OUTBOX_LEASE, &self.holder, now, lease) {
            Ok(is_held) => {
                let until = now.plus_ms(i64::try_from(lease.as_millis()).unwrap_or(i64::MAX)).ms();
                self.held_until_ms.store(if is_held { until } else { 0 }, Ordering::Release);
            }
            // It may still be valid; nothing is sent while that is uncertain.
            Err(error) => self.report(Err(error)),
        }
    }

    /// Keeps the lease until `release`.
    fn keep(&self, release: &Stop) {
        while !release.sleep(PAUSE) {
            self.renew();
        }
        // So that a successor need not wait; if it fails, the lease expires.
        let _ = self.store.release(OUTBOX_LEASE, &self.holder);
    }

    /// Whether a message that starts now ends before another replica may hold the lease.
    fn outlasts_a_message(&self) -> bool {
        let timeout_ms = i64::try_from((self.config)().http.timeout().as_millis()).unwrap_or(i64::MAX);
        (self.clock)().plus_ms(timeout_ms).ms() < self.held_until_ms.load(Ordering::Acquire)
    }

    /// Sends for the receivers of one lane until `stop`.
    fn send(self: Arc<Self>, seed: u64, lane: (usize, usize), wakes: &mpsc::Receiver<()>, stop: &Stop) {
        let (shared, stopped) = (Arc::clone(&self), stop.clone());
        let may_send: MaySend = Arc::new(move || !stopped.is_set() && shared.outlasts_a_message());
        let mut worker = Worker::of_lane(seed, lane, Arc::clone(&may_send));
        while !stop.is_set() {
            let mut is_busy = false;
            if may_send() {
                let step = worker.step(&*self.store, &(self.config)(), &*self.clock);
                is_busy = step.as_ref().is_ok_and(Step::is_busy);
                if !matches!(&step, Ok(step) if *step == Step::default()) {
                    self.report(step);
                }
            }
            let pause = if is_busy { Duration::ZERO } else { PAUSE };
            if wakes.recv_timeout(pause) == Err(RecvTimeoutError::Disconnected) {
                return;
            }
        }
    }

    fn report(&self, step: Result<Step, StoreError>) {
        (self.report.lock())(step);
    }
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

    fn shared(store: &Arc<dyn Store>, now: &Arc<AtomicI64>) -> Shared {
        let now = Arc::clone(now);
        Shared {
            store: Arc::clone(store),
            config: Box::new(Arc::default),
            clock: Box::new(move || Timestamp::from_ms(now.load(Ordering::SeqCst))),
            holder: "me".into(),
            report: Mutex::new(Box::new(|_| {})),
            held_until_ms: AtomicI64::new(0),
        }
    }

    #[test]
    fn only_the_holder_of_the_lease_sends_and_only_while_it_outlasts_a_message() {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
        let (t, now) = (Timestamp::from_ms, Arc::new(AtomicI64::new(0)));
        let shared = shared(&store, &now);
        assert!(store.lease(OUTBOX_LEASE, "other", t(0), Duration::from_secs(120)).unwrap());
        now.store(119_999, Ordering::SeqCst);
        shared.renew();
        assert!(!shared.outlasts_a_message(), "another replica has it");
        now.store(120_000, Ordering::SeqCst);
        shared.renew();
        assert!(shared.outlasts_a_message() && !store.lease(OUTBOX_LEASE, "other", t(120_000), LEASE).unwrap());
        // One message may take ten seconds, so it has to start that much before the end.
        now.store(120_000 + 19_999, Ordering::SeqCst);
        assert!(shared.outlasts_a_message());
        now.store(120_000 + 20_000, Ordering::SeqCst);
        assert!(!shared.outlasts_a_message(), "the store did not let us renew it");
        shared.renew();
        assert!(shared.outlasts_a_message());
    }

    #[test]
    fn dropping_gives_the_lease_back() {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
        let t = Timestamp::from_ms;
        store.put(&an_incident(), &["gone".to_owned()], t(0)).unwrap();
        let parts = Parts {
            store: Arc::clone(&store),
            config: Box::new(Arc::default),
            clock: Box::new(move || t(120_000)),
            holder: "me".into(),
            seed: 1,
            report: Box::new(|_| {}),
        };
        let outbox = Outbox::start(parts).unwrap();
        while store.outbox().unwrap().given_up == 0 {
            outbox.wake();
            std::thread::yield_now();
        }
        assert!(!store.lease(OUTBOX_LEASE, "other", t(120_000), LEASE).unwrap());
        drop(outbox);
        assert!(store.lease(OUTBOX_LEASE, "other", t(120_000), LEASE).unwrap());
    }
}
