//! Feishu (飞书) and Lark: a group's robot.

use serde::Deserialize;
use serde_json::json;
use ureq::http::Method;

use super::robot;
use super::service::{Receiver, secret};
use crate::notify::http::{Failure, Http};
use crate::notify::message::Message;
use crate::notify::sign;
use crate::notify::text::cut_bytes;
use crate::secret::{ExposeSecret, SecretSource};

/// Feishu's limit of a request is 20 KB; JSON escapes need room.
const MAX_BYTES: usize = 12_000;
/// A title is one line.
const MAX_TITLE_BYTES: usize = 500;
/// Busy, or too many messages.
const BUSY: [i64; 2] = [9499, 11232];

/// A Feishu robot. The message is a `post`, whose text elements are shown literally: a plain `text` would interpret `<at …>` in a service's name.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Feishu {
    /// The robot's address, which is a secret.
    pub webhook: SecretSource,
    /// The key of its signature (签名校验).
    pub secret: Option<SecretSource>,
}

impl Receiver for Feishu {
    fn send(&self, message: &Message<'_>, http: &Http) -> Result<Option<String>, Failure> {
        let text = cut_bytes(&message.text, MAX_BYTES);
        let lines: Vec<_> =
            text.lines().map(|line| json!([{"tag": "text", "un_escape": false, "text": line}])).collect();
        let title = cut_bytes(&message.marked_title(), MAX_TITLE_BYTES);
        let post = json!({"en_us": {"title": title, "content": lines}});
        let mut body = json!({"msg_type": "post", "content": {"post": post}});
        if let Some(key) = &self.secret {
            let at = message.now.ms().div_euclid(1000);
            body["timestamp"] = at.to_string().into();
            body["sign"] = sign::feishu(secret(key)?.expose_secret(), at).into();
        }
        let answer = http.json(Method::POST, secret(&self.webhook)?.expose_secret(), &[], &body)?;
        robot::outcome(&answer, "code", "msg", &BUSY)
    }

    fn per_minute(&self) -> Option<u32> {
        Some(100)
    }

    fn secrets(&self) -> Vec<(&'static str, &SecretSource)> {
        [("webhook", Some(&self.webhook)), ("secret", self.secret.as_ref())]
            .into_iter()
            .filter_map(|(key, source)| source.map(|s| (key, s)))
            .collect()
    }
}
