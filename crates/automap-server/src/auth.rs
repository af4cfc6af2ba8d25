//! Who asks, and what may they do?
//!
//! Four ways to prove it: a bearer token, a name and password, a header set by a proxy that is trusted by its address, and a JWT signed by an
//! identity provider. Each is one file; [`Authenticator`] asks them in a fixed order. Nothing here knows HTTP beyond header values, and
//! nothing is remembered about a caller between requests: there are no cookies, so there is nothing to forge from another site.

pub mod basic;
pub mod config;
pub mod jwks;
pub mod jwt;
pub mod proxy;
pub mod remote_keys;
pub mod token;

mod authenticator;

pub use authenticator::{Authenticator, Denied};
pub use basic::hash_password;
pub use config::AuthConfig;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What somebody may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Send alerts, and nothing else: for Alertmanager's and Grafana's credentials.
    Alerts,
    /// Read everything.
    Viewer,
    /// Read, send alerts, start diagnoses and confirm causes.
    Operator,
}

impl Role {
    /// Whether this role is enough where `needed` is asked for.
    pub fn allows(self, needed: Self) -> bool {
        self == Self::Operator || self == needed
    }

    /// The word used in the configuration.
    pub fn word(self) -> &'static str {
        match self {
            Self::Alerts => "alerts",
            Self::Viewer => "viewer",
            Self::Operator => "operator",
        }
    }
}

/// Somebody who has proven who they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Name for the access log and for what they confirm.
    pub name: String,
    /// What they may do.
    pub role: Role,
}

/// The claims of a request before they are checked: header values and the address of the peer.
#[derive(Clone, Copy, Debug)]
pub struct Claim<'a> {
    /// `Authorization`, where there is one.
    pub authorization: Option<&'a str>,
    /// Address of the connection's other end.
    pub peer: std::net::IpAddr,
    /// Value of a header by its lower-case name; `None` where it is missing, not text, or there more than once.
    pub headers: &'a dyn Headers,
}

/// Looks up header values.
pub trait Headers: std::fmt::Debug + Sync {
    /// The value, where there is exactly one and it is text.
    fn one(&self, name: &str) -> Option<&str>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operator_may_all_and_the_others_only_their_own() {
        assert!([Role::Alerts, Role::Viewer, Role::Operator].iter().all(|r| Role::Operator.allows(*r)));
        assert!(Role::Viewer.allows(Role::Viewer) && !Role::Viewer.allows(Role::Operator));
        assert!(!Role::Alerts.allows(Role::Viewer) && !Role::Viewer.allows(Role::Alerts));
    }
}
