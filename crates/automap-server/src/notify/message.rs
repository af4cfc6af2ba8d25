//! One message as given to a receiver: a snapshot of the incident, the texts, and the owner.

use automap_core::incident::{Incident, Owner, Severity};
use automap_core::time::Timestamp;
use serde_json::{Value, json};

use super::route::Route;
use super::template::{self, DEFAULT_TEXT, DEFAULT_TITLE, Fields};
use crate::store::{Event, Queued};

/// Version of the JSON of the webhook and of the CloudEvents' data.
pub const MESSAGE_VERSION: u32 = 1;

#[derive(Debug)]
pub(super) struct Message<'a> {
    /// `<incident>/<revision>/<route>`.
    pub(super) key: &'a str,
    pub(super) event: Event,
    /// An earlier attempt may have arrived.
    pub(super) uncertain: bool,
    pub(super) incident: &'a Incident,
    pub(super) owner: Option<Owner>,
    pub(super) severity: Severity,
    /// Neither is escaped.
    pub(super) title: String,
    pub(super) text: String,
    pub(super) link: Option<String>,
    /// The receiver's last reply for this incident.
    pub(super) reply: Option<String>,
    pub(super) now: Timestamp,
}

/// The facts of a message besides its incident.
#[derive(Debug)]
pub(super) struct Facts {
    pub(super) owner: Option<Owner>,
    /// The incident's page.
    pub(super) link: Option<String>,
    /// The receiver's last reply for this incident.
    pub(super) reply: Option<String>,
    pub(super) now: Timestamp,
}

impl<'a> Message<'a> {
    /// Renders the texts. If a template fails, the built-in one is used and the text states the error: a message with odd wording is better than
    /// none.
    pub(super) fn new(
        route: &Route,
        key: &'a str,
        queued: &'a Queued,
        Facts { owner, link, reply, now }: Facts,
    ) -> Self {
        let incident = &queued.incident;
        let fields = Fields::new(queued.event, queued.uncertain, incident, owner.as_ref(), link.as_deref(), now);
        let words = |own: &Option<String>, built_in: &str| {
            let own = own.as_ref().map(|template| template::render(template, &fields));
            let (text, error) = match own {
                Some(Ok(text)) => return text,
                Some(Err(error)) => (template::render(built_in, &fields), Some(error)),
                None => (template::render(built_in, &fields), None),
            };
            let text = text.unwrap_or_else(|_| incident.title.clone());
            error.map_or(text.clone(), |e| format!("{text}\n(the template of route {} failed: {e})", route.name))
        };
        // The first line must stay one line.
        let title = words(&route.title, DEFAULT_TITLE).split_whitespace().collect::<Vec<_>>().join(" ");
        let text = words(&route.text, DEFAULT_TEXT);
        Self {
            key,
            event: queued.event,
            uncertain: queued.uncertain,
            severity: fields.severity,
            title,
            text,
            reply,
            now,
            incident,
            owner,
            link,
        }
    }

    pub(super) fn closed(&self) -> bool {
        self.event == Event::Closed || !self.incident.is_open()
    }

    pub(super) fn team(&self) -> Option<&str> {
        self.owner.as_ref().and_then(|o| o.team.as_deref())
    }

    /// For receivers without a key: marks a message that may be a repetition.
    pub(super) fn marked_title(&self) -> String {
        if self.uncertain { format!("{} (may be a repetition)", self.title) } else { self.title.clone() }
    }

    /// The whole message for programs. The same key has the same bytes at every attempt.
    pub(super) fn json(&self) -> Value {
        let owner =
            self.owner.as_ref().map(|o| json!({"team": o.team, "runbook": o.runbook, "dashboard": o.dashboard}));
        json!({
            "version": MESSAGE_VERSION,
            "key": self.key,
            "event": self.event,
            "severity": self.severity,
            "owner": owner,
            "link": self.link,
            "incident": self.incident,
        })
    }
}
