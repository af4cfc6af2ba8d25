//! Turns responses other than 2xx, and broken exchanges, into failures that the user can act on.
//!
//! `decode.rs` reads the content of 2xx responses.

use std::io;
use std::time::Duration;

use ureq::http::Response;
use ureq::http::header::LOCATION;
use ureq::{Body, Error};

use super::body::{self, BodyError};
use super::decode;
use super::error::{Failure, describe, excerpt};

/// Only the beginning of an error page matters.
const MAX_ERROR_BYTES: u64 = 64 << 10;

/// A response that is not 2xx.
pub(crate) fn of_response(response: &mut Response<Body>) -> Failure {
    let status = response.status().as_u16();
    if (300..400).contains(&status) {
        let to = response.headers().get(LOCATION).and_then(|value| value.to_str().ok()).unwrap_or("nowhere");
        return Failure::Redirect { status, to: site(to) };
    }
    let body = body::beginning(response, MAX_ERROR_BYTES);
    match (status, decode::api_error(&body)) {
        (401, _) => Failure::Unauthorized,
        (403, _) => Failure::Forbidden,
        (429, _) => Failure::RateLimited,
        (_, Some(failure)) => failure,
        (404, None) => Failure::NoApi,
        (503, None) if is_prometheus_starting(&body) => Failure::Starting,
        (_, None) => Failure::Status { status, excerpt: describe(&body) },
    }
}

/// An exchange that was not completed.
pub(crate) fn of_transport(error: Error, timeout: Duration, max_body_bytes: u64) -> Failure {
    match error {
        Error::Timeout(_) => Failure::Timeout(timeout),
        Error::HostNotFound => Failure::UnknownHost,
        Error::BodyExceedsLimit(_) => Failure::TooLarge { limit: max_body_bytes },
        Error::Io(e) => match e.kind() {
            io::ErrorKind::ConnectionRefused => Failure::Refused,
            io::ErrorKind::TimedOut => Failure::Timeout(timeout),
            // How rustls reports bytes that are not a valid TLS record.
            io::ErrorKind::InvalidData => Failure::Tls(excerpt(&e.to_string())),
            _ => Failure::Broken(excerpt(&e.to_string())),
        },
        Error::Tls(text) => Failure::Tls(text.to_owned()),
        e @ (Error::Rustls(_) | Error::Pem(_)) => Failure::Tls(excerpt(&e.to_string())),
        e @ (Error::BadUri(_) | Error::Http(_)) => Failure::BadAddress(excerpt(&e.to_string())),
        e => Failure::Broken(excerpt(&e.to_string())),
    }
}

/// A body that could not be read.
pub(crate) fn of_body(error: BodyError, timeout: Duration, max_body_bytes: u64) -> Failure {
    match error {
        BodyError::Transport(error) => of_transport(error, timeout, max_body_bytes),
        BodyError::Compressed(text) => Failure::Broken(format!("the compressed answer is damaged: {}", excerpt(&text))),
        BodyError::Encoding(name) => Failure::Encoding(excerpt(&name)),
        BodyError::TooLarge => Failure::TooLarge { limit: max_body_bytes },
        BodyError::Busy => Failure::Busy,
    }
}

/// Prometheus answers this, and nothing else, while it replays its log.
fn is_prometheus_starting(body: &[u8]) -> bool {
    body.trim_ascii() == b"Service Unavailable"
}

/// Scheme and host of a redirect's target; its path and query may hold session secrets.
fn site(location: &str) -> String {
    let Some((scheme, rest)) = location.split_once("://") else {
        return "another path of its own".to_owned();
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    excerpt(&format!("{scheme}://{host}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redirect_is_named_without_its_secrets() {
        assert_eq!(site("https://u:p@sso.example.com/login?state=abc"), "https://sso.example.com");
        assert_eq!(site("/login?state=abc"), "another path of its own");
    }
}
