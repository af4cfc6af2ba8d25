//! Incidents: list, read, explain, confirm. Lists and reports come from the store; the service map and explanations need the metrics again
//! and are computed on request.

use automap_core::explain::Explanation;
use automap_core::incident::{Incident, IncidentState, MAX_TIMELINE, TimelineEntry};
use automap_core::report::Report;
use automap_core::service_map::ServiceMap;
use automap_core::time::{Timestamp, as_rfc3339};
use axum::Extension;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tracing::info;

use crate::api::app::App;
use crate::api::http::cursor;
use crate::api::http::extract::{JsonBytes, PathParameters, QueryParameters};
use crate::api::http::problem::Problem;
use crate::api::http::response::{cacheable, uncached};
use crate::api::routes::route::Route;
use crate::auth::{Identity, Role};
use crate::store::{Cursor, IncidentFilter, MAX_PAGE};
use crate::system::{Experiment, questions};

/// Incidents of a page when the request does not say how many.
const DEFAULT_PAGE: usize = 50;

pub(super) fn routes() -> Vec<Route> {
    const REPORT: &str = "The latest diagnosis of an incident";
    const TIMELINE: &str = "What happened to an incident, in order";
    const EXPERIMENTS: &str = "Chaos experiments that ran during an incident; no diagnosis sees them";
    const CONFIRM: &str = "Confirm which service was the root cause";
    const NOTE: &str = "Add a note to an incident's timeline";
    vec![
        Route::get("/api/v1/incidents", "listIncidents", questions::LIST_INCIDENTS, list)
            .query::<IncidentQuery>()
            .answers::<IncidentPage>(200),
        Route::get("/api/v1/incidents/{id}", "getIncident", questions::GET_INCIDENT, get).answers::<Incident>(200),
        Route::get("/api/v1/incidents/{id}/report", "getIncidentReport", REPORT, report).answers::<Report>(200),
        Route::get("/api/v1/incidents/{id}/timeline", "getIncidentTimeline", TIMELINE, timeline)
            .answers::<Timeline>(200),
        Route::get("/api/v1/incidents/{id}/graph", "getIncidentGraph", questions::SERVICE_MAP, service_map)
            .answers::<ServiceMap>(200),
        Route::get("/api/v1/incidents/{id}/explain/{service}", "explainService", questions::EXPLAIN, explain)
            .answers::<Explanation>(200),
        Route::get("/api/v1/incidents/{id}/experiments", "getExperiments", EXPERIMENTS, experiments)
            .answers::<Experiments>(200),
        Route::post("/api/v1/incidents/{id}/confirm", "confirmCause", CONFIRM, confirm)
            .role(Role::Operator)
            .body::<Confirmation>()
            .answers::<Incident>(200),
        Route::post("/api/v1/incidents/{id}/notes", "addNote", NOTE, note)
            .role(Role::Operator)
            .body::<NewNote>()
            .answers::<Incident>(200),
    ]
}

/// Which incidents to list.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct IncidentQuery {
    /// Only incidents of this target.
    target: Option<String>,
    /// Only incidents in these states, separated by commas: `open,recovering`, `closed`.
    #[schemars(extend("pattern" = "^((open|recovering|closed)(,(open|recovering|closed))*)?$"))]
    state: Option<String>,
    /// Only incidents with this cause, named by automap or confirmed by a user.
    cause: Option<String>,
    /// Only incidents opened at or after this time (RFC 3339).
    #[serde(default, with = "as_rfc3339::option")]
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    since: Option<Timestamp>,
    /// Only incidents opened before this time (RFC 3339).
    #[serde(default, with = "as_rfc3339::option")]
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    until: Option<Timestamp>,
    /// `next` of the previous page.
    after: Option<String>,
    /// Most incidents on the page; 50 when left out.
    #[schemars(range(min = 1, max = 200))]
    limit: Option<usize>,
}

/// A page of incidents, the latest opened first, without their reports.
#[derive(Debug, Serialize, JsonSchema)]
struct IncidentPage {
    /// The incidents.
    incidents: Vec<Incident>,
    /// The value of `after` for the next page; `null` on the last one.
    next: Option<String>,
}

/// What happened to an incident, in order.
#[derive(Debug, Serialize, JsonSchema)]
struct Timeline {
    /// The incident's id.
    incident: String,
    /// The entries, oldest first.
    entries: Vec<TimelineEntry>,
}

/// Experiments that ran while an incident was open.
#[derive(Debug, Serialize, JsonSchema)]
struct Experiments {
    /// The incident's id.
    incident: String,
    /// The experiments, in the order they began.
    experiments: Vec<Experiment>,
}

/// The service that was the cause, as the caller states it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Confirmation {
    /// The name of the service.
    #[schemars(length(min = 1, max = 253))]
    service: String,
}

/// What somebody wants to be remembered of an incident.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NewNote {
    /// Plain text, in one or more lines.
    #[schemars(length(min = 1, max = 1000))]
    text: String,
}

/// Longest note, in characters.
const MAX_NOTE_CHARS: usize = 1000;

/// Longest name of a service in a confirmation.
const MAX_SERVICE_BYTES: usize = 253;

impl IncidentQuery {
    pub(super) fn filter(self, max: usize) -> Result<IncidentFilter, Problem> {
        let limit = self.limit.unwrap_or(DEFAULT_PAGE.min(max));
        if limit == 0 || limit > max {
            let detail = format!("{limit} is not within 1 to {max}");
            return Err(Problem::bad_request(
                "query parameter limit",
                detail,
                "ask for fewer and continue with `after`",
            ));
        }
        Ok(IncidentFilter {
            target: self.target,
            states: states(self.state.as_deref().unwrap_or_default())?,
            cause: self.cause,
            since: self.since,
            until: self.until,
            after: self.after.as_deref().map(cursor::decode).transpose()?,
            limit,
        })
    }
}

fn states(text: &str) -> Result<Vec<IncidentState>, Problem> {
    let state = |name: &str| match name {
        "open" => Ok(IncidentState::Open),
        "recovering" => Ok(IncidentState::Recovering),
        "closed" => Ok(IncidentState::Closed),
        other => {
            let detail = format!("{other:?} is not a state");
            Err(Problem::bad_request(
                "query parameter state",
                detail,
                "use open, recovering or closed, or several of them separated by commas",
            ))
        }
    };
    let mut states: Vec<_> = text.split(',').filter(|w| !w.is_empty()).map(state).collect::<Result<_, _>>()?;
    states.sort_unstable();
    states.dedup();
    Ok(states)
}

/// `GET /api/v1/incidents`
async fn list(
    State(app): State<App>,
    headers: HeaderMap,
    QueryParameters(query): QueryParameters<IncidentQuery>,
) -> Result<Response, Problem> {
    let filter = query.filter(MAX_PAGE)?;
    let limit = filter.limit;
    let incidents = app.read(move |store| store.list(&filter)).await?;
    let last = incidents.last().filter(|_| incidents.len() >= limit);
    let next = last.map(|i| cursor::encode(&Cursor { opened: i.opened, id: i.id.clone() }));
    cacheable(&headers, &IncidentPage { incidents, next })
}

/// `GET /api/v1/incidents/{id}`
async fn get(
    State(app): State<App>,
    headers: HeaderMap,
    PathParameters(id): PathParameters<String>,
) -> Result<Response, Problem> {
    cacheable(&headers, &find(&app, id).await?)
}

/// `GET /api/v1/incidents/{id}/report`
async fn report(
    State(app): State<App>,
    headers: HeaderMap,
    PathParameters(id): PathParameters<String>,
) -> Result<Response, Problem> {
    let report = find(&app, id.clone()).await?.report;
    cacheable(&headers, &report.ok_or_else(|| Problem::not_found("report of incident", &id))?)
}

/// `GET /api/v1/incidents/{id}/timeline`
async fn timeline(
    State(app): State<App>,
    headers: HeaderMap,
    PathParameters(id): PathParameters<String>,
) -> Result<Response, Problem> {
    let mut incident = find(&app, id).await?;
    incident.timeline.truncate(MAX_TIMELINE);
    cacheable(&headers, &Timeline { incident: incident.id, entries: incident.timeline })
}

/// `GET /api/v1/incidents/{id}/graph`
async fn service_map(
    State(app): State<App>,
    headers: HeaderMap,
    PathParameters(id): PathParameters<String>,
) -> Result<Response, Problem> {
    cacheable(&headers, &app.analyse(move |system| system.service_map(&id)).await??)
}

/// `GET /api/v1/incidents/{id}/explain/{service}`
async fn explain(
    State(app): State<App>,
    headers: HeaderMap,
    PathParameters((id, service)): PathParameters<(String, String)>,
) -> Result<Response, Problem> {
    cacheable(&headers, &app.analyse(move |system| system.explain(&id, &service)).await??)
}

/// `GET /api/v1/incidents/{id}/experiments`
async fn experiments(
    State(app): State<App>,
    headers: HeaderMap,
    PathParameters(id): PathParameters<String>,
) -> Result<Response, Problem> {
    let incident = id.clone();
    let experiments = app.ask(move |system| system.experiments(&id)).await??;
    cacheable(&headers, &Experiments { incident, experiments })
}

/// `POST /api/v1/incidents/{id}/confirm`
async fn confirm(
    State(app): State<App>,
    Extension(who): Extension<Identity>,
    PathParameters(id): PathParameters<String>,
    body: JsonBytes,
) -> Result<Response, Problem> {
    let Confirmation { service } = body.parse()?;
    if service.is_empty() || service.len() > MAX_SERVICE_BYTES {
        let next = "name a service as the incident's report spells it";
        return Err(Problem::bad_request("body, field service", "it must have 1 to 253 bytes", next));
    }
    let audit = (id.clone(), service.clone(), who.name.clone());
    let incident = app.ask(move |system| system.confirm(&id, &service, &who.name)).await??;
    let (id, service, user) = audit;
    info!(target: "confirmed", incident = id, service, user, "a cause was confirmed");
    uncached(StatusCode::OK, &incident)
}

/// `POST /api/v1/incidents/{id}/notes`
async fn note(
    State(app): State<App>,
    Extension(who): Extension<Identity>,
    PathParameters(id): PathParameters<String>,
    body: JsonBytes,
) -> Result<Response, Problem> {
    let NewNote { text } = body.parse()?;
    if text.trim().is_empty() || text.chars().count() > MAX_NOTE_CHARS {
        let next = "write something, and put what is longer behind a link";
        return Err(Problem::bad_request("body, field text", "it must have 1 to 1000 characters", next));
    }
    let audit = (id.clone(), who.name.clone());
    let incident = app.ask(move |system| system.note(&id, text.trim(), &who.name)).await??;
    let (id, user) = audit;
    info!(target: "noted", incident = id, user, "a note was added");
    uncached(StatusCode::OK, &incident)
}

async fn find(app: &App, id: String) -> Result<Incident, Problem> {
    let wanted = id.clone();
    app.read(move |store| store.get(&wanted)).await?.ok_or_else(|| Problem::not_found("incident", &id))
}
