//! front-end: the pages, and the shop's API for the browser. Every request looks up its session in session-db; without
//! session-db every request fails.

use hyper::header::{COOKIE, HeaderValue, SET_COOKIE};
use hyper::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::try_join;

use super::handler::{App, Failure, NOT_FOUND, Request, Response, body_json, segments};
use crate::shop::http::{get, post_json, query, request as new_request, text};

const SESSIONS: &str = "session-db";
const COOKIE_NAME: &str = "md.sid=";
const LOGIN_FIRST: Failure = Failure::Refused(StatusCode::UNAUTHORIZED, "log in first");

/// A user's session.
struct Session {
    id: String,
    customer: Option<String>,
    is_new: bool,
}

impl Session {
    /// The owner of the cart: the customer or, before the login, the session.
    fn owner(&self) -> &str {
        self.customer.as_deref().unwrap_or(&self.id)
    }
}

pub(super) async fn answer(app: &App, request: &Request) -> Result<Response, Failure> {
    let session = session(app, request).await?;
    let mut response = page(app, request, &session).await?;
    if session.is_new
        && let Ok(cookie) = HeaderValue::from_str(&format!("{COOKIE_NAME}{}; Path=/", session.id))
    {
        response.headers_mut().insert(SET_COOKIE, cookie);
    }
    Ok(response)
}

async fn page(app: &App, request: &Request, session: &Session) -> Result<Response, Failure> {
    match (request.method(), segments(request).as_slice()) {
        (&Method::GET, [] | ["index.html"]) => html(app, &["/catalogue?size=5"]).await,
        (&Method::GET, ["category.html"]) => html(app, &["/tags", "/catalogue?page=1&size=6"]).await,
        (&Method::GET, ["detail.html"]) => {
            html(app, &[&format!("/catalogue/{}", query(request, "id").unwrap_or_default())]).await
        }
        (&Method::GET, ["catalogue" | "tags", ..]) => app.call("catalogue", get(request.uri().path())).await,
        (&Method::GET, ["login"]) => login(app, request, session).await,
        (&Method::GET, ["cart"]) => app.call("carts", get(&items_path(session.owner()))).await,
        (&Method::DELETE, ["cart"]) => {
            let path = format!("/carts/{}", session.owner());
            app.call("carts", new_request(Method::DELETE, &path, bytes::Bytes::new())).await
        }
        (&Method::POST, ["cart"]) => add_to_cart(app, &body_json(request), session).await,
        (&Method::GET, ["orders"]) => {
            let customer = session.customer.as_deref().ok_or(LOGIN_FIRST)?;
            app.call("orders", get(&format!("/orders/search/customerId?custId={customer}"))).await
        }
        (&Method::POST, ["orders"]) => order(app, session.customer.as_deref().ok_or(LOGIN_FIRST)?).await,
        _ => Err(NOT_FOUND),
    }
}

async fn session(app: &App, request: &Request) -> Result<Session, Failure> {
    let cookie = request.headers().get(COOKIE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let id = cookie.split("; ").find_map(|pair| pair.strip_prefix(COOKIE_NAME));
    if let Some(id) = id
        && let Some(stored) = app.load(SESSIONS, &session_key(id)).await?
    {
        let customer = stored["customer"].as_str().map(str::to_owned);
        return Ok(Session { id: id.to_owned(), customer, is_new: false });
    }
    let session = Session { id: app.new_id(), customer: None, is_new: true };
    app.save(SESSIONS, &session_key(&session.id), &json!({})).await?;
    Ok(session)
}

/// A page with the calls that its scripts make in the browser.
async fn html(app: &App, catalogue_calls: &[&str]) -> Result<Response, Failure> {
    let mut body = String::from("<!DOCTYPE html><title>Sock Shop</title>\n");
    for path in catalogue_calls {
        let response = app.call("catalogue", get(path)).await?;
        if !response.status().is_success() {
            return Ok(response);
        }
        body.push_str(&String::from_utf8_lossy(response.body()));
    }
    Ok(text(StatusCode::OK, body))
}

/// Logs in at user, then turns the session's cart into the customer's.
async fn login(app: &App, request: &Request, session: &Session) -> Result<Response, Failure> {
    let username = query(request, "username").unwrap_or_default();
    let response = app.call("user", get(&format!("/login?username={username}"))).await?;
    if !response.status().is_success() {
        return Ok(response);
    }
    app.save(SESSIONS, &session_key(&session.id), &json!({"customer": username})).await?;
    app.call_ok("carts", get(&format!("/carts/{username}/merge?sessionId={}", session.id))).await?;
    Ok(text(StatusCode::OK, "Cookie is set"))
}

/// Reads the price from catalogue first, since carts accepts any price.
async fn add_to_cart(app: &App, wish: &Value, session: &Session) -> Result<Response, Failure> {
    let id = wish["id"].as_str().unwrap_or_default();
    let sock = app.call_ok("catalogue", get(&format!("/catalogue/{id}"))).await?;
    let quantity = wish["quantity"].as_u64().unwrap_or(1);
    let item = json!({"itemId": sock["id"], "unitPrice": sock["price"], "quantity": quantity});
    app.call("carts", post_json(&items_path(session.owner()), &item)).await
}

/// Collects the data that orders will fetch again, and passes on the answer of orders.
async fn order(app: &App, customer: &str) -> Result<Response, Failure> {
    let paths = [format!("/customers/{customer}"), format!("/addresses/{customer}"), format!("/cards/{customer}")];
    let [customer_path, address_path, card_path] = &paths;
    app.call_ok("user", get(customer_path)).await?;
    try_join!(app.call_ok("user", get(address_path)), app.call_ok("user", get(card_path)))?;
    let order = json!({
        "customer": customer_path, "address": address_path, "card": card_path, "items": items_path(customer),
    });
    app.call("orders", post_json("/orders", &order)).await
}

fn items_path(owner: &str) -> String {
    format!("/carts/{owner}/items")
}

fn session_key(id: &str) -> String {
    format!("session:{id}")
}
