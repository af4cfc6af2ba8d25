//! The body of Alertmanager's webhook, version 4. Grafana sends the same and more.

use std::collections::BTreeMap;

use automap_core::time::Timestamp;
use schemars::JsonSchema;
use serde::Deserialize;

/// A group of alerts.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct Group {
    /// `4`; absent in some imitations.
    #[serde(default)]
    pub version: String,
    /// Names the group.
    #[serde(default, rename = "groupKey")]
    pub group_key: String,
    /// Its alerts.
    pub alerts: Vec<GroupAlert>,
}

/// One of them.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct GroupAlert {
    /// Whether it fires.
    pub status: Status,
    /// Its labels.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// Its annotations.
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
    /// When it began to fire.
    #[serde(default, rename = "startsAt", deserialize_with = "instant")]
    #[schemars(with = "Option<String>")]
    pub starts_at: Option<Timestamp>,
    /// Names the alert.
    #[serde(default)]
    pub fingerprint: String,
}

/// Whether an alert fires.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It does.
    Firing,
    /// Not any more.
    Resolved,
}

impl Group {
    /// Reads a body.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(body: &[u8]) -> Result<Self, String> {
        serde_json::from_slice(body).map_err(|e| format!("not the body of an Alertmanager webhook (version 4): {e}"))
    }
}

impl GroupAlert {
    /// What an alert is recognised by when it is told again.
    pub(super) fn key(&self, group: &Group) -> String {
        let labels = || self.labels.iter().map(|(n, v)| format!("{n}={v}")).collect::<Vec<_>>().join(",");
        let own = if self.fingerprint.is_empty() { labels() } else { self.fingerprint.clone() };
        format!("{}/{own}", group.group_key)
    }

    pub(super) fn summary(&self) -> &str {
        let told = ["summary", "description", "message"].iter().find_map(|name| self.annotations.get(*name));
        told.or_else(|| self.labels.get("alertname")).map_or("an alert without a name", String::as_str)
    }
}

/// Go's zero time means "none".
fn instant<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<Timestamp>, D::Error> {
    let text = Option::<String>::deserialize(from)?;
    Ok(text.and_then(|t| Timestamp::parse_rfc3339(&t)).filter(|t| t.ms() > 0))
}
