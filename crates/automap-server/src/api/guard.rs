//! What every request passes before an endpoint sees it: who asks, from where, and for how long.

use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::Api;
use super::answer::Problem;
use super::auth::{self, Role};

/// Longest time for an answer; the live feed is no answer.
const TIMEOUT: Duration = Duration::from_secs(60);
/// Longest request id that is taken over.
const MAX_REQUEST_ID: usize = 64;

/// The role that an endpoint needs, put there by the router.
#[derive(Clone, Copy, Debug)]
pub(super) struct Needs(pub(super) Option<Role>);

/// Checks the request, runs it within the time, and adds headers.
pub(super) async fn guard(State((api, needs)): State<(Api, Needs)>, request: Request, next: Next) -> Response {
    let id = request_id(request.headers());
    let mut response = match check(&api, needs, &request) {
        Err(problem) => problem.into_response(),
        Ok(()) => match tokio::time::timeout(TIMEOUT, next.run(request)).await {
            Ok(response) => response,
            Err(_) => Problem::new(503, "it took too long", "ask for less, or later").into_response(),
        },
    };
    let headers = response.headers_mut();
    for (name, value) in [
        ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("cache-control", "no-store"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if let Some(id) = id.and_then(|id| HeaderValue::from_str(&id).ok()) {
        headers.insert("x-request-id", id);
    }
    response
}

fn check(api: &Api, Needs(needs): Needs, request: &Request<Body>) -> Result<(), Problem> {
    host_is_ours(api, request.headers())?;
    if let Some(needs) = needs {
        let role = auth::role(&api.config, request.headers())?;
        if role < needs {
            return Err(Problem::new(403, "this token may only look", "use one with `role: operator`"));
        }
    }
    if request.method() != Method::GET && request.method() != Method::HEAD {
        comes_from_us(request.headers())?;
    }
    Ok(())
}

/// While nobody has to authenticate, a page of another site that makes its own name point here (DNS rebinding) must not read or change anything.
fn host_is_ours(api: &Api, headers: &HeaderMap) -> Result<(), Problem> {
    let config = &api.config;
    if !config.tokens.is_empty() || config.insecure_no_auth {
        return Ok(());
    }
    let host = headers.get(header::HOST).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let name =
        host.rsplit_once(':').filter(|(_, port)| port.chars().all(|c| c.is_ascii_digit())).map_or(host, |(n, _)| n);
    let name = name.trim_start_matches('[').trim_end_matches(']');
    let is_address = name.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
    if name == "localhost" || is_address || config.hosts.iter().any(|h| h == name) {
        return Ok(());
    }
    Err(Problem::new(
        421,
        "this is not the host that was asked for",
        "name it under api.hosts, or authenticate with tokens",
    ))
}

/// A browser tells the origin of what it sends; another site's form or script must change nothing.
fn comes_from_us(headers: &HeaderMap) -> Result<(), Problem> {
    let text = |name| headers.get(name).and_then(|v| v.to_str().ok());
    if let Some(origin) = text(header::ORIGIN) {
        let host = text(header::HOST).unwrap_or_default();
        let ours = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://")) == Some(host);
        if !ours {
            return Err(Problem::new(
                403,
                "another site's page sent this",
                "send it from a program, or from our own pages",
            ));
        }
    }
    let content = text(header::CONTENT_TYPE).unwrap_or_default();
    if !content.split(';').next().is_some_and(|c| c.trim().eq_ignore_ascii_case("application/json")) {
        return Err(Problem::new(415, "the body is not JSON", "send `Content-Type: application/json`"));
    }
    Ok(())
}

/// The asker's own id where it is harmless; a log line is not made of anything else.
fn request_id(headers: &HeaderMap) -> Option<String> {
    let given = headers.get("x-request-id").and_then(|v| v.to_str().ok())?;
    let harmless = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    (given.len() <= MAX_REQUEST_ID && given.chars().all(harmless)).then(|| given.to_owned())
}
