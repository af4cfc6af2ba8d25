//! The alerts from outside that fire now, by target. The number for each target is bounded, and an alert that its sender neither repeats nor
//! resolves expires.

use std::collections::BTreeMap;
use std::sync::Arc;

use automap_core::text::shown;
use automap_core::time::Timestamp;
use automap_core::watch::Alert;
use parking_lot::Mutex;

use super::matching::AlertTargets;
use super::{AlertGroup, ReceivedAlert};
use crate::config::Target;
use crate::store::{ALERT_EXPIRES_MS, AlertChange, MAX_ALERTS};

/// Most firing alerts of one target.
pub const MAX_FIRING: usize = MAX_ALERTS;
/// Longest summary that is kept, in characters.
const MAX_SUMMARY_CHARS: usize = 200;

/// The firing alerts of every target. A clone refers to the same alerts.
#[derive(Clone, Debug)]
pub struct FiringAlerts {
    targets: AlertTargets,
    /// By target: for how long a rule is true before its alert fires.
    for_ms: Arc<BTreeMap<String, i64>>,
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
        let for_ms = |t: &Target| (t.name.clone(), t.alert_for.map_or(0, |w| w.ms()));
        let for_ms = Arc::new(targets.iter().map(for_ms).collect());
        Self { targets: AlertTargets::of(targets), for_ms, firing: Arc::default() }
    }

    /// The targets that alerts are matched with.
    pub fn targets(&self) -> AlertTargets {
        self.targets.clone()
    }

    /// Records the alerts of a group. Receiving the same group twice changes nothing.
    pub fn receive(&self, group: &AlertGroup, now: Timestamp) -> Intake {
        let changes = self.changes(group, now);
        let effective = group.alerts.iter().filter(|a| a.without_effect.is_none()).count();
        let mut intake = Intake { unmatched: effective - changes.len(), ..Intake::default() };
        let mut firing = self.firing.lock();
        for AlertChange { target, key, firing: alert } in changes {
            let of_target = firing.entry(target).or_default();
            let Some(alert) = alert else {
                intake.resolved += usize::from(of_target.remove(&key).is_some());
                continue;
            };
            let is_known = of_target.contains_key(&key);
            if !is_known && of_target.len() >= MAX_FIRING {
                intake.dropped += 1;
                continue;
            }
            of_target.insert(key, Firing { alert, received: now });
            *(if is_known { &mut intake.known } else { &mut intake.new }) += 1;
        }
        intake
    }

    /// Keeps the known firing alerts of a group for as long again. Those that are not known come with [`Self::receive`].
    pub fn renew(&self, group: &AlertGroup, now: Timestamp) {
        let changes = self.changes(group, now);
        let mut firing = self.firing.lock();
        for AlertChange { target, key, .. } in changes.into_iter().filter(|c| c.firing.is_some()) {
            if let Some(known) = firing.get_mut(&target).and_then(|of_target| of_target.get_mut(&key)) {
                known.received = now;
            }
        }
    }

    /// The changes that the alerts of a group make, target by target. Those that belong to no target or have no effect make none.
    pub fn changes(&self, group: &AlertGroup, now: Timestamp) -> Vec<AlertChange> {
        let change = |received: &ReceivedAlert| {
            let target = self.targets.find(group.target.as_deref(), received).ok()?;
            let for_ms = self.for_ms.get(&target.name).copied().unwrap_or_default();
            // The fingerprint depends on the labels only: the same alert in two groups is one alert.
            let key = received.fingerprint.clone();
            let summary = received.summary.as_deref().unwrap_or_else(|| received.name());
            let summary = shown(summary, MAX_SUMMARY_CHARS);
            let started = received.onset(for_ms).unwrap_or(now).min(now);
            let named = |service| target.service((received.cluster(), received.namespace()), service);
            let services = received.services().into_iter().map(named).collect();
            let alert = Alert { key: key.clone(), summary, started, services };
            Some(AlertChange { target: target.name.clone(), key, firing: received.is_firing.then_some(alert) })
        };
        group.alerts.iter().filter(|a| a.without_effect.is_none()).filter_map(change).collect()
    }

    /// Restores stored alerts of a target, with the times at which they were last received. Alerts received since then stay.
    pub fn restore(&self, target: &str, kept: Vec<(Alert, Timestamp)>) {
        let mut firing = self.firing.lock();
        let of_target = firing.entry(target.to_owned()).or_default();
        for (alert, received) in kept.into_iter().take(MAX_FIRING.saturating_sub(of_target.len())) {
            of_target.entry(alert.key.clone()).or_insert(Firing { alert, received });
        }
    }

    /// The alerts of a target that fire now.
    pub fn firing(&self, target: &str, now: Timestamp) -> Vec<Alert> {
        let mut firing = self.firing.lock();
        let Some(of_target) = firing.get_mut(target) else { return Vec::new() };
        of_target.retain(|_, f| now.ms() - f.received.ms() < ALERT_EXPIRES_MS);
        of_target.values().map(|f| f.alert.clone()).collect()
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
            labels: [("alertname", "Slow"), ("namespace", namespace), ("service", "checkout")]
                .map(|(k, v)| (k.into(), v.into()))
                .into(),
            summary: Some("checkout is slow".into()),
            without_effect: None,
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
        assert_eq!(firing[0].services, ["checkout"], "by its label");
        assert_eq!(firing[0].started.rfc3339(), "2026-11-25T14:01:00Z", "the rule had been true for two minutes");
        assert_eq!(alerts.firing("bank", now), []);
        let mut no_data = group(true, "bank");
        no_data.alerts[0].without_effect = Some(crate::alerts::WithoutEffect::NoData);
        assert_eq!(alerts.receive(&no_data, now), Intake::default());
        let addressed = AlertGroup { target: Some("bank".into()), ..group(true, "shop") };
        assert_eq!(alerts.receive(&addressed, now).new, 1);
        assert_eq!(alerts.firing("bank", now).len(), 1, "the address overrides the labels");
        assert_eq!(alerts.receive(&group(false, "shop"), now), Intake { resolved: 1, ..Intake::default() });
        assert_eq!(alerts.firing("shop", now), []);
        alerts.receive(&group(true, "shop"), now);
        assert_eq!(alerts.firing("shop", now.plus_ms(ALERT_EXPIRES_MS)), []);
    }

    #[test]
    fn an_alert_that_is_repeated_does_not_expire() {
        let (alerts, now) = (firing_alerts(), Timestamp::parse_rfc3339("2026-11-25T14:05:00Z").unwrap());
        alerts.receive(&group(true, "shop"), now);
        let repeated = now.plus_ms(ALERT_EXPIRES_MS - 1);
        alerts.renew(&group(false, "shop"), repeated);
        alerts.renew(&group(true, "bank"), repeated);
        alerts.renew(&group(true, "shop"), repeated);
        assert_eq!(alerts.firing("shop", now.plus_ms(ALERT_EXPIRES_MS)).len(), 1);
        assert_eq!(alerts.firing("bank", repeated), [], "it was never received");
        assert_eq!(alerts.firing("shop", repeated.plus_ms(ALERT_EXPIRES_MS)), []);
    }

    #[test]
    fn an_alert_of_several_namespaces_is_of_the_service_of_its_own() {
        let now = Timestamp::parse_rfc3339("2026-11-25T14:05:00Z").unwrap();
        let mut all = Target::new("all", "http://p").unwrap();
        all.namespace = "shop,bank".into();
        let alerts = FiringAlerts::new(&[all]);
        alerts.receive(&group(true, "bank"), now);
        assert_eq!(alerts.firing("all", now)[0].services, ["bank/checkout"]);
    }

    #[test]
    fn what_was_kept_fires_again() {
        let (alerts, now) = (firing_alerts(), Timestamp::parse_rfc3339("2026-11-25T14:05:00Z").unwrap());
        let changes = alerts.changes(&group(true, "shop"), now);
        let [AlertChange { target, firing: Some(alert), .. }] = changes.as_slice() else { panic!("{changes:?}") };
        let after_restart = firing_alerts();
        after_restart.restore(target, vec![(alert.clone(), now)]);
        assert_eq!(after_restart.firing("shop", now.plus_ms(1000)), std::slice::from_ref(alert));
        after_restart.receive(&group(false, "shop"), now);
        assert_eq!(after_restart.firing("shop", now), []);
        assert_eq!(alerts.changes(&group(true, "elsewhere"), now), []);
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
