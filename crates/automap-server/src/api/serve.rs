//! The outer door: connections, their number, how slowly they may speak, and how they end.
//!
//! HTTP/1.1 only: one request at a time for each connection is what bounds a client's work. Left out on purpose: HTTP/2, upgrades.

use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::http::Extensions;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tower::ServiceExt;
use tracing::warn;

use super::clients::{Clients, Visit};
use super::error::ApiError;
use super::routes::router;
use super::stall::Stall;
use super::state::App;
use super::tls::Tls;

/// Most bytes of a request's head.
const MAX_HEAD: usize = 32 * 1024;
/// Most header lines.
const MAX_HEADERS: usize = 64;
/// Longest wait for a client that does not read what it asked for.
const STALL: Duration = Duration::from_secs(30);
/// After a failed accept (no file descriptors left), before the next.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The other end of the connection, as a request's extension.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub SocketAddr);

impl Peer {
    /// Its address; nobody's where the connection is not known.
    pub(crate) fn of(extensions: &Extensions) -> IpAddr {
        extensions.get::<Self>().map_or(IpAddr::from([0, 0, 0, 0]), |peer| peer.0.ip())
    }
}

/// Listens on the configured address until `shutdown`, then lets requests finish for `deadline`.
///
/// # Errors
/// [`ApiError`] when the address or the certificate cannot be used.
pub async fn serve(
    app: App,
    pages: Router<App>,
    shutdown: impl Future<Output = ()>,
    deadline: Duration,
) -> Result<(), ApiError> {
    let listen = app.config.listen;
    let listener = TcpListener::bind(listen).await;
    let listener = listener.map_err(|e| ApiError::Listen { listen, reason: e.to_string() })?;
    serve_on(listener, app, pages, shutdown, deadline).await
}

/// The same, on a listener that is there already.
///
/// # Errors
/// [`ApiError`] when the certificate cannot be used.
pub async fn serve_on(
    listener: TcpListener,
    app: App,
    pages: Router<App>,
    shutdown: impl Future<Output = ()>,
    deadline: Duration,
) -> Result<(), ApiError> {
    let tls = app.config.tls.as_ref().map(|files| Tls::open(files, Instant::now())).transpose()?;
    let router = router(&app, pages);
    let workers = app.start();
    let places = Arc::new(Semaphore::new(app.limits().connections));
    let clients = Clients::default();
    let open = GracefulShutdown::new();
    let header_timeout = Duration::from_secs(app.limits().header_timeout_s);
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        let next = async {
            let place = Arc::clone(&places).acquire_owned().await.ok()?;
            Some((place, listener.accept().await))
        };
        let accepted = tokio::select! {
            biased;
            () = &mut shutdown => break,
            accepted = next => accepted,
        };
        match accepted {
            None => break,
            Some((place, Ok((stream, peer)))) => {
                let Some(client) = clients.enter(&app, peer.ip()) else { continue };
                let place = (place, client);
                let tls = tls.as_ref().map(|tls| tls.acceptor(Instant::now()));
                let connection =
                    Connection { router: router.clone(), peer, place, header_timeout, watcher: open.watcher() };
                tokio::spawn(connection.run(stream, tls));
            }
            Some((_, Err(error))) => {
                warn!(target: "accept", %error, "a connection cannot be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    // Listeners to events would never end on their own.
    app.closing.send_replace(true);
    if tokio::time::timeout(deadline, open.shutdown()).await.is_err() {
        warn!(target: "shutdown", "some connections did not end in time");
    }
    workers.stop();
    Ok(())
}

/// One connection.
struct Connection {
    router: Router,
    peer: SocketAddr,
    /// Given back at the end, to all and to this client.
    place: (OwnedSemaphorePermit, Option<Visit>),
    header_timeout: Duration,
    watcher: hyper_util::server::graceful::Watcher,
}

impl Connection {
    async fn run(self, stream: TcpStream, tls: Option<tokio_rustls::TlsAcceptor>) {
        let _ = stream.set_nodelay(true);
        match tls {
            None => self.speak(stream).await,
            // A handshake is as slow as a head may be.
            Some(tls) => {
                if let Ok(Ok(stream)) = tokio::time::timeout(self.header_timeout, tls.accept(stream)).await {
                    self.speak(stream).await;
                }
            }
        }
    }

    async fn speak(self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
        let peer = Peer(self.peer);
        let service = self.router.map_request(move |mut request: hyper::Request<hyper::body::Incoming>| {
            request.extensions_mut().insert(peer);
            request.map(axum::body::Body::new)
        });
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new())
            .header_read_timeout(self.header_timeout)
            .max_buf_size(MAX_HEAD)
            .max_headers(MAX_HEADERS)
            .half_close(false);
        let connection =
            http.serve_connection(TokioIo::new(Stall::new(stream, STALL)), TowerToHyperService::new(service));
        // A client that breaks off or speaks no HTTP is not worth a line.
        let _ = self.watcher.watch(connection).await;
        drop(self.place);
    }
}
