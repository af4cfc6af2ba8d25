//! Which team owns a service: the configuration decides, otherwise a Kubernetes label of the workload.
//!
//! Labels are read from Prometheus once an hour and kept in memory; when they cannot be read, the last ones stay valid.

use std::collections::BTreeMap;
use std::sync::Arc;

use automap_core::incident::{Incident, Owner};
use automap_core::time::Timestamp;
use automap_sources::prometheus::{Client, teams};
use parking_lot::Mutex;

use crate::config::Target;
use crate::notify::NotifyConfig;

/// Time between two readings of the labels: teams change rarely.
const EVERY_MS: i64 = 3_600_000;

/// The owners of one target's services.
#[derive(Debug)]
pub struct Owners {
    notify: Arc<NotifyConfig>,
    namespace: String,
    label: Option<String>,
    labels: Mutex<TeamLabels>,
}

/// The teams by service, and when they were read.
#[derive(Debug, Default)]
struct TeamLabels {
    teams: BTreeMap<String, String>,
    at: Option<Timestamp>,
}

impl Owners {
    /// For one target. Labels are first read by [`refresh`](Self::refresh).
    pub fn new(notify: Arc<NotifyConfig>, target: &Target) -> Self {
        Self { notify, namespace: target.namespace.clone(), label: target.team_label.clone(), labels: Mutex::default() }
    }

    /// Reads the labels, at most once an hour, if a label is configured.
    ///
    /// # Errors
    /// The reason why they could not be read; the next poll tries again.
    pub fn refresh(&self, client: &Client, now: Timestamp) -> Result<(), String> {
        let Some(label) = &self.label else { return Ok(()) };
        let at = self.labels.lock().at;
        if at.is_some_and(|at| now.ms() - at.ms() < EVERY_MS) {
            return Ok(());
        }
        let teams = teams(client, &self.namespace, label, now).map_err(|e| e.to_string())?;
        *self.labels.lock() = TeamLabels { teams, at: Some(now) };
        Ok(())
    }

    /// The owner of an incident's services.
    pub fn of(&self, incident: &Incident) -> Option<Owner> {
        let labels = self.labels.lock();
        let team = incident.services().iter().find_map(|s| labels.teams.get(*s)).cloned();
        let by_label = team.map(|team| Owner { team: Some(team), ..Owner::default() });
        self.notify.owner_of(&Incident { owner: by_label, ..incident.clone() })
    }
}

#[cfg(test)]
mod tests {
    use automap_core::incident::NamedCause;

    use super::*;

    #[test]
    fn the_configuration_says_more_than_a_label_and_a_label_more_than_nothing() {
        let yaml = "owners: [{service: 'pay*', runbook: 'https://wiki/pay'}, {service: orders, team: shop}]";
        let notify: NotifyConfig = serde_saphyr::from_str(yaml).unwrap();
        let target = Target { team_label: Some("team".into()), ..Target::new("shop", "http://p").unwrap() };
        let owners = Owners::new(Arc::new(notify), &target);
        let labels = [("payment", "money"), ("orders", "others"), ("carts", "carts")];
        owners.labels.lock().teams = labels.map(|(s, t)| (s.to_owned(), t.to_owned())).into();
        let of = |service: &str| {
            let t = Timestamp::from_ms(0);
            let cause = Some(NamedCause { service: service.into(), mechanism: None, confidence: 0.9, change: None });
            let owner = owners.of(&Incident { cause, ..Incident::new("shop-1", "shop", t, t) })?;
            Some((owner.team.unwrap_or_default(), owner.runbook.unwrap_or_default()))
        };
        let pair = |team: &str, runbook: &str| Some((team.to_owned(), runbook.to_owned()));
        assert_eq!(of("payment"), pair("money", "https://wiki/pay"));
        assert_eq!(of("orders"), pair("shop", ""));
        assert_eq!(of("carts"), pair("carts", ""));
        assert_eq!(of("user"), None);
    }
}
