//! Identifies the caller, and checks that the role is sufficient for the route. Wrong passwords and tokens are counted for each client and refused
//! beyond a limit, before any expensive check.
//!
//! A browser that logged in sends a cookie instead of credentials. A request that changes something and is authenticated by a cookie must prove that
//! it comes from automap's own page: browsers always state the origin, in `Origin` or `Sec-Fetch-Site`.

use std::time::Instant;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::api::app::App;
use crate::api::http::cookie;
use crate::api::http::header::{SingleHeaders, single};
use crate::api::http::peer::{ClientAddress, Peer};
use crate::api::http::problem::Problem;
use crate::auth::{Credentials, Denied, HeaderLookup, Identity, Role};

/// Asks for a token. With `Basic`, a browser whose script requests data would show its own password dialog.
const ASK_FOR_TOKEN: &str = r#"Bearer realm="automap""#;

/// The caller of a route that needs no credentials; may be anonymous.
#[derive(Debug)]
pub(crate) struct Caller {
    /// Who it is; `None` if anonymous.
    pub(crate) identity: Option<Identity>,
    /// Whether a cookie identified it.
    pub(crate) by_cookie: bool,
}

impl FromRequestParts<App> for Caller {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Self::Rejection> {
        let has_credentials = parts.headers.contains_key(header::AUTHORIZATION);
        let identity = identify(app, parts).await.ok();
        let by_cookie = !has_credentials && app.auth.is_enabled() && of_cookie(app, &parts.headers).is_some();
        Ok(Self { by_cookie: by_cookie && identity.is_some(), identity })
    }
}

/// The layer of one route; `needed` is `None` if no authentication is required.
pub(crate) async fn authenticate(
    State((app, needed)): State<(App, Option<Role>)>,
    request: Request,
    next: Next,
) -> Response {
    let Some(needed) = needed else { return next.run(request).await };
    let (mut parts, body) = request.into_parts();
    let identity = match identify(&app, &parts).await {
        Ok(identity) => identity,
        Err(problem) => return problem.into_response(),
    };
    let mut response = if identity.role.allows(needed) {
        parts.extensions.insert(identity.clone());
        next.run(Request::from_parts(parts, body)).await
    } else {
        let detail =
            format!("{} has the role {}; this needs {}", identity.name, identity.role.as_str(), needed.as_str());
        Problem::forbidden(detail, "use other credentials, or change the role in the configuration's api.auth")
            .into_response()
    };
    response.extensions_mut().insert(identity);
    response
}

async fn identify(app: &App, parts: &Parts) -> Result<Identity, Problem> {
    let peer = Peer::of(&parts.extensions);
    let client = ClientAddress::of(&parts.extensions);
    let now = Instant::now();
    let headers = SingleHeaders(&parts.headers);
    let credentials = Credentials { authorization: headers.single("authorization"), peer, headers: &headers };
    if credentials.authorization.is_none() && parts.headers.contains_key("authorization") {
        return Err(Problem::bad_request("header Authorization", "it is sent twice or is not text", "send it once"));
    }
    let denied = match app.auth.identify(&credentials, now, app.now().seconds()) {
        Ok(identity) => return Ok(identity),
        Err(denied) => denied,
    };
    let challenge = challenge(app, &parts.headers);
    if denied == Denied::NoCredentials {
        let identity = of_cookie(app, &parts.headers);
        let identity = identity.ok_or_else(|| Problem::unauthorized("this route needs credentials", challenge))?;
        return check_page(&parts.method, &parts.headers).map(|()| identity);
    }
    // Counted before the check, so that guesses sent at the same time do not all pass.
    app.wrong_credentials.take(client, now).map_err(|wait| Problem::too_many("too many wrong credentials", wait))?;
    let identity = match denied {
        Denied::NeedsPasswordCheck { name, password } => {
            let checked = app.clone();
            app.passwords.run(move || checked.auth.check_password(&name, &password, now)).await?
        }
        Denied::NoCredentials | Denied::WrongCredentials => None,
    };
    if identity.is_some() {
        app.wrong_credentials.give_back(client);
    }
    identity.ok_or_else(|| Problem::unauthorized("these credentials are wrong", challenge))
}

fn of_cookie(app: &App, headers: &HeaderMap) -> Option<Identity> {
    app.sessions.find(cookie::value(headers)?, app.now())
}

/// Which credentials to request.
fn challenge(app: &App, headers: &HeaderMap) -> &'static str {
    match single(headers, "sec-fetch-dest") {
        Some("empty") => ASK_FOR_TOKEN,
        _ => app.auth.challenge(),
    }
}

/// Refuses a change that is authenticated by a cookie unless it states that it comes from automap's own page. Whether an `Origin` is one of automap's
/// was checked before.
fn check_page(method: &Method, headers: &HeaderMap) -> Result<(), Problem> {
    let is_read = matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS);
    let is_own = single(headers, "sec-fetch-site") == Some("same-origin") || headers.contains_key(header::ORIGIN);
    if is_read || is_own {
        return Ok(());
    }
    let detail = "a change with a cookie has to come from automap's own page";
    Err(Problem::forbidden(detail, "send the header `Authorization` instead of the cookie").at("header Origin"))
}
