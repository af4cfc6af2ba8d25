//! Reads what a request carries: query parameters, names in the path, a JSON body of bounded size. What cannot be read is answered with a
//! [`Problem`] that names the place.

use axum::body::{Body, to_bytes};
use axum::extract::{FromRef, FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use bytes::Bytes;
use serde::de::DeserializeOwned;

use crate::api::http::problem::Problem;

/// Longest id or name in a path.
const MAX_SEGMENT_BYTES: usize = 512;

/// Largest body of a request, in bytes: `api.limits.body_bytes`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MaxBodyBytes(pub(crate) usize);

/// The query parameters. A parameter that the route does not know is an error.
pub(crate) struct QueryParameters<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for QueryParameters<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Query::try_from_uri(&parts.uri).map(|Query(value)| Self(value)).map_err(|e| {
            let reason = e.body_text();
            let reason = reason.strip_prefix("Failed to deserialize query string: ").unwrap_or(&reason).to_owned();
            Problem::bad_request("query", reason, "see the parameters in /api/v1/openapi.json")
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
        let path = Path::from_request_parts(parts, state).await;
        path.map(|Path(value)| Self(value))
            .map_err(|e| Problem::bad_request("path", e.body_text(), "write names percent-encoded, as UTF-8"))
    }
}

/// A body of bounded size that is declared as JSON; not parsed yet.
pub(crate) struct JsonBytes(pub(crate) Bytes);

impl<S: Send + Sync> FromRequest<S> for JsonBytes
where
    MaxBodyBytes: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        let media = parts.headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
        let media = media.split(';').next().unwrap_or_default().trim();
        // A form on another site can make a browser send text/plain or form data, but not this media type: part of the defence against
        // cross-site requests.
        if !media.eq_ignore_ascii_case("application/json") {
            return Err(Problem::refused(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported-media-type",
                format!("the body is {media:?}"),
                "send JSON with `Content-Type: application/json`",
            )
            .at("header Content-Type"));
        }
        let MaxBodyBytes(max_bytes) = MaxBodyBytes::from_ref(state);
        read(body, max_bytes).await.map(Self)
    }
}

impl JsonBytes {
    /// Parses the body. A field that the type does not know is an error where the type denies unknown fields.
    pub(crate) fn parse<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        serde_json::from_slice(&self.0).map_err(|e| {
            Problem::bad_request("body", e.to_string(), "see the schema of the body in /api/v1/openapi.json")
        })
    }
}

async fn read(body: Body, max_bytes: usize) -> Result<Bytes, Problem> {
    to_bytes(body, max_bytes).await.map_err(|e| {
        let is_too_long = std::error::Error::source(&e).is_some_and(|s| s.is::<http_body_util::LengthLimitError>());
        if is_too_long {
            Problem::refused(
                StatusCode::PAYLOAD_TOO_LARGE,
                "too-large",
                format!("the body has more than {max_bytes} bytes"),
                "send less, or raise api.limits.body_bytes",
            )
            .at("body")
        } else {
            Problem::bad_request("body", "the body ended early or is not framed as HTTP requires", "send it again")
        }
    })
}
