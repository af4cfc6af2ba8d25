//! Silences of an Alertmanager (`GET /api/v2/silences`). One applies to an incident if it would silence the alert that automap sends for it, by
//! Alertmanager's own rules: every matcher must match, a missing label is empty, regular expressions match the whole value. Besides that alert's
//! labels an incident has `namespace`, `cluster`, `team` and `service`, the cause.

use std::collections::BTreeMap;
use std::time::Duration;

use automap_core::text::{listed, observed_name, shown};
use automap_core::time::{Timestamp, as_rfc3339};
use automap_sources::http;
use serde::Deserialize;
use serde_json::Value;
use ureq::Agent;
use ureq::tls::TlsConfig;

use super::config::AlertmanagerSource;
use super::matcher::{AnswerMatcher, Budget, Matcher};
use crate::secret::ExposeSecret;
use crate::store::Mute;

/// Most silences of one Alertmanager that are kept.
const MAX_SILENCES: usize = 1000;
/// Longest answer that is read.
const MAX_ANSWER_BYTES: u64 = 4 << 20;
/// Longest time for one reading.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Most matchers of a silence: with more, it mutes nothing.
const MAX_MATCHERS: usize = 50;
/// Longest name of whoever made a silence.
const MAX_SHOWN_CHARS: usize = 100;
/// Most matchers of a silence that a listing shows.
const MAX_SHOWN_MATCHERS: usize = 10;
/// Most silences that a remark names as not read.
const MAX_REASONS: usize = 5;

/// A silence that has not ended.
#[derive(Clone, Debug)]
pub struct Silence {
    id: String,
    /// Or why they cannot be used: it then mutes nothing.
    matchers: Result<Vec<Matcher>, String>,
    from: Timestamp,
    pub(super) until: Timestamp,
    by: String,
}

/// The silences of an Alertmanager.
#[derive(Clone, Debug, Default)]
pub struct ReadSilences {
    /// Those that apply now or later, including those that mute nothing because they cannot be used.
    pub silences: Vec<Silence>,
    /// How many more there were, and entries that are no silences.
    pub left_out: usize,
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

/// Reads the silences that apply now or later. Blocks for at most five seconds.
///
/// # Errors
/// [`SilenceError`]: the token or the answer cannot be read.
pub fn read(source: &AlertmanagerSource) -> Result<ReadSilences, SilenceError> {
    let failed = |reason: String| SilenceError(format!("{}: {reason}", source.url));
    let agent = Agent::new_with_config(http::agent_config(TlsConfig::builder().build(), TIMEOUT).build());
    let token = source.token.as_ref().map(|t| t.read().map_err(|e| failed(e.to_string()))).transpose()?;
    let token = token.as_ref().map(|t| t.expose_secret());
    let url = format!("{}/api/v2/silences", source.url.trim_end_matches('/'));
    let body = http::get(&agent, &url, token, MAX_ANSWER_BYTES).map_err(|e| failed(e.to_string()))?;
    let answer: Vec<Value> =
        serde_json::from_slice(&body).map_err(|_| failed("the answer is no list of silences".to_owned()))?;
    Ok(ReadSilences::new(answer))
}

impl Silence {
    fn new(answer: Answer, budget: &mut Budget) -> Self {
        let Answer { matchers, starts_at: from, ends_at: until, .. } = answer;
        // Both go into timelines and messages.
        let (id, by) = (observed_name(&answer.id).into_owned(), shown(&answer.created_by, MAX_SHOWN_CHARS));
        let matchers = match matchers.len() {
            1..=MAX_MATCHERS => matchers.into_iter().map(|m| Matcher::new(m, budget)).collect(),
            0 => Err("it has no matchers".to_owned()),
            n => Err(format!("{n} matchers are more than {MAX_MATCHERS}")),
        };
        Self { id, matchers, from, until, by }
    }

    /// Whether it may mute anything at this time.
    pub(super) fn applies(&self, now: Timestamp) -> bool {
        self.matchers.is_ok() && self.from <= now && now < self.until
    }

    pub(super) fn matches(&self, labels: &BTreeMap<&'static str, String>) -> bool {
        let fits = |m: &Matcher| m.matches(labels.get(m.name.as_str()).map_or("", String::as_str));
        self.matchers.as_ref().is_ok_and(|matchers| matchers.iter().all(fits))
    }

    pub(super) fn name(&self) -> String {
        format!("silence {}", self.id)
    }

    pub(super) fn mute(&self) -> Mute {
        let (from, until, by) = (self.from, self.until, self.by.clone());
        let reason = match &self.matchers {
            Ok(matchers) => listed(matchers.iter().map(Matcher::words), MAX_SHOWN_MATCHERS),
            Err(reason) => format!("not read, so it mutes nothing: {reason}"),
        };
        Mute { id: self.name(), targets: Vec::new(), services: Vec::new(), from, until, reason, by }
    }
}

impl ReadSilences {
    /// What of an answer can be kept.
    fn new(answer: Vec<Value>) -> Self {
        let (mut read, mut budget) = (Self::default(), Budget::default());
        for entry in answer {
            match serde_json::from_value::<Answer>(entry) {
                Ok(answer) if answer.status.state == "expired" => {}
                Ok(answer) if read.silences.len() < MAX_SILENCES => {
                    read.silences.push(Silence::new(answer, &mut budget));
                }
                _ => read.left_out += 1,
            }
        }
        read
    }

    /// Which silences mute nothing because they were not read, and why; `None` if all were read.
    pub fn unread(&self) -> Option<String> {
        let reason = |silence: &Silence| Some(format!("{}: {}", silence.name(), silence.matchers.as_ref().err()?));
        let mut reasons: Vec<String> = self.silences.iter().filter_map(reason).collect();
        if self.left_out > 0 {
            reasons.insert(0, format!("{} beyond the first {MAX_SILENCES}, or not in the form of one", self.left_out));
        }
        (!reasons.is_empty()).then(|| listed(&reasons, MAX_REASONS))
    }
}

#[cfg(test)]
pub(super) fn parse(text: &str) -> ReadSilences {
    ReadSilences::new(serde_json::from_str(text).unwrap())
}
