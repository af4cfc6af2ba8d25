//! Incidents: listed, read, confirmed.

use automap_core::incident::{Incident, IncidentState, MAX_TIMELINE, TimelineEntry};
use automap_core::time::{Timestamp, as_rfc3339};
use axum::Extension;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tracing::info;

use super::answer::{fresh, tagged};
use super::body::{JsonBytes, Params, Segments};
use super::cursor;
use super::problem::Problem;
use super::state::App;
use crate::auth::Identity;
use crate::store::{Cursor, IncidentFilter, MAX_PAGE};

/// Incidents of a page when nobody says how many.
const DEFAULT_PAGE: usize = 50;

/// Which incidents.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct IncidentQuery {
    /// Of this target only.
    pub(crate) target: Option<String>,
    /// In these states only, separated by commas: `open,recovering`, `closed`.
    #[schemars(extend("pattern" = "^((open|recovering|closed)(,(open|recovering|closed))*)?$"))]
    pub(crate) state: Option<String>,
    /// With this cause, named or confirmed.
    pub(crate) cause: Option<String>,
    /// Opened at or after, RFC 3339.
    #[serde(default, with = "as_rfc3339::option")]
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub(crate) since: Option<Timestamp>,
    /// Opened before, RFC 3339.
    #[serde(default, with = "as_rfc3339::option")]
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub(crate) until: Option<Timestamp>,
    /// `next` of the page before.
    pub(crate) after: Option<String>,
    /// Most incidents of the page; 50 when left out.
    #[schemars(range(min = 1, max = 200))]
    pub(crate) limit: Option<usize>,
}

/// A page of incidents, the latest opened first, without their reports.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct IncidentPage {
    /// The incidents.
    pub(crate) incidents: Vec<Incident>,
    /// What `after` has to be for the next page; `null` on the last one.
    pub(crate) next: Option<String>,
}

/// What was known when.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Timeline {
    /// Which incident.
    incident: String,
    /// The moments, oldest first.
    entries: Vec<TimelineEntry>,
}

/// What somebody says was the cause.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Confirmation {
    /// The service.
    #[schemars(length(min = 1, max = 253))]
    service: String,
}

/// Longest name of a service in a confirmation.
const MAX_SERVICE: usize = 253;

impl IncidentQuery {
    pub(crate) fn filter(self, most: usize) -> Result<IncidentFilter, Problem> {
        let limit = self.limit.unwrap_or(DEFAULT_PAGE.min(most));
        if limit == 0 || limit > most {
            let detail = format!("{limit} is not within 1 to {most}");
            return Err(Problem::bad_request("query parameter limit", detail, "ask for less and go on with `after`"));
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

fn states(words: &str) -> Result<Vec<IncidentState>, Problem> {
    let word = |word: &str| match word {
        "open" => Ok(IncidentState::Open),
        "recovering" => Ok(IncidentState::Recovering),
        "closed" => Ok(IncidentState::Closed),
        other => {
            let detail = format!("{other:?} is no state");
            Err(Problem::bad_request("query parameter state", detail, "use open, recovering, closed or several"))
        }
    };
    let mut states: Vec<_> = words.split(',').filter(|w| !w.is_empty()).map(word).collect::<Result<_, _>>()?;
    states.sort_unstable();
    states.dedup();
    Ok(states)
}

/// `GET /api/v1/incidents`
pub(crate) async fn list(
    State(app): State<App>,
    headers: HeaderMap,
    Params(query): Params<IncidentQuery>,
) -> Result<Response, Problem> {
    let filter = query.filter(MAX_PAGE)?;
    let limit = filter.limit;
    let incidents = app.read(move |store| store.list(&filter)).await?;
    let last = incidents.last().filter(|_| incidents.len() >= limit);
    let next = last.map(|i| cursor::encode(&Cursor { opened: i.opened, id: i.id.clone() }));
    tagged(&headers, &IncidentPage { incidents, next })
}

/// `GET /api/v1/incidents/{id}`
pub(crate) async fn get(
    State(app): State<App>,
    headers: HeaderMap,
    Segments(id): Segments<String>,
) -> Result<Response, Problem> {
    tagged(&headers, &find(&app, id).await?)
}

/// `GET /api/v1/incidents/{id}/report`
pub(crate) async fn report(
    State(app): State<App>,
    headers: HeaderMap,
    Segments(id): Segments<String>,
) -> Result<Response, Problem> {
    let report = find(&app, id.clone()).await?.report;
    tagged(&headers, &report.ok_or_else(|| Problem::not_found("report of incident", &id))?)
}

/// `GET /api/v1/incidents/{id}/timeline`
pub(crate) async fn timeline(
    State(app): State<App>,
    headers: HeaderMap,
    Segments(id): Segments<String>,
) -> Result<Response, Problem> {
    let mut incident = find(&app, id).await?;
    incident.timeline.truncate(MAX_TIMELINE);
    tagged(&headers, &Timeline { incident: incident.id, entries: incident.timeline })
}

/// `GET /api/v1/incidents/{id}/graph`
pub(crate) async fn graph(
    State(app): State<App>,
    headers: HeaderMap,
    Segments(id): Segments<String>,
) -> Result<Response, Problem> {
    tagged(&headers, &app.analyse(move |system| system.graph(&id)).await??)
}

/// `GET /api/v1/incidents/{id}/explain/{service}`
pub(crate) async fn explain(
    State(app): State<App>,
    headers: HeaderMap,
    Segments((id, service)): Segments<(String, String)>,
) -> Result<Response, Problem> {
    tagged(&headers, &app.analyse(move |system| system.explain(&id, &service)).await??)
}

/// `POST /api/v1/incidents/{id}/confirm`
pub(crate) async fn confirm(
    State(app): State<App>,
    Extension(who): Extension<Identity>,
    Segments(id): Segments<String>,
    body: JsonBytes,
) -> Result<Response, Problem> {
    let Confirmation { service } = body.parse()?;
    if service.is_empty() || service.len() > MAX_SERVICE {
        let next = "name a service as the incident's report does";
        return Err(Problem::bad_request("body, field service", "it has not 1 to 253 bytes", next));
    }
    let audit = (id.clone(), service.clone(), who.name.clone());
    let incident = app.ask(move |system| system.confirm(&id, &service, &who.name)).await??;
    let (id, service, user) = audit;
    info!(target: "confirmed", incident = id, service, user, "a cause was confirmed");
    fresh(StatusCode::OK, &incident)
}

async fn find(app: &App, id: String) -> Result<Incident, Problem> {
    let wanted = id.clone();
    app.read(move |store| store.get(&wanted)).await?.ok_or_else(|| Problem::not_found("incident", &id))
}
