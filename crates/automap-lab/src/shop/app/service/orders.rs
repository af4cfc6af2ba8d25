//! orders: fetches everything that an order needs in parallel, requests payment and shipping, and stores the order.

use hyper::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::try_join;

use super::handler::{App, Failure, NOT_FOUND, Request, Response, body_json, found, segments};
use crate::shop::goods::SHIPPING_PRICE;
use crate::shop::http::{get, json as json_response, post_json, query};

const DB: &str = "orders-db";
const DECLINED: Failure = Failure::Refused(StatusCode::NOT_ACCEPTABLE, "Payment declined: amount exceeds 100.00");

pub(super) async fn answer(app: &App, request: &Request) -> Result<Response, Failure> {
    match (request.method(), segments(request).as_slice()) {
        (&Method::POST, ["orders"]) => place(app, &body_json(request)).await,
        (&Method::GET, ["orders", "search", "customerId"]) => {
            let customer = query(request, "custId").unwrap_or_default();
            found(Some(app.load(DB, &latest_key(customer)).await?.unwrap_or_else(|| json!([]))))
        }
        _ => Err(NOT_FOUND),
    }
}

async fn place(app: &App, order: &Value) -> Result<Response, Failure> {
    let path = |field: &str| order[field].as_str().unwrap_or("/").to_owned();
    let (address, customer, card, items) = try_join!(
        app.call_ok("user", get(&path("address"))),
        app.call_ok("user", get(&path("customer"))),
        app.call_ok("user", get(&path("card"))),
        app.call_ok("carts", get(&path("items"))),
    )?;
    let total = total(&items);
    let payment = json!({"address": address, "card": card, "customer": customer, "amount": total});
    let authorisation = app.call_ok("payment", post_json("/paymentAuth", &payment)).await?;
    if authorisation["authorised"] != true {
        return Err(DECLINED);
    }
    let customer_id = customer["id"].as_str().unwrap_or_default();
    let id = app.new_id();
    let shipment = app.call_ok("shipping", post_json("/shipping", &json!({"id": id, "name": customer_id}))).await?;
    let placed = json!({
        "id": id, "customerId": customer_id, "customer": customer, "address": address, "card": card,
        "items": items, "shipment": shipment, "total": total,
    });
    app.save(DB, &format!("order:{id}"), &placed).await?;
    app.save(DB, &latest_key(customer_id), &json!([placed])).await?;
    Ok(json_response(StatusCode::CREATED, &placed))
}

fn total(items: &Value) -> f64 {
    let price =
        |item: &Value| item["unitPrice"].as_f64().unwrap_or_default() * item["quantity"].as_f64().unwrap_or(1.0);
    items.as_array().map_or(0.0, |all| all.iter().map(price).sum()) + SHIPPING_PRICE
}

fn latest_key(customer: &str) -> String {
    format!("latest:{customer}")
}
