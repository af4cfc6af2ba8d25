//! Asks every way of proving who somebody is, in a fixed order.

use std::time::Instant;

use super::basic::{Users, decode};
use super::config::AuthConfig;
use super::jwks::KeySet;
use super::remote_keys::RemoteKeys;
use super::token::Tokens;
use super::{Claim, Identity, Role, jwt, proxy};
use crate::secret::watched::{SecretError, Watched};

/// Everything that is needed to tell who somebody is.
#[derive(Debug)]
pub struct Authenticator {
    config: AuthConfig,
    tokens: Tokens,
    users: Users,
    keys: Keys,
}

/// Where an identity provider's keys come from.
#[derive(Debug)]
enum Keys {
    None,
    File(Watched<KeySet>),
    Url(RemoteKeys),
}

/// Why it cannot be told yet, or at all.
#[derive(Debug, PartialEq, Eq)]
pub enum Denied {
    /// Nothing was shown.
    Nothing,
    /// What was shown is wrong.
    Wrong,
    /// A password has to be checked, which takes a while: call [`Authenticator::check_password`] where that does not matter.
    Password {
        /// Whose.
        name: String,
        /// As it was sent.
        password: Password,
    },
}

/// A password on its way to being checked. Never printed.
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
            config: config.clone(),
        })
    }

    /// Who somebody is. `now_s` is Unix time. Never takes long.
    ///
    /// # Errors
    /// [`Denied`] when it cannot be told.
    pub fn identify(&self, claim: &Claim<'_>, now: Instant, now_s: f64) -> Result<Identity, Denied> {
        if !self.config.is_on() {
            return Ok(Identity { name: "anonymous".into(), role: Role::Operator });
        }
        if let Some(identity) = self.config.proxy.as_ref().and_then(|p| proxy::identify(p, claim)) {
            return Ok(identity);
        }
        let Some((scheme, value)) = claim.authorization.and_then(|a| a.trim().split_once(' ')) else {
            return Err(if claim.authorization.is_some() { Denied::Wrong } else { Denied::Nothing });
        };
        let value = value.trim();
        if scheme.eq_ignore_ascii_case("bearer") {
            return self.tokens.find(value).or_else(|| self.signed(value, now_s)).ok_or(Denied::Wrong);
        }
        if scheme.eq_ignore_ascii_case("basic") && !self.users.is_empty() {
            let (name, password) = decode(value).ok_or(Denied::Wrong)?;
            let known = self.users.recall(&name, &password, now);
            return known.ok_or(Denied::Password { name, password: Password(password) });
        }
        Err(Denied::Wrong)
    }

    /// Checks a password; takes tens of milliseconds and 19 MiB.
    pub fn check_password(&self, name: &str, password: &Password, now: Instant) -> Option<Identity> {
        self.users.check(name, &password.0, now)
    }

    /// What a client is told to show: the value of `WWW-Authenticate`.
    pub fn challenge(&self) -> &'static str {
        if self.users.is_empty() { r#"Bearer realm="automap""# } else { r#"Basic realm="automap", charset="UTF-8""# }
    }

    /// The keys that have to be fetched from time to time, if any.
    pub fn remote_keys(&self) -> Option<&RemoteKeys> {
        match &self.keys {
            Keys::Url(remote) => Some(remote),
            Keys::None | Keys::File(_) => None,
        }
    }

    /// The trusted proxy, if any.
    pub fn proxy(&self) -> Option<&super::config::ProxyConfig> {
        self.config.proxy.as_ref()
    }

    /// Whether anybody is asked who they are.
    pub fn is_on(&self) -> bool {
        self.config.is_on()
    }

    fn signed(&self, token: &str, now_s: f64) -> Option<Identity> {
        let keys = match &self.keys {
            Keys::None => return None,
            Keys::File(file) => file.get(),
            Keys::Url(remote) => remote.present()?,
        };
        jwt::identify(self.config.jwt.as_ref()?, &keys, token, now_s)
    }
}
