//! The API's thread.

use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use axum::Router;
use tracing::error;

use crate::api::{ApiConfig, ApiError, App, Parts, serve_on};
use crate::live::Live;
use crate::store::Store;
use crate::watcher::{Clock, Stop, SystemClock};

/// Requests that are under way may finish for so long.
const GRACE: Duration = Duration::from_secs(5);
/// What blocks after that is left behind.
const ABANDON: Duration = Duration::from_secs(1);

/// Binds and serves until the stop.
pub(super) fn serve(
    config: ApiConfig,
    live: Arc<Live>,
    store: Arc<dyn Store>,
    stop: &Stop,
) -> Result<(SocketAddr, JoinHandle<()>), ApiError> {
    let listen = config.listen;
    let unusable = |e: std::io::Error| ApiError::Listen { listen, reason: e.to_string() };
    let parts = Parts { system: live, store, clock: || SystemClock.now() };
    let app = App::open(config, parts)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).thread_name("api").enable_all().build();
    let runtime = runtime.map_err(unusable)?;
    let listener = runtime.block_on(tokio::net::TcpListener::bind(listen)).map_err(unusable)?;
    let address = listener.local_addr().map_err(unusable)?;
    let stop = stop.clone();
    let body = move || {
        if let Err(error) = runtime.block_on(serve_on(listener, app, Router::new(), stop.wait(), GRACE)) {
            error!(target: "api", %error, "the API has stopped");
        }
        runtime.shutdown_timeout(ABANDON);
    };
    let thread = std::thread::Builder::new().name("api".into()).spawn(body).map_err(unusable)?;
    Ok((address, thread))
}
