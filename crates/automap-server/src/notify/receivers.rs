//! A message in the form of each receiver. Bodies are made by a JSON writer, never by pasting text.

mod alertmanager;
mod pagerduty;
mod slack;
mod webhook;

use super::http::{Http, Refusal};
use super::message::Message;
use crate::config::{Receiver, ReceiverKind, SecretSource};

/// The type of every body but a CloudEvent's.
const JSON: (&str, &str) = ("Content-Type", "application/json");

/// Sends a message to a receiver.
pub(super) fn send(http: &Http, receiver: &Receiver, message: &Message<'_>) -> Result<(), Refusal> {
    let json = || (JSON.0, JSON.1.to_owned());
    let (url, headers, body) = match &receiver.to {
        ReceiverKind::Alertmanager { url, token } => {
            let mut headers = vec![json()];
            if let Some(token) = token {
                headers.push(("Authorization", format!("Bearer {}", read(token)?)));
            }
            (format!("{}/api/v2/alerts", url.trim_end_matches('/')), headers, alertmanager::body(message))
        }
        ReceiverKind::Slack { url } => (read(url)?, vec![json()], slack::body(message)),
        ReceiverKind::Pagerduty { routing_key, url } => {
            let url = url.clone().unwrap_or_else(|| pagerduty::URL.to_owned());
            (url, vec![json()], pagerduty::body(message, &read(routing_key)?))
        }
        ReceiverKind::Webhook { url, secret, format } => {
            let body = webhook::body(message, *format);
            let secret = secret.as_ref().map(read).transpose()?;
            let headers = webhook::headers(message, *format, secret.as_deref(), &body.to_string());
            (url.clone(), headers, body)
        }
    };
    http.post(&url, receiver.allow_loopback, &headers, &body.to_string())
}

fn read(secret: &SecretSource) -> Result<String, Refusal> {
    secret.read().map_err(Refusal::here)
}

/// The first characters of a text, with an ellipsis where something was cut off.
fn cut(text: &str, most: usize) -> String {
    match text.chars().count() > most {
        true => text.chars().take(most.saturating_sub(1)).chain(['…']).collect(),
        false => text.to_owned(),
    }
}
