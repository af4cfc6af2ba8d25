//! Counters and histograms of a preset as PromQL.
//!
//! A system may export the same thing under several names: durations in milliseconds or in seconds, with one prefix or another. All names that a
//! preset lists are queried at once, joined by `or`: series with the same labels count once, under the first name that has them.
//!
//! A native histogram is one series without `_bucket`, `_sum` and `_count`. Functions read it: `histogram_count(rate(x[5m]))` is the equivalent of
//! `rate(x_count[5m])` for a classic one. They are used only if the server is known to have native histograms, since other servers refuse them. Then
//! both forms are queried, as services may be on either side of a migration.

use super::file::OneOrMany;
use super::labels::{Labels, text};
use super::selector::Selector;
use super::{Absence, Formula};

/// Which histograms are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Classic,
    ClassicAndNative,
}

/// A counter under all its names.
pub(super) struct Counter {
    selectors: Vec<Selector>,
    form: Form,
}

impl Counter {
    pub(super) fn of(names: &[String], form: Form) -> Self {
        Self { selectors: names.iter().filter_map(|name| Selector::parse(name)).collect(), form }
    }

    /// An expression around each series, with `matcher` in front of its other matchers. The count of a native histogram is a counter, too.
    pub(super) fn terms(&self, matcher: &str, around: impl Fn(&str) -> String) -> Vec<String> {
        let mut out = Vec::new();
        for selector in &self.selectors {
            out.push(around(&selector.put_together("", matcher)));
            if let (Form::ClassicAndNative, Some(native)) = (self.form, selector.histogram()) {
                out.push(format!("histogram_count({})", around(&native.put_together("", matcher))));
            }
        }
        out
    }

    pub(super) fn rate(&self) -> String {
        any_of(&self.terms("", rate))
    }

    /// Its value, offset by a text such as ` offset $RATE`.
    pub(super) fn value(&self, offset: &str) -> String {
        any_of(&self.terms("", |selector| format!("{selector}{offset}")))
    }
}

/// A histogram of durations under all its names, and its unit in milliseconds.
pub(super) struct Histogram {
    pub(super) names: Vec<(Selector, f64)>,
    pub(super) form: Form,
}

impl Histogram {
    pub(super) fn of(ms: &OneOrMany<String>, s: &OneOrMany<String>, form: Form) -> Option<Self> {
        let in_unit = |all: &OneOrMany<String>, unit_ms: f64| {
            all.all().iter().filter_map(|text| Some((Selector::parse(text)?, unit_ms))).collect::<Vec<_>>()
        };
        let names: Vec<_> = in_unit(ms, 1.0).into_iter().chain(in_unit(s, 1000.0)).collect();
        (!names.is_empty()).then_some(Self { names, form })
    }

    pub(super) fn mean(&self, who: &Labels<'_>) -> Formula {
        Formula::Mean { total: who.sum(&self.growth("sum", scaled)), count: who.sum(&self.growth("count", |_| "")) }
    }

    /// Growth per second of the sum or the count.
    fn growth(&self, part: &str, factor: impl Fn(f64) -> &'static str) -> String {
        any_of(&self.terms(part, "", factor))
    }

    /// Milliseconds spent on responses per second, with `matcher` in front of the other matchers.
    pub(super) fn sums(&self, matcher: &str) -> Vec<String> {
        self.terms("sum", matcher, scaled)
    }

    /// Responses per second, likewise.
    pub(super) fn counts(&self, matcher: &str) -> Vec<String> {
        self.terms("count", matcher, |_| "")
    }

    fn terms(&self, part: &str, matcher: &str, factor: impl Fn(f64) -> &'static str) -> Vec<String> {
        let mut terms = Vec::new();
        for (selector, unit_ms) in &self.names {
            let factor = factor(*unit_ms);
            terms.push(format!("{factor}{}", rate(&selector.put_together(&format!("_{part}"), matcher))));
            if self.form == Form::ClassicAndNative {
                terms.push(format!("{factor}histogram_{part}({})", rate(&selector.put_together("", matcher))));
            }
        }
        terms
    }

    /// VictoriaMetrics has buckets with a range, `vmrange`, instead of a bound, `le`; its `histogram_quantile` accepts both.
    pub(super) fn quantile(&self, who: &Labels<'_>) -> Formula {
        let mut terms = Vec::new();
        let mut of = |unit_ms: f64, by: &str, selector: &str| {
            let (scaled, rates) = (scaled(unit_ms), who.replace(&rate(selector)));
            terms.push(format!("{scaled}histogram_quantile($Q, sum by ({by}{}$AND_SCOPE) ({rates}))", who.by));
        };
        for (selector, unit_ms) in &self.names {
            of(*unit_ms, "le, vmrange, ", &selector.put_together("_bucket", ""));
            if self.form == Form::ClassicAndNative {
                of(*unit_ms, "", &selector.text());
            }
        }
        Formula::Sum(text(&terms.join(" or ")))
    }

    pub(super) fn absence(&self) -> Absence {
        let names: Vec<&str> = self.names.iter().map(|(selector, _)| selector.name()).collect();
        unobserved(&format!("the histogram {} is absent", names.join(" or ")))
    }
}

/// The factor that converts to milliseconds.
fn scaled(unit_ms: f64) -> &'static str {
    if unit_ms == 1000.0 { "1000 * " } else { "" }
}

pub(super) fn rate(selector: &str) -> String {
    format!("rate({selector}[$RATE])")
}

/// The first of several vectors that has a series, for each set of labels.
pub(super) fn any_of(terms: &[String]) -> String {
    match terms {
        [one] => one.clone(),
        several => format!("({})", several.join(" or ")),
    }
}

/// The absence of a signal that is not observed, for this reason.
pub(super) fn unobserved(reason: &str) -> Absence {
    Absence::Unobserved(text(reason))
}
