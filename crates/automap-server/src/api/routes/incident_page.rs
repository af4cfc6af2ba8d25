//! The data of an incident's page, and the page itself as a file to keep: all from one dossier, which fetches the metrics again.

use std::sync::Arc;

use automap_core::dossier::{Dossier, of_report_alone};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::api::app::App;
use crate::api::http::extract::{PathParameters, QueryParameters};
use crate::api::http::problem::Problem;
use crate::api::http::response::cacheable;
use crate::api::routes::drawn_map::{DrawnMap, Scope};
use crate::api::routes::route::Route;
use crate::api::routes::zone::ZoneQuery;
use crate::system::questions;

/// Styles inside the file and nothing else; the file declares this itself, and the header also covers a browser that opens it in place.
const FILE_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'; sandbox";

/// <https://parquet.apache.org/docs/file-format/>, as registered with IANA.
const PARQUET: &str = "application/vnd.apache.parquet";

pub(super) fn routes() -> Vec<Route> {
    const MAP: &str = "The service map of an incident, with the place of everything in a drawing";
    const HTML: &str = "An incident as one HTML file, to keep or to send";
    const CAPTURE: &str =
        "The metrics of an incident as a capture: Parquet, which `automap ui` and `automap diagnose` open";
    const MARKDOWN: &str = "An incident as Markdown, for a chat or an issue";
    vec![
        Route::get("/api/v1/incidents/{id}/dossier", "getIncidentDossier", questions::DOSSIER, dossier)
            .answers::<Dossier>(200),
        Route::get("/api/v1/incidents/{id}/map", "getIncidentMap", MAP, map)
            .query::<MapQuery>()
            .answers::<DrawnMap>(200),
        Route::get("/api/v1/incidents/{id}/page.html", "getIncidentHtml", HTML, html)
            .query::<ZoneQuery>()
            .answers_text("text/html"),
        Route::get("/api/v1/incidents/{id}/capture.parquet", "getIncidentCapture", CAPTURE, capture)
            .answers_text(PARQUET),
        Route::get("/api/v1/incidents/{id}/page.md", "getIncidentMarkdown", MARKDOWN, markdown)
            .query::<ZoneQuery>()
            .answers_text("text/markdown"),
    ]
}

/// Which part of the map.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct MapQuery {
    /// `affected`: what the incident touches, and its neighbours; `all`: every service. `affected` when left out.
    #[serde(default)]
    scope: Scope,
}

/// `GET /api/v1/incidents/{id}/dossier`
async fn dossier(
    State(app): State<App>,
    headers: HeaderMap,
    PathParameters(id): PathParameters<String>,
) -> Result<Response, Problem> {
    cacheable(&headers, app.analyse(move |system| system.dossier(&id)).await??.as_ref())
}

/// `GET /api/v1/incidents/{id}/map`
async fn map(
    State(app): State<App>,
    headers: HeaderMap,
    PathParameters(id): PathParameters<String>,
    QueryParameters(query): QueryParameters<MapQuery>,
) -> Result<Response, Problem> {
    let drawn = app.analyse(move |system| system.dossier(&id).map(|d| DrawnMap::of(&d.map, query.scope))).await??;
    cacheable(&headers, &drawn)
}

/// `GET /api/v1/incidents/{id}/page.html`
async fn html(
    State(app): State<App>,
    PathParameters(id): PathParameters<String>,
    QueryParameters(query): QueryParameters<ZoneQuery>,
) -> Result<Response, Problem> {
    let zone = query.zone()?;
    let dossier = kept_dossier(&app, id).await?;
    let page = app.analyse(move |_| automap_render::html(&dossier, zone)).await?;
    let mut response = file("text/html; charset=utf-8", "attachment; filename=\"incident.html\"", page);
    let policy = HeaderValue::from_static(FILE_POLICY);
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    Ok(response)
}

/// `GET /api/v1/incidents/{id}/page.md`
async fn markdown(
    State(app): State<App>,
    PathParameters(id): PathParameters<String>,
    QueryParameters(query): QueryParameters<ZoneQuery>,
) -> Result<Response, Problem> {
    let zone = query.zone()?;
    let dossier = kept_dossier(&app, id).await?;
    let page = app.analyse(move |_| automap_render::markdown(&dossier, zone)).await?;
    Ok(file("text/markdown; charset=utf-8", "inline; filename=\"incident.md\"", page))
}

/// The dossier; if the incident's metrics are gone, or its source does not answer, what its report contains.
async fn kept_dossier(app: &App, id: String) -> Result<Arc<Dossier>, Problem> {
    let asked = id.clone();
    let error = match app.analyse(move |system| system.dossier(&asked)).await? {
        Ok(dossier) => return Ok(dossier),
        Err(error) => error,
    };
    let kept = app.read(move |store| store.get(&id)).await?.and_then(|incident| incident.report);
    kept.map(|report| Arc::new(of_report_alone(report))).ok_or_else(|| error.into())
}

/// `GET /api/v1/incidents/{id}/capture.parquet`
async fn capture(State(app): State<App>, PathParameters(id): PathParameters<String>) -> Result<Response, Problem> {
    let bytes = app.analyse(move |system| system.capture(&id)).await??;
    Ok(file(PARQUET, "attachment; filename=\"incident.parquet\"", bytes))
}

fn file(media: &'static str, disposition: &'static str, body: impl IntoResponse) -> Response {
    ([(header::CONTENT_TYPE, media), (header::CONTENT_DISPOSITION, disposition)], body).into_response()
}
