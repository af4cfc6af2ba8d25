//! Probes for Kubernetes, and the caller's own name and role.

use std::time::Instant;

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
use crate::api::tls::TlsStatus;
use crate::auth::{Identity, Role};
use crate::store::IncidentFilter;
use crate::watcher::TargetStatus;

/// The answer of a probe.
#[derive(Debug, Serialize, JsonSchema)]
struct Status {
    /// Always `ok`; a failed probe is answered with a problem.
    status: &'static str,
    /// The running version.
    version: &'static str,
    /// What works but needs somebody's attention, such as a certificate that could not be renewed; the log says more.
    warnings: Vec<String>,
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
        Route::get("/readyz", "getReadiness", "Whether the store can be read and written", readyz)
            .without_credentials()
            .answers::<Status>(200),
    ]
}

fn ok(warnings: Vec<String>) -> Result<Response, Problem> {
    uncached(StatusCode::OK, &Status { status: "ok", version: env!("CARGO_PKG_VERSION"), warnings })
}

/// `GET /healthz`: the process answers. It checks nothing else, so that a slow database does not make Kubernetes kill the process.
async fn healthz() -> Result<Response, Problem> {
    ok(Vec::new())
}

/// `GET /readyz`: the store can be read and written, and automap is not shutting down. A source that does not answer does not count: the
/// incidents can still be read.
async fn readyz(State(app): State<App>) -> Result<Response, Problem> {
    if *app.closing.borrow() {
        return Err(Problem::unavailable("automap", "it is shutting down"));
    }
    let one = IncidentFilter { limit: 1, ..IncidentFilter::default() };
    app.read(move |store| store.list(&one)).await?;
    let cannot_write = |_| Problem::unavailable("store", "it can be read but not written; the log says why");
    app.check_writable().await.map_err(cannot_write)?;
    let mut warnings = app.tls.as_ref().map(|tls| certificate_warnings(tls.status(Instant::now()))).unwrap_or_default();
    warnings.extend(watch_warnings(&app.ask(|system| system.targets()).await?));
    ok(warnings)
}

/// Without names and reasons, since anybody may ask.
fn watch_warnings(targets: &[TargetStatus]) -> Vec<String> {
    let restarted = "the watching of a target broke off by a bug of automap and was started again; the log says more";
    let lost = "changes of incidents were given up because the store did not accept them; the log says more";
    let any = |is: fn(&TargetStatus) -> bool| targets.iter().any(is);
    let warnings = [(any(|t| t.restarts > 0), restarted), (any(|t| t.changes_lost > 0), lost)];
    warnings.into_iter().filter(|(applies, _)| *applies).map(|(_, text)| text.to_owned()).collect()
}

/// Without paths and reasons, since anybody may ask.
fn certificate_warnings(status: TlsStatus) -> Vec<String> {
    let refused = "the TLS certificate was replaced by one that cannot be used; the one before it is still served";
    let expired = "the TLS certificate has expired";
    let warnings = [(status.is_reload_refused, refused), (status.is_expired, expired)];
    warnings.into_iter().filter(|(applies, _)| *applies).map(|(_, text)| text.to_owned()).collect()
}

/// `GET /api/v1/whoami`
async fn whoami(Extension(who): Extension<Identity>) -> Result<Response, Problem> {
    uncached(StatusCode::OK, &WhoAmI { name: who.name, role: who.role })
}
