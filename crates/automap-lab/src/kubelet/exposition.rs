//! Writes Prometheus' text exposition format.

use std::fmt::Write;

/// A text under construction.
#[derive(Debug, Default)]
pub(crate) struct Exposition {
    text: String,
}

impl Exposition {
    /// Starts a family.
    pub(crate) fn family(&mut self, name: &str, kind: &str, help: &str) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    /// One sample; `at_ms` if the exporter sets the time itself, as cAdvisor does.
    pub(crate) fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: f64, at_ms: Option<i64>) {
        self.text.push_str(name);
        for (i, (label, content)) in labels.iter().enumerate() {
            self.text.push(if i == 0 { '{' } else { ',' });
            let _ = write!(self.text, "{label}=\"{}\"", escaped(content));
        }
        if !labels.is_empty() {
            self.text.push('}');
        }
        let _ = write!(self.text, " {value}");
        if let Some(at_ms) = at_ms {
            let _ = write!(self.text, " {at_ms}");
        }
        self.text.push('\n');
    }

    /// The finished text.
    pub(crate) fn into_text(self) -> String {
        self.text
    }
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_escaped_and_times_follow() {
        let mut text = Exposition::default();
        text.family("up", "gauge", "Whether it is up.");
        text.sample("up", &[("a", "x\"y\\z"), ("b", "")], 0.25, Some(17));
        text.sample("up", &[], 1.0, None);
        let expected = "# HELP up Whether it is up.\n# TYPE up gauge\nup{a=\"x\\\"y\\\\z\",b=\"\"} 0.25 17\nup 1\n";
        assert_eq!(text.into_text(), expected);
    }
}
