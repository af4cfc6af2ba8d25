//! Chaos experiments of a period. They are shown beside incidents, and no diagnosis sees them.

use automap_core::time::{Timestamp, as_rfc3339};
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::api::app::App;
use crate::api::http::extract::QueryParameters;
use crate::api::http::problem::Problem;
use crate::api::http::response::cacheable;
use crate::api::routes::route::Route;
use crate::api::routes::targets::check_period;
use crate::system::Experiment;

pub(super) fn routes() -> Vec<Route> {
    const LIST: &str = "Chaos experiments that were active in a period; no diagnosis sees them";
    vec![
        Route::get("/api/v1/experiments", "listExperiments", LIST, list)
            .query::<ExperimentQuery>()
            .answers::<ExperimentList>(200),
    ]
}

/// Which period.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ExperimentQuery {
    /// Its start (RFC 3339).
    #[serde(with = "as_rfc3339")]
    #[schemars(with = "String", extend("format" = "date-time"))]
    since: Timestamp,
    /// Its end (RFC 3339).
    #[serde(with = "as_rfc3339")]
    #[schemars(with = "String", extend("format" = "date-time"))]
    until: Timestamp,
}

/// Most experiments of an answer: the latest ones.
const MAX_EXPERIMENTS: usize = 1000;

/// Experiments of a period.
#[derive(Debug, Serialize, JsonSchema)]
struct ExperimentList {
    /// The latest 1,000 experiments, in the order they began.
    experiments: Vec<Experiment>,
    /// Earlier ones of the period, which are left out.
    omitted: usize,
}

/// `GET /api/v1/experiments`
async fn list(
    State(app): State<App>,
    headers: HeaderMap,
    QueryParameters(query): QueryParameters<ExperimentQuery>,
) -> Result<Response, Problem> {
    let period = check_period("since to until", query.since, query.until)?;
    let mut experiments = app.ask(move |system| system.experiments_during(period.into())).await??;
    let omitted = experiments.len().saturating_sub(MAX_EXPERIMENTS);
    experiments.drain(..omitted);
    cacheable(&headers, &ExperimentList { experiments, omitted })
}
