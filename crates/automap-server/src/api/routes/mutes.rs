//! Mutes: list, make, end.

use axum::Extension;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use schemars::JsonSchema;
use serde::Serialize;
use tracing::info;

use crate::api::app::App;
use crate::api::http::extract::{JsonBytes, PathParameters};
use crate::api::http::problem::Problem;
use crate::api::http::response::{cacheable, uncached};
use crate::api::routes::route::Route;
use crate::auth::{Identity, Role};
use crate::mutes::{ListedMute, MuteRequest};
use crate::store::Mute;

pub(super) fn routes() -> Vec<Route> {
    const LIST: &str = "Mutes that apply now or later";
    const ADD: &str = "Mute incidents for a while; they are recorded all the same";
    vec![
        Route::get("/api/v1/mutes", "listMutes", LIST, list).answers::<Mutes>(200),
        Route::post("/api/v1/mutes", "addMute", ADD, add)
            .role(Role::Operator)
            .body::<MuteRequest>()
            .answers::<Mute>(201),
        Route::delete("/api/v1/mutes/{id}", "endMute", "End a mute before its time", end)
            .role(Role::Operator)
            .answers::<Mutes>(200),
    ]
}

/// All mutes that apply now or later.
#[derive(Debug, Serialize, JsonSchema)]
struct Mutes {
    /// The mutes, by origin and id.
    mutes: Vec<ListedMute>,
}

/// `GET /api/v1/mutes`
async fn list(State(app): State<App>, headers: HeaderMap) -> Result<Response, Problem> {
    cacheable(&headers, &Mutes { mutes: app.ask(|system| system.mutes()).await? })
}

/// `POST /api/v1/mutes`
async fn add(
    State(app): State<App>,
    Extension(who): Extension<Identity>,
    body: JsonBytes,
) -> Result<Response, Problem> {
    let request: MuteRequest = body.parse()?;
    let user = who.name.clone();
    let mute = app.ask(move |system| system.add_mute(&request, &who.name)).await??;
    info!(target: "muted", mute = mute.id, until = mute.until.rfc3339(), user, "incidents are muted");
    uncached(StatusCode::CREATED, &mute)
}

/// `DELETE /api/v1/mutes/{id}`
async fn end(
    State(app): State<App>,
    Extension(who): Extension<Identity>,
    PathParameters(id): PathParameters<String>,
) -> Result<Response, Problem> {
    let wanted = id.clone();
    let mutes = app.ask(move |system| system.end_mute(&wanted).map(|()| system.mutes())).await??;
    info!(target: "muted", mute = id, user = who.name, "a mute was ended");
    uncached(StatusCode::OK, &Mutes { mutes })
}
