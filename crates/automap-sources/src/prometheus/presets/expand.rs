//! Turns the presets of a file into rows of the table of signals.
//!
//! Each counter and histogram of a preset becomes rates, shares, means and quantiles per service. The labels of other systems are
//! renamed to Istio's on the server (`labels.rs`), so that the code behind the queries knows one set of labels only.

use super::file::{Calls, LabelSource, OneOrMany, Preset, Served, is_of_calls};
use super::labels::{Labels, callers, label_list, text};
use super::{Absence, Exporter, Formula, Key, Signal, request_counts};

/// The exporters of a file, for as long as the process lives: rows of the table have no owner.
pub(super) fn exporters(presets: &[Preset], file: &str) -> Vec<&'static Exporter> {
    let file = text(file);
    presets.iter().map(|p| &*Box::leak(Box::new(exporter(p, file)))).collect()
}

fn exporter(preset: &Preset, file: &'static str) -> Exporter {
    let mut signals = Vec::new();
    if let Some(served) = &preset.served {
        signals.extend(of_served(served, preset));
    }
    if let Some(calls) = &preset.calls {
        signals.extend(of_calls(calls, preset));
    }
    signals.extend(preset.signals.iter().map(|(metric, expression)| of_signal(metric, expression, preset)));
    let own_cluster = preset.detect.replace("$SOURCE_CLUSTER", "").replace("$DESTINATION_CLUSTER", "");
    let anywhere = own_cluster.replace("=~$NS_OR_NONE", "!=\"\"").replace("=$NS", "!=\"\"");
    let names: Vec<&str> = preset.service.all().iter().map(LabelSource::label).collect();
    Exporter {
        preset: text(&preset.preset),
        title: text(&preset.title),
        file: Some(file),
        selector: text(&preset.detect),
        exported: None,
        unless: preset.unless.as_deref().map(text),
        remark: preset.remark.as_deref().map(text),
        anywhere: text(&anywhere),
        service_label: text(&names.join(" or ")),
        namespace_label: text(&preset.namespace_label),
        needs: None,
        covers: text(&covers(&signals)),
        counts: preset.served.as_ref().map(|served| request_counts::of_served(served, preset)),
        signals: Vec::leak(signals),
    }
}

/// In people's words what is not seen without it.
fn covers(signals: &[Signal]) -> String {
    let has = |name: &str| signals.iter().any(|s| s.name.contains(name));
    let words =
        [("rps", "requests"), ("latency", "latency"), ("error", "errors"), ("client", "calls"), ("tcp", "connections")];
    let mut all: Vec<&str> = words.into_iter().filter(|(name, _)| has(name)).map(|(_, word)| word).collect();
    if all.is_empty() {
        all = signals.iter().map(|s| s.name).collect();
    }
    all.join(", ")
}

fn of_served(served: &Served, preset: &Preset) -> Vec<Signal> {
    let who = Labels::of_service(preset);
    let by = label_list(preset.service.all());
    let signal = |name, request, formula, absence| Signal { name, request, key: Key::Workload, formula, absence };
    let requests = who.sum(&rate(&served.requests));
    let none = unobserved("no request was counted in this window");
    let mut out = vec![
        signal("throughput_rps", "requests served", Formula::Sum(requests), none),
        signal("error_ratio", "requests served", failures(&who, &served.failed, &served.requests, &by, requests), none),
    ];
    out.retain(|s| s.name != "error_ratio" || !served.failed.all().is_empty());
    if let Some(h) = Histogram::of(served.duration_ms.as_ref(), served.duration_s.as_ref()) {
        out.push(signal("latency_ms", "latency", h.mean(&who), h.absence()));
        out.push(signal("latency_p95_ms", "latency", h.quantile(&who), h.absence()));
    }
    out
}

fn of_calls(calls: &Calls, preset: &Preset) -> Vec<Signal> {
    let who = Labels::of_calls(calls, preset);
    let by = label_list(callers(calls, preset));
    let signal = |name, request, key, formula, absence| Signal { name, request, key, formula, absence };
    let mut out = Vec::new();
    if let Some(requests) = &calls.requests {
        let sent = who.sum(&rate(requests));
        let none = unobserved("no call was counted in this window");
        out.push(signal("client_rps", "calls", Key::Call, Formula::Sum(sent), none));
        if !calls.failed.all().is_empty() {
            let failed = failures(&who, &calls.failed, requests, &by, sent);
            out.push(signal("client_error_ratio", "calls", Key::Call, failed, none));
        }
    }
    if let Some(h) = Histogram::of(calls.duration_ms.as_ref(), calls.duration_s.as_ref()) {
        out.push(signal("client_latency_ms", "latency of calls", Key::Call, h.mean(&who), h.absence()));
    }
    if let Some(h) = Histogram::of(calls.served_duration_ms.as_ref(), calls.served_duration_s.as_ref()) {
        out.push(signal("served_latency_ms", "latency of calls served", Key::ServedCall, h.mean(&who), h.absence()));
    }
    out
}

/// An expression as it stands, with its labels turned into ours.
fn of_signal(metric: &str, expression: &str, preset: &Preset) -> Signal {
    let is_pod = matches!(preset.service.all(), [LabelSource::Plain(label)] if label == "pod");
    let (key, sum) = match &preset.calls {
        Some(calls) if is_of_calls(metric) => (Key::Call, Labels::of_calls(calls, preset).sum(expression)),
        _ if is_pod => (Key::Pod, text(&format!("sum by (pod) ({expression})"))),
        _ => (Key::Workload, Labels::of_service(preset).sum(expression)),
    };
    let name = text(metric);
    Signal { name, request: name, key, formula: Formula::Sum(sum), absence: Absence::Expected }
}

/// The share of requests that failed. A counter is born with its first event, so one that was not there a window ago has
/// grown by all it holds, provided that its service was watched then.
fn failures(who: &Labels<'_>, failed: &OneOrMany<String>, all: &str, by: &str, whole: &'static str) -> Formula {
    let grown = |f: &String| {
        format!("((({f} unless {f} offset $RATE) and on ({by}) {all} offset $RATE) / $RATE_S or rate({f}[$RATE]))")
    };
    let failed: Vec<String> = failed.all().iter().map(grown).collect();
    Formula::Share { part: who.sum(&format!("({})", failed.join(" or "))), whole }
}

/// A histogram and what its unit is worth in milliseconds.
struct Histogram<'a> {
    name: &'a str,
    matchers: &'a str,
    scale: &'static str,
}

impl<'a> Histogram<'a> {
    fn of(ms: Option<&'a String>, s: Option<&'a String>) -> Option<Self> {
        let (selector, scale) = ms.map(|h| (h, "")).or(s.map(|h| (h, "1000 * ")))?;
        let (name, matchers) = selector.split_once('{')?;
        Some(Self { name, matchers, scale })
    }

    fn rate(&self, part: &str) -> String {
        rate(&format!("{}_{part}{{{}", self.name, self.matchers))
    }

    fn mean(&self, who: &Labels<'_>) -> Formula {
        let total = text(&format!("{}{}", self.scale, who.sum(&self.rate("sum"))));
        Formula::Mean { total, count: who.sum(&self.rate("count")) }
    }

    fn quantile(&self, who: &Labels<'_>) -> Formula {
        let buckets = who.replace(&self.rate("bucket"));
        Formula::Sum(text(&format!("{}histogram_quantile($Q, sum by (le, {}) ({buckets}))", self.scale, who.by)))
    }

    fn absence(&self) -> Absence {
        unobserved(&format!("the histogram {} is absent", self.name))
    }
}

fn rate(selector: &str) -> String {
    format!("rate({selector}[$RATE])")
}

fn unobserved(reason: &str) -> Absence {
    Absence::Unobserved(text(reason))
}

#[cfg(test)]
mod tests {
    use super::super::file;
    use super::*;
    use crate::prometheus::promql::{Values, fill};

    #[test]
    fn labels_become_ours_and_the_first_that_says_something_wins() {
        let yaml = r"presets:
  - preset: mesh
    title: A mesh
    namespace_label: ns
    detect: up{ns=~$NS_OR_NONE}
    service: [app, {label: pod, pattern: '(.+)-0'}]
    served: {requests: 'a_total{ns=$NS}', duration_s: 'b{ns=$NS}'}
    calls: {callee_host: peer, requests: 'c_total{ns=$NS}'}
";
        let [mesh] = exporters(&file::parse("x", yaml).unwrap(), "x")[..] else { unreachable!() };
        assert_eq!(
            (mesh.anywhere, mesh.covers, mesh.service_label),
            ("up{ns!=\"\"}", "requests, latency, calls", "app or pod")
        );
        let values = Values { namespace: "a.b".into(), cluster: None, rate_ms: 60_000, span_ms: 0 };
        let shown = |i: usize| mesh.signals[i].formula.shown(|e| fill(e, &values));
        assert_eq!(
            shown(0),
            r#"sum by (destination_workload) (label_replace(label_replace(rate(a_total{ns="a.b"}[60s]), "destination_workload", "$1", "pod", "(.+)-0"), "destination_workload", "$1", "app", "(.+)"))"#
        );
        assert!(shown(1).starts_with("1000 * sum by") && shown(1).contains("b_sum{") && shown(1).contains("b_count{"));
        assert!(shown(2).starts_with("1000 * histogram_quantile(0.95, sum by (le, destination_workload)"));
        assert!(
            shown(3).contains(r#""destination_service_name", "$1", "peer", "([a-zA-Z][-a-zA-Z0-9]*)(?:[.]a\\.b(?:"#),
            "{}",
            shown(3)
        );
        assert_eq!(fill(mesh.selector, &values), r#"up{ns=~"a\\.b|"}"#);
    }
}
