//! Renames the labels of other systems to Istio's, inside the query.
//!
//! `label_replace` does it on the server: `deployment="orders"` of Linkerd becomes `destination_workload="orders"`. Sums are then formed
//! over the renamed labels.

use super::file::{Calls, LabelSource, Preset};
use crate::prometheus::promql::{label_name, quote};

/// The labels that name the caller of a call.
pub(super) fn callers<'a>(calls: &'a Calls, preset: &'a Preset) -> &'a [LabelSource] {
    match calls.caller.all() {
        [] => preset.service.all(),
        given => given,
    }
}

/// Which labels become which of ours, and which of ours a sum keeps.
pub(super) struct Labels<'a> {
    pub(super) by: &'static str,
    replaced: Vec<(&'static str, &'a [LabelSource])>,
    namespace: Option<&'a str>,
    host: Option<&'a LabelSource>,
}

impl<'a> Labels<'a> {
    pub(super) fn of_service(preset: &'a Preset) -> Self {
        let replaced = vec![("destination_workload", preset.service.all())];
        Self { by: "destination_workload", replaced, namespace: None, host: None }
    }

    pub(super) fn of_calls(calls: &'a Calls, preset: &'a Preset) -> Self {
        let replaced = vec![("source_workload", callers(calls, preset)), ("destination_workload", calls.callee.all())];
        Self { by: "$CALL", replaced, namespace: calls.callee_namespace.as_deref(), host: calls.callee_host.as_ref() }
    }

    /// The sum of an expression over all but our labels.
    pub(super) fn sum(&self, expression: &str) -> &'static str {
        self.aggregate("sum", expression)
    }

    /// The same with another aggregation, such as `max`.
    pub(super) fn aggregate(&self, aggregation: &str, expression: &str) -> &'static str {
        text(&format!("{aggregation} by ({}$AND_SCOPE) ({})", self.by, self.replace(expression)))
    }

    pub(super) fn replace(&self, expression: &str) -> String {
        let mut out = expression.to_owned();
        for (ours, theirs) in &self.replaced {
            // The first source with a value is to win, so it is applied last.
            for source in theirs.iter().rev() {
                out = replace(&out, ours, source.label(), source.pattern());
            }
        }
        if let Some(label) = self.namespace {
            out = replace(&out, "destination_workload_namespace", label, "(.+)");
        }
        match self.host {
            None => out,
            Some(LabelSource::Plain(label)) => replace(&out, "destination_service_name", label, "$HOST"),
            Some(LabelSource::Part { label, pattern }) => replace(&out, "destination_service_name", label, pattern),
        }
    }
}

/// A pattern that does not match leaves the label as it is.
fn replace(expression: &str, ours: &str, theirs: &str, pattern: &str) -> String {
    if ours == theirs && pattern == "(.+)" {
        return expression.to_owned();
    }
    format!(r#"label_replace({expression}, "{ours}", "$1", "{theirs}", {})"#, quote(pattern))
}

/// Label names separated by commas, as a clause such as `on (…)` takes them.
pub(super) fn label_list(sources: &[LabelSource]) -> String {
    sources.iter().map(|source| label_name(source.label())).collect::<Vec<_>>().join(", ")
}

/// A text that lives as long as the process, as the rows of the table do.
pub(super) fn text(text: &str) -> &'static str {
    String::leak(text.to_owned())
}
