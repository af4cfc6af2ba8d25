//! The connection: one request with its repetitions, metered. Knows HTTP, nothing of services.
//!
//! Redirects are never followed: they lead to login pages at best, and at worst carry the credentials elsewhere.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tracing::{debug, debug_span};
use ureq::http::{HeaderName, HeaderValue, Response};
use ureq::{Agent, Body};

use super::address::Address;
use super::decode::{self, Decoded};
use super::error::{Failure, RequestError};
use super::options::{Auth, ClientOptions, MAX_CONCURRENCY, MAX_RETRIES};
use super::presets::Presets;
use super::{http_failure, retry, tls};
use crate::http;
use crate::secret::{ExposeSecret, SecretSource, SecretString};

/// Longest time to establish a connection, whatever the total.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A Prometheus server, or anything that speaks its HTTP API: Thanos, Mimir, VictoriaMetrics.
///
/// Cheap to clone; clones share connections and counters.
#[derive(Clone, Debug)]
pub struct Client {
    link: Arc<Link>,
    meter: Arc<Meter>,
}

/// What fetching cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FetchStats {
    /// HTTP requests sent, repetitions included.
    pub requests: u64,
    /// Bytes of all answers.
    pub bytes: u64,
    /// How many of the requests were repetitions.
    pub retries: u64,
}

#[derive(Debug)]
struct Link {
    address: Address,
    agent: Agent,
    options: ClientOptions,
    headers: Vec<(HeaderName, HeaderValue)>,
}

#[derive(Debug, Default)]
struct Meter {
    requests: AtomicU64,
    bytes: AtomicU64,
    retries: AtomicU64,
}

/// One thing to ask for.
#[derive(Debug, Hash)]
pub(crate) enum Call<'a> {
    /// A GET with the query string that is part of the path.
    Get(&'a str),
    /// A POST with form fields: queries get long.
    Post(&'a str, &'a [(&'a str, String)]),
}

impl Call<'_> {
    /// The path without its parameters, for the log.
    fn endpoint(&self) -> &str {
        let (Self::Get(path) | Self::Post(path, _)) = self;
        path.split('?').next().unwrap_or_default()
    }

    /// What is asked, for the log.
    fn promql(&self) -> Option<&str> {
        let Self::Post(_, form) = self else { return None };
        form.iter().find(|(name, _)| *name == "query").map(|(_, promql)| promql.as_str())
    }
}

impl Client {
    /// Checks the address and reads the certificates; connects to nothing yet.
    ///
    /// # Errors
    /// When the address, a header or a certificate file cannot be used.
    pub fn new(mut options: ClientOptions) -> Result<Self, RequestError> {
        let (address, from_url) = Address::parse(&options.url)?;
        let fail = |failure| RequestError::new(address.as_str(), failure);
        address.as_str().clone_into(&mut options.url);
        if let (Auth::None, Some(auth)) = (&options.auth, from_url) {
            options.auth = auth;
        }
        let headers = options.headers.iter().map(|(name, value)| header(name, value.expose_secret()));
        let headers = headers.collect::<Result<_, _>>().map_err(fail)?;
        let tls = tls::config(&options.tls).map_err(fail)?;
        let config = http::agent_config(tls, options.timeout)
            .http_status_as_error(false)
            .max_redirects_will_error(false)
            .timeout_connect(Some(options.timeout.min(CONNECT_TIMEOUT)))
            .build();
        let agent = Agent::new_with_config(config);
        Ok(Self { link: Arc::new(Link { address, agent, options, headers }), meter: Arc::default() })
    }

    /// The cluster whose series are looked at; `None` where the server has one only.
    pub(crate) fn cluster(&self) -> Option<&str> {
        self.link.options.cluster.as_deref()
    }

    /// The server's address, without credentials.
    pub fn address(&self) -> &str {
        self.link.address.as_str()
    }

    /// What is looked for on this server.
    pub fn presets(&self) -> &Presets {
        &self.link.options.presets
    }

    /// What this client and its clones have cost so far.
    pub fn stats(&self) -> FetchStats {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let Meter { requests, bytes, retries } = &*self.meter;
        FetchStats { requests: read(requests), bytes: read(bytes), retries: read(retries) }
    }

    /// The same connection with counters of its own.
    pub(crate) fn metered(&self) -> Self {
        Self { link: Arc::clone(&self.link), meter: Arc::default() }
    }

    pub(crate) fn concurrency(&self) -> usize {
        self.link.options.concurrency.clamp(1, MAX_CONCURRENCY)
    }

    /// The limit to pass on to the server.
    pub(crate) fn timeout(&self) -> Duration {
        self.link.options.timeout
    }

    /// Sends, repeats what may be repeated, and decodes.
    pub(crate) fn fetch<T: DeserializeOwned>(&self, call: &Call<'_>) -> Result<Decoded<T>, RequestError> {
        let span = debug_span!(target: "query", "query", endpoint = call.endpoint(), promql = call.promql());
        let _inside = span.enter();
        let retry = &self.link.options.retry;
        let mut attempt = 0;
        loop {
            match self.attempt(call) {
                Ok(decoded) => return Ok(decoded),
                Err(FailedAttempt { failure, .. })
                    if attempt >= retry.retries.min(MAX_RETRIES) || !failure.is_transient() =>
                {
                    return Err(RequestError::new(self.address(), failure));
                }
                Err(FailedAttempt { failure, retry_after }) => {
                    debug!(target: "query", attempt, %failure, "repeated after a pause");
                    std::thread::sleep(retry::pause(retry, attempt, retry_after, seed(call)));
                    self.meter.retries.fetch_add(1, Ordering::Relaxed);
                    attempt += 1;
                }
            }
        }
    }

    fn attempt<T: DeserializeOwned>(&self, call: &Call<'_>) -> Result<Decoded<T>, FailedAttempt> {
        let mut response = self.send(call)?;
        let status = response.status().as_u16();
        if !(200..300).contains(&status) {
            let retry_after = response.headers().get("retry-after").and_then(|value| value.to_str().ok());
            let retry_after = retry_after.and_then(http::retry_after);
            return Err(FailedAttempt { failure: http_failure::of_response(&mut response), retry_after });
        }
        let body = self.read(&mut response)?;
        Ok(decode::envelope(&body)?)
    }

    fn send(&self, call: &Call<'_>) -> Result<Response<Body>, Failure> {
        let Link { address, agent, headers, .. } = &*self.link;
        self.meter.requests.fetch_add(1, Ordering::Relaxed);
        let authorization = self.authorization()?;
        let all = headers.iter().map(|(n, v)| (n, v)).chain(authorization.as_ref().map(|(n, v)| (n, v)));
        let sent = match call {
            Call::Get(path) => all.fold(agent.get(address.endpoint(path)), |r, (n, v)| r.header(n, v)).call(),
            Call::Post(path, form) => all
                .fold(agent.post(address.endpoint(path)), |r, (n, v)| r.header(n, v))
                .send_form(form.iter().map(|(name, value)| (*name, value.as_str()))),
        };
        sent.map_err(|e| self.failure(e))
    }

    fn read(&self, response: &mut Response<Body>) -> Result<Vec<u8>, Failure> {
        let limit = self.link.options.max_body_bytes;
        let body = response.body_mut().with_config().limit(limit).read_to_vec().map_err(|e| self.failure(e))?;
        self.meter.bytes.fetch_add(body.len() as u64, Ordering::Relaxed);
        Ok(body)
    }

    fn failure(&self, error: ureq::Error) -> Failure {
        http_failure::of_transport(error, self.link.options.timeout, self.link.options.max_body_bytes)
    }

    fn authorization(&self) -> Result<Option<(HeaderName, HeaderValue)>, Failure> {
        let value = match &self.link.options.auth {
            Auth::None => return Ok(None),
            Auth::Bearer { token } => format!("Bearer {}", resolve(token)?.expose_secret()),
            Auth::Basic { user, password } => {
                format!("Basic {}", STANDARD.encode(format!("{user}:{}", resolve(password)?.expose_secret())))
            }
        };
        header("authorization", &value).map(Some)
    }
}

/// A failed attempt.
struct FailedAttempt {
    failure: Failure,
    retry_after: Option<Duration>,
}

impl From<Failure> for FailedAttempt {
    fn from(failure: Failure) -> Self {
        Self { failure, retry_after: None }
    }
}

fn resolve(source: &SecretSource) -> Result<SecretString, Failure> {
    source.read().map_err(|e| Failure::File { path: e.place, reason: e.reason })
}

/// The value is marked as sensitive, so that no log prints it.
fn header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), Failure> {
    let bad = || Failure::BadHeader(super::error::excerpt(name));
    let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| bad())?;
    let mut value = HeaderValue::from_str(value).map_err(|_| bad())?;
    value.set_sensitive(true);
    Ok((name, value))
}

fn seed(call: &Call<'_>) -> u64 {
    let mut hasher = DefaultHasher::new();
    call.hash(&mut hasher);
    hasher.finish()
}
