//! Feature flags by the OpenFeature Remote Evaluation Protocol: a flag server's answer for one context, and what changed in it.
//!
//! `POST /ofrep/v1/evaluate/flags` once a minute, with the last answer's `ETag`, to the configured address only. A flag has changed if its variant
//! or, without one, its value differs from the previous answer; the first answer changes nothing. A flag that could not be evaluated keeps the value
//! that it had. Other contexts are not queried, so automap never states that no flag changed.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use automap_core::change::{Change, ChangeKind};
use automap_core::text::{observed_name, shown};
use automap_core::time::Timestamp;
use automap_sources::http;
use parking_lot::Mutex;
use serde_json::{Map, Value, json};
use tracing::warn;
use ureq::Agent;
use ureq::tls::TlsConfig;

use crate::config::FlagsConfig;
use crate::secret::ExposeSecret;
use crate::store::ToldChange;

/// How often flags are fetched, in milliseconds.
const ASK_EVERY_MS: i64 = 60_000;
/// Longest time for one reading.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Longest answer that is read.
const MAX_ANSWER_BYTES: u64 = 4 << 20;
/// Most flags that are compared, the first by their keys: the order of a server may differ from answer to answer.
const MAX_FLAGS: usize = 2000;
/// Most changes that one answer makes: nobody switches more flags in a minute.
const MAX_CHANGES: usize = 60;
/// Longest value of a flag that is shown, in characters.
const MAX_VALUE_CHARS: usize = 60;

/// The flags of an answer.
#[derive(Debug, Default)]
struct Flags {
    /// The variant or value by the flag's key; `None` while it is not known.
    values: BTreeMap<String, Option<String>>,
    /// Whether there are flags with later keys.
    is_cut: bool,
}

/// The flags of a server.
#[derive(Debug)]
pub struct FeatureFlags {
    config: FlagsConfig,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    asked: Option<Timestamp>,
    /// When it last answered.
    answered: Option<Timestamp>,
    etag: Option<String>,
    flags: Flags,
    has_warned: bool,
}

impl FeatureFlags {
    /// Nothing is contacted yet.
    pub fn new(config: &FlagsConfig) -> Self {
        Self { config: config.clone(), state: Mutex::default() }
    }

    /// The changes since the last answer; fetches once a minute. Blocks for at most five seconds.
    pub fn poll(&self, target: &str, now: Timestamp) -> Vec<ToldChange> {
        let mut state = self.state.lock();
        if state.asked.is_some_and(|asked| (0..ASK_EVERY_MS).contains(&(now.ms() - asked.ms()))) {
            return Vec::new();
        }
        state.asked = Some(now);
        match self.ask(state.etag.as_deref()) {
            Ok(answer) => {
                state.has_warned = false;
                let before = state.answered.replace(now);
                let Some((etag, flags)) = answer else { return Vec::new() };
                state.etag = etag;
                let flags = flags.or_as_in(&state.flags);
                let known = std::mem::replace(&mut state.flags, flags);
                let mut changes =
                    before.map(|before| changed(target, &known, &state.flags, before, now)).unwrap_or_default();
                let left_out = changes.len().saturating_sub(MAX_CHANGES);
                if left_out > 0 {
                    let url = &self.config.url;
                    warn!(target: "changes", target, left_out, "more feature flags changed at once than are kept: {url}");
                }
                changes.truncate(MAX_CHANGES);
                changes
            }
            Err(error) => {
                if !std::mem::replace(&mut state.has_warned, true) {
                    warn!(target: "changes", target, error, "feature flags cannot be read: {}", self.config.url);
                }
                Vec::new()
            }
        }
    }

    /// The tag of the answer and its flags; `None` if nothing changed since the answer with this tag.
    fn ask(&self, etag: Option<&str>) -> Result<Option<(Option<String>, Flags)>, String> {
        let config = http::agent_config(TlsConfig::builder().build(), TIMEOUT).http_status_as_error(false).build();
        let url = format!("{}/ofrep/v1/evaluate/flags", self.config.url.trim_end_matches('/'));
        let mut request = Agent::new_with_config(config).post(&url).header("content-type", "application/json");
        if let Some(token) = &self.config.token {
            let token = token.read().map_err(|e| e.to_string())?;
            request = request.header("authorization", format!("Bearer {}", token.expose_secret()));
        }
        if let Some(etag) = etag {
            request = request.header("if-none-match", etag);
        }
        let body = json!({"context": self.config.context}).to_string();
        let mut answer = request.send(&body).map_err(|e| e.to_string())?;
        match answer.status().as_u16() {
            200 => {}
            304 => return Ok(None),
            status => return Err(format!("it answered with status {status}")),
        }
        let etag = answer.headers().get("etag").and_then(|tag| tag.to_str().ok()).map(str::to_owned);
        let body = answer.body_mut().with_config().limit(MAX_ANSWER_BYTES).read_to_vec().map_err(|e| e.to_string())?;
        let body: Value = serde_json::from_slice(&body).map_err(|_| "the answer is no JSON".to_owned())?;
        let flags = body.get("flags").and_then(Value::as_array).ok_or("the answer has no list `flags`")?;
        Ok(Some((etag, Flags::of(flags))))
    }
}

impl Flags {
    fn of(list: &[Value]) -> Self {
        let mut values: BTreeMap<String, Option<String>> =
            list.iter().filter_map(Value::as_object).filter_map(flag).collect();
        let is_cut = values.len() > MAX_FLAGS;
        while values.len() > MAX_FLAGS {
            values.pop_last();
        }
        Self { values, is_cut }
    }

    /// The same with the values known before for flags that could not be evaluated this time.
    fn or_as_in(mut self, known: &Self) -> Self {
        for (key, value) in self.values.iter_mut().filter(|(_, value)| value.is_none()) {
            *value = known.values.get(key).cloned().flatten();
        }
        self
    }

    /// Whether the server has no such flag. Of those beyond the last key of an answer that was cut, nothing is known.
    fn lacks(&self, key: &String) -> bool {
        let is_beyond = self.is_cut && self.values.last_key_value().is_none_or(|(last, _)| key > last);
        !is_beyond && !self.values.contains_key(key)
    }
}

/// A flag's key with its variant or value; without them for one that could not be evaluated.
fn flag(flag: &Map<String, Value>) -> Option<(String, Option<String>)> {
    let key = flag.get("key")?.as_str()?;
    let is_evaluated = flag.get("errorCode").is_none_or(Value::is_null);
    let variant = flag.get("variant").and_then(Value::as_str).map(str::to_owned);
    let value = variant.or_else(|| flag.get("value").map(Value::to_string)).filter(|_| is_evaluated);
    Some((observed_name(key).into_owned(), value.map(|value| shown(&value, MAX_VALUE_CHARS))))
}

/// Flags that appear or disappear were configured, not switched; both are reported. One that is evaluated for the first time is not known to be new.
fn changed(target: &str, known: &Flags, flags: &Flags, before: Timestamp, now: Timestamp) -> Vec<ToldChange> {
    let keys: BTreeSet<&String> = known.values.keys().chain(flags.values.keys()).collect();
    let change = |key: &String| {
        let (from, to) = match (known.values.get(key), flags.values.get(key)) {
            (Some(Some(from)), Some(Some(to))) if from != to => (Some(from), to.as_str()),
            (None, Some(Some(to))) if known.lacks(key) => (None, to.as_str()),
            (Some(from), None) if flags.lacks(key) => (from.as_ref(), "gone"),
            _ => return None,
        };
        Some(ToldChange {
            target: target.to_owned(),
            key: observed_name(&format!("ofrep:{key}:{}", now.ms())).into_owned(),
            change: Change {
                at: now,
                kind: ChangeKind::FeatureFlag,
                service: None,
                subject: key.clone(),
                from: from.cloned(),
                to: Some(to.to_owned()),
                uncertainty_ms: now.ms() - before.ms(),
                source: "OFREP".to_owned(),
                url: None,
            },
            received: now,
            state: None,
        })
    };
    keys.into_iter().filter_map(change).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Key, from, to.
    type Switch = (String, Option<String>, Option<String>);

    /// What changes from answer to answer.
    fn changes(answers: &[Value]) -> Vec<Vec<Switch>> {
        let mut known = Flags::default();
        let step = |(i, answer): (usize, &Value)| {
            let flags = Flags::of(answer.as_array().unwrap()).or_as_in(&known);
            let now = Timestamp::from_ms(i as i64 * ASK_EVERY_MS);
            let all = changed("shop", &known, &flags, now, now);
            known = flags;
            all.into_iter().map(|told| (told.change.subject, told.change.from, told.change.to)).collect()
        };
        // The first answer has nothing to be compared with.
        answers.iter().enumerate().map(step).skip(1).collect()
    }

    fn from_to(key: &str, from: Option<&str>, to: &str) -> Vec<Switch> {
        vec![(key.to_owned(), from.map(str::to_owned), Some(to.to_owned()))]
    }

    #[test]
    fn a_flag_that_cannot_be_evaluated_has_not_changed() {
        let on = json!([{"key": "fast", "variant": "on"}]);
        let off = json!([{"key": "fast", "variant": "off"}]);
        let failed = json!([{"key": "fast", "errorCode": "GENERAL", "value": false}]);
        let silent = json!([{"key": "fast"}]);
        let none = changes(&[on.clone(), failed.clone(), silent, on.clone()]);
        assert_eq!(none, [vec![], vec![], vec![]]);
        let seen = changes(&[failed.clone(), on, failed, off, json!([])]);
        let switched = from_to("fast", Some("on"), "off");
        assert_eq!(seen, [vec![], vec![], switched, from_to("fast", Some("off"), "gone")]);
    }

    #[test]
    fn flags_beyond_the_bound_do_not_come_and_go() {
        let flag = |i: usize| json!({"key": format!("f{i:04}"), "variant": "on"});
        let all: Vec<Value> = (0..MAX_FLAGS + 500).map(flag).collect();
        let mut another_order = all.clone();
        another_order.reverse();
        let mut with_one_more = all.clone();
        with_one_more.push(json!({"key": "a", "variant": "on"}));
        let [first, second, third] = [all.clone(), another_order, with_one_more].map(Value::Array);
        let seen = changes(&[first.clone(), second, third, first]);
        assert_eq!(seen, [vec![], from_to("a", None, "on"), from_to("a", Some("on"), "gone")]);
    }
}
