//! Incidents, causes and objectives as flat rows, for tables and panels: every field is a plain value, so that Grafana's Infinity data source
//! reads them without an expression.

use automap_core::incident::{Incident, IncidentState, Severity};
use automap_core::slo::SloStatus;
use automap_core::time::{Timestamp, as_rfc3339};
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use schemars::JsonSchema;
use serde::Serialize;

use crate::api::app::App;
use crate::api::http::extract::QueryParameters;
use crate::api::http::problem::Problem;
use crate::api::http::response::cacheable;
use crate::api::routes::incidents::IncidentQuery;
use crate::api::routes::route::Route;
use crate::store::MAX_PAGE;

/// Most incidents whose causes are listed: each needs another read of the store.
const MAX_REPORTS: usize = 50;
/// Most causes listed for one incident.
const MAX_CAUSES: usize = 10;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/api/v1/flat/incidents", "flatIncidents", "Incidents as rows of plain values", incidents)
            .query::<IncidentQuery>()
            .answers::<Vec<IncidentRow>>(200),
        Route::get("/api/v1/flat/causes", "flatCauses", "Possible causes of incidents as rows of plain values", causes)
            .query::<IncidentQuery>()
            .answers::<Vec<CauseRow>>(200),
        Route::get("/api/v1/flat/slos", "flatSlos", "Objectives of all targets as rows of plain values", slos)
            .answers::<Vec<SloRow>>(200),
    ]
}

/// An incident as a row.
#[derive(Debug, Serialize, JsonSchema)]
struct IncidentRow {
    id: String,
    target: String,
    state: IncidentState,
    severity: Severity,
    title: String,
    #[serde(with = "as_rfc3339")]
    #[schemars(with = "String")]
    onset: Timestamp,
    #[serde(with = "as_rfc3339")]
    #[schemars(with = "String")]
    opened: Timestamp,
    #[serde(with = "as_rfc3339::option")]
    #[schemars(with = "Option<String>")]
    closed: Option<Timestamp>,
    /// Seconds from the onset to the end; `null` while the incident is not closed.
    duration_s: Option<f64>,
    cause: Option<String>,
    mechanism: Option<String>,
    confidence: Option<f64>,
    confirmed: Option<String>,
    symptoms: usize,
    victims: usize,
    alerts: usize,
    reopened: u32,
}

/// A possible cause of an incident as a row.
#[derive(Debug, Serialize, JsonSchema)]
struct CauseRow {
    incident: String,
    target: String,
    #[serde(with = "as_rfc3339")]
    #[schemars(with = "String")]
    opened: Timestamp,
    rank: usize,
    service: String,
    score: f64,
    confidence: f64,
    #[serde(with = "as_rfc3339::option")]
    #[schemars(schema_with = "as_rfc3339::option::schema")]
    onset: Option<Timestamp>,
    /// What changed, as text, strongest evidence first.
    evidence: String,
}

/// `GET /api/v1/flat/incidents`
async fn incidents(
    State(app): State<App>,
    headers: HeaderMap,
    QueryParameters(query): QueryParameters<IncidentQuery>,
) -> Result<Response, Problem> {
    let filter = query.filter(MAX_PAGE)?;
    let incidents = app.read(move |store| store.list(&filter)).await?;
    cacheable(&headers, &incidents.into_iter().map(incident_row).collect::<Vec<_>>())
}

/// `GET /api/v1/flat/causes`
async fn causes(
    State(app): State<App>,
    headers: HeaderMap,
    QueryParameters(query): QueryParameters<IncidentQuery>,
) -> Result<Response, Problem> {
    let filter = query.filter(MAX_REPORTS)?;
    let read = app.read(move |store| {
        let mut rows = Vec::new();
        for listed in store.list(&filter)? {
            rows.extend(store.get(&listed.id)?.map(cause_rows).unwrap_or_default());
        }
        Ok(rows)
    });
    cacheable(&headers, &read.await?)
}

/// An objective as a row.
#[derive(Debug, Serialize, JsonSchema)]
struct SloRow {
    target: String,
    #[serde(flatten)]
    status: SloStatus,
}

/// `GET /api/v1/flat/slos`
async fn slos(State(app): State<App>, headers: HeaderMap) -> Result<Response, Problem> {
    let rows = app.ask(|system| {
        let of = |target: String| {
            let slos = system.slos(&target).unwrap_or_default();
            slos.iter().map(|s| SloRow { target: target.clone(), status: s.clone() }).collect::<Vec<_>>()
        };
        system.targets().into_iter().flat_map(|t| of(t.target)).collect::<Vec<_>>()
    });
    cacheable(&headers, &rows.await?)
}

fn incident_row(i: Incident) -> IncidentRow {
    let cause = i.cause.as_ref();
    IncidentRow {
        duration_s: i.closed.map(|end| (end.ms() - i.onset.ms()) as f64 / 1e3),
        mechanism: cause.and_then(|c| c.mechanism.clone()),
        confidence: cause.map(|c| c.confidence),
        cause: cause.map(|c| c.service.clone()),
        id: i.id,
        target: i.target,
        state: i.state,
        severity: i.severity,
        title: i.title,
        onset: i.onset,
        opened: i.opened,
        closed: i.closed,
        confirmed: i.confirmed,
        symptoms: i.symptoms.len(),
        victims: i.victims.len(),
        alerts: i.alerts.len() + i.alerts_omitted,
        reopened: i.reopened,
    }
}

fn cause_rows(incident: Incident) -> Vec<CauseRow> {
    let Incident { id, target, opened, report, .. } = incident;
    let causes = report.map(|r| r.causes).unwrap_or_default();
    let row = |c: automap_core::report::Cause| CauseRow {
        incident: id.clone(),
        target: target.clone(),
        opened,
        rank: c.rank,
        evidence: c.evidence.iter().map(|e| e.summary.as_str()).collect::<Vec<_>>().join("; "),
        service: c.service,
        score: c.score,
        confidence: c.confidence,
        onset: c.onset,
    };
    causes.into_iter().take(MAX_CAUSES).map(row).collect()
}
