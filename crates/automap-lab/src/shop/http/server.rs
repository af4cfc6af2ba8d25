//! One server connection: collects each request's body and hands the request to a handler.

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::StatusCode;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

use super::{Body, MAX_BODY_BYTES, Request, Response, text};

/// Returned by a handler to cut the connection instead of answering.
#[derive(Debug, thiserror::Error)]
#[error("the connection is cut on purpose")]
pub(crate) struct Cut;

/// Serves one connection until either side ends it. When the peer leaves in the middle of a request, the handler's
/// future is dropped.
pub(crate) async fn serve_connection<S, H, F>(stream: S, handler: H)
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
    H: Fn(Request) -> F + Clone,
    F: Future<Output = Result<Response, Cut>>,
{
    let service = service_fn(move |incoming| {
        let handler = handler.clone();
        async move {
            let response = match collect(incoming).await {
                Some(request) => handler(request).await?,
                None => text(StatusCode::PAYLOAD_TOO_LARGE, format!("a body may have {MAX_BODY_BYTES} bytes\n")),
            };
            Ok::<hyper::Response<Body>, Cut>(response.map(Full::new))
        }
    });
    // How a connection ends is up to the peer; failures have been counted already.
    let _ended = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

async fn collect(incoming: hyper::Request<Incoming>) -> Option<Request> {
    let (parts, body) = incoming.into_parts();
    let body: Bytes = Limited::new(body, MAX_BODY_BYTES).collect().await.ok()?.to_bytes();
    Some(Request::from_parts(parts, body))
}
