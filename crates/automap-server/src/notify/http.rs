//! One POST of a message, and what a refusal means.

use std::time::Duration;

use ureq::Agent;
use ureq::unversioned::transport::DefaultConnector;

use super::guard::Guard;

/// Patience for one message, start to end.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Most of an answer that is read; it says why a message was refused.
const MAX_ANSWER: u64 = 4096;
/// Longest reason that is kept, in characters.
const MAX_REASON: usize = 300;

/// A message was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    /// Why, without the address: it may be a secret.
    pub(super) reason: String,
    /// Whether another attempt may succeed.
    pub(super) is_transient: bool,
    /// How long the receiver asks to wait.
    pub(super) retry_after_ms: Option<i64>,
}

impl Refusal {
    /// Something is missing here, not there; it may be there again at the next attempt.
    pub(super) fn here(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), is_transient: true, retry_after_ms: None }
    }
}

/// Sends messages; follows no redirects, since they lead to addresses that nobody configured.
#[derive(Debug)]
pub(super) struct Http {
    guarded: Agent,
    with_loopback: Agent,
}

impl Http {
    pub(super) fn new() -> Self {
        let agent = |allow_loopback| {
            let config = Agent::config_builder()
                .http_status_as_error(false)
                .max_redirects(0)
                .max_redirects_will_error(false)
                .timeout_global(Some(TIMEOUT))
                .user_agent(concat!("automap/", env!("CARGO_PKG_VERSION")))
                .build();
            Agent::with_parts(config, DefaultConnector::default(), Guard::new(allow_loopback))
        };
        Self { guarded: agent(false), with_loopback: agent(true) }
    }

    /// Posts a body of JSON.
    pub(super) fn post(
        &self,
        url: &str,
        allow_loopback: bool,
        headers: &[(&str, String)],
        body: &str,
    ) -> Result<(), Refusal> {
        let agent = if allow_loopback { &self.with_loopback } else { &self.guarded };
        let request = headers.iter().fold(agent.post(url), |r, (name, value)| r.header(*name, value));
        let mut response = request.send(body).map_err(|e| Refusal::here(without_address(&e.to_string(), url)))?;
        let status = response.status().as_u16();
        if (200..300).contains(&status) {
            return Ok(());
        }
        let retry_after = response.headers().get("retry-after").and_then(|v| v.to_str().ok()?.parse::<i64>().ok());
        let said = response.body_mut().with_config().limit(MAX_ANSWER).read_to_string().unwrap_or_default();
        let said: String = said.chars().filter(|c| !c.is_control()).take(MAX_REASON).collect();
        Err(Refusal {
            reason: without_address(format!("status {status} {said}").trim_end(), url),
            is_transient: status == 429 || status == 408 || status >= 500,
            retry_after_ms: retry_after.map(|s| s.clamp(0, 86_400) * 1000),
        })
    }
}

fn without_address(text: &str, url: &str) -> String {
    text.replace(url, "[address]")
}
