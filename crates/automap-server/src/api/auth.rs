//! Who asks, and what they may do.

use axum::http::{HeaderMap, header};
use serde::Deserialize;
use subtle::ConstantTimeEq;

use super::answer::Problem;
use super::config::ApiConfig;

/// What somebody may do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Look.
    #[default]
    Viewer,
    /// Look, confirm causes, send alerts, ask for diagnoses.
    Operator,
}

/// The role of a request; `None` where a token was needed and not given or not known.
pub(super) fn role(config: &ApiConfig, headers: &HeaderMap) -> Result<Role, Problem> {
    if config.tokens.is_empty() {
        return Ok(Role::Operator);
    }
    let given = headers.get(header::AUTHORIZATION).and_then(|v| v.to_str().ok());
    let Some(given) = given.and_then(|v| v.strip_prefix("Bearer ")) else {
        return Err(Problem::new(401, "no token", "send `Authorization: Bearer <token>`"));
    };
    // Every token is compared, and each in constant time: an answer's delay says nothing about how near a guess was.
    let mut found = None;
    for token in &config.tokens {
        let Ok(secret) = token.secret.read() else { continue };
        if bool::from(secret.as_bytes().ct_eq(given.trim().as_bytes())) {
            found = found.max(Some(token.role));
        }
    }
    found.ok_or_else(|| Problem::new(401, "unknown token", "ask the operator of this automap for a token"))
}
