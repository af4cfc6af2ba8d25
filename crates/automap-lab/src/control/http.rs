//! One request to a process on this machine, bounded in time and size.

use std::time::Duration;

use bytes::Bytes;
use hyper::header::{HOST, HeaderValue};
use hyper::{Method, StatusCode};

use super::protocol::HEADER;
use crate::shop::http::{CallError, HttpClient, Local, Response, request};

/// Why there was no usable answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HttpError {
    #[error("http://{address}{path}: {source}")]
    NoAnswer { address: Local, path: String, source: CallError },
    #[error("http://{address}{path} answered {status}")]
    Status { address: Local, path: String, status: StatusCode },
}

/// Sends one request over a connection of its own.
pub(crate) async fn send(
    method: Method,
    address: Local,
    path: &str,
    body: Bytes,
    within: Duration,
) -> Result<Response, HttpError> {
    let client = HttpClient::new(address, 1);
    call(&client, method, address, path, body, within).await
}

/// Sends one request over a pool's connection.
pub(crate) async fn call(
    client: &HttpClient<Local>,
    method: Method,
    address: Local,
    path: &str,
    body: Bytes,
    within: Duration,
) -> Result<Response, HttpError> {
    let mut request = request(method, path, body);
    request.headers_mut().insert(HEADER, HeaderValue::from_static("1"));
    request.headers_mut().insert(HOST, HeaderValue::from_static("127.0.0.1"));
    client.call(request, within).await.map_err(|source| HttpError::NoAnswer { address, path: path.to_owned(), source })
}

/// The body of a success, or the status of a failure.
pub(crate) fn body_of(response: Response, address: Local, path: &str) -> Result<Bytes, HttpError> {
    let status = response.status();
    if status.is_success() {
        return Ok(response.into_body());
    }
    Err(HttpError::Status { address, path: path.to_owned(), status })
}
