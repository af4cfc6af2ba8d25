//! Why a request failed, worded with what to try next.

use std::time::Duration;

/// One request that failed, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{server}: {failure}")]
pub struct RequestError {
    /// The server's address, without credentials.
    pub server: String,
    /// What went wrong.
    pub failure: Failure,
}

impl RequestError {
    pub(crate) fn new(server: &str, failure: Failure) -> Self {
        Self { server: server.to_owned(), failure }
    }

    /// Whether the server answered and rejects this query, such as an expression that it cannot parse.
    pub fn is_rejected_query(&self) -> bool {
        matches!(self.failure, Failure::Api { .. })
    }
}

/// What went wrong with a request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// The address cannot be used.
    #[error("not a usable address: {0}")]
    BadAddress(String),
    /// A header's name or value cannot be sent.
    #[error("header {0} cannot be sent: its name or value holds characters that HTTP does not allow")]
    BadHeader(String),
    /// A password, token, certificate or key file cannot be used.
    #[error("cannot use {path}: {reason}")]
    File {
        /// The file.
        path: String,
        /// Why not.
        reason: String,
    },
    /// No server listens there.
    #[error("connection refused; is Prometheus listening there, is the port-forward still running?")]
    Refused,
    /// The name does not resolve.
    #[error("the host name does not resolve; inside a cluster use <service>.<namespace>.svc, outside a port-forward")]
    UnknownHost,
    /// No trust, or no TLS at all.
    #[error("TLS failed: {0}; check the CA file, or http instead of https")]
    Tls(String),
    /// The connection broke.
    #[error("the connection broke: {0}")]
    Broken(String),
    /// No answer in time.
    #[error("no answer within {}; try a shorter window, a larger step or a longer timeout", seconds(.0))]
    Timeout(Duration),
    /// 401.
    #[error("401: the server wants credentials or does not accept these; check the user and password or the token")]
    Unauthorized,
    /// 403.
    #[error("403: these credentials may not query here; check the token's rights and the tenant header")]
    Forbidden,
    /// 404 which does not come from Prometheus' API.
    #[error("404: no Prometheus API under this path; is a path prefix missing or too much, such as /prometheus?")]
    NoApi,
    /// A redirect, which is not followed since it might carry the credentials elsewhere.
    #[error("{status}: the server redirects to {to}, which is not followed; use that address, or log in by token")]
    Redirect {
        /// The HTTP status.
        status: u16,
        /// Scheme and host of the target.
        to: String,
    },
    /// A web page where JSON was expected.
    #[error("200, but the answer is a web page (\"{0}\"); a login page or a proxy answers in Prometheus' place")]
    WebPage(String),
    /// 503 before the server is ready.
    #[error("503: the server is starting or stopping (it replays its log after a restart); try again in a minute")]
    Starting,
    /// 429.
    #[error("429: the server limits our rate; try again later or with fewer requests at once")]
    RateLimited,
    /// Any other refusal without an API message.
    #[error("HTTP status {status}: {excerpt}")]
    Status {
        /// The HTTP status.
        status: u16,
        /// The beginning of the answer.
        excerpt: String,
    },
    /// The API refused.
    #[error("{error_type}: {message}{}", hint(.error_type, .message))]
    Api {
        /// Prometheus' name for the class of the error.
        error_type: String,
        /// Prometheus' message.
        message: String,
    },
    /// Not the JSON that the API promises.
    #[error("the answer breaks off or is not Prometheus' JSON ({bytes} bytes: {detail}); a proxy may cut long answers")]
    Malformed {
        /// Length of the answer.
        bytes: usize,
        /// The parser's message.
        detail: String,
    },
    /// Larger than the limit.
    #[error("the answer is larger than {limit} bytes; use a shorter window or a larger step")]
    TooLarge {
        /// The bound.
        limit: u64,
    },
}

impl Failure {
    /// Whether the same request may succeed a moment later.
    pub(crate) fn is_transient(&self) -> bool {
        match self {
            Self::Broken(_) | Self::Starting | Self::RateLimited => true,
            Self::Status { status, .. } => *status >= 500,
            Self::Api { error_type, .. } => error_type == "internal",
            _ => false,
        }
    }
}

fn seconds(duration: &Duration) -> String {
    format!("{} s", duration.as_secs_f64())
}

fn hint(error_type: &str, message: &str) -> &'static str {
    match error_type {
        "timeout" => "; try a shorter window or a larger step",
        "execution" if message.contains("too many samples") => "; try a shorter window or a larger step",
        _ => "",
    }
}

/// Longest piece of a foreign text in a message, in characters.
const MAX_EXCERPT_CHARS: usize = 160;

/// A foreign text made fit for one line of a terminal: bounded, no control characters.
pub(crate) fn excerpt(text: &str) -> String {
    let words: Vec<&str> =
        text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|w| !w.is_empty()).collect();
    let line = words.join(" ");
    match line.char_indices().nth(MAX_EXCERPT_CHARS) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

/// The title of a web page, or the beginning of a text.
pub(crate) fn describe(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let title = text.split_once("<title>").and_then(|(_, rest)| rest.split_once("</title>")).map(|(title, _)| title);
    match excerpt(title.unwrap_or(&text)) {
        empty if empty.is_empty() => "no text".to_owned(),
        words => words,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_stays_short_and_harmless() {
        assert_eq!(excerpt(" a\n\u{1b}[31mred\t b "), "a [31mred b");
        let long = excerpt(&"ö".repeat(500));
        assert_eq!(long.chars().count(), MAX_EXCERPT_CHARS + 1);
    }

    #[test]
    fn pages_are_named_by_their_title() {
        assert_eq!(describe(b"<html><title>Sign\nin</title>"), "Sign in");
        assert_eq!(describe(b" upstream\nconnect error "), "upstream connect error");
        assert_eq!(describe(b""), "no text");
    }
}
