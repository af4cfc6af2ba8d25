//! Which exporters know the namespace, and since when it is known at all.

use std::collections::BTreeSet;

use automap_core::note::{NotChecked, Note};

use crate::nearest;

use super::client::Client;
use super::error::RequestError;
use super::observe_options::ObserveOptions;
use super::parallel;
use super::presets::{EXPORTERS, Exporter};
use super::promql::{self, Values};
use super::query::{Answer, Grid};
use super::source_error::SourceError;

/// Instants at which an exporter is looked for: pods may come late or go early.
const PROBE_INSTANTS: i64 = 5;

/// What is there.
#[derive(Clone, Debug, Default)]
pub(crate) struct Found {
    /// Exporters that know the namespace.
    pub(crate) exporters: Vec<&'static Exporter>,
    /// Their scrape jobs.
    pub(crate) jobs: BTreeSet<String>,
    pub(crate) notes: Vec<Note>,
    pub(crate) not_checked: Vec<NotChecked>,
}

/// The probe for one exporter.
pub(crate) fn probe(exporter: &Exporter, namespace: &str) -> String {
    let by = exporter.needs.map_or(String::new(), |(label, _)| format!(", {label}"));
    let values = Values { namespace: namespace.to_owned(), rate_ms: 0, span_ms: 0 };
    format!("count by (job{by}) ({})", promql::fill(exporter.selector, &values))
}

/// All namespaces that any exporter knows, for the case that ours is not among them.
pub(crate) fn listing() -> String {
    let all = EXPORTERS.map(|e| format!("count by ({}) ({})", e.namespace_label, e.anywhere));
    promql::join(&all)
}

/// Looks for every exporter.
pub(crate) fn exporters(client: &Client, options: &ObserveOptions) -> Result<Found, SourceError> {
    let grid = probe_grid(options);
    let ask = |e: &&'static Exporter| client.range(&probe(e, &options.namespace), grid);
    let answers = parallel::map(&EXPORTERS, client.concurrency(), ask, |_| {});
    let mut found = Found::default();
    let mut failure = None;
    for (exporter, answer) in EXPORTERS.into_iter().zip(answers) {
        match answer {
            Ok(answer) if answer.series.is_empty() => found.absent(exporter),
            Ok(answer) => found.present(exporter, &answer)?,
            Err(error) => {
                found.failed(exporter, &error);
                failure.get_or_insert(error);
            }
        }
    }
    match (found.exporters.is_empty(), failure) {
        (true, Some(error)) => Err(error.into()),
        (true, None) => Err(explain_nothing(client, options)?),
        (false, _) => Ok(found),
    }
}

/// A few instants from the window's start to its end.
fn probe_grid(options: &ObserveOptions) -> Grid {
    let steps = PROBE_INSTANTS - 1;
    let step_ms = ((options.to.ms() - options.from.ms()) / steps).max(1);
    Grid { start: options.from, end: options.from.plus_ms(step_ms * steps), step_ms }
}

impl Found {
    fn present(&mut self, exporter: &'static Exporter, answer: &Answer) -> Result<(), SourceError> {
        if let Some((label, expected)) = exporter.needs
            && answer.series.iter().all(|s| !s.labels.contains_key(label))
        {
            return Err(missing_label(exporter, label, expected));
        }
        let jobs = answer.series.iter().filter_map(|s| s.labels.get("job").cloned());
        self.jobs.extend(jobs);
        self.exporters.push(exporter);
        Ok(())
    }

    fn absent(&mut self, exporter: &Exporter) {
        self.without(exporter, format!("no {} metrics for this namespace", exporter.title));
    }

    fn failed(&mut self, exporter: &Exporter, error: &RequestError) {
        let text = format!("could not look for {}: {error}", exporter.title);
        self.notes.push(Note::warning("query_failed", text));
        self.without(exporter, format!("could not look for {}: {}", exporter.title, error.failure));
    }

    fn without(&mut self, exporter: &Exporter, reason: String) {
        let signal = exporter.covers.to_owned();
        self.not_checked.push(NotChecked { signal, services: Vec::new(), reason });
    }
}

fn missing_label(exporter: &Exporter, label: &str, expected: &str) -> SourceError {
    let (metrics, label, expected) = (exporter.anywhere.to_owned(), label.to_owned(), expected.to_owned());
    SourceError::MissingLabel { metrics, label, expected }
}

/// No exporter knows the namespace: is it the name, the window, a label, or the server?
fn explain_nothing(client: &Client, options: &ObserveOptions) -> Result<SourceError, RequestError> {
    let server = client.address().to_owned();
    let then = namespaces(&client.range(&listing(), probe_grid(options))?);
    let now = if then.is_empty() { namespaces(&client.instant(&listing(), options.now)?) } else { Vec::new() };
    if now.contains(&options.namespace) {
        let (namespace, from, to) = (options.namespace.clone(), options.from, options.to);
        return Ok(SourceError::WindowWithoutData { namespace, from, to });
    }
    let known: Vec<String> = if then.is_empty() { now } else { then };
    if known.is_empty() {
        return Ok(SourceError::NothingDetected { server });
    }
    let known: Vec<String> = known.into_iter().filter(|n| !n.is_empty()).collect();
    if known.is_empty() {
        let first = EXPORTERS[0];
        return Ok(missing_label(first, first.namespace_label, "a Kubernetes namespace"));
    }
    let nearest = nearest::names(&options.namespace, &known);
    Ok(SourceError::UnknownNamespace { server, namespace: options.namespace.clone(), nearest, known })
}

/// The namespaces of a listing; an empty name stands for series without the label.
fn namespaces(answer: &Answer) -> Vec<String> {
    let labels: BTreeSet<&str> = EXPORTERS.iter().map(|e| e.namespace_label).collect();
    let names: BTreeSet<String> = answer
        .series
        .iter()
        .map(|s| labels.iter().find_map(|label| s.labels.get(*label)).cloned().unwrap_or_default())
        .filter(|name| name != "unknown")
        .collect();
    names.into_iter().collect()
}
