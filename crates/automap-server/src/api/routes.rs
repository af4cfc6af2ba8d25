//! All routes, one file for each resource. A file holds its paths, its handlers and the types that only they use. The router and the OpenAPI document
//! are built here.

mod alerts;
mod changes;
mod diagnoses;
mod drawn_map;
mod drills;
mod events;
mod experiments;
mod health;
mod incident_page;
mod incidents;
mod metrics;
mod mutes;
mod oidc;
#[cfg(feature = "web")]
mod page;
pub(crate) mod route;
mod rows;
mod service_card;
mod services;
mod session;
mod targets;
mod zone;

use axum::Router;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::middleware::from_fn_with_state;
use axum::response::Response;
use serde_json::Value;

use crate::api::app::App;
use crate::api::http::problem::Problem;
use crate::api::http::response::cacheable;
use crate::api::middleware::{access_log, authenticate, screen};
use crate::api::openapi::{self, OpenApiDocument};
use crate::auth::Role;
use route::Route;

/// Longest path that a problem quotes, in characters.
const MAX_SHOWN: usize = 100;

/// All routes.
fn routes() -> Vec<Route> {
    let mut routes = Vec::new();
    routes.extend(incidents::routes());
    routes.extend(incident_page::routes());
    routes.extend(targets::routes());
    routes.extend(services::routes());
    routes.extend(service_card::routes());
    routes.extend(diagnoses::routes());
    routes.extend(rows::routes());
    routes.extend(events::routes());
    routes.extend(experiments::routes());
    routes.extend(drills::routes());
    routes.extend(alerts::routes());
    routes.extend(changes::routes());
    routes.extend(mutes::routes());
    routes.extend(session::routes());
    routes.extend(oidc::routes());
    routes.extend(health::routes());
    routes.push(
        Route::get("/api/v1/openapi.json", "getOpenapi", "This document", serve_document)
            .without_credentials()
            .answers::<OpenApiDocument>(200),
    );
    routes.extend(metrics::routes());
    routes
}

/// The OpenAPI 3.1 document of all routes.
pub fn document() -> Value {
    openapi::document(&routes())
}

/// `GET /api/v1/openapi.json`
async fn serve_document(headers: HeaderMap) -> Result<Response, Problem> {
    cacheable(&headers, &document())
}

/// The router of the API.
pub fn router(app: &App) -> Router {
    let needing = |role: Option<Role>| from_fn_with_state((app.clone(), role), authenticate::authenticate);
    let mut router = Router::new();
    for route in routes() {
        let is_open = route.path == metrics::PATH && app.config.open_metrics;
        let role = route.role.filter(|_| !is_open);
        router = router.route(route.path, route.handler.route_layer(needing(role)));
    }
    #[cfg(feature = "web")]
    let router = router.fallback(page::serve);
    #[cfg(not(feature = "web"))]
    let router = router.fallback(|uri: Uri| async move { no_route(&uri) });
    router
        .method_not_allowed_fallback(|| async { method_not_allowed() })
        .layer(from_fn_with_state(app.clone(), screen::screen))
        .layer(from_fn_with_state(app.clone(), access_log::log_request))
        .with_state(app.clone())
}

/// The answer to a path without a route.
fn no_route(uri: &Uri) -> Problem {
    Problem::not_found("route", &uri.path().chars().take(MAX_SHOWN).collect::<String>())
}

fn method_not_allowed() -> Problem {
    Problem::refused(
        StatusCode::METHOD_NOT_ALLOWED,
        "method-not-allowed",
        "this route does not support the method",
        "see /api/v1/openapi.json",
    )
}
