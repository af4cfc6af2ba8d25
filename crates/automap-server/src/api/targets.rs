//! Targets: how they are watched, what is the matter with them now, and alerts about them.

use automap_core::time::Timestamp;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Api;
use super::answer::{Problem, json};
use crate::board::Seen;
use crate::inbox::Group;
pub(super) use crate::watcher::TargetStatus;
use crate::watcher::{Clock, SystemClock};

/// Ask for a diagnosis of a configured target.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DiagnoseRequest {
    /// The target's name in the configuration.
    pub target: String,
    /// When the incident began (RFC 3339). Unset: found in the data.
    #[serde(default)]
    pub incident_start: Option<String>,
    /// How far back to look, in seconds; 3,600 if unset, a day at most.
    #[serde(default)]
    pub since_s: Option<i64>,
}

/// What became of a group of alerts.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Accepted {
    /// Alerts that fire and were not known.
    new: usize,
    /// Alerts that were known.
    known: usize,
    /// Alerts that ended.
    resolved: usize,
    /// Alerts of no target of ours.
    strange: usize,
}

pub(super) async fn list(State(api): State<Api>, headers: HeaderMap) -> Response {
    json(&headers, &api.board.all().into_iter().map(|seen| seen.status).collect::<Vec<_>>())
}

pub(super) async fn one(
    State(api): State<Api>,
    headers: HeaderMap,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    Ok(json(&headers, &known(&api, &name)?.status))
}

pub(super) async fn report(
    State(api): State<Api>,
    headers: HeaderMap,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    let seen = known(&api, &name)?;
    let missing = || Problem::new(404, format!("{name} was not judged yet"), seen.status.summary.clone());
    Ok(json(&headers, &*seen.report.clone().ok_or_else(missing)?))
}

/// Blocking work on a thread of its own, a few at once; more are asked to come again.
pub(super) async fn diagnose(State(api): State<Api>, headers: HeaderMap, body: Bytes) -> Result<Response, Problem> {
    let wrong = |e: serde_json::Error| {
        Problem::new(400, format!("not a request for a diagnosis: {e}"), r#"send {"target": "…"}"#)
    };
    let request: DiagnoseRequest = serde_json::from_slice(&body).map_err(wrong)?;
    if let Some(start) = request.incident_start.as_deref().filter(|s| Timestamp::parse_rfc3339(s).is_none()) {
        let title = format!("incident_start: '{start}' is not a time");
        return Err(Problem::new(400, title, "write 2026-11-25T14:03:00Z"));
    }
    if request.since_s.is_some_and(|s| !(60..=86_400).contains(&s)) {
        return Err(Problem::new(400, "since_s is out of range", "write 60 to 86400"));
    }
    known(&api, &request.target)?;
    let Ok(room) = api.room.clone().try_acquire_owned() else {
        return Err(Problem::new(429, "enough diagnoses are under way", "ask again in a few seconds"));
    };
    let work = api.diagnose.clone();
    let done = tokio::task::spawn_blocking(move || {
        let report = work(&request);
        drop(room);
        report
    });
    let report = done.await.map_err(|_| Problem::new(500, "the diagnosis ended early", "this is a bug"))??;
    Ok(json(&headers, &report))
}

pub(super) async fn alerts(State(api): State<Api>, body: Bytes) -> Result<Response, Problem> {
    let group =
        Group::parse(&body).map_err(|e| Problem::new(400, e, "send what Alertmanager's webhook_configs send"))?;
    let taken = api.inbox.take(&group, SystemClock.now());
    if taken.dropped > 0 {
        return Err(Problem::new(429, format!("no room for {} alerts", taken.dropped), "send them again later"));
    }
    let (new, known, resolved, strange) = (taken.new, taken.known, taken.resolved, taken.strange);
    Ok((StatusCode::ACCEPTED, axum::Json(Accepted { new, known, resolved, strange })).into_response())
}

fn known(api: &Api, name: &str) -> Result<Seen, Problem> {
    let found = api.board.get(name);
    found.ok_or_else(|| Problem::new(404, format!("there is no target '{name}'"), "/api/v1/targets lists them"))
}
