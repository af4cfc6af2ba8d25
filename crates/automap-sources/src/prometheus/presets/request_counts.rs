//! How an exporter counts the requests of one service over a window: what objectives are measured with.
//!
//! Signals are rates of all services at once; an objective needs the number of requests of one service over minutes or weeks. The
//! expressions are templates: besides the usual placeholders they hold `$SERVICE` (the service as a string literal), `$WINDOW` (a
//! duration) and, for buckets, `$LE` (a bound as a string literal).

use super::file::{LabelSource, Preset, Served};
use super::labels::{Labels, text};

/// The expressions for one service; each gives one number.
#[derive(Debug)]
pub(crate) struct RequestCounts {
    /// All requests.
    pub(crate) all: &'static str,
    /// Requests that failed, 0 where none did; `None` where the exporter does not tell failed requests from others.
    pub(crate) failed: Option<&'static str>,
    /// Requests by duration; `None` where the exporter has no histogram.
    pub(crate) durations: Option<DurationCounts>,
}

/// Requests by duration.
#[derive(Debug)]
pub(crate) struct DurationCounts {
    /// The metric of the histogram's buckets, for messages.
    pub(crate) metric: &'static str,
    /// Requests within the bound `$LE`.
    pub(crate) within: &'static str,
    /// One series for each bound, with the label `le`.
    pub(crate) bounds: &'static str,
    /// Milliseconds in one unit of the bounds.
    pub(crate) unit_ms: f64,
}

/// The counts of a file's preset.
///
/// For `requests: response_total{namespace=$NS}` and `service: [deployment, statefulset]` all requests are
/// `sum(increase(response_total{deployment=$SERVICE,namespace=$NS}[$WINDOW])
/// or increase(response_total{deployment="",statefulset=$SERVICE,namespace=$NS}[$WINDOW]))`.
pub(super) fn of_served(served: &Served, preset: &Preset) -> RequestCounts {
    let increase = |selector: &str| of_service("increase", selector, preset);
    let failed: Vec<String> = served.failed.all().iter().map(|selector| increase(selector)).collect();
    RequestCounts {
        all: text(&format!("sum({})", increase(&served.requests))),
        // A counter of failures may not exist before the first one. A request that matches two selectors counts once.
        failed: (!failed.is_empty()).then(|| text(&format!("(sum({}) or vector(0))", failed.join(" or ")))),
        durations: durations(served, preset),
    }
}

fn durations(served: &Served, preset: &Preset) -> Option<DurationCounts> {
    let in_ms = served.duration_ms.as_ref().map(|histogram| (histogram, 1.0));
    let (histogram, unit_ms) = in_ms.or(served.duration_s.as_ref().map(|histogram| (histogram, 1000.0)))?;
    let (name, matchers) = histogram.split_once('{')?;
    let buckets = of_service("last_over_time", &format!("{name}_bucket{{{matchers}"), preset);
    let bucket = of_service("increase", &format!("{name}_bucket{{le=$LE,{matchers}"), preset);
    Some(DurationCounts {
        metric: text(&format!("{name}_bucket")),
        within: text(&format!("sum({bucket})")),
        bounds: text(&format!("group by (le) ({buckets})")),
        unit_ms,
    })
}

/// A function over the window, applied to the series of one service.
///
/// Where plain labels name the service, matchers select its series: the first label that has a value counts, so every further
/// label is asked for only where those before it are empty. A pattern cannot be turned round into a matcher; there the labels of all
/// services are renamed, and those of other services dropped.
fn of_service(function: &str, selector: &str, preset: &Preset) -> String {
    let sources = preset.service.all();
    if sources.iter().all(|source| matches!(source, LabelSource::Plain(_))) {
        let of_label = |i: usize| {
            let empty: String = sources[..i].iter().map(|earlier| format!("{}=\"\",", earlier.label())).collect();
            let matcher = format!("{{{empty}{}=$SERVICE,", sources[i].label());
            format!("{function}({}[$WINDOW])", selector.replacen('{', &matcher, 1))
        };
        return (0..sources.len()).map(of_label).collect::<Vec<_>>().join(" or ");
    }
    let renamed = Labels::of_service(preset).replace(&format!("{function}({selector}[$WINDOW])"));
    let this_service = r#"label_replace(vector(1), "destination_workload", $SERVICE, "", "")"#;
    format!("{renamed} and on (destination_workload) {this_service}")
}
