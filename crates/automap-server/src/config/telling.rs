//! Who is told of which incidents: receivers, routes, and the owners of services.

use automap_core::incident::{IncidentState, Severity};
use serde::Deserialize;

use super::SecretSource;

/// Where messages go.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Receiver {
    /// Its name in routes.
    pub name: String,
    /// What it is.
    pub to: ReceiverKind,
    /// Addresses of this machine are refused unless this is set.
    #[serde(default)]
    pub allow_loopback: bool,
}

/// What a receiver is.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum ReceiverKind {
    /// An Alertmanager, which routes, groups and inhibits.
    Alertmanager {
        /// Its address, such as `http://alertmanager.monitoring:9093`.
        url: String,
        /// A bearer token.
        #[serde(default)]
        token: Option<SecretSource>,
    },
    /// Slack, Mattermost or Discord by an incoming webhook; the address is the secret.
    Slack {
        /// The webhook's address.
        url: SecretSource,
    },
    /// PagerDuty, Events API v2.
    Pagerduty {
        /// The integration's key.
        routing_key: SecretSource,
        /// Another address than PagerDuty's own, for compatible services.
        #[serde(default)]
        url: Option<String>,
    },
    /// Any HTTP endpoint: the incident as JSON.
    Webhook {
        /// Its address.
        url: String,
        /// Signs the body: `X-Automap-Signature: t=<seconds>,v1=<hex of HMAC-SHA256 of "<seconds>.<body>">`.
        #[serde(default)]
        secret: Option<SecretSource>,
        /// The shape of the body.
        #[serde(default)]
        format: WebhookFormat,
    },
}

/// The shape of a webhook's body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WebhookFormat {
    /// `{"version": "1", "incident": …, "owner": …, "text": …}`.
    #[default]
    Incident,
    /// CloudEvents 1.0, structured mode.
    Cloudevents,
}

/// Which incidents go to a receiver. Empty lists let everything through.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// The receiver's name.
    pub receiver: String,
    /// Of these targets.
    #[serde(default)]
    pub targets: Vec<String>,
    /// Of these severities. Unset: warning and critical.
    #[serde(default = "severities")]
    pub severities: Vec<Severity>,
    /// With a cause among these services (`*` stands for anything).
    #[serde(default)]
    pub services: Vec<String>,
    /// Whose cause belongs to one of these teams.
    #[serde(default)]
    pub teams: Vec<String>,
    /// In these states. Unset: open and closed; recovery is told with the end.
    #[serde(default = "states")]
    pub states: Vec<IncidentState>,
}

fn severities() -> Vec<Severity> {
    vec![Severity::Warning, Severity::Critical]
}

fn states() -> Vec<IncidentState> {
    vec![IncidentState::Open, IncidentState::Closed]
}

/// Who looks after services.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, serde::Serialize)]
#[serde(deny_unknown_fields)]
pub struct Owner {
    /// The services (`*` stands for anything).
    pub services: Vec<String>,
    /// The team.
    pub team: String,
    /// What to do, as a link.
    #[serde(default)]
    pub runbook: Option<String>,
    /// Where to look, as a link.
    #[serde(default)]
    pub dashboard: Option<String>,
}

/// Whether a name fits a pattern in which `*` stands for any run of characters. O(name × pattern).
pub fn fits(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = name.strip_prefix(first) else { return false };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else { return rest.is_empty() };
    for part in middle {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stand_for_anything() {
        for (pattern, name, is) in [
            ("payment", "payment", true),
            ("payment", "payments", false),
            ("*", "payment", true),
            ("*-db", "orders-db", true),
            ("*-db", "orders-db-2", false),
            ("orders*", "orders-db", true),
            ("a*b*c", "a-bb-c", true),
            ("a*b*b", "ab", false),
            ("", "", true),
        ] {
            assert_eq!(fits(pattern, name), is, "{pattern} {name}");
        }
    }
}
