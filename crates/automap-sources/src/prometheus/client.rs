//! The connection: sends one request with its retries, and counts the cost. Knows HTTP, but nothing about services.
//!
//! Redirects are never followed: they lead to login pages at best, and at worst carry the credentials elsewhere. Queries are sent by POST, since they
//! get long; if only GET is allowed, as in front of OpenShift's tenants, the connection remembers that.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tracing::{debug, debug_span};
use ureq::http::{HeaderName, HeaderValue, Response};
use ureq::{Agent, Body};

use super::address::{self, Address, Typed};
use super::body::Whole;
use super::decode::{self, Decoded};
use super::error::{Failure, RequestError};
use super::options::{Auth, ClientOptions, MAX_CONCURRENCY, MAX_RETRIES};
use super::presets::Presets;
use super::{body, http_failure, retry, tls};
use crate::http;
use crate::secret::{ExposeSecret, SecretSource, SecretString};

/// Longest time to establish a connection, regardless of the total timeout.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Connections that are kept open for reuse. Many targets of one server share a client, and start and end their queries together.
const MAX_IDLE: usize = 32;
/// Longest encoded query that is sent by GET: longer URLs are not accepted.
const MAX_GET_BYTES: usize = 60_000;
/// Refusals that use up the server's whole time limit; after this many, no smaller pieces are tried in one observation.
const MAX_SLOW_REFUSALS: u32 = 8;

/// A Prometheus server, or anything that speaks its HTTP API: Thanos, Mimir, VictoriaMetrics.
///
/// Cheap to clone; clones share connections and counters.
#[derive(Clone, Debug)]
pub struct Client {
    link: Arc<Link>,
    meter: Arc<Meter>,
}

/// The cost of fetching.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FetchStats {
    /// HTTP requests sent, repetitions included.
    pub requests: u64,
    /// Bytes of all answers.
    pub bytes: u64,
    /// How many of the requests were repetitions.
    pub retries: u64,
}

impl FetchStats {
    /// Adds the cost of further requests.
    pub fn add(&mut self, more: Self) {
        self.requests += more.requests;
        self.bytes += more.bytes;
        self.retries += more.retries;
    }
}

#[derive(Debug)]
struct Link {
    address: Address,
    agent: Agent,
    options: ClientOptions,
    headers: Vec<(HeaderName, HeaderValue)>,
    /// Parameters sent with every URL.
    parameters: Vec<(String, SecretString)>,
    /// Whether POST was refused and GET was accepted.
    is_get_only: AtomicBool,
}

#[derive(Debug, Default)]
struct Meter {
    requests: AtomicU64,
    bytes: AtomicU64,
    retries: AtomicU64,
    slow_refusals: AtomicU32,
}

/// One request.
#[derive(Debug, Hash)]
pub(crate) struct Call<'a> {
    endpoint: &'a str,
    form: &'a [(&'a str, String)],
    by_get: bool,
}

/// Statuses by which proxies and servers refuse POST. 403 is also the answer to clients that may not query at all; GET shows the difference.
const POST_REFUSED: [u16; 3] = [403, 405, 501];

impl<'a> Call<'a> {
    /// A short request, always by GET.
    pub(crate) fn get(endpoint: &'a str, form: &'a [(&'a str, String)]) -> Self {
        Self { endpoint, form, by_get: true }
    }

    /// A query, by POST if allowed.
    pub(crate) fn query(endpoint: &'a str, form: &'a [(&'a str, String)]) -> Self {
        Self { endpoint, form, by_get: false }
    }

    /// The expression, for the log.
    fn promql(&self) -> Option<&str> {
        self.form.iter().find(|(name, _)| *name == "query").map(|(_, promql)| promql.as_str())
    }

    /// Upper bound of the length as part of a URL: every byte may need an escape.
    fn encoded_bytes(&self) -> usize {
        let escaped = |byte: u8| if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) { 1 } else { 3 };
        self.form.iter().map(|(name, value)| name.len() + 2 + value.bytes().map(escaped).sum::<usize>()).sum()
    }
}

impl Client {
    /// Checks the address and reads the certificates; does not connect yet.
    ///
    /// # Errors
    /// When the address, a header or a certificate file cannot be used.
    pub fn new(mut options: ClientOptions) -> Result<Self, RequestError> {
        let Typed { address, auth: from_url, parameters } = Address::parse(&options.url)?;
        let fail = |failure| RequestError::new(address.as_str(), failure);
        address.as_str().clone_into(&mut options.url);
        if let (Auth::None, Some(auth)) = (&options.auth, from_url) {
            options.auth = auth;
        }
        address::check_parameters(options.parameters.iter().map(|(name, _)| name.as_str()))
            .map_err(|why| fail(Failure::BadAddress(why)))?;
        let is_given = |name: &String| options.parameters.iter().any(|(given, _)| given == name);
        let mut parameters: Vec<(String, SecretString)> =
            parameters.into_iter().filter(|(name, _)| !is_given(name)).map(|(n, v)| (n, v.into())).collect();
        parameters.extend(options.parameters.iter().cloned());
        let headers = options.headers.iter().map(|(name, value)| header(name, value.expose_secret()));
        let headers = headers.collect::<Result<_, _>>().map_err(fail)?;
        let tls = tls::config(&options.tls).map_err(fail)?;
        let config = http::agent_config(tls, options.timeout)
            .http_status_as_error(false)
            .max_redirects_will_error(false)
            .timeout_connect(Some(options.timeout.min(CONNECT_TIMEOUT)))
            .max_idle_connections(MAX_IDLE)
            .max_idle_connections_per_host(MAX_IDLE)
            .build();
        let agent = Agent::new_with_config(config);
        let is_get_only = AtomicBool::new(false);
        let link = Link { address, agent, options, headers, parameters, is_get_only };
        Ok(Self { link: Arc::new(link), meter: Arc::default() })
    }

    /// The requested cluster; `None` if the server has only one.
    pub(crate) fn cluster(&self) -> Option<&str> {
        self.link.options.cluster.as_deref()
    }

    /// The server's address, without credentials.
    pub fn address(&self) -> &str {
        self.link.address.as_str()
    }

    /// The presets that are looked for on this server.
    pub fn presets(&self) -> &Presets {
        &self.link.options.presets
    }

    /// The cost of this client and its clones so far.
    pub fn stats(&self) -> FetchStats {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let Meter { requests, bytes, retries, .. } = &*self.meter;
        FetchStats { requests: read(requests), bytes: read(bytes), retries: read(retries) }
    }

    /// The same connection with separate counters.
    pub(crate) fn metered(&self) -> Self {
        Self { link: Arc::clone(&self.link), meter: Arc::default() }
    }

    /// Whether a smaller piece may be tried after a slow refusal; counts it.
    pub(crate) fn has_patience(&self) -> bool {
        self.meter.slow_refusals.fetch_add(1, Ordering::Relaxed) < MAX_SLOW_REFUSALS
    }

    pub(crate) fn concurrency(&self) -> usize {
        self.link.options.concurrency.clamp(1, MAX_CONCURRENCY)
    }

    /// The timeout to pass on to the server.
    pub(crate) fn timeout(&self) -> Duration {
        self.link.options.timeout
    }

    /// Sends the request, with retries if possible, and decodes the answer.
    pub(crate) fn fetch<T: DeserializeOwned>(&self, call: &Call<'_>) -> Result<Decoded<T>, RequestError> {
        let span = debug_span!(target: "query", "query", endpoint = call.endpoint, promql = call.promql());
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
        let is_get_only = &self.link.is_get_only;
        let by_get = call.by_get || is_get_only.load(Ordering::Relaxed);
        let mut response = self.send(call, by_get)?;
        if !by_get && POST_REFUSED.contains(&response.status().as_u16()) {
            let refusal = http_failure::of_response(&mut response);
            response = self.send(call, true)?;
            if matches!(response.status().as_u16(), 300..=399 | 401 | 404) || is_refused(&response) {
                return Err(refusal.into());
            }
            debug!(target: "query", "POST is refused: queries are sent by GET from now on");
            is_get_only.store(true, Ordering::Relaxed);
        }
        let status = response.status().as_u16();
        if matches!(status, 414 | 431) {
            return Err(Failure::QueryTooLong { bytes: call.encoded_bytes() }.into());
        }
        if !(200..300).contains(&status) {
            let retry_after = response.headers().get("retry-after").and_then(|value| value.to_str().ok());
            let retry_after = retry_after.and_then(http::retry_after);
            return Err(FailedAttempt { failure: http_failure::of_response(&mut response), retry_after });
        }
        let Whole { bytes, permit } = self.read(&mut response)?;
        Ok(Decoded { permit, ..decode::envelope(&bytes)? })
    }

    fn send(&self, call: &Call<'_>, by_get: bool) -> Result<Response<Body>, Failure> {
        let Link { address, agent, headers, parameters, .. } = &*self.link;
        let bytes = call.encoded_bytes();
        if by_get && bytes > MAX_GET_BYTES {
            return Err(Failure::QueryTooLong { bytes });
        }
        self.meter.requests.fetch_add(1, Ordering::Relaxed);
        let authorization = self.authorization()?;
        let all = headers.iter().map(|(n, v)| (n, v)).chain(authorization.as_ref().map(|(n, v)| (n, v)));
        let parameters = parameters.iter().map(|(name, value)| (name.as_str(), value.expose_secret()));
        let form = call.form.iter().map(|(name, value)| (*name, value.as_str()));
        let url = address.endpoint(call.endpoint);
        let sent = match by_get {
            true => all.fold(agent.get(url), |r, (n, v)| r.header(n, v)).query_pairs(parameters.chain(form)).call(),
            false => all.fold(agent.post(url), |r, (n, v)| r.header(n, v)).query_pairs(parameters).send_form(form),
        };
        sent.map_err(|e| self.failure(e))
    }

    fn read(&self, response: &mut Response<Body>) -> Result<Whole, Failure> {
        let (limit, timeout) = (self.link.options.max_body_bytes, self.link.options.timeout);
        let body =
            body::read(response, limit, timeout).map_err(|error| http_failure::of_body(error, timeout, limit))?;
        self.meter.bytes.fetch_add(body.bytes.len() as u64, Ordering::Relaxed);
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

fn is_refused(response: &Response<Body>) -> bool {
    POST_REFUSED.contains(&response.status().as_u16())
}

fn resolve(source: &SecretSource) -> Result<SecretString, Failure> {
    source.read().map_err(|e| Failure::File { path: e.place, reason: e.reason })
}

/// Marks the value as sensitive, so that no log prints it.
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
