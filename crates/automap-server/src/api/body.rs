//! What a request carries, read with problems for errors.

use axum::body::{Body, to_bytes};
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use bytes::Bytes;
use serde::de::DeserializeOwned;

use super::problem::Problem;
use super::state::App;

/// Longest id or name in a path.
const MAX_SEGMENT: usize = 512;

/// The query of the address, every parameter known.
pub(crate) struct Params<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequestParts<App> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Problem> {
        Query::try_from_uri(&parts.uri).map(|Query(value)| Self(value)).map_err(|e| {
            let reason = e.body_text();
            let reason = reason.strip_prefix("Failed to deserialize query string: ").unwrap_or(&reason).to_owned();
            Problem::bad_request("query", reason, "see the parameters in /api/v1/openapi.json")
        })
    }
}

/// The variable parts of the path.
pub(crate) struct Segments<T>(pub(crate) T);

impl<T: DeserializeOwned + Send> FromRequestParts<App> for Segments<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        if parts.uri.path().split('/').any(|s| s.len() > MAX_SEGMENT) {
            return Err(Problem::bad_request(
                "path",
                format!("a name is longer than {MAX_SEGMENT} bytes"),
                "shorten it",
            ));
        }
        let path = Path::from_request_parts(parts, app).await;
        path.map(|Path(value)| Self(value))
            .map_err(|e| Problem::bad_request("path", e.body_text(), "write names percent-encoded, as UTF-8"))
    }
}

/// A body of JSON, bounded, of the type that it says it is.
pub(crate) struct JsonBytes(pub(crate) Bytes);

impl FromRequest<App> for JsonBytes {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        let media = parts.headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
        let media = media.split(';').next().unwrap_or_default().trim();
        // A form of another site can send text/plain and forms, but not this: the check is part of the defence, not pedantry.
        if !media.eq_ignore_ascii_case("application/json") {
            return Err(Problem::refused(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported-media-type",
                format!("the body is {media:?}"),
                "send JSON with `Content-Type: application/json`",
            )
            .at("header Content-Type"));
        }
        read(body, app.limits().body_bytes).await.map(Self)
    }
}

impl JsonBytes {
    /// The value in it, every field known.
    pub(crate) fn parse<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        serde_json::from_slice(&self.0).map_err(|e| {
            Problem::bad_request("body", e.to_string(), "see the schema of the body in /api/v1/openapi.json")
        })
    }
}

async fn read(body: Body, most: usize) -> Result<Bytes, Problem> {
    to_bytes(body, most).await.map_err(|e| {
        let too_long = std::error::Error::source(&e).is_some_and(|s| s.is::<http_body_util::LengthLimitError>());
        if too_long {
            Problem::refused(
                StatusCode::PAYLOAD_TOO_LARGE,
                "too-large",
                format!("the body has more than {most} bytes"),
                "send less, or raise api.limits.body_bytes",
            )
            .at("body")
        } else {
            Problem::bad_request("body", "the body ended early or is not framed as HTTP wants", "send it again")
        }
    })
}
