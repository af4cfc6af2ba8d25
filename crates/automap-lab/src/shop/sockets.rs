//! Listening on the loopback interface or on a Unix socket, and accepting a bounded number of connections.

use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::Semaphore;

use super::ShopError;

/// Maximum number of open connections per listener. Further ones wait in the kernel's backlog.
const MAX_CONNECTIONS: usize = 512;
/// Pause after a failed accept (out of file descriptors), so that the loop does not spin.
const ACCEPT_BACKOFF: Duration = Duration::from_millis(50);

/// Listens on an address of the loopback network.
pub(crate) async fn listen(name: &str, purpose: &str, ip: Ipv4Addr, port: u16) -> Result<TcpListener, ShopError> {
    TcpListener::bind((ip, port)).await.map_err(|source| ShopError::Listen {
        name: name.to_owned(),
        purpose: purpose.to_owned(),
        ip,
        port,
        source,
    })
}

/// Accepts connections.
pub(crate) trait Listener: Send {
    /// A connection.
    type Stream: Send + 'static;

    /// The next one.
    fn accept_one(&self) -> impl Future<Output = io::Result<Self::Stream>> + Send;
}

impl Listener for TcpListener {
    type Stream = TcpStream;

    async fn accept_one(&self) -> io::Result<TcpStream> {
        let (stream, _) = self.accept().await?;
        no_delay(&stream);
        Ok(stream)
    }
}

impl Listener for UnixListener {
    type Stream = UnixStream;

    async fn accept_one(&self) -> io::Result<UnixStream> {
        Ok(self.accept().await?.0)
    }
}

/// Accepts forever; `serve` runs in its own task for each connection.
pub(crate) async fn accept_all<L, F, Fut>(listener: L, mut serve: F)
where
    L: Listener,
    F: FnMut(L::Stream) -> Fut,
    Fut: Future<Output = ()> + Send + 'static,
{
    let permits = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let Ok(permit) = Arc::clone(&permits).acquire_owned().await else { return };
        let Ok(stream) = listener.accept_one().await else {
            tokio::time::sleep(ACCEPT_BACKOFF).await;
            continue;
        };
        let connection = serve(stream);
        tokio::spawn(async move {
            connection.await;
            drop(permit);
        });
    }
}

/// Sends small segments at once. If this cannot be set, only latency suffers.
pub(crate) fn no_delay(stream: &TcpStream) {
    let _best_effort = stream.set_nodelay(true);
}
