//! Webhooks of Alertmanager and Grafana: parsed, matched with targets, answered at once, and queued for the watcher.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use schemars::JsonSchema;
use serde::Deserialize;
use tracing::warn;

use crate::alerts::AlertSender;
use crate::alerts::webhook::parse;
use crate::alerts::webhook_fields::ParseError;
use crate::alerts::webhook_fields::WebhookBody;
use crate::api::app::App;
use crate::api::http::extract::{JsonBytes, QueryParameters};
use crate::api::http::problem::Problem;
use crate::api::http::response::uncached;
use crate::api::routes::route::Route;
use crate::api::state::alert_queue::{AlertReceipt, QueueFull};
use crate::auth::Role;

/// Seconds after which another try makes sense when the queue is full.
const RETRY_AFTER_S: u64 = 10;

/// Parameters of a webhook's address.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct AlertQuery {
    /// The target that the alerts belong to; left out: derived from their labels.
    target: Option<String>,
}

pub(super) fn routes() -> Vec<Route> {
    let path = "/api/v1/alerts/alertmanager";
    let alertmanager = Route::post(path, "alertmanagerWebhook", "Receives Alertmanager's webhook", alertmanager);
    let path = "/api/v1/alerts/grafana";
    let grafana = Route::post(path, "grafanaWebhook", "Receives Grafana's webhook", grafana);
    let webhooks = [alertmanager, grafana].into_iter();
    webhooks
        .map(|r| r.role(Role::Alerts).query::<AlertQuery>().body::<WebhookBody>().answers::<AlertReceipt>(202))
        .collect()
}

/// `POST /api/v1/alerts/alertmanager`
async fn alertmanager(
    State(app): State<App>,
    QueryParameters(query): QueryParameters<AlertQuery>,
    body: JsonBytes,
) -> Result<Response, Problem> {
    receive(&app, query, &body, AlertSender::Alertmanager).await
}

/// `POST /api/v1/alerts/grafana`
async fn grafana(
    State(app): State<App>,
    QueryParameters(query): QueryParameters<AlertQuery>,
    body: JsonBytes,
) -> Result<Response, Problem> {
    receive(&app, query, &body, AlertSender::Grafana).await
}

async fn receive(app: &App, query: AlertQuery, body: &JsonBytes, sender: AlertSender) -> Result<Response, Problem> {
    let mut group = parse(&body.0, sender, app.now()).map_err(|ParseError { place, reason }| {
        Problem::bad_request(
            place,
            reason,
            "send the webhook of Alertmanager (version 4) or Grafana unchanged, or Alertmanager's list of alerts",
        )
    })?;
    if let Some(target) = query.target {
        let name = target.clone();
        if !app.ask(move |s| s.targets().iter().any(|t| t.target == name)).await? {
            return Err(Problem::not_found("target", &target));
        }
        group.target = Some(target);
    }
    // Alertmanager gives up after a 4xx, 429 included, and repeats after a 5xx: a full queue must not lose alerts.
    let targets = app.ask(|s| s.alert_targets()).await?;
    let receipt = app.alerts.push(&mut group, &targets).map_err(|QueueFull| {
        let mut problem = Problem::unavailable("alerts", "the queue of alerts is full");
        problem.retry_after_s = Some(RETRY_AFTER_S);
        problem
    })?;
    if !group.alerts.is_empty() {
        let kept = group.clone();
        let outcome = app.ask(move |s| s.keep_alerts(&kept)).await;
        if let Err(problem) = outcome.and_then(|kept| kept.map_err(Problem::from)) {
            // They count as new when they come again.
            app.alerts.forget(&group);
            return Err(problem);
        }
    }
    if let Some((ignored, reason)) = receipt.ignored()
        && let Some(more) = app.alerts.may_log(app.now())
    {
        warn!(target: "alert", ignored, reason, more, "alerts have no effect");
    }
    uncached(StatusCode::ACCEPTED, &receipt)
}
