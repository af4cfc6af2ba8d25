//! Errors as problem documents (RFC 9457). Every problem names the thing, the place and what to try next. The database's own error texts
//! may contain paths and addresses: they go to the log and never into a problem.

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::Serialize;

use crate::store::StoreError;
use crate::system::SystemError;
use crate::system::questions::STORE_UNAVAILABLE;

/// Why a request was not answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct Problem {
    /// The kind of problem, such as `urn:automap:problem:not-found`.
    #[serde(rename = "type")]
    pub(crate) kind: String,
    /// The kind as text for people.
    pub(crate) title: String,
    /// The HTTP status.
    pub(crate) status: u16,
    /// What is wrong with this request.
    pub(crate) detail: String,
    /// Where: a parameter, a field, a target.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) place: Option<String>,
    /// What to try next.
    pub(crate) next: String,
    /// Seconds after which another try makes sense.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) retry_after_s: Option<u64>,
    #[serde(skip)]
    extra: Option<(HeaderName, HeaderValue)>,
}

/// Media type of a problem.
pub(crate) const PROBLEM_JSON: &str = "application/problem+json";

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

    /// 400: the request is not valid.
    pub(crate) fn bad_request(place: impl Into<String>, detail: impl Into<String>, next: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad-request", detail, next).at(place)
    }

    /// 404.
    pub(crate) fn not_found(what: &str, name: &str) -> Self {
        let next = match what {
            "route" => "see /api/v1/openapi.json".to_owned(),
            "incident" | "target" => format!("list the {what}s: GET /api/v1/{what}s"),
            _ => "list the existing ones first".to_owned(),
        };
        Self::new(StatusCode::NOT_FOUND, "not-found", format!("there is no {what} {name:?}"), next).at(what)
    }

    /// 401, with the value of `WWW-Authenticate`.
    pub(crate) fn unauthorized(detail: &str, challenge: &'static str) -> Self {
        let next = "send the header `Authorization` with a token or password of the configuration's api.auth";
        let mut problem = Self::new(StatusCode::UNAUTHORIZED, "unauthorized", detail, next);
        problem.extra = Some((header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge)));
        problem
    }

    /// 403.
    pub(crate) fn forbidden(detail: impl Into<String>, next: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", detail, next)
    }

    /// Any other client error (4xx).
    pub(crate) fn refused(status: StatusCode, kind: &str, detail: impl Into<String>, next: impl Into<String>) -> Self {
        Self::new(status, kind, detail, next)
    }

    /// 429: more work than the limits allow.
    pub(crate) fn too_many(detail: impl Into<String>, retry_after_s: u64) -> Self {
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
    pub(crate) fn unavailable(place: impl Into<String>, detail: impl Into<String>) -> Self {
        let next = "ask again later; /readyz and the log say what is wrong";
        let mut problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail, next).at(place);
        problem.retry_after_s = Some(5);
        problem
    }

    /// 500: a bug in automap.
    pub(crate) fn internal(place: impl Into<String>) -> Self {
        let next = "report it with the request's X-Request-Id and the log around it";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "automap failed because of a bug", next).at(place)
    }

    /// Sets the place.
    #[must_use]
    pub(crate) fn at(mut self, place: impl Into<String>) -> Self {
        self.place = Some(place.into());
        self
    }

    /// Says something else to try next.
    #[must_use]
    pub(crate) fn with_next(mut self, next: impl Into<String>) -> Self {
        self.next = next.into();
        self
    }

    /// Turns it into a 503, for senders that repeat only after a 5xx.
    #[must_use]
    pub(crate) fn into_unavailable(mut self) -> Self {
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
            StoreError::History { .. } => {
                Self::new(StatusCode::CONFLICT, "history", error.to_string(), "name another incident")
            }
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
            StoreError::Database { .. } | StoreError::TooNew { .. } | StoreError::Foreign { .. } => {
                Self::unavailable("store", STORE_UNAVAILABLE)
            }
        }
    }
}
