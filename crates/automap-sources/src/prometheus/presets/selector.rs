//! Splits a selector of a preset into the metric's name and its matchers, and joins them again.
//!
//! Names with dots, as in OpenTelemetry, which Prometheus keeps from version 3 on, are accepted in both spellings: `http.server.duration{…}` and
//! `{"http.server.duration",…}`. They are sent as `{__name__="http.server.duration",…}`, which every server accepts. Matchers are kept as written.

use crate::prometheus::promql::quote;

/// `name{matchers}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Selector {
    name: String,
    matchers: String,
}

impl Selector {
    /// `None` if the text is not a selector.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (name, rest) = text.trim().split_once('{')?;
        let matchers = rest.strip_suffix('}')?;
        if name.is_empty()
            && let Some((name, rest)) = literal(matchers.trim_start())
            && let Some(matchers) = after_comma(rest)
        {
            return Some(Self { name, matchers: matchers.to_owned() });
        }
        Some(Self { name: name.to_owned(), matchers: matchers.to_owned() })
    }

    /// The metric's name; empty if a matcher of `__name__` replaces it.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Whether the name can be sent: no part of it would be taken for a placeholder.
    pub(super) fn is_usable(&self) -> bool {
        !self.name.contains(['$', '\n']) && !self.name.chars().any(char::is_control)
    }

    pub(super) fn text(&self) -> String {
        self.put_together("", "")
    }

    /// The metric with this ending, and with `matcher` in front of the others unless it is empty.
    pub(super) fn put_together(&self, ending: &str, matcher: &str) -> String {
        let name = format!("{}{ending}", self.name);
        let is_plain = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == ':');
        let (name, own) = if is_plain { (name, String::new()) } else { (String::new(), named(&name)) };
        let matchers: Vec<&str> =
            [own.as_str(), matcher, self.matchers.trim()].into_iter().filter(|m| !m.is_empty()).collect();
        format!("{name}{{{}}}", matchers.join(","))
    }

    /// The histogram that `…_count` belongs to.
    pub(super) fn histogram(&self) -> Option<Self> {
        let name = self.name.strip_suffix("_count")?.to_owned();
        Some(Self { name, matchers: self.matchers.clone() })
    }
}

fn named(name: &str) -> String {
    format!("__name__={}", quote(name))
}

/// What follows a quoted name: the other matchers. `None` if the quoted text was a label's name.
fn after_comma(rest: &str) -> Option<&str> {
    let rest = rest.trim_start();
    if rest.is_empty() { Some("") } else { rest.strip_prefix(',').map(str::trim_start) }
}

/// The string literal at the start of a text, and what follows.
fn literal(text: &str) -> Option<(String, &str)> {
    let inner = text.strip_prefix('"')?;
    let mut name = String::new();
    let mut chars = inner.char_indices();
    while let Some((i, c)) = chars.next() {
        match c {
            '"' => return Some((name, &inner[i + 1..])),
            '\\' => name.push(chars.next()?.1),
            _ => name.push(c),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_dots_are_read_in_both_spellings_and_sent_as_every_server_reads_them() {
        for (text, name, sent) in [
            (r#"a_total{x="{}"}"#, "a_total", r#"a_total_sum{le="1",x="{}"}"#),
            ("a{}", "a", r#"a_sum{le="1"}"#),
            (r#"a.b{x="y"}"#, "a.b", r#"{__name__="a.b_sum",le="1",x="y"}"#),
            (r#"{"a.b", "c.d"="e"}"#, "a.b", r#"{__name__="a.b_sum",le="1","c.d"="e"}"#),
            (r#"{"a\"b"}"#, "a\"b", r#"{__name__="a\"b_sum",le="1"}"#),
            // The quoted text is a label's name here.
            (r#"{"c.d"="e"}"#, "", r#"_sum{le="1","c.d"="e"}"#),
        ] {
            let selector = Selector::parse(text).unwrap();
            assert_eq!(selector.name(), name);
            assert_eq!(selector.put_together("_sum", r#"le="1""#), sent);
        }
        assert_eq!(Selector::parse("a_total"), None);
        assert!(!Selector::parse(r#"{"a$NS"}"#).unwrap().is_usable());
    }
}
