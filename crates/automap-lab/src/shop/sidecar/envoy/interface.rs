//! The pod's network interface: relays connections between Envoy and the network, where [`Link`](super::super::link::Link) delays, loses or stops them.

use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite, copy, split};
use tokio::net::{TcpListener, UnixListener};

use super::super::identity;
use super::super::proxy::Proxy;
use super::super::upstream::ToPod;
use super::sockets::Socket;
use crate::shop::http::Connector;
use crate::shop::sockets::accept_all;

/// Carries what Envoy sends to one pod of a callee. If there is no connection, Envoy's is closed before its handshake is complete.
pub(super) async fn serve_outbound(pod: Arc<Proxy>, listener: UnixListener, path: ToPod) {
    accept_all(listener, |near| {
        let (pod, path) = (Arc::clone(&pod), path.clone());
        async move {
            if let Ok(far) = path.connect_once().await {
                relay(&pod, near, far).await;
            }
        }
    })
    .await;
}

/// Carries what others send to this pod.
pub(super) async fn serve_inbound(pod: Arc<Proxy>, listener: TcpListener, envoy: Socket) {
    accept_all(listener, |stream| {
        let (pod, envoy) = (Arc::clone(&pod), envoy.clone());
        async move {
            let Some((far, _)) = identity::accept(stream, &pod.link, pod.component.name).await else { return };
            if let Ok(near) = envoy.connect().await {
                relay(&pod, near, far).await;
            }
        }
    })
    .await;
}

/// Copies until one side closes, or the pod's certificate expires.
async fn relay<N, F>(pod: &Proxy, near: N, far: F)
where
    N: AsyncRead + AsyncWrite,
    F: AsyncRead + AsyncWrite,
{
    let (mut from_near, mut to_near) = split(near);
    let (mut from_far, mut to_far) = split(far);
    tokio::select! {
        _ended = copy(&mut from_near, &mut to_far) => {}
        _ended = copy(&mut from_far, &mut to_near) => {}
        () = pod.link.certificate_expires() => {}
    }
}
