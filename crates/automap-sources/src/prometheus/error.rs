//! Why a request failed, with what to try next.

use std::time::Duration;

use automap_core::text::shown;

/// A failed request and its server.
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
        matches!(self.failure, Failure::Api { .. } | Failure::QueryTooLong { .. })
    }

    /// Whether the query exceeds a limit of the server: samples, series, time, or the length of the answer or the query.
    pub fn is_too_much(&self) -> bool {
        self.failure.is_too_heavy() || matches!(self.failure, Failure::QueryTooLong { .. })
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
    /// An untrusted certificate, or no TLS at all.
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
    #[error(
        "403: these credentials may not query here; check the token's rights, the tenant header, and whether the port serves one tenant \
         and wants its name (--url-parameter namespace=NAME)"
    )]
    Forbidden,
    /// 404 that does not come from Prometheus' API.
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
    /// Only GET is allowed, and the query does not fit into a URL.
    #[error(
        "the query is too long for GET ({bytes} bytes), and POST is refused; let POST pass to api/v1/query and \
         api/v1/query_range, or raise the proxy's limit on the length of addresses (nginx: large_client_header_buffers)"
    )]
    QueryTooLong {
        /// Length of the encoded query.
        bytes: usize,
    },
    /// The body has an unknown compression.
    #[error("the answer has Content-Encoding {0}, which was not asked for; let the proxy send it as it is, or as gzip")]
    Encoding(String),
    /// Any other refusal without an API message.
    #[error("HTTP status {status}: {excerpt}{}", status_hint(*.status))]
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
    /// Too many large answers at once, in this process.
    #[error(
        "other large answers are being read, and none of them ended in time; ask for fewer targets at once or a larger step"
    )]
    Busy,
    /// Larger than the limit.
    #[error("the answer is larger than {limit} bytes; use a shorter window or a larger step")]
    TooLarge {
        /// The limit.
        limit: u64,
    },
}

/// Phrases of refusals that a smaller piece of the same query may avoid: Prometheus, Thanos, Cortex, Mimir, VictoriaMetrics.
const TOO_HEAVY: [&str; 15] = [
    "too many samples",
    "too many series",
    "too many time series",
    "too many chunks",
    "cannot select more than",
    "maximum number of",
    "maximum resolution",
    "exceeds maximum",
    "exceeds the limit",
    "exceeded the limit",
    "limit exceeded",
    "-search.max",
    "err-mimir-max",
    "timed out",
    "deadline exceeded",
];

impl Failure {
    /// A refusal by the API in the server's words, without the query that some put in front of the reason.
    pub(crate) fn api(error_type: &str, message: &str) -> Self {
        let reason = message.rsplit_once("cannot execute query: ").map_or(message, |(_, reason)| reason);
        Self::Api { error_type: excerpt(error_type), message: shown(&without_long_quotes(reason), MAX_REASON_CHARS) }
    }

    /// Whether a shorter range of the same query may succeed.
    pub(crate) fn is_too_heavy(&self) -> bool {
        let is_known = |text: &str| {
            let text = text.to_lowercase();
            TOO_HEAVY.iter().any(|words| text.contains(words))
        };
        match self {
            Self::Timeout(_) | Self::TooLarge { .. } | Self::Status { status: 504, .. } => true,
            Self::Api { error_type, message } => error_type == "timeout" || is_known(message),
            Self::Status { status: 400..=599, excerpt } => is_known(excerpt),
            _ => false,
        }
    }

    /// Whether the server used up its whole time limit before refusing.
    pub(crate) fn is_slow(&self) -> bool {
        match self {
            Self::Timeout(_) | Self::Status { status: 503 | 504, .. } => true,
            Self::Api { error_type, message } => error_type == "timeout" || message.contains("timed out"),
            _ => false,
        }
    }

    /// Whether the same request may succeed a moment later.
    pub(crate) fn is_transient(&self) -> bool {
        match self {
            Self::Broken(_) | Self::Starting | Self::RateLimited | Self::Busy => true,
            Self::Status { status, .. } => *status >= 500,
            Self::Api { error_type, .. } => error_type == "internal",
            _ => false,
        }
    }
}

fn seconds(duration: &Duration) -> String {
    format!("{} s", duration.as_secs_f64())
}

/// Prometheus refuses with JSON; these statuses come from a proxy in front of it.
fn status_hint(status: u16) -> &'static str {
    match status {
        400 | 405 | 501 => {
            "; a proxy answers in Prometheus' place: does it want a parameter, such as the tenant (--url-parameter namespace=NAME), and does \
             it let GET pass?"
        }
        _ => "",
    }
}

fn hint(error_type: &str, message: &str) -> &'static str {
    match error_type {
        // The refusal of prom-label-proxy, which is in front of OpenShift's tenants.
        _ if message.contains("parameter must be provided") => "; give it with --url-parameter NAME=VALUE",
        "timeout" => "; try a shorter window or a larger step",
        _ if message.contains("too many samples") => "; try a shorter window or a larger step",
        _ => "",
    }
}

/// Longest excerpt of a foreign text in a message, in characters.
const MAX_EXCERPT_CHARS: usize = 160;
/// The same for the reason of a refusal: VictoriaMetrics puts its advice at the end.
const MAX_REASON_CHARS: usize = 360;
/// Longest quoted text in the reason of a refusal; longer texts are queries.
const MAX_QUOTED_CHARS: usize = 60;

/// Makes a foreign text fit for one line of a terminal: bounded, no control characters.
pub(crate) fn excerpt(text: &str) -> String {
    shown(text, MAX_EXCERPT_CHARS)
}

/// Replaces long quoted texts by `…`: `query="sum by …"` becomes `query="…"`.
fn without_long_quotes(text: &str) -> String {
    let (mut out, mut quoted) = (String::new(), None::<String>);
    let mut is_escaped = false;
    for c in text.chars() {
        match &mut quoted {
            None if c == '"' => quoted = Some(String::new()),
            None => out.push(c),
            Some(inner) if c == '"' && !is_escaped => {
                let is_long = inner.chars().count() > MAX_QUOTED_CHARS;
                out += &format!("\"{}\"", if is_long { "…" } else { inner });
                quoted = None;
            }
            Some(inner) => inner.push(c),
        }
        is_escaped = c == '\\' && !is_escaped;
    }
    // A quote that is never closed is kept: it may hold the reason.
    if let Some(inner) = quoted {
        out += &format!("\"{inner}");
    }
    out
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
        assert_eq!(excerpt(" a\n\u{1b}[31mred\t b "), "a \u{fffd}[31mred b");
        let long = excerpt(&"ö".repeat(500));
        assert_eq!(long.chars().count(), MAX_EXCERPT_CHARS + 1);
    }

    #[test]
    fn a_refusal_keeps_its_reason_and_drops_the_query() {
        let query = format!(r#"sum by (a) (rate(x{{b=\"c\"}}[60s])) or {}"#, "y or ".repeat(60));
        let victoria = format!(
            "error when executing query=\"{query}\" on the time range (start=1, end=2): cannot execute query: cannot select more \
             than -search.maxSamplesPerQuery=2000 samples; possible solutions: to reduce time range for the query"
        );
        let quoting = format!("query \"{query}\" would load too many samples for \"shop\"");
        for (message, expected) in [
            (
                victoria.as_str(),
                "422: cannot select more than -search.maxSamplesPerQuery=2000 samples; possible solutions",
            ),
            (&quoting, "422: query \"…\" would load too many samples for \"shop\""),
        ] {
            let failure = Failure::api("422", message);
            assert!(failure.is_too_heavy() && failure.to_string().starts_with(expected), "{failure}");
        }
        let parse = Failure::api("bad_data", "1:5: parse error: unexpected <by> in \"sum\"");
        assert!(!parse.is_too_heavy() && parse.to_string().contains("in \"sum\""), "{parse}");
    }

    #[test]
    fn a_port_of_one_tenant_is_told_how_to_be_asked() {
        let unnamed = Failure::api("prom-label-proxy", "The \"namespace\" query parameter must be provided.");
        let of_proxy = |status| Failure::Status { status, excerpt: "malformed or not allowed".into() };
        for failure in [Failure::Forbidden, unnamed, of_proxy(400), of_proxy(405)] {
            assert!(failure.to_string().contains("--url-parameter "), "{failure}");
        }
    }

    #[test]
    fn pages_are_named_by_their_title() {
        assert_eq!(describe(b"<html><title>Sign\nin</title>"), "Sign in");
        assert_eq!(describe(b" upstream\nconnect error "), "upstream connect error");
        assert_eq!(describe(b""), "no text");
    }
}
