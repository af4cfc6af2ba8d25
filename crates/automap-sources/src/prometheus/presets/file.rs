//! Reads and checks a file of presets.
//!
//! The author gives the counters and histograms of a system and the labels that name its services. `expand.rs` adds the expressions around them
//! (rates, shares, means, quantiles, sums over pods), so that `error_ratio` means the same in every preset. PromQL is checked only in form: a
//! selector has one pair of braces; the server judges its content.

mod signals;

use std::collections::BTreeMap;
use std::path::Path;

use automap_core::breakdown::Label;
use serde::Deserialize;

pub(super) use signals::{MadeOf, OutsideKind, OutsideOf, SignalOf, StoreKind, StoreOf};
use signals::{check_outside, check_signal, check_store};

use super::selector::Selector;
use super::{MAX_PRESET_FILE_BYTES, MAX_PRESETS, PresetError};
use crate::bounded;
use crate::prometheus::promql::{is_known_placeholder, placeholders};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    presets: Vec<Preset>,
}

/// One preset.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Preset {
    /// Its name: lower-case letters, digits and dashes.
    pub(super) preset: String,
    /// The system's title shown to users.
    pub(super) title: String,
    /// The label that holds the Kubernetes namespace.
    pub(super) namespace_label: String,
    /// A selector of series that exist if the system does; any of several.
    pub(super) detect: OneOrMany<String>,
    /// A selector: if it finds anything, this preset is not looked for.
    pub(super) unless: Option<String>,
    /// A caveat for its users.
    pub(super) remark: Option<String>,
    /// The labels that name a service; the first one with a value counts.
    #[serde(default)]
    pub(super) service: OneOrMany<LabelSource>,
    /// Requests that a service answers.
    pub(super) served: Option<Served>,
    /// Requests that it sends.
    pub(super) calls: Option<Calls>,
    /// The store or broker that the signals belong to, if not to a service.
    pub(super) store: Option<StoreOf>,
    /// What the signals belong to outside the namespace, if not to a service: a gateway, the DNS, a host that is called.
    pub(super) outside: Option<OutsideOf>,
    /// The labels that distinguish parts of a service: pod, version, response_code, method, route, caller, … Of several names for one, the first with
    /// a value counts.
    #[serde(default)]
    pub(super) breakdown: BTreeMap<Label, OneOrMany<String>>,
    /// Other signals, by metric.
    #[serde(default)]
    pub(super) signals: BTreeMap<String, SignalOf>,
}

impl Preset {
    /// Whether its series do not belong to a namespace of ours: those of the DNS are shared by all.
    pub(super) fn looks_everywhere(&self) -> bool {
        self.outside.as_ref().is_some_and(|outside| outside.kind == OutsideKind::Dns)
    }
}

/// Requests as counted by their server.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Served {
    /// A counter, or its names in several versions: each series counts once.
    pub(super) requests: OneOrMany<String>,
    /// Counters of failed requests: narrowed selectors of the same series.
    #[serde(default)]
    pub(super) failed: OneOrMany<String>,
    /// A histogram without `_bucket`, `_sum`, `_count`, in milliseconds, or its names in several versions.
    #[serde(default)]
    pub(super) duration_ms: OneOrMany<String>,
    /// The same in seconds. Both units may be given: the existing one is read.
    #[serde(default)]
    pub(super) duration_s: OneOrMany<String>,
}

/// Requests as counted by their client.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Calls {
    /// A counter; without one, only `signals` of calls are built from the labels below.
    #[serde(default)]
    pub(super) requests: OneOrMany<String>,
    #[serde(default)]
    pub(super) failed: OneOrMany<String>,
    /// A histogram of the time that the caller waits.
    #[serde(default)]
    pub(super) duration_ms: OneOrMany<String>,
    #[serde(default)]
    pub(super) duration_s: OneOrMany<String>,
    /// A histogram of the callee's own durations, per caller.
    #[serde(default)]
    pub(super) served_duration_ms: OneOrMany<String>,
    #[serde(default)]
    pub(super) served_duration_s: OneOrMany<String>,
    /// The labels that name the caller; those of `service` if unset.
    #[serde(default)]
    pub(super) caller: OneOrMany<LabelSource>,
    /// The labels that name the callee.
    #[serde(default)]
    pub(super) callee: OneOrMany<LabelSource>,
    /// The label with the callee's namespace.
    pub(super) callee_namespace: Option<String>,
    /// A label with the callee's Kubernetes service or host name: `catalogue`, `catalogue.shop.svc.cluster.local:80`.
    pub(super) callee_host: Option<LabelSource>,
    /// The kind of the callees, if all of them are stores or brokers.
    pub(super) callee_kind: Option<StoreKind>,
}

/// A label, or the part of it that a pattern's first group matches.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
pub(super) enum LabelSource {
    Plain(String),
    Part { label: String, pattern: String },
}

impl LabelSource {
    pub(super) fn label(&self) -> &str {
        match self {
            Self::Plain(label) | Self::Part { label, .. } => label,
        }
    }

    pub(super) fn pattern(&self) -> &str {
        match self {
            Self::Plain(_) => "(.+)",
            Self::Part { pattern, .. } => pattern,
        }
    }
}

/// `x` or `[x, y]`.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum OneOrMany<T> {
    One(T),
    Many(Vec<T>),
}

impl<T> Default for OneOrMany<T> {
    fn default() -> Self {
        Self::Many(Vec::new())
    }
}

impl<T> OneOrMany<T> {
    pub(super) fn all(&self) -> &[T] {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::Many(many) => many,
        }
    }
}

/// A file's text, if it is not too large.
pub(super) fn read(path: &Path) -> Result<String, PresetError> {
    bounded::read_text_file(path, MAX_PRESET_FILE_BYTES)
        .map_err(|e| PresetError::new(&e.name, "", format!("cannot be read: {}", e.reason)))
}

/// Parses and checks; `name` is the file's, for messages.
pub(super) fn parse(name: &str, text: &str) -> Result<Vec<Preset>, PresetError> {
    let document: Document =
        serde_saphyr::from_str(text).map_err(|e| PresetError::new(name, "", e.without_snippet().to_string()))?;
    let presets = document.presets;
    if presets.is_empty() || presets.len() > MAX_PRESETS {
        return Err(PresetError::new(name, "presets", format!("write 1 to {MAX_PRESETS} of them")));
    }
    for (i, preset) in presets.iter().enumerate() {
        let place = |key: &str| format!("{}: {key}", preset.preset);
        check(preset).map_err(|(key, reason)| PresetError::new(name, place(&key), reason))?;
        if presets[..i].iter().any(|p| p.preset == preset.preset) {
            return Err(PresetError::new(name, place("preset"), "the name is there twice"));
        }
    }
    Ok(presets)
}

type Wrong = (String, String);

fn wrong(key: impl Into<String>, reason: impl Into<String>) -> Result<(), Wrong> {
    Err((key.into(), reason.into()))
}

fn check(preset: &Preset) -> Result<(), Wrong> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if preset.preset.is_empty() || preset.preset.len() > 63 || !preset.preset.chars().all(plain) {
        return wrong("preset", "write up to 63 lower-case letters, digits and dashes");
    }
    label("namespace_label", &preset.namespace_label)?;
    if preset.detect.all().is_empty() {
        return wrong("detect", "it is empty: which series are there when the system is?");
    }
    let everywhere = preset.looks_everywhere();
    preset.detect.all().iter().chain(&preset.unless).try_for_each(|s| selector("detect", s, everywhere))?;
    labels("service", preset.service.all())?;
    if preset.served.is_none() && preset.calls.is_none() && preset.signals.is_empty() {
        return wrong("served", "a preset needs at least one of served, calls and signals");
    }
    if let Some(served) = &preset.served {
        if preset.service.all().is_empty() {
            return wrong("service", "it is missing: which label names the service?");
        }
        check_served(served)?;
    }
    check_breakdown(preset)?;
    if let Some(calls) = &preset.calls {
        check_calls(calls, preset)?;
    }
    preset.store.iter().try_for_each(|store| check_store(store, preset))?;
    preset.outside.iter().try_for_each(|outside| check_outside(outside, preset))?;
    preset.signals.iter().try_for_each(|(metric, signal)| check_signal(metric, signal, preset))
}

fn check_served(served: &Served) -> Result<(), Wrong> {
    if served.requests.all().is_empty() {
        return wrong("served.requests", "it is empty: which counter counts the requests?");
    }
    selectors("served.requests", &served.requests)?;
    selectors("served.failed", &served.failed)?;
    durations("served.duration", &served.duration_ms, &served.duration_s)
}

fn check_breakdown(preset: &Preset) -> Result<(), Wrong> {
    if !preset.breakdown.is_empty() && preset.served.is_none() {
        return wrong("breakdown", "there is nothing to break down: it is of the requests under served");
    }
    for (name, names) in &preset.breakdown {
        let key = format!("breakdown.{}", name.key());
        if names.all().is_empty() {
            return wrong(key, "it is empty: which label holds it?");
        }
        names.all().iter().try_for_each(|n| label(&key, n))?;
    }
    Ok(())
}

fn check_calls(calls: &Calls, preset: &Preset) -> Result<(), Wrong> {
    if calls.caller.all().is_empty() && preset.service.all().is_empty() {
        return wrong("calls.caller", "it is missing: which label names the caller?");
    }
    if calls.callee.all().is_empty() && calls.callee_host.is_none() {
        return wrong("calls.callee", "it is missing: which label names the callee? (callee, or callee_host)");
    }
    labels("calls.caller", calls.caller.all())?;
    labels("calls.callee", calls.callee.all())?;
    labels("calls.callee_host", calls.callee_host.as_slice())?;
    calls.callee_namespace.iter().try_for_each(|l| label("calls.callee_namespace", l))?;
    selectors("calls.requests", &calls.requests)?;
    selectors("calls.failed", &calls.failed)?;
    durations("calls.duration", &calls.duration_ms, &calls.duration_s)?;
    durations("calls.served_duration", &calls.served_duration_ms, &calls.served_duration_s)
}

pub(super) fn is_of_calls(metric: &str) -> bool {
    metric.starts_with("client_") || metric.starts_with("served_") || metric.starts_with("tcp_")
}

fn durations(key: &str, ms: &OneOrMany<String>, s: &OneOrMany<String>) -> Result<(), Wrong> {
    for (unit, names) in [("ms", ms), ("s", s)] {
        let key = format!("{key}_{unit}");
        selectors(&key, names)?;
        if names.all().iter().any(|text| Selector::parse(text).is_some_and(|s| s.name().is_empty())) {
            return wrong(key, "write the histogram's name in front of the braces, without _bucket, _sum and _count");
        }
    }
    Ok(())
}

fn labels(key: &str, sources: &[LabelSource]) -> Result<(), Wrong> {
    sources.iter().try_for_each(|source| {
        label(key, source.label())?;
        match source.pattern().contains(['(', '$']) {
            true => known_placeholders(key, source.pattern()),
            false => wrong(key, format!("the pattern {} has no group: what is the name?", source.pattern())),
        }
    })
}

/// Dots are allowed, as in OpenTelemetry's attributes, which Prometheus keeps from version 3 on.
fn label(key: &str, name: &str) -> Result<(), Wrong> {
    let is_label = !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || "_.-/:".contains(c));
    match is_label {
        true => Ok(()),
        false => wrong(key, format!("\"{name}\" is not a label: letters, digits, underscores and dots")),
    }
}

fn selectors(key: &str, texts: &OneOrMany<String>) -> Result<(), Wrong> {
    texts.all().iter().try_for_each(|text| selector(key, text, false))
}

/// `name{matchers}`: can be used in `rate(…[…])`, and is narrowed to the namespace.
fn selector(key: &str, text: &str, everywhere: bool) -> Result<(), Wrong> {
    let shape = "write one selector: metric_name{label=\"value\",namespace=$NS}";
    let Some(selector) = Selector::parse(text) else { return wrong(key, shape) };
    let (name, matchers) = text.split_once('{').unwrap_or_default();
    let is_name = name.chars().all(|c| c.is_alphanumeric() || "_:.".contains(c));
    let matchers = unquoted(matchers);
    if !is_name || !selector.is_usable() || matchers.matches(['{', '}', '[', '(']).count() != 1 {
        return wrong(key, shape);
    }
    if matchers.contains('.') {
        return wrong(key, "put labels with dots between quotes: name{\"service.name\"=\"x\"}");
    }
    template(key, text, everywhere)
}

/// Placeholders that narrow an expression to the namespace.
const OF_OURS: [&str; 6] =
    ["NS", "NS_OR_NONE", "NS_PATTERN", "FROM_GATEWAY", "FROM_GATEWAY_TO_NOBODY", "AT_THE_SERVED"];

/// An expression that is narrowed to one namespace, unless it may read all of them.
fn template(key: &str, text: &str, everywhere: bool) -> Result<(), Wrong> {
    known_placeholders(key, text)?;
    match everywhere || placeholders(text).any(|p| OF_OURS.contains(&p)) {
        true => Ok(()),
        false => {
            wrong(key, "it looks at all namespaces: put namespace=$NS into it, or =~$NS_OR_NONE where some lack it")
        }
    }
}

fn known_placeholders(key: &str, text: &str) -> Result<(), Wrong> {
    match placeholders(text).find(|p| !is_known_placeholder(p)) {
        Some(unknown) => wrong(key, format!("${unknown} stands for nothing; there are $NS, $NS_OR_NONE, $RATE, …")),
        None => Ok(()),
    }
}

/// The text without its quoted parts.
fn unquoted(text: &str) -> String {
    let mut out = String::new();
    let (mut quoted, mut escaped) = (false, false);
    for c in text.chars() {
        match (quoted, escaped, c) {
            (true, true, _) => escaped = false,
            (true, false, '\\') => escaped = true,
            (_, _, '"') => quoted = !quoted,
            (false, _, c) => out.push(c),
            _ => {}
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"presets:
  - preset: mesh
    title: A mesh
    namespace_label: namespace
    detect: requests_total{namespace=$NS}
    service: [deployment, {label: pod, pattern: $DEPLOYMENT_OF_POD}]
    served: {requests: 'requests_total{namespace=$NS}', failed: 'requests_total{namespace=$NS,code=~"5.{2}"}'}
    calls: {callee: peer, requests: 'sent_total{namespace=$NS}'}
    signals: {cpu_cores: 'rate(cpu_seconds_total{namespace=$NS}[$RATE])'}
"#;

    #[test]
    fn what_is_wrong_is_told_with_its_place_and_a_way_out() {
        parse("a.yaml", GOOD).unwrap();
        for (from, to, expected) in [
            ("preset: mesh", "preset: My Mesh", "My Mesh: preset: write up to 63"),
            ("title: A mesh", "titel: A mesh", "titel"),
            ("requests_total{namespace=$NS}\n", "requests_total\n", "mesh: detect: write one selector"),
            ("{requests: 'requests_total{namespace=$NS}'", "{requests: 'requests_total{}'", "looks at all namespaces"),
            ("{requests: 'requests_total{namespace=$NS}'", "{requests: 'a{x=$NS} or b{x=$NS}'", "write one selector"),
            ("5.{2}", "$FAILED", "mesh: served.failed: $FAILED stands for nothing"),
            ("$DEPLOYMENT_OF_POD", "'.+'", "mesh: service: the pattern .+ has no group"),
            ("signals: {cpu", "breakdown: {pod: a b}\n    signals: {cpu", "breakdown.pod: \"a b\" is not a label"),
            ("signals: {cpu", "breakdown: {pods: pod}\n    signals: {cpu", "pods"),
            ("callee: peer", "callee: peer name", "\"peer name\" is not a label"),
            (
                "{requests: 'requests_total{namespace=$NS}'",
                "{requests: 'a.b{k8s.ns=$NS}'",
                "name{\"service.name\"=\"x\"}",
            ),
            ("{requests: 'requests_total{namespace=$NS}'", "{requests: '{\"a$NS\",ns=$NS}'", "write one selector"),
            ("{requests: 'requests_total{namespace=$NS}'", "{requests: []", "served.requests: it is empty"),
            ("callee: peer, ", "", "mesh: calls.callee: it is missing"),
            ("'rate(cpu_seconds_total{namespace=$NS}[$RATE])'", "{part: 'a{x=$NS}'}", "one of {most}, {total, count}"),
            ("signals:", "store: {kind: store, exporter: x}\n    signals:", "mesh: store: a preset of a store has"),
            ("cpu_cores", "cpu_cors", "mesh: signals.cpu_cors: did you mean cpu_cores?"),
            ("service: [deployment, {label: pod, pattern: $DEPLOYMENT_OF_POD}]", "", "mesh: service: it is missing"),
        ] {
            assert!(GOOD.contains(from), "{from}");
            let error = parse("a.yaml", &GOOD.replacen(from, to, 1)).unwrap_err().to_string();
            assert!(error.starts_with("a.yaml: ") && error.contains(expected), "{error}");
        }
        let twice = format!("{GOOD}{}", GOOD.trim_start_matches("presets:\n"));
        assert!(parse("a.yaml", &twice).unwrap_err().to_string().contains("there twice"));
        assert!(parse("a.yaml", "presets: []").unwrap_err().to_string().contains("write 1 to 64"));
    }
}
