//! `/metrics`: automap's own metrics, for Prometheus.

use std::time::Instant;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};

use crate::api::app::App;
use crate::api::http::problem::Problem;
use crate::api::routes::route::Route;
use crate::api::state::request_metrics::{OwnMetrics, PROMETHEUS_TEXT};

pub(super) const PATH: &str = "/metrics";

pub(super) fn routes() -> Vec<Route> {
    vec![Route::get(PATH, "getMetrics", "automap's own metrics, for Prometheus", metrics).answers_text("text/plain")]
}

/// `GET /metrics`
async fn metrics(State(app): State<App>) -> Result<Response, Problem> {
    let system = app.ask(|system| system.metrics()).await?;
    let own = OwnMetrics {
        is_store_writable: app.check_writable().await.is_ok(),
        tls: app.tls.as_ref().map(|tls| tls.status(Instant::now())),
    };
    let text = app.metrics.text(system, own).map_err(|_| Problem::internal("metrics"))?;
    Ok(([(header::CONTENT_TYPE, PROMETHEUS_TEXT)], text).into_response())
}
