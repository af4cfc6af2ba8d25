//! Turns the presets of a file into rows of the table of signals.
//!
//! Each counter and histogram of a preset becomes rates, shares, means and quantiles per service. The labels of other systems are renamed to Istio's
//! on the server (`labels.rs`), so that the code behind the queries handles only one set of labels.

use super::file::{Calls, LabelSource, MadeOf, Preset, Served, SignalOf, is_of_calls};
use super::histogram::{Counter, Form, Histogram, any_of, unobserved};
use super::labels::{Labels, QUANTILE, callers, label_list, text};
use super::{Absence, Exporter, Formula, Key, NativeForm, Signal, by_label, native, outside, request_counts, stores};
use crate::prometheus::promql::{self, is_plain_label};

/// The exporters of a file, kept for the lifetime of the process, since rows of the table have no owner.
pub(super) fn exporters(presets: &[Preset], file: &str) -> Vec<&'static Exporter> {
    let file = text(file);
    let leak = |exporter| &*Box::leak(Box::new(exporter));
    let both = |preset: &Preset| {
        let native = || native::of(preset, || leak(exporter(preset, file, Form::ClassicAndNative, None)));
        // The signals of things outside the namespace use their expressions as written.
        let native = if preset.outside.is_none() { native() } else { None };
        leak(exporter(preset, file, Form::Classic, native))
    };
    presets.iter().map(both).collect()
}

fn exporter(preset: &Preset, file: &'static str, form: Form, native: Option<NativeForm>) -> Exporter {
    let mut signals = Vec::new();
    if let Some(served) = &preset.served {
        signals.extend(of_served(served, preset, form));
    }
    if let Some(calls) = &preset.calls {
        signals.extend(of_calls(calls, preset, form));
    }
    let store = preset.store.as_ref().map(stores::of);
    let stands_outside = preset.outside.as_ref().map(|of| (of, outside::of(of, preset)));
    match (store, stands_outside) {
        (Some(store), _) => signals.extend(stores::signals(preset, store)),
        (None, Some((of, outside))) => signals.extend(outside::signals(preset, of, outside)),
        (None, None) => signals.extend(preset.signals.iter().map(|(metric, signal)| of_signal(metric, signal, preset))),
    }
    let is_native = form == Form::ClassicAndNative;
    let selectors = native::presence(preset, form);
    let all_forms = native::presence(preset, Form::ClassicAndNative);
    let anywhere: Vec<String> = all_forms.iter().map(|selector| of_any_namespace(selector)).collect();
    let names: Vec<&str> = preset.service.all().iter().map(LabelSource::label).collect();
    let mut told = selectors.iter().map(String::as_str).chain(preset.unless.as_deref());
    let covers = covers(&signals);
    Exporter {
        preset: text(&preset.preset),
        title: text(&preset.title),
        file: Some(file),
        selector: text(&selectors[0]),
        or_selectors: Vec::leak(selectors[1..].iter().map(|selector| text(selector)).collect()),
        unless: preset.unless.as_deref().map(text),
        remark: preset.remark.as_deref().map(text),
        anywhere: text(&any_of(&anywhere)),
        service_label: text(&names.join(" or ")),
        namespace_label: text(&preset.namespace_label),
        needs: None,
        quotes_names: told.any(promql::names_label_in_quotes) || !is_plain_label(&preset.namespace_label),
        covers: text(&if is_native { covers + ", from native histograms" } else { covers }),
        counts: preset.served.as_ref().map(|served| request_counts::of_served(served, preset, form)),
        by_label: preset.served.as_ref().and_then(|served| by_label::of_served(served, preset, form)),
        signals: Vec::leak(signals),
        native,
        is_native,
        store,
        outside: stands_outside.map(|(_, outside)| outside),
        callees: preset.calls.as_ref().and_then(|calls| calls.callee_kind).map(stores::kind),
    }
}

/// A selector of one namespace, widened to all of them, in whichever cluster.
fn of_any_namespace(selector: &str) -> String {
    let own_cluster = selector.replace("$SOURCE_CLUSTER", "").replace("$DESTINATION_CLUSTER", "");
    let own_cluster = own_cluster.replace("$CLUSTER", "");
    own_cluster.replace("=~$NS_OR_NONE", "!=\"\"").replace("=$NS", "!=\"\"").replace("$NS_PATTERN", ".+")
}

/// What is not observed without it, in words for users.
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

fn of_served(served: &Served, preset: &Preset, form: Form) -> Vec<Signal> {
    let who = Labels::of_service(preset);
    let by = label_list(preset.service.all());
    let signal = |name, request, formula, absence| Signal { name, request, key: Key::Workload, formula, absence };
    let counter = Counter::of(served.requests.all(), form);
    let requests = who.sum(&counter.rate());
    let none = unobserved("no request was counted in this window");
    let mut out = vec![signal("throughput_rps", "requests served", Formula::Sum(requests), none)];
    if !served.failed.all().is_empty() {
        let failed = failures(&who, served.failed.all(), &counter, &by, requests, form);
        out.push(signal("error_ratio", "requests served", failed, none));
    }
    if let Some(h) = Histogram::of(&served.duration_ms, &served.duration_s, form) {
        out.push(signal("latency_ms", "latency", h.mean(&who), h.absence()));
        out.push(signal("latency_p95_ms", "latency", h.quantile(&who), h.absence()));
    }
    out
}

fn of_calls(calls: &Calls, preset: &Preset, form: Form) -> Vec<Signal> {
    let who = Labels::of_calls(calls, preset);
    let by = label_list(callers(calls, preset));
    let signal = |name, request, key, formula, absence| Signal { name, request, key, formula, absence };
    let mut out = Vec::new();
    if !calls.requests.all().is_empty() {
        let counter = Counter::of(calls.requests.all(), form);
        let sent = who.sum(&counter.rate());
        let none = unobserved("no call was counted in this window");
        out.push(signal("client_rps", "calls", Key::Call, Formula::Sum(sent), none));
        if !calls.failed.all().is_empty() {
            let failed = failures(&who, calls.failed.all(), &counter, &by, sent, form);
            out.push(signal("client_error_ratio", "calls", Key::Call, failed, none));
        }
    }
    if let Some(h) = Histogram::of(&calls.duration_ms, &calls.duration_s, form) {
        out.push(signal("client_latency_ms", "latency of calls", Key::Call, h.mean(&who), h.absence()));
    }
    if let Some(h) = Histogram::of(&calls.served_duration_ms, &calls.served_duration_s, form) {
        out.push(signal("served_latency_ms", "latency of calls served", Key::ServedCall, h.mean(&who), h.absence()));
    }
    out
}

/// A signal's expressions as written, with their labels renamed to ours.
fn of_signal(metric: &str, signal: &SignalOf, preset: &Preset) -> Signal {
    let is_pod = matches!(preset.service.all(), [LabelSource::Plain(label)] if label == "pod");
    let calls = preset.calls.as_ref().filter(|_| is_of_calls(metric));
    let key = match calls {
        Some(_) => Key::Call,
        None if is_pod => Key::Pod,
        None => Key::Workload,
    };
    let by = |aggregate: &str, expression: &str| {
        let (labels, renamed) = match (calls, is_pod) {
            (Some(calls), _) => (Labels::of_calls(calls, preset), true),
            (None, is_pod) => (Labels::of_service(preset), !is_pod),
        };
        match renamed {
            true => labels.aggregate(aggregate, expression),
            false => text(&format!("{aggregate} by (pod$AND_SCOPE) ({expression})")),
        }
    };
    let name = text(metric);
    Signal { name, request: name, key, formula: formula(signal, by), absence: Absence::Expected }
}

/// The formula of a signal, where `by` aggregates an expression by the owner's labels: the sum or the maximum.
pub(super) fn formula(signal: &SignalOf, by: impl Fn(&str, &str) -> &'static str) -> Formula {
    let sum = |expression: &str| by("sum", expression);
    match signal {
        SignalOf::Sum(expression) => Formula::Sum(sum(expression)),
        SignalOf::Made(MadeOf { total: Some(total), count: Some(count), .. }) => {
            Formula::Mean { total: sum(total), count: sum(count) }
        }
        SignalOf::Made(MadeOf { buckets: Some(buckets), .. }) => Formula::Sum(by(QUANTILE, buckets)),
        SignalOf::Made(MadeOf { part: Some(part), whole: Some(whole), .. }) => {
            Formula::Share { part: sum(part), whole: sum(whole) }
        }
        // A file whose signals are computed in any other way was rejected.
        SignalOf::Made(made) => Formula::Sum(by("max", made.most.as_deref().unwrap_or_default())),
    }
}

/// The share of requests that failed. A counter appears with its first event, so one that did not exist a window ago has grown by its full value, if
/// its service was observed then.
fn failures(who: &Labels<'_>, failed: &[String], all: &Counter, by: &str, whole: &'static str, form: Form) -> Formula {
    let watched = all.value(" offset $RATE");
    let grown = |f: &String| {
        let f = Counter::of(std::slice::from_ref(f), form);
        let (now, then, rate) = (f.value(""), f.value(" offset $RATE"), f.rate());
        format!("((({now} unless {then}) and on ({by}$AND_SCOPE) {watched}) / $RATE_S or {rate})")
    };
    let failed: Vec<String> = failed.iter().map(grown).collect();
    Formula::Share { part: who.sum(&format!("({})", failed.join(" or "))), whole }
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
        let values = Values { namespace: "a.b".into(), cluster: None, rate_ms: 60_000, span_ms: 0, only: None };
        let shown = |i: usize| mesh.signals[i].formula.shown(|e| fill(e, &values));
        assert_eq!(
            shown(0),
            r#"sum by (destination_workload) (label_replace(label_replace(rate(a_total{ns="a.b"}[60s]), "destination_workload", "$1", "pod", "(.+)-0"), "destination_workload", "$1", "app", "(.+)"))"#
        );
        assert!(
            shown(1).contains("(1000 * rate(b_sum{") && shown(1).contains("b_sum{") && shown(1).contains("b_count{")
        );
        assert!(shown(2).starts_with("1000 * histogram_quantile(0.95, sum by (le, vmrange, destination_workload)"));
        assert!(
            shown(3).contains(r#""destination_service_name", "$1", "peer", "([a-zA-Z][-a-zA-Z0-9]*)(?:[.]a\\.b(?:"#),
            "{}",
            shown(3)
        );
        assert_eq!(fill(mesh.selector, &values), r#"up{ns=~"a\\.b|"}"#);
    }
}
