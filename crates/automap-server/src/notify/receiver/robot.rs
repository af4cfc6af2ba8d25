//! What the group robots of WeCom, Feishu and DingTalk have in common: plain text, a secret address, and a code in the answer. None supports a key to
//! recognise repetitions, so a message whose earlier attempt may have arrived says so in its first line.

use serde_json::Value;

use crate::notify::http::Failure;
use crate::notify::message::Message;
use crate::notify::text::cut_bytes;

/// First line and text, at most `max` bytes. Sent as text, not as Markdown: the three dialects have no reliable escaping.
pub(super) fn text(message: &Message<'_>, max: usize) -> String {
    cut_bytes(&format!("{}\n{}", message.marked_title(), message.text), max)
}

/// The robots answer 200 to everything; `code` 0 is success.
pub(super) fn outcome(answer: &Value, code: &str, message: &str, busy: &[i64]) -> Result<Option<String>, Failure> {
    let Some(number) = answer[code].as_i64() else {
        return Err(Failure::Unknown { message: format!("the answer has no {code}: is the address right?") });
    };
    let reason = format!("{code} {number}: {}", answer[message].as_str().unwrap_or("no reason given"));
    match number {
        0 => Ok(None),
        number if busy.contains(&number) => Err(Failure::later(reason)),
        _ => Err(Failure::never(reason)),
    }
}
