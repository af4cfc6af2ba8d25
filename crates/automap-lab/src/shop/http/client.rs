//! A bounded keep-alive pool of client connections to one address.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

use super::{Body, MAX_BODY_BYTES, Request, Response};
use crate::shop::locked;
use crate::shop::sockets::no_delay;

/// Opens connections.
pub(crate) trait Connector: Send + Sync {
    /// The type of the connection.
    type Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    /// Opens a connection.
    fn connect(&self) -> impl Future<Output = io::Result<Self::Stream>> + Send;
}

/// An address of this machine: 127.0.0.1, or another of the loopback network for a further pod of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Local(SocketAddrV4);

impl Local {
    /// A port on 127.0.0.1.
    pub(crate) fn port(port: u16) -> Self {
        Self::at(Ipv4Addr::LOCALHOST, port)
    }

    /// A port of one address.
    pub(crate) fn at(ip: Ipv4Addr, port: u16) -> Self {
        Self(SocketAddrV4::new(ip, port))
    }

    /// Its address without the port.
    pub(crate) fn ip(self) -> Ipv4Addr {
        *self.0.ip()
    }

    /// Its port.
    pub(crate) fn port_number(self) -> u16 {
        self.0.port()
    }
}

impl fmt::Display for Local {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Connector for Local {
    type Stream = TcpStream;

    async fn connect(&self) -> io::Result<TcpStream> {
        let stream = TcpStream::connect(self.0).await?;
        no_delay(&stream);
        Ok(stream)
    }
}

/// Why a call got no response.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CallError {
    /// There was no connection.
    #[error("no connection: {0}")]
    Connect(#[source] io::Error),
    /// The connection broke before the whole response was there.
    #[error("connection broke before the response was complete")]
    Reset,
    /// The time limit was exceeded.
    #[error("no response in time")]
    Timeout,
}

/// The pool.
#[derive(Debug)]
pub(crate) struct HttpClient<C> {
    connector: C,
    idle: Mutex<Vec<SendRequest<Body>>>,
    permits: Semaphore,
}

impl<C: Connector> HttpClient<C> {
    /// At most `max_connections` at a time; calls beyond it wait, within their time limit.
    pub(crate) fn new(connector: C, max_connections: usize) -> Self {
        Self { connector, idle: Mutex::default(), permits: Semaphore::new(max_connections) }
    }

    /// Sends a request and waits for the whole response, at most `limit`.
    pub(crate) async fn call(&self, request: Request, limit: Duration) -> Result<Response, CallError> {
        self.call_watched(request, limit, &AtomicBool::new(false)).await
    }

    /// As [`call`](Self::call); `connected` turns true once there is a connection.
    pub(crate) async fn call_watched(
        &self,
        request: Request,
        limit: Duration,
        connected: &AtomicBool,
    ) -> Result<Response, CallError> {
        tokio::time::timeout(limit, self.exchange(request, connected)).await.unwrap_or(Err(CallError::Timeout))
    }

    async fn exchange(&self, request: Request, connected: &AtomicBool) -> Result<Response, CallError> {
        let _permit = self.permits.acquire().await.map_err(|_| CallError::Reset)?;
        let mut request = request.map(Full::new);
        // Each iteration removes one connection from the bounded pool for good, or ends.
        while let Some(mut sender) = self.take_idle() {
            if sender.ready().await.is_err() {
                continue;
            }
            connected.store(true, Ordering::Relaxed);
            match sender.try_send_request(request).await {
                Ok(response) => return self.finish(sender, response).await,
                // The server had closed the idle connection and did not read the request: the next one may work.
                Err(mut failed) => request = failed.take_message().ok_or(CallError::Reset)?,
            }
        }
        let mut sender = self.connect().await?;
        connected.store(true, Ordering::Relaxed);
        let response = sender.send_request(request).await.map_err(|_| CallError::Reset)?;
        self.finish(sender, response).await
    }

    fn take_idle(&self) -> Option<SendRequest<Body>> {
        let mut idle = locked(&self.idle);
        while let Some(sender) = idle.pop() {
            if !sender.is_closed() {
                return Some(sender);
            }
        }
        None
    }

    async fn connect(&self) -> Result<SendRequest<Body>, CallError> {
        let stream = self.connector.connect().await.map_err(CallError::Connect)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await.map_err(|_| CallError::Reset)?;
        tokio::spawn(async move {
            // Its callers see the failure of their own requests.
            let _ended = connection.await;
        });
        Ok(sender)
    }

    async fn finish(
        &self,
        sender: SendRequest<Body>,
        response: hyper::Response<Incoming>,
    ) -> Result<Response, CallError> {
        let (parts, body) = response.into_parts();
        let body = Limited::new(body, MAX_BODY_BYTES).collect().await.map_err(|_| CallError::Reset)?.to_bytes();
        // Holding a permit bounds the pool as well.
        locked(&self.idle).push(sender);
        Ok(Response::from_parts(parts, body))
    }
}
