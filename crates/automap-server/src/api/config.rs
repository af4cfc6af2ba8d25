//! Where the API listens and who may ask.

use std::net::SocketAddr;

use serde::Deserialize;

use super::auth::Role;
use crate::config::SecretSource;

/// The keys of `api:`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ApiConfig {
    /// Address and port.
    pub listen: SocketAddr,
    /// Bearer tokens; without any, only this machine may ask, and may do everything.
    pub tokens: Vec<Token>,
    /// Listen beyond this machine without any authentication.
    pub insecure_no_auth: bool,
    /// Names under which this server is reached, besides the address; requests for other names are refused while nobody has to authenticate.
    pub hosts: Vec<String>,
}

/// A token and what it may do.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Token {
    /// Whose it is, for logs.
    pub name: String,
    /// Where it is.
    pub secret: SecretSource,
    /// What it may do. Default: look.
    #[serde(default)]
    pub role: Role,
}

impl Default for ApiConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 9977)),
            tokens: Vec::new(),
            insecure_no_auth: false,
            hosts: Vec::new(),
        }
    }
}

impl ApiConfig {
    /// Refuses to be open to everybody by accident.
    ///
    /// # Errors
    /// The key, and what to do.
    pub fn check(&self) -> Result<(), (String, String)> {
        if !self.listen.ip().is_loopback() && self.tokens.is_empty() && !self.insecure_no_auth {
            let reason = format!(
                "{} is reachable from other machines and nobody has to authenticate: name tokens under api.tokens, listen on 127.0.0.1, or \
                 set api.insecure_no_auth: true",
                self.listen
            );
            return Err(("api.listen".to_owned(), reason));
        }
        Ok(())
    }
}
