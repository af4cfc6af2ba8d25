//! Recognises alerts that were received before. Alertmanager repeats firing alerts by design; the latest status of each alert is kept in a
//! table of bounded size.

use std::collections::{BTreeMap, VecDeque};

use automap_core::time::Timestamp;

use super::{AlertGroup, ReceivedAlert};

/// Most alerts remembered. Beyond that the oldest is forgotten, and its repetition counts as new.
const MAX_REMEMBERED: usize = 8192;

/// The latest status and start of each alert.
#[derive(Debug, Default)]
pub(crate) struct RepeatFilter {
    latest: BTreeMap<Key, (bool, Option<Timestamp>)>,
    order: VecDeque<Key>,
}

/// Group and fingerprint.
type Key = (String, String);

impl RepeatFilter {
    /// Whether the alert is new, changed its status, or fires again with another start.
    pub(crate) fn is_news(&self, group: &str, alert: &ReceivedAlert) -> bool {
        self.latest.get(&key(group, alert)) != Some(&(alert.is_firing, alert.starts_at))
    }

    /// Remembers the alerts of a group that was accepted.
    pub(crate) fn remember(&mut self, group: &AlertGroup) {
        for alert in &group.alerts {
            let key = key(&group.key, alert);
            if self.latest.insert(key.clone(), (alert.is_firing, alert.starts_at)).is_none() {
                self.order.push_back(key);
            }
            if self.order.len() > MAX_REMEMBERED
                && let Some(oldest) = self.order.pop_front()
            {
                self.latest.remove(&oldest);
            }
        }
    }

    /// Forgets the alerts of a group that did not reach the watcher, so that they count as new when they come again.
    pub(crate) fn forget(&mut self, group: &AlertGroup) {
        for alert in &group.alerts {
            let key = key(&group.key, alert);
            self.latest.remove(&key);
            self.order.retain(|k| *k != key);
        }
    }
}

fn key(group: &str, alert: &ReceivedAlert) -> Key {
    (group.to_owned(), alert.fingerprint.clone())
}

#[cfg(test)]
mod tests {
    use super::super::AlertSender;
    use super::*;

    fn alert(fingerprint: &str, firing: bool, started: i64) -> ReceivedAlert {
        ReceivedAlert {
            fingerprint: fingerprint.into(),
            is_firing: firing,
            starts_at: Some(Timestamp::from_ms(started)),
            ends_at: None,
            labels: BTreeMap::new(),
            summary: None,
            without_effect: None,
        }
    }

    fn group(alerts: Vec<ReceivedAlert>) -> AlertGroup {
        let (sender, key) = (AlertSender::Alertmanager, "g".to_owned());
        AlertGroup { sender, key, receiver: String::new(), target: None, alerts, left_out: 0 }
    }

    #[test]
    fn a_repetition_is_not_news_and_a_change_is() {
        let mut filter = RepeatFilter::default();
        assert!(filter.is_news("g", &alert("a", true, 1)));
        filter.remember(&group(vec![alert("a", true, 1)]));
        assert!(!filter.is_news("g", &alert("a", true, 1)));
        assert!(filter.is_news("g", &alert("a", false, 1)) && filter.is_news("other", &alert("a", true, 1)));
        filter.remember(&group(vec![alert("a", false, 1)]));
        assert!(filter.is_news("g", &alert("a", true, 9)), "it fires again");
        filter.forget(&group(vec![alert("a", false, 1)]));
        assert!(filter.is_news("g", &alert("a", false, 1)), "it did not reach the watcher");
    }

    #[test]
    fn the_table_is_bounded() {
        let mut filter = RepeatFilter::default();
        filter.remember(&group((0..MAX_REMEMBERED + 10).map(|i| alert(&i.to_string(), true, 1)).collect()));
        assert_eq!((filter.latest.len(), filter.order.len()), (MAX_REMEMBERED, MAX_REMEMBERED));
        assert!(filter.is_news("g", &alert("9", true, 1)) && !filter.is_news("g", &alert("10", true, 1)));
    }
}
