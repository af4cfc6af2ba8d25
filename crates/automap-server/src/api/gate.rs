//! Who asks, and is it enough for this route?

use std::time::Instant;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, request};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::access::Client;
use super::problem::Problem;
use super::serve::Peer;
use super::state::App;
use crate::auth::{Claim, Denied, Headers, Identity, Role};

/// The layer of one route. `None`: everybody may ask.
pub(crate) async fn gate(State((app, needs)): State<(App, Option<Role>)>, request: Request, next: Next) -> Response {
    let Some(needed) = needs else { return next.run(request).await };
    let (mut parts, body) = request.into_parts();
    let identity = match who(&app, &parts).await {
        Ok(identity) => identity,
        Err(problem) => return problem.into_response(),
    };
    let mut response = if identity.role.allows(needed) {
        parts.extensions.insert(identity.clone());
        next.run(Request::from_parts(parts, body)).await
    } else {
        let detail =
            format!("{} has the role {}, and this needs {}", identity.name, identity.role.word(), needed.word());
        Problem::forbidden(detail, "use other credentials, or change the role in the configuration's api.auth")
            .into_response()
    };
    response.extensions_mut().insert(identity);
    response
}

async fn who(app: &App, parts: &request::Parts) -> Result<Identity, Problem> {
    let peer = Peer::of(&parts.extensions);
    let client = parts.extensions.get::<Client>().map_or(peer, |c| c.0);
    let now = Instant::now();
    let headers = OneOf(&parts.headers);
    let claim = Claim { authorization: headers.one("authorization"), peer, headers: &headers };
    if claim.authorization.is_none() && parts.headers.contains_key("authorization") {
        return Err(Problem::bad_request("header Authorization", "it is there twice or is no text", "send it once"));
    }
    let denied = match app.auth.identify(&claim, now, app.now().seconds()) {
        Ok(identity) => return Ok(identity),
        Err(denied) => denied,
    };
    if denied == Denied::Nothing {
        return Err(Problem::unauthorized("this needs to know who asks", app.auth.challenge()));
    }
    // Counted before the work, so that guesses sent at once do not all get through.
    app.wrong_credentials.take(client, now).map_err(|wait| Problem::too_many("too many wrong credentials", wait))?;
    let known = match denied {
        Denied::Password { name, password } => {
            let checked = app.clone();
            app.passwords.run(move || checked.auth.check_password(&name, &password, now)).await?
        }
        Denied::Nothing | Denied::Wrong => None,
    };
    if known.is_some() {
        app.wrong_credentials.give_back(client);
    }
    known.ok_or_else(|| Problem::unauthorized("these credentials are wrong", app.auth.challenge()))
}

/// The value of a header that is there exactly once and is text.
pub(crate) fn one<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?;
    values.next().is_none().then(|| value.to_str().ok()).flatten()
}

#[derive(Debug)]
struct OneOf<'a>(&'a HeaderMap);

impl Headers for OneOf<'_> {
    fn one(&self, name: &str) -> Option<&str> {
        one(self.0, name)
    }
}
