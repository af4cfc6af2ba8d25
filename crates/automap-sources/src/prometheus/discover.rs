//! Detects which exporters know the namespace, and explains why none does.

use std::collections::{BTreeMap, BTreeSet};

use automap_core::note::{NotChecked, Note};
use automap_core::observation::{QueryRecord, QueryState};
use automap_core::similar::similar_names;

use super::client::Client;
use super::cluster::{self, Clusters};
use super::decode::LabelledSeries;
use super::error::RequestError;
use super::metric_names::similar_metrics;
use super::namespaces::{known_namespaces, scope_of};
use super::native;
use super::observe_options::ObserveOptions;
use super::parallel;
use super::plan;
use super::presets::{Exporter, TABLES};
use super::promql::{self, Cluster, Values};
use super::query::{Answer, Grid};
use super::scope::{Expanded, NamespaceSpec, Scope};
use super::source_error::SourceError;
use super::warnings::Warnings;

/// Instants at which an exporter is looked for: pods may come late or go early.
const PROBE_SAMPLES: i64 = 5;

/// What is there.
#[derive(Clone, Debug, Default)]
pub(crate) struct Found {
    /// The namespaces that are looked at.
    pub(crate) scope: Scope,
    /// Exporters that know the namespace.
    pub(crate) exporters: Vec<&'static Exporter>,
    /// Exporters of what stands outside of the namespace and serves it, or is called. That they are there does not say that the namespace is.
    pub(crate) outside: Vec<&'static Exporter>,
    /// The cluster that each of those is narrowed to, by title.
    pub(crate) outside_clusters: BTreeMap<&'static str, Cluster>,
    /// Their scrape jobs.
    pub(crate) jobs: BTreeSet<String>,
    /// The cluster that each exporter is narrowed to, by title.
    pub(crate) clusters: BTreeMap<&'static str, Cluster>,
    /// Clusters that an exporter knows besides the one asked for.
    other_clusters: BTreeSet<String>,
    /// Exporters that do not know it.
    absent: Vec<&'static Exporter>,
    pub(crate) notes: Vec<Note>,
    pub(crate) not_checked: Vec<NotChecked>,
    /// The signals of exporters that could not be looked for.
    pub(crate) unanswered: Vec<QueryRecord>,
    /// What the server said about incomplete answers.
    pub(crate) warned: Warnings,
}

/// The probe for one exporter.
pub(crate) fn probe(exporter: &Exporter, namespace: &Scope) -> String {
    probe_by(exporter, &exporter.presence(str::to_owned), namespace)
}

/// The same by another vector of its series.
pub(crate) fn probe_by(exporter: &Exporter, presence: &str, namespace: &Scope) -> String {
    let mut by = exporter.needs.map_or(String::new(), |(label, _)| format!(", {label}"));
    if exporter.accepts_missing_namespace() {
        by += &format!(", {}", promql::label_name(exporter.namespace_label));
    }
    by += &cluster::grouping(exporter);
    let values = Values { namespace: namespace.clone(), cluster: None, rate_ms: 0, span_ms: 0 };
    let count = format!("count by (job{by}) ({presence})");
    let unless = exporter.unless.map_or(String::new(), |selector| format!(" unless on () group({selector})"));
    promql::fill(&(count + &unless), &values)
}

/// Looks for every exporter.
pub(crate) fn exporters(client: &Client, options: &ObserveOptions) -> Result<Found, SourceError> {
    let Expanded { scope, notes, not_checked } = scope_of(client, options)?;
    let mut found = Found { scope, notes, not_checked, ..Found::default() };
    let mut failure = None;
    let mut nameless = Vec::new();
    let grid = probe_grid(options);
    let mut probed = probe_all(client, client.presets().exporters(), &found.scope, grid);
    found.notes.extend(native::settle(client, &mut probed, &found.scope, grid));
    for (exporter, answer) in probed {
        match answer {
            Ok(answer) => {
                found.warned.add(&answer.warnings);
                match answer.series {
                    series if exporter.outside.is_some() => found.stands_outside(exporter, &series, client),
                    series if series.is_empty() => found.absent.push(exporter),
                    series if !found.is_of_cluster(exporter, &cluster::of(&series), client, options)? => {
                        found.absent.push(exporter);
                    }
                    series if knows_namespace(exporter, &series) => found.present(exporter, &series)?,
                    series => nameless.push((exporter, series)),
                }
            }
            // Without it a diagnosis says what it said before there was such a preset.
            Err(_) if exporter.outside.is_some() && exporter.is_built_in() => {}
            Err(error) => {
                found.failed(exporter, &error);
                failure.get_or_insert(error);
            }
        }
    }
    // Series that name no namespace may belong to any: they are used where no other exporter counts requests.
    if !nameless.is_empty() && !found.exporters.iter().any(|e| e.counts_requests()) {
        if found.exporters.is_empty()
            && let error @ (SourceError::UnknownNamespace { .. } | SourceError::Contradiction { .. }) =
                explain_nothing(client, options)?
        {
            return Err(error);
        }
        for (exporter, series) in nameless {
            found.without_namespace(exporter);
            found.present(exporter, &series)?;
        }
    }
    found.check_cluster(client, &options.namespace)?;
    found.report_absent();
    match (found.exporters.is_empty(), failure) {
        (true, Some(error)) => Err(error.into()),
        (true, None) => Err(explain_nothing(client, options)?),
        (false, _) => Ok(found),
    }
}

/// An exporter and the answer to its probe.
pub(crate) type Probed = (&'static Exporter, Result<Answer, RequestError>);

/// One request for each of the usual exporters, one for all others together, and one for those whose labels stand between quotes: servers
/// before Prometheus 3 refuse these as a whole.
fn probe_all(client: &Client, all: &[&'static Exporter], namespace: &Scope, grid: Grid) -> Vec<Probed> {
    let ask = |asked: &Vec<&'static Exporter>| {
        let probes: Vec<String> = asked.iter().map(|e| probe(e, namespace)).collect();
        client.range_of(&probes, grid)
    };
    let (tables, others): (Vec<_>, Vec<_>) = all.iter().copied().partition(|e| e.file.is_none() && e.unless.is_none());
    let (quoted, others): (Vec<_>, Vec<_>) = others.into_iter().partition(|e| e.quotes_names);
    let mut groups: Vec<Vec<&'static Exporter>> = tables.into_iter().map(|e| vec![e]).collect();
    groups.extend([others, quoted].into_iter().filter(|group| !group.is_empty()));
    let answered = parallel::map(&groups, client.concurrency(), ask, |_| {});
    let mut out: Vec<Probed> = Vec::new();
    for (group, answer) in groups.into_iter().zip(answered) {
        match answer {
            // One expression that the server cannot read must not hide the others.
            Err(error) if error.is_rejected_query() && group.len() > 1 => {
                let alone: Vec<_> = group.into_iter().map(|e| vec![e]).collect();
                let answered = parallel::map(&alone, client.concurrency(), ask, |_| {});
                out.extend(alone.into_iter().flatten().zip(answered));
            }
            answer => out.extend(group.iter().enumerate().map(|(i, e)| {
                let ours = |answer: &Answer| Answer {
                    series: plan::part(answer, i).cloned().collect(),
                    // Those of the whole answer count once.
                    warnings: if i == 0 { answer.warnings.clone() } else { Vec::new() },
                    ..Answer::default()
                };
                (*e, answer.as_ref().map(ours).map_err(Clone::clone))
            })),
        }
    }
    for (exporter, answer) in &mut out {
        // Presets of one's own are believed to be meant; of a built-in one there is nothing to tell.
        if is_beyond_server(exporter, answer.as_ref().err()) {
            *answer = Ok(Default::default());
        }
    }
    out.sort_by_key(|(exporter, _)| all.iter().position(|e| (e.preset, e.title) == (exporter.preset, exporter.title)));
    out
}

/// Whether a server refuses a built-in preset for its quoted labels: it cannot have any.
pub(crate) fn is_beyond_server(exporter: &Exporter, error: Option<&RequestError>) -> bool {
    exporter.quotes_names && exporter.is_built_in() && error.is_some_and(RequestError::is_rejected_query)
}

/// An exporter that counts requests, and the cluster that it is narrowed to.
pub(crate) type RequestCounter = (&'static Exporter, Option<Cluster>);

/// The exporters that count requests in a namespace, in order of trust, and the cluster that the client is narrowed to. Those whose
/// series name no namespace are taken only where no other one counts requests.
///
/// # Errors
/// [`RequestError`] when the server does not answer. An exporter whose probe the server refuses is left out.
pub(crate) fn request_counters(
    client: &Client,
    namespace: &Scope,
    grid: Grid,
) -> Result<Vec<RequestCounter>, RequestError> {
    let (mut named, mut nameless) = (Vec::new(), Vec::new());
    let counting = client.presets().exporters().iter().copied().filter(|e| e.counts.is_some());
    let mut probed = probe_all(client, &counting.collect::<Vec<_>>(), namespace, grid);
    native::settle(client, &mut probed, namespace, grid);
    for (exporter, answer) in probed {
        match answer {
            Ok(answer) if answer.series.is_empty() => {}
            Ok(Answer { series, .. }) => {
                let cluster = client.cluster().and_then(|name| cluster::named(&cluster::of(&series), name));
                let list = if knows_namespace(exporter, &series) { &mut named } else { &mut nameless };
                list.push((exporter, cluster));
            }
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
        if let Some(remark) = exporter.remark {
            self.notes.push(Note::warning("preset_limits", remark.to_owned()));
        }
        if exporter.is_native {
            let text = format!("{}: durations are read from native histograms", exporter.title);
            self.notes.push(Note::info("native_histograms", text));
        }
        self.jobs.extend(series.iter().filter_map(|s| s.labels.get("job").cloned()));
        self.exporters.push(exporter);
        Ok(())
    }

    /// Whether an exporter has series of the cluster that is asked for. Without a choice, there must be nothing to choose from.
    fn is_of_cluster(
        &mut self,
        exporter: &'static Exporter,
        clusters: &Clusters,
        client: &Client,
        options: &ObserveOptions,
    ) -> Result<bool, SourceError> {
        let Some(name) = client.cluster() else {
            return match cluster::several(clusters) {
                None => Ok(true),
                Some((label, clusters)) => {
                    let (namespace, label) = (options.namespace.clone(), label.to_owned());
                    Err(SourceError::SeveralClusters { namespace, label, clusters })
                }
            };
        };
        match cluster::named(clusters, name) {
            Some(cluster) => {
                self.clusters.insert(exporter.title, cluster);
                Ok(true)
            }
            None => {
                self.other_clusters.extend(clusters.values().flatten().cloned());
                Ok(clusters.is_empty())
            }
        }
    }

    /// A cluster was asked for: is it known, and which series cannot tell?
    fn check_cluster(&mut self, client: &Client, namespace: &str) -> Result<(), SourceError> {
        let Some(name) = client.cluster() else { return Ok(()) };
        if self.clusters.is_empty() && !(self.exporters.is_empty() && self.other_clusters.is_empty()) {
            let (cluster, namespace) = (name.to_owned(), namespace.to_owned());
            let known = self.other_clusters.iter().cloned().collect();
            return Err(SourceError::UnknownCluster { cluster, namespace, known });
        }
        let cannot_tell = self.exporters.iter().filter(|e| !self.clusters.contains_key(e.title));
        let notes: Vec<Note> = cannot_tell
            .map(|e| {
                let text =
                    format!("the series of {} name no cluster: those of other clusters may be among them", e.title);
                Note::warning("no_cluster", text)
            })
            .collect();
        self.notes.extend(notes);
        Ok(())
    }

    /// Takes what stands outside, where its series name our namespace or belong to nobody in particular. Of several clusters, that which was asked for.
    fn stands_outside(&mut self, exporter: &'static Exporter, series: &[LabelledSeries], client: &Client) {
        let clusters = cluster::of(series);
        match client.cluster() {
            None if cluster::several(&clusters).is_some() => return,
            Some(name) if !clusters.is_empty() => match cluster::named(&clusters, name) {
                Some(cluster) => drop(self.outside_clusters.insert(exporter.title, cluster)),
                None => return,
            },
            _ => {}
        }
        if !series.is_empty() && knows_namespace(exporter, series) {
            self.outside.push(exporter);
        }
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
            if exporter.file.is_none()
                && exporter.unless.is_none()
                && !self.exporters.iter().any(|e| e.is_of_services() && e.has_signal(first))
            {
                self.without(exporter, format!("no {} metrics for this namespace", exporter.title));
            }
        }
    }

    /// Whatever it would have told may be there: every signal of it is unanswered.
    fn failed(&mut self, exporter: &Exporter, error: &RequestError) {
        let mut text = format!("could not look for {}: {error}", exporter.title);
        if exporter.quotes_names && error.is_rejected_query() {
            text += "; it names labels with dots, which Prometheus reads from version 3 on";
        }
        self.notes.push(Note::warning("query_failed", text));
        self.without(exporter, format!("could not look for {}: {}", exporter.title, error.failure));
        let state = if error.is_too_much() { QueryState::Refused } else { QueryState::Failed };
        self.unanswered.extend(exporter.signals.iter().map(|signal| QueryRecord {
            signal: signal.name.to_owned(),
            promql: probe(exporter, &self.scope),
            series: 0,
            samples: 0,
            state,
            reason: Some(error.failure.to_string()),
        }));
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
pub(crate) fn explain_nothing(client: &Client, options: &ObserveOptions) -> Result<SourceError, RequestError> {
    let server = client.address().to_owned();
    let spec = NamespaceSpec::parse(&options.namespace);
    let ours = |known: &[String]| match spec.is_one() {
        true => known.contains(&options.namespace),
        false => known.iter().any(|name| spec.matches(name)),
    };
    let exporters = client.presets().exporters();
    let shown_by_histograms = |e: &&&'static Exporter| e.native.as_ref().is_some_and(|native| native.is_enough);
    let shown_by_histograms: Vec<_> = exporters.iter().filter(shown_by_histograms).copied().collect();
    let metrics = native::unread(client, &shown_by_histograms, &spec.scope(), probe_grid(options))?;
    if !metrics.is_empty() {
        return Ok(SourceError::NativeHistograms { metrics });
    }
    let (then, now) = known_namespaces(client, exporters, options)?;
    if ours(&then) {
        return Ok(SourceError::Contradiction { server, namespace: options.namespace.clone() });
    }
    if ours(&now) {
        let (namespace, from, to) = (options.namespace.clone(), options.from, options.to);
        return Ok(SourceError::WindowWithoutData { namespace, from, to });
    }
    let known: Vec<String> = if then.is_empty() { now } else { then };
    if known.is_empty() {
        return Ok(SourceError::NothingDetected { server, similar: similar_metrics(client) });
    }
    let known: Vec<String> = known.into_iter().filter(|n| !n.is_empty()).collect();
    if known.is_empty() {
        let first = TABLES[0];
        return Ok(missing_label(first, first.namespace_label, "a Kubernetes namespace"));
    }
    let nearest = similar_names(&options.namespace, &known);
    Ok(SourceError::UnknownNamespace { server, namespace: options.namespace.clone(), nearest, known })
}
