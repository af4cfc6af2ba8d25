//! The side-car proxy of one pod. All traffic of the pod passes through it; it counts the traffic as Istio's proxy does and applies network faults to
//! outgoing traffic.
//!
//! It handles HTTP between services and plain TCP for stores and the broker. The pods of a service are used in turn. Left out, because no metric
//! shows it: TLS, circuit breaking. On request the proxy is a real Envoy instead ([`envoy`]).

mod certificate;
mod envoy;
mod gateway;
mod http_proxy;
mod identity;
mod labels;
mod link;
mod options;
mod proxy;
mod registry;
mod tcp_proxy;
mod upstream;
mod wire;

pub use envoy::EnvoyOptions;
pub use gateway::{run_gateway, serve_gateway};
pub use options::SidecarOptions;

use std::sync::Arc;

use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use self::proxy::Proxy;
use super::ShopError;
use super::admin;
use super::endpoints::{self, Balancer};
use super::http::{HttpClient, Local, serve_connection};
use super::sockets::{accept_all, listen};
use crate::plan::{Component, Role};

/// Maximum number of connections to one address: the own application or a callee's pod.
const MAX_UPSTREAM_CONNECTIONS: usize = 256;

/// Runs one side-car in this thread until the process is killed.
///
/// # Errors
/// When the component is unknown or a port is taken.
pub fn run(options: &SidecarOptions) -> Result<(), ShopError> {
    super::block_on(serve(options))
}

/// Runs one side-car as a future that never ends by itself.
///
/// # Errors
/// As [`run`].
pub async fn serve(options: &SidecarOptions) -> Result<(), ShopError> {
    let component = super::find(&options.name)?;
    let proxy = Arc::new(Proxy::new(component, options));
    if let Some(envoy) = &options.envoy {
        return envoy::serve(proxy, envoy).await;
    }
    let (ports, ip) = (options.ports, options.ip);
    let inbound = listen(component.name, "the pod", ip, ports.pod(component)).await?;
    let admin = listen(component.name, "the side-car's statistics", ip, ports.sidecar_admin(component)).await?;
    let mut tasks = JoinSet::new();
    for &callee in component.calls {
        let callee = super::find(callee)?;
        let port = ports.outbound(component, callee.name).unwrap_or_default();
        let listener = listen(component.name, &format!("calls to {}", callee.name), ip, port).await?;
        tasks.spawn(serve_outbound(Arc::clone(&proxy), listener, callee));
    }
    tasks.spawn(serve_inbound(Arc::clone(&proxy), inbound));
    tasks.spawn(admin::serve(admin, proxy));
    while tasks.join_next().await.is_some() {}
    Ok(())
}

/// Serves calls of the application to `callee`.
async fn serve_outbound(proxy: Arc<Proxy>, listener: TcpListener, callee: &'static Component) {
    if callee.role != Role::Service {
        return accept_all(listener, |near| {
            let path = upstream::ToPod::new(&proxy, callee, endpoints::any_of(&proxy.endpoints, callee.name));
            tcp_proxy::outbound(Arc::clone(&proxy), path, near)
        })
        .await;
    }
    let connector = {
        let proxy = Arc::clone(&proxy);
        move |ip| upstream::ToPod::new(&proxy, callee, ip)
    };
    let endpoints = Arc::clone(&proxy.endpoints);
    let pods = Arc::new(Balancer::new(callee.name, endpoints, MAX_UPSTREAM_CONNECTIONS, connector));
    accept_all(listener, |near| {
        let (proxy, pods) = (Arc::clone(&proxy), Arc::clone(&pods));
        serve_connection(near, move |request| http_proxy::outbound(Arc::clone(&proxy), callee, pods.next(), request))
    })
    .await;
}

/// Serves calls from the network to the application.
async fn serve_inbound(proxy: Arc<Proxy>, listener: TcpListener) {
    let app = Local::at(proxy.ip, proxy.ports.app(proxy.component));
    let client = Arc::new(HttpClient::new(app, MAX_UPSTREAM_CONNECTIONS));
    accept_all(listener, |stream| serve_peer(Arc::clone(&proxy), stream, app, Arc::clone(&client))).await;
}

async fn serve_peer(proxy: Arc<Proxy>, stream: TcpStream, app: Local, client: Arc<HttpClient<Local>>) {
    let Some((wire, peer)) = identity::accept(stream, &proxy.link, proxy.component.name).await else { return };
    match proxy.component.role {
        Role::Service => {
            serve_connection(wire, move |request| {
                http_proxy::inbound(Arc::clone(&proxy), peer, Arc::clone(&client), request)
            })
            .await;
        }
        Role::Store | Role::Broker => tcp_proxy::inbound(proxy, peer, app, wire).await,
    }
}
