//! The card of a service: a small page for a frame in a portal or a dashboard.

use automap_core::incident::{Incident, IncidentState};
use automap_core::watch::MAX_OPEN;
use automap_render::card::{Card, CardState, card, concerns, is_cause};
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};

use crate::api::app::App;
use crate::api::http::extract::{PathParameters, QueryParameters};
use crate::api::http::problem::Problem;
use crate::api::routes::route::Route;
use crate::api::routes::zone::ZoneQuery;
use crate::store::{IncidentFilter, MAX_PAGE, Store, StoreError};
use crate::watcher::{State as Watching, TargetStatus};

pub(super) fn routes() -> Vec<Route> {
    const CARD: &str = "What concerns a service now, as a small HTML page for a frame";
    vec![
        Route::get("/api/v1/targets/{target}/services/{service}/card.html", "getServiceCard", CARD, service_card)
            .query::<ZoneQuery>()
            .answers_text("text/html"),
    ]
}

/// `GET /api/v1/targets/{target}/services/{service}/card.html`
async fn service_card(
    State(app): State<App>,
    PathParameters((target, service)): PathParameters<(String, String)>,
    QueryParameters(query): QueryParameters<ZoneQuery>,
) -> Result<Response, Problem> {
    let zone = query.zone()?;
    let of_target = target.clone();
    let (status, seen) = app
        .ask(move |system| {
            let status = system.targets().into_iter().find(|status| status.target == of_target);
            system.services(&of_target).map(|seen| (status, seen))
        })
        .await??;
    let is_seen = seen.iter().any(|s| s.service == service && s.is_seen);
    let why = unknown(status.as_ref(), &target, is_seen);
    let (of_target, of_service) = (target.clone(), service.clone());
    let (open, last) = app.read(move |store| incidents(store, &of_target, &of_service)).await?;
    let state = state(open.as_ref(), why.as_deref(), last.as_ref());
    let looked = status.and_then(|status| status.last_success);
    let page =
        card(&Card { target: &target, service: &service, state, looked, page: &app.config.embed.incidents() }, zone);
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        (header::CONTENT_SECURITY_POLICY, app.config.embed.policy()),
        // Browsers that know `frame-ancestors` ignore this header; it says the same to the others.
        (header::X_FRAME_OPTIONS, HeaderValue::from_static("SAMEORIGIN")),
    ];
    Ok((headers, page).into_response())
}

/// The most severe open incident that concerns a service, and the last one that it caused.
fn incidents(
    store: &dyn Store,
    target: &str,
    service: &str,
) -> Result<(Option<Incident>, Option<Incident>), StoreError> {
    let of_target = || IncidentFilter { target: Some(target.to_owned()), limit: MAX_PAGE, ..IncidentFilter::default() };
    let states = vec![IncidentState::Open, IncidentState::Recovering];
    // Which services' users are affected is in the report, which a list omits.
    let mut open = Vec::new();
    for listed in store.list(&IncidentFilter { states, limit: MAX_OPEN, ..of_target() })? {
        open.extend(store.get(&listed.id)?.filter(|incident| concerns(incident, service)));
    }
    // The list also has incidents where this service was named before another one was confirmed.
    let named = store.list(&IncidentFilter { cause: Some(service.to_owned()), ..of_target() })?;
    let last = named.into_iter().find(|incident| is_cause(incident, service));
    Ok((open.into_iter().max_by_key(|incident| incident.severity), last))
}

/// An open incident is shown even if nothing is observed any more; "no incident" is not.
fn state<'a>(open: Option<&'a Incident>, why: Option<&'a str>, last: Option<&'a Incident>) -> CardState<'a> {
    match (open, why) {
        (Some(incident), _) => CardState::Open(incident),
        (None, Some(why)) => CardState::Unknown(why),
        (None, None) => CardState::Quiet(last),
    }
}

/// Why it is unknown whether the service is healthy; `None` if it is known.
fn unknown(status: Option<&TargetStatus>, target: &str, is_seen: bool) -> Option<String> {
    match status {
        Some(status) if status.state != Watching::Watching => Some(status.summary.clone()),
        Some(_) if is_seen => None,
        _ => Some(format!("no metrics of it are in {target} now")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quiet_needs_a_watched_target_and_a_service_that_is_seen() {
        let watching = TargetStatus { state: Watching::Watching, ..TargetStatus::new("shop") };
        assert_eq!(unknown(Some(&watching), "shop", true), None);
        assert_eq!(unknown(Some(&watching), "shop", false).as_deref(), Some("no metrics of it are in shop now"));
        let starting = TargetStatus::new("shop");
        assert_eq!(unknown(Some(&starting), "shop", true).as_deref(), Some("automap has not looked at it yet"));
        assert!(matches!(state(None, Some("why"), None), CardState::Unknown("why")));
    }
}
