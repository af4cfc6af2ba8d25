//! Slack's incoming webhooks, and what imitates them. `text` is the fallback that notifications show.

use serde_json::{Value, json};

use super::cut;
use crate::notify::message::Message;

/// Longest text of a section.
const MAX_SECTION: usize = 3000;
/// Longest header.
const MAX_HEADER: usize = 150;

pub(super) fn body(message: &Message<'_>) -> Value {
    let section = |text: &str| json!({"type": "section", "text": {"type": "mrkdwn", "text": cut(text, MAX_SECTION)}});
    let headline = message.headline();
    let mut blocks =
        vec![json!({"type": "header", "text": {"type": "plain_text", "text": cut(&headline, MAX_HEADER)}})];
    let evidence = message.evidence();
    if !evidence.is_empty() {
        blocks.push(section(&escape(&evidence.join("\n"))));
    }
    let moments = message.moments();
    if !moments.is_empty() {
        // A text that would end the code block is broken up.
        blocks.push(section(&format!("```{}```", escape(&moments.join("\n")).replace("```", "'''"))));
    }
    let links: Vec<String> = message.links().iter().map(|(name, value)| format!("{name}: {}", escape(value))).collect();
    let context =
        links.into_iter().chain([format!("`{}`", escape(&message.incident.id))]).collect::<Vec<_>>().join("  ·  ");
    blocks.push(json!({"type": "context", "elements": [{"type": "mrkdwn", "text": cut(&context, MAX_SECTION)}]}));
    json!({"text": cut(&escape(&headline), MAX_SECTION), "blocks": blocks})
}

/// The three characters that Slack gives a meaning: nobody is mentioned and nothing is linked by a service's name.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
