//! Alerts from outside that fire now, by target. Bounded; an alert that nobody repeats or resolves ends by itself.

mod alertmanager;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use automap_core::time::Timestamp;
use automap_core::watch::Alert;

pub use alertmanager::{Group, GroupAlert, Status};

use crate::config::Target;

/// Most alerts of one target.
pub const MAX_ALERTS: usize = 500;
/// Alertmanager repeats what fires every four hours by default; what is silent for longer is over.
const FORGET_MS: i64 = 5 * 3_600_000;
/// Longest summary that is kept, in characters.
const MAX_SUMMARY: usize = 200;

/// Firing alerts of every target.
#[derive(Clone, Debug)]
pub struct Inbox {
    targets: Arc<Vec<Target>>,
    firing: Arc<Mutex<BTreeMap<String, BTreeMap<String, Firing>>>>,
}

#[derive(Clone, Debug)]
struct Firing {
    alert: Alert,
    heard: Timestamp,
}

/// What became of a group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// Alerts that fire and were not known.
    pub new: usize,
    /// Alerts that were known.
    pub known: usize,
    /// Alerts that ended.
    pub resolved: usize,
    /// Alerts of no target of ours.
    pub strange: usize,
    /// Alerts for which there was no room.
    pub dropped: usize,
}

impl Inbox {
    /// For these targets.
    pub fn new(targets: &[Target]) -> Self {
        Self { targets: Arc::new(targets.to_vec()), firing: Arc::default() }
    }

    /// Takes a group in. The same group twice changes nothing.
    pub fn take(&self, group: &Group, now: Timestamp) -> Taken {
        let mut taken = Taken::default();
        let mut firing = self.firing.lock().unwrap_or_else(PoisonError::into_inner);
        for told in &group.alerts {
            let Some(target) = self.target_of(told) else {
                taken.strange += 1;
                continue;
            };
            let of_target = firing.entry(target.name.clone()).or_default();
            let key = told.key(group);
            if told.status == Status::Resolved {
                taken.resolved += usize::from(of_target.remove(&key).is_some());
                continue;
            }
            let is_known = of_target.contains_key(&key);
            if !is_known && of_target.len() >= MAX_ALERTS {
                taken.dropped += 1;
                continue;
            }
            let waited = target.alert_for.map_or(0, |w| w.ms());
            let started = told.starts_at.unwrap_or(now).plus_ms(-waited).min(now);
            let summary: String = told.summary().chars().filter(|c| !c.is_control()).take(MAX_SUMMARY).collect();
            let alert = Alert { key: key.clone(), summary, started };
            of_target.insert(key, Firing { alert, heard: now });
            *(if is_known { &mut taken.known } else { &mut taken.new }) += 1;
        }
        taken
    }

    /// What fires for a target now.
    pub fn firing(&self, target: &str, now: Timestamp) -> Vec<Alert> {
        let mut firing = self.firing.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(of_target) = firing.get_mut(target) else { return Vec::new() };
        of_target.retain(|_, f| now.ms() - f.heard.ms() < FORGET_MS);
        of_target.values().map(|f| f.alert.clone()).collect()
    }

    /// By the labels `automap_target`, then `namespace`; a single target gets what names neither.
    fn target_of(&self, alert: &GroupAlert) -> Option<&Target> {
        let label = |name: &str| alert.labels.get(name).map(String::as_str);
        if let Some(name) = label("automap_target") {
            return self.targets.iter().find(|t| t.name == name);
        }
        match label("namespace") {
            Some(namespace) => self.targets.iter().find(|t| t.namespace == namespace),
            None if self.targets.len() == 1 => self.targets.first(),
            None => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inbox() -> Inbox {
        let mut shop = Target::new("shop", "http://p").unwrap();
        shop.alert_for = crate::config::Span::parse("2m");
        Inbox::new(&[shop, Target::new("bank", "http://p").unwrap()])
    }

    fn group(status: &str, namespace: &str) -> Group {
        Group::parse(
            format!(
                r#"{{"version":"4","groupKey":"{{}}:{{alertname=\"Slow\"}}","truncatedAlerts":0,"status":"{status}","receiver":"automap",
                "groupLabels":{{}},"commonLabels":{{}},"commonAnnotations":{{}},"externalURL":"http://am","alerts":[{{"status":"{status}",
                "labels":{{"alertname":"Slow","namespace":"{namespace}"}},"annotations":{{"summary":"checkout is slow"}},
                "startsAt":"2026-11-25T14:03:00Z","endsAt":"0001-01-01T00:00:00Z","generatorURL":"","fingerprint":"abc"}}]}}"#
            )
            .as_bytes(),
        )
        .unwrap()
    }

    #[test]
    fn an_alert_fires_until_it_is_resolved_or_forgotten() {
        let (inbox, now) = (inbox(), Timestamp::parse_rfc3339("2026-11-25T14:05:00Z").unwrap());
        assert_eq!(inbox.take(&group("firing", "shop"), now), Taken { new: 1, ..Taken::default() });
        assert_eq!(inbox.take(&group("firing", "shop"), now), Taken { known: 1, ..Taken::default() });
        assert_eq!(inbox.take(&group("firing", "elsewhere"), now), Taken { strange: 1, ..Taken::default() });
        let firing = inbox.firing("shop", now);
        assert_eq!((firing.len(), firing[0].summary.as_str()), (1, "checkout is slow"));
        assert_eq!(firing[0].started.rfc3339(), "2026-11-25T14:01:00Z", "the rule waited for two minutes");
        assert_eq!(inbox.firing("bank", now), []);
        assert_eq!(inbox.take(&group("resolved", "shop"), now), Taken { resolved: 1, ..Taken::default() });
        assert_eq!(inbox.firing("shop", now), []);
        inbox.take(&group("firing", "shop"), now);
        assert_eq!(inbox.firing("shop", now.plus_ms(FORGET_MS)), []);
    }

    #[test]
    fn a_flood_is_bounded() {
        let (inbox, now) = (inbox(), Timestamp::from_ms(0));
        let mut flood = group("firing", "shop");
        let one = flood.alerts[0].clone();
        flood.alerts = (0..MAX_ALERTS + 7).map(|i| GroupAlert { fingerprint: i.to_string(), ..one.clone() }).collect();
        assert_eq!(inbox.take(&flood, now), Taken { new: MAX_ALERTS, dropped: 7, ..Taken::default() });
        assert_eq!(inbox.firing("shop", now).len(), MAX_ALERTS);
    }
}
