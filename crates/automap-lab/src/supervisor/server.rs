//! The HTTP server of the supervisor, on 127.0.0.1 only: the kubelet's two metrics endpoints and the control API of the lab.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use hyper::{Method, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use super::experiments;
use super::lab_state::SharedState;
use crate::control::protocol::{ChangeRequest, HEADER, InjectRequest, LoadRequest, Refusal};
use crate::kubelet;
use crate::plan;
use crate::shop::http::{Request, Response, json, serve_connection, text};

/// Maximum number of connections; further ones wait in the kernel's backlog.
const CONNECTIONS_MAX: usize = 64;
const ACCEPT_BACKOFF: Duration = Duration::from_millis(50);
/// The answer of node_exporter on each node.
pub(super) const NODE_PATH: &str = "/metrics/node/";
const LOAD_RATE_PER_S_MAX: f64 = 1000.0;

/// Serves until the process ends.
pub(super) async fn serve(listener: TcpListener, shared: Arc<SharedState>) {
    let permits = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let Ok(permit) = Arc::clone(&permits).acquire_owned().await else { return };
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(ACCEPT_BACKOFF).await;
            continue;
        };
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            serve_connection(stream, move |request| {
                let shared = Arc::clone(&shared);
                async move { Ok(route(&shared, &request).await) }
            })
            .await;
            drop(permit);
        });
    }
}

async fn route(shared: &Arc<SharedState>, request: &Request) -> Response {
    match (request.method(), request.uri().path()) {
        (&Method::GET, "/metrics/cadvisor") => {
            let cluster = shared.reading();
            text(StatusCode::OK, kubelet::render_cadvisor(&cluster.pods, jiff::Timestamp::now().as_millisecond()))
        }
        (&Method::GET, "/metrics") => text(StatusCode::OK, kubelet::render_state_metrics(&shared.reading())),
        (&Method::GET, path) if path.starts_with(NODE_PATH) => {
            let name = path.strip_prefix(NODE_PATH).unwrap_or_default();
            match shared.reading().nodes.iter().find(|n| n.name == name) {
                Some(node) => text(StatusCode::OK, kubelet::render_node(node)),
                None => refuse(StatusCode::NOT_FOUND, &format!("no such node; there are {}", plan::NODES.join(", "))),
            }
        }
        (&Method::GET, "/control/status") => answer(&shared.status()),
        (&Method::POST, path) if request.headers().contains_key(HEADER) => change(shared, path, request.body()).await,
        (&Method::POST, _) => refuse(StatusCode::FORBIDDEN, &format!("a change needs the header {HEADER}")),
        _ => refuse(StatusCode::NOT_FOUND, "try /metrics, /metrics/cadvisor, /metrics/node/node-1 or /control/status"),
    }
}

async fn change(shared: &Arc<SharedState>, path: &str, body: &[u8]) -> Response {
    match path {
        "/control/inject" => match read::<InjectRequest>(body) {
            Ok(request) => match experiments::inject(shared, &request.file, &request.yaml).await {
                Ok(injections) => answer(&injections),
                Err(e) => refuse(StatusCode::UNPROCESSABLE_ENTITY, &e.to_string()),
            },
            Err(problem) => refuse(StatusCode::BAD_REQUEST, &problem),
        },
        "/control/change" => match read::<ChangeRequest>(body) {
            Ok(ChangeRequest { service, change }) => match plan::component(&service) {
                Some(component) => match experiments::change(shared, component.name, &change).await {
                    Ok(injection) => answer(&injection),
                    Err(e) => refuse(StatusCode::UNPROCESSABLE_ENTITY, &e.to_string()),
                },
                None => {
                    let all = plan::COMPONENTS.map(|c| c.name).join(", ");
                    refuse(StatusCode::NOT_FOUND, &format!("no service {service:?} in the shop; there are {all}"))
                }
            },
            Err(problem) => refuse(StatusCode::BAD_REQUEST, &problem),
        },
        "/control/load" => match read::<LoadRequest>(body) {
            Ok(LoadRequest { rate_per_s }) if (0.0..=LOAD_RATE_PER_S_MAX).contains(&rate_per_s) => {
                shared.state().load_rate_per_s = (rate_per_s > 0.0).then_some(rate_per_s);
                answer(&shared.status())
            }
            Ok(_) => refuse(
                StatusCode::BAD_REQUEST,
                &format!("the rate must be 0 to {LOAD_RATE_PER_S_MAX} users per second"),
            ),
            Err(problem) => refuse(StatusCode::BAD_REQUEST, &problem),
        },
        "/control/recover" => {
            shared.recover.notify_waiters();
            answer(&shared.status())
        }
        "/control/detach" => {
            shared.detached.store(true, Ordering::Relaxed);
            answer(&shared.status())
        }
        "/control/down" => {
            shared.stop.notify_one();
            answer(&shared.status())
        }
        _ => refuse(StatusCode::NOT_FOUND, "unknown request"),
    }
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, String> {
    serde_json::from_slice(body).map_err(|e| format!("unreadable request: {e}"))
}

fn answer(value: &impl Serialize) -> Response {
    match serde_json::to_value(value) {
        Ok(value) => json(StatusCode::OK, &value),
        Err(e) => refuse(StatusCode::INTERNAL_SERVER_ERROR, &e.to_string()),
    }
}

fn refuse(status: StatusCode, error: &str) -> Response {
    let refusal = Refusal { error: error.to_owned() };
    json(status, &serde_json::to_value(refusal).unwrap_or_default())
}
