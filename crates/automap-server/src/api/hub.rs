//! Events with numbers, the last ones kept: who comes back with the number of the last one seen gets what came since, or is told that
//! something is missing.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::broadcast;

use super::system::IncidentChange;

/// Events kept for those who come back.
pub(crate) const MAX_KEPT: usize = 512;
/// Events that a slow listener may be behind before some are dropped for it.
const MAX_BEHIND: usize = 256;

/// One event.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Event {
    /// `5f3a0c11-42`: this start of automap, and the number.
    pub(crate) id: String,
    /// `incident`, or `reset` when events were lost and the list is to be read again.
    pub(crate) kind: &'static str,
    /// JSON.
    pub(crate) data: String,
}

/// The listeners and the last events.
#[derive(Debug)]
pub(crate) struct Hub {
    boot: u32,
    state: Mutex<State>,
    listeners: broadcast::Sender<Arc<Event>>,
}

#[derive(Debug, Default)]
struct State {
    last: u64,
    kept: VecDeque<(u64, Arc<Event>)>,
}

/// What a listener begins with.
#[derive(Debug)]
pub(crate) struct Resumed {
    /// What it missed, oldest first.
    pub(crate) missed: Vec<Arc<Event>>,
    /// What comes from now on.
    pub(crate) live: broadcast::Receiver<Arc<Event>>,
}

impl Hub {
    pub(crate) fn new(boot: u32) -> Self {
        Self { boot, state: Mutex::default(), listeners: broadcast::Sender::new(MAX_BEHIND) }
    }

    pub(crate) fn publish(&self, change: &IncidentChange) {
        if let Ok(data) = serde_json::to_string(change) {
            self.push("incident", data);
        }
    }

    /// Changes were lost before they came here.
    pub(crate) fn gap(&self) {
        self.push("reset", "{}".into());
    }

    /// An event that tells a listener to read the list again. It carries the number to come back with.
    pub(crate) fn reset(&self) -> Arc<Event> {
        let last = self.state.lock().last;
        Arc::new(self.event(last, "reset", "{}".into()))
    }

    /// Nothing falls between what was missed and what comes.
    pub(crate) fn resume(&self, last_seen: Option<&str>) -> Resumed {
        let state = self.state.lock();
        let live = self.listeners.subscribe();
        let Some(last_seen) = last_seen else { return Resumed { missed: Vec::new(), live } };
        let first_kept = state.kept.front().map_or(state.last + 1, |(n, _)| *n);
        let known = self.number(last_seen).filter(|n| *n <= state.last && n.saturating_add(1) >= first_kept);
        let missed = match known {
            Some(seen) => state.kept.iter().filter(|(n, _)| *n > seen).map(|(_, e)| Arc::clone(e)).collect(),
            None => vec![Arc::new(self.event(state.last, "reset", "{}".into()))],
        };
        Resumed { missed, live }
    }

    fn push(&self, kind: &'static str, data: String) {
        let mut state = self.state.lock();
        state.last += 1;
        let event = Arc::new(self.event(state.last, kind, data));
        if state.kept.len() >= MAX_KEPT {
            state.kept.pop_front();
        }
        let last = state.last;
        state.kept.push_back((last, Arc::clone(&event)));
        // Nobody listens: that is no error.
        let _ = self.listeners.send(event);
    }

    fn event(&self, number: u64, kind: &'static str, data: String) -> Event {
        Event { id: format!("{:08x}-{number}", self.boot), kind, data }
    }

    /// The number of an id of this start.
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

    fn hub(events: u64) -> Hub {
        let hub = Hub::new(7);
        for revision in 1..=events {
            hub.publish(&IncidentChange {
                id: "a".into(),
                target: "shop".into(),
                state: IncidentState::Open,
                severity: Severity::Info,
                revision,
                title: String::new(),
                at: Timestamp::from_ms(0),
            });
        }
        hub
    }

    fn missed(hub: &Hub, last: &str) -> Vec<String> {
        hub.resume(Some(last)).missed.iter().map(|e| format!("{} {}", e.kind, e.id)).collect()
    }

    #[test]
    fn who_comes_back_gets_what_came_since() {
        let hub = hub(3);
        assert_eq!(missed(&hub, "00000007-1"), ["incident 00000007-2", "incident 00000007-3"]);
        assert!(missed(&hub, "00000007-3").is_empty());
        assert!(hub.resume(None).missed.is_empty(), "who comes first gets only what is new");
    }

    #[test]
    fn who_missed_too_much_or_comes_from_before_the_start_reads_the_list_again() {
        let hub = hub(MAX_KEPT as u64 + 5);
        let reset = [format!("reset 00000007-{}", MAX_KEPT + 5)];
        assert_eq!(missed(&hub, "00000007-4"), reset);
        assert_eq!(missed(&hub, "00000007-5").len(), MAX_KEPT);
        for strange in ["00000008-3", "00000007-99999", "x", "", "00000007--1", "00000007-18446744073709551615"] {
            assert_eq!(missed(&hub, strange), reset, "{strange}");
        }
    }

    #[test]
    fn what_is_missed_and_what_comes_meet() {
        let hub = hub(2);
        let mut resumed = hub.resume(Some("00000007-1"));
        hub.gap();
        assert_eq!((resumed.missed.len(), resumed.live.try_recv().unwrap().id.as_str()), (1, "00000007-3"));
    }
}
