//! Detects which exporters know the namespace, and explains if none does.

use automap_core::note::{NotChecked, Note};
use automap_core::observation::{QueryRecord, QueryState};
use automap_core::similar::similar_names;

use super::chosen::{self, Choice, Chosen, Place};
use super::client::Client;
use super::cluster::{self, Known};
use super::decode::LabelledSeries;
use super::error::RequestError;
pub(crate) use super::found::Found;
use super::found::Ours;
use super::metric_names::similar_metrics;
use super::namespaces::{known_namespaces, scope_of};
use super::native;
use super::observe_options::{ClusterSeen, ObserveOptions};
use super::parallel;
use super::plan;
use super::presets::{Exporter, SIDE_CARS, TABLES};
use super::promql::{self, Cluster, Values};
use super::query::{Answer, Grid};
use super::scope::{Expanded, NamespaceSpec, Scope};
use super::source_error::SourceError;

/// Instants at which an exporter is probed: pods may start late or end early.
const PROBE_SAMPLES: i64 = 5;

/// The probe for one exporter.
pub(crate) fn probe(exporter: &Exporter, namespace: &Scope) -> String {
    probe_by(exporter, &exporter.presence(str::to_owned), namespace)
}

/// The same with another vector of its series.
pub(crate) fn probe_by(exporter: &Exporter, presence: &str, namespace: &Scope) -> String {
    let mut by = exporter.needs.map_or(String::new(), |(label, _)| format!(", {label}"));
    if exporter.accepts_missing_namespace() {
        by += &format!(", {}", promql::label_name(exporter.namespace_label));
    }
    by += &cluster::grouping(exporter);
    let values = Values { namespace: namespace.clone(), cluster: None, rate_ms: 0, span_ms: 0, only: None };
    let count = format!("count by (job{by}) ({presence})");
    let unless = exporter.unless.map_or(String::new(), |selector| format!(" unless on () group({selector})"));
    promql::fill(&(count + &unless), &values)
}

/// Probes every exporter, once for all clusters, and returns what each observed cluster has.
pub(crate) fn exporters(
    client: &Client,
    options: &ObserveOptions,
) -> Result<(Vec<Found>, Vec<ClusterSeen>), SourceError> {
    let Expanded { scope, mut notes, mut not_checked } = scope_of(client, options)?;
    let grid = probe_grid(options);
    let mut probed = probe_all(client, client.presets().exporters(), &scope, grid);
    notes.extend(native::settle(client, &mut probed, &scope, grid));
    let known = cluster::known(&probed);
    let Choice { looks, notes: of_clusters, not_checked: left_out } =
        chosen::choose(client.cluster(), &known, &options.namespace)?;
    notes.extend(of_clusters);
    not_checked.extend(left_out);
    let places: Vec<Place> = looks.iter().filter_map(Chosen::place).cloned().collect();
    let prefixes = places.iter().map(|place| (place.cluster.as_str(), place.prefix.as_str())).collect();
    let mut all: Vec<Found> = Vec::new();
    for chosen in looks {
        let ends = chosen.asked().map(|own| known.ends(own, &prefixes)).unwrap_or_default();
        let mut found = Found { chosen, ends, scope: scope.clone(), ..Found::default() };
        if all.is_empty() {
            (found.notes, found.not_checked) = (std::mem::take(&mut notes), std::mem::take(&mut not_checked));
            let warnings = probed.iter().filter_map(|(_, answer)| Some(&answer.as_ref().ok()?.warnings));
            warnings.for_each(|warnings| found.warned.add(warnings));
        }
        all.push(found.among(&probed, &known, client, options)?);
    }
    let asked: Vec<&str> = all.iter().filter_map(|found| found.chosen.asked()).collect();
    let seen = |name: String| ClusterSeen { is_looked_at: asked.is_empty() || asked.contains(&name.as_str()), name };
    let seen = known.names().into_iter().map(seen).collect();
    Ok((all, seen))
}

/// An exporter and the answer to its probe.
pub(crate) type Probed = (&'static Exporter, Result<Answer, RequestError>);

/// One request for each of the usual exporters, one for all others together, and one for those with quoted labels, which servers before Prometheus 3
/// refuse entirely.
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
            // One expression that the server cannot parse must not hide the others.
            Err(error) if error.is_rejected_query() && group.len() > 1 => {
                let alone: Vec<_> = group.into_iter().map(|e| vec![e]).collect();
                let answered = parallel::map(&alone, client.concurrency(), ask, |_| {});
                out.extend(alone.into_iter().flatten().zip(answered));
            }
            answer => out.extend(group.iter().enumerate().map(|(i, e)| {
                let ours = |answer: &Answer| Answer {
                    series: plan::part(answer, i).cloned().collect(),
                    // The warnings of the whole answer count once.
                    warnings: if i == 0 { answer.warnings.clone() } else { Vec::new() },
                    ..Answer::default()
                };
                (*e, answer.as_ref().map(ours).map_err(Clone::clone))
            })),
        }
    }
    for (exporter, answer) in &mut out {
        // A refused preset of the user is reported; a refused built-in one is not.
        if is_beyond_server(exporter, answer.as_ref().err()) {
            *answer = Ok(Default::default());
        }
    }
    out.sort_by_key(|(exporter, _)| all.iter().position(|e| (e.preset, e.title) == (exporter.preset, exporter.title)));
    out
}

/// Whether a server refuses a built-in preset for its quoted labels: it cannot have any such series.
pub(crate) fn is_beyond_server(exporter: &Exporter, error: Option<&RequestError>) -> bool {
    exporter.quotes_names && exporter.is_built_in() && error.is_some_and(RequestError::is_rejected_query)
}

/// An exporter that counts requests in one of the observed clusters.
#[derive(Clone, Debug)]
pub(crate) struct RequestCounter {
    pub(crate) exporter: &'static Exporter,
    /// The cluster it is narrowed to.
    pub(crate) cluster: Option<Cluster>,
    /// The prefix of its services, if several clusters are observed.
    pub(crate) place: Option<Place>,
}

/// The exporters that count requests in a namespace, in order of trust. Those whose series have no namespace are used only if no other one counts
/// requests, and those whose series have no cluster only if one is observed.
///
/// # Errors
/// [`RequestError`] when the server does not answer. An exporter whose probe is refused is left out.
pub(crate) fn request_counters(
    client: &Client,
    namespace: &Scope,
    grid: Grid,
) -> Result<Vec<RequestCounter>, RequestError> {
    let (mut named, mut nameless) = (Vec::new(), Vec::new());
    let counting = client.presets().exporters().iter().copied().filter(|e| e.counts.is_some());
    let mut probed = probe_all(client, &counting.collect::<Vec<_>>(), namespace, grid);
    native::settle(client, &mut probed, namespace, grid);
    let known = cluster::known(&probed);
    // A user who has to choose a cluster first gets that error from the observation.
    let Ok(Choice { looks, .. }) = chosen::choose(client.cluster(), &known, "") else { return Ok(Vec::new()) };
    for (exporter, answer) in probed {
        match answer {
            Ok(answer) if answer.series.is_empty() => {}
            Ok(Answer { series, .. }) => {
                let clusters = cluster::of(&series);
                let list = if knows_namespace(exporter, &series) { &mut named } else { &mut nameless };
                for chosen in &looks {
                    let cluster = chosen.asked().and_then(|name| cluster::named(&clusters, name));
                    let place = chosen.place().cloned();
                    if place.is_none() || cluster.is_some() {
                        list.push(RequestCounter { exporter, cluster, place });
                    }
                }
            }
            Err(error) if error.is_rejected_query() => {}
            Err(error) => return Err(error),
        }
    }
    Ok(if named.is_empty() { nameless } else { named })
}

/// Whether any of an exporter's series has a namespace.
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
    /// The part of the probes' answers that belongs to the observed cluster.
    fn among(
        mut self,
        probed: &[Probed],
        known: &Known,
        client: &Client,
        options: &ObserveOptions,
    ) -> Result<Self, SourceError> {
        let mut failure = None;
        let mut nameless = Vec::new();
        for (exporter, answer) in probed {
            let exporter = *exporter;
            match answer {
                Ok(answer) => match self.of_cluster(exporter, &answer.series, known) {
                    Ours::Taken(series) if exporter.outside.is_some() => self.stands_outside(exporter, &series),
                    Ours::Taken(series) if series.is_empty() => self.absent.push(exporter),
                    Ours::Taken(series) if knows_namespace(exporter, &series) => self.present(exporter, &series)?,
                    Ours::Taken(series) => nameless.push((exporter, series)),
                    Ours::Elsewhere => self.absent.push(exporter),
                },
                // Without it, a diagnosis is the same as before this preset existed.
                Err(_) if exporter.outside.is_some() && exporter.is_built_in() => {}
                Err(error) => {
                    self.failed(exporter, error);
                    failure.get_or_insert_with(|| error.clone());
                }
            }
        }
        // Series without a namespace may belong to any: they are used if no other exporter counts requests.
        if !nameless.is_empty() && !self.exporters.iter().any(|e| e.counts_requests()) {
            if self.exporters.is_empty()
                && let error @ (SourceError::UnknownNamespace { .. } | SourceError::Contradiction { .. }) =
                    explain_nothing(client, options)?
            {
                return Err(error);
            }
            for (exporter, series) in nameless {
                self.without_namespace(exporter);
                self.present(exporter, &series)?;
            }
        }
        self.check_cluster(&options.namespace)?;
        self.report_absent();
        match (self.exporters.is_empty(), failure) {
            (true, Some(error)) => Err(error.into()),
            (true, None) => Err(explain_nothing(client, options)?),
            (false, _) => Ok(self),
        }
    }

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
        if exporter.title == SIDE_CARS.title {
            let most = |s: &LabelledSeries| s.points.iter().map(|(_, count)| *count as u64).max();
            self.request_series = series.iter().filter_map(most).fold(0, u64::saturating_add);
        }
        self.jobs.extend(series.iter().filter_map(|s| s.labels.get("job").cloned()));
        self.exporters.push(exporter);
        Ok(())
    }

    /// Accepts an outside exporter if its series name our namespace or none in particular.
    fn stands_outside(&mut self, exporter: &'static Exporter, series: &[LabelledSeries]) {
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

    /// Reports absent exporters, except if another one has the same signal, and except presets from files: few clusters have more than one or two of
    /// those.
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

    /// The data may exist: all its signals are unanswered.
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

/// No exporter knows the namespace: finds out whether the name, the window, a label or the server is the reason.
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
