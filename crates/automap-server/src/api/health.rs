//! Is it alive, is it ready, and who am I?

use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use schemars::JsonSchema;
use serde::Serialize;

use super::answer::fresh;
use super::problem::Problem;
use super::state::App;
use crate::auth::{Identity, Role};
use crate::store::IncidentFilter;

/// A word.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Status {
    /// `ok`.
    status: &'static str,
    /// The running version.
    version: &'static str,
}

/// Who asks.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct WhoAmI {
    /// Name.
    name: String,
    /// What they may do.
    role: Role,
}

fn ok() -> Result<Response, Problem> {
    fresh(StatusCode::OK, &Status { status: "ok", version: env!("CARGO_PKG_VERSION") })
}

/// `GET /healthz`: the process answers. Asks nothing else, so that a slow database does not have it killed.
pub(crate) async fn healthz() -> Result<Response, Problem> {
    ok()
}

/// `GET /readyz`: the store answers and nobody has asked it to stop. A source that does not answer is no reason to send nobody here: the
/// incidents are here.
pub(crate) async fn readyz(State(app): State<App>) -> Result<Response, Problem> {
    if *app.closing.borrow() {
        return Err(Problem::unavailable("automap", "it is shutting down"));
    }
    let one = IncidentFilter { limit: 1, ..IncidentFilter::default() };
    app.read(move |store| store.list(&one)).await?;
    ok()
}

/// `GET /api/v1/whoami`
pub(crate) async fn whoami(Extension(who): Extension<Identity>) -> Result<Response, Problem> {
    fresh(StatusCode::OK, &WhoAmI { name: who.name, role: who.role })
}
