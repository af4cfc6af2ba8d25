//! Forwards bytes between the side-car and a real server, and delays commands as the pod's limits and node require.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::super::context::App;
use super::super::counters::Held;
use crate::shop::http::{Connector, Local};
use crate::shop::sockets::accept_all;

/// Size of the copy buffer.
const CHUNK_BYTES: usize = 16 * 1024;
/// How often an idle connection checks whether it still fits the limit.
const IDLE_CHECK: Duration = Duration::from_millis(500);

/// Relays forever.
pub(super) async fn serve(listener: TcpListener, app: Arc<App>, server: Local) {
    accept_all(listener, |stream| {
        let app = Arc::clone(&app);
        async move {
            // Whichever side ends it, the connection is over.
            let _ended = relay(&app, stream, server).await;
        }
    })
    .await;
}

async fn relay(app: &App, mut near: TcpStream, server: Local) -> io::Result<()> {
    let mut far = server.connect().await?;
    let _open = Held::new(&app.counters.sessions);
    let (mut from_client, mut to_client) = near.split();
    let (mut from_server, mut to_server) = far.split();
    let (mut asked, mut answered) = (vec![0; CHUNK_BYTES], vec![0; CHUNK_BYTES]);
    let mut is_idle = false;
    loop {
        tokio::select! {
            read = from_client.read(&mut asked) => {
                let chunk = some(asked.get(..read?))?;
                is_idle = false;
                app.wait_as_its_pod().await;
                to_server.write_all(chunk).await?;
            }
            read = from_server.read(&mut answered) => {
                let chunk = some(answered.get(..read?))?;
                to_client.write_all(chunk).await?;
                is_idle = true;
            }
            // Idle connections beyond the limit are closed.
            () = tokio::time::sleep(IDLE_CHECK), if is_idle => {
                if app.has_too_many_sessions(0) {
                    return Ok(());
                }
            }
        }
    }
}

/// An empty read means that the other side has closed.
fn some(chunk: Option<&[u8]>) -> io::Result<&[u8]> {
    chunk.filter(|bytes| !bytes.is_empty()).ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
}
