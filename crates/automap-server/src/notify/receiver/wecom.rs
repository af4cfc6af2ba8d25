//! WeCom (企业微信): a group's robot.

use serde::Deserialize;
use serde_json::json;
use ureq::http::Method;

use super::robot;
use super::service::{Receiver, secret};
use crate::notify::http::{Failure, Http};
use crate::notify::message::Message;
use crate::secret::{ExposeSecret, SecretSource};

/// WeCom's limit of a text message.
const MAX_BYTES: usize = 2048;
/// Busy, or too many messages.
const BUSY: [i64; 3] = [-1, 45009, 45033];

/// A WeCom robot.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WeCom {
    /// The robot's address, which is a secret.
    pub webhook: SecretSource,
}

impl Receiver for WeCom {
    fn send(&self, message: &Message<'_>, http: &Http) -> Result<Option<String>, Failure> {
        let body = json!({"msgtype": "text", "text": {"content": robot::text(message, MAX_BYTES)}});
        let answer = http.json(Method::POST, secret(&self.webhook)?.expose_secret(), &[], &body)?;
        robot::outcome(&answer, "errcode", "errmsg", &BUSY)
    }

    fn per_minute(&self) -> Option<u32> {
        Some(20)
    }

    fn secrets(&self) -> Vec<(&'static str, &SecretSource)> {
        vec![("webhook", &self.webhook)]
    }
}
