//! The key `mutes:` of the configuration.

use automap_core::time::{Interval, Timestamp};
use serde::de::Error;
use serde::{Deserialize, Deserializer};

use super::weekly::Weekly;
use crate::address;
use crate::secret::SecretSource;
use crate::store::Mute;

/// Most windows, and most Alertmanagers.
const MAX_ENTRIES: usize = 100;

/// When nobody is notified.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MutesConfig {
    /// Maintenance windows: once, or every week.
    pub windows: Vec<Window>,
    /// Alertmanagers whose silences are respected.
    pub alertmanagers: Vec<AlertmanagerSource>,
}

/// A maintenance window.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// Its name, which muted incidents show.
    pub name: String,
    /// Patterns of targets; empty: all.
    #[serde(default)]
    pub targets: Vec<String>,
    /// Patterns of services; empty: all.
    #[serde(default)]
    pub services: Vec<String>,
    /// When it begins, for a window that happens once (RFC 3339).
    #[serde(default, deserialize_with = "time")]
    pub from: Option<Timestamp>,
    /// When it ends.
    #[serde(default, deserialize_with = "time")]
    pub until: Option<Timestamp>,
    /// The times of one that returns every week; instead of `from` and `until`.
    #[serde(default)]
    pub weekly: Option<Weekly>,
}

/// An Alertmanager whose silences are read.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AlertmanagerSource {
    /// Its address with its path prefix, without credentials.
    pub url: String,
    /// Bearer token.
    #[serde(default)]
    pub token: Option<SecretSource>,
}

fn time<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Timestamp>, D::Error> {
    let Some(text) = Option::<String>::deserialize(from)? else { return Ok(None) };
    let time = Timestamp::parse_rfc3339(&text);
    time.map(Some).ok_or_else(|| D::Error::custom(format!("'{text}' is not a time; write 2026-12-01T22:00:00Z")))
}

impl MutesConfig {
    /// The first invalid key, and why.
    pub(crate) fn check(&self) -> Result<(), (String, String)> {
        for (key, count) in [("windows", self.windows.len()), ("alertmanagers", self.alertmanagers.len())] {
            if count > MAX_ENTRIES {
                return Err((key.to_owned(), format!("{count} are more than {MAX_ENTRIES}")));
            }
        }
        for (i, window) in self.windows.iter().enumerate() {
            window.check().map_err(|(key, reason)| (format!("windows[{i}].{key}"), reason))?;
            if self.windows.iter().take(i).any(|w| w.name == window.name) {
                return Err((format!("windows[{i}].name"), format!("'{}' is already in use", window.name)));
            }
        }
        for (i, alertmanager) in self.alertmanagers.iter().enumerate() {
            let refused = |reason: &str| (format!("alertmanagers[{i}].url"), reason.to_owned());
            address::check(&alertmanager.url).map_err(refused)?;
        }
        Ok(())
    }
}

impl Window {
    fn check(&self) -> Result<(), (&'static str, String)> {
        if self.name.is_empty() {
            return Err(("name", "it is empty".to_owned()));
        }
        match (self.from, self.until, &self.weekly) {
            (None, None, Some(weekly)) => weekly.check(),
            (Some(from), Some(until), None) if from < until => Ok(()),
            (Some(_), Some(_), None) => Err(("until", "it is not after `from`".to_owned())),
            _ => Err(("from", "write `from` and `until`, or `weekly`".to_owned())),
        }
    }

    /// The time that `now` falls into.
    pub(super) fn active(&self, now: Timestamp) -> Option<Interval> {
        let once = || Interval::new(self.from?, self.until?).filter(|i| i.contains(now));
        self.weekly.as_ref().map_or_else(once, |weekly| weekly.active(now))
    }

    /// As a mute, while it applies.
    pub(super) fn mute(&self, now: Timestamp) -> Option<Mute> {
        let Interval { start, end } = self.active(now)?;
        let (targets, services) = (self.targets.clone(), self.services.clone());
        let reason = "a window of the configuration".to_owned();
        Some(Mute {
            id: self.name.clone(),
            targets,
            services,
            from: start,
            until: end,
            reason,
            by: "automap.yaml".into(),
        })
    }
}
