//! The admin port of an application or a side-car: health, statistics, and active effects.
//!
//! `GET /health`, `GET /stats` (JSON), `GET /stats/prometheus` (side-car), `GET /effects`, `PUT /effects/<id>` with an
//! [`Effect`] as JSON, `DELETE /effects/<id>`.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::http::{Cut, Request, Response, serve_connection, text};
use super::sockets::accept_all;
use crate::effect::Effect;

/// Maximum number of active effects in one process.
const MAX_EFFECTS: usize = 64;

/// What a process exposes on its admin port.
pub(crate) trait Admin: Send + Sync + 'static {
    /// The JSON of `/stats`.
    fn stats(&self) -> Value;
    /// The text of `/stats/prometheus`.
    fn exposition(&self) -> impl Future<Output = Option<io::Result<String>>> + Send {
        async { None }
    }
    /// The active effects by id.
    fn effects(&self) -> BTreeMap<String, Effect>;
    /// Starts an effect, or replaces the one with the same id. `Err`: the reason why not, shown to the caller.
    fn apply(&self, id: &str, effect: Effect) -> Result<(), String>;
    /// Ends an effect; returns whether it was active.
    fn end(&self, id: &str) -> bool;
}

/// Serves the admin port forever.
pub(crate) async fn serve<A: Admin>(listener: TcpListener, admin: Arc<A>) {
    accept_all(listener, |stream| {
        let admin = Arc::clone(&admin);
        serve_connection(stream, move |request| {
            let admin = Arc::clone(&admin);
            async move { Ok::<_, Cut>(answer(&*admin, &request).await) }
        })
    })
    .await;
}

async fn answer<A: Admin>(admin: &A, request: &Request) -> Response {
    let path = request.uri().path();
    match (request.method(), path, path.strip_prefix("/effects/")) {
        (&Method::GET, "/health", _) => text(StatusCode::OK, "ok\n"),
        (&Method::GET, "/stats", _) => super::http::json(StatusCode::OK, &admin.stats()),
        (&Method::GET, "/effects", _) => super::http::json(StatusCode::OK, &json!(admin.effects())),
        (&Method::GET, "/stats/prometheus", _) => prometheus(admin.exposition().await),
        (&Method::PUT, _, Some(id)) => put(admin, id, request.body()),
        (&Method::DELETE, _, Some(id)) if admin.end(id) => text(StatusCode::OK, "ended\n"),
        (&Method::DELETE, _, Some(id)) => text(StatusCode::NOT_FOUND, format!("no effect `{id}` is on\n")),
        _ => text(StatusCode::NOT_FOUND, "here are /health, /stats, /stats/prometheus, /effects and /effects/<id>\n"),
    }
}

fn put<A: Admin>(admin: &A, id: &str, body: &[u8]) -> Response {
    let refuse = |why: String| text(StatusCode::BAD_REQUEST, format!("effect `{id}`: {why}\n"));
    let on = admin.effects();
    if on.len() >= MAX_EFFECTS && !on.contains_key(id) {
        return refuse(format!("{MAX_EFFECTS} effects are on already; end one first"));
    }
    match serde_json::from_slice(body) {
        Ok(effect) => admin.apply(id, effect).map_or_else(refuse, |()| text(StatusCode::OK, "on\n")),
        Err(e) => refuse(format!("not an effect: {e}")),
    }
}

fn prometheus(exposition: Option<io::Result<String>>) -> Response {
    let body = match exposition {
        None => return text(StatusCode::NOT_FOUND, "only side-cars have /stats/prometheus\n"),
        Some(Err(e)) => return text(StatusCode::SERVICE_UNAVAILABLE, format!("the proxy does not answer: {e}\n")),
        Some(Ok(body)) => body,
    };
    let mut response = text(StatusCode::OK, body);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8"));
    response
}
