//! The application in one pod: a service, a store or the broker, with the behaviour of its counterpart in the real Sock Shop.
//!
//! Every request costs real CPU time, memory and, in the stores, file operations, so that resource metrics are meaningful. The stores (MySQL, MongoDB
//! and Redis in the original) and the broker (RabbitMQ) are small TCP servers with a protocol of their own (`records`), or real servers behind a
//! relay (`server`), with which services speak the servers' own protocols (`session`). `cpu_limiter` enforces in user space the limit that a pod's
//! control group would enforce.

mod broker;
mod context;
mod counters;
mod effects;
mod exporter;
mod lookups;
mod options;
mod cpu_limiter;
mod record_client;
mod record_server;
mod records;
mod server;
mod service;
mod session;
mod store;
mod stress;
mod version;
mod work;

pub use options::AppOptions;

use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::runtime::Builder;

use self::context::App;
use self::cpu_limiter::CpuLimiter;
use super::http::{Cut, Request, Response, serve_connection};
use super::sockets::{accept_all, listen};
use super::{ShopError, admin, block_on, find};
use crate::plan::Role;

/// Runs one application in this thread, under its CPU limit, until the process is killed.
///
/// # Errors
/// When the component is unknown, a port is taken or a store cannot write its file.
pub fn run(options: &AppOptions) -> Result<(), ShopError> {
    let limit = find(&options.name)?.cpu_limit_cores;
    block_on(serve_limited(options, CpuLimiter::of_this_process(limit)))
}

/// Runs one application in this thread, as the container of a pod: there the kernel enforces its CPU limit.
///
/// # Errors
/// As [`run`].
pub fn run_in_pod(options: &AppOptions) -> Result<(), ShopError> {
    block_on(serve(options))
}

/// Runs one application as a future that never ends by itself, without a CPU limit: several applications can then share a process.
///
/// # Errors
/// As [`run`].
pub async fn serve(options: &AppOptions) -> Result<(), ShopError> {
    serve_limited(options, CpuLimiter::unlimited()).await
}

async fn serve_limited(options: &AppOptions, cpu_limiter: CpuLimiter) -> Result<(), ShopError> {
    let component = find(&options.name)?;
    let (ports, ip) = (options.ports, options.ip);
    let listener = listen(component.name, "the application", ip, ports.app(component)).await?;
    let admin_listener = listen(component.name, "the application's effects", ip, ports.app_admin(component)).await?;
    let app = Arc::new(App::new(component, options, cpu_limiter));
    // The pod must not be reported as healthy before its server answers.
    let server = match options.stores.server(component.name) {
        Some(server) => Some(server::start(server, component, options).await?),
        None => None,
    };
    serve_admin_in_its_own_thread(admin_listener, Arc::clone(&app))?;
    version::start_leak(options.behaviour);
    match (component.role, server) {
        (Role::Service, _) => serve_http(listener, app).await,
        (_, Some(server)) => server::serve(listener, app, server).await?,
        (Role::Store, None) => store::serve(listener, app, &options.data_dir).await?,
        (Role::Broker, None) => broker::serve(listener, app).await,
    }
    Ok(())
}

async fn serve_http(listener: TcpListener, app: Arc<App>) {
    service::start_background(&app);
    accept_all(listener, |stream| {
        let app = Arc::clone(&app);
        serve_connection(stream, move |request| handle(Arc::clone(&app), request))
    })
    .await;
}

/// Handles one request, subject to active HTTP faults.
async fn handle(app: Arc<App>, request: Request) -> Result<Response, Cut> {
    let fault = app.effects.http_fault(request.method().as_str(), request.uri().path());
    tokio::time::sleep(fault.request_delay).await;
    if fault.abort_request {
        return Err(Cut);
    }
    let slots = app.effects.request_slots();
    let slot = match &slots {
        Some(slots) => slots.acquire().await.ok(),
        None => None,
    };
    let response = service::answer(&app, &request).await;
    drop(slot);
    tokio::time::sleep(fault.response_delay).await;
    if fault.abort_response { Err(Cut) } else { Ok(response) }
}

/// Effects must end on request even while the CPU limiter blocks all work, so the admin port has its own thread.
fn serve_admin_in_its_own_thread(listener: TcpListener, app: Arc<App>) -> Result<(), ShopError> {
    let failed = |source| ShopError::Start { what: "the admin thread", source };
    let listener = listener.into_std().map_err(failed)?;
    let runtime = Builder::new_current_thread().enable_all().build().map_err(failed)?;
    let serve = move || {
        runtime.block_on(async {
            if let Ok(listener) = TcpListener::from_std(listener) {
                admin::serve(listener, app).await;
            }
        });
    };
    std::thread::Builder::new().name("admin".to_owned()).spawn(serve).map_err(failed)?;
    Ok(())
}
