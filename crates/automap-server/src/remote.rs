//! A client of a running `automap serve`: the command line fetches a stored incident from it.
//!
//! It sends at most two requests: for everything that a page shows and, if the metrics are gone, for the stored report. Answers are bounded,
//! redirects are not followed, and a token goes to the given address only.

use std::path::Path;
use std::time::Duration;

use automap_core::dossier::{self, Dossier};
use automap_core::incident::Incident;
use automap_sources::http;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use ureq::Agent;

use crate::address::without_credentials;
use crate::percent::encoded;
use crate::secret::{ExposeSecret, SecretString};

/// Largest answer that is read: many times a page's data of the largest system.
const MAX_ANSWER_BYTES: u64 = 64 << 20;
/// Longest time for one request: the server itself gives up after 60 s.
const TIMEOUT: Duration = Duration::from_secs(65);
/// Longest text of an error that is repeated.
const MAX_SAID_CHARS: usize = 500;

/// Why a server gave no incident: what, where, and what to try.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct RemoteError(String);

/// A server.
#[derive(Debug)]
pub struct Remote {
    /// Without a slash at its end.
    base: String,
    /// The same without credentials, for errors.
    shown: String,
    token: Option<SecretString>,
    agent: Agent,
}

/// What a server knows of an incident.
#[derive(Clone, Debug)]
pub struct KeptIncident {
    /// All that a page shows.
    pub dossier: Dossier,
    /// Why it is made of the report alone; `None` if the metrics still exist.
    pub without_metrics: Option<String>,
}

/// The part of a problem document that people read.
#[derive(Deserialize)]
struct Said {
    detail: String,
    next: String,
}

impl Remote {
    /// The server at this address, which is not contacted yet.
    ///
    /// # Errors
    /// [`RemoteError`] when it is not an address, or the file with authorities cannot be used.
    pub fn new(url: &str, token: Option<SecretString>, ca_file: Option<&Path>) -> Result<Self, RemoteError> {
        if !url.starts_with("http://") && !url.starts_with("https://") {
            let shown = without_credentials(url);
            return Err(RemoteError(format!("'{shown}' is no address; give one such as http://localhost:9977")));
        }
        let tls = http::trusting(ca_file).map_err(|e| RemoteError(e.to_string()))?;
        let config = http::agent_config(tls, TIMEOUT).http_status_as_error(false).build();
        let base = url.trim_end_matches('/').to_owned();
        Ok(Self { shown: without_credentials(&base), base, token, agent: Agent::new_with_config(config) })
    }

    /// Everything that a page about an incident shows. Takes seconds, since the server fetches the metrics again.
    ///
    /// # Errors
    /// [`RemoteError`] when the server does not answer, does not know the incident, or asks for other credentials.
    pub fn incident(&self, id: &str) -> Result<KeptIncident, RemoteError> {
        let path = format!("/api/v1/incidents/{}", encoded(id));
        let (status, body) = self.get(&format!("{path}/dossier"))?;
        if status == 200 {
            return Ok(KeptIncident { dossier: self.parse(&body)?, without_metrics: None });
        }
        // The metrics are gone, or the source does not answer.
        if status != 422 && status != 503 {
            return Err(self.refusal(id, status, &body));
        }
        let reason = said(&body).map_or_else(|| format!("status {status}"), |said| said.detail);
        let (status, body) = self.get(&path)?;
        if status != 200 {
            return Err(self.refusal(id, status, &body));
        }
        let incident: Incident = self.parse(&body)?;
        let report = incident.report.ok_or_else(|| {
            RemoteError(format!("{}: '{id}' was never diagnosed: {reason}; its page shows its time line", self.shown))
        })?;
        Ok(KeptIncident { dossier: dossier::of_report_alone(report), without_metrics: Some(reason) })
    }

    fn get(&self, path: &str) -> Result<(u16, Vec<u8>), RemoteError> {
        let fail =
            |e: &dyn std::fmt::Display| RemoteError(format!("{}: {e}; is `automap serve` running there?", self.shown));
        let mut request = self.agent.get(format!("{}{path}", self.base)).header("accept", "application/json");
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {}", token.expose_secret()));
        }
        let mut answer = request.call().map_err(|e| fail(&e))?;
        let body = answer.body_mut().with_config().limit(MAX_ANSWER_BYTES).read_to_vec().map_err(|e| fail(&e))?;
        Ok((answer.status().as_u16(), body))
    }

    fn parse<T: DeserializeOwned>(&self, body: &[u8]) -> Result<T, RemoteError> {
        serde_json::from_slice(body).map_err(|e| {
            RemoteError(format!("{}: its answer cannot be read: {e}; are both of one version of automap?", self.shown))
        })
    }

    fn refusal(&self, id: &str, status: u16, body: &[u8]) -> RemoteError {
        let base = &self.shown;
        RemoteError(match (status, said(body)) {
            (401, _) => format!("{base}: it wants other credentials; give --token-file with a token of its api.auth"),
            (404, Some(_)) => format!("{base}: there is no incident '{id}'; its first page lists them"),
            (_, Some(Said { detail, next })) => format!("{base}: {detail}; {next}"),
            (_, None) => {
                format!("{base}: status {status}, and no word of automap; is it the address of `automap serve`?")
            }
        })
    }
}

fn said(body: &[u8]) -> Option<Said> {
    let Said { detail, next } = serde_json::from_slice(body).ok()?;
    let shown = |text: String| text.chars().filter(|c| !c.is_control()).take(MAX_SAID_CHARS).collect();
    Some(Said { detail: shown(detail), next: shown(next) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_in_the_address_is_not_shown() {
        let remote = Remote::new("http://ann:hunter2@127.0.0.1:9/", None, None).unwrap();
        let error = remote.incident("a").unwrap_err().to_string();
        assert!(error.starts_with("http://127.0.0.1:9: ") && !error.contains("hunter2"), "{error}");
    }

    #[test]
    fn what_is_no_address_is_refused_before_anything_is_sent() {
        for bad in ["localhost:9977", "", "file:///etc/passwd"] {
            assert!(Remote::new(bad, None, None).unwrap_err().to_string().contains("http://localhost:9977"), "{bad}");
        }
    }
}
