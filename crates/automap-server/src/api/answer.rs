//! Answers in JSON, with a tag so that what has not changed is not sent again.

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use serde::Serialize;

use super::problem::Problem;

/// Bytes of the digest in a tag: 96 bits are enough never to meet twice.
const TAG_BYTES: usize = 12;

/// A value as JSON, or 304 when the client has it already.
pub(crate) fn tagged<T: Serialize>(request: &HeaderMap, value: &T) -> Result<Response, Problem> {
    let body = encode(value)?;
    let hash = digest(&SHA256, &body);
    let tag = format!("\"{}\"", URL_SAFE_NO_PAD.encode(&hash.as_ref()[..TAG_BYTES]));
    let tag_value = HeaderValue::from_str(&tag).map_err(|_| Problem::internal("etag"))?;
    let mut response =
        if matches(request, &tag) { StatusCode::NOT_MODIFIED.into_response() } else { json(StatusCode::OK, body) };
    response.headers_mut().insert(header::ETAG, tag_value);
    // Kept, but asked about every time: what is shown of an incident is never old.
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    Ok(response)
}

/// A value as JSON that is not kept.
pub(crate) fn fresh<T: Serialize>(status: StatusCode, value: &T) -> Result<Response, Problem> {
    Ok(json(status, encode(value)?))
}

fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, Problem> {
    serde_json::to_vec(value).map_err(|_| Problem::internal("answer"))
}

fn json(status: StatusCode, body: Vec<u8>) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}

/// `If-None-Match` (RFC 9110): a list of tags, weak or not, or `*`.
fn matches(request: &HeaderMap, tag: &str) -> bool {
    let lists = request.get_all(header::IF_NONE_MATCH).iter().filter_map(|v| v.to_str().ok());
    lists.flat_map(|list| list.split(',')).map(str::trim).any(|t| t == "*" || t.trim_start_matches("W/") == tag)
}
