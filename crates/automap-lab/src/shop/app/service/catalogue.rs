//! catalogue: the list of socks, one sock, the tags; all from catalogue-db.

use serde_json::json;

use super::handler::{App, Failure, NOT_FOUND, Request, Response, found, ok, segments};
use crate::shop::goods::SOCKS;

pub(super) async fn answer(app: &App, request: &Request) -> Result<Response, Failure> {
    match segments(request).as_slice() {
        ["catalogue"] => found(app.load("catalogue-db", "socks").await?),
        ["catalogue", "size"] => ok(&json!({"size": SOCKS.len()})),
        ["catalogue", id] => found(app.load("catalogue-db", &format!("sock:{id}")).await?),
        ["tags"] => {
            let socks = app.load("catalogue-db", "socks").await?;
            let tags: Vec<&str> = SOCKS.iter().flat_map(|s| s.tags.iter().copied()).collect();
            ok(&json!({"tags": tags, "socks": socks.is_some()}))
        }
        _ => Err(NOT_FOUND),
    }
}
