//! shipping: puts a task into the broker's queue and answers at once.

use hyper::{Method, StatusCode};

use super::handler::{App, Failure, NOT_FOUND, Request, Response, body_json, segments};
use super::queue_master::QUEUE;
use crate::shop::http::json as json_response;

const BROKER: &str = "rabbitmq";

pub(super) async fn answer(app: &App, request: &Request) -> Result<Response, Failure> {
    if (request.method(), segments(request).as_slice()) != (&Method::POST, &["shipping"]) {
        return Err(NOT_FOUND);
    }
    let published = app.store(BROKER)?.publish(QUEUE, request.body().clone()).await;
    published.map_err(|source| Failure::Record { callee: BROKER, source })?;
    Ok(json_response(StatusCode::CREATED, &body_json(request)))
}
