//! A side-car that is a real Envoy.
//!
//! This process is what surrounds Envoy in a pod: the network interface, on which faults of the network act, and Istio's agent, which configures Envoy and
//! collects its metrics. Envoy is its child and ends with it.
//!
//! ```text
//!            one pod                                    ┊   another pod
//! application ─▶ Envoy ─▶ network interface (faults) ───┊──▶ network interface ─▶ Envoy ─▶ application
//! ```
//!
//! Between Envoys there is mutual TLS. It also makes failures of the network look as they are: Envoy counts a connection as established only when
//! the handshake is complete, so a peer that refuses or does not answer is a failed connection, not a broken one.
//!
//! Between this process and its Envoy there are abstract Unix sockets, which need no ports and leave no files. Left out: the redirection of all traffic
//! to one listener, and discovery over gRPC (addresses of pods are in files that Envoy watches).

mod addresses;
mod config;
mod exposition;
mod interface;
mod sockets;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use hyper::StatusCode;
use serde_json::Value;
use tokio::time::sleep;

use self::addresses::Addresses;
use self::sockets::Sockets;
use super::proxy::Proxy;
use crate::effect::Effect;
use crate::mesh::certificates::Files;
use crate::plan::{Component, GATEWAY};
use crate::shop::admin::{self, Admin};
use crate::shop::children::{Children, tied};
use crate::shop::http::{HttpClient, get};
use crate::shop::sockets::listen;
use crate::shop::{ShopError, find};

/// Time limit for Envoy to start.
const READY_WITHIN: Duration = Duration::from_secs(60);
const READY_POLL: Duration = Duration::from_millis(50);
/// Time limit for an answer of its administration interface.
const ADMIN_WITHIN: Duration = Duration::from_secs(2);
/// Requests to it at a time: those of Prometheus and of the probes.
const ADMIN_CONNECTIONS: usize = 4;

/// The Envoy to run.
#[derive(Clone, Debug)]
pub struct EnvoyOptions {
    /// The program.
    pub program: PathBuf,
    /// The directory with the mesh's certificates; files of this pod are created below it.
    pub dir: PathBuf,
}

/// Runs the side-car of `pod` with Envoy until Envoy ends.
pub(super) async fn serve(pod: Arc<Proxy>, options: &EnvoyOptions) -> Result<(), ShopError> {
    let failed = |source| ShopError::Envoy { name: pod.component.name.to_owned(), source };
    let (component, ip) = (pod.component, pod.ip);
    let callees = component.calls.iter().map(|name| find(name)).collect::<Result<Vec<_>, _>>()?;
    let is_gateway = component.name == GATEWAY.name;
    let sockets = Sockets::of(&pod);
    // Users call the gateway's Envoy directly: it has no application, so it is called by nobody else.
    if !is_gateway {
        let network = listen(component.name, "the pod", ip, pod.ports.pod(component)).await?;
        tokio::spawn(interface::serve_inbound(Arc::clone(&pod), network, sockets.inbound()));
    }
    let admin = listen(component.name, "the side-car's statistics", ip, pod.ports.sidecar_admin(component)).await?;

    let dir = options.dir.join("pods").join(&pod.pod_name);
    fs::create_dir_all(&dir).map_err(failed)?;
    let mut addresses = Addresses::new(Arc::clone(&pod), callees.clone(), sockets.clone(), dir.clone());
    addresses.refresh().map_err(failed)?;
    let files = Files::of(component.name, &options.dir);
    let mut children = Children::default();
    start(&options.program, &dir, &config::bootstrap(&pod, &callees, &sockets, &files, &dir), &mut children)
        .map_err(failed)?;
    let sidecar =
        Arc::new(Sidecar { pod: Arc::clone(&pod), admin: HttpClient::new(sockets.admin(), ADMIN_CONNECTIONS) });
    sidecar.wait_ready(&mut children).await.map_err(failed)?;
    tokio::select! {
        () = admin::serve(admin, sidecar) => Ok(()),
        ended = children.ended() => Err(failed(ended)),
        problem = addresses.follow() => Err(failed(problem)),
    }
}

fn start(program: &Path, dir: &Path, config: &Value, children: &mut Children) -> io::Result<()> {
    let path = dir.join("envoy.json");
    fs::write(&path, config.to_string())?;
    let mut command = tied(program)?;
    command.arg("-c").arg(path).args(["--concurrency", "1", "--disable-hot-restart", "--log-level", "error"]);
    children.start(&mut command)
}

/// The administration port: effects and traffic of the interface, metrics of Envoy.
struct Sidecar {
    pod: Arc<Proxy>,
    admin: HttpClient<sockets::Socket>,
}

impl Sidecar {
    async fn wait_ready(&self, children: &mut Children) -> io::Result<()> {
        let ready = async {
            while self.ask("/ready").await.is_err() {
                if let Some(ended) = children.first_ended() {
                    return Err(ended);
                }
                sleep(READY_POLL).await;
            }
            Ok(())
        };
        let late = || Err(io::Error::new(io::ErrorKind::TimedOut, format!("not ready after {READY_WITHIN:?}")));
        tokio::time::timeout(READY_WITHIN, ready).await.unwrap_or_else(|_| late())
    }

    async fn ask(&self, path: &str) -> io::Result<String> {
        let response = self.admin.call(get(path), ADMIN_WITHIN).await.map_err(io::Error::other)?;
        if response.status() != StatusCode::OK {
            return Err(io::Error::other(format!("Envoy answers {} to {path}", response.status())));
        }
        Ok(String::from_utf8_lossy(response.body()).into_owned())
    }
}

impl Admin for Sidecar {
    fn stats(&self) -> Value {
        self.pod.stats()
    }

    async fn exposition(&self) -> Option<io::Result<String>> {
        let envoy = self.ask("/stats/prometheus").await;
        Some(envoy.map(|text| exposition::as_istio(&text, self.pod.component) + &self.pod.certificate_exposition()))
    }

    fn effects(&self) -> BTreeMap<String, Effect> {
        self.pod.effects()
    }

    fn apply(&self, id: &str, effect: Effect) -> Result<(), String> {
        self.pod.apply(id, effect)
    }

    fn end(&self, id: &str) -> bool {
        self.pod.end(id)
    }
}

/// The port on which Envoy accepts the application's calls to `callee`, or users' calls to the service behind the gateway.
fn port_for(pod: &Proxy, callee: &Component) -> u16 {
    if pod.component.name == GATEWAY.name {
        return pod.ports.pod(pod.component);
    }
    pod.ports.outbound(pod.component, callee.name).unwrap_or_default()
}
