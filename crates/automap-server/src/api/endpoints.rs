//! The table of endpoints.

use axum::routing::{MethodRouter, get, post};
use schemars::{Schema, SchemaGenerator};

use super::auth::Role;
use super::{Api, feed, incidents, metrics, openapi, targets};
use crate::api::answer::Problem;

/// One endpoint: enough for the router, the guard and the document.
pub(super) struct Endpoint {
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    pub(super) summary: &'static str,
    /// `None`: anybody.
    pub(super) role: Option<Role>,
    /// Name, and what it means.
    pub(super) query: &'static [(&'static str, &'static str)],
    pub(super) body: Option<fn(&mut SchemaGenerator) -> Schema>,
    pub(super) answer: (u16, &'static str, fn(&mut SchemaGenerator) -> Schema),
    pub(super) handler: fn() -> MethodRouter<Api>,
}

const JSON: &str = "application/json";
const VIEWER: Option<Role> = Some(Role::Viewer);
const OPERATOR: Option<Role> = Some(Role::Operator);

fn of<T: schemars::JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}

/// All of them.
pub(super) fn all() -> Vec<Endpoint> {
    let look = |path, summary, answer: fn(&mut SchemaGenerator) -> Schema, handler| Endpoint {
        method: "get",
        path,
        summary,
        role: VIEWER,
        query: &[],
        body: None,
        answer: (200, JSON, answer),
        handler,
    };
    vec![
        Endpoint {
            query: incidents::QUERY,
            ..look(
                "/api/v1/incidents",
                "Incidents, the latest opened first, without reports",
                of::<incidents::Page>,
                || get(incidents::list),
            )
        },
        look(
            "/api/v1/incidents/{id}",
            "One incident with its timeline and latest report",
            of::<incidents::Incident>,
            || get(incidents::one),
        ),
        look(
            "/api/v1/incidents/{id}/report",
            "The latest diagnosis of an incident",
            of::<automap_core::report::Report>,
            || get(incidents::report),
        ),
        Endpoint {
            method: "post",
            role: OPERATOR,
            body: Some(of::<incidents::Confirmation>),
            ..look("/api/v1/incidents/{id}/confirmation", "Say what the cause was", of::<incidents::Incident>, || {
                post(incidents::confirm)
            })
        },
        look(
            "/api/v1/flat/incidents",
            "Incidents as flat rows, for Grafana's Infinity source",
            of::<Vec<incidents::Row>>,
            || get(incidents::flat),
        ),
        look(
            "/api/v1/flat/causes",
            "Candidates of open incidents as flat rows",
            of::<Vec<incidents::CauseRow>>,
            || get(incidents::flat_causes),
        ),
        look("/api/v1/targets", "How the watching of every target goes", of::<Vec<targets::TargetStatus>>, || {
            get(targets::list)
        }),
        look("/api/v1/targets/{name}", "How the watching of one target goes", of::<targets::TargetStatus>, || {
            get(targets::one)
        }),
        look("/api/v1/targets/{name}/report", "The answer of now", of::<automap_core::report::Report>, || {
            get(targets::report)
        }),
        Endpoint {
            method: "post",
            role: OPERATOR,
            body: Some(of::<targets::DiagnoseRequest>),
            ..look("/api/v1/diagnoses", "Diagnose a configured target now", of::<automap_core::report::Report>, || {
                post(targets::diagnose)
            })
        },
        Endpoint {
            method: "post",
            role: OPERATOR,
            body: Some(of::<crate::inbox::Group>),
            answer: (202, JSON, of::<targets::Accepted>),
            ..look("/api/v1/alerts", "Alertmanager's webhook, version 4, or Grafana's", of::<targets::Accepted>, || {
                post(targets::alerts)
            })
        },
        Endpoint {
            answer: (200, "text/event-stream", of::<String>),
            ..look("/api/v1/events", "Changes of incidents, live (server-sent events)", of::<String>, || {
                get(feed::events)
            })
        },
        Endpoint {
            role: None,
            ..look("/api/v1/openapi.json", "This document", of::<serde_json::Value>, || get(openapi::document))
        },
        Endpoint {
            answer: (200, "text/plain", of::<String>),
            ..look("/metrics", "How automap itself does, for Prometheus", of::<String>, || get(metrics::metrics))
        },
        Endpoint {
            role: None,
            answer: (200, "text/plain", of::<String>),
            ..look("/healthz", "Whether the process lives", of::<String>, || get(metrics::healthz))
        },
        Endpoint {
            role: None,
            answer: (200, "text/plain", of::<String>),
            ..look("/readyz", "Whether every target was looked at and the store answers", of::<String>, || {
                get(metrics::readyz)
            })
        },
    ]
}

/// What every endpoint may answer instead.
pub(super) fn problem(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<Problem>()
}
