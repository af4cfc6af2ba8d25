//! The queue of alerts from a webhook to the watcher. Each alert is matched with its target before the sender is answered, so that the answer says
//! what was ignored and why; the others wait, one group at a time. Mere repetitions are no news and do not wait, but they are kept like news: an alert
//! fires for as long as it is repeated. [`crate::api`]'s background task delivers the news to the watcher.

use automap_core::text::shown;
use automap_core::time::Timestamp;
use parking_lot::Mutex;
use schemars::JsonSchema;
use serde::Serialize;
use tokio::sync::mpsc;

use crate::alerts::matching::AlertTargets;
use crate::alerts::repeats::RepeatFilter;
use crate::alerts::{AlertGroup, ReceivedAlert};

/// Most alerts that an answer lists.
const MAX_LISTED: usize = 50;
/// Longest name in an answer, in characters.
const MAX_NAME_CHARS: usize = 200;
/// Shortest time between two lines of the log about alerts that were ignored or not delivered.
const LOG_EVERY_MS: i64 = 60_000;

/// Groups of alerts that wait for the watcher.
#[derive(Debug)]
pub(crate) struct AlertQueue {
    sender: mpsc::Sender<AlertGroup>,
    receiver: Mutex<Option<mpsc::Receiver<AlertGroup>>>,
    repeats: Mutex<RepeatFilter>,
    /// When the log was last written to, and the number of lines suppressed since.
    log: Mutex<(Option<Timestamp>, u64)>,
}

/// What became of the alerts of one webhook.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct AlertReceipt {
    /// Alerts that go to the watcher.
    taken: usize,
    /// Alerts that repeat what was received before; those that fire are kept for as long again.
    repeated: usize,
    /// Alerts that have no effect; `alerts` says why.
    ignored: usize,
    /// Alerts that the sender or automap left out.
    left_out: u64,
    /// The alerts one by one, the ignored ones first; the first 50.
    alerts: Vec<AlertAnswer>,
}

/// What became of one alert.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct AlertAnswer {
    /// The rule's name.
    alert: String,
    /// What became of it.
    outcome: AlertOutcome,
    /// The target that it belongs to; `null` where it was ignored.
    target: Option<String>,
    /// Why it was ignored, and what to change; `null` otherwise.
    reason: Option<String>,
}

/// What became of an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum AlertOutcome {
    /// It belongs to no target.
    NoTarget,
    /// It says nothing of the services: its rule has no data, could not be evaluated, or it is silenced.
    NoEffect,
    /// It fires: an incident opens, or an open one gets it.
    Taken,
    /// It is over.
    Resolved,
    /// It was received before; if it fires, it is kept for as long again.
    Repeated,
}

/// The queue has no room for another group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct QueueFull;

impl AlertQueue {
    pub(crate) fn new(max_groups: usize) -> Self {
        let (sender, receiver) = mpsc::channel(max_groups);
        Self { sender, receiver: Mutex::new(Some(receiver)), repeats: Mutex::default(), log: Mutex::default() }
    }

    /// Queues the alerts of a group that are new and belong to a target. Only queued alerts are remembered: those of a refused group count as new
    /// when they come again. `group` then holds those to keep: what was queued, and firing alerts that were received before and are renewed.
    ///
    /// # Errors
    /// [`QueueFull`].
    pub(crate) fn push(&self, group: &mut AlertGroup, targets: &AlertTargets) -> Result<AlertReceipt, QueueFull> {
        let mut repeats = self.repeats.lock();
        let mut answers = Vec::with_capacity(group.alerts.len());
        let (key, addressed) = (group.key.clone(), group.target.clone());
        let mut news = Vec::new();
        group.alerts.retain(|alert| {
            let answer = answer(alert, targets.find(addressed.as_deref(), alert), repeats.is_news(&key, alert));
            let outcome = answer.outcome;
            answers.push(answer);
            let is_news = matches!(outcome, AlertOutcome::Taken | AlertOutcome::Resolved);
            if is_news {
                news.push(alert.clone());
            }
            is_news || (outcome == AlertOutcome::Repeated && alert.is_firing)
        });
        if !news.is_empty() {
            let slot = self.sender.try_reserve().map_err(|_| QueueFull)?;
            let news = AlertGroup { alerts: news, ..group.clone() };
            repeats.remember(&news);
            slot.send(news);
        }
        Ok(AlertReceipt::new(answers, group.left_out))
    }

    /// The receiving end, for the one task that delivers; `None` from the second call on.
    pub(crate) fn take_receiver(&self) -> Option<mpsc::Receiver<AlertGroup>> {
        self.receiver.lock().take()
    }

    /// Forgets the alerts of a group that did not reach the watcher, so that they count as new when they come again.
    pub(crate) fn forget(&self, group: &AlertGroup) {
        self.repeats.lock().forget(group);
    }

    /// Whether the log may have another line about alerts without effect: one a minute. `Some` is the number of lines suppressed since the last one.
    pub(crate) fn may_log(&self, now: Timestamp) -> Option<u64> {
        let mut log = self.log.lock();
        let (last, left_out) = *log;
        if last.is_some_and(|last| (0..LOG_EVERY_MS).contains(&(now.ms() - last.ms()))) {
            log.1 += 1;
            return None;
        }
        *log = (Some(now), 0);
        Some(left_out)
    }
}

fn answer(
    alert: &ReceivedAlert,
    target: Result<&crate::alerts::matching::AlertTarget, String>,
    is_news: bool,
) -> AlertAnswer {
    let (outcome, target, reason) = match (alert.without_effect, target) {
        (Some(why), _) => (AlertOutcome::NoEffect, None, Some(why.reason().to_owned())),
        (None, Err(reason)) => (AlertOutcome::NoTarget, None, Some(reason)),
        (None, Ok(target)) => {
            let outcome = match (is_news, alert.is_firing) {
                (false, _) => AlertOutcome::Repeated,
                (true, true) => AlertOutcome::Taken,
                (true, false) => AlertOutcome::Resolved,
            };
            (outcome, Some(target.name.clone()), None)
        }
    };
    let alert = shown(alert.name(), MAX_NAME_CHARS);
    AlertAnswer { alert, outcome, target, reason }
}

impl AlertReceipt {
    fn new(mut alerts: Vec<AlertAnswer>, left_out: u64) -> Self {
        let count = |of: &[AlertOutcome]| alerts.iter().filter(|a| of.contains(&a.outcome)).count();
        let taken = count(&[AlertOutcome::Taken, AlertOutcome::Resolved]);
        let repeated = count(&[AlertOutcome::Repeated]);
        let ignored = count(&[AlertOutcome::NoTarget, AlertOutcome::NoEffect]);
        alerts.sort_by_key(|a| a.outcome);
        alerts.truncate(MAX_LISTED);
        Self { taken, repeated, ignored, left_out, alerts }
    }

    /// How many alerts were ignored and why the first one was; `None` if none was.
    pub(crate) fn ignored(&self) -> Option<(usize, &str)> {
        let first = self.alerts.first().and_then(|a| a.reason.as_deref());
        first.filter(|_| self.ignored > 0).map(|reason| (self.ignored, reason))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_has_a_line_a_minute() {
        let queue = AlertQueue::new(1);
        let at = |s: i64| Timestamp::from_ms(s * 1000);
        assert_eq!(queue.may_log(at(0)), Some(0));
        assert_eq!([queue.may_log(at(1)), queue.may_log(at(59))], [None, None]);
        assert_eq!(queue.may_log(at(60)), Some(2));
        assert_eq!(queue.may_log(at(120)), Some(0));
    }
}
