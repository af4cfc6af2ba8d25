//! Proxies one TCP connection and counts its bytes in both directions. As in Istio, these counters are the only metrics of stores and the
//! broker.

use std::io;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, split};
use tokio::net::TcpStream;

use super::identity::Peer;
use super::labels::{Labels, Reporter};
use super::proxy::Proxy;
use super::registry::TcpSeries;
use super::upstream::ToPod;
use super::wire::Wire;
use crate::shop::http::{Connector, Local};
use crate::shop::locked;

/// Bytes copied at a time.
const COPY_BYTES: usize = 16 * 1024;

/// A connection of our application to the callee behind `path`.
pub(super) async fn outbound(proxy: Arc<Proxy>, path: ToPod, near: TcpStream) {
    let labels = labels(Reporter::Source, Some(proxy.component.name), path.callee().name);
    match path.connect_once().await {
        Ok(far) => relay(&proxy, &labels, near, far).await,
        Err(_) => count_failure(&proxy, Labels { reached: false, ..labels }),
    }
}

/// A connection of `peer` to our application.
pub(super) async fn inbound(proxy: Arc<Proxy>, peer: Peer, app: Local, far: Wire) {
    let labels = labels(Reporter::Destination, Proxy::source_of(peer), proxy.component.name);
    match app.connect().await {
        Ok(near) => relay(&proxy, &labels, far, near).await,
        Err(_) => count_failure(&proxy, labels),
    }
}

fn labels(reporter: Reporter, source: Option<&'static str>, destination: &'static str) -> Labels<'static> {
    Labels { reporter, source, destination, reached: true, response_code: None, flags: "-" }
}

fn count_failure(proxy: &Proxy, labels: Labels<'static>) {
    locked(&proxy.registry).tcp(&Labels { flags: "UF", ..labels }, |s| {
        s.opened += 1;
        s.closed += 1;
    });
}

/// Copies until one side closes: the shop's protocols do not use half-open connections.
async fn relay<C, S>(proxy: &Proxy, labels: &Labels<'static>, client: C, server: S)
where
    C: AsyncRead + AsyncWrite,
    S: AsyncRead + AsyncWrite,
{
    let count = |change: &dyn Fn(&mut TcpSeries)| locked(&proxy.registry).tcp(labels, change);
    let (from_client, to_client) = split(client);
    let (from_server, to_server) = split(server);
    count(&|s| s.opened += 1);
    tokio::select! {
        _ended = copy(from_client, to_server, |n| count(&|s| s.received_bytes += n)) => {}
        _ended = copy(from_server, to_client, |n| count(&|s| s.sent_bytes += n)) => {}
    }
    count(&|s| s.closed += 1);
}

async fn copy<R, W>(mut from: R, mut to: W, count: impl Fn(u64)) -> io::Result<()>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let mut buffer = vec![0; COPY_BYTES];
    loop {
        let n = from.read(&mut buffer).await?;
        if n == 0 {
            return Ok(());
        }
        count(n as u64);
        to.write_all(buffer.get(..n).unwrap_or_default()).await?;
        to.flush().await?;
    }
}
