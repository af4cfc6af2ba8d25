//! DingTalk (钉钉): a group's robot.

use serde::Deserialize;
use serde_json::json;
use ureq::http::Method;

use super::robot;
use super::service::{Receiver, secret};
use crate::notify::http::{Failure, Http};
use crate::notify::message::Message;
use crate::notify::sign;
use crate::percent::encoded;
use crate::secret::{ExposeSecret, SecretSource};

/// DingTalk's limit of a message is 20,000 bytes.
const MAX_BYTES: usize = 18_000;
/// Busy, or too many messages.
const BUSY: [i64; 3] = [-1, 130_101, 410_100];

/// A DingTalk robot.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DingTalk {
    /// The robot's address, which is a secret.
    pub webhook: SecretSource,
    /// The key of its signature (加签).
    pub secret: Option<SecretSource>,
}

impl Receiver for DingTalk {
    fn send(&self, message: &Message<'_>, http: &Http) -> Result<Option<String>, Failure> {
        let mut url = secret(&self.webhook)?.expose_secret().to_owned();
        if let Some(key) = &self.secret {
            let at = message.now.ms();
            let signature = encoded(&sign::dingtalk(secret(key)?.expose_secret(), at));
            let joint = if url.contains('?') { '&' } else { '?' };
            url = format!("{url}{joint}timestamp={at}&sign={signature}");
        }
        let body = json!({"msgtype": "text", "text": {"content": robot::text(message, MAX_BYTES)}});
        let answer = http.json(Method::POST, &url, &[], &body)?;
        robot::outcome(&answer, "errcode", "errmsg", &BUSY)
    }

    fn per_minute(&self) -> Option<u32> {
        Some(20)
    }

    fn secrets(&self) -> Vec<(&'static str, &SecretSource)> {
        [("webhook", Some(&self.webhook)), ("secret", self.secret.as_ref())]
            .into_iter()
            .filter_map(|(key, source)| source.map(|s| (key, s)))
            .collect()
    }
}
