//! Dispatches a request to the handler of the service. Each service has a file of its own.

mod carts;
mod catalogue;
mod front_end;
mod orders;
mod payment;
mod queue_master;
mod shipping;
mod user;

use std::sync::Arc;

use hyper::StatusCode;
use serde_json::{Value, json};

use super::context::{App, Failure};
use crate::shop::http::{Request, Response, json as json_response};

/// Answers one request.
pub(super) async fn answer(app: &App, request: &Request) -> Response {
    app.work().await;
    app.remember(request.body());
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

/// Starts what a service does without being asked.
pub(super) fn start_background(app: &Arc<App>) {
    if app.component.name == "queue-master" {
        tokio::spawn(queue_master::consume(Arc::clone(app)));
    }
}

const NOT_FOUND: Failure = Failure::Refused(StatusCode::NOT_FOUND, "no such page");

/// Whatever goes wrong behind a service, its caller sees a 500: the shop's services do not tell causes apart.
fn explain(failure: &Failure) -> Response {
    let status = match failure {
        Failure::Refused(status, _) => *status,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    };
    json_response(status, &json!({"status": status.as_u16(), "error": failure.to_string()}))
}

fn ok(value: &Value) -> Result<Response, Failure> {
    Ok(json_response(StatusCode::OK, value))
}

fn found(value: Option<Value>) -> Result<Response, Failure> {
    value.map_or(Err(NOT_FOUND), |v| ok(&v))
}

fn body_json(request: &Request) -> Value {
    serde_json::from_slice(request.body()).unwrap_or_default()
}

/// The parts of the path between slashes.
fn segments(request: &Request) -> Vec<&str> {
    request.uri().path().split('/').filter(|s| !s.is_empty()).collect()
}
