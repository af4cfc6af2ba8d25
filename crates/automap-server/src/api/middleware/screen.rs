//! Checks every request before anything is known about its sender: the host name it was sent to, the site it comes from, and the client's request
//! rate; also limits how long an answer may take.
//!
//! A page of another site can make a browser send requests here in two ways. It can point a host name of its own at this address (DNS
//! rebinding): therefore host names are checked. Or it can use automap's own name; it cannot read the answer then, but could change
//! something: therefore a request that changes something must come from automap's own pages or from no page at all.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::api::app::App;
use crate::api::http::header::single;
use crate::api::http::peer::ClientAddress;
use crate::api::http::problem::Problem;

/// Longest path with query.
const MAX_URI_BYTES: usize = 8 * 1024;

/// Refuses what must not reach a handler, and limits the time until the answer.
pub(crate) async fn screen(State(app): State<App>, request: Request, next: Next) -> Response {
    if let Err(problem) = check(&app, &request, Instant::now()) {
        return problem.into_response();
    }
    let limit = Duration::from_secs(app.limits().request_timeout_s);
    match tokio::time::timeout(limit, next.run(request)).await {
        Ok(response) => response,
        Err(_) => {
            Problem::unavailable("request", format!("there was no answer within {} s", limit.as_secs())).into_response()
        }
    }
}

fn check(app: &App, request: &Request, now: Instant) -> Result<(), Problem> {
    let (headers, uri) = (request.headers(), request.uri());
    if uri.path_and_query().is_some_and(|p| p.as_str().len() > MAX_URI_BYTES) {
        let detail = format!("path and query have more than {MAX_URI_BYTES} bytes");
        return Err(Problem::refused(StatusCode::URI_TOO_LONG, "uri-too-long", detail, "shorten them"));
    }
    let host = check_host(app, headers, uri)?;
    if !matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS) {
        check_origin(&app.config.hosts, headers, host)?;
    }
    // A page loads about twenty of them at once, and an office behind one address opens several pages during an incident.
    #[cfg(feature = "web")]
    if crate::api::http::page_files::is_asset(uri.path()) {
        return Ok(());
    }
    let client = ClientAddress::of(request.extensions());
    app.requests.take(client, now).map_err(|wait| {
        let problem = Problem::too_many("this client sends too many requests", wait);
        // Senders of alerts repeat a request only after a 5xx; so do most senders of changes.
        let is_told = *request.method() == Method::POST
            && ["/api/v1/alerts/", "/api/v1/changes"].iter().any(|path| uri.path().starts_with(path));
        if is_told { problem.into_unavailable() } else { problem }
    })
}

/// The host name that the request was sent to, if it is one of automap's.
fn check_host<'a>(app: &App, headers: &'a HeaderMap, uri: &'a Uri) -> Result<&'a str, Problem> {
    let host = single(headers, "host").or_else(|| uri.authority().map(|a| a.as_str()));
    let host =
        host.ok_or_else(|| Problem::bad_request("header Host", "it is missing or sent twice", "send it once"))?;
    let is_known = |host: &str| is_known_host(host, &app.config.hosts, app.auth.is_enabled());
    if is_known(host) && uri.authority().is_none_or(|a| is_known(a.as_str())) {
        return Ok(host);
    }
    let next = "add the name to `api.hosts`, or use the address";
    Err(Problem::refused(
        StatusCode::MISDIRECTED_REQUEST,
        "misdirected",
        "automap is not configured for this host name",
        next,
    )
    .at("header Host"))
}

/// Whether a request sent to `host` may be answered. IP addresses and `localhost` cannot be rebound; other names must be configured, unless
/// authentication is on and no names are configured.
fn is_known_host(host: &str, hosts: &[String], is_authenticated: bool) -> bool {
    let name = without_port(host);
    let is_address = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().is_ok();
    let is_configured = hosts.iter().any(|h| h.eq_ignore_ascii_case(name));
    is_address || name.eq_ignore_ascii_case("localhost") || is_configured || (is_authenticated && hosts.is_empty())
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if !port.contains(']') && port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    }
}

/// Refuses changes that a page of another site requests.
fn check_origin(hosts: &[String], headers: &HeaderMap, host: &str) -> Result<(), Problem> {
    let refuse = || {
        Err(Problem::forbidden(
            "a page of another site requests a change",
            "send it without `Origin`, or add the public host name of this API to `api.hosts`",
        )
        .at("header Origin"))
    };
    if headers.get("sec-fetch-site").is_some_and(|v| v == "cross-site" || v == "same-site") {
        return refuse();
    }
    if !headers.contains_key(header::ORIGIN) {
        return Ok(());
    }
    let Some(origin) = single(headers, "origin") else { return refuse() };
    let rest = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
    let is_own = |rest: &str| {
        rest.eq_ignore_ascii_case(host) || hosts.iter().any(|h| h.eq_ignore_ascii_case(without_port(rest)))
    };
    if rest.is_some_and(is_own) { Ok(()) } else { refuse() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_names_that_could_be_rebound_must_be_configured() {
        for known in ["127.0.0.1:9977", "[::1]:9977", "[::1]", "localhost", "LOCALHOST:1", "10.0.0.3"] {
            assert!(is_known_host(known, &[], false), "{known}");
        }
        for unknown in ["evil.example:9977", "localhost.evil.example", "127.0.0.1.evil.example", "", ":9977", "a:b:c"] {
            assert!(!is_known_host(unknown, &[], false), "{unknown}");
        }
        let hosts = ["automap.example".to_owned()];
        assert!(is_known_host("automap.example:443", &hosts, false) && !is_known_host("other.example", &hosts, true));
        assert!(is_known_host("anything.example", &[], true), "with authentication, an unknown name gains nothing");
    }

    #[test]
    fn changes_must_come_from_own_pages_or_from_no_page() {
        let with = |pairs: &[(&'static str, &'static str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in pairs {
                headers.append(*name, value.parse().unwrap());
            }
            check_origin(&["automap.example".to_owned()], &headers, "localhost:9977").is_ok()
        };
        assert!(with(&[]));
        assert!(with(&[("origin", "http://localhost:9977")]));
        assert!(with(&[("origin", "https://automap.example")]), "behind a proxy that changes the host");
        for bad in ["http://localhost:8080", "https://evil.example", "null", "", "localhost:9977", "file://"] {
            assert!(!with(&[("origin", bad)]), "{bad}");
        }
        assert!(!with(&[("origin", "http://localhost:9977"), ("origin", "https://evil.example")]));
        assert!(!with(&[("sec-fetch-site", "cross-site")]));
    }
}
