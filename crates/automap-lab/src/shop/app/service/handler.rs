//! What the request handlers of all services use: their types, and small helpers for requests and responses.

use hyper::StatusCode;
use serde_json::Value;

pub(super) use crate::shop::app::context::{App, Failure};
use crate::shop::http::json as json_response;
pub(super) use crate::shop::http::{Request, Response};

pub(super) const NOT_FOUND: Failure = Failure::Refused(StatusCode::NOT_FOUND, "no such page");

pub(super) fn ok(value: &Value) -> Result<Response, Failure> {
    Ok(json_response(StatusCode::OK, value))
}

pub(super) fn found(value: Option<Value>) -> Result<Response, Failure> {
    value.map_or(Err(NOT_FOUND), |v| ok(&v))
}

pub(super) fn body_json(request: &Request) -> Value {
    serde_json::from_slice(request.body()).unwrap_or_default()
}

/// The parts of the path between slashes.
pub(super) fn segments(request: &Request) -> Vec<&str> {
    request.uri().path().split('/').filter(|s| !s.is_empty()).collect()
}
