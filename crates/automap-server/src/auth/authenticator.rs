//! Tries every configured kind of credentials in a fixed order: proxy, bearer token, JWT, password.

use std::time::Instant;

use super::basic::{Users, decode};
use super::config::AuthConfig;
use super::credentials::Credentials;
use super::identity::{Identity, Role};
use super::jwks::KeySet;
use super::oidc::Oidc;
use super::remote_keys::RemoteKeys;
use super::token::Tokens;
use super::{jwt, proxy};
use crate::secret::watched::{SecretError, Watched};

/// Checks credentials against the configuration.
#[derive(Debug)]
pub struct Authenticator {
    config: AuthConfig,
    tokens: Tokens,
    users: Users,
    keys: Keys,
    oidc: Option<Oidc>,
}

/// Where an identity provider's keys come from.
#[derive(Debug)]
enum Keys {
    None,
    File(Watched<KeySet>),
    Url(RemoteKeys),
}

/// Why credentials were not accepted, or not yet.
#[derive(Debug, PartialEq, Eq)]
pub enum Denied {
    /// The request carries no credentials.
    NoCredentials,
    /// The credentials are wrong.
    WrongCredentials,
    /// A password has to be checked, which takes tens of milliseconds: call [`Authenticator::check_password`] on a thread that may block.
    NeedsPasswordCheck {
        /// The user.
        name: String,
        /// The password as it was sent.
        password: Password,
    },
}

/// A password that was sent. It is never printed.
#[derive(PartialEq, Eq)]
pub struct Password(String);

impl std::fmt::Debug for Password {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Password(…)")
    }
}

impl Authenticator {
    /// Reads all secrets.
    ///
    /// # Errors
    /// [`SecretError`] for the first that cannot be read.
    pub fn open(config: &AuthConfig) -> Result<Self, SecretError> {
        let jwt = config.jwt.as_ref();
        let keys = match jwt.map(|jwt| (&jwt.jwks_file, &jwt.jwks_url, &jwt.jwks_ca_file)) {
            Some((Some(path), _, _)) => Keys::File(Watched::open(path, KeySet::parse)?),
            Some((None, Some(url), ca)) => Keys::Url(RemoteKeys::new(url, ca.as_deref())?),
            Some((None, None, _)) | None => Keys::None,
        };
        Ok(Self {
            tokens: Tokens::open(&config.tokens)?,
            users: Users::open(&config.users)?,
            keys,
            oidc: config.oidc.as_ref().map(Oidc::open).transpose()?,
            config: config.clone(),
        })
    }

    /// The caller that the credentials belong to. `now_s` is Unix time in seconds. Does not block.
    ///
    /// # Errors
    /// [`Denied`] when they are missing, wrong, or need a password check.
    pub fn identify(&self, credentials: &Credentials<'_>, now: Instant, now_s: f64) -> Result<Identity, Denied> {
        if !self.config.is_enabled() {
            return Ok(Identity { name: "anonymous".into(), role: Role::Operator });
        }
        if let Some(identity) = self.config.proxy.as_ref().and_then(|p| proxy::identify(p, credentials)) {
            return Ok(identity);
        }
        let Some((scheme, value)) = credentials.authorization.and_then(|a| a.trim().split_once(' ')) else {
            return Err(if credentials.authorization.is_some() {
                Denied::WrongCredentials
            } else {
                Denied::NoCredentials
            });
        };
        let value = value.trim();
        if scheme.eq_ignore_ascii_case("bearer") {
            return self.tokens.find(value).or_else(|| self.identify_jwt(value, now_s)).ok_or(Denied::WrongCredentials);
        }
        if scheme.eq_ignore_ascii_case("basic") && !self.users.is_empty() {
            let (name, password) = decode(value).ok_or(Denied::WrongCredentials)?;
            let identity = self.users.recall(&name, &password, now);
            return identity.ok_or(Denied::NeedsPasswordCheck { name, password: Password(password) });
        }
        Err(Denied::WrongCredentials)
    }

    /// Checks a password. Takes tens of milliseconds; checks wait for each other.
    pub fn check_password(&self, name: &str, password: &Password, now: Instant) -> Option<Identity> {
        self.users.check(name, &password.0, now)
    }

    /// The value of `WWW-Authenticate`: which credentials a client should send.
    pub fn challenge(&self) -> &'static str {
        if self.users.is_empty() { r#"Bearer realm="automap""# } else { r#"Basic realm="automap", charset="UTF-8""# }
    }

    /// The identity provider's keys that have to be fetched regularly, if any.
    pub fn remote_keys(&self) -> Option<&RemoteKeys> {
        match &self.keys {
            Keys::Url(remote) => Some(remote),
            Keys::None | Keys::File(_) => None,
        }
    }

    /// The identity provider at which people log in, if any.
    pub fn oidc(&self) -> Option<&Oidc> {
        self.oidc.as_ref()
    }

    /// The trusted proxy, if any.
    pub fn proxy(&self) -> Option<&super::config::ProxyConfig> {
        self.config.proxy.as_ref()
    }

    /// Whether credentials are required.
    pub fn is_enabled(&self) -> bool {
        self.config.is_enabled()
    }

    fn identify_jwt(&self, token: &str, now_s: f64) -> Option<Identity> {
        let keys = match &self.keys {
            Keys::None => return None,
            Keys::File(file) => file.get(),
            Keys::Url(remote) => remote.current()?,
        };
        jwt::identify(self.config.jwt.as_ref()?, &keys, token, now_s)
    }
}
