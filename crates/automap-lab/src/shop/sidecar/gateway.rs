//! The ingress gateway: a proxy without an application of its own, through which users reach front-end.
//!
//! It counts as Istio's gateways do, at the source only, and reports the validity of its certificate as istio-agent and Envoy do. Users speak plain
//! HTTP to it; the certificate is the one that it presents to front-end's side-car. Left out: routes, since there is only one service behind it.

use std::sync::Arc;

use tokio::task::JoinSet;

use super::proxy::Proxy;
use super::upstream::ToPod;
use super::{MAX_UPSTREAM_CONNECTIONS, SidecarOptions, http_proxy};
use crate::plan::GATEWAY;
use crate::shop::endpoints::{self, Balancer};
use crate::shop::http::{HttpClient, serve_connection};
use crate::shop::sockets::{accept_all, listen};
use crate::shop::{ShopError, admin, find};

/// The service behind it.
const ENTRANCE: &str = "front-end";

/// Runs the gateway in this thread until the process is killed.
///
/// # Errors
/// When a port is taken.
pub fn run_gateway(options: &SidecarOptions) -> Result<(), ShopError> {
    crate::shop::block_on(serve_gateway(options))
}

/// Runs the gateway as a future that never ends by itself.
///
/// # Errors
/// As [`run_gateway`].
pub async fn serve_gateway(options: &SidecarOptions) -> Result<(), ShopError> {
    let entrance = find(ENTRANCE)?;
    let proxy = Arc::new(Proxy::new(&GATEWAY, options));
    if let Some(envoy) = &options.envoy {
        return super::envoy::serve(proxy, envoy).await;
    }
    let (ports, ip) = (options.ports, options.ip);
    let users = listen(GATEWAY.name, "users", ip, ports.pod(&GATEWAY)).await?;
    let admin = listen(GATEWAY.name, "the gateway's statistics", ip, ports.sidecar_admin(&GATEWAY)).await?;
    let to_pod = {
        let proxy = Arc::clone(&proxy);
        move |ip| ToPod::new(&proxy, entrance, ip)
    };
    let pods = Arc::new(Balancer::new(ENTRANCE, Arc::clone(&proxy.endpoints), MAX_UPSTREAM_CONNECTIONS, to_pod));
    let mut tasks = JoinSet::new();
    let served = Arc::clone(&proxy);
    tasks.spawn(accept_all(users, move |stream| {
        let (proxy, pods) = (Arc::clone(&served), Arc::clone(&pods));
        serve_connection(stream, move |request| {
            let client = match proxy.link.certificate_expired_for() {
                None => pods.next(),
                // The existing connections can no longer be used.
                Some(_) => Arc::new(HttpClient::new(
                    ToPod::new(&proxy, entrance, endpoints::any_of(&proxy.endpoints, ENTRANCE)),
                    1,
                )),
            };
            http_proxy::outbound(Arc::clone(&proxy), entrance, client, request)
        })
    }));
    tasks.spawn(admin::serve(admin, proxy));
    while tasks.join_next().await.is_some() {}
    Ok(())
}
