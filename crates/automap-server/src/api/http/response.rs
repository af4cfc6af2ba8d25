//! Answers in JSON. An entity tag (`ETag`) lets a client that already has the current answer receive 304 instead of the same bytes again.

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use serde::Serialize;

use crate::api::http::problem::Problem;

/// Bytes of the digest in a tag: at 96 bits, two different answers never share a tag in practice.
const TAG_BYTES: usize = 12;

/// 200 with the value as JSON, or 304 when the client already has it.
pub(crate) fn cacheable<T: Serialize>(request: &HeaderMap, value: &T) -> Result<Response, Problem> {
    let body = encode(value)?;
    let hash = digest(&SHA256, &body);
    let tag = format!("\"{}\"", URL_SAFE_NO_PAD.encode(&hash.as_ref()[..TAG_BYTES]));
    let tag_value = HeaderValue::from_str(&tag).map_err(|_| Problem::internal("etag"))?;
    let mut response =
        if is_cached(request, &tag) { StatusCode::NOT_MODIFIED.into_response() } else { json(StatusCode::OK, body) };
    response.headers_mut().insert(header::ETAG, tag_value);
    // A cache may store it but must revalidate every time, so that an incident is never shown in an old state.
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    Ok(response)
}

/// The value as JSON, without a tag: for answers that no cache should keep.
pub(crate) fn uncached<T: Serialize>(status: StatusCode, value: &T) -> Result<Response, Problem> {
    Ok(json(status, encode(value)?))
}

fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, Problem> {
    serde_json::to_vec(value).map_err(|_| Problem::internal("answer"))
}

fn json(status: StatusCode, body: Vec<u8>) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}

/// Whether `If-None-Match` (RFC 9110: a list of tags, weak or strong, or `*`) names this tag.
pub(crate) fn is_cached(request: &HeaderMap, tag: &str) -> bool {
    let lists = request.get_all(header::IF_NONE_MATCH).iter().filter_map(|v| v.to_str().ok());
    lists.flat_map(|list| list.split(',')).map(str::trim).any(|t| t == "*" || t.trim_start_matches("W/") == tag)
}
