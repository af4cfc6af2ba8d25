//! What a long-running automap says of itself: lines for people, or one JSON object each for a collector.

use std::sync::Arc;

use automap_core::time::Timestamp;
use automap_server::api::log::{JsonLines, Log, line};
use automap_server::running::Event;
use automap_server::watcher::{Clock, SystemClock};
use clap::ValueEnum;
use serde_json::Value;

use crate::console::say;

/// Form of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// What people have to know: states, failures.
    Text,
    /// Everything, requests too, as JSON lines.
    Json,
}

impl LogFormat {
    pub(crate) fn sink(self) -> Arc<LogSink> {
        Arc::new(LogSink((self == Self::Json).then(JsonLines::stderr)))
    }
}

/// Where the log goes: JSON to standard error, or words.
#[derive(Debug)]
pub(crate) struct LogSink(Option<JsonLines>);

impl LogSink {
    /// A remark.
    pub(crate) fn say(&self, event: &str, text: &str) {
        match &self.0 {
            Some(json) => json.line(&line(now(), "info", event, &[("text", text.into())])),
            None => say(text),
        }
    }

    /// Something happened. In words, incidents are told on standard output and messages that arrived are not worth a line.
    pub(crate) fn event(&self, event: &Event) {
        if let Some(json) = &self.0 {
            return json.line(&event.log_line(now()));
        }
        match event {
            Event::Incident(_) => {}
            Event::State { target, summary, .. } => say(&format!("{target}: {summary}")),
            Event::Messages(step) if step.blocked => say("messages wait: the options under notify.http cannot be used"),
            Event::Messages(step) => {
                for (count, what) in
                    [(step.retried, "were not taken, tried again later"), (step.given_up, "were given up")]
                {
                    if count > 0 {
                        say(&format!("{count} messages {what}; the outbox knows why"));
                    }
                }
            }
            Event::Owners { target, error } => say(&format!("{target}: the labels of teams cannot be read: {error}")),
            Event::Slos { target, error } => say(&format!("{target}: the objectives cannot be counted: {error}")),
            Event::Store(error) => say(&format!("the store: {error}")),
        }
    }
}

/// Lines of the API: in words, only what is wrong.
impl Log for LogSink {
    fn line(&self, text: &str) {
        if let Some(json) = &self.0 {
            return json.line(text);
        }
        let Ok(Value::Object(fields)) = serde_json::from_str::<Value>(text) else { return };
        let word = |name: &str| fields.get(name).and_then(Value::as_str).unwrap_or_default();
        if word("level") != "info" {
            let detail = if word("error").is_empty() { text } else { word("error") };
            say(&format!("api: {}: {detail}", word("event")));
        }
    }
}

fn now() -> Timestamp {
    SystemClock.now()
}
