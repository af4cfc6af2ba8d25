//! The outermost layer: a name for every request, one log line and one count for every answer, headers that every answer carries.

use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;

use super::gate::one;
use super::problem::Problem;
use super::serve::Peer;
use super::state::App;
use crate::auth::{Identity, proxy};

/// Longest request id that is taken from a client.
const MAX_ID: usize = 64;
/// The header of the request id.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What an answer carries unless its handler says otherwise. JSON needs no scripts, styles or frames.
const HEADERS: [(HeaderName, &str); 6] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (header::CACHE_CONTROL, "no-store"),
];

/// Makes ids for requests that bring none.
#[derive(Debug)]
pub(crate) struct RequestIds {
    boot: u32,
    last: AtomicU64,
}

impl RequestIds {
    pub(crate) fn new(boot: u32) -> Self {
        Self { boot, last: AtomicU64::new(0) }
    }

    /// The client's own where it is sane, else a new one.
    fn id(&self, headers: &HeaderMap) -> String {
        let sane = |id: &&str| {
            (1..=MAX_ID).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
        };
        match one(headers, REQUEST_ID.as_str()).filter(sane) {
            Some(id) => id.to_owned(),
            None => format!("{:08x}-{}", self.boot, self.last.fetch_add(1, Ordering::Relaxed) + 1),
        }
    }
}

/// The address that limits are counted for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Client(pub(crate) IpAddr);

/// The layer itself.
pub(crate) async fn record(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let id = app.ids.id(request.headers());
    let route = request.extensions().get::<MatchedPath>().map_or("none", |p| p.as_str()).to_owned();
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let client = client(&app, &request);
    request.extensions_mut().insert(Client(client));

    let answer = AssertUnwindSafe(next.run(request)).catch_unwind().await;
    let mut response = answer.unwrap_or_else(|_| Problem::internal("handler").into_response());

    let (status, took) = (response.status(), begun.elapsed());
    dress(&mut response, &id, app.config.tls.is_some());
    app.metrics.answered(&method, &route, status, took);
    let user = response.extensions().get::<Identity>().map(|who| who.name.clone());
    macro_rules! log {
        ($level:ident) => {
            tracing::$level!(
                target: "request", request_id = id, %method, path, route, status = status.as_u16(), ms = took.as_millis() as u64, %client, user
            )
        };
    }
    if status.is_server_error() {
        log!(error);
    } else {
        log!(info);
    }
    response
}

fn client(app: &App, request: &Request) -> IpAddr {
    let forwarded = one(request.headers(), "x-forwarded-for");
    proxy::client(app.auth.proxy(), Peer::of(request.extensions()), forwarded)
}

fn dress(response: &mut Response, id: &str, tls: bool) {
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    if tls {
        headers.entry(header::STRICT_TRANSPORT_SECURITY).or_insert(HeaderValue::from_static("max-age=31536000"));
    }
    if let Ok(id) = HeaderValue::from_str(id) {
        headers.insert(REQUEST_ID, id);
    }
}
