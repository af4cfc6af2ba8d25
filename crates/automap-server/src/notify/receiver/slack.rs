//! Slack: an incoming webhook, or a bot that answers in the incident's thread.

use serde::Deserialize;
use serde_json::{Value, json};
use ureq::http::Method;

use super::service::{Receiver, secret};
use crate::notify::http::{Failure, Http};
use crate::notify::message::Message;
use crate::notify::text::entities;
use crate::secret::{ExposeSecret, SecretSource};

const POST_MESSAGE: &str = "https://slack.com/api/chat.postMessage";
/// Slack's limit of a section's text.
const MAX_SECTION: usize = 3000;
/// Links in a section.
const MAX_LINKS: usize = 10;
/// Text of a section: a link takes two characters more.
const MAX_TEXT: usize = MAX_SECTION - 2 * MAX_LINKS;
/// Sections of text; the whole message fails near 13,000 characters and 50 blocks.
const MAX_SECTIONS: usize = 3;
/// The fallback is one line in a notification.
const MAX_FALLBACK: usize = 300;

/// A Slack channel: either `webhook`, or `token` and `channel` of a bot with `chat:write`, whose later messages of an incident go into the
/// thread of the first.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Slack {
    /// The incoming webhook's address, which is a secret.
    pub webhook: Option<SecretSource>,
    /// The bot's token.
    pub token: Option<SecretSource>,
    /// The channel's id.
    pub channel: Option<String>,
    /// Instead of Slack's address of `chat.postMessage`.
    pub api_url: Option<String>,
}

impl Receiver for Slack {
    fn send(&self, message: &Message<'_>, http: &Http) -> Result<Option<String>, Failure> {
        let mut body = json!({"text": entities(&message.marked_title(), MAX_FALLBACK), "blocks": blocks(message)});
        if let Some(webhook) = &self.webhook {
            return http.json(Method::POST, secret(webhook)?.expose_secret(), &[], &body).map(|_| None);
        }
        let (Some(token), Some(channel)) = (&self.token, &self.channel) else {
            return Err(Failure::never("slack needs `webhook`, or `token` and `channel`"));
        };
        body["channel"] = channel.as_str().into();
        if let Some(thread) = &message.reply {
            body["thread_ts"] = thread.as_str().into();
        }
        let token = format!("Bearer {}", secret(token)?.expose_secret());
        let url = self.api_url.as_deref().unwrap_or(POST_MESSAGE);
        let answer = http.json(Method::POST, url, &[("authorization", &token)], &body)?;
        outcome(&answer)?;
        // The first message of an incident identifies the thread.
        Ok(message.reply.clone().or_else(|| answer["ts"].as_str().map(ToOwned::to_owned)))
    }

    fn per_minute(&self) -> Option<u32> {
        Some(60)
    }

    fn urls(&self) -> Vec<&str> {
        self.api_url.as_deref().into_iter().collect()
    }

    fn check(&self) -> Result<(), String> {
        match (&self.webhook, &self.token, &self.channel) {
            (Some(_), None, None) | (None, Some(_), Some(_)) => Ok(()),
            _ => Err("slack needs either `webhook`, or `token` and `channel`".to_owned()),
        }
    }

    fn secrets(&self) -> Vec<(&'static str, &SecretSource)> {
        [("webhook", self.webhook.as_ref()), ("token", self.token.as_ref())]
            .into_iter()
            .filter_map(|(key, source)| source.map(|s| (key, s)))
            .collect()
    }
}

/// Slack's API answers 200 to everything.
fn outcome(answer: &Value) -> Result<(), Failure> {
    if answer["ok"] == true {
        return Ok(());
    }
    if answer.get("ok").is_none() {
        // Cut off by the deadline, or not Slack's answer.
        return Err(Failure::Unknown { message: "the answer does not say whether the message was taken".to_owned() });
    }
    let error = answer["error"].as_str().unwrap_or("no reason given").to_owned();
    Err(match error.as_str() {
        "ratelimited" | "rate_limited" | "service_unavailable" | "internal_error" | "request_timeout" => {
            Failure::later(error)
        }
        _ => Failure::never(error),
    })
}

fn blocks(message: &Message<'_>) -> Value {
    // `verbatim`: Slack makes no mentions and no links out of names such as `@channel`; our own links are marked as such.
    let section = |text: String| json!({"type": "section", "text": {"type": "mrkdwn", "text": text, "verbatim": true}});
    let links = own_links(message);
    // Minus the two asterisks.
    let mut blocks = vec![section(format!("*{}*", entities(&message.marked_title(), MAX_SECTION - 2)))];
    let mut rest = message.text.as_str();
    for _ in 0..MAX_SECTIONS {
        // Cut at a line; entities are at most five times as long as the characters that they encode.
        let part = head(rest, MAX_TEXT);
        if !part.trim().is_empty() {
            blocks.push(section(linked(&entities(part, MAX_TEXT), &links)));
        }
        rest = &rest[part.len()..];
    }
    json!(blocks)
}

/// The incident's page and the owner's pages, as they appear in an escaped text.
fn own_links(message: &Message<'_>) -> Vec<String> {
    let owner = message.owner.as_ref();
    let links =
        [message.link.as_ref(), owner.and_then(|o| o.runbook.as_ref()), owner.and_then(|o| o.dashboard.as_ref())];
    let is_page = |link: &&String| link.starts_with("http://") || link.starts_with("https://");
    links.into_iter().flatten().filter(is_page).map(|link| entities(link, MAX_TEXT)).collect()
}

/// The text with the first occurrences of these links, each a word of its own, as links of Slack.
fn linked(text: &str, links: &[String]) -> String {
    let mut left = MAX_LINKS;
    let link = |piece: &str| {
        let word = piece.trim_end();
        if left == 0 || word.contains('|') || !links.iter().any(|link| link == word) {
            return piece.to_owned();
        }
        left -= 1;
        format!("<{word}>{}", &piece[word.len()..])
    };
    text.split_inclusive(char::is_whitespace).map(link).collect()
}

/// Whole lines from the start whose escaped length fits; a single line that is too long is taken whole and cut later.
fn head(text: &str, max: usize) -> &str {
    let mut end = 0;
    let mut used = 0;
    for line in text.split_inclusive('\n') {
        used += entities(line, usize::MAX).chars().count();
        if used > max && end > 0 {
            break;
        }
        end += line.len();
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_pages_become_links() {
        let links = ["https://automap.example/incidents/a".to_owned(), "https://wiki.example/x?a=1&amp;b=2".to_owned()];
        let text = "@channel https://evil.example/\nRunbook: https://wiki.example/x?a=1&amp;b=2\nhttps://automap.example/incidents/a\n";
        assert_eq!(
            linked(text, &links),
            "@channel https://evil.example/\nRunbook: <https://wiki.example/x?a=1&amp;b=2>\n<https://automap.example/incidents/a>\n"
        );
        let many = "https://automap.example/incidents/a ".repeat(100);
        assert_eq!(linked(&many, &links).len(), many.len() + 2 * MAX_LINKS);
    }
}
