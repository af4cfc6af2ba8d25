//! The common interface of all receivers, and helpers that several of them need.

use crate::notify::http::{Failure, Http};
use crate::notify::message::Message;
use crate::secret::{ExposeSecret, SecretSource, SecretString};

/// A service that can be notified.
pub(crate) trait Receiver {
    /// Sends once. `Ok`: it was accepted, with the reply that the receiver expects in the next message of this incident.
    fn send(&self, message: &Message<'_>, http: &Http) -> Result<Option<String>, Failure>;

    /// Messages a minute that the service accepts.
    fn per_minute(&self) -> Option<u32> {
        None
    }

    /// How often an open incident has to be sent again, in milliseconds.
    fn refresh_ms(&self) -> Option<i64> {
        None
    }

    /// Addresses in the configuration (those in secrets are checked when they are used).
    fn urls(&self) -> Vec<&str> {
        Vec::new()
    }

    /// The secrets that it uses, by key. The key `secret` means that it only signs messages.
    fn secrets(&self) -> Vec<(&'static str, &SecretSource)> {
        Vec::new()
    }

    /// What is wrong with the configuration.
    fn check(&self) -> Result<(), String> {
        Ok(())
    }
}

/// An unreadable secret is retried: a mounted one may appear a moment later.
pub(super) fn secret(source: &SecretSource) -> Result<SecretString, Failure> {
    source.read().map_err(|e| Failure::later(e.to_string()))
}

/// `Authorization: Bearer …`, if there is a token.
pub(super) fn bearer(token: Option<&SecretSource>) -> Result<Option<String>, Failure> {
    token.map(|t| secret(t).map(|t| format!("Bearer {}", t.expose_secret()))).transpose()
}

/// A base address and a path below it.
pub(super) fn below(base: &str, path: &str) -> String {
    format!("{}{path}", base.trim_end_matches('/'))
}
