//! Alerts from outside that fire.

#[cfg(test)]
use std::sync::atomic::Ordering::SeqCst;

use automap_core::time::Timestamp;
use automap_core::watch::Alert;

use super::MemoryStore;
use crate::store::{ALERT_EXPIRES_MS, AlertChange, AlertStore, MAX_ALERTS, StoreError};

impl AlertStore for MemoryStore {
    fn put_alerts(&self, changes: &[AlertChange], now: Timestamp) -> Result<(), StoreError> {
        let mut kept = self.kept()?;
        let alerts = &mut kept.alerts;
        for AlertChange { target, key, firing } in changes {
            let of_target = alerts.entry(target.clone()).or_default();
            match firing {
                Some(alert) => of_target.insert(key.clone(), (alert.clone(), now)),
                None => of_target.remove(key),
            };
        }
        for of_target in alerts.values_mut() {
            of_target.retain(|_, (_, received)| now.ms() - received.ms() < ALERT_EXPIRES_MS);
            let mut by_time: Vec<(Timestamp, String)> =
                of_target.iter().map(|(key, (_, received))| (*received, key.clone())).collect();
            by_time.sort();
            for (_, key) in by_time.iter().take(by_time.len().saturating_sub(MAX_ALERTS)) {
                of_target.remove(key);
            }
        }
        Ok(())
    }

    fn firing_alerts(&self, target: &str, now: Timestamp) -> Result<Vec<(Alert, Timestamp)>, StoreError> {
        #[cfg(test)]
        assert!(self.panics.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1)).is_err(), "on purpose");
        let kept = self.kept()?;
        let of_target = kept.alerts.get(target).into_iter().flat_map(|alerts| alerts.values());
        let is_valid = |(_, received): &&(Alert, Timestamp)| now.ms() - received.ms() < ALERT_EXPIRES_MS;
        Ok(of_target.filter(is_valid).cloned().collect())
    }
}
