//! Proxies one HTTP request: forwards it, counts it, and answers as Envoy does when the other side fails.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hyper::StatusCode;
use tokio::time::Instant;

use super::identity::Peer;
use super::labels::{Labels, Reporter};
use super::proxy::Proxy;
use super::registry::Observation;
use super::upstream::ToPod;
use crate::plan::Component;
use crate::shop::http::{CallError, Connector, Cut, HttpClient, Local, Request, Response, strip_hop_by_hop, text};
use crate::shop::locked;

/// How long the source waits for the whole response. (Istio sets none by default; many meshes set this one.)
const OUTBOUND_LIMIT: Duration = Duration::from_secs(15);
/// How long the destination waits for its application: longer than any source.
const INBOUND_LIMIT: Duration = Duration::from_secs(60);

/// A request of our application to `callee`.
pub(super) async fn outbound(
    proxy: Arc<Proxy>,
    callee: &'static Component,
    client: Arc<HttpClient<ToPod>>,
    request: Request,
) -> Result<Response, Cut> {
    let source = Some(proxy.component.name);
    let edge = Edge { reporter: Reporter::Source, source, destination: callee.name };
    Ok(pass_on(&proxy, edge, &client, OUTBOUND_LIMIT, request).await)
}

/// A request of `peer` to our application.
pub(super) async fn inbound(
    proxy: Arc<Proxy>,
    peer: Peer,
    client: Arc<HttpClient<Local>>,
    request: Request,
) -> Result<Response, Cut> {
    let source = Proxy::source_of(peer);
    let edge = Edge { reporter: Reporter::Destination, source, destination: proxy.component.name };
    Ok(pass_on(&proxy, edge, &client, INBOUND_LIMIT, request).await)
}

async fn pass_on<C: Connector>(
    proxy: &Proxy,
    edge: Edge,
    client: &HttpClient<C>,
    limit: Duration,
    mut request: Request,
) -> Response {
    strip_hop_by_hop(request.headers_mut());
    let connected = AtomicBool::new(false);
    let record = Record::begin(proxy, edge, &connected, request.body().len());
    match client.call_watched(request, limit, &connected).await {
        Ok(mut response) => {
            strip_hop_by_hop(response.headers_mut());
            record.finish(response.status(), "-", response.body().len());
            response
        }
        Err(failure) => {
            let (status, flags, message) = as_envoy(&failure, edge.reporter);
            let response = text(status, message);
            record.finish(status, flags, response.body().len());
            response
        }
    }
}

/// Envoy's answer, its response flags and its text. Only the source retries, so only it can run out of retries (URX).
fn as_envoy(failure: &CallError, reporter: Reporter) -> (StatusCode, &'static str, &'static str) {
    match (failure, reporter) {
        (CallError::Connect(_), Reporter::Source) => {
            (StatusCode::SERVICE_UNAVAILABLE, "UF,URX", "upstream connect error or disconnect/reset before headers")
        }
        (CallError::Connect(_), Reporter::Destination) => {
            (StatusCode::SERVICE_UNAVAILABLE, "UF", "upstream connect error or disconnect/reset before headers")
        }
        (CallError::Reset, _) => (StatusCode::SERVICE_UNAVAILABLE, "UC", "upstream connection terminated"),
        (CallError::Timeout, _) => (StatusCode::GATEWAY_TIMEOUT, "UT", "upstream request timeout"),
    }
}

#[derive(Clone, Copy)]
struct Edge {
    reporter: Reporter,
    source: Option<&'static str>,
    destination: &'static str,
}

/// A request in progress. Dropped unfinished, it counts as "downstream gone": the server drops its handler when the caller leaves.
struct Record<'a> {
    proxy: &'a Proxy,
    edge: Edge,
    connected: &'a AtomicBool,
    started: Instant,
    request_bytes: usize,
    finished: bool,
}

impl<'a> Record<'a> {
    fn begin(proxy: &'a Proxy, edge: Edge, connected: &'a AtomicBool, request_bytes: usize) -> Self {
        Self { proxy, edge, connected, started: Instant::now(), request_bytes, finished: false }
    }

    fn finish(mut self, status: StatusCode, flags: &'static str, response_bytes: usize) {
        self.finished = true;
        self.observe(status.as_u16(), flags, response_bytes);
    }

    fn observe(&self, response_code: u16, flags: &'static str, response_bytes: usize) {
        let Edge { reporter, source, destination } = self.edge;
        // The destination is always known to itself, whether it was reached or not.
        let reached = reporter == Reporter::Destination || self.connected.load(Ordering::Relaxed);
        let labels = Labels { reporter, source, destination, reached, response_code: Some(response_code), flags };
        let (duration, request_bytes) = (self.started.elapsed(), self.request_bytes);
        locked(&self.proxy.registry).observe(labels, Observation { duration, request_bytes, response_bytes });
    }
}

impl Drop for Record<'_> {
    fn drop(&mut self) {
        if !self.finished {
            self.observe(0, "DC", 0);
        }
    }
}
