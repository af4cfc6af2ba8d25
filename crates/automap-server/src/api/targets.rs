//! Targets: how they are, what is seen of them, and what differs between two periods.

use std::sync::Arc;

use automap_core::report::Report;
use automap_core::slo::SloStatus;
use automap_core::time::{Timestamp, as_rfc3339};
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::answer::tagged;
use super::body::{Params, Segments};
use super::problem::Problem;
use super::state::App;
use super::system::{CompareRequest, Period, ServiceStatus};
use crate::watcher::TargetStatus;

/// All targets.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Targets {
    /// By name.
    targets: Vec<TargetStatus>,
}

/// The services of a target.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Services {
    /// The target.
    target: String,
    /// By name.
    services: Vec<ServiceStatus>,
}

/// Two periods, RFC 3339 each.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CompareQuery {
    /// Start of the earlier period.
    #[serde(with = "as_rfc3339")]
    #[schemars(with = "String", extend("format" = "date-time"))]
    before_start: Timestamp,
    /// Its end.
    #[serde(with = "as_rfc3339")]
    #[schemars(with = "String", extend("format" = "date-time"))]
    before_end: Timestamp,
    /// Start of the later period.
    #[serde(with = "as_rfc3339")]
    #[schemars(with = "String", extend("format" = "date-time"))]
    after_start: Timestamp,
    /// Its end.
    #[serde(with = "as_rfc3339")]
    #[schemars(with = "String", extend("format" = "date-time"))]
    after_end: Timestamp,
}

/// `GET /api/v1/targets`
pub(crate) async fn list(State(app): State<App>, headers: HeaderMap) -> Result<Response, Problem> {
    tagged(&headers, &Targets { targets: app.ask(|system| system.targets()).await? })
}

/// `GET /api/v1/targets/{target}`
pub(crate) async fn get(
    State(app): State<App>,
    headers: HeaderMap,
    Segments(name): Segments<String>,
) -> Result<Response, Problem> {
    tagged(&headers, &find(&app, &name).await?)
}

/// `GET /api/v1/targets/{target}/report`
pub(crate) async fn report(
    State(app): State<App>,
    headers: HeaderMap,
    Segments(name): Segments<String>,
) -> Result<Response, Problem> {
    let status = find(&app, &name).await?;
    let report: Option<Arc<Report>> = app.ask(move |system| system.snapshot(&status.target)).await?;
    tagged(&headers, report.ok_or_else(|| Problem::not_found("report yet of target", &name))?.as_ref())
}

/// `GET /api/v1/targets/{target}/services`
pub(crate) async fn services(
    State(app): State<App>,
    headers: HeaderMap,
    Segments(target): Segments<String>,
) -> Result<Response, Problem> {
    let name = target.clone();
    let services = app.ask(move |system| system.services(&name)).await??;
    tagged(&headers, &Services { target, services })
}

/// The objectives of a target.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Slos {
    /// The target.
    target: String,
    /// In the order of the configuration.
    slos: Vec<SloStatus>,
}

/// `GET /api/v1/targets/{target}/slos`
pub(crate) async fn slos(
    State(app): State<App>,
    headers: HeaderMap,
    Segments(target): Segments<String>,
) -> Result<Response, Problem> {
    let name = target.clone();
    let slos = app.ask(move |system| system.slos(&name)).await??.to_vec();
    tagged(&headers, &Slos { target, slos })
}

/// `GET /api/v1/targets/{target}/profiles`
pub(crate) async fn profiles(
    State(app): State<App>,
    headers: HeaderMap,
    Segments(target): Segments<String>,
) -> Result<Response, Problem> {
    tagged(&headers, &app.ask(move |system| system.profiles(&target)).await??)
}

/// `GET /api/v1/targets/{target}/compare`
pub(crate) async fn compare(
    State(app): State<App>,
    headers: HeaderMap,
    Segments(target): Segments<String>,
    Params(q): Params<CompareQuery>,
) -> Result<Response, Problem> {
    let target = find(&app, &target).await?.target;
    let before = period("before", q.before_start, q.before_end)?;
    let after = period("after", q.after_start, q.after_end)?;
    let request = CompareRequest { target, before, after };
    tagged(&headers, &app.analyse(move |system| system.compare(&request)).await??)
}

/// A period that has a length.
pub(crate) fn period(name: &str, start: Timestamp, end: Timestamp) -> Result<Period, Problem> {
    if start < end {
        return Ok(Period { start, end });
    }
    let detail = format!("{} is not before {}", start.rfc3339(), end.rfc3339());
    Err(Problem::bad_request(format!("period {name}"), detail, "give a start that is before the end"))
}

/// A target of the configuration.
pub(crate) async fn find(app: &App, name: &str) -> Result<TargetStatus, Problem> {
    let targets = app.ask(|system| system.targets()).await?;
    targets.into_iter().find(|t| t.target == name).ok_or_else(|| Problem::not_found("target", name))
}
