//! Alertmanager repeats itself, by intent: what was told last about each alert, in a table of bounded size.

use std::collections::{BTreeMap, VecDeque};

use automap_core::time::Timestamp;

use super::{Alert, AlertGroup};

/// Most alerts remembered; the one that came in first is forgotten first, and would be taken for new.
const MAX_SEEN: usize = 8192;

/// What was told last about each alert.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    last: BTreeMap<Key, (bool, Option<Timestamp>)>,
    order: VecDeque<Key>,
}

/// Group and fingerprint.
type Key = (String, String);

impl Seen {
    /// Whether this was not told last about the alert: it is new, changed its status, or began anew.
    pub(crate) fn is_news(&self, group: &str, alert: &Alert) -> bool {
        self.last.get(&key(group, alert)) != Some(&(alert.firing, alert.starts_at))
    }

    /// Remembers the alerts of a group that was taken.
    pub(crate) fn remember(&mut self, group: &AlertGroup) {
        for alert in &group.alerts {
            let key = key(&group.key, alert);
            if self.last.insert(key.clone(), (alert.firing, alert.starts_at)).is_none() {
                self.order.push_back(key);
            }
            if self.order.len() > MAX_SEEN
                && let Some(oldest) = self.order.pop_front()
            {
                self.last.remove(&oldest);
            }
        }
    }

    /// What was taken did not reach the watcher: it is news when it comes again.
    pub(crate) fn forget(&mut self, group: &AlertGroup) {
        for alert in &group.alerts {
            let key = key(&group.key, alert);
            self.last.remove(&key);
            self.order.retain(|k| *k != key);
        }
    }
}

fn key(group: &str, alert: &Alert) -> Key {
    (group.to_owned(), alert.fingerprint.clone())
}

#[cfg(test)]
mod tests {
    use super::super::AlertSender;
    use super::*;

    fn alert(fingerprint: &str, firing: bool, started: i64) -> Alert {
        Alert {
            fingerprint: fingerprint.into(),
            firing,
            starts_at: Some(Timestamp::from_ms(started)),
            ends_at: None,
            labels: BTreeMap::new(),
            summary: None,
        }
    }

    fn group(alerts: Vec<Alert>) -> AlertGroup {
        let (sender, key) = (AlertSender::Alertmanager, "g".to_owned());
        AlertGroup { sender, key, receiver: String::new(), target: None, alerts, left_out: 0 }
    }

    #[test]
    fn a_repetition_is_no_news_and_a_change_is() {
        let mut seen = Seen::default();
        assert!(seen.is_news("g", &alert("a", true, 1)));
        seen.remember(&group(vec![alert("a", true, 1)]));
        assert!(!seen.is_news("g", &alert("a", true, 1)));
        assert!(seen.is_news("g", &alert("a", false, 1)) && seen.is_news("other", &alert("a", true, 1)));
        seen.remember(&group(vec![alert("a", false, 1)]));
        assert!(seen.is_news("g", &alert("a", true, 9)), "it fires again");
        seen.forget(&group(vec![alert("a", false, 1)]));
        assert!(seen.is_news("g", &alert("a", false, 1)), "it did not get through");
    }

    #[test]
    fn the_table_is_bounded() {
        let mut seen = Seen::default();
        seen.remember(&group((0..MAX_SEEN + 10).map(|i| alert(&i.to_string(), true, 1)).collect()));
        assert_eq!((seen.last.len(), seen.order.len()), (MAX_SEEN, MAX_SEEN));
        assert!(seen.is_news("g", &alert("9", true, 1)) && !seen.is_news("g", &alert("10", true, 1)));
    }
}
