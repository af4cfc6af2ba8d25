//! The router, and the thread that serves it until told to stop.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::response::IntoResponse;

use super::answer::Problem;
use super::guard::{Needs, guard};
use super::{Api, endpoints};
use crate::watcher::Stop;

/// Largest body of a request, in bytes.
const MAX_BODY: usize = 1 << 20;
/// How long requests may go on after the stop.
const LAST_ANSWERS: Duration = Duration::from_secs(5);

/// Why the API does not serve.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address is taken or not ours.
    #[error("cannot listen on {address}: {error}; choose another with `api.listen` or --listen")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        error: std::io::Error,
    },
    /// The system gives no thread.
    #[error("no thread for the API: {0}")]
    Thread(#[from] std::io::Error),
}

/// All endpoints behind the guard.
pub fn router(api: Api) -> Router {
    let mut router: Router<Api> = Router::new();
    for endpoint in endpoints::all() {
        let layer = from_fn_with_state((api.clone(), Needs(endpoint.role)), guard);
        router = router.route(endpoint.path, (endpoint.handler)().layer(layer));
    }
    let unknown = from_fn_with_state((api.clone(), Needs(None)), guard);
    let fallback = || async {
        Problem::new(404, "there is no such path", "/api/v1/openapi.json lists what there is").into_response()
    };
    router.fallback(fallback).layer(DefaultBodyLimit::max(MAX_BODY)).layer(unknown).with_state(api)
}

/// Listens, and serves on a thread of its own. The address is the one that was really taken, for port 0.
///
/// # Errors
/// [`ServeError`]; nothing is served then.
pub fn serve(api: Api, stop: &Stop) -> Result<(SocketAddr, std::thread::JoinHandle<()>), ServeError> {
    let address = api.config.listen;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let listen = || runtime.block_on(tokio::net::TcpListener::bind(address));
    let listener = listen().map_err(|error| ServeError::Listen { address, error })?;
    let taken = listener.local_addr()?;
    let stop = stop.clone();
    let body = move || {
        runtime.block_on(async {
            let served = axum::serve(listener, router(api)).with_graceful_shutdown(set(stop.clone()));
            // Live feeds never end by themselves.
            let patience = async {
                set(stop).await;
                tokio::time::sleep(LAST_ANSWERS).await;
            };
            tokio::select! {
                _ = served => {}
                () = patience => {}
            }
        });
        runtime.shutdown_timeout(Duration::from_secs(1));
    };
    let thread = std::thread::Builder::new().name("api".into()).spawn(body)?;
    Ok((taken, thread))
}

/// Until the stop is set.
async fn set(stop: Stop) {
    while !stop.is_set() {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
