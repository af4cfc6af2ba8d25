//! Logging in from a browser. A page sends a token or a name and password once, as every program does, and gets a cookie that scripts cannot read;
//! from then on the cookie replaces them. Users who log in at an identity provider ([`super::oidc`]) get the same cookie.
//! [`crate::api::state::sessions`] describes what it grants, for how long, and how it is protected.

use axum::Extension;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use schemars::JsonSchema;
use serde::Serialize;

use crate::api::app::App;
use crate::api::http::cookie;
use crate::api::http::header::single;
use crate::api::http::problem::Problem;
use crate::api::http::response::uncached;
use crate::api::middleware::authenticate::Caller;
use crate::api::routes::route::Route;
use crate::api::state::sessions::LIFETIME;
use crate::auth::oidc::Oidc;
use crate::auth::{Identity, Role};

const PATH: &str = "/api/v1/session";

pub(super) fn routes() -> Vec<Route> {
    const WHO: &str = "Who asks, and with which credentials one may log in";
    const LOG_IN: &str = "Log in from a browser: the credentials of this request are exchanged for a cookie";
    const LOG_OUT: &str = "Log out: the cookie of this request opens nothing any more";
    vec![
        Route::get(PATH, "getSession", WHO, who).without_credentials().answers::<Session>(200),
        Route::post(PATH, "logIn", LOG_IN, log_in).answers::<Session>(200),
        Route::delete(PATH, "logOut", LOG_OUT, log_out).without_credentials().answers::<Session>(200),
    ]
}

/// Who asks, and how one may log in.
#[derive(Debug, Serialize, JsonSchema)]
struct Session {
    /// Whether credentials are needed.
    is_required: bool,
    /// Whether a token may be sent.
    by_token: bool,
    /// Whether a name and password may be sent.
    by_password: bool,
    /// The name of the identity provider at which a browser may log in, at `/api/v1/session/oidc/login`; `null` where there is none.
    by_provider: Option<String>,
    /// The caller's name; `null` for nobody.
    name: Option<String>,
    /// What the caller may do; `null` for nobody.
    role: Option<Role>,
    /// Whether a cookie stands for the caller, so that logging out makes sense.
    is_logged_in: bool,
    /// After logging out: where logging out of the identity provider goes on; `null` where it ends here.
    log_out_at: Option<String>,
}

impl Session {
    fn of(app: &App, who: Option<&Identity>, is_logged_in: bool) -> Self {
        let auth = &app.config.auth;
        Self {
            is_required: auth.is_enabled(),
            by_token: !auth.tokens.is_empty() || auth.jwt.is_some(),
            by_password: !auth.users.is_empty(),
            by_provider: app.auth.oidc().map(|oidc| oidc.name().to_owned()),
            name: who.map(|who| who.name.clone()),
            role: who.map(|who| who.role),
            is_logged_in,
            log_out_at: None,
        }
    }
}

/// `GET /api/v1/session`
async fn who(State(app): State<App>, caller: Caller) -> Result<Response, Problem> {
    let Caller { identity, by_cookie } = caller;
    uncached(StatusCode::OK, &Session::of(&app, identity.as_ref(), by_cookie))
}

/// `POST /api/v1/session`
async fn log_in(
    State(app): State<App>,
    Extension(who): Extension<Identity>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let mut response = uncached(StatusCode::OK, &Session::of(&app, Some(&who), app.auth.is_enabled()))?;
    // Without credentials there is nothing for a cookie to replace, and a cookie must not prolong itself for ever.
    if app.auth.is_enabled() && headers.contains_key(header::AUTHORIZATION) {
        let value = app.sessions.begin(who, app.now()).ok_or_else(|| Problem::internal("session"))?;
        set_cookie(&mut response, &cookie::set(&value, LIFETIME, is_encrypted(&app, &headers)))?;
    }
    Ok(response)
}

/// `DELETE /api/v1/session`
async fn log_out(State(app): State<App>, headers: HeaderMap) -> Result<Response, Problem> {
    if let Some(value) = cookie::value(&headers) {
        app.sessions.end(value);
    }
    let log_out_at = app.auth.oidc().and_then(Oidc::log_out_location);
    let mut response = uncached(StatusCode::OK, &Session { log_out_at, ..Session::of(&app, None, false) })?;
    set_cookie(&mut response, &cookie::removed(is_encrypted(&app, &headers)))?;
    Ok(response)
}

/// Whether the browser reached automap over TLS: here, or at a proxy that says so. A false claim restricts only the claimant's own cookie.
pub(super) fn is_encrypted(app: &App, headers: &HeaderMap) -> bool {
    app.tls.is_some() || single(headers, "x-forwarded-proto") == Some("https")
}

fn set_cookie(response: &mut Response, text: &str) -> Result<(), Problem> {
    let value = HeaderValue::from_str(text).map_err(|_| Problem::internal("cookie"))?;
    response.headers_mut().insert(header::SET_COOKIE, value);
    Ok(())
}
