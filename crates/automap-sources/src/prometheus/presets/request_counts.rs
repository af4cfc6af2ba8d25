//! How an exporter counts the requests of one service over a window; service-level objectives are measured with it.
//!
//! Signals are rates of all services at once; an objective needs the number of requests of one service over minutes or weeks. The
//! expressions are templates: besides the usual placeholders they hold `$SERVICE` (the service as a string literal), `$WINDOW` (a
//! duration) and, for requests within a limit, `$LE` (a bucket's bound as a string literal) or `$LIMIT` (a number).

use super::file::{LabelSource, Preset, Served};
use super::histogram::{Counter, Form, Histogram, any_of};
use super::labels::{Labels, text};
use crate::prometheus::promql::label_name;

/// The expressions for one service; each returns one number.
#[derive(Debug)]
pub(crate) struct RequestCounts {
    /// All requests.
    pub(crate) all: &'static str,
    /// Requests that failed, 0 if none did; `None` if the exporter does not distinguish failed requests.
    pub(crate) failed: Option<&'static str>,
    /// Requests by duration, for each histogram that the service may have; empty if the exporter has none.
    pub(crate) durations: &'static [DurationCounts],
}

/// Requests by duration.
#[derive(Debug)]
pub(crate) struct DurationCounts {
    /// The metric of the histogram's buckets, or the native histogram, for messages.
    pub(crate) metric: &'static str,
    /// All requests.
    pub(crate) all: &'static str,
    /// Requests within the bound `$LE`, or within `$LIMIT` of a native histogram.
    pub(crate) within: &'static str,
    /// One series for each bound, with the label `le`; `None` for a native histogram, which needs no bounds.
    pub(crate) bounds: Option<&'static str>,
    /// Milliseconds in one unit of the bounds.
    pub(crate) unit_ms: f64,
}

/// The counts of a file's preset.
///
/// For `requests: response_total{namespace=$NS}` and `service: [deployment, statefulset]` all requests are
/// `sum(increase(response_total{deployment=$SERVICE,namespace=$NS}[$WINDOW])
/// or increase(response_total{deployment="",statefulset=$SERVICE,namespace=$NS}[$WINDOW]))`.
pub(super) fn of_served(served: &Served, preset: &Preset, form: Form) -> RequestCounts {
    let grown = |names: &[String]| {
        let counter = Counter::of(names, form);
        of_service(preset, |matcher| counter.terms(matcher, increase))
    };
    let failed = served.failed.all();
    RequestCounts {
        all: text(&format!("sum({})", grown(served.requests.all()))),
        // A counter of failures may not exist before the first one. A request that matches two selectors counts once.
        failed: (!failed.is_empty()).then(|| text(&format!("(sum({}) or vector(0))", grown(failed)))),
        durations: Vec::leak(durations(served, preset, form)),
    }
}

fn durations(served: &Served, preset: &Preset, form: Form) -> Vec<DurationCounts> {
    let Some(Histogram { names, .. }) = Histogram::of(&served.duration_ms, &served.duration_s, form) else {
        return Vec::new();
    };
    let mut out = Vec::new();
    for (histogram, unit_ms) in &names {
        let of = |around: fn(&str) -> String, le: &str| {
            let join = |matcher: &str| if matcher.is_empty() { le.to_owned() } else { format!("{le},{matcher}") };
            of_service(preset, |matcher| {
                vec![around(&histogram.put_together("_bucket", join(matcher).trim_matches(',')))]
            })
        };
        out.push(DurationCounts {
            metric: text(&format!("{}_bucket", histogram.name())),
            all: text(&format!("sum({})", of(increase, "le=\"+Inf\""))),
            within: text(&format!("sum({})", of(increase, "le=$LE"))),
            bounds: Some(text(&format!("group by (le) ({})", of(|s| format!("last_over_time({s}[$WINDOW])"), "")))),
            unit_ms: *unit_ms,
        });
    }
    for (histogram, unit_ms) in names.iter().filter(|_| form == Form::ClassicAndNative) {
        let grown = of_service(preset, |matcher| vec![increase(&histogram.put_together("", matcher))]);
        out.push(DurationCounts {
            metric: text(histogram.name()),
            all: text(&format!("sum(histogram_count({grown}))")),
            within: text(&format!("sum(histogram_fraction(-Inf, $LIMIT, {grown}) * histogram_count({grown}))")),
            bounds: None,
            unit_ms: *unit_ms,
        });
    }
    out
}

fn increase(selector: &str) -> String {
    format!("increase({selector}[$WINDOW])")
}

/// Expressions over the window, applied to the series of one service. `terms` builds them with a matcher in front.
///
/// If plain labels name the service, matchers select its series: the first label with a value counts, so every further label is matched only if those
/// before it are empty. A pattern cannot be inverted into a matcher; there the labels of all services are renamed, and other services are dropped.
pub(super) fn of_service(preset: &Preset, terms: impl Fn(&str) -> Vec<String>) -> String {
    let sources = preset.service.all();
    if sources.iter().all(|source| matches!(source, LabelSource::Plain(_))) {
        let of_label = |i: usize| {
            let empty: String = sources[..i].iter().map(|s| format!("{}=\"\",", label_name(s.label()))).collect();
            terms(&format!("{empty}{}=$SERVICE", label_name(sources[i].label())))
        };
        return (0..sources.len()).flat_map(of_label).collect::<Vec<_>>().join(" or ");
    }
    let renamed = Labels::of_service(preset).replace(&any_of(&terms("")));
    let this_service = r#"label_replace(vector(1), "destination_workload", $SERVICE, "", "")"#;
    format!("({renamed} and on (destination_workload) {this_service})")
}
