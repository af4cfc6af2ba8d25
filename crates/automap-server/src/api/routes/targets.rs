//! Targets: their watching state, observed services, objectives and profiles, and the differences between two periods.

use std::sync::Arc;

use automap_core::compare::Comparison;
use automap_core::profile::ProfileTable;
use automap_core::report::Report;
use automap_core::slo::SloStatus;
use automap_core::time::{Timestamp, as_rfc3339};
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::api::app::App;
use crate::api::http::extract::{PathParameters, QueryParameters};
use crate::api::http::problem::Problem;
use crate::api::http::response::cacheable;
use crate::api::routes::route::Route;
use crate::system::{CompareRequest, Period, ServiceStatus, questions};
use crate::watcher::TargetStatus;

pub(super) fn routes() -> Vec<Route> {
    const REPORT: &str = "The latest diagnosis, whether or not there is an incident";
    const SLOS: &str = "The state of a target's objectives";
    const PROFILES: &str = "A profile of each service of a target";
    vec![
        Route::get("/api/v1/targets", "listTargets", questions::LIST_TARGETS, list).answers::<Targets>(200),
        Route::get("/api/v1/targets/{target}", "getTarget", "The state of a watched system", get)
            .answers::<TargetStatus>(200),
        Route::get("/api/v1/targets/{target}/report", "getTargetReport", REPORT, report).answers::<Report>(200),
        Route::get("/api/v1/targets/{target}/slos", "listSlos", SLOS, slos).answers::<Slos>(200),
        Route::get("/api/v1/targets/{target}/services", "listServices", "The services of a target", services)
            .answers::<Services>(200),
        Route::get("/api/v1/targets/{target}/profiles", "getProfiles", PROFILES, profiles).answers::<ProfileTable>(200),
        Route::get("/api/v1/targets/{target}/compare", "comparePeriods", questions::COMPARE, compare)
            .query::<CompareQuery>()
            .answers::<Comparison>(200),
    ]
}

/// All targets.
#[derive(Debug, Serialize, JsonSchema)]
struct Targets {
    /// The targets, by name.
    targets: Vec<TargetStatus>,
}

/// The services of a target.
#[derive(Debug, Serialize, JsonSchema)]
struct Services {
    /// The target.
    target: String,
    /// The services, by name.
    services: Vec<ServiceStatus>,
}

/// The two periods to compare (times in RFC 3339).
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct CompareQuery {
    /// Start of the earlier period.
    #[serde(with = "as_rfc3339")]
    #[schemars(with = "String", extend("format" = "date-time"))]
    before_start: Timestamp,
    /// End of the earlier period.
    #[serde(with = "as_rfc3339")]
    #[schemars(with = "String", extend("format" = "date-time"))]
    before_end: Timestamp,
    /// Start of the later period.
    #[serde(with = "as_rfc3339")]
    #[schemars(with = "String", extend("format" = "date-time"))]
    after_start: Timestamp,
    /// End of the later period.
    #[serde(with = "as_rfc3339")]
    #[schemars(with = "String", extend("format" = "date-time"))]
    after_end: Timestamp,
}

/// `GET /api/v1/targets`
async fn list(State(app): State<App>, headers: HeaderMap) -> Result<Response, Problem> {
    cacheable(&headers, &Targets { targets: app.ask(|system| system.targets()).await? })
}

/// `GET /api/v1/targets/{target}`
async fn get(
    State(app): State<App>,
    headers: HeaderMap,
    PathParameters(name): PathParameters<String>,
) -> Result<Response, Problem> {
    cacheable(&headers, &find(&app, &name).await?)
}

/// `GET /api/v1/targets/{target}/report`
async fn report(
    State(app): State<App>,
    headers: HeaderMap,
    PathParameters(name): PathParameters<String>,
) -> Result<Response, Problem> {
    let status = find(&app, &name).await?;
    let report: Option<Arc<Report>> = app.ask(move |system| system.latest_report(&status.target)).await?;
    cacheable(&headers, report.ok_or_else(|| Problem::not_found("report yet of target", &name))?.as_ref())
}

/// `GET /api/v1/targets/{target}/services`
async fn services(
    State(app): State<App>,
    headers: HeaderMap,
    PathParameters(target): PathParameters<String>,
) -> Result<Response, Problem> {
    let name = target.clone();
    let services = app.ask(move |system| system.services(&name)).await??;
    cacheable(&headers, &Services { target, services })
}

/// The objectives of a target.
#[derive(Debug, Serialize, JsonSchema)]
struct Slos {
    /// The target.
    target: String,
    /// The objectives, in the order of the configuration.
    slos: Vec<SloStatus>,
}

/// `GET /api/v1/targets/{target}/slos`
async fn slos(
    State(app): State<App>,
    headers: HeaderMap,
    PathParameters(target): PathParameters<String>,
) -> Result<Response, Problem> {
    let name = target.clone();
    let slos = app.ask(move |system| system.slos(&name)).await??.to_vec();
    cacheable(&headers, &Slos { target, slos })
}

/// `GET /api/v1/targets/{target}/profiles`
async fn profiles(
    State(app): State<App>,
    headers: HeaderMap,
    PathParameters(target): PathParameters<String>,
) -> Result<Response, Problem> {
    cacheable(&headers, &app.ask(move |system| system.profiles(&target)).await??)
}

/// `GET /api/v1/targets/{target}/compare`
async fn compare(
    State(app): State<App>,
    headers: HeaderMap,
    PathParameters(target): PathParameters<String>,
    QueryParameters(q): QueryParameters<CompareQuery>,
) -> Result<Response, Problem> {
    let target = find(&app, &target).await?.target;
    let before = check_period("before", q.before_start, q.before_end)?;
    let after = check_period("after", q.after_start, q.after_end)?;
    let request = CompareRequest { target, before, after };
    cacheable(&headers, &app.analyse(move |system| system.compare(&request)).await??)
}

/// A period with a start before its end.
///
/// # Errors
/// [`Problem::bad_request`] for any other.
pub(super) fn check_period(name: &str, start: Timestamp, end: Timestamp) -> Result<Period, Problem> {
    let next = "give a start that is before the end";
    Period::new(start, end).map_err(|e| Problem::bad_request(format!("period {name}"), e.to_string(), next))
}

/// A target of the configuration.
///
/// # Errors
/// [`Problem::not_found`].
pub(super) async fn find(app: &App, name: &str) -> Result<TargetStatus, Problem> {
    let targets = app.ask(|system| system.targets()).await?;
    targets.into_iter().find(|t| t.target == name).ok_or_else(|| Problem::not_found("target", name))
}
