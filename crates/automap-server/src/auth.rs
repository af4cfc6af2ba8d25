//! Authentication: who sends a request, and which role that caller has.
//!
//! There are four kinds of credentials: a bearer token, a name and password, headers set by a proxy that is trusted by its address, and a JWT
//! signed by an identity provider. Each has a file of its own; [`Authenticator`] tries them in a fixed order. Nothing here knows HTTP beyond
//! header values. There are no sessions and no cookies, so a page of another site has nothing to abuse.

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

/// What a caller may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Send alerts, and nothing else: for the credentials of Alertmanager and Grafana.
    Alerts,
    /// Read everything.
    Viewer,
    /// Read, send alerts, start diagnoses and confirm causes.
    Operator,
}

impl Role {
    /// Whether this role is enough where `needed` is required.
    pub fn allows(self, needed: Self) -> bool {
        self == Self::Operator || self == needed
    }

    /// The name used in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Alerts => "alerts",
            Self::Viewer => "viewer",
            Self::Operator => "operator",
        }
    }
}

/// A caller whose credentials were accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Name for the access log and for confirmations.
    pub name: String,
    /// What the caller may do.
    pub role: Role,
}

/// The credentials of a request before they are checked: header values and the address of the peer.
#[derive(Clone, Copy, Debug)]
pub struct Credentials<'a> {
    /// The header `Authorization`, if present.
    pub authorization: Option<&'a str>,
    /// Address of the connection's other end.
    pub peer: std::net::IpAddr,
    /// The other headers.
    pub headers: &'a dyn HeaderLookup,
}

/// Looks up header values by lower-case name.
pub trait HeaderLookup: std::fmt::Debug + Sync {
    /// The value, where the header is present exactly once and is text.
    fn single(&self, name: &str) -> Option<&str>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operator_may_do_everything_and_the_others_only_their_own() {
        assert!([Role::Alerts, Role::Viewer, Role::Operator].iter().all(|r| Role::Operator.allows(*r)));
        assert!(Role::Viewer.allows(Role::Viewer) && !Role::Viewer.allows(Role::Operator));
        assert!(!Role::Alerts.allows(Role::Viewer) && !Role::Viewer.allows(Role::Alerts));
    }
}
