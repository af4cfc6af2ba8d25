//! Drills: the faults that can be injected from here, if this process has a stage for them.

use axum::Extension;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use schemars::JsonSchema;
use serde::Deserialize;
use tracing::info;

use crate::api::app::App;
use crate::api::http::extract::JsonBytes;
use crate::api::http::problem::Problem;
use crate::api::http::response::{cacheable, uncached};
use crate::api::routes::route::Route;
use crate::auth::{Identity, Role};
use crate::system::Drills;

pub(super) fn routes() -> Vec<Route> {
    const LIST: &str = "Faults that can be injected from here, and active ones; none if automap only reads";
    const START: &str = "Inject a fault on purpose, to see whether its cause is found";
    const END: &str = "Remove every active fault";
    vec![
        Route::get("/api/v1/drills", "listDrills", LIST, list).answers::<Drills>(200),
        Route::post("/api/v1/drills", "startDrill", START, start)
            .role(Role::Operator)
            .body::<NewDrill>()
            .answers::<Drills>(201),
        Route::delete("/api/v1/drills", "endDrills", END, end).role(Role::Operator).answers::<Drills>(200),
    ]
}

/// Which fault to inject.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NewDrill {
    /// Its name, as the list has it.
    drill: String,
}

/// `GET /api/v1/drills`
async fn list(State(app): State<App>, headers: HeaderMap) -> Result<Response, Problem> {
    cacheable(&headers, &app.ask(|system| Drills::of(system.drill_stage())).await??)
}

/// `POST /api/v1/drills`
async fn start(
    State(app): State<App>,
    Extension(who): Extension<Identity>,
    body: JsonBytes,
) -> Result<Response, Problem> {
    let NewDrill { drill } = body.parse()?;
    let name = drill.clone();
    let drills = app.ask(move |system| Drills::start(system.drill_stage(), &name)).await??;
    info!(target: "drill", drill, place = drills.place, user = who.name, "a fault was injected");
    uncached(StatusCode::CREATED, &drills)
}

/// `DELETE /api/v1/drills`
async fn end(State(app): State<App>, Extension(who): Extension<Identity>) -> Result<Response, Problem> {
    let drills = app.ask(|system| Drills::end(system.drill_stage())).await??;
    info!(target: "drill", place = drills.place, user = who.name, "the faults were removed");
    uncached(StatusCode::OK, &drills)
}
