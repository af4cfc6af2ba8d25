//! The server's side of the protocol of the stores and the broker: a limited number of connections, each answered in order. The handler carries out
//! the commands.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use super::context::App;
use super::counters::Held;
use super::records::{Command, Reply, malformed, read_message};
use crate::shop::sockets::accept_all;

/// How often an idle connection checks whether it still fits the limit.
const IDLE_CHECK: Duration = Duration::from_millis(500);

/// Answers commands forever, each connection in order. A connection beyond the limit of `app` is closed at once.
pub(super) async fn serve<H, F>(listener: TcpListener, app: &Arc<App>, handler: H)
where
    H: Fn(u64, Command) -> F + Send + Sync + 'static,
    F: Future<Output = Reply> + Send,
{
    let handler = Arc::new(handler);
    let mut opened = 0;
    accept_all(listener, |stream| {
        let (handler, app) = (Arc::clone(&handler), Arc::clone(app));
        opened += 1;
        let connection = opened;
        async move {
            if app.has_too_many_sessions(1) {
                app.counters.refused.fetch_add(1, Relaxed);
                return;
            }
            let _open = Held::new(&app.counters.sessions);
            // The peer left or sent nonsense; either way the connection is over.
            let _ended = serve_connection(stream, &app, |command| handler(connection, command)).await;
        }
    })
    .await;
}

async fn serve_connection<H, F>(stream: TcpStream, app: &App, handler: H) -> io::Result<()>
where
    H: Fn(Command) -> F,
    F: Future<Output = Reply>,
{
    let mut stream = BufReader::new(stream);
    loop {
        // Idle connections beyond the limit are closed.
        while let Err(_elapsed) = timeout(IDLE_CHECK, stream.fill_buf()).await {
            if app.has_too_many_sessions(0) {
                return Ok(());
            }
        }
        let command = Command::decode(read_message(&mut stream).await?).ok_or_else(malformed)?;
        let reply = handler(command).await;
        stream.write_all(&reply.encode()).await?;
        stream.flush().await?;
    }
}
