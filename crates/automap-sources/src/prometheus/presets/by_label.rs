//! How an exporter counts the requests of one service by the labels that distinguish its parts: pod, version, response code, route, …
//!
//! The expressions are templates for one service (`$SERVICE`, a string literal) that keep all labels; `breakdown/` sums them over the meaningful
//! ones. Which labels those are is part of each preset: the key `breakdown` in a file.

use std::collections::BTreeMap;

use automap_core::breakdown::Label;

use super::file::{OneOrMany, Preset, Served};
use super::histogram::{Counter, Form, Histogram, any_of, rate};
use super::labels::text;
use super::request_counts::of_service;
use crate::prometheus::promql::label_name;

/// The expressions for one service: growth per second, with all labels.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CountsByLabel {
    /// Requests whose outcome is known.
    pub(crate) requests: &'static str,
    /// Those of them that failed; `None` if the exporter does not show it.
    pub(crate) failed: Option<&'static str>,
    /// Milliseconds spent on responses, and the number of responses; `None` without a histogram.
    pub(crate) duration: Option<(&'static str, &'static str)>,
    /// The meaningful labels, each with its names, the more trusted first.
    pub(crate) labels: &'static [(Label, &'static [&'static str])],
}

impl CountsByLabel {
    /// All names of labels, each once.
    pub(crate) fn names(&self) -> Vec<&'static str> {
        let mut all: Vec<&'static str> = self.labels.iter().flat_map(|(_, names)| names.iter().copied()).collect();
        all.sort_unstable();
        all.dedup();
        all
    }
}

/// The counts of a file's preset; `None` if it names no labels to break requests down by.
///
/// A counter of failures may first appear with its first failure: one that did not exist a window ago has grown by its full value, if the service was
/// observed then.
pub(super) fn of_served(served: &Served, preset: &Preset, form: Form) -> Option<CountsByLabel> {
    if preset.breakdown.is_empty() {
        return None;
    }
    let requests = Counter::of(served.requests.all(), form);
    let of = |terms: &dyn Fn(&str) -> Vec<String>| text(&format!("({})", of_service(preset, terms)));
    let grown = |matcher: &str| {
        let failed = Counter::of(served.failed.all(), form);
        let value = |counter: &Counter, offset: &str| any_of(&counter.terms(matcher, |s| format!("{s}{offset}")));
        let (now, then) = (value(&failed, ""), value(&failed, " offset $RATE"));
        let watched = value(&requests, " offset $RATE");
        let rates = any_of(&failed.terms(matcher, rate));
        vec![format!("((({now} unless {then}) and on () group({watched})) / $RATE_S or {rates})")]
    };
    let duration = Histogram::of(&served.duration_ms, &served.duration_s, form);
    Some(CountsByLabel {
        requests: of(&|matcher| requests.terms(matcher, rate)),
        failed: (!served.failed.all().is_empty()).then(|| of(&grown)),
        duration: duration.map(|h| (of(&|matcher| h.sums(matcher)), of(&|matcher| h.counts(matcher)))),
        labels: labels(&preset.breakdown),
    })
}

fn labels(all: &BTreeMap<Label, OneOrMany<String>>) -> &'static [(Label, &'static [&'static str])] {
    let one = |(label, names): (&Label, &OneOrMany<String>)| {
        let names: Vec<&'static str> = names.all().iter().map(|name| text(name)).collect();
        (*label, &*Vec::leak(names))
    };
    Vec::leak(all.iter().map(one).collect())
}

/// The names in the syntax of a clause such as `by (…)`.
pub(crate) fn clause(names: &[&str]) -> String {
    names.iter().map(|name| label_name(name)).collect::<Vec<_>>().join(", ")
}
