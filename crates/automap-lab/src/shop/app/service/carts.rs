//! carts: one cart for each customer or session, stored in carts-db.

use hyper::{Method, StatusCode};
use serde_json::{Value, json};

use super::handler::{App, Failure, NOT_FOUND, Request, Response, body_json, ok, segments};
use crate::shop::http::{json as json_response, query, text};

const DB: &str = "carts-db";
/// Items of one cart; more are refused.
const MAX_ITEMS: usize = 50;

pub(super) async fn answer(app: &App, request: &Request) -> Result<Response, Failure> {
    match (request.method(), segments(request).as_slice()) {
        (&Method::GET, ["carts", owner, "items"]) => ok(&Value::Array(items(app, owner).await?)),
        (&Method::POST, ["carts", owner, "items"]) => add(app, owner, body_json(request)).await,
        (&Method::GET, ["carts", owner, "merge"]) => {
            merge(app, owner, query(request, "sessionId").unwrap_or_default()).await
        }
        (&Method::DELETE, ["carts", owner]) => {
            let deleted = app.store(DB)?.delete(&key(owner)).await;
            deleted.map_err(|source| Failure::Record { callee: DB, source })?;
            Ok(text(StatusCode::ACCEPTED, ""))
        }
        _ => Err(NOT_FOUND),
    }
}

async fn add(app: &App, owner: &str, item: Value) -> Result<Response, Failure> {
    let mut items = items(app, owner).await?;
    if items.len() >= MAX_ITEMS {
        return Err(Failure::Refused(StatusCode::BAD_REQUEST, "the cart is full"));
    }
    items.push(item.clone());
    app.save(DB, &key(owner), &json!(items)).await?;
    Ok(json_response(StatusCode::CREATED, &item))
}

/// At login the session's cart becomes the customer's.
async fn merge(app: &App, owner: &str, session: &str) -> Result<Response, Failure> {
    let from_session = items(app, session).await?;
    if !from_session.is_empty() {
        let mut all = items(app, owner).await?;
        all.extend(from_session);
        all.truncate(MAX_ITEMS);
        app.save(DB, &key(owner), &json!(all)).await?;
    }
    Ok(text(StatusCode::ACCEPTED, ""))
}

async fn items(app: &App, owner: &str) -> Result<Vec<Value>, Failure> {
    let cart = app.load(DB, &key(owner)).await?;
    Ok(cart.and_then(|c| c.as_array().cloned()).unwrap_or_default())
}

fn key(owner: &str) -> String {
    format!("cart:{owner}")
}
