//! Diagnoses on demand: queued, answered later or, with `wait=true`, as soon as they are there.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use schemars::JsonSchema;
use serde::Deserialize;

use super::answer::{fresh, tagged};
use super::body::{JsonBytes, Params, Segments};
use super::problem::Problem;
use super::state::App;
use super::system::DiagnoseRequest;
use super::targets;

/// How a diagnosis is answered.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WaitQuery {
    /// Whether to wait for the report, as long as a request may take.
    #[serde(default)]
    wait: bool,
}

/// `POST /api/v1/diagnoses`
pub(crate) async fn create(
    State(app): State<App>,
    Params(query): Params<WaitQuery>,
    body: JsonBytes,
) -> Result<Response, Problem> {
    let request: DiagnoseRequest = body.parse()?;
    targets::find(&app, &request.target).await?;
    if let Some(baseline) = request.baseline {
        targets::period("baseline", baseline.start, baseline.end)?;
    }
    let place = app.analyses.queue()?;
    let (number, job, mut finished) = app.jobs.add(request.clone(), app.now())?;
    tokio::spawn(run(app.clone(), number, request, place));
    if query.wait {
        // The rest of the time is for writing the answer.
        let limit = Duration::from_secs(app.limits().request_timeout_s).mul_f64(0.9);
        let _ = tokio::time::timeout(limit, finished.wait_for(|done| *done)).await;
    }
    let job = app.jobs.get(&job.id).unwrap_or(job);
    let location = format!("/api/v1/diagnoses/{}", job.id);
    let mut response = match (query.wait && *finished.borrow(), job.problem.clone()) {
        (true, Some(problem)) => return Err(problem),
        (true, None) => fresh(StatusCode::OK, &job)?,
        (false, _) => fresh(StatusCode::ACCEPTED, &job)?,
    };
    if let Ok(location) = HeaderValue::from_str(&location) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    Ok(response)
}

/// `GET /api/v1/diagnoses/{id}`
pub(crate) async fn get(
    State(app): State<App>,
    headers: HeaderMap,
    Segments(id): Segments<String>,
) -> Result<Response, Problem> {
    let missing = || Problem::not_found("diagnosis", &id).at("diagnosis, of which the last 128 are kept");
    tagged(&headers, &app.jobs.get(&id).ok_or_else(missing)?)
}

/// Waits for a free thread, diagnoses, and keeps the answer whether or not somebody waits for it.
async fn run(app: App, number: u64, request: DiagnoseRequest, place: super::pool::Place) {
    let slot = match app.analyses.slot(place).await {
        Ok(slot) => slot,
        Err(problem) => return app.jobs.finish(number, Err(problem)),
    };
    app.jobs.running(number);
    let system = Arc::clone(&app.parts.system);
    let answer = tokio::task::spawn_blocking(move || {
        let _slot = slot;
        system.diagnose(&request)
    });
    let result = match answer.await {
        Ok(result) => result.map_err(Problem::from),
        Err(_) => Err(Problem::internal("diagnosis")),
    };
    app.jobs.finish(number, result);
}
