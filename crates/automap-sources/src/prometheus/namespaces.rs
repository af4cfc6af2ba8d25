//! The namespaces that a server knows: used to expand a pattern, and to report if the requested one does not exist.

use std::collections::BTreeSet;

use super::client::Client;
use super::decode::LabelledSeries;
use super::discover::{explain_nothing, probe_grid};
use super::error::RequestError;
use super::observe_options::ObserveOptions;
use super::presets::Exporter;
use super::promql;
use super::query::Answer;
use super::scope::{Expanded, NamespaceSpec, Scope};
use super::source_error::SourceError;

/// Expressions for all namespaces that any exporter knows, in case ours is not among them.
pub(crate) fn listing(exporters: &[&'static Exporter]) -> Vec<String> {
    // Exporters that only serve a namespace do not show which ones exist.
    let of_namespaces = exporters.iter().filter(|e| e.outside.is_none() || exporters.len() == 1);
    let all = of_namespaces.map(|e| format!("count by ({}) ({})", promql::label_name(e.namespace_label), e.anywhere));
    all.collect()
}

/// The requested namespaces. A pattern is matched against those that kube-state-metrics knows, else against those that have any metric.
pub(crate) fn scope_of(client: &Client, options: &ObserveOptions) -> Result<Expanded, SourceError> {
    let spec = NamespaceSpec::parse(&options.namespace);
    if spec.is_one() {
        return Ok(Expanded { scope: Scope::from(options.namespace.as_str()), ..Expanded::default() });
    }
    if !spec.has_pattern() {
        return Ok(Expanded { scope: spec.scope(), ..Expanded::default() });
    }
    const THERE: &str = r#"max by (namespace, exported_namespace) (kube_namespace_status_phase{phase="Active"}) == 1"#;
    let answer = client.range(THERE, probe_grid(options))?;
    let name = |s: &LabelledSeries| {
        let label = |name: &str| s.labels.get(name).filter(|n| !n.is_empty()).cloned();
        label("exported_namespace").or_else(|| label("namespace"))
    };
    let mut known: BTreeSet<String> = answer.series.iter().filter_map(name).collect();
    if known.is_empty() {
        let (then, now) = known_namespaces(client, client.presets().exporters(), options)?;
        known = if then.is_empty() { now } else { then }.into_iter().filter(|name| !name.is_empty()).collect();
    }
    let known: Vec<String> = known.into_iter().collect();
    let expanded = spec.among(&known);
    if expanded.scope.names().is_empty() {
        return Err(match known.is_empty() {
            true => explain_nothing(client, options)?,
            false => {
                let (server, namespace) = (client.address().to_owned(), options.namespace.clone());
                SourceError::UnknownNamespace { server, namespace, nearest: Vec::new(), known }
            }
        });
    }
    Ok(expanded)
}

/// Namespaces within the window or, if there are none, now. A server that refuses quoted labels has none of the exporters that need them.
pub(crate) fn known_namespaces(
    client: &Client,
    exporters: &[&'static Exporter],
    options: &ObserveOptions,
) -> Result<(Vec<String>, Vec<String>), RequestError> {
    let (quoted, plain): (Vec<_>, Vec<_>) = exporters.iter().copied().partition(|e| e.quotes_names);
    let all = |ask: &dyn Fn(&[String]) -> Result<Answer, RequestError>| {
        let mut names = namespaces(&plain, &ask(&listing(&plain))?);
        match ask(&listing(&quoted)) {
            Ok(answer) => names.extend(namespaces(&quoted, &answer)),
            Err(error) if error.is_rejected_query() => {}
            Err(error) => return Err(error),
        }
        Ok(names)
    };
    let then = all(&|listing| client.range_of(listing, probe_grid(options)))?;
    let now = if then.is_empty() { all(&|listing| client.instant_of(listing, options.now))? } else { Vec::new() };
    Ok((then, now))
}

/// The namespaces in an answer; an empty name stands for series without the label.
pub(crate) fn namespaces(exporters: &[&'static Exporter], answer: &Answer) -> Vec<String> {
    let labels: BTreeSet<&str> = exporters.iter().map(|e| e.namespace_label).collect();
    let names: BTreeSet<String> = answer
        .series
        .iter()
        .map(|s| labels.iter().find_map(|label| s.labels.get(*label)).cloned().unwrap_or_default())
        .filter(|name| name != "unknown")
        .collect();
    names.into_iter().collect()
}
