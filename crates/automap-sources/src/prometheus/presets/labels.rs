//! Renames the labels of other systems to Istio's, inside the query.
//!
//! `label_replace` does this on the server: `deployment="orders"` of Linkerd becomes `destination_workload="orders"`. Sums are then computed by the
//! renamed labels.

use super::file::{Calls, LabelSource, OutsideOf, Preset};
use crate::prometheus::promql::{label_name, quote};

/// The labels of something outside the namespace.
const OUTSIDE: &str = "outside, outside_namespace";
/// The same, with those of its callee.
const OUTSIDE_CALLS: &str =
    "outside, outside_namespace, destination_workload, destination_workload_namespace, destination_service_name";
/// The labels of something outside, with those by which scrapers and programs distinguish processes.
const OUTSIDE_PROCESSES: &str = "outside, outside_namespace, instance, pod, kubernetes_pod_name, controller_pod";
/// The aggregation of buckets.
pub(super) const QUANTILE: &str = "quantile";

/// The labels that name the caller of a call.
pub(super) fn callers<'a>(calls: &'a Calls, preset: &'a Preset) -> &'a [LabelSource] {
    match calls.caller.all() {
        [] => preset.service.all(),
        given => given,
    }
}

/// Which labels are renamed to which of ours, and which of ours a sum keeps.
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

    /// For something outside itself.
    pub(super) fn of_outside(outside: &'a OutsideOf) -> Self {
        let replaced = vec![("outside", outside.name.all()), ("outside_namespace", outside.namespace.all())];
        Self { by: OUTSIDE, replaced, namespace: None, host: None }
    }

    /// For each of its processes.
    pub(super) fn of_outside_processes(outside: &'a OutsideOf) -> Self {
        Self { by: OUTSIDE_PROCESSES, ..Self::of_outside(outside) }
    }

    /// For its calls, or the calls to it.
    pub(super) fn of_outside_calls(outside: &'a OutsideOf) -> Self {
        let replaced = vec![
            ("outside", outside.name.all()),
            ("outside_namespace", outside.namespace.all()),
            ("source_workload", outside.caller.all()),
            ("destination_workload", outside.callee.all()),
            ("destination_workload_namespace", outside.callee_namespace.all()),
            ("destination_service_name", outside.callee_host.all()),
        ];
        let by =
            if outside.caller.all().is_empty() { OUTSIDE_CALLS } else { "source_workload, destination_service_name" };
        Self { by, replaced, namespace: None, host: None }
    }

    /// The sum of an expression by our labels.
    pub(super) fn sum(&self, expression: &str) -> &'static str {
        self.aggregate("sum", expression)
    }

    /// The same with another aggregation, such as `max`.
    pub(super) fn aggregate(&self, aggregation: &str, expression: &str) -> &'static str {
        // Something outside belongs to none of our namespaces, whichever it serves; its callee's namespace has a separate label.
        let is_outside = [OUTSIDE, OUTSIDE_CALLS, OUTSIDE_PROCESSES].contains(&self.by);
        let scope = if is_outside { "" } else { "$AND_SCOPE" };
        let (by, of) = (self.by, self.replace(expression));
        match aggregation {
            // For a histogram's buckets, the quantile.
            QUANTILE => text(&format!("histogram_quantile($Q, sum by (le, vmrange, {by}{scope}) ({of}))")),
            _ => text(&format!("{aggregation} by ({by}{scope}) ({of})")),
        }
    }

    pub(super) fn replace(&self, expression: &str) -> String {
        let mut out = expression.to_owned();
        for (ours, theirs) in &self.replaced {
            // The first source with a value takes precedence, so it is applied last.
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

/// Label names separated by commas, for a clause such as `on (…)`.
pub(super) fn label_list(sources: &[LabelSource]) -> String {
    sources.iter().map(|source| label_name(source.label())).collect::<Vec<_>>().join(", ")
}

/// A text that is kept for the lifetime of the process, like the rows of the table.
pub(super) fn text(text: &str) -> &'static str {
    String::leak(text.to_owned())
}
