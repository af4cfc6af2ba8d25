//! What a store or the broker counts for its exporter.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use super::records::Operation;
use crate::shop::locked;

/// A consumer that has not polled for this long is gone: it polls again at once after every answer.
const CONSUMER_GONE_AFTER: Duration = Duration::from_secs(3);

/// All counters.
#[derive(Debug, Default)]
pub(super) struct Counters {
    /// Commands by type.
    commands: Mutex<BTreeMap<&'static str, Commands>>,
    /// Commands running or waiting now.
    pub(super) running: AtomicU64,
    /// Commands that wait for a lock now.
    pub(super) waiting: AtomicU64,
    /// Commands that have waited for a lock.
    pub(super) lock_waits: AtomicU64,
    /// Total wait time in microseconds.
    pub(super) lock_wait_us: AtomicU64,
    /// Connections of the shop now.
    pub(super) sessions: AtomicU64,
    /// Connections refused because all were taken.
    pub(super) refused: AtomicU64,
    /// The broker's queues.
    pub(super) queues: Mutex<BTreeMap<String, QueueCounters>>,
}

/// Commands of one type.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Commands {
    pub(super) count: u64,
    pub(super) seconds: f64,
}

/// One queue.
#[derive(Clone, Debug, Default)]
pub(super) struct QueueCounters {
    pub(super) ready: u64,
    pub(super) published: u64,
    /// When each consumer connection last polled.
    asked: BTreeMap<u64, Instant>,
}

impl QueueCounters {
    /// Records that a consumer's connection polls for a message.
    pub(super) fn ask(&mut self, connection: u64, now: Instant) {
        self.asked.insert(connection, now);
        self.asked.retain(|_, at| now.saturating_duration_since(*at) < CONSUMER_GONE_AFTER);
    }

    /// Number of active consumers.
    pub(super) fn consumers(&self, now: Instant) -> u64 {
        self.asked.values().filter(|at| now.saturating_duration_since(**at) < CONSUMER_GONE_AFTER).count() as u64
    }
}

impl Counters {
    /// Counts one finished command.
    pub(super) fn finished(&self, operation: Operation, took: Duration) {
        let mut all = locked(&self.commands);
        let commands = all.entry(word(operation)).or_default();
        commands.count += 1;
        commands.seconds += took.as_secs_f64();
    }

    /// Counts a wait for a lock; the wait ends when the guard is dropped, finished or not.
    pub(super) fn wait_for_lock(&self) -> LockWait<'_> {
        self.waiting.fetch_add(1, Relaxed);
        LockWait { counters: self, since: Instant::now() }
    }

    /// The type of a command: `get`, `set`, `del`.
    pub(super) fn commands(&self) -> BTreeMap<&'static str, Commands> {
        locked(&self.commands).clone()
    }
}

/// A command that waits for a lock.
pub(super) struct LockWait<'a> {
    counters: &'a Counters,
    since: Instant,
}

impl Drop for LockWait<'_> {
    fn drop(&mut self) {
        self.counters.waiting.fetch_sub(1, Relaxed);
        self.counters.lock_waits.fetch_add(1, Relaxed);
        self.counters.lock_wait_us.fetch_add(self.since.elapsed().as_micros() as u64, Relaxed);
    }
}

/// Increments a gauge until it is dropped.
pub(super) struct Held<'a>(&'a AtomicU64);

impl<'a> Held<'a> {
    pub(super) fn new(gauge: &'a AtomicU64) -> Self {
        gauge.fetch_add(1, Relaxed);
        Self(gauge)
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

fn word(operation: Operation) -> &'static str {
    match operation {
        Operation::Get => "get",
        Operation::Put => "set",
        Operation::Delete => "del",
        Operation::Publish => "publish",
        Operation::Consume => "consume",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_consumer_that_asks_no_more_is_gone() {
        let (mut queue, start) = (QueueCounters::default(), Instant::now());
        queue.ask(1, start);
        queue.ask(2, start + Duration::from_secs(2));
        assert_eq!(queue.consumers(start + Duration::from_secs(2)), 2);
        assert_eq!(queue.consumers(start + Duration::from_secs(4)), 1);
        assert_eq!(queue.consumers(start + Duration::from_secs(9)), 0);
    }

    #[test]
    fn a_wait_that_is_given_up_is_over() {
        let counters = Counters::default();
        drop(counters.wait_for_lock());
        assert_eq!((counters.waiting.load(Relaxed), counters.lock_waits.load(Relaxed)), (0, 1));
    }
}
