//! What the API does between requests: it passes the watcher's changes to the event history, delivers queued alerts to the watcher, and
//! fetches the identity providers' keys and documents. [`crate::api::serve`] starts it; tests may leave it out.

use std::sync::Arc;

use tokio::sync::broadcast;
use tokio::task::JoinSet;
use tracing::warn;

use crate::api::app::App;
use crate::auth::oidc::Oidc;
use crate::auth::remote_keys::{FETCH_EVERY, RETRY_AFTER, RemoteKeys};

/// The running background tasks; they stop when this is dropped.
#[derive(Debug)]
pub struct BackgroundTasks(JoinSet<()>);

impl BackgroundTasks {
    /// Stops all of them.
    pub fn stop(mut self) {
        self.0.abort_all();
    }
}

impl App {
    /// Starts the background tasks. A second call starts nothing.
    pub fn start(&self) -> BackgroundTasks {
        let mut tasks = JoinSet::new();
        let is_started = std::mem::replace(&mut *self.started.lock(), true);
        if !is_started {
            tasks.spawn(publish_changes(self.clone()));
            tasks.spawn(deliver_alerts(self.clone()));
            if self.auth.remote_keys().is_some() {
                let fetch = |app: &App| app.auth.remote_keys().map_or(Ok(()), RemoteKeys::fetch);
                tasks.spawn(fetch_again(self.clone(), "jwks", fetch));
            }
            if self.auth.oidc().is_some() {
                let fetch = |app: &App| app.auth.oidc().map_or(Ok(()), Oidc::refresh);
                tasks.spawn(fetch_again(self.clone(), "oidc", fetch));
            }
        }
        BackgroundTasks(tasks)
    }
}

/// From the watcher's changes to the event history.
async fn publish_changes(app: App) {
    let mut changes = app.dependencies.system.subscribe();
    loop {
        match changes.recv().await {
            Ok(change) => app.events.publish(&change),
            Err(broadcast::error::RecvError::Lagged(_)) => app.events.publish_reset(),
            Err(broadcast::error::RecvError::Closed) => return,
        }
    }
}

/// From the queue of alerts to the watcher, until the queue is closed.
async fn deliver_alerts(app: App) {
    let Some(mut groups) = app.alerts.take_receiver() else { return };
    while let Some(group) = groups.recv().await {
        let system = Arc::clone(&app.dependencies.system);
        let delivered = group.clone();
        let outcome = tokio::task::spawn_blocking(move || system.alert(&delivered)).await;
        let error = match outcome {
            Ok(Ok(())) => continue,
            Ok(Err(error)) => error.to_string(),
            Err(_) => "the watcher panicked".to_owned(),
        };
        app.alerts.forget(&group);
        if let Some(more) = app.alerts.may_log(app.now()) {
            warn!(target: "alert", group = group.key, error, more, "an alert was not delivered to the watcher");
        }
    }
}

/// Fetches something of an identity provider regularly.
async fn fetch_again(app: App, what: &'static str, fetch: fn(&App) -> Result<(), String>) {
    loop {
        let fetching = app.clone();
        let pause = match tokio::task::spawn_blocking(move || fetch(&fetching)).await {
            Ok(Ok(())) => FETCH_EVERY,
            Ok(Err(error)) => {
                warn!(target: "identity_provider", what, error, "the identity provider cannot be read");
                RETRY_AFTER
            }
            Err(_) => RETRY_AFTER,
        };
        tokio::time::sleep(pause).await;
    }
}
