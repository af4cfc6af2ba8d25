//! user: customers, their addresses and cards, and the login; all from user-db.

use hyper::StatusCode;
use serde_json::json;

use super::handler::{App, Failure, NOT_FOUND, Request, Response, found, ok, segments};
use crate::shop::http::query;

const DB: &str = "user-db";

pub(super) async fn answer(app: &App, request: &Request) -> Result<Response, Failure> {
    match segments(request).as_slice() {
        ["login"] => login(app, query(request, "username").unwrap_or_default()).await,
        ["customers", id] => found(app.load(DB, &format!("customer:{id}")).await?),
        ["addresses", id] => found(app.load(DB, &format!("address:{id}")).await?),
        ["cards", id] => found(app.load(DB, &format!("card:{id}")).await?),
        _ => Err(NOT_FOUND),
    }
}

/// Logs in any known user; the shop has no passwords.
async fn login(app: &App, username: &str) -> Result<Response, Failure> {
    match app.load(DB, &format!("customer:{username}")).await? {
        Some(customer) => ok(&json!({"user": customer})),
        None => Err(Failure::Refused(StatusCode::UNAUTHORIZED, "unknown user")),
    }
}
