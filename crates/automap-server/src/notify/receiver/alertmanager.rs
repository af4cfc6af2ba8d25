//! Prometheus' Alertmanager: the incident as alerts, so that its routing, grouping, silences and inhibition apply.

use std::collections::BTreeMap;

use automap_core::time::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use ureq::http::Method;

use super::service::{Receiver, bearer, below};
use crate::notify::http::{Failure, Http};
use crate::notify::message::Message;
use crate::notify::template::candidates;
use crate::notify::text::cut_bytes;
use crate::secret::SecretSource;

/// An alert ends by itself after this many times the pause between two sendings, in case automap is gone.
const LIFE: i64 = 4;
/// Victims that get their own alert.
const MAX_VICTIMS: usize = 50;
/// Longest first line.
const MAX_SUMMARY_BYTES: usize = 1 << 10;
/// Longest text of an annotation.
const MAX_TEXT_BYTES: usize = 8 << 10;

/// An Alertmanager. An incident is one alert `AutomapIncident` for each of the first three candidates (`rca_service`, `rca_rank`; group by
/// `incident`, or route `rca_rank="1"` only), and one alert `AutomapVictim` for each affected service, which an inhibition rule can use:
///
/// ```yaml
/// inhibit_rules:
///   - source_matchers: [alertname="AutomapVictim"]
///     target_matchers: [alertname!~"Automap.*"]
///     equal: [service]
/// ```
///
/// Alerts are identified by their labels. If an update changes these (another cause, a higher severity), the former alerts are ended.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Alertmanager {
    /// Its address. For a cluster, give each member its own receiver and route, or put one service in front of all.
    pub url: String,
    /// Bearer token.
    pub token: Option<SecretSource>,
    /// Seconds between two sendings of an ongoing alert. Default 60; alerts end by themselves after four times as long.
    #[serde(default = "a_minute")]
    pub resend_s: u32,
    /// Labels of every alert, such as `cluster: eu-1`.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
}

const fn a_minute() -> u32 {
    60
}

type Labels = BTreeMap<String, String>;

impl Receiver for Alertmanager {
    fn send(&self, message: &Message<'_>, http: &Http) -> Result<Option<String>, Failure> {
        let current = self.labels(message);
        // Replies are ours; an unreadable one counts as none.
        let former: Vec<Labels> =
            message.reply.as_deref().and_then(|r| serde_json::from_str(r).ok()).unwrap_or_default();
        let gone = former.into_iter().filter(|labels| !current.contains(labels));
        let end = if message.closed() {
            message.incident.closed.unwrap_or(message.now)
        } else {
            message.now.plus_ms(self.refresh_ms().unwrap_or_default().saturating_mul(LIFE))
        };
        // An alert must end after it began.
        let ended = |end: Timestamp| end.max(message.incident.onset.plus_ms(1)).rfc3339();
        let mut alerts: Vec<Value> = current.iter().map(|labels| alert(message, labels, &ended(end))).collect();
        let over = message.incident.closed.unwrap_or(message.now);
        alerts.extend(gone.map(|labels| alert(message, &labels, &ended(over))));
        let token = bearer(self.token.as_ref())?;
        let headers: Vec<(&str, &str)> = token.as_deref().map(|t| ("authorization", t)).into_iter().collect();
        http.json(Method::POST, &below(&self.url, "/api/v2/alerts"), &headers, &Value::Array(alerts))?;
        Ok(serde_json::to_string(&if message.closed() { Vec::new() } else { current }).ok())
    }

    fn refresh_ms(&self) -> Option<i64> {
        Some(i64::from(self.resend_s.max(1)) * 1000)
    }

    fn urls(&self) -> Vec<&str> {
        vec![&self.url]
    }

    fn check(&self) -> Result<(), String> {
        let valid = |name: &str| {
            let letter = |c: char| c.is_ascii_alphabetic() || c == '_';
            name.starts_with(letter) && name.chars().all(|c| letter(c) || c.is_ascii_digit())
        };
        match self.labels.keys().find(|name| !valid(name)) {
            Some(name) => Err(format!("{name} is not a label name")),
            None => Ok(()),
        }
    }

    fn secrets(&self) -> Vec<(&'static str, &SecretSource)> {
        self.token.iter().map(|token| ("token", token)).collect()
    }
}

impl Alertmanager {
    /// The label sets of an incident. An empty label equals a missing one, so none is written.
    fn labels(&self, message: &Message<'_>) -> Vec<Labels> {
        let incident = message.incident;
        let severity = serde_json::to_value(message.severity).ok();
        let severity = severity.as_ref().and_then(Value::as_str).unwrap_or("warning");
        let common = |alertname: &str| {
            let mut labels = self.labels.clone();
            let own = [("alertname", alertname), ("incident", &incident.id), ("target", &incident.target)];
            labels.extend(own.map(|(name, value)| (name.to_owned(), value.to_owned())));
            labels
        };
        let with = |mut labels: Labels, more: &[(&str, &str)]| {
            labels.extend(more.iter().filter(|(_, v)| !v.is_empty()).map(|(n, v)| ((*n).to_owned(), (*v).to_owned())));
            labels
        };
        let main = |more: &[(&str, &str)]| {
            let labels = with(
                common("AutomapIncident"),
                &[("severity", severity), ("team", message.team().unwrap_or_default())],
            );
            with(labels, more)
        };
        let candidates = candidates(incident);
        let Some(cause) = candidates.first().map(|c| c.service) else { return vec![main(&[])] };
        let ranked = candidates.iter().map(|c| main(&[("rca_service", c.service), ("rca_rank", &c.rank.to_string())]));
        let victims = incident.victims.iter().take(MAX_VICTIMS).map(|victim| {
            with(common("AutomapVictim"), &[("service", victim), ("rca_victim_of", cause), ("severity", "info")])
        });
        ranked.chain(victims).collect()
    }
}

fn alert(message: &Message<'_>, labels: &Labels, ends: &str) -> Value {
    let owner = message.owner.as_ref();
    let annotations = [
        ("summary", Some(cut_bytes(&message.incident.title, MAX_SUMMARY_BYTES))),
        ("description", Some(cut_bytes(&message.text, MAX_TEXT_BYTES))),
        ("victims", Some(cut_bytes(&message.incident.victims.join(", "), MAX_TEXT_BYTES))),
        ("runbook_url", owner.and_then(|o| o.runbook.clone())),
        ("dashboard_url", owner.and_then(|o| o.dashboard.clone())),
    ];
    let annotations = annotations.into_iter().filter_map(|(n, v)| v.filter(|v| !v.is_empty()).map(|v| (n, v)));
    let mut alert = json!({
        "labels": labels,
        "annotations": annotations.collect::<BTreeMap<_, _>>(),
        "startsAt": message.incident.onset.rfc3339(),
        "endsAt": ends,
    });
    if let Some(link) = &message.link {
        alert["generatorURL"] = link.as_str().into();
    }
    alert
}
