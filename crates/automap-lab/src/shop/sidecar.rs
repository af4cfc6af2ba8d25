//! The side-car proxy of one pod. All traffic of the pod passes through it; it counts the traffic as Istio's proxy does and applies network
//! faults to what leaves the pod.
//!
//! It handles HTTP between services and plain TCP for stores and the broker. Left out, because no metric shows it: TLS, load balancing
//! (each component has one pod), circuit breaking.

mod http_proxy;
mod identity;
mod labels;
mod link;
mod registry;
mod tcp_proxy;
mod upstream;
mod wire;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use self::identity::Peer;
use self::link::Link;
use self::registry::Registry;
use super::admin::{self, Admin};
use super::http::{HttpClient, Local, serve_connection};
use super::sockets::{accept_all, listen};
use super::{ShopError, locked};
use crate::effect::Effect;
use crate::plan::{Component, Ports, Role};

/// Maximum number of connections to one address: the own application or a callee's pod.
const MAX_UPSTREAM_CONNECTIONS: usize = 256;

/// Options of a side-car.
#[derive(Clone, Debug)]
pub struct SidecarOptions {
    /// The component it stands beside.
    pub name: String,
    /// Where everything listens.
    pub ports: Ports,
    /// The pod's name, shown in `/stats`.
    pub pod_name: String,
}

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
    let ports = options.ports;
    let inbound = listen(component.name, "the pod", ports.pod(component)).await?;
    let admin = listen(component.name, "the side-car's statistics", ports.sidecar_admin(component)).await?;
    let mut tasks = JoinSet::new();
    for &callee in component.calls {
        let callee = super::find(callee)?;
        let port = ports.outbound(component, callee.name).unwrap_or_default();
        let listener = listen(component.name, &format!("calls to {}", callee.name), port).await?;
        tasks.spawn(Arc::clone(&proxy).serve_outbound(listener, callee));
    }
    tasks.spawn(Arc::clone(&proxy).serve_inbound(inbound));
    tasks.spawn(admin::serve(admin, proxy));
    while tasks.join_next().await.is_some() {}
    Ok(())
}

/// What all connections of one side-car share.
#[derive(Debug)]
struct Proxy {
    component: &'static Component,
    ports: Ports,
    pod_name: String,
    link: Arc<Link>,
    registry: Mutex<Registry>,
}

impl Proxy {
    fn new(component: &'static Component, options: &SidecarOptions) -> Self {
        Self {
            component,
            ports: options.ports,
            pod_name: options.pod_name.clone(),
            link: Arc::new(Link::new(component.name)),
            registry: Mutex::default(),
        }
    }

    /// Calls of the application to `callee`.
    async fn serve_outbound(self: Arc<Self>, listener: TcpListener, callee: &'static Component) {
        let path = upstream::ToPod::new(&self, callee);
        if callee.role != Role::Service {
            return accept_all(listener, |near| tcp_proxy::outbound(Arc::clone(&self), path.clone(), near)).await;
        }
        let client = Arc::new(HttpClient::new(path, MAX_UPSTREAM_CONNECTIONS));
        accept_all(listener, |near| {
            let (proxy, client) = (Arc::clone(&self), Arc::clone(&client));
            serve_connection(near, move |request| {
                http_proxy::outbound(Arc::clone(&proxy), callee, Arc::clone(&client), request)
            })
        })
        .await;
    }

    /// Calls from the network to the application.
    async fn serve_inbound(self: Arc<Self>, listener: TcpListener) {
        let app = Local(self.ports.app(self.component));
        let client = Arc::new(HttpClient::new(app, MAX_UPSTREAM_CONNECTIONS));
        accept_all(listener, |stream| Arc::clone(&self).serve_peer(stream, app, Arc::clone(&client))).await;
    }

    async fn serve_peer(self: Arc<Self>, stream: TcpStream, app: Local, client: Arc<HttpClient<Local>>) {
        let Some((wire, peer)) = identity::accept(stream, &self.link, self.component.name).await else { return };
        match self.component.role {
            Role::Service => {
                serve_connection(wire, move |request| {
                    http_proxy::inbound(Arc::clone(&self), peer, Arc::clone(&client), request)
                })
                .await;
            }
            Role::Store | Role::Broker => tcp_proxy::inbound(self, peer, app, wire).await,
        }
    }

    /// The name of the calling component.
    fn source_of(peer: Peer) -> Option<&'static str> {
        peer.map(|component| component.name)
    }
}

impl Admin for Proxy {
    fn stats(&self) -> Value {
        let traffic = self.link.traffic();
        json!({
            "pod": self.pod_name,
            "network_receive_bytes": traffic.received_bytes,
            "network_receive_packets": traffic.received_packets,
            "network_transmit_bytes": traffic.sent_bytes,
            "network_transmit_packets": traffic.sent_packets,
        })
    }

    fn exposition(&self) -> Option<String> {
        Some(locked(&self.registry).exposition())
    }

    fn effects(&self) -> BTreeMap<String, Effect> {
        self.link.effects()
    }

    fn apply(&self, id: &str, effect: Effect) -> Result<(), String> {
        if !effect.is_network() {
            return Err("a side-car applies network effects only; send this one to the application".to_owned());
        }
        self.link.apply(id, effect);
        Ok(())
    }

    fn end(&self, id: &str) -> bool {
        self.link.end(id)
    }
}
