//! The alerts from outside that fire now, by target. The number for each target is bounded, and an alert that its sender neither repeats nor
//! resolves expires.

use std::collections::BTreeMap;
use std::sync::Arc;

use automap_core::time::Timestamp;
use automap_core::watch::Alert;
use parking_lot::Mutex;

use super::{AlertGroup, ReceivedAlert};
use crate::config::Target;

/// Most firing alerts of one target.
pub const MAX_FIRING: usize = 500;
/// An alert that was not repeated for this long is over: Alertmanager repeats firing alerts every four hours by default.
const EXPIRE_MS: i64 = 5 * 3_600_000;
/// Longest summary that is kept, in characters.
const MAX_SUMMARY_CHARS: usize = 200;

/// The firing alerts of every target. A clone refers to the same alerts.
#[derive(Clone, Debug)]
pub struct FiringAlerts {
    targets: Arc<Vec<Target>>,
    firing: Arc<Mutex<BTreeMap<String, BTreeMap<String, Firing>>>>,
}

#[derive(Clone, Debug)]
struct Firing {
    alert: Alert,
    /// When it was last received.
    received: Timestamp,
}

/// What became of the alerts of a group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Intake {
    /// Firing alerts that were not known.
    pub new: usize,
    /// Firing alerts that were known.
    pub known: usize,
    /// Alerts that ended.
    pub resolved: usize,
    /// Alerts that belong to no target of the configuration.
    pub unmatched: usize,
    /// Firing alerts beyond [`MAX_FIRING`].
    pub dropped: usize,
}

impl FiringAlerts {
    /// No alerts yet, for these targets.
    pub fn new(targets: &[Target]) -> Self {
        Self { targets: Arc::new(targets.to_vec()), firing: Arc::default() }
    }

    /// Records the alerts of a group. Receiving the same group twice changes nothing.
    pub fn receive(&self, group: &AlertGroup, now: Timestamp) -> Intake {
        let mut intake = Intake::default();
        let mut firing = self.firing.lock();
        for received in &group.alerts {
            let Some(target) = self.target_of(group, received) else {
                intake.unmatched += 1;
                continue;
            };
            let of_target = firing.entry(target.name.clone()).or_default();
            // The fingerprint depends on the labels only: the same alert in two groups is one alert.
            let key = received.fingerprint.clone();
            if !received.is_firing {
                intake.resolved += usize::from(of_target.remove(&key).is_some());
                continue;
            }
            let is_known = of_target.contains_key(&key);
            if !is_known && of_target.len() >= MAX_FIRING {
                intake.dropped += 1;
                continue;
            }
            let for_ms = target.alert_for.map_or(0, |w| w.ms());
            let started = received.onset(for_ms).unwrap_or(now).min(now);
            let summary = received.summary.as_deref().unwrap_or_else(|| received.name());
            let summary: String = summary.chars().filter(|c| !c.is_control()).take(MAX_SUMMARY_CHARS).collect();
            let alert = Alert { key: key.clone(), summary, started };
            of_target.insert(key, Firing { alert, received: now });
            *(if is_known { &mut intake.known } else { &mut intake.new }) += 1;
        }
        intake
    }

    /// The alerts of a target that fire now.
    pub fn firing(&self, target: &str, now: Timestamp) -> Vec<Alert> {
        let mut firing = self.firing.lock();
        let Some(of_target) = firing.get_mut(target) else { return Vec::new() };
        of_target.retain(|_, f| now.ms() - f.received.ms() < EXPIRE_MS);
        of_target.values().map(|f| f.alert.clone()).collect()
    }

    /// The target of an alert: the one in the webhook's address, else the one of the label `automap_target`, else the one with the alert's
    /// namespace. An alert that names none of these belongs to the only target, if there is just one.
    fn target_of(&self, group: &AlertGroup, alert: &ReceivedAlert) -> Option<&Target> {
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
    use super::super::AlertSender;
    use super::*;

    fn firing_alerts() -> FiringAlerts {
        let mut shop = Target::new("shop", "http://p").unwrap();
        shop.alert_for = crate::config::ConfigDuration::parse("2m");
        FiringAlerts::new(&[shop, Target::new("bank", "http://p").unwrap()])
    }

    fn group(firing: bool, namespace: &str) -> AlertGroup {
        let alert = ReceivedAlert {
            fingerprint: "abc".into(),
            is_firing: firing,
            starts_at: Timestamp::parse_rfc3339("2026-11-25T14:03:00Z"),
            ends_at: None,
            labels: [("alertname", "Slow"), ("namespace", namespace)].map(|(k, v)| (k.into(), v.into())).into(),
            summary: Some("checkout is slow".into()),
        };
        AlertGroup {
            sender: AlertSender::Alertmanager,
            key: "{}:{alertname=\"Slow\"}".into(),
            receiver: "automap".into(),
            target: None,
            alerts: vec![alert],
            left_out: 0,
        }
    }

    #[test]
    fn an_alert_fires_until_it_is_resolved_or_expires() {
        let (alerts, now) = (firing_alerts(), Timestamp::parse_rfc3339("2026-11-25T14:05:00Z").unwrap());
        assert_eq!(alerts.receive(&group(true, "shop"), now), Intake { new: 1, ..Intake::default() });
        assert_eq!(alerts.receive(&group(true, "shop"), now), Intake { known: 1, ..Intake::default() });
        assert_eq!(alerts.receive(&group(true, "elsewhere"), now), Intake { unmatched: 1, ..Intake::default() });
        let firing = alerts.firing("shop", now);
        assert_eq!((firing.len(), firing[0].summary.as_str()), (1, "checkout is slow"));
        assert_eq!(firing[0].started.rfc3339(), "2026-11-25T14:01:00Z", "the rule had been true for two minutes");
        assert_eq!(alerts.firing("bank", now), []);
        let addressed = AlertGroup { target: Some("bank".into()), ..group(true, "shop") };
        assert_eq!(alerts.receive(&addressed, now).new, 1);
        assert_eq!(alerts.firing("bank", now).len(), 1, "the address overrides the labels");
        assert_eq!(alerts.receive(&group(false, "shop"), now), Intake { resolved: 1, ..Intake::default() });
        assert_eq!(alerts.firing("shop", now), []);
        alerts.receive(&group(true, "shop"), now);
        assert_eq!(alerts.firing("shop", now.plus_ms(EXPIRE_MS)), []);
    }

    #[test]
    fn a_flood_is_bounded() {
        let (alerts, now) = (firing_alerts(), Timestamp::from_ms(0));
        let mut flood = group(true, "shop");
        let one = flood.alerts[0].clone();
        flood.alerts =
            (0..MAX_FIRING + 7).map(|i| ReceivedAlert { fingerprint: i.to_string(), ..one.clone() }).collect();
        assert_eq!(alerts.receive(&flood, now), Intake { new: MAX_FIRING, dropped: 7, ..Intake::default() });
        assert_eq!(alerts.firing("shop", now).len(), MAX_FIRING);
    }
}
