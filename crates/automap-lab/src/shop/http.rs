//! The small part of HTTP/1.1 that the shop needs: complete bodies, keep-alive, bounded pools. No streaming, no TLS, no HTTP/2.

mod client;
mod server;

pub(crate) use client::{CallError, Connector, HttpClient, Local};
pub(crate) use server::{Cut, serve_connection};

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderMap, HeaderValue, TRANSFER_ENCODING};
use hyper::{Method, StatusCode};
use serde_json::Value;

/// Larger bodies are refused: the shop's largest page has a few KiB.
pub(crate) const MAX_BODY_BYTES: usize = 1 << 20;

/// A request with its whole body.
pub(crate) type Request = hyper::Request<Bytes>;
/// A response with its whole body.
pub(crate) type Response = hyper::Response<Bytes>;
type Body = Full<Bytes>;

/// A request without a body.
pub(crate) fn get(path: &str) -> Request {
    request(Method::GET, path, Bytes::new())
}

/// A request with a JSON body.
pub(crate) fn post_json(path: &str, value: &Value) -> Request {
    let mut request = request(Method::POST, path, Bytes::from(value.to_string()));
    request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    request
}

/// The shop's only host name. HTTP/1.1 requires one, and real proxies refuse requests without it.
const SHOP: HeaderValue = HeaderValue::from_static("sock-shop");

/// A request. A path that is no URI becomes `/`: paths are built from our own identifiers.
pub(crate) fn request(method: Method, path: &str, body: Bytes) -> Request {
    let mut request = Request::new(body);
    *request.method_mut() = method;
    *request.uri_mut() = path.parse().unwrap_or_default();
    request.headers_mut().insert(HOST, SHOP);
    request
}

/// A response with a plain body.
pub(crate) fn text(status: StatusCode, body: impl Into<Bytes>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response
}

/// A response with a JSON body.
pub(crate) fn json(status: StatusCode, value: &Value) -> Response {
    let mut response = text(status, value.to_string());
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// The value of one query parameter, as written.
pub(crate) fn query<'a>(request: &'a Request, name: &str) -> Option<&'a str> {
    request.uri().query()?.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
}

/// Removes the headers of a single connection before a message is forwarded.
pub(crate) fn strip_hop_by_hop(headers: &mut HeaderMap) {
    for name in [CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING] {
        headers.remove(name);
    }
}
