//! Finds out who asks, and whether the role is enough for the route. Guesses of passwords and tokens are counted for each client and refused
//! beyond a limit, before any expensive check.

use std::time::Instant;

use axum::extract::{Request, State};
use axum::http::request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::api::app::App;
use crate::api::http::header::SingleHeaders;
use crate::api::http::peer::{ClientAddress, Peer};
use crate::api::http::problem::Problem;
use crate::auth::{Credentials, Denied, HeaderLookup, Identity, Role};

/// The layer of one route; `needed` is `None` where no authentication is required.
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

async fn identify(app: &App, parts: &request::Parts) -> Result<Identity, Problem> {
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
    if denied == Denied::NoCredentials {
        return Err(Problem::unauthorized("this route needs credentials", app.auth.challenge()));
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
    identity.ok_or_else(|| Problem::unauthorized("these credentials are wrong", app.auth.challenge()))
}
