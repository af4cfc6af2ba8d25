//! Detects which exporters know the namespace, and explains why none does.

use std::collections::BTreeSet;

use automap_core::note::{NotChecked, Note};
use automap_core::similar::similar_names;

use super::client::Client;
use super::decode::LabelledSeries;
use super::error::RequestError;
use super::observe_options::ObserveOptions;
use super::parallel;
use super::plan;
use super::presets::{Exporter, TABLES};
use super::promql::{self, Values};
use super::query::{Answer, Grid};
use super::source_error::SourceError;

/// Instants at which an exporter is looked for: pods may come late or go early.
const PROBE_SAMPLES: i64 = 5;

/// What is there.
#[derive(Clone, Debug, Default)]
pub(crate) struct Found {
    /// Exporters that know the namespace.
    pub(crate) exporters: Vec<&'static Exporter>,
    /// Their scrape jobs.
    pub(crate) jobs: BTreeSet<String>,
    /// Exporters that do not know it.
    absent: Vec<&'static Exporter>,
    pub(crate) notes: Vec<Note>,
    pub(crate) not_checked: Vec<NotChecked>,
}

/// The probe for one exporter.
pub(crate) fn probe(exporter: &Exporter, namespace: &str) -> String {
    let mut by = exporter.needs.map_or(String::new(), |(label, _)| format!(", {label}"));
    if exporter.accepts_missing_namespace() {
        by += &format!(", {}", exporter.namespace_label);
    }
    let values = Values { namespace: namespace.to_owned(), rate_ms: 0, span_ms: 0 };
    format!("count by (job{by}) ({})", promql::fill(exporter.selector, &values))
}

/// All namespaces that any exporter knows, for the case that ours is not among them.
pub(crate) fn listing(exporters: &[&'static Exporter]) -> String {
    let all = exporters.iter().map(|e| format!("count by ({}) ({})", e.namespace_label, e.anywhere));
    promql::join(&all.collect::<Vec<_>>())
}

/// Looks for every exporter.
pub(crate) fn exporters(client: &Client, options: &ObserveOptions) -> Result<Found, SourceError> {
    let mut found = Found::default();
    let mut failure = None;
    let mut nameless = Vec::new();
    for (exporter, answer) in probe_all(client, client.presets().exporters(), &options.namespace, probe_grid(options)) {
        match answer {
            Ok(series) if series.is_empty() => found.absent.push(exporter),
            Ok(series) if knows_namespace(exporter, &series) => found.present(exporter, &series)?,
            Ok(series) => nameless.push((exporter, series)),
            Err(error) => {
                found.failed(exporter, &error);
                failure.get_or_insert(error);
            }
        }
    }
    // Series that name no namespace may belong to any: they are used where no other exporter counts requests.
    if !nameless.is_empty() && !found.exporters.iter().any(|e| e.counts_requests()) {
        if found.exporters.is_empty()
            && let error @ SourceError::UnknownNamespace { .. } = explain_nothing(client, options)?
        {
            return Err(error);
        }
        for (exporter, series) in nameless {
            found.without_namespace(exporter);
            found.present(exporter, &series)?;
        }
    }
    found.report_absent();
    match (found.exporters.is_empty(), failure) {
        (true, Some(error)) => Err(error.into()),
        (true, None) => Err(explain_nothing(client, options)?),
        (false, _) => Ok(found),
    }
}

/// An exporter and the answer to its probe.
type Probed = (&'static Exporter, Result<Vec<LabelledSeries>, RequestError>);

/// One request for each of the usual exporters, and one for all others together.
fn probe_all(client: &Client, all: &[&'static Exporter], namespace: &str, grid: Grid) -> Vec<Probed> {
    let ask = |asked: &Vec<&'static Exporter>| {
        let probes: Vec<String> = asked.iter().map(|e| probe(e, namespace)).collect();
        client.range(&promql::join(&probes), grid)
    };
    let (tables, others): (Vec<_>, Vec<_>) = all.iter().copied().partition(|e| e.file.is_none());
    let mut groups: Vec<Vec<&'static Exporter>> = tables.into_iter().map(|e| vec![e]).collect();
    groups.extend((!others.is_empty()).then_some(others));
    let answered = parallel::map(&groups, client.concurrency(), ask, |_| {});
    let mut out: Vec<Probed> = Vec::new();
    for (group, answer) in groups.into_iter().zip(answered) {
        match answer {
            // One expression that the server cannot read must not hide the others.
            Err(error) if error.is_rejected_query() && group.len() > 1 => {
                let alone: Vec<_> = group.into_iter().map(|e| vec![e]).collect();
                let answered = parallel::map(&alone, client.concurrency(), ask, |_| {});
                out.extend(alone.into_iter().flatten().zip(answered).map(|(e, a)| (e, a.map(|a| a.series))));
            }
            answer => out.extend(group.iter().enumerate().map(|(i, e)| {
                let ours = |answer: &Answer| plan::part(answer, i).cloned().collect();
                (*e, answer.as_ref().map(ours).map_err(Clone::clone))
            })),
        }
    }
    out.sort_by_key(|(exporter, _)| all.iter().position(|e| e.preset == exporter.preset));
    out
}

/// The exporters that count requests in a namespace, in order of trust. Those whose series name no namespace are taken only
/// where no other one counts requests.
///
/// # Errors
/// [`RequestError`] when the server does not answer. An exporter whose probe the server refuses is left out.
pub(crate) fn request_counters(
    client: &Client,
    namespace: &str,
    grid: Grid,
) -> Result<Vec<&'static Exporter>, RequestError> {
    let (mut named, mut nameless) = (Vec::new(), Vec::new());
    let counting = client.presets().exporters().iter().copied().filter(|e| e.counts.is_some());
    for (exporter, answer) in probe_all(client, &counting.collect::<Vec<_>>(), namespace, grid) {
        match answer {
            Ok(series) if series.is_empty() => {}
            Ok(series) if knows_namespace(exporter, &series) => named.push(exporter),
            Ok(_) => nameless.push(exporter),
            Err(error) if error.is_rejected_query() => {}
            Err(error) => return Err(error),
        }
    }
    Ok(if named.is_empty() { nameless } else { named })
}

/// Whether any of an exporter's series names its namespace.
pub(crate) fn knows_namespace(exporter: &Exporter, series: &[LabelledSeries]) -> bool {
    let has_namespace = |s: &LabelledSeries| s.labels.get(exporter.namespace_label).is_some_and(|n| !n.is_empty());
    !exporter.accepts_missing_namespace() || series.iter().any(has_namespace)
}

/// A few instants from the window's start to its end.
pub(crate) fn probe_grid(options: &ObserveOptions) -> Grid {
    let steps = PROBE_SAMPLES - 1;
    let step_ms = ((options.to.ms() - options.from.ms()) / steps).max(1);
    Grid { start: options.from, end: options.from.plus_ms(step_ms * steps), step_ms }
}

impl Found {
    fn present(&mut self, exporter: &'static Exporter, series: &[LabelledSeries]) -> Result<(), SourceError> {
        if let Some((label, expected)) = exporter.needs
            && series.iter().all(|s| !s.labels.contains_key(label))
        {
            return Err(missing_label(exporter, label, expected));
        }
        let jobs = series.iter().filter_map(|s| s.labels.get("job").cloned());
        self.jobs.extend(jobs);
        self.exporters.push(exporter);
        Ok(())
    }

    fn without_namespace(&mut self, exporter: &Exporter) {
        let text = format!(
            "the series of {} lack the label {}: services of every namespace are among them",
            exporter.title, exporter.namespace_label
        );
        self.notes.push(Note::warning("no_namespace", text));
    }

    /// Reports absent exporters, except where another one has the same signal, and except presets of files: few clusters have more
    /// than one or two of those.
    fn report_absent(&mut self) {
        for exporter in std::mem::take(&mut self.absent) {
            let first = exporter.signals.first().map_or("", |s| s.name);
            if exporter.file.is_none() && !self.exporters.iter().any(|e| e.has_signal(first)) {
                self.without(exporter, format!("no {} metrics for this namespace", exporter.title));
            }
        }
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
    let exporters = client.presets().exporters();
    let listing = listing(exporters);
    let then = namespaces(exporters, &client.range(&listing, probe_grid(options))?);
    let now = if then.is_empty() { namespaces(exporters, &client.instant(&listing, options.now)?) } else { Vec::new() };
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
        let first = TABLES[0];
        return Ok(missing_label(first, first.namespace_label, "a Kubernetes namespace"));
    }
    let nearest = similar_names(&options.namespace, &known);
    Ok(SourceError::UnknownNamespace { server, namespace: options.namespace.clone(), nearest, known })
}

/// The namespaces of a listing; an empty name stands for series without the label.
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
