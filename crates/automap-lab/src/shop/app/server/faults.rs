//! Faults of a real server, caused by ordinary client sessions: one that holds a lock, idle ones that take all connections, a queue with a limit.
//! Each task follows the application's active effects.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use super::super::context::App;
use super::super::service::QUEUE;
use super::super::session::Session;
use super::super::session::rabbitmq;
use crate::shop::http::Local;
use crate::stores::Server;

/// How often to check whether a lock should be taken.
const LOCK_POLL: Duration = Duration::from_millis(20);
/// How often to check the other faults.
const POLL: Duration = Duration::from_millis(250);
/// Pause after the server refused.
const RETRY: Duration = Duration::from_millis(500);

/// Starts the tasks; they end with the process.
pub(super) fn start(app: &Arc<App>, server: Server, address: Local) {
    if server == Server::RabbitMq {
        tokio::spawn(limit_queue(Arc::clone(app), address));
    } else {
        tokio::spawn(hold_locks(Arc::clone(app), server, address));
    }
    tokio::spawn(take_connections(Arc::clone(app), server, address));
}

async fn hold_locks(app: Arc<App>, server: Server, address: Local) {
    loop {
        match app.effects.lock_wait() {
            None => tokio::time::sleep(LOCK_POLL).await,
            Some(_) => {
                if hold_lock(&app, server, address).await.is_err() {
                    tokio::time::sleep(RETRY).await;
                }
            }
        }
    }
}

/// Takes the lock, and releases it when its time is over.
async fn hold_lock(app: &App, server: Server, address: Local) -> io::Result<()> {
    let left = || app.effects.lock_wait().unwrap_or_default();
    match Session::open(Some(server), address).await? {
        Session::MariaDb(mut session) => {
            session.lock().await?;
            tokio::time::sleep(left()).await;
            session.unlock().await
        }
        Session::PostgreSql(mut session) => {
            session.lock().await?;
            tokio::time::sleep(left()).await;
            session.unlock().await
        }
        Session::Redis(mut session) => {
            let span = left();
            session.pause(span).await?;
            tokio::time::sleep(span).await;
            Ok(())
        }
        Session::RabbitMq(_) | Session::StandIn(_) => Ok(()),
    }
}

/// Opens the required number of idle sessions, and retries while the server has no room for them.
async fn take_connections(app: Arc<App>, server: Server, address: Local) {
    let mut held = Vec::new();
    loop {
        let wanted = app.sessions_taken() as usize;
        held.truncate(wanted);
        while held.len() < wanted {
            match Session::open(Some(server), address).await {
                Ok(session) => held.push(session),
                Err(_) => break,
            }
        }
        tokio::time::sleep(POLL).await;
    }
}

/// Declares the queue again whenever its limit changes.
async fn limit_queue(app: Arc<App>, address: Local) {
    let mut present = None;
    loop {
        let wanted = app.effects.queue_limit();
        if wanted != present {
            match declare(address, wanted).await {
                Ok(()) => present = wanted,
                Err(_) => tokio::time::sleep(RETRY).await,
            }
        }
        tokio::time::sleep(POLL).await;
    }
}

async fn declare(address: Local, limit: Option<u32>) -> io::Result<()> {
    rabbitmq::Session::open(address).await?.declare(QUEUE, limit).await
}
