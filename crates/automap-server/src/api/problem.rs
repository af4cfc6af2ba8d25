//! Errors as RFC 9457 wants them, with the house's three parts: the thing, the place, and what to try next.

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::Serialize;

use super::system::SystemError;
use crate::store::StoreError;

/// An answer that is no answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Problem {
    /// `urn:automap:problem:not-found`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The kind in words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What is wrong with this request.
    pub detail: String,
    /// Where: a parameter, a field, a target.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// What to try next.
    pub next: String,
    /// Seconds after which another try makes sense.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after_s: Option<u64>,
    #[serde(skip)]
    extra: Option<(HeaderName, HeaderValue)>,
}

/// Media type of a problem.
pub const PROBLEM_JSON: &str = "application/problem+json";

impl Problem {
    fn new(status: StatusCode, kind: &str, detail: impl Into<String>, next: impl Into<String>) -> Self {
        Self {
            kind: format!("urn:automap:problem:{kind}"),
            title: kind.replace('-', " "),
            status: status.as_u16(),
            detail: detail.into(),
            place: None,
            next: next.into(),
            retry_after_s: None,
            extra: None,
        }
    }

    /// 400: the request makes no sense.
    pub fn bad_request(place: impl Into<String>, detail: impl Into<String>, next: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad-request", detail, next).at(place)
    }

    /// 404.
    pub fn not_found(what: &str, name: &str) -> Self {
        let next = match what {
            "route" => "see /api/v1/openapi.json".to_owned(),
            "incident" | "target" => format!("list what there is: GET /api/v1/{what}s"),
            _ => "list what there is first".to_owned(),
        };
        Self::new(StatusCode::NOT_FOUND, "not-found", format!("there is no {what} {name:?}"), next).at(what)
    }

    /// 401, with what is to be shown.
    pub fn unauthorized(detail: &str, challenge: &'static str) -> Self {
        let next = "send the header `Authorization` with a token or password of the configuration's api.auth";
        let mut problem = Self::new(StatusCode::UNAUTHORIZED, "unauthorized", detail, next);
        problem.extra = Some((header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge)));
        problem
    }

    /// 403.
    pub fn forbidden(detail: impl Into<String>, next: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", detail, next)
    }

    /// Any other refusal that tells a client what it did wrong.
    pub fn refused(status: StatusCode, kind: &str, detail: impl Into<String>, next: impl Into<String>) -> Self {
        Self::new(status, kind, detail, next)
    }

    /// 429: too much is asked for at once.
    pub fn too_many(detail: impl Into<String>, retry_after_s: u64) -> Self {
        let mut problem = Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            "too-many-requests",
            detail,
            "ask again later, less often, or raise api.limits",
        );
        problem.retry_after_s = Some(retry_after_s);
        problem
    }

    /// 503: it cannot be done now.
    pub fn unavailable(place: impl Into<String>, detail: impl Into<String>) -> Self {
        let next = "ask again later; /readyz and the log say what is wrong";
        let mut problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail, next).at(place);
        problem.retry_after_s = Some(5);
        problem
    }

    /// 500: a fault of ours.
    pub fn internal(place: impl Into<String>) -> Self {
        let next = "report it with the request's X-Request-Id and the log around it";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "automap made a mistake", next).at(place)
    }

    /// The same, at a place.
    #[must_use]
    pub fn at(mut self, place: impl Into<String>) -> Self {
        self.place = Some(place.into());
        self
    }

    /// The same as a 503, for senders that repeat only after a 5xx.
    #[must_use]
    pub fn as_unavailable(mut self) -> Self {
        self.status = StatusCode::SERVICE_UNAVAILABLE.as_u16();
        self
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_vec(&self).unwrap_or_default();
        let mut response = (status, [(header::CONTENT_TYPE, PROBLEM_JSON)], body).into_response();
        if let Some(seconds) = self.retry_after_s {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Some((name, value)) = self.extra {
            response.headers_mut().insert(name, value);
        }
        response
    }
}

impl From<SystemError> for Problem {
    fn from(error: SystemError) -> Self {
        match error {
            SystemError::NotFound { what, name } => Self::not_found(what, &name),
            SystemError::Refused { message, next } => {
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, "refused", message, next)
            }
            SystemError::Unavailable { place, message } => Self::unavailable(place, message),
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match &error {
            StoreError::Conflict { .. } => {
                Self::new(StatusCode::CONFLICT, "conflict", error.to_string(), "read the incident and try again")
            }
            // The database's own words may hold paths and addresses: they go to the log, not to a client.
            StoreError::Damaged { what, .. } => Self::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "damaged",
                format!("a stored value cannot be read: {what}"),
                "see the log; restore the database from a backup if it persists",
            ),
            StoreError::Unfit { what, reason } => Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "unfit",
                format!("{what} cannot be kept: {reason}"),
                "send another value",
            ),
            StoreError::NotLeader { target } => Self::unavailable(target.clone(), "another replica leads this target"),
            StoreError::Database { .. } | StoreError::TooNew { .. } => {
                Self::unavailable("store", "the database does not answer")
            }
        }
    }
}
