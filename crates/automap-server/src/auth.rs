//! Authentication: who sends a request, and which role that caller has.
//!
//! There are four kinds of credentials: a bearer token, a name and password, headers set by a proxy that is trusted by its address, and a JWT signed
//! by an identity provider. Each has its own file; [`Authenticator`] tries them in a fixed order. People may also log in at an identity provider with
//! their browser ([`oidc`]). Nothing here answers requests: the API owns sessions and cookies.

pub mod basic;
pub mod config;
pub mod jwks;
pub mod jwt;
pub mod oidc;
pub(crate) mod password_hash;
pub mod proxy;
pub mod remote_keys;
pub mod token;

mod authenticator;
mod credentials;
mod identity;

pub use authenticator::{Authenticator, Denied};
pub use basic::hash_password;
pub use config::AuthConfig;
pub use credentials::{Credentials, HeaderLookup};
pub use identity::{Identity, Role};
