//! The table of routes: the only place where a path is written. The router and the OpenAPI document are made from it.

use automap_core::incident::Incident;
use automap_core::profile::ProfileTable;
use automap_core::report::Report;
use axum::Router;
use axum::http::{Method, Uri};
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodRouter, get, post};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::Value;

use super::alert_inbox::{self, AlertQuery, Taken};
use super::alerts::parse::RawGroup;
use super::diagnoses::{self, WaitQuery};
use super::flat::{self, CauseRow, IncidentRow, SloRow};
use super::health::{self, Status, WhoAmI};
use super::incidents::{self, Confirmation, IncidentPage, IncidentQuery, Timeline};
use super::jobs::Job;
use super::problem::Problem;
use super::state::App;
use super::system::DiagnoseRequest;
use super::targets::{self, CompareQuery, Services, Slos, Targets};
use super::{access, document, events, gate, guard, metrics};
use crate::auth::Role;
use crate::watcher::TargetStatus;

type SchemaOf = fn(&mut SchemaGenerator) -> Schema;

/// One route.
pub(crate) struct Route {
    pub(crate) method: Method,
    pub(crate) path: &'static str,
    /// Name in the document and in clients made from it.
    pub(crate) id: &'static str,
    pub(crate) summary: &'static str,
    /// `None`: everybody may ask.
    pub(crate) needs: Option<Role>,
    pub(crate) query: Option<SchemaOf>,
    pub(crate) body: Option<SchemaOf>,
    /// Status, media type and schema of what it answers when all is well.
    pub(crate) answers: Vec<(u16, &'static str, Option<SchemaOf>)>,
    handler: MethodRouter<App>,
}

const JSON: &str = "application/json";

impl Route {
    fn new(
        method: Method,
        path: &'static str,
        id: &'static str,
        summary: &'static str,
        handler: MethodRouter<App>,
    ) -> Self {
        let needs = Some(Role::Viewer);
        Self { method, path, id, summary, needs, query: None, body: None, answers: Vec::new(), handler }
    }

    fn open(mut self) -> Self {
        self.needs = None;
        self
    }

    fn needs(mut self, role: Role) -> Self {
        self.needs = Some(role);
        self
    }

    fn query<T: JsonSchema>(mut self) -> Self {
        self.query = Some(T::json_schema);
        self
    }

    fn body<T: JsonSchema>(mut self) -> Self {
        self.body = Some(SchemaGenerator::subschema_for::<T>);
        self
    }

    fn answers<T: JsonSchema>(mut self, status: u16) -> Self {
        self.answers.push((status, JSON, Some(SchemaGenerator::subschema_for::<T>)));
        self
    }

    fn text(mut self, media: &'static str) -> Self {
        self.answers.push((200, media, None));
        self
    }
}

fn read(path: &'static str, id: &'static str, summary: &'static str, handler: MethodRouter<App>) -> Route {
    Route::new(Method::GET, path, id, summary, handler)
}

fn send(path: &'static str, id: &'static str, summary: &'static str, handler: MethodRouter<App>) -> Route {
    Route::new(Method::POST, path, id, summary, handler)
}

/// All routes.
pub(crate) fn routes() -> Vec<Route> {
    vec![
        read(
            "/api/v1/incidents",
            "listIncidents",
            "Incidents, the latest opened first, without their reports",
            get(incidents::list),
        )
        .query::<IncidentQuery>()
        .answers::<IncidentPage>(200),
        read("/api/v1/incidents/{id}", "getIncident", "An incident with its latest report", get(incidents::get))
            .answers::<Incident>(200),
        read(
            "/api/v1/incidents/{id}/report",
            "getIncidentReport",
            "The latest diagnosis of an incident",
            get(incidents::report),
        )
        .answers::<Report>(200),
        read("/api/v1/incidents/{id}/timeline", "getIncidentTimeline", "What was known when", get(incidents::timeline))
            .answers::<Timeline>(200),
        read(
            "/api/v1/incidents/{id}/graph",
            "getIncidentGraph",
            "The service map of an incident",
            get(incidents::graph),
        )
        .answers::<Value>(200),
        read(
            "/api/v1/incidents/{id}/explain/{service}",
            "explainService",
            "Why a service stands where it stands in an incident",
            get(incidents::explain),
        )
        .answers::<Value>(200),
        send(
            "/api/v1/incidents/{id}/confirm",
            "confirmCause",
            "Say which service was the cause",
            post(incidents::confirm),
        )
        .needs(Role::Operator)
        .body::<Confirmation>()
        .answers::<Incident>(200),
        read("/api/v1/targets", "listTargets", "The watched systems and how they are", get(targets::list))
            .answers::<Targets>(200),
        read("/api/v1/targets/{target}", "getTarget", "How a watched system is", get(targets::get))
            .answers::<TargetStatus>(200),
        read(
            "/api/v1/targets/{target}/report",
            "getTargetReport",
            "The latest diagnosis, incident or not",
            get(targets::report),
        )
        .answers::<Report>(200),
        read("/api/v1/targets/{target}/slos", "listSlos", "How the objectives of a target stand", get(targets::slos))
            .answers::<Slos>(200),
        read("/api/v1/targets/{target}/services", "listServices", "The services of a target", get(targets::services))
            .answers::<Services>(200),
        read("/api/v1/targets/{target}/profiles", "getProfiles", "A vector for each service", get(targets::profiles))
            .answers::<ProfileTable>(200),
        read(
            "/api/v1/targets/{target}/compare",
            "comparePeriods",
            "What differs between two periods",
            get(targets::compare),
        )
        .query::<CompareQuery>()
        .answers::<Value>(200),
        send("/api/v1/diagnoses", "createDiagnosis", "Diagnose a target now", post(diagnoses::create))
            .needs(Role::Operator)
            .query::<WaitQuery>()
            .body::<DiagnoseRequest>()
            .answers::<Job>(200)
            .answers::<Job>(202),
        read("/api/v1/diagnoses/{id}", "getDiagnosis", "How far a diagnosis is, and its report", get(diagnoses::get))
            .answers::<Job>(200),
        read("/api/v1/flat/incidents", "flatIncidents", "Incidents as rows of plain values", get(flat::incidents))
            .query::<IncidentQuery>()
            .answers::<Vec<IncidentRow>>(200),
        read("/api/v1/flat/causes", "flatCauses", "Candidates of incidents as rows of plain values", get(flat::causes))
            .query::<IncidentQuery>()
            .answers::<Vec<CauseRow>>(200),
        read("/api/v1/flat/slos", "flatSlos", "Objectives of all targets as rows of plain values", get(flat::slos))
            .answers::<Vec<SloRow>>(200),
        read("/api/v1/events", "listenEvents", "Changes of incidents as they happen", get(events::events))
            .text("text/event-stream"),
        send(
            "/api/v1/alerts/alertmanager",
            "alertmanagerWebhook",
            "Alertmanager's webhook",
            post(alert_inbox::alertmanager),
        )
        .needs(Role::Alerts)
        .query::<AlertQuery>()
        .body::<RawGroup>()
        .answers::<Taken>(202),
        send("/api/v1/alerts/grafana", "grafanaWebhook", "Grafana's webhook", post(alert_inbox::grafana))
            .needs(Role::Alerts)
            .query::<AlertQuery>()
            .body::<RawGroup>()
            .answers::<Taken>(202),
        read("/api/v1/whoami", "whoAmI", "Who asks, and what they may do", get(health::whoami)).answers::<WhoAmI>(200),
        read("/api/v1/openapi.json", "getOpenapi", "This document", get(document::serve)).open().answers::<Value>(200),
        read(METRICS, "getMetrics", "automap about itself, for Prometheus", get(metrics::metrics)).text("text/plain"),
        read("/healthz", "getHealth", "Whether the process answers", get(health::healthz))
            .open()
            .answers::<Status>(200),
        read("/readyz", "getReadiness", "Whether the store answers", get(health::readyz)).open().answers::<Status>(200),
    ]
}

/// Most of a path that a problem repeats.
const MAX_SHOWN: usize = 100;
const METRICS: &str = "/metrics";

/// Everything that is asked over HTTP. `pages` are more routes for people, such as a web interface; they need the role `viewer` and pass the
/// same layers.
pub fn router(app: &App, pages: Router<App>) -> Router {
    let gated = |needs: Option<Role>| from_fn_with_state((app.clone(), needs), gate::gate);
    let mut router = if pages.has_routes() { pages.route_layer(gated(Some(Role::Viewer))) } else { pages };
    for route in routes() {
        let needs = route.needs.filter(|_| route.path != METRICS || !app.config.open_metrics);
        router = router.route(route.path, route.handler.route_layer(gated(needs)));
    }
    router
        .fallback(|uri: Uri| async move {
            Problem::not_found("route", &uri.path().chars().take(MAX_SHOWN).collect::<String>())
        })
        .method_not_allowed_fallback(|| async { not_allowed() })
        .layer(from_fn_with_state(app.clone(), guard::guard))
        .layer(from_fn_with_state(app.clone(), access::record))
        .with_state(app.clone())
}

fn not_allowed() -> Problem {
    let detail = "this route has no such method";
    Problem::refused(
        axum::http::StatusCode::METHOD_NOT_ALLOWED,
        "method-not-allowed",
        detail,
        "see /api/v1/openapi.json",
    )
}
