//! Grafana annotations as changes: what pipelines and people marked on their dashboards.
//!
//! One request, `GET /api/annotations`, bounded in time, bytes and number, to the configured address only; redirects are not followed. A Grafana that
//! does not respond is an error that the caller reports as "not observed". Annotations have the same form in Grafana's own `POST /api/annotations`,
//! so that a client that posts there can post to automap. Left out: annotations created by alerts (`type=alert`).

use std::time::Duration;

use automap_core::change::{Change, ChangeKind, service_named};
use automap_core::text::shown;
use automap_core::time::{Interval, Timestamp};
use serde_json::Value;
use ureq::Agent;
use ureq::tls::TlsConfig;

use crate::change_form::{kind_of, time};
use crate::http;
use crate::secret::{ExposeSecret, SecretSource};

/// Longest time for one request.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Largest response that is read.
const MAX_ANSWER_BYTES: u64 = 4 << 20;
/// Most annotations per request, the latest ones.
pub const MAX_ANNOTATIONS: usize = 500;
/// Most tags of an annotation that are examined.
const MAX_TAGS: usize = 50;
/// Longest reason of an error, in characters.
const MAX_REASON_CHARS: usize = 200;
/// Tag of automap's own incident annotations: what it writes must not become its evidence.
const OWN_TAG: &str = "automap";

/// A Grafana.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grafana {
    url: String,
    token: Option<SecretSource>,
    tags: Vec<String>,
}

/// Why a Grafana cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Grafana {place}: {reason}")]
pub struct GrafanaError {
    /// Its address.
    pub place: String,
    /// What is wrong, and what to try.
    pub reason: String,
}

/// Result of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Annotations {
    /// The annotations as changes, in the order of the response.
    pub changes: Vec<Change>,
    /// Whether there are more, earlier ones.
    pub is_cut: bool,
}

impl Grafana {
    /// A Grafana at this address, from which annotations with any of these tags are read; all of them if no tag is given.
    ///
    /// # Errors
    /// [`GrafanaError`] when the address is not HTTP or HTTPS, or holds credentials.
    pub fn new(url: &str, token: Option<SecretSource>, tags: Vec<String>) -> Result<Self, GrafanaError> {
        let url = url.trim().trim_end_matches('/');
        let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://")).unwrap_or_default();
        let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let fail = |place: &str, reason: &str| {
            Err(GrafanaError { place: shown(place, MAX_REASON_CHARS), reason: reason.to_owned() })
        };
        if host.contains('@') {
            return fail("", "its address holds a password: give a token in a file instead");
        }
        if host.is_empty() || rest.contains(['?', '#', ' ']) || rest.chars().any(char::is_control) {
            return fail(url, "its address must be http://… or https://…, without parameters");
        }
        Ok(Self { url: url.to_owned(), token, tags })
    }

    /// Its address.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The annotations of a period. `services` are the names that a tag may match. Blocks for at most five seconds.
    ///
    /// # Errors
    /// [`GrafanaError`] when it does not respond, or not with annotations.
    pub fn read(&self, period: Interval, services: &[String]) -> Result<Annotations, GrafanaError> {
        let fail = |reason: String| GrafanaError { place: self.url.clone(), reason: shown(&reason, MAX_REASON_CHARS) };
        let agent = Agent::new_with_config(http::agent_config(TlsConfig::builder().build(), TIMEOUT).build());
        let token = self.token.as_ref().map(|t| t.read().map_err(|e| fail(e.to_string()))).transpose()?;
        let token = token.as_ref().map(|t| t.expose_secret());
        let body =
            http::get(&agent, &self.address(period), token, MAX_ANSWER_BYTES).map_err(|e| fail(explained(&e)))?;
        let answer: Value = serde_json::from_slice(&body).map_err(|_| fail("the answer is no JSON".to_owned()))?;
        let list = answer.as_array().ok_or_else(|| fail("the answer is no list of annotations".to_owned()))?;
        let changes =
            list.iter().take(MAX_ANNOTATIONS).filter_map(|a| change_of(a, services, Some(&self.url))).collect();
        Ok(Annotations { changes, is_cut: list.len() >= MAX_ANNOTATIONS })
    }

    fn address(&self, period: Interval) -> String {
        let (from, to) = (period.start.ms(), period.end.ms());
        let mut address =
            format!("{}/api/annotations?from={from}&to={to}&type=annotation&limit={MAX_ANNOTATIONS}", self.url);
        for tag in &self.tags {
            address += &format!("&tags={}", percent_encoded(tag));
        }
        if self.tags.len() > 1 {
            address += "&matchAny=true";
        }
        address
    }
}

fn explained(error: &ureq::Error) -> String {
    match error {
        ureq::Error::StatusCode(401 | 403) => {
            format!("{error}; give a token of a service account that may read annotations (role Viewer)")
        }
        ureq::Error::StatusCode(301 | 302 | 307 | 308) => {
            format!("{error}; redirects are not followed: give its real address")
        }
        other => other.to_string(),
    }
}

fn percent_encoded(text: &str) -> String {
    let byte = |b: u8| match b {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => char::from(b).to_string(),
        _ => format!("%{b:02X}"),
    };
    text.bytes().map(byte).collect()
}

/// An annotation as a change; `None` for one without a time, for automap's own, and for a value that is not an annotation.
///
/// A tag `service:orders`, `app=orders`, or the name of a known service gives the service; `deploy`, `rollback`, `config` and the like give the kind;
/// `version:1.4.3` gives the new version. `grafana` is the address of its dashboards.
///
/// ```
/// use automap_core::change::ChangeKind;
/// use automap_sources::grafana::change_of;
///
/// let annotation = serde_json::json!({"time": 1_795_615_395_000_i64, "tags": ["deploy", "orders", "version:1.4.3"], "text": "orders by ann"});
/// let change = change_of(&annotation, &["orders".to_owned()], None).unwrap();
/// assert_eq!((change.kind, change.service.as_deref(), change.to.as_deref()), (ChangeKind::Release, Some("orders"), Some("1.4.3")));
/// ```
pub fn change_of(annotation: &Value, services: &[String], grafana: Option<&str>) -> Option<Change> {
    // Graphite's form, which Grafana also accepts: `what`, `when` in seconds, `data`.
    let at = annotation.get("time").or_else(|| annotation.get("when")).and_then(time)?;
    let tags = tags(annotation);
    if tags.iter().any(|tag| tag == OWN_TAG) {
        return None;
    }
    let of = |names: &[&str]| tags.iter().find_map(|tag| value_of(tag, names));
    let bare = || tags.iter().find(|tag| service_named(tag, services).is_some()).cloned();
    let service = of(&["service", "app", "workload", "deployment", "component"]).map(str::to_owned).or_else(bare);
    let kind = of(&["kind", "type"]).and_then(kind_of).or_else(|| tags.iter().find_map(|tag| kind_of(tag)));
    let text = ["text", "what"].iter().find_map(|key| annotation.get(*key).and_then(Value::as_str)).unwrap_or_default();
    let subject = without_markup(text);
    let subject = Some(subject).filter(|text| !text.is_empty()).or_else(|| service.clone());
    let board = annotation.get("dashboardUID").and_then(Value::as_str).filter(|uid| !uid.is_empty());
    let board = board.zip(grafana).map(|(uid, url)| format!("{url}/d/{}", percent_encoded(uid)));
    let mut change = Change {
        at,
        kind: kind.unwrap_or(ChangeKind::Other),
        service,
        subject: subject.unwrap_or_else(|| tags.join(", ")),
        from: of(&["from", "previous"]).map(str::to_owned),
        to: of(&["version", "to", "revision", "tag"]).map(str::to_owned),
        uncertainty_ms: 0,
        source: "Grafana annotation".to_owned(),
        url: link(text).or(board),
    };
    change.clean();
    Some(change).filter(|change| !change.subject.is_empty())
}

/// Its namespace, cluster and environment, from its tags.
pub fn place_of(annotation: &Value) -> [Option<String>; 3] {
    let tags = tags(annotation);
    [&["namespace", "ns"][..], &["cluster"], &["environment", "env"]]
        .map(|names| tags.iter().find_map(|tag| value_of(tag, names)).map(str::to_owned))
}

/// The tags; some clients write them as one string.
fn tags(annotation: &Value) -> Vec<String> {
    let cleaned = |tag: &str| shown(tag.trim(), MAX_REASON_CHARS);
    match annotation.get("tags") {
        Some(Value::Array(tags)) => tags.iter().filter_map(Value::as_str).map(cleaned).take(MAX_TAGS).collect(),
        Some(Value::String(tags)) => {
            tags.split([',', ' ']).filter(|t| !t.is_empty()).map(cleaned).take(MAX_TAGS).collect()
        }
        _ => Vec::new(),
    }
}

fn value_of<'a>(tag: &'a str, names: &[&str]) -> Option<&'a str> {
    let (name, value) = tag.split_once([':', '='])?;
    Some(value.trim()).filter(|value| !value.is_empty() && names.iter().any(|n| name.trim().eq_ignore_ascii_case(n)))
}

/// The text without HTML tags, which Grafana's editor writes.
fn without_markup(text: &str) -> String {
    let (mut out, mut depth) = (String::with_capacity(text.len()), 0_usize);
    for c in text.chars() {
        match c {
            '<' => depth += 1,
            '>' if depth > 0 => {
                depth -= 1;
                out.push(' ');
            }
            c if depth == 0 => out.push(c),
            _ => {}
        }
    }
    out.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The first URL in the text.
fn link(text: &str) -> Option<String> {
    let start = text.find("https://").into_iter().chain(text.find("http://")).min()?;
    let rest = &text[start..];
    let end = rest.find(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '<' | '>' | ')')).unwrap_or(rest.len());
    Some(rest[..end].to_owned())
}

/// The message for a period in which a Grafana could not be read.
pub fn not_observed(error: &GrafanaError) -> String {
    format!("annotations are not observed: {error}")
}

/// The earliest time to request for an incident at `at`.
pub fn since(at: Timestamp) -> Timestamp {
    at.plus_ms(-crate::prometheus::CHANGES_LOOK_BACK_MS)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_address_is_one_of_the_web_and_holds_no_password() {
        assert_eq!(
            Grafana::new("https://g.example/grafana/", None, Vec::new()).unwrap().url(),
            "https://g.example/grafana"
        );
        for bad in ["g.example", "file:///etc/passwd", "http://", "http://g/?a=b", "http://g /", ""] {
            assert!(Grafana::new(bad, None, Vec::new()).is_err(), "{bad}");
        }
        let error = Grafana::new("http://ann:hidden@g", None, Vec::new()).unwrap_err().to_string();
        assert!(error.contains("token") && !error.contains("hidden"), "{error}");
    }

    #[test]
    fn tags_are_escaped_and_any_of_them_counts() {
        let tags = vec!["deploy".to_owned(), "a&b=c#".to_owned()];
        let grafana = Grafana::new("http://g", None, tags).unwrap();
        let hour = Interval::new(Timestamp::from_ms(0), Timestamp::from_ms(3_600_000)).unwrap();
        assert_eq!(
            grafana.address(hour),
            "http://g/api/annotations?from=0&to=3600000&type=annotation&limit=500&tags=deploy&tags=a%26b%3Dc%23&matchAny=true"
        );
    }

    #[test]
    fn annotations_become_changes() {
        let services = ["orders".to_owned(), "web".to_owned()];
        let read = |annotation: Value| change_of(&annotation, &services, Some("https://g"));
        let deployed = read(json!({
            "time": 1_795_615_395_000_i64, "dashboardUID": "ab/c", "tags": ["env:prod", "app=web", "rollback"],
            "text": "<b>web</b> back <a href=\"https://ci.example/7\">log</a>",
        }));
        let deployed = deployed.unwrap();
        assert_eq!((deployed.kind, deployed.service.as_deref()), (ChangeKind::Rollback, Some("web")));
        assert_eq!(
            (deployed.subject.as_str(), deployed.url.as_deref()),
            ("web back log", Some("https://ci.example/7"))
        );
        let graphite = read(json!({"what": "orders out", "when": 1_795_615_395, "tags": "orders deploy"})).unwrap();
        assert_eq!((graphite.kind, graphite.service.as_deref()), (ChangeKind::Release, Some("orders")));
        let on_board = read(json!({"time": 1_795_615_395_000_i64, "dashboardUID": "ab/c", "text": "x"})).unwrap();
        assert_eq!((on_board.kind, on_board.url.as_deref()), (ChangeKind::Other, Some("https://g/d/ab%2Fc")));
        for nothing in [
            json!({"text": "no time"}),
            json!({"time": 1_795_615_395_000_i64, "tags": ["automap", "incident"], "text": "ours"}),
            json!({"time": 1_795_615_395_000_i64}),
            json!(7),
        ] {
            assert_eq!(read(nothing.clone()), None, "{nothing}");
        }
    }
}
