//! Log lines as JSON, one each. A sink rather than a framework: the program decides where lines go.

use std::io::Write;
use std::sync::{Mutex, PoisonError};

use automap_core::time::Timestamp;
use serde_json::{Map, Value};

/// Longest text of one field; the rest is cut off.
const MAX_TEXT: usize = 1024;

/// Where log lines go. Must not block for long, and must not fail the caller.
pub trait Log: Send + Sync + std::fmt::Debug {
    /// Takes one line of JSON without its newline.
    fn line(&self, line: &str);
}

/// Lines to a writer such as standard error.
pub struct JsonLines(Mutex<Box<dyn Write + Send>>);

impl std::fmt::Debug for JsonLines {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("JsonLines")
    }
}

impl JsonLines {
    /// To any writer.
    pub fn new(to: Box<dyn Write + Send>) -> Self {
        Self(Mutex::new(to))
    }

    /// To standard error.
    pub fn stderr() -> Self {
        Self::new(Box::new(std::io::stderr()))
    }
}

impl Log for JsonLines {
    fn line(&self, line: &str) {
        let mut to = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A full disk or closed pipe must not stop the watching: a log line that cannot be written is lost.
        let _ = to.write_all(format!("{line}\n").as_bytes()).and_then(|()| to.flush());
    }
}

/// Nothing is written.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Log for Silent {
    fn line(&self, _: &str) {}
}

/// One line: when, how bad (`info`, `warn`, `error`), what kind, and the fields in their order of name.
pub fn line(at: Timestamp, level: &str, event: &str, fields: &[(&str, Value)]) -> String {
    let mut map = Map::new();
    map.insert("at".into(), at.rfc3339().into());
    map.insert("level".into(), level.into());
    map.insert("event".into(), event.into());
    for (name, value) in fields {
        map.insert((*name).into(), clip(value));
    }
    Value::Object(map).to_string()
}

fn clip(value: &Value) -> Value {
    match value {
        Value::String(text) if text.len() > MAX_TEXT => {
            let end = (0..=MAX_TEXT).rev().find(|i| text.is_char_boundary(*i)).unwrap_or(0);
            format!("{}…", &text[..end]).into()
        }
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_cannot_forge_a_line_or_fill_the_disk() {
        let evil = format!("a\n{{\"level\":\"error\"}}{}", "ü".repeat(2000));
        let line = line(Timestamp::from_ms(0), "info", "request", &[("path", evil.into())]);
        assert!(!line.contains('\n') && line.len() < 1300, "{line}");
        let back: Value = serde_json::from_str(&line).unwrap();
        assert_eq!((back["at"].as_str(), back["level"].as_str()), (Some("1970-01-01T00:00:00Z"), Some("info")));
    }
}
