//! Dispatches a request to the handler of the service. Each service has a file of its own.

mod carts;
mod catalogue;
mod front_end;
mod handler;
mod orders;
mod payment;
mod queue_master;
mod shipping;
mod user;

use std::sync::Arc;

use hyper::StatusCode;
use serde_json::json;

pub(super) use self::queue_master::QUEUE;

use self::handler::{App, Failure, NOT_FOUND, Request, Response};
use crate::shop::http::json as json_response;

/// Answers one request.
pub(super) async fn answer(app: &App, request: &Request) -> Response {
    app.work().await;
    app.remember(request.body());
    let fate = app.fate();
    tokio::time::sleep(fate.wait).await;
    if fate.fails {
        return explain(&Failure::Refused(StatusCode::INTERNAL_SERVER_ERROR, "a fault of this version"));
    }
    let outcome = match app.component.name {
        "front-end" => front_end::answer(app, request).await,
        "catalogue" => catalogue::answer(app, request).await,
        "carts" => carts::answer(app, request).await,
        "user" => user::answer(app, request).await,
        "orders" => orders::answer(app, request).await,
        "payment" => payment::answer(request),
        "shipping" => shipping::answer(app, request).await,
        _ => Err(NOT_FOUND),
    };
    outcome.unwrap_or_else(|failure| explain(&failure))
}

/// Starts the background work of a service.
pub(super) fn start_background(app: &Arc<App>) {
    if let ("front-end", Some(lookups)) = (app.component.name, &app.lookups) {
        lookups.start_beacon();
    }
    if app.component.name == "queue-master" {
        tokio::spawn(queue_master::consume(Arc::clone(app)));
    }
}

/// The response to a failure. Every failure of a callee becomes a 500, as in the original, whose services do not distinguish causes.
fn explain(failure: &Failure) -> Response {
    let status = match failure {
        Failure::Refused(status, _) => *status,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    };
    json_response(status, &json!({"status": status.as_u16(), "error": failure.to_string()}))
}
