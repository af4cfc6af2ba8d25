//! The services of a target: one service with its series, and the map of all of them as it is now.

use automap_core::dossier::ServiceDossier;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::api::app::App;
use crate::api::http::extract::{PathParameters, QueryParameters};
use crate::api::http::problem::Problem;
use crate::api::http::response::cacheable;
use crate::api::routes::drawn_map::{DrawnMap, Scope};
use crate::api::routes::route::Route;
use crate::system::TargetCoverage;

pub(super) fn routes() -> Vec<Route> {
    const SERVICE: &str =
        "One service of a target: its series now and in the hour before, whom it calls, and what was changed at it";
    const COVERAGE: &str = "Which signals each service of a target delivers, what cannot be diagnosed without those that are missing, and the queries";
    const MAP: &str = "Who calls whom now, with what is wrong, and the place of everything in a drawing";
    vec![
        Route::get("/api/v1/targets/{target}/services/{service}", "getService", SERVICE, service)
            .answers::<ServiceDossier>(200),
        Route::get("/api/v1/targets/{target}/coverage", "getCoverage", COVERAGE, coverage)
            .answers::<TargetCoverage>(200),
        Route::get("/api/v1/targets/{target}/map", "getTargetMap", MAP, map)
            .query::<MapQuery>()
            .answers::<DrawnMap>(200),
    ]
}

/// Which part of the map.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct MapQuery {
    /// `affected`: what is wrong, and its neighbours; `all`: every service. `affected` when left out.
    #[serde(default)]
    scope: Scope,
    /// Only this service and its neighbours.
    around: Option<String>,
}

/// `GET /api/v1/targets/{target}/services/{service}`
async fn service(
    State(app): State<App>,
    headers: HeaderMap,
    PathParameters((target, service)): PathParameters<(String, String)>,
) -> Result<Response, Problem> {
    cacheable(&headers, &app.analyse(move |system| system.service_dossier(&target, &service)).await??)
}

/// `GET /api/v1/targets/{target}/coverage`
async fn coverage(
    State(app): State<App>,
    headers: HeaderMap,
    PathParameters(target): PathParameters<String>,
) -> Result<Response, Problem> {
    cacheable(&headers, &app.analyse(move |system| system.coverage(&target)).await??)
}

/// `GET /api/v1/targets/{target}/map`
async fn map(
    State(app): State<App>,
    headers: HeaderMap,
    PathParameters(target): PathParameters<String>,
    QueryParameters(query): QueryParameters<MapQuery>,
) -> Result<Response, Problem> {
    let draw = move |map: &_| match &query.around {
        Some(service) => DrawnMap::around(map, service),
        None => DrawnMap::of(map, query.scope),
    };
    cacheable(&headers, &app.analyse(move |system| system.latest_map(&target).map(|map| draw(&map))).await??)
}
