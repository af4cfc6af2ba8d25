//! Alerts come in, are answered at once, and go to the watcher one group at a time.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use parking_lot::Mutex;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use tracing::warn;

use super::alerts::parse::{ParseError, parse};
use super::alerts::seen::Seen;
use super::alerts::{AlertGroup, AlertSender};
use super::answer::fresh;
use super::body::{JsonBytes, Params};
use super::problem::Problem;
use super::state::App;

/// Seconds after which another try makes sense when the queue is full.
const RETRY_AFTER_S: u64 = 10;

/// Groups that wait for the watcher.
#[derive(Debug)]
pub(crate) struct Inbox {
    to: mpsc::Sender<AlertGroup>,
    from: Mutex<Option<mpsc::Receiver<AlertGroup>>>,
    seen: Mutex<Seen>,
}

/// What became of a webhook.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Taken {
    /// Alerts that go to the watcher.
    taken: usize,
    /// Alerts that were told before.
    repeated: usize,
    /// Alerts that the sender or automap left out.
    left_out: u64,
}

/// Parameters of a webhook's address.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AlertQuery {
    /// The target that the alerts are about; left out: found from their labels.
    target: Option<String>,
}

impl Inbox {
    pub(crate) fn new(most: usize) -> Self {
        let (to, from) = mpsc::channel(most);
        Self { to, from: Mutex::new(Some(from)), seen: Mutex::default() }
    }

    /// Queues what is new of a group. Only what was queued is remembered: a refused group is news when it comes again.
    fn put(&self, mut group: AlertGroup) -> Result<Taken, Problem> {
        let mut seen = self.seen.lock();
        let all = group.alerts.len();
        group.alerts.retain(|a| seen.is_news(&group.key, a));
        let taken = Taken { taken: group.alerts.len(), repeated: all - group.alerts.len(), left_out: group.left_out };
        if group.alerts.is_empty() {
            return Ok(taken);
        }
        // Alertmanager gives up after a 4xx, 429 included, and repeats after a 5xx: a full queue must not lose alerts.
        let full = |_| {
            let mut problem = Problem::unavailable("alerts", "the queue of alerts is full");
            problem.retry_after_s = Some(RETRY_AFTER_S);
            problem
        };
        let place = self.to.try_reserve().map_err(full)?;
        seen.remember(&group);
        place.send(group);
        Ok(taken)
    }
}

/// `POST /api/v1/alerts/alertmanager`
pub(crate) async fn alertmanager(
    State(app): State<App>,
    Params(query): Params<AlertQuery>,
    body: JsonBytes,
) -> Result<Response, Problem> {
    receive(&app, query, &body, AlertSender::Alertmanager).await
}

/// `POST /api/v1/alerts/grafana`
pub(crate) async fn grafana(
    State(app): State<App>,
    Params(query): Params<AlertQuery>,
    body: JsonBytes,
) -> Result<Response, Problem> {
    receive(&app, query, &body, AlertSender::Grafana).await
}

async fn receive(app: &App, query: AlertQuery, body: &JsonBytes, sender: AlertSender) -> Result<Response, Problem> {
    let mut group = parse(&body.0, sender).map_err(|ParseError { place, reason }| {
        Problem::bad_request(place, reason, "send the webhook of Alertmanager (version 4) or Grafana unchanged")
    })?;
    if let Some(target) = query.target {
        let name = target.clone();
        if !app.ask(move |s| s.targets().iter().any(|t| t.target == name)).await? {
            return Err(Problem::not_found("target", &target));
        }
        group.target = Some(target);
    }
    fresh(StatusCode::ACCEPTED, &app.inbox.put(group)?)
}

/// From the queue to the watcher, until the queue is closed.
pub(crate) async fn deliver(app: App) {
    let receiver = app.inbox.from.lock().take();
    let Some(mut groups) = receiver else { return };
    while let Some(group) = groups.recv().await {
        let system = Arc::clone(&app.parts.system);
        let told = group.clone();
        let told = tokio::task::spawn_blocking(move || system.alert(&told)).await;
        let error = match told {
            Ok(Ok(())) => continue,
            Ok(Err(error)) => error.to_string(),
            Err(_) => "the watcher panicked".to_owned(),
        };
        app.inbox.seen.lock().forget(&group);
        warn!(target: "alert", group = group.key, error, "an alert was not delivered to the watcher");
    }
}
