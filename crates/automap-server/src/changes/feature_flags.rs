//! Feature flags by the OpenFeature Remote Evaluation Protocol: a flag server's answer for one context, and what changed in it.
//!
//! `POST /ofrep/v1/evaluate/flags` once a minute, with the last answer's `ETag`, to the configured address only. A flag has changed if its variant
//! or, without one, its value differs from the previous answer; the first answer changes nothing. Other contexts are not queried, so automap never
//! states that no flag changed.

use std::collections::BTreeMap;
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
/// Most flags that are compared.
const MAX_FLAGS: usize = 2000;
/// Longest value of a flag that is shown, in characters.
const MAX_VALUE_CHARS: usize = 60;

/// The tag of an answer, and the variant or value of each flag by its key.
type Flags = (Option<String>, BTreeMap<String, String>);

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
    flags: BTreeMap<String, String>,
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
                let known = std::mem::replace(&mut state.flags, flags);
                before.map(|before| changed(target, &known, &state.flags, before, now)).unwrap_or_default()
            }
            Err(error) => {
                if !std::mem::replace(&mut state.has_warned, true) {
                    warn!(target: "changes", target, error, "feature flags cannot be read: {}", self.config.url);
                }
                Vec::new()
            }
        }
    }

    /// `None` if nothing changed since the answer with this tag.
    fn ask(&self, etag: Option<&str>) -> Result<Option<Flags>, String> {
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
        Ok(Some((etag, flags.iter().filter_map(Value::as_object).filter_map(flag).take(MAX_FLAGS).collect())))
    }
}

/// A flag's key with its variant or value; `None` for one that could not be evaluated.
fn flag(flag: &Map<String, Value>) -> Option<(String, String)> {
    let key = flag.get("key")?.as_str()?;
    let variant = flag.get("variant").and_then(Value::as_str).map(str::to_owned);
    let value = variant.or_else(|| flag.get("value").map(Value::to_string))?;
    Some((observed_name(key).into_owned(), shown(&value, MAX_VALUE_CHARS)))
}

/// Flags that appear or disappear were configured, not switched; both are reported.
fn changed(
    target: &str,
    known: &BTreeMap<String, String>,
    flags: &BTreeMap<String, String>,
    before: Timestamp,
    now: Timestamp,
) -> Vec<ToldChange> {
    let keys = known.keys().chain(flags.keys().filter(|key| !known.contains_key(*key)));
    let change = |key: &String| {
        let (from, to) = (known.get(key), flags.get(key));
        (from != to).then(|| ToldChange {
            target: target.to_owned(),
            key: observed_name(&format!("ofrep:{key}:{}", now.ms())).into_owned(),
            change: Change {
                at: now,
                kind: ChangeKind::FeatureFlag,
                service: None,
                subject: key.clone(),
                from: from.cloned(),
                to: Some(to.cloned().unwrap_or_else(|| "gone".to_owned())),
                uncertainty_ms: now.ms() - before.ms(),
                source: "OFREP".to_owned(),
                url: None,
            },
            received: now,
            state: None,
        })
    };
    keys.filter_map(change).collect()
}
