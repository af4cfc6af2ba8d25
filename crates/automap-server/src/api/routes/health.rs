//! Probes for Kubernetes, and the caller's own name and role.

use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use schemars::JsonSchema;
use serde::Serialize;

use crate::api::app::App;
use crate::api::http::problem::Problem;
use crate::api::http::response::uncached;
use crate::api::routes::route::Route;
use crate::auth::{Identity, Role};
use crate::store::IncidentFilter;

/// The answer of a probe.
#[derive(Debug, Serialize, JsonSchema)]
struct Status {
    /// Always `ok`; a failed probe is answered with a problem.
    status: &'static str,
    /// The running version.
    version: &'static str,
}

/// The caller.
#[derive(Debug, Serialize, JsonSchema)]
struct WhoAmI {
    /// The caller's name.
    name: String,
    /// What the caller may do.
    role: Role,
}

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/api/v1/whoami", "whoAmI", "The caller's name and role", whoami).answers::<WhoAmI>(200),
        Route::get("/healthz", "getHealth", "Whether the process answers", healthz)
            .without_credentials()
            .answers::<Status>(200),
        Route::get("/readyz", "getReadiness", "Whether the store answers", readyz)
            .without_credentials()
            .answers::<Status>(200),
    ]
}

fn ok() -> Result<Response, Problem> {
    uncached(StatusCode::OK, &Status { status: "ok", version: env!("CARGO_PKG_VERSION") })
}

/// `GET /healthz`: the process answers. It asks nothing else, so that a slow database does not make Kubernetes kill the process.
async fn healthz() -> Result<Response, Problem> {
    ok()
}

/// `GET /readyz`: the store answers, and automap is not shutting down. A source that does not answer does not count: the incidents can still
/// be read.
async fn readyz(State(app): State<App>) -> Result<Response, Problem> {
    if *app.closing.borrow() {
        return Err(Problem::unavailable("automap", "it is shutting down"));
    }
    let one = IncidentFilter { limit: 1, ..IncidentFilter::default() };
    app.read(move |store| store.list(&one)).await?;
    ok()
}

/// `GET /api/v1/whoami`
async fn whoami(Extension(who): Extension<Identity>) -> Result<Response, Problem> {
    uncached(StatusCode::OK, &WhoAmI { name: who.name, role: who.role })
}
