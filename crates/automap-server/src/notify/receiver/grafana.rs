//! Grafana: an annotation over the incident's time.

use serde::Deserialize;
use serde_json::{Value, json};
use ureq::http::Method;

use super::service::{Receiver, below, secret};
use crate::notify::http::{Failure, Http};
use crate::notify::message::Message;
use crate::notify::text::entities;
use crate::percent::encoded;
use crate::secret::{ExposeSecret, SecretSource};

/// Longest text of an annotation.
const MAX_TEXT: usize = 4000;

/// A Grafana. The annotation is created when the incident opens, carries its id as a tag, and becomes a region when it closes. Its number is kept; if
/// it is not known (a crash between Grafana's answer and ours), it is looked up by the tag before another one is created.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grafana {
    /// Its address.
    pub url: String,
    /// A service account's token with `annotations:create`, `annotations:write` and `annotations:read`.
    pub token: SecretSource,
    /// Only on this dashboard; else wherever annotations with the tag `automap` are shown.
    pub dashboard_uid: Option<String>,
    /// Only on this panel of it.
    pub panel_id: Option<u64>,
    /// More tags.
    #[serde(default)]
    pub tags: Vec<String>,
}

impl Receiver for Grafana {
    fn send(&self, message: &Message<'_>, http: &Http) -> Result<Option<String>, Failure> {
        let token = format!("Bearer {}", secret(&self.token)?.expose_secret());
        let headers = [("authorization", token.as_str())];
        let known = match &message.reply {
            Some(id) => Some(id.clone()),
            None => self.look_up(message, http, &headers)?,
        };
        let id = match known {
            Some(id) => self.patch(message, http, &headers, &id)?,
            None => self.create(message, http, &headers)?,
        };
        Ok(Some(id))
    }

    fn urls(&self) -> Vec<&str> {
        vec![&self.url]
    }

    fn secrets(&self) -> Vec<(&'static str, &SecretSource)> {
        vec![("token", &self.token)]
    }
}

impl Grafana {
    fn look_up(&self, message: &Message<'_>, http: &Http, headers: &[(&str, &str)]) -> Result<Option<String>, Failure> {
        let path = format!("/api/annotations?type=annotation&limit=1&tags={}", encoded(&message.incident.id));
        let body = http.send(Method::GET, &below(&self.url, &path), headers, Vec::new())?;
        // Without an answer, a second annotation would be created.
        let unreadable = |_| Failure::later("the list of annotations is cut off or not JSON");
        let found: Value = serde_json::from_slice(&body).map_err(unreadable)?;
        Ok(found[0]["id"].as_u64().map(|id| id.to_string()))
    }

    fn create(&self, message: &Message<'_>, http: &Http, headers: &[(&str, &str)]) -> Result<String, Failure> {
        let incident = message.incident;
        let mut tags = vec!["automap", incident.id.as_str(), incident.target.as_str()];
        tags.extend(self.tags.iter().map(String::as_str));
        let mut body = json!({"time": incident.onset.ms(), "tags": tags, "text": text(message)});
        if let Some(uid) = &self.dashboard_uid {
            body["dashboardUID"] = uid.as_str().into();
        }
        if let Some(panel) = self.panel_id {
            body["panelId"] = panel.into();
        }
        if let Some(closed) = incident.closed {
            body["timeEnd"] = closed.ms().into();
        }
        let answer = http.json(Method::POST, &below(&self.url, "/api/annotations"), headers, &body)?;
        if answer.is_null() {
            return Err(Failure::Unknown {
                message: "the answer is cut off or not JSON: is this a Grafana?".to_owned(),
            });
        }
        let id = answer["id"].as_u64().ok_or_else(|| Failure::never("the answer has no id: is this a Grafana?"))?;
        Ok(id.to_string())
    }

    fn patch(&self, message: &Message<'_>, http: &Http, headers: &[(&str, &str)], id: &str) -> Result<String, Failure> {
        let incident = message.incident;
        let end = incident.closed.unwrap_or(incident.onset).ms();
        let body = json!({"time": incident.onset.ms(), "timeEnd": end, "text": text(message)});
        let path = format!("/api/annotations/{}", encoded(id));
        match http.json(Method::PATCH, &below(&self.url, &path), headers, &body) {
            Ok(_) => Ok(id.to_owned()),
            // Somebody removed it.
            Err(Failure::Never { message: why }) if why.starts_with("status 404") => {
                self.create(message, http, headers)
            }
            Err(failure) => Err(failure),
        }
    }
}

/// Grafana shows annotations as HTML.
fn text(message: &Message<'_>) -> String {
    entities(&format!("{}\n{}", message.title, message.text), MAX_TEXT)
}
