//! The API's thread, with the async runtime: the rest of the daemon is synchronous.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tracing::error;

use crate::api::{ApiConfig, ApiError, App, Dependencies, serve_on};
use crate::store::Store;
use crate::system::System;
use crate::watcher::{Clock, Stop, SystemClock};

/// How long running requests may take to finish at shutdown.
const SHUTDOWN_DEADLINE: Duration = Duration::from_secs(5);
/// How long blocking work may take after that, before it is abandoned.
const BLOCKING_DEADLINE: Duration = Duration::from_secs(1);

/// Listens on the configured address. Returns the address with its real port, and a function that serves until the stop, which blocks.
///
/// # Errors
/// [`ApiError`] where the address or a file of the configuration cannot be used.
pub fn prepare(
    config: ApiConfig,
    system: Arc<dyn System>,
    store: Arc<dyn Store>,
    stop: &Stop,
) -> Result<(SocketAddr, impl FnOnce() + Send + 'static + use<>), ApiError> {
    let listen = config.listen;
    let unusable = |e: std::io::Error| ApiError::Listen { listen, reason: e.to_string() };
    let dependencies = Dependencies { system, store, clock: || SystemClock.now() };
    let app = App::open(config, dependencies)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).thread_name("api").enable_all().build();
    let runtime = runtime.map_err(unusable)?;
    let listener = runtime.block_on(tokio::net::TcpListener::bind(listen)).map_err(unusable)?;
    let address = listener.local_addr().map_err(unusable)?;
    let stop = stop.clone();
    let body = move || {
        if let Err(error) = runtime.block_on(serve_on(listener, app, stop.wait(), SHUTDOWN_DEADLINE)) {
            error!(target: "api", %error, "the API has stopped");
        }
        runtime.shutdown_timeout(BLOCKING_DEADLINE);
    };
    Ok((address, body))
}
