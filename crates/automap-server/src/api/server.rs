//! Accepts connections, with limits on their number, their slowness, and the time they have at shutdown.
//!
//! HTTP/1.1 only, because one request at a time on each connection bounds the work that a client can cause. HTTP/2 and upgrades are left out
//! on purpose.

mod write_timeout;

use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;
use tracing::warn;

use crate::api::app::App;
use crate::api::error::ApiError;
use crate::api::http::peer::Peer;
use crate::api::limits::counts::{Held, HeldCounts};
use crate::api::limits::rate_limit::client_network;
use crate::api::routes::router;
use crate::auth::proxy;
use write_timeout::WriteTimeout;

/// Largest head of a request.
const MAX_HEAD_BYTES: usize = 32 * 1024;
/// Most header lines.
const MAX_HEADERS: usize = 64;
/// Longest wait for a client that does not read its answer.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);
/// Pause after a failed accept, which usually means that no file descriptors are left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Listens on the configured address until `shutdown` completes, then lets requests finish for at most `deadline`.
///
/// # Errors
/// [`ApiError`] when the address cannot be used.
pub async fn serve(app: App, shutdown: impl Future<Output = ()>, deadline: Duration) -> Result<(), ApiError> {
    let listen = app.config.listen;
    let listener = TcpListener::bind(listen).await;
    let listener = listener.map_err(|e| ApiError::Listen { listen, reason: e.to_string() })?;
    serve_on(listener, app, shutdown, deadline).await
}

/// Like [`serve`], on a listener that already exists. The certificate was read when the [`App`] was opened.
///
/// # Errors
/// None today.
pub async fn serve_on(
    listener: TcpListener,
    app: App,
    shutdown: impl Future<Output = ()>,
    deadline: Duration,
) -> Result<(), ApiError> {
    let server = Server::new(app);
    let background = server.app.start();
    server.accept_until(&listener, shutdown).await;
    drop(listener);
    server.close(deadline).await;
    background.stop();
    Ok(())
}

struct Server {
    app: App,
    router: Router,
    /// One permit for each connection that may be open.
    permits: Arc<Semaphore>,
    by_client: HeldCounts<IpAddr>,
    open: GracefulShutdown,
}

impl Server {
    fn new(app: App) -> Self {
        Self {
            router: router(&app),
            permits: Arc::new(Semaphore::new(app.limits().connections)),
            by_client: HeldCounts::default(),
            open: GracefulShutdown::new(),
            app,
        }
    }

    async fn accept_until(&self, listener: &TcpListener, shutdown: impl Future<Output = ()>) {
        let mut shutdown = std::pin::pin!(shutdown);
        loop {
            let next = async {
                let permit = Arc::clone(&self.permits).acquire_owned().await.ok()?;
                Some((permit, listener.accept().await))
            };
            let accepted = tokio::select! {
                biased;
                () = &mut shutdown => return,
                accepted = next => accepted,
            };
            match accepted {
                None => return,
                Some((permit, Ok((stream, peer)))) => self.spawn(permit, stream, peer),
                Some((_, Err(error))) => {
                    warn!(target: "accept", %error, "a connection cannot be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    /// Serves a connection in its own task, unless its client already holds the maximum.
    fn spawn(&self, permit: OwnedSemaphorePermit, stream: TcpStream, peer: SocketAddr) {
        // A trusted proxy connects for many clients and is not counted.
        let is_proxy = self.app.auth.proxy().is_some_and(|p| proxy::is_trusted(p, peer.ip()));
        let counted = if is_proxy {
            None
        } else {
            match self.by_client.take(client_network(peer.ip()), self.app.limits().connections_per_client) {
                Some(counted) => Some(counted),
                None => return,
            }
        };
        let connection = Connection {
            router: self.router.clone(),
            peer,
            header_timeout: Duration::from_secs(self.app.limits().header_timeout_s),
            watcher: self.open.watcher(),
            _held: (permit, counted),
        };
        tokio::spawn(connection.run(stream, self.app.tls.as_ref().map(|tls| tls.acceptor(Instant::now()))));
    }

    /// Ends the event streams, which would never end on their own, and waits for the other requests.
    async fn close(self, deadline: Duration) {
        self.app.closing.send_replace(true);
        if tokio::time::timeout(deadline, self.open.shutdown()).await.is_err() {
            warn!(target: "shutdown", "some connections did not end in time");
        }
    }
}

/// One connection.
struct Connection {
    router: Router,
    peer: SocketAddr,
    header_timeout: Duration,
    watcher: Watcher,
    /// Released at the end: the permit, and this client's count.
    _held: (OwnedSemaphorePermit, Option<Held<IpAddr>>),
}

impl Connection {
    async fn run(self, stream: TcpStream, tls: Option<TlsAcceptor>) {
        let _ = stream.set_nodelay(true);
        match tls {
            None => self.serve(stream).await,
            // A handshake may take as long as the head of a request.
            Some(tls) => {
                if let Ok(Ok(stream)) = tokio::time::timeout(self.header_timeout, tls.accept(stream)).await {
                    self.serve(stream).await;
                }
            }
        }
    }

    async fn serve(self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
        let peer = Peer(self.peer);
        let service = self.router.map_request(move |mut request: hyper::Request<hyper::body::Incoming>| {
            request.extensions_mut().insert(peer);
            request.map(axum::body::Body::new)
        });
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new())
            .header_read_timeout(self.header_timeout)
            .max_buf_size(MAX_HEAD_BYTES)
            .max_headers(MAX_HEADERS)
            .half_close(false);
        let stream = TokioIo::new(WriteTimeout::new(stream, WRITE_TIMEOUT));
        let connection = http.serve_connection(stream, TowerToHyperService::new(service));
        // A client that disconnects, or does not speak HTTP, is not worth a log line.
        let _ = self.watcher.watch(connection).await;
    }
}
