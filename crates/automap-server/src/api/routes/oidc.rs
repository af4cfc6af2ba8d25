//! Logging in at an identity provider: the browser is sent there, comes back, and gets the same session cookie as a login with a password.
//!
//! Both steps are browser navigations, so errors are answered with a readable page. The session cookie is `SameSite=Strict`: the page that the
//! browser is sent to afterwards needs no credentials, and its requests then come from automap's own page.

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::Deserialize;
use tracing::{info, warn};

use crate::api::app::App;
use crate::api::http::cookie;
use crate::api::http::extract::QueryParameters;
use crate::api::http::problem::Problem;
use crate::api::http::problem_page;
use crate::api::routes::route::Route;
use crate::api::routes::session::is_encrypted;
use crate::api::state::sessions::LIFETIME;
use crate::auth::oidc::{CALLBACK_PATH, Callback, LoggedIn, LoginError, Oidc, PENDING_S};

const LOGIN_PATH: &str = "/api/v1/session/oidc/login";

pub(super) fn routes() -> Vec<Route> {
    const LOGIN: &str = "Log in at the identity provider: sends a browser there";
    const CALLBACK: &str = "Where the identity provider sends a browser back to";
    vec![
        Route::get(LOGIN_PATH, "beginOidcLogin", LOGIN, login)
            .without_credentials()
            .query::<LoginQuery>()
            .redirects("The address of the identity provider"),
        Route::get(CALLBACK_PATH, "finishOidcLogin", CALLBACK, callback)
            .without_credentials()
            .query::<CallbackQuery>()
            .redirects("The page where the login began"),
    ]
}

/// Where a login leads.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct LoginQuery {
    /// The path of the page to go back to; the first page when left out.
    to: Option<String>,
}

/// What an identity provider adds to the address. Providers add more, which is not read.
#[derive(Debug, Deserialize, JsonSchema)]
struct CallbackQuery {
    /// The code to exchange.
    code: Option<String>,
    /// What the login began with.
    state: Option<String>,
    /// Why there is no code.
    error: Option<String>,
    /// The same in words.
    error_description: Option<String>,
    /// The provider.
    iss: Option<String>,
}

/// `GET /api/v1/session/oidc/login`
async fn login(
    State(app): State<App>,
    request: HeaderMap,
    query: Result<QueryParameters<LoginQuery>, Problem>,
) -> Response {
    answer(&request, begin(&app, &request, query))
}

fn begin(
    app: &App,
    request: &HeaderMap,
    query: Result<QueryParameters<LoginQuery>, Problem>,
) -> Result<Response, Problem> {
    let QueryParameters(LoginQuery { to }) = query?;
    let oidc = configured(app)?;
    let begun = oidc.begin(to.as_deref().unwrap_or("/"), app.now().seconds());
    let begun = begun.map_err(|error| problem(oidc, &error))?;
    let is_encrypted = oidc.is_encrypted() || is_encrypted(app, request);
    redirect(&begun.location, &[cookie::set_login(&begun.cookie, PENDING_S, is_encrypted)])
}

/// `GET /api/v1/session/oidc/callback`
async fn callback(
    State(app): State<App>,
    request: HeaderMap,
    query: Result<QueryParameters<CallbackQuery>, Problem>,
) -> Response {
    let finished = finish(&app, &request, query).await;
    answer(&request, finished)
}

async fn finish(
    app: &App,
    request: &HeaderMap,
    query: Result<QueryParameters<CallbackQuery>, Problem>,
) -> Result<Response, Problem> {
    let QueryParameters(CallbackQuery { code, state, error, error_description, iss }) = query?;
    let oidc = configured(app)?;
    let callback = Callback { code, state, error, error_description, iss };
    let (asked, cookie, now_s) = (app.clone(), cookie::login_value(request).map(str::to_owned), app.now().seconds());
    let finished =
        app.logins.run(move || asked.auth.oidc().map(|oidc| oidc.finish(&callback, cookie.as_deref(), now_s))).await?;
    let LoggedIn { identity, to } = finished.ok_or_else(not_configured)?.map_err(|error| problem(oidc, &error))?;
    info!(target: "login", user = identity.name, role = identity.role.as_str(), "somebody logged in at the identity provider");
    let value = app.sessions.begin(identity, app.now()).ok_or_else(|| Problem::internal("session"))?;
    let is_encrypted = oidc.is_encrypted() || is_encrypted(app, request);
    redirect(&to, &[cookie::set(&value, LIFETIME, is_encrypted), cookie::removed_login(is_encrypted)])
}

fn configured(app: &App) -> Result<&Oidc, Problem> {
    app.auth.oidc().ok_or_else(not_configured)
}

fn not_configured() -> Problem {
    let next = "configure api.auth.oidc, or log in as `GET /api/v1/session` says";
    Problem::refused(StatusCode::NOT_FOUND, "not-found", "no identity provider is configured", next).at("api.auth.oidc")
}

/// 303: whatever the method was, the browser gets the next page.
fn redirect(location: &str, cookies: &[String]) -> Result<Response, Problem> {
    let header = |text: &str| HeaderValue::from_str(text).map_err(|_| Problem::internal("redirect"));
    let mut response = StatusCode::SEE_OTHER.into_response();
    response.headers_mut().insert(header::LOCATION, header(location)?);
    for cookie in cookies {
        response.headers_mut().append(header::SET_COOKIE, header(cookie)?);
    }
    Ok(response)
}

fn answer(request: &HeaderMap, answer: Result<Response, Problem>) -> Response {
    answer.unwrap_or_else(|problem| problem_page::answer(request, "You are not logged in", problem))
}

/// The problem as people read it: what is wrong, where, and what to try.
fn problem(oidc: &Oidc, error: &LoginError) -> Problem {
    warn!(target: "login", %error, "a login at the identity provider failed");
    let again = "go to the first page and log in again";
    match error {
        LoginError::Provider(_) => {
            // The provider's message may name addresses inside the network: it is in the log.
            let detail = format!("{} does not answer as it should", oidc.name());
            let next = "try again in a minute; automap's log says what is wrong";
            Problem::unavailable("the identity provider", detail).with_next(next)
        }
        LoginError::NotBegun | LoginError::OtherLogin => {
            Problem::bad_request("this login", error.to_string(), format!("{again}; cookies have to be allowed"))
        }
        LoginError::Denied(_) => {
            let next = format!(
                "{again}; if it stays, ask whoever runs {} whether automap is registered there as it should",
                oidc.name()
            );
            Problem::forbidden(error.to_string(), next).at("the identity provider")
        }
        LoginError::Token(_) => {
            let next = "tell whoever runs automap: issuer, client_id and the clocks of both have to agree";
            Problem::forbidden(error.to_string(), next).at("api.auth.oidc")
        }
        LoginError::NoRole(_) => {
            let next = "ask whoever runs automap to name one of your groups in operator_groups or viewer_groups of api.auth.oidc";
            Problem::forbidden(error.to_string(), next)
                .at(format!("the claim {:?} of the ID token", oidc.groups_claim()))
        }
    }
}
