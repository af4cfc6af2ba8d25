//! One request to a receiver, and what its outcome means for the message.

use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use automap_sources::http;
use serde::Deserialize;
use serde_json::Value;
use ureq::http::{Method, Request};
use ureq::unversioned::transport::DefaultConnector;
use ureq::{Agent, Error, Proxy, Timeout};

use super::guard::{Allowed, GuardedResolver, refused_host};
use super::text::excerpt;

/// Only the beginning of an answer matters; the longest one needed is Grafana's list of one annotation.
const MAX_ANSWER_BYTES: u64 = 64 << 10;
/// Longest wait that a receiver may ask for.
pub(super) const MAX_RETRY_AFTER: Duration = Duration::from_secs(3600);
/// Longest time-out that can be configured.
const MAX_TIMEOUT_S: u64 = 120;
/// A connection idle for longer may be closed by the other side just as it is used again, and whether the message arrived would be unknown.
const MAX_IDLE: Duration = Duration::from_secs(3);

/// How receivers are reached.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HttpOptions {
    /// Timeout for one message as a whole: resolving, connecting, TLS and all of its requests and answers. Default 10; 1 to 120.
    pub timeout_s: u64,
    /// Whether this machine itself may be a receiver. Link-local and metadata addresses never may. Default: no.
    pub allow_loopback: bool,
    /// Whether receivers may have private addresses (10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, fc00::/7), as those inside a cluster do.
    /// Default: yes.
    pub allow_private: bool,
    /// Whether receivers may have shared addresses (100.64.0.0/10), which carriers, some clusters and overlay networks use. Default: no.
    pub allow_cgnat: bool,
    /// Certificate authorities to trust instead of the public ones, PEM.
    pub ca_file: Option<PathBuf>,
    /// `http://proxy:3128`. The environment's proxy variables are ignored.
    pub proxy: Option<String>,
}

impl Default for HttpOptions {
    fn default() -> Self {
        Self {
            timeout_s: 10,
            allow_loopback: false,
            allow_private: true,
            allow_cgnat: false,
            ca_file: None,
            proxy: None,
        }
    }
}

impl HttpOptions {
    /// Longest time that one message may take.
    pub(super) fn timeout(&self) -> Duration {
        Duration::from_secs(self.timeout_s.clamp(1, MAX_TIMEOUT_S))
    }

    /// Which addresses are allowed besides public ones.
    pub(super) fn allowed(&self) -> Allowed {
        Allowed { loopback: self.allow_loopback, private: self.allow_private, cgnat: self.allow_cgnat }
    }
}

/// Why a message was not delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// It did not arrive, but may later.
    Later { message: String, after: Option<Duration> },
    /// It is unknown whether it arrived.
    Unknown { message: String },
    /// It will never arrive as it is.
    Never { message: String },
}

impl Failure {
    pub(super) fn never(message: impl Into<String>) -> Self {
        Self::Never { message: message.into() }
    }

    pub(super) fn later(message: impl Into<String>) -> Self {
        Self::Later { message: message.into(), after: None }
    }
}

/// The connection pool.
#[derive(Debug)]
pub(super) struct Http {
    agent: Agent,
    allowed: Allowed,
    timeout: Duration,
    /// The deadline of the message that is being sent; `None` outside a message.
    deadline: Option<Instant>,
}

impl Http {
    pub(super) fn new(options: &HttpOptions) -> Result<Self, String> {
        let tls = http::trusting(options.ca_file.as_deref()).map_err(|e| format!("http.ca_file {e}"))?;
        let proxy = options.proxy.as_deref().map(Proxy::new).transpose();
        let (timeout, allowed) = (options.timeout(), options.allowed());
        let config = http::agent_config(tls, timeout)
            .http_status_as_error(false)
            .max_redirects_will_error(false)
            .proxy(proxy.map_err(|_| "http.proxy is not an address such as http://proxy:3128".to_owned())?)
            .max_idle_age(MAX_IDLE)
            .build();
        let agent = Agent::with_parts(config, DefaultConnector::default(), GuardedResolver { allowed });
        Ok(Self { agent, allowed, timeout, deadline: None })
    }

    /// The same connections for one message. All requests that it needs share one deadline, so that a receiver that answers each of them
    /// slowly takes no longer than one that does not answer at all.
    pub(super) fn for_message(&self) -> Self {
        let deadline = Some(Instant::now() + self.timeout);
        Self { agent: self.agent.clone(), allowed: self.allowed, timeout: self.timeout, deadline }
    }

    /// Sends JSON and reads the answer, `null` if it is not JSON. The address may hold a secret: it appears in no message.
    pub(super) fn json(
        &self,
        method: Method,
        url: &str,
        headers: &[(&str, &str)],
        body: &Value,
    ) -> Result<Value, Failure> {
        let bytes = serde_json::to_vec(body)
            .map_err(|e| Failure::never(format!("the message cannot be written as JSON: {e}")))?;
        let mut all = vec![("content-type", "application/json")];
        all.extend_from_slice(headers);
        let answer = self.send(method, url, &all, bytes)?;
        Ok(serde_json::from_slice(&answer).unwrap_or(Value::Null))
    }

    /// Sends once. `Ok` is the body of a 2xx.
    pub(super) fn send(
        &self,
        method: Method,
        url: &str,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Result<Vec<u8>, Failure> {
        let mut request = Request::builder().method(method).uri(url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request =
            request.body(body).map_err(|_| Failure::never("the receiver's address or a header is not valid"))?;
        // A proxy would resolve the name itself.
        if let Some(why) = refused_host(request.uri().host().unwrap_or_default(), self.allowed) {
            return Err(Failure::never(why));
        }
        let left = self.deadline.map_or(self.timeout, |deadline| deadline.saturating_duration_since(Instant::now()));
        if left.is_zero() {
            return Err(Failure::later("the time for one message was over before its next request"));
        }
        let request = self.agent.configure_request(request).timeout_global(Some(left)).build();
        let mut response = self.agent.run(request).map_err(transport)?;
        let status = response.status().as_u16();
        let after = response.headers().get("retry-after").and_then(|v| v.to_str().ok());
        let after = after.and_then(http::retry_after).map(|wait| wait.min(MAX_RETRY_AFTER));
        let limited = response.body_mut().with_config().limit(MAX_ANSWER_BYTES).read_to_vec();
        if (200..300).contains(&status) {
            // The message was accepted; a truncated answer does not change that.
            return Ok(limited.unwrap_or_default());
        }
        let said = excerpt(&limited.unwrap_or_default());
        let message = format!("status {status}: {said}");
        Err(match status {
            // A proxy answers for a receiver that may have got the message.
            502 | 504 => Failure::Unknown { message },
            408 | 429 | 500..=599 => Failure::Later { message, after },
            300..=399 => Failure::Never {
                message: format!("status {status}: redirects are not followed; give the final address"),
            },
            _ => Failure::Never { message },
        })
    }
}

fn transport(error: Error) -> Failure {
    match error {
        Error::Timeout(Timeout::Resolve | Timeout::Connect) => Failure::later("no connection within the time allowed"),
        Error::Timeout(_) => Failure::Unknown { message: "no answer within the time allowed".into() },
        Error::HostNotFound => Failure::later("the receiver's name is not known"),
        Error::ConnectionFailed => Failure::later("no connection"),
        Error::Tls(_) | Error::Rustls(_) | Error::Pem(_) => {
            Failure::later(format!("TLS: {}", excerpt(error.to_string().as_bytes())))
        }
        Error::Io(e) => match e.kind() {
            // Our own error: refused by the guard.
            io::ErrorKind::PermissionDenied => Failure::never(e.to_string()),
            io::ErrorKind::ConnectionRefused | io::ErrorKind::NetworkUnreachable | io::ErrorKind::HostUnreachable => {
                Failure::later(e.to_string())
            }
            _ => Failure::Unknown { message: excerpt(e.to_string().as_bytes()) },
        },
        Error::BadUri(_) | Error::Http(_) => Failure::never("the receiver's address is not valid"),
        e => Failure::Unknown { message: excerpt(e.to_string().as_bytes()) },
    }
}
