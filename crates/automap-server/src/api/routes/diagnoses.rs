//! Diagnoses on demand: queued and answered with a job that can be fetched later or, with `wait=true`, with the finished report.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::api::app::App;
use crate::api::http::extract::{JsonBytes, PathParameters, QueryParameters};
use crate::api::http::problem::Problem;
use crate::api::http::response::{cacheable, uncached};
use crate::api::limits::worker_pool::QueueSlot;
use crate::api::routes::route::Route;
use crate::api::routes::targets::{check_period, find};
use crate::api::state::diagnosis_jobs::{Job, MAX_JOBS};
use crate::auth::Role;
use crate::system::{DiagnoseRequest, questions};

/// How a diagnosis is answered.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct WaitQuery {
    /// Whether to wait for the report, for at most the time that a request may take.
    #[serde(default)]
    wait: bool,
}

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::post("/api/v1/diagnoses", "createDiagnosis", questions::DIAGNOSE, create)
            .role(Role::Operator)
            .query::<WaitQuery>()
            .body::<DiagnoseRequest>()
            .answers::<Job>(200)
            .answers::<Job>(202),
        Route::get("/api/v1/diagnoses/{id}", "getDiagnosis", "The state of a diagnosis, and its report", get)
            .answers::<Job>(200),
    ]
}

/// `POST /api/v1/diagnoses`
async fn create(
    State(app): State<App>,
    QueryParameters(query): QueryParameters<WaitQuery>,
    body: JsonBytes,
) -> Result<Response, Problem> {
    let request: DiagnoseRequest = body.parse()?;
    find(&app, &request.target).await?;
    if let Some(baseline) = request.baseline {
        check_period("baseline", baseline.start, baseline.end)?;
    }
    let queued = app.analyses.enqueue()?;
    let (number, job, mut finished) = app.jobs.add(request.clone(), app.now())?;
    tokio::spawn(run(app.clone(), number, request, queued));
    if query.wait {
        // The remaining tenth of the time is for writing the answer.
        let limit = Duration::from_secs(app.limits().request_timeout_s).mul_f64(0.9);
        let _ = tokio::time::timeout(limit, finished.wait_for(|done| *done)).await;
    }
    let job = app.jobs.get(&job.id).unwrap_or(job);
    let location = format!("/api/v1/diagnoses/{}", job.id);
    let mut response = match (query.wait && *finished.borrow(), job.problem.clone()) {
        (true, Some(problem)) => return Err(problem),
        (true, None) => uncached(StatusCode::OK, &job)?,
        (false, _) => uncached(StatusCode::ACCEPTED, &job)?,
    };
    if let Ok(location) = HeaderValue::from_str(&location) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    Ok(response)
}

/// `GET /api/v1/diagnoses/{id}`
async fn get(
    State(app): State<App>,
    headers: HeaderMap,
    PathParameters(id): PathParameters<String>,
) -> Result<Response, Problem> {
    let missing = || Problem::not_found("diagnosis", &id).at(format!("diagnosis; the latest {MAX_JOBS} are kept"));
    cacheable(&headers, &app.jobs.get(&id).ok_or_else(missing)?)
}

/// Waits for a free thread, diagnoses, and keeps the result whether or not the client still waits for it.
async fn run(app: App, number: u64, request: DiagnoseRequest, queued: QueueSlot) {
    let thread = match app.analyses.thread(queued).await {
        Ok(thread) => thread,
        Err(problem) => return app.jobs.finish(number, Err(problem)),
    };
    app.jobs.mark_running(number);
    let system = Arc::clone(&app.dependencies.system);
    let answer = tokio::task::spawn_blocking(move || {
        let _thread = thread;
        system.diagnose(&request)
    });
    let result = match answer.await {
        Ok(result) => result.map_err(Problem::from),
        Err(_) => Err(Problem::internal("diagnosis")),
    };
    app.jobs.finish(number, result);
}
