//! Incidents: listed in pages, shown, confirmed; and as flat rows for dashboards.

use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use axum::response::Response;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub(super) use automap_core::incident::Incident;
use automap_core::incident::{IncidentState, Moment};
use automap_core::time::Timestamp;

use super::Api;
use super::answer::{Problem, json};
use crate::store::{Cursor, IncidentFilter, MAX_PAGE, StoreError};
use crate::watcher::{Clock, SystemClock};

/// Parameters of a listing.
pub(super) const QUERY: &[(&str, &str)] = &[
    ("target", "of this target only"),
    ("state", "open, recovering or closed"),
    ("cause", "with this service as named or confirmed cause"),
    ("since", "opened at or after (RFC 3339)"),
    ("until", "opened before (RFC 3339)"),
    ("limit", "at most so many, 1 to 200"),
    ("cursor", "`next` of the page before"),
];
/// Longest name of a confirmed service: that of a Kubernetes object.
const MAX_SERVICE: usize = 253;
/// Incidents behind flat causes.
const MAX_OPEN: usize = 50;

/// Parameters as they arrive.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Asked {
    target: Option<String>,
    state: Option<IncidentState>,
    cause: Option<String>,
    since: Option<String>,
    until: Option<String>,
    limit: Option<usize>,
    cursor: Option<String>,
}

/// A page of incidents.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Page {
    /// The latest opened first, without reports.
    incidents: Vec<Incident>,
    /// `cursor` of the next page; `null` on the last one.
    next: Option<String>,
}

/// What the cause was.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Confirmation {
    /// The service.
    service: String,
}

pub(super) async fn list(
    State(api): State<Api>,
    headers: HeaderMap,
    asked: Result<Query<Asked>, axum::extract::rejection::QueryRejection>,
) -> Result<Response, Problem> {
    let Query(asked) = asked.map_err(|e| Problem::new(400, "a parameter is wrong", e.body_text()))?;
    let instant = |name: &str, text: Option<&String>| match text.map(|t| (t, Timestamp::parse_rfc3339(t))) {
        None => Ok(None),
        Some((_, Some(at))) => Ok(Some(at)),
        Some((text, None)) => {
            Err(Problem::new(400, format!("{name}: '{text}' is not a time"), "write 2026-11-25T14:03:00Z"))
        }
    };
    let limit = asked.limit.unwrap_or(50);
    if limit == 0 || limit > MAX_PAGE {
        return Err(Problem::new(400, format!("limit: {limit}"), format!("write 1 to {MAX_PAGE}")));
    }
    let filter = IncidentFilter {
        target: asked.target.clone(),
        states: asked.state.into_iter().collect(),
        cause: asked.cause.clone(),
        since: instant("since", asked.since.as_ref())?,
        until: instant("until", asked.until.as_ref())?,
        after: asked.cursor.as_deref().map(read_cursor).transpose()?,
        limit,
    };
    let incidents = api.store.list(&filter)?;
    let next = incidents.last().filter(|_| incidents.len() == limit).map(write_cursor);
    Ok(json(&headers, &Page { incidents, next }))
}

pub(super) async fn one(
    State(api): State<Api>,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    Ok(json(&headers, &known(&api, &id)?))
}

pub(super) async fn report(
    State(api): State<Api>,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let report = known(&api, &id)?.report;
    let report =
        report.ok_or_else(|| Problem::new(404, format!("incident {id} has no diagnosis"), "ask again later"))?;
    Ok(json(&headers, &report))
}

pub(super) async fn confirm(
    State(api): State<Api>,
    headers: HeaderMap,
    Path(id): Path<String>,
    body: axum::body::Bytes,
) -> Result<Response, Problem> {
    let wrong =
        |e: serde_json::Error| Problem::new(400, format!("not a confirmation: {e}"), r#"send {"service": "…"}"#);
    let Confirmation { service } = serde_json::from_slice(&body).map_err(wrong)?;
    if service.is_empty() || service.len() > MAX_SERVICE || service.chars().any(char::is_control) {
        return Err(Problem::new(400, "service: not a name", "name the service that was the cause"));
    }
    let now = SystemClock.now();
    let mut incident = known(&api, &id)?;
    incident.confirmed = Some(service.clone());
    incident.note(now, Moment::Confirmed, format!("{service} was the cause"));
    incident.revision += 1;
    incident.updated = now;
    api.store.put(&incident, &[], now)?;
    api.feed.publish(&incident);
    Ok(json(&headers, &incident))
}

fn known(api: &Api, id: &str) -> Result<Incident, Problem> {
    let found = api.store.get(id)?;
    found.ok_or_else(|| Problem::new(404, format!("there is no incident '{id}'"), "/api/v1/incidents lists them"))
}

/// An incident as one row.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Row {
    id: String,
    target: String,
    state: &'static str,
    severity: &'static str,
    title: String,
    cause: Option<String>,
    mechanism: Option<String>,
    confidence: Option<f64>,
    confirmed: Option<String>,
    victims: String,
    onset: String,
    opened: String,
    closed: Option<String>,
    lasted_s: f64,
}

pub(super) async fn flat(State(api): State<Api>, headers: HeaderMap) -> Result<Response, Problem> {
    let now = SystemClock.now();
    let incidents = api.store.list(&IncidentFilter::default())?;
    let row = |i: Incident| Row {
        state: i.state.as_str(),
        severity: i.severity.as_str(),
        victims: i.victims.join(", "),
        onset: i.onset.rfc3339(),
        opened: i.opened.rfc3339(),
        closed: i.closed.map(Timestamp::rfc3339),
        lasted_s: (i.closed.unwrap_or(now).ms() - i.onset.ms()) as f64 / 1e3,
        mechanism: i.cause.as_ref().and_then(|c| c.mechanism.clone()),
        confidence: i.cause.as_ref().map(|c| c.confidence),
        cause: i.cause.map(|c| c.service),
        id: i.id,
        target: i.target,
        title: i.title,
        confirmed: i.confirmed,
    };
    Ok(json(&headers, &incidents.into_iter().map(row).collect::<Vec<_>>()))
}

/// A candidate as one row.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct CauseRow {
    incident: String,
    target: String,
    rank: usize,
    service: String,
    confidence: f64,
    onset: Option<String>,
    evidence: String,
}

pub(super) async fn flat_causes(State(api): State<Api>, headers: HeaderMap) -> Result<Response, Problem> {
    let states = vec![IncidentState::Open, IncidentState::Recovering];
    let open = api.store.list(&IncidentFilter { states, limit: MAX_OPEN, ..IncidentFilter::default() })?;
    let mut rows = Vec::new();
    for brief in open {
        let whole: Result<Option<Incident>, StoreError> = api.store.get(&brief.id);
        for cause in whole?.and_then(|i| i.report).map(|r| r.causes).unwrap_or_default() {
            rows.push(CauseRow {
                incident: brief.id.clone(),
                target: brief.target.clone(),
                rank: cause.rank,
                confidence: cause.confidence,
                onset: cause.onset,
                evidence: cause.evidence.first().map_or_else(String::new, |e| e.summary.clone()),
                service: cause.service,
            });
        }
    }
    Ok(json(&headers, &rows))
}

/// Opaque to clients: they only hand it back.
fn write_cursor(last: &Incident) -> String {
    let text = format!("{}:{}", last.opened.ms(), last.id);
    text.bytes().map(|b| format!("{b:02x}")).collect()
}

fn read_cursor(text: &str) -> Result<Cursor, Problem> {
    let read = || {
        let pairs: Vec<u8> =
            (0..text.len() / 2).map_while(|i| u8::from_str_radix(text.get(2 * i..2 * i + 2)?, 16).ok()).collect();
        let text = String::from_utf8(pairs).ok()?;
        let (ms, id) = text.split_once(':')?;
        Some(Cursor { opened: Timestamp::from_ms(ms.parse().ok()?), id: id.to_owned() })
    };
    read().ok_or_else(|| Problem::new(400, "cursor: not one of ours", "take `next` of the page before"))
}
