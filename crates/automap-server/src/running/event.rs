//! What happens while it runs, for logs and standard output.

use std::sync::Arc;

use automap_core::incident::Incident;
use automap_core::time::Timestamp;
use serde_json::{Value, json};

use crate::api::log::line;
use crate::notify::Step;
use crate::watcher::{State, TargetStatus};

/// Something that happened.
#[derive(Clone, Debug)]
pub enum Event {
    /// An incident opened, changed or ended, and is kept.
    Incident(Box<Incident>),
    /// The watching of a target changed its state.
    State {
        /// Which target.
        target: String,
        /// Its state now.
        state: State,
        /// In a sentence.
        summary: String,
    },
    /// Messages went out, or did not.
    Messages(Step),
    /// The labels that name the teams could not be read.
    Owners {
        /// Of which target.
        target: String,
        /// Why.
        error: String,
    },
    /// Objectives could not be counted.
    Slos {
        /// Of which target.
        target: String,
        /// Why.
        error: String,
    },
    /// The store could not be read or written.
    Store(String),
}

/// Hears what happened; called from several threads.
pub type Listener = Arc<dyn Fn(Event) + Send + Sync>;

impl Event {
    pub(super) fn state(status: &TargetStatus) -> Self {
        Self::State { target: status.target.clone(), state: status.state, summary: status.summary.clone() }
    }

    /// As a line of the log.
    pub fn log_line(&self, at: Timestamp) -> String {
        let (level, event, fields): (_, _, Vec<(&str, Value)>) = match self {
            Self::Incident(i) => (
                "info",
                "incident",
                vec![
                    ("incident", i.id.clone().into()),
                    ("target", i.target.clone().into()),
                    ("state", json!(i.state)),
                    ("severity", json!(i.severity)),
                    ("revision", i.revision.into()),
                    ("title", i.title.clone().into()),
                ],
            ),
            Self::State { target, state, summary } => {
                let level = if matches!(state, State::Blind | State::Failing) { "warn" } else { "info" };
                (
                    level,
                    "target",
                    vec![
                        ("target", target.clone().into()),
                        ("state", json!(state)),
                        ("summary", summary.clone().into()),
                    ],
                )
            }
            Self::Messages(step) => {
                let level = if step.given_up > 0 || step.blocked { "warn" } else { "info" };
                (
                    level,
                    "messages",
                    vec![
                        ("delivered", step.delivered.into()),
                        ("retried", step.retried.into()),
                        ("given_up", step.given_up.into()),
                        ("folded", step.folded.into()),
                        ("refreshed", step.refreshed.into()),
                    ],
                )
            }
            Self::Owners { target, error } => {
                ("warn", "owners", vec![("target", target.clone().into()), ("error", error.clone().into())])
            }
            Self::Slos { target, error } => {
                ("warn", "slos", vec![("target", target.clone().into()), ("error", error.clone().into())])
            }
            Self::Store(error) => ("error", "store", vec![("error", error.clone().into())]),
        };
        line(at, level, event, &fields)
    }
}
