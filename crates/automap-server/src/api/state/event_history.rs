//! Numbered events, of which the latest are kept. A listener that reconnects with the number of the last event it received gets the later
//! ones; when some of those are no longer kept, it gets a `reset` event instead.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::broadcast;

use crate::system::IncidentChange;

/// Events kept for listeners that reconnect.
pub(crate) const MAX_KEPT: usize = 512;
/// How many events a listener may lag behind before the oldest are dropped for it.
const MAX_BEHIND: usize = 256;

/// One event.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct StreamEvent {
    /// A random number for this start of automap, and the event's own number: `5f3a0c11-42`.
    pub(crate) id: String,
    /// `incident`, or `reset` when events were lost and the client should read the list of incidents again.
    pub(crate) kind: &'static str,
    /// JSON.
    pub(crate) data: String,
}

/// The latest events, and who listens for more.
#[derive(Debug)]
pub(crate) struct EventHistory {
    boot: u32,
    latest: Mutex<Latest>,
    listeners: broadcast::Sender<Arc<StreamEvent>>,
}

#[derive(Debug, Default)]
struct Latest {
    last: u64,
    kept: VecDeque<(u64, Arc<StreamEvent>)>,
}

/// What a listener starts with.
#[derive(Debug)]
pub(crate) struct Subscription {
    /// The events that it missed, oldest first.
    pub(crate) missed: Vec<Arc<StreamEvent>>,
    /// The events from now on.
    pub(crate) live: broadcast::Receiver<Arc<StreamEvent>>,
}

impl EventHistory {
    pub(crate) fn new(boot: u32) -> Self {
        Self { boot, latest: Mutex::default(), listeners: broadcast::Sender::new(MAX_BEHIND) }
    }

    pub(crate) fn publish(&self, change: &IncidentChange) {
        if let Ok(data) = serde_json::to_string(change) {
            self.push("incident", data);
        }
    }

    /// Records that changes were lost before they reached this history: every listener gets a `reset`.
    pub(crate) fn publish_reset(&self) {
        self.push("reset", "{}".into());
    }

    /// A `reset` event for one listener, with the number to reconnect with.
    pub(crate) fn reset_event(&self) -> Arc<StreamEvent> {
        let last = self.latest.lock().last;
        Arc::new(self.event(last, "reset", "{}".into()))
    }

    /// Starts listening after the event `last_received`. No event is lost between the missed ones and the later ones.
    pub(crate) fn subscribe(&self, last_received: Option<&str>) -> Subscription {
        let latest = self.latest.lock();
        let live = self.listeners.subscribe();
        let Some(last_received) = last_received else { return Subscription { missed: Vec::new(), live } };
        let first_kept = latest.kept.front().map_or(latest.last + 1, |(n, _)| *n);
        let known = self.number(last_received).filter(|n| *n <= latest.last && n.saturating_add(1) >= first_kept);
        let missed = match known {
            Some(last) => latest.kept.iter().filter(|(n, _)| *n > last).map(|(_, e)| Arc::clone(e)).collect(),
            None => vec![Arc::new(self.event(latest.last, "reset", "{}".into()))],
        };
        Subscription { missed, live }
    }

    fn push(&self, kind: &'static str, data: String) {
        let mut latest = self.latest.lock();
        latest.last += 1;
        let event = Arc::new(self.event(latest.last, kind, data));
        if latest.kept.len() >= MAX_KEPT {
            latest.kept.pop_front();
        }
        let last = latest.last;
        latest.kept.push_back((last, Arc::clone(&event)));
        // Fails when there is no listener, which is not an error.
        let _ = self.listeners.send(event);
    }

    fn event(&self, number: u64, kind: &'static str, data: String) -> StreamEvent {
        StreamEvent { id: format!("{:08x}-{number}", self.boot), kind, data }
    }

    /// The number in an id of this start of automap.
    fn number(&self, id: &str) -> Option<u64> {
        let (boot, number) = id.split_once('-')?;
        (u32::from_str_radix(boot, 16).ok()? == self.boot).then(|| number.parse().ok()).flatten()
    }
}

#[cfg(test)]
mod tests {
    use automap_core::incident::{IncidentState, Severity};
    use automap_core::time::Timestamp;

    use super::*;

    fn history(events: u64) -> EventHistory {
        let history = EventHistory::new(7);
        for revision in 1..=events {
            history.publish(&IncidentChange {
                id: "a".into(),
                target: "shop".into(),
                state: IncidentState::Open,
                severity: Severity::Info,
                revision,
                title: String::new(),
                at: Timestamp::from_ms(0),
            });
        }
        history
    }

    fn missed(history: &EventHistory, last: &str) -> Vec<String> {
        history.subscribe(Some(last)).missed.iter().map(|e| format!("{} {}", e.kind, e.id)).collect()
    }

    #[test]
    fn a_listener_that_reconnects_gets_the_later_events() {
        let history = history(3);
        assert_eq!(missed(&history, "00000007-1"), ["incident 00000007-2", "incident 00000007-3"]);
        assert!(missed(&history, "00000007-3").is_empty());
        assert!(history.subscribe(None).missed.is_empty(), "a new listener gets only new events");
    }

    #[test]
    fn a_listener_that_missed_too_much_or_knows_an_earlier_start_is_reset() {
        let history = history(MAX_KEPT as u64 + 5);
        let reset = [format!("reset 00000007-{}", MAX_KEPT + 5)];
        assert_eq!(missed(&history, "00000007-4"), reset);
        assert_eq!(missed(&history, "00000007-5").len(), MAX_KEPT);
        for unknown in ["00000008-3", "00000007-99999", "x", "", "00000007--1", "00000007-18446744073709551615"] {
            assert_eq!(missed(&history, unknown), reset, "{unknown}");
        }
    }

    #[test]
    fn no_event_is_lost_between_missed_and_live() {
        let history = history(2);
        let mut resumed = history.subscribe(Some("00000007-1"));
        history.publish_reset();
        assert_eq!((resumed.missed.len(), resumed.live.try_recv().unwrap().id.as_str()), (1, "00000007-3"));
    }
}
