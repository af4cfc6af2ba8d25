//! payment: authorises amounts up to 100 and declines larger ones. It calls no other service.

use hyper::Method;
use serde_json::json;

use super::handler::{Failure, NOT_FOUND, Request, Response, body_json, ok, segments};
use crate::shop::goods::MAX_AUTHORISED;

pub(super) fn answer(request: &Request) -> Result<Response, Failure> {
    if (request.method(), segments(request).as_slice()) != (&Method::POST, &["paymentAuth"]) {
        return Err(NOT_FOUND);
    }
    let amount = body_json(request)["amount"].as_f64().unwrap_or_default();
    let authorised = amount <= MAX_AUTHORISED;
    let message = if authorised { "Payment authorised" } else { "Payment declined: amount exceeds 100.00" };
    ok(&json!({"authorised": authorised, "message": message}))
}
