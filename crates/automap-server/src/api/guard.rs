//! What every request passes, whoever sends it: the name it was sent to, the site it comes from, how often, how long.
//!
//! A page of another site can make a browser send requests here. It can do so by a name of its own that it points at this address (DNS
//! rebinding): names are checked. Or by our own name, and then it cannot read the answer, but could change something: what changes
//! something must come from our own pages or from no page at all.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::access::Client;
use super::gate::one;
use super::problem::Problem;
use super::state::App;

/// Longest path with query.
const MAX_URI: usize = 8 * 1024;

/// The layer itself.
pub(crate) async fn guard(State(app): State<App>, request: Request, next: Next) -> Response {
    if let Err(problem) = admit(&app, &request, Instant::now()) {
        return problem.into_response();
    }
    let limit = Duration::from_secs(app.limits().request_timeout_s);
    match tokio::time::timeout(limit, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Problem::unavailable("request", format!("no answer within {} s", limit.as_secs())).into_response(),
    }
}

fn admit(app: &App, request: &Request, now: Instant) -> Result<(), Problem> {
    let (headers, uri) = (request.headers(), request.uri());
    if uri.path_and_query().is_some_and(|p| p.as_str().len() > MAX_URI) {
        let detail = format!("path and query have more than {MAX_URI} bytes");
        return Err(Problem::refused(StatusCode::URI_TOO_LONG, "uri-too-long", detail, "shorten them"));
    }
    let host = named(app, headers, uri)?;
    if !matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS) {
        own_site(&app.config.hosts, headers, host)?;
    }
    let client = request.extensions().get::<Client>().map_or(IpAddr::from([0, 0, 0, 0]), |c| c.0);
    app.rate.take(client, now).map_err(|wait| {
        let problem = Problem::too_many("this client asks too often", wait);
        // A sender of alerts repeats after a 5xx only.
        if uri.path().starts_with("/api/v1/alerts/") { problem.as_unavailable() } else { problem }
    })
}

/// The name that the request was sent to, if it is one of ours.
fn named<'a>(app: &App, headers: &'a HeaderMap, uri: &'a Uri) -> Result<&'a str, Problem> {
    let host = one(headers, "host").or_else(|| uri.authority().map(|a| a.as_str()));
    let host =
        host.ok_or_else(|| Problem::bad_request("header Host", "it is missing or there twice", "send it once"))?;
    let ours = |host: &str| is_ours(host, &app.config.hosts, app.auth.is_on());
    if ours(host) && uri.authority().is_none_or(|a| ours(a.as_str())) {
        return Ok(host);
    }
    let next = "add the name to `api.hosts`, or ask by address";
    Err(Problem::refused(StatusCode::MISDIRECTED_REQUEST, "misdirected", "this name is not one of automap's", next)
        .at("header Host"))
}

/// Addresses and `localhost` cannot be pointed elsewhere. Where nobody needs to prove who they are, other names must be configured.
fn is_ours(host: &str, hosts: &[String], auth: bool) -> bool {
    let name = without_port(host);
    let address = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().is_ok();
    let configured = hosts.iter().any(|h| h.eq_ignore_ascii_case(name));
    address || name.eq_ignore_ascii_case("localhost") || configured || (auth && hosts.is_empty())
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if !port.contains(']') && port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    }
}

/// Refuses changes that a page of another site asks for.
fn own_site(hosts: &[String], headers: &HeaderMap, host: &str) -> Result<(), Problem> {
    let refuse = || {
        Err(Problem::forbidden(
            "a page of another site asks for a change",
            "send it without `Origin`, or add this interface's public name to `api.hosts`",
        )
        .at("header Origin"))
    };
    if headers.get("sec-fetch-site").is_some_and(|v| v == "cross-site" || v == "same-site") {
        return refuse();
    }
    if !headers.contains_key(header::ORIGIN) {
        return Ok(());
    }
    let Some(origin) = one(headers, "origin") else { return refuse() };
    let rest = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
    let same = |rest: &str| {
        rest.eq_ignore_ascii_case(host) || hosts.iter().any(|h| h.eq_ignore_ascii_case(without_port(rest)))
    };
    if rest.is_some_and(same) { Ok(()) } else { refuse() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_could_be_pointed_here_need_to_be_known() {
        for ours in ["127.0.0.1:9977", "[::1]:9977", "[::1]", "localhost", "LOCALHOST:1", "10.0.0.3"] {
            assert!(is_ours(ours, &[], false), "{ours}");
        }
        for theirs in ["evil.example:9977", "localhost.evil.example", "127.0.0.1.evil.example", "", ":9977", "a:b:c"] {
            assert!(!is_ours(theirs, &[], false), "{theirs}");
        }
        let hosts = ["automap.example".to_owned()];
        assert!(is_ours("automap.example:443", &hosts, false) && !is_ours("other.example", &hosts, true));
        assert!(is_ours("anything.example", &[], true), "with authentication a strange name gains nothing");
    }

    #[test]
    fn changes_come_from_our_own_pages_or_from_none() {
        let with = |pairs: &[(&'static str, &'static str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in pairs {
                headers.append(*name, value.parse().unwrap());
            }
            own_site(&["automap.example".to_owned()], &headers, "localhost:9977").is_ok()
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
