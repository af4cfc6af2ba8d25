//! Alerts from outside that fire now, by target. Bounded; an alert that nobody repeats or resolves ends by itself.

use std::collections::BTreeMap;
use std::sync::Arc;

use automap_core::time::Timestamp;
use automap_core::watch::Alert;
use parking_lot::Mutex;

use crate::api::alerts::{self, AlertGroup};
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
    pub fn take(&self, group: &AlertGroup, now: Timestamp) -> Taken {
        let mut taken = Taken::default();
        let mut firing = self.firing.lock();
        for told in &group.alerts {
            let Some(target) = self.target_of(group, told) else {
                taken.strange += 1;
                continue;
            };
            let of_target = firing.entry(target.name.clone()).or_default();
            // The fingerprint is that of the labels: the same alert in two groups is one.
            let key = told.fingerprint.clone();
            if !told.firing {
                taken.resolved += usize::from(of_target.remove(&key).is_some());
                continue;
            }
            let is_known = of_target.contains_key(&key);
            if !is_known && of_target.len() >= MAX_ALERTS {
                taken.dropped += 1;
                continue;
            }
            let waited = target.alert_for.map_or(0, |w| w.ms());
            let started = told.onset(waited).unwrap_or(now).min(now);
            let summary = told.summary.as_deref().unwrap_or_else(|| told.name());
            let summary: String = summary.chars().filter(|c| !c.is_control()).take(MAX_SUMMARY).collect();
            let alert = Alert { key: key.clone(), summary, started };
            of_target.insert(key, Firing { alert, heard: now });
            *(if is_known { &mut taken.known } else { &mut taken.new }) += 1;
        }
        taken
    }

    /// What fires for a target now.
    pub fn firing(&self, target: &str, now: Timestamp) -> Vec<Alert> {
        let mut firing = self.firing.lock();
        let Some(of_target) = firing.get_mut(target) else { return Vec::new() };
        of_target.retain(|_, f| now.ms() - f.heard.ms() < FORGET_MS);
        of_target.values().map(|f| f.alert.clone()).collect()
    }

    /// As the sender's address says, else by the labels `automap_target`, then `namespace`; a single target gets what names neither.
    fn target_of(&self, group: &AlertGroup, alert: &alerts::Alert) -> Option<&Target> {
        let named = group.target.as_deref().or_else(|| alert.labels.get("automap_target").map(String::as_str));
        if let Some(name) = named {
            return self.targets.iter().find(|t| t.name == name);
        }
        match alert.namespace() {
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

    fn group(firing: bool, namespace: &str) -> AlertGroup {
        let alert = alerts::Alert {
            fingerprint: "abc".into(),
            firing,
            starts_at: Timestamp::parse_rfc3339("2026-11-25T14:03:00Z"),
            ends_at: None,
            labels: [("alertname", "Slow"), ("namespace", namespace)].map(|(k, v)| (k.into(), v.into())).into(),
            summary: Some("checkout is slow".into()),
        };
        AlertGroup {
            sender: alerts::AlertSender::Alertmanager,
            key: "{}:{alertname=\"Slow\"}".into(),
            receiver: "automap".into(),
            target: None,
            alerts: vec![alert],
            left_out: 0,
        }
    }

    #[test]
    fn an_alert_fires_until_it_is_resolved_or_forgotten() {
        let (inbox, now) = (inbox(), Timestamp::parse_rfc3339("2026-11-25T14:05:00Z").unwrap());
        assert_eq!(inbox.take(&group(true, "shop"), now), Taken { new: 1, ..Taken::default() });
        assert_eq!(inbox.take(&group(true, "shop"), now), Taken { known: 1, ..Taken::default() });
        assert_eq!(inbox.take(&group(true, "elsewhere"), now), Taken { strange: 1, ..Taken::default() });
        let firing = inbox.firing("shop", now);
        assert_eq!((firing.len(), firing[0].summary.as_str()), (1, "checkout is slow"));
        assert_eq!(firing[0].started.rfc3339(), "2026-11-25T14:01:00Z", "the rule waited for two minutes");
        assert_eq!(inbox.firing("bank", now), []);
        let told = AlertGroup { target: Some("bank".into()), ..group(true, "shop") };
        assert_eq!(inbox.take(&told, now).new, 1);
        assert_eq!(inbox.firing("bank", now).len(), 1, "the address says more than the labels");
        assert_eq!(inbox.take(&group(false, "shop"), now), Taken { resolved: 1, ..Taken::default() });
        assert_eq!(inbox.firing("shop", now), []);
        inbox.take(&group(true, "shop"), now);
        assert_eq!(inbox.firing("shop", now.plus_ms(FORGET_MS)), []);
    }

    #[test]
    fn a_flood_is_bounded() {
        let (inbox, now) = (inbox(), Timestamp::from_ms(0));
        let mut flood = group(true, "shop");
        let one = flood.alerts[0].clone();
        flood.alerts =
            (0..MAX_ALERTS + 7).map(|i| alerts::Alert { fingerprint: i.to_string(), ..one.clone() }).collect();
        assert_eq!(inbox.take(&flood, now), Taken { new: MAX_ALERTS, dropped: 7, ..Taken::default() });
        assert_eq!(inbox.firing("shop", now).len(), MAX_ALERTS);
    }
}
