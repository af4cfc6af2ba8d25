//! The outermost layer: gives every request an id, writes one log line and one count for every answer, and adds the security headers. A
//! handler that panics is answered with 500 here.

use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;

use crate::api::app::App;
use crate::api::http::header::single;
use crate::api::http::peer::{ClientAddress, Peer};
use crate::api::http::problem::Problem;
use crate::api::http::request_id::REQUEST_ID;
use crate::auth::{Identity, proxy};

/// Headers of every answer, unless its handler sets them. JSON needs no scripts, styles or frames.
const SECURITY_HEADERS: [(HeaderName, &str); 6] = [
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

/// Names, records and answers a request.
pub(crate) async fn log_request(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let id = app.request_ids.for_request(request.headers());
    let route = request.extensions().get::<MatchedPath>().map_or("none", |p| p.as_str()).to_owned();
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let client = client_address(&app, &request);
    request.extensions_mut().insert(ClientAddress(client));

    let answer = AssertUnwindSafe(next.run(request)).catch_unwind().await;
    let mut response = answer.unwrap_or_else(|_| Problem::internal("handler").into_response());

    let (status, took) = (response.status(), started.elapsed());
    add_headers(&mut response, &id, app.config.tls.is_some());
    app.metrics.record(&method, &route, status, took);
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

fn client_address(app: &App, request: &Request) -> IpAddr {
    let forwarded = single(request.headers(), "x-forwarded-for");
    proxy::client_address(app.auth.proxy(), Peer::of(request.extensions()), forwarded)
}

fn add_headers(response: &mut Response, id: &str, tls: bool) {
    let headers = response.headers_mut();
    for (name, value) in SECURITY_HEADERS {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    if tls {
        headers.entry(header::STRICT_TRANSPORT_SECURITY).or_insert(HeaderValue::from_static("max-age=31536000"));
    }
    if let Ok(id) = HeaderValue::from_str(id) {
        headers.insert(REQUEST_ID, id);
    }
}
