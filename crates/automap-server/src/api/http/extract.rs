//! Reads the parts of a request: query parameters, names in the path, a JSON body of bounded size. Unreadable input is answered with a [`Problem`]
//! that names the place.

use automap_core::text::{MAX_NAME_BYTES, is_hidden, is_plain, shown};
use axum::body::Body;
use axum::extract::{FromRef, FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use http_body_util::BodyExt;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::api::http::peer::ClientAddress;
use crate::api::http::problem::Problem;
use crate::api::limits::body_budget::{BodyBudget, BodyBudgets, BodyShare, BudgetSpent};

/// Longest id or name in a path: a name of maximum length with every byte percent-encoded.
const MAX_SEGMENT_BYTES: usize = 3 * MAX_NAME_BYTES;
/// Longest message of a parser, which may quote the request, in characters.
const MAX_SHOWN_CHARS: usize = 300;

/// Largest body of a request, in bytes: `api.limits.body_bytes`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MaxBodyBytes(pub(crate) usize);

/// The query parameters. A parameter that the route does not know is an error.
pub(crate) struct QueryParameters<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for QueryParameters<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        check_text("query", parts.uri.query().unwrap_or_default())?;
        Query::try_from_uri(&parts.uri).map(|Query(value)| Self(value)).map_err(|e| {
            let reason = e.body_text();
            let reason = reason.strip_prefix("Failed to deserialize query string: ").unwrap_or(&reason);
            Problem::bad_request("query", shown(reason, MAX_SHOWN_CHARS), "see the parameters in /api/v1/openapi.json")
        })
    }
}

/// The variable parts of the path.
pub(crate) struct PathParameters<T>(pub(crate) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for PathParameters<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        if parts.uri.path().split('/').any(|s| s.len() > MAX_SEGMENT_BYTES) {
            let detail = format!("a name is longer than {MAX_SEGMENT_BYTES} bytes");
            return Err(Problem::bad_request("path", detail, "shorten it"));
        }
        check_text("path", parts.uri.path())?;
        let path = Path::from_request_parts(parts, state).await;
        path.map(|Path(value)| Self(value)).map_err(|e| {
            Problem::bad_request(
                "path",
                shown(&e.body_text(), MAX_SHOWN_CHARS),
                "write names percent-encoded, as UTF-8",
            )
        })
    }
}

/// A body of bounded size that is declared as JSON, with its share of the budget; not parsed yet.
pub(crate) struct JsonBytes(
    pub(crate) Vec<u8>,
    #[expect(dead_code, reason = "given back when the body is dropped")] BodyShare,
);

/// A body that is declared as JSON or as CloudEvents.
pub(crate) struct EventBytes(pub(crate) JsonBytes);

/// A body that is declared as JSON and itself proves who sent it, such as by a signature.
pub(crate) struct UnprovenBytes(pub(crate) JsonBytes);

/// The media types of a body as JSON. None of them can be sent by a form.
const JSON_MEDIA: [&str; 1] = ["application/json"];
const EVENT_MEDIA: [&str; 3] =
    ["application/json", "application/cloudevents+json", "application/cloudevents-batch+json"];

impl<S: Send + Sync> FromRequest<S> for JsonBytes
where
    MaxBodyBytes: FromRef<S>,
    BodyBudgets: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        Self::read(request, state, &JSON_MEDIA, |budgets| budgets.proven).await
    }
}

impl<S: Send + Sync> FromRequest<S> for EventBytes
where
    MaxBodyBytes: FromRef<S>,
    BodyBudgets: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        JsonBytes::read(request, state, &EVENT_MEDIA, |budgets| budgets.proven).await.map(Self)
    }
}

impl<S: Send + Sync> FromRequest<S> for UnprovenBytes
where
    MaxBodyBytes: FromRef<S>,
    BodyBudgets: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        JsonBytes::read(request, state, &JSON_MEDIA, |budgets| budgets.unproven).await.map(Self)
    }
}

impl JsonBytes {
    async fn read<S>(
        request: Request,
        state: &S,
        allowed: &[&str],
        budget: fn(BodyBudgets) -> BodyBudget,
    ) -> Result<Self, Problem>
    where
        MaxBodyBytes: FromRef<S>,
        BodyBudgets: FromRef<S>,
    {
        let (parts, body) = request.into_parts();
        let media = parts.headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
        let media = media.split(';').next().unwrap_or_default().trim();
        // A form on another site can make a browser send text/plain or form data, but not this media type: part of the defence against
        // cross-site requests.
        if !allowed.iter().any(|known| media.eq_ignore_ascii_case(known)) {
            return Err(Problem::refused(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported-media-type",
                format!("the body is {media:?}"),
                "send JSON with `Content-Type: application/json`",
            )
            .at("header Content-Type"));
        }
        let MaxBodyBytes(max_bytes) = MaxBodyBytes::from_ref(state);
        let share = budget(BodyBudgets::from_ref(state)).share(ClientAddress::of(&parts.extensions));
        read(body, max_bytes, share).await
    }

    /// Parses the body. A field that the type does not know is an error where the type denies unknown fields.
    pub(crate) fn parse<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        let malformed = |e: serde_json::Error| {
            let detail = shown(&e.to_string(), MAX_SHOWN_CHARS);
            Problem::bad_request("body", detail, "see the schema of the body in /api/v1/openapi.json")
        };
        check_values(&serde_json::from_slice(&self.0).map_err(malformed)?)?;
        serde_json::from_slice(&self.0).map_err(malformed)
    }
}

/// Refuses what no name contains, since names are cleaned where they enter, and what PostgreSQL does not accept: NUL, control characters, marks that
/// change the reading direction.
fn check_text(place: &str, encoded: &str) -> Result<(), Problem> {
    if is_plain(&String::from_utf8_lossy(&percent_decoded(encoded))) { Ok(()) } else { Err(refused(place)) }
}

fn check_values(value: &Value) -> Result<(), Problem> {
    match value {
        // A comment may have lines.
        Value::String(text) if text.chars().any(|c| !matches!(c, '\n' | '\t') && is_hidden(c)) => Err(refused("body")),
        Value::Array(values) => values.iter().try_for_each(check_values),
        Value::Object(fields) => fields.iter().try_for_each(|(name, value)| match is_plain(name) {
            true => check_values(value),
            false => Err(refused("body")),
        }),
        _ => Ok(()),
    }
}

fn refused(place: &str) -> Problem {
    let detail = "a text holds a control character or another one that cannot be seen";
    Problem::bad_request(place, detail, "write names as the answers of this API spell them")
}

/// Decodes `%2F` and the like; anything that is not such a code stays.
fn percent_decoded(text: &str) -> Vec<u8> {
    let (bytes, mut out, mut at) = (text.as_bytes(), Vec::with_capacity(text.len()), 0);
    while let Some(&byte) = bytes.get(at) {
        let code = bytes.get(at + 1..at + 3).filter(|_| byte == b'%').and_then(|hex| std::str::from_utf8(hex).ok());
        match code.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(decoded) => {
                out.push(decoded);
                at += 3;
            }
            None => {
                out.push(byte);
                at += 1;
            }
        }
    }
    out
}

/// Reads a body piece by piece; each piece takes its share of the budget, which is given back with the body.
async fn read(mut body: Body, max_bytes: usize, mut share: BodyShare) -> Result<JsonBytes, Problem> {
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        let broken =
            |_| Problem::bad_request("body", "the body ended early or is not framed as HTTP requires", "send it again");
        let Ok(piece) = frame.map_err(broken)?.into_data() else { continue };
        if piece.len() > max_bytes - bytes.len() {
            let detail = format!("the body has more than {max_bytes} bytes");
            let next = "send less, or raise api.limits.body_bytes";
            return Err(Problem::refused(StatusCode::PAYLOAD_TOO_LARGE, "too-large", detail, next).at("body"));
        }
        share.grow(piece.len()).map_err(|spent| {
            let detail = match spent {
                BudgetSpent::ByAll => "too many bodies are being read at once",
                BudgetSpent::ByClient => "too many bodies of this client are being read at once",
            };
            Problem::unavailable("body", detail)
        })?;
        bytes.extend_from_slice(&piece);
    }
    Ok(JsonBytes(bytes, share))
}
