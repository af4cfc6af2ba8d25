//! Alerts on their way from a webhook to the watcher. A webhook is answered at once; its alerts wait here, one group at a time, and alerts
//! that the sender merely repeats are left out. The watcher's side is [`crate::api`]'s background task.

use parking_lot::Mutex;
use schemars::JsonSchema;
use serde::Serialize;
use tokio::sync::mpsc;

use crate::alerts::AlertGroup;
use crate::alerts::repeats::RepeatFilter;

/// Groups of alerts that wait for the watcher.
#[derive(Debug)]
pub(crate) struct AlertQueue {
    sender: mpsc::Sender<AlertGroup>,
    receiver: Mutex<Option<mpsc::Receiver<AlertGroup>>>,
    repeats: Mutex<RepeatFilter>,
}

/// What became of the alerts of one webhook.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct AlertReceipt {
    /// Alerts that go to the watcher.
    taken: usize,
    /// Alerts that repeat what was received before.
    repeated: usize,
    /// Alerts that the sender or automap left out.
    left_out: u64,
}

/// The queue has no room for another group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct QueueFull;

impl AlertQueue {
    pub(crate) fn new(max_groups: usize) -> Self {
        let (sender, receiver) = mpsc::channel(max_groups);
        Self { sender, receiver: Mutex::new(Some(receiver)), repeats: Mutex::default() }
    }

    /// Queues the alerts of a group that are news. Only queued alerts are remembered: those of a refused group are news when they come again.
    ///
    /// # Errors
    /// [`QueueFull`].
    pub(crate) fn push(&self, mut group: AlertGroup) -> Result<AlertReceipt, QueueFull> {
        let mut repeats = self.repeats.lock();
        let received = group.alerts.len();
        group.alerts.retain(|a| repeats.is_news(&group.key, a));
        let taken = group.alerts.len();
        let receipt = AlertReceipt { taken, repeated: received - taken, left_out: group.left_out };
        if group.alerts.is_empty() {
            return Ok(receipt);
        }
        let slot = self.sender.try_reserve().map_err(|_| QueueFull)?;
        repeats.remember(&group);
        slot.send(group);
        Ok(receipt)
    }

    /// The receiving end, for the one task that delivers; `None` from the second call on.
    pub(crate) fn take_receiver(&self) -> Option<mpsc::Receiver<AlertGroup>> {
        self.receiver.lock().take()
    }

    /// Forgets the alerts of a group that did not reach the watcher, so that they are news when they come again.
    pub(crate) fn forget(&self, group: &AlertGroup) {
        self.repeats.lock().forget(group);
    }
}
