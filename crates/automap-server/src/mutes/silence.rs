//! Silences of an Alertmanager (`GET /api/v2/silences`). One applies to an incident if it would silence the alert that automap sends for it, by
//! Alertmanager's own rules: every matcher must match, a missing label is empty, regular expressions match the whole value. Besides that alert's
//! labels an incident has `namespace`, `cluster`, `team` and `service`, the cause.

use std::collections::BTreeMap;
use std::time::Duration;

use automap_core::time::{Timestamp, as_rfc3339};
use automap_sources::http;
use regex::{Regex, RegexBuilder};
use serde::Deserialize;
use serde_json::Value;
use ureq::Agent;
use ureq::tls::TlsConfig;

use super::config::AlertmanagerSource;
use crate::secret::ExposeSecret;
use crate::store::Mute;

/// Most silences of one Alertmanager that are kept.
const MAX_SILENCES: usize = 1000;
/// Longest answer that is read.
const MAX_ANSWER_BYTES: u64 = 4 << 20;
/// Longest time for one reading.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Largest compiled regular expression of a matcher.
const MAX_REGEX_BYTES: usize = 1 << 20;

/// A silence that has not ended.
#[derive(Clone, Debug)]
pub struct Silence {
    id: String,
    matchers: Vec<Matcher>,
    from: Timestamp,
    pub(super) until: Timestamp,
    by: String,
}

#[derive(Clone, Debug)]
struct Matcher {
    name: String,
    value: String,
    /// Set if `value` is a regular expression.
    regex: Option<Regex>,
    is_equal: bool,
}

/// Why silences could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SilenceError(String);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    id: String,
    status: Status,
    matchers: Vec<AnswerMatcher>,
    #[serde(with = "as_rfc3339")]
    starts_at: Timestamp,
    #[serde(with = "as_rfc3339")]
    ends_at: Timestamp,
    #[serde(default)]
    created_by: String,
}

#[derive(Deserialize)]
struct Status {
    state: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AnswerMatcher {
    name: String,
    value: String,
    #[serde(default)]
    is_regex: bool,
    #[serde(default = "yes")]
    is_equal: bool,
}

const fn yes() -> bool {
    true
}

/// Reads the silences that apply now or later. Blocks for at most five seconds.
///
/// # Errors
/// [`SilenceError`]: the token or the answer cannot be read.
pub fn read(source: &AlertmanagerSource) -> Result<Vec<Silence>, SilenceError> {
    let failed = |reason: String| SilenceError(format!("{}: {reason}", source.url));
    let agent = Agent::new_with_config(http::agent_config(TlsConfig::builder().build(), TIMEOUT).build());
    let token = source.token.as_ref().map(|t| t.read().map_err(|e| failed(e.to_string()))).transpose()?;
    let token = token.as_ref().map(|t| t.expose_secret());
    let url = format!("{}/api/v2/silences", source.url.trim_end_matches('/'));
    let body = http::get(&agent, &url, token, MAX_ANSWER_BYTES).map_err(|e| failed(e.to_string()))?;
    let answer: Vec<Value> =
        serde_json::from_slice(&body).map_err(|_| failed("the answer is no list of silences".to_owned()))?;
    Ok(answer.into_iter().filter_map(silence).take(MAX_SILENCES).collect())
}

/// `None` for a silence that has ended or cannot be parsed: it then mutes nothing.
fn silence(answer: Value) -> Option<Silence> {
    let Answer { id, status, matchers, starts_at, ends_at, created_by } = serde_json::from_value(answer).ok()?;
    if status.state == "expired" || matchers.is_empty() {
        return None;
    }
    let matcher = |m: AnswerMatcher| {
        let anchored = || RegexBuilder::new(&format!("^(?:{})$", m.value)).size_limit(MAX_REGEX_BYTES).build().ok();
        let regex = if m.is_regex { Some(anchored()?) } else { None };
        Some(Matcher { regex, name: m.name, value: m.value, is_equal: m.is_equal })
    };
    let matchers = matchers.into_iter().map(matcher).collect::<Option<Vec<_>>>()?;
    Some(Silence { id, matchers, from: starts_at, until: ends_at, by: created_by })
}

impl Silence {
    pub(super) fn applies(&self, now: Timestamp) -> bool {
        self.from <= now && now < self.until
    }

    pub(super) fn matches(&self, labels: &BTreeMap<&'static str, String>) -> bool {
        self.matchers.iter().all(|m| m.matches(labels.get(m.name.as_str()).map_or("", String::as_str)))
    }

    pub(super) fn name(&self) -> String {
        format!("silence {}", self.id)
    }

    pub(super) fn mute(&self) -> Mute {
        let matchers: Vec<String> = self.matchers.iter().map(Matcher::words).collect();
        let (from, until, by) = (self.from, self.until, self.by.clone());
        let reason = matchers.join(", ");
        Mute { id: self.name(), targets: Vec::new(), services: Vec::new(), from, until, reason, by }
    }
}

impl Matcher {
    fn matches(&self, value: &str) -> bool {
        let is_match = self.regex.as_ref().map_or(self.value == value, |regex| regex.is_match(value));
        is_match == self.is_equal
    }

    /// As Alertmanager writes it: `service=~"carts.*"`.
    fn words(&self) -> String {
        let sign = match (self.is_equal, self.regex.is_some()) {
            (true, false) => "=",
            (true, true) => "=~",
            (false, false) => "!=",
            (false, true) => "!~",
        };
        format!("{}{sign}{:?}", self.name, self.value)
    }
}

#[cfg(test)]
pub(super) fn parse(text: &str) -> Vec<Silence> {
    let answer: Vec<Value> = serde_json::from_str(text).unwrap();
    answer.into_iter().filter_map(silence).collect()
}
