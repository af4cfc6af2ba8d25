//! How one event becomes one line: text for people, or a JSON object for a log collector.
//!
//! Names of services and answers of servers end up in events, so a line must not be forged by what is logged: hidden characters are escaped
//! ([`is_hidden`]), and what is long is cut off.

use std::fmt::{self, Write as _};

use automap_core::text::is_hidden;
use automap_core::time::Timestamp;
use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields};
use tracing_subscriber::registry::LookupSpan;

/// Longest text of one JSON field, in bytes; the rest is cut off.
const MAX_TEXT: usize = 1024;
/// Longest words of a line of text, in bytes; the rest is cut off.
const MAX_LINE: usize = 4096;

/// `2026-11-28T18:04:00Z WARN store: web is unavailable key=value`.
#[derive(Clone, Copy, Debug)]
pub(super) struct TextFormat;

impl<S, N> FormatEvent<S, N> for TextFormat
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut to: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut rest = String::new();
        context.format_fields(Writer::new(&mut rest), event)?;
        let spans = spans(context, event);
        let separator = if spans.is_empty() { "" } else { ": " };
        let (level, target) = (event.metadata().level(), event.metadata().target());
        writeln!(to, "{} {level:<5} {}{separator}{target}: {}", now().rfc3339(), escape(&spans), escape(&rest))
    }
}

/// `{"at": …, "level": "warn", "event": "store", "text": …, …}`: an object with the event's fields, in alphabetical order.
#[derive(Clone, Copy, Debug)]
pub(super) struct JsonFormat;

impl<S, N> FormatEvent<S, N> for JsonFormat
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut to: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut object = Object::default();
        event.record(&mut object);
        let metadata = event.metadata();
        object.text("at", &now().rfc3339());
        object.text("level", &metadata.level().as_str().to_ascii_lowercase());
        object.text("event", metadata.target());
        let spans = spans(context, event);
        if !spans.is_empty() {
            object.text("spans", &spans);
        }
        writeln!(to, "{}", Value::Object(object.0))
    }
}

fn now() -> Timestamp {
    Timestamp::from_ms(jiff::Timestamp::now().as_millisecond())
}

/// The spans around an event, the outermost first: `poll{target=shop}:query`.
fn spans<S, N>(context: &FmtContext<'_, S, N>, event: &Event<'_>) -> String
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    let mut text = String::new();
    let parent = event.parent().and_then(|id| context.span(id)).or_else(|| context.lookup_current());
    for span in parent.into_iter().flat_map(|span| span.scope().from_root()) {
        if !text.is_empty() {
            text.push(':');
        }
        text.push_str(span.name());
        if let Some(fields) = span.extensions().get::<FormattedFields<N>>().filter(|fields| !fields.is_empty()) {
            // Writing to a string cannot fail.
            let _ = write!(text, "{{{fields}}}");
        }
    }
    text
}

/// A text that stays on its line, reads in its order, and ends.
fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len().min(MAX_LINE));
    for c in text.chars() {
        if safe.len() >= MAX_LINE {
            safe.push('…');
            break;
        }
        if is_hidden(c) {
            safe.extend(c.escape_default());
        } else {
            safe.push(c);
        }
    }
    safe
}

#[derive(Default)]
struct Object(Map<String, Value>);

impl Object {
    fn text(&mut self, name: &str, text: &str) {
        let clipped = match text.char_indices().find(|(i, c)| i + c.len_utf8() > MAX_TEXT) {
            Some((end, _)) => format!("{}…", &text[..end]),
            None => text.to_owned(),
        };
        self.0.insert(name.to_owned(), clipped.into());
    }
}

impl Visit for Object {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.record_str(field, &format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.text(if field.name() == "message" { "text" } else { field.name() }, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.0.insert(field.name().to_owned(), value.into());
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, Write};
    use std::sync::{Arc, Mutex};

    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged<F>(format: F, log: impl FnOnce()) -> String
    where
        F: FormatEvent<tracing_subscriber::Registry, tracing_subscriber::fmt::format::DefaultFields>
            + Send
            + Sync
            + 'static,
    {
        let lines = Lines::default();
        let to = lines.clone();
        let layer =
            tracing_subscriber::fmt::layer().with_ansi(false).event_format(format).with_writer(move || to.clone());
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), log);
        let bytes = lines.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn words_name_time_level_spans_and_target() {
        let line = logged(TextFormat, || {
            let _span = tracing::info_span!("poll", target = "shop").entered();
            tracing::warn!(target: "store", attempts = 3, "disk is full");
        });
        let (time, rest) = line.split_once(' ').unwrap();
        assert!(time.ends_with('Z'), "{line}");
        assert_eq!(rest, "WARN  poll{target=\"shop\"}: store: disk is full attempts=3\n");
    }

    #[test]
    fn nothing_that_is_logged_can_forge_a_line() {
        let evil = "a\nFAKE\u{1b}[2J\u{202e}\u{9b}";
        let line = logged(TextFormat, || tracing::warn!(target: "store", name = %evil, "{evil}"));
        assert_eq!(line.matches('\n').count(), 1, "{line}");
        assert!(line.contains("a\\nFAKE") && !line.contains(['\u{1b}', '\u{202e}', '\u{9b}']), "{line:?}");
        let long = logged(TextFormat, || tracing::warn!(target: "store", name = "x".repeat(5_000_000), "long"));
        assert!(long.len() < MAX_LINE + 100 && long.ends_with("…\n"), "{} bytes", long.len());
    }

    #[test]
    fn json_has_the_same_names_as_before_and_bounded_texts() {
        let evil = format!("a\n{{\"level\":\"error\"}}{}", "ü".repeat(2000));
        let line = logged(JsonFormat, || tracing::info!(target: "request", path = evil, status = 404, "no such page"));
        assert_eq!(line.matches('\n').count(), 1);
        assert!(line.len() < 1300, "{line}");
        let back: Value = serde_json::from_str(&line).unwrap();
        let text = |name: &str| back[name].as_str();
        assert_eq!((text("level"), text("event"), text("text")), (Some("info"), Some("request"), Some("no such page")));
        assert_eq!(back["status"], 404);
        assert!(text("at").is_some_and(|at| at.ends_with('Z')));
    }
}
