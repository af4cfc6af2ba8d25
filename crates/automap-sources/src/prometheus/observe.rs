//! From a server and a namespace to an observation, in a number of requests that the presets decide and not the number of services.
//!
//! Istio, cAdvisor and kube-state-metrics take 26 requests: six to look for exporters, two about scraping, one for the owners of pods, 13
//! for 23 signals, one for nodes and three for changes; a node near a limit takes one more. Repetitions, and pieces of what a server refuses as too much, come on top and have bounds of their own.

use std::collections::{BTreeMap, BTreeSet};

use automap_core::entity::{Entities, EntityKind};
use automap_core::frame::{RawSeries, assemble};
use automap_core::metric::{CPU_CORES, THROUGHPUT_RPS};
use automap_core::note::{NotChecked, Note};
use automap_core::observation::Observation;
use automap_core::time::Timestamp;

use super::changes::{self, Known, Question};
use super::client::Client;
use super::discover::{self, Found};
use super::enumerate::enumerate;
use super::error::RequestError;
use super::gather::{self, Gathered};
use super::names::Names;
use super::namespaces;
use super::native;
use super::nodes::{self, Placed};
use super::observe_options::{Fetched, ObserveOptions, PlannedQuery, Preset, Progress};
use super::parallel;
use super::plan::{self, Request};
use super::pods::Owners;
use super::presets::{Exporter, ONCE, Presets};
use super::promql::{self, Values};
use super::query::{Answer, Grid};
use super::scope::{NamespaceSpec, Scope};
use super::scrape::{self, Scraped};
use super::source_error::SourceError;
use super::stores::Stores;
use super::tail::{Discovered, Tail};
use super::warnings::Warnings;
use super::window::{self, Window};

/// Shown by [`explain_queries`] where no scrape interval is given: Istio's and most tutorials'.
const SHOWN_SCRAPE_MS: i64 = 15_000;

/// Fetches everything that a diagnosis of one namespace needs.
///
/// # Errors
/// [`SourceError`] when the server does not answer, does not know the namespace, or has nothing in the window. A
/// signal that fails or is absent is not an error: it is reported in the observation.
pub fn observe(
    client: &Client,
    options: &ObserveOptions,
    progress: &dyn Fn(Progress<'_>),
) -> Result<Fetched, SourceError> {
    observe_incrementally(&mut Tail::default(), client, options, progress)
}

/// The same, fetching only what `tail` does not have of earlier looks at the same namespace of the same server.
///
/// # Errors
/// As [`observe`]; the tail is as it was, then.
pub fn observe_incrementally(
    tail: &mut Tail,
    client: &Client,
    options: &ObserveOptions,
    progress: &dyn Fn(Progress<'_>),
) -> Result<Fetched, SourceError> {
    check(options)?;
    let client = client.metered();
    let discovered = match tail.discovered(options.now) {
        Some(known) => known,
        None => discover(&client, options)?,
    };
    let Discovered { found, scrape_ms, mut notes, .. } = discovered.clone();
    let (window, more) = window::settle(options, scrape_ms)?;
    notes.extend(more);
    tail.discover(discovered);

    let values = values(&found.scope, &window);
    let mut requests = plan::requests(&found.exporters, &values, &found.clusters);
    requests.extend(plan::requests(&found.outside, &values, &found.outside_clusters));
    let mut warned = found.warned.clone();
    let names = names(&client, &values, &found, window.grid.end, &mut notes, &mut warned);
    let of_nodes = Values { cluster: found.clusters.get(STATE_METRICS).cloned(), ..values.clone() };
    requests.extend(names.placed().requests(&of_nodes));
    tail.begin(window.grid, &requests.iter().map(|r| r.promql.as_str()).collect::<Vec<_>>());
    let total = requests.len() + 1 + usize::from(options.changes);
    progress(Progress { done: 1, total, what: "owners of pods" });
    let grid = window.grid;
    let answers = answers(&client, tail, (&requests, &found.scope), grid, &|done, what| {
        progress(Progress { done, total, what });
    });
    tail.end();
    let owners = names.workloads().clone();
    let question = question(&found, options, &window, scrape_ms);
    let mut gathered = gather::gather(&requests, answers, names, window);
    gathered.warned.extend(&warned);
    neighbours(&client, &of_nodes, grid, &mut gathered);
    let is_slow = gathered.first_failure.as_ref().is_some_and(|error| error.failure.is_slow());
    let presets = found.exporters.iter().chain(&found.outside).map(|e| Preset {
        name: e.preset.to_owned(),
        title: e.title.to_owned(),
        is_of_services: e.is_of_services(),
    });
    let presets = presets.collect();
    let mut observation = compose(&client, options, &window, found, notes, gathered)?;
    if options.changes {
        let known = Known { owners: &owners, services: observation.frame.services() };
        let outcome = match is_slow {
            true => changes::Outcome::too_slow(),
            false => changes::read(&mut tail.changes, &client, &question, &known),
        };
        progress(Progress { done: total, total, what: "changes" });
        observation.changes = outcome.log;
        observation.not_checked.extend(outcome.not_checked);
        observation.queries.extend(outcome.queries);
    }
    Ok(Fetched { observation, presets, scrape_ms, stats: client.stats() })
}

/// Fetches what the tail does not have of each request. `progress` hears how many are done, the owners of pods included, and of which came last.
fn answers(
    client: &Client,
    tail: &mut Tail,
    (requests, scope): (&[Request], &Scope),
    grid: Grid,
    progress: &dyn Fn(usize, &'static str),
) -> Vec<Result<Answer, RequestError>> {
    let mut done = 1;
    let missing: Vec<Grid> = requests.iter().map(|r| tail.missing(&r.promql, grid)).collect();
    let asked: Vec<(&Request, Grid)> = requests.iter().zip(missing).collect();
    let ask = |(request, missing): &(&Request, Grid)| client.range_of(&request.parts, *missing);
    let answers = parallel::map(&asked, client.concurrency(), ask, |(request, _)| {
        done += 1;
        progress(done, request.name);
    });
    let whole = |((request, missing), answer): (&(&Request, Grid), Result<Answer, RequestError>)| {
        answer.map(|answer| {
            let mut whole = tail.put(&request.promql, grid, *missing, answer);
            scope.qualify(&mut whole, &request.scopes);
            whole
        })
    };
    asked.iter().zip(answers).map(whole).collect()
}

/// The title of the exporter that knows pods and nodes.
const STATE_METRICS: &str = "kube-state-metrics";

/// Adds what workloads of other namespaces take of nodes that came near a limit.
fn neighbours(client: &Client, values: &Values, grid: Grid, gathered: &mut Gathered) {
    let full = nodes::nearly_full(&gathered.raw, &gathered.entities);
    if full.is_empty() {
        return;
    }
    let queries = nodes::neighbour_queries(&full, values);
    match client.range_of(&queries, grid) {
        Ok(answer) => {
            gathered.warned.add(&answer.warnings);
            let taken = nodes::neighbours(&answer, grid, &gathered.raw, &mut gathered.entities);
            gathered.raw.extend(taken);
        }
        Err(error) => {
            let reason =
                format!("who else takes of {} was not observed: the query failed: {}", full.join(", "), error.failure);
            gathered.not_checked.push(NotChecked { signal: "neighbours".to_owned(), services: full, reason });
        }
    }
}

/// What to ask about changes. Exporters that are narrowed to a cluster by Istio's own labels do not tell how others are.
fn question(found: &Found, options: &ObserveOptions, window: &Window, scrape_ms: i64) -> Question {
    let of_state_metrics = found.clusters.get(STATE_METRICS);
    let cluster =
        of_state_metrics.or_else(|| found.clusters.values().find(|cluster| cluster.label != promql::OF_ISTIO));
    Question {
        values: Values { cluster: cluster.cloned(), ..values(&found.scope, window) },
        grid: window.grid,
        incident_start: options.hint.incident_start,
        scrape_ms,
        now: options.now,
        has_state_metrics: found.exporters.iter().any(|e| e.title == STATE_METRICS),
    }
}

fn discover(client: &Client, options: &ObserveOptions) -> Result<Discovered, SourceError> {
    let found = discover::exporters(client, options)?;
    let Scraped { interval_ms, notes } = scrape::find(client, options, &found);
    Ok(Discovered { found, scrape_ms: interval_ms, notes, at: options.now })
}

/// Every query of an observation, without sending one; those of a preset are sent only where it is found.
///
/// The rate window is that of the given scrape interval and step; an observation finds them out where they are unset.
pub fn explain_queries(options: &ObserveOptions, presets: &Presets) -> Vec<PlannedQuery> {
    let scrape_ms = options.scrape_interval_ms.unwrap_or(SHOWN_SCRAPE_MS).max(1);
    let span_ms = options.to.ms().saturating_sub(options.from.ms()).max(scrape_ms);
    let step_ms = options.step_ms.unwrap_or_else(|| window::usual_step(span_ms, scrape_ms)).max(scrape_ms);
    let rate_ms = window::rate_ms(step_ms, scrape_ms);
    let spec = NamespaceSpec::parse(&options.namespace);
    let namespace = if spec.is_one() { Scope::from(options.namespace.as_str()) } else { spec.scope() };
    let values = Values { namespace, cluster: None, rate_ms, span_ms };
    let query = |purpose: String, promql| PlannedQuery { purpose, promql };
    let probe = |e: &&'static Exporter| {
        query(format!("look for {} (preset {})", e.title, e.preset), discover::probe(e, &values.namespace))
    };
    let exporters = presets.exporters();
    let mut out: Vec<PlannedQuery> = exporters.iter().map(probe).collect();
    // Servers before Prometheus 3 refuse labels between quotes.
    let of_namespaces = exporters.iter().copied().filter(|e| e.outside.is_none());
    let (quoted, plain): (Vec<_>, Vec<_>) = of_namespaces.partition(|e| e.quotes_names);
    for (which, exporters) in [("", plain), (QUOTED, quoted)].into_iter().filter(|(_, all)| !all.is_empty()) {
        let all = |queries: &[String]| promql::join(queries);
        let counting = all(&scrape::counting_query(&exporters, &values.namespace));
        out.push(query(format!("scrape interval, where the server lists no targets{which}"), counting));
        let (_, twice) = scrape::scraper_queries(&exporters, &values.namespace);
        if !twice.is_empty() {
            out.push(query(format!("who scrapes the same pods, of the exporters found{which}"), all(&twice)));
        }
        out.push(query(format!("namespaces, where ours is unknown{which}"), all(&namespaces::listing(&exporters))));
    }
    let once = promql::join(&once_queries(&values, &Found::default()));
    out.push(query("owners of pods, services and their workloads".to_owned(), once));
    let nodes = nodes::explain(&values).into_iter();
    out.extend(nodes.map(|(purpose, promql)| query(purpose.to_owned(), promql)));
    if options.changes {
        let grid = Grid { start: options.from, end: options.to, step_ms };
        let all = changes::explain(&values, grid).into_iter();
        out.extend(all.map(|(purpose, promql)| query(purpose.to_owned(), promql)));
    }
    for exporter in exporters {
        let told = |exporter: &&'static Exporter, remark: &str| {
            let requests = plan::requests([exporter], &values, &BTreeMap::new()).into_iter().map(|request| {
                let names: Vec<&str> = request.signals.iter().map(|p| p.signal.name).collect();
                query(format!("{} (preset {}{remark})", names.join(", "), exporter.preset), request.promql)
            });
            requests.collect::<Vec<_>>()
        };
        let classic = told(exporter, "");
        if let Some(native) = &exporter.native {
            let look = format!("look for native histograms of {} (preset {})", exporter.title, exporter.preset);
            out.push(query(look, native::query(exporter, native, &values.namespace)));
            let mut with_native = told(&native.exporter, ", native histograms");
            with_native.retain(|q| classic.iter().all(|known| known.promql != q.promql));
            out.extend(with_native);
        }
        out.extend(classic);
    }
    out
}

/// Said of queries that need Prometheus 3.
const QUOTED: &str = " (labels with dots)";

fn check(options: &ObserveOptions) -> Result<(), SourceError> {
    let refuse = |option, reason: &str| Err(SourceError::BadOption { option, reason: reason.to_owned() });
    if options.namespace.split(',').all(|part| part.trim().is_empty()) {
        return refuse("namespace", "it is empty");
    }
    if options.from >= options.to {
        return refuse("window", "it ends before it starts");
    }
    if options.from >= options.now {
        return refuse("window", "it starts in the future");
    }
    if options.step_ms.is_some_and(|ms| ms <= 0) {
        return refuse("step", "it must be longer than nothing");
    }
    if options.scrape_interval_ms.is_some_and(|ms| ms <= 0) {
        return refuse("scrape interval", "it must be longer than nothing");
    }
    Ok(())
}

fn values(scope: &Scope, window: &Window) -> Values {
    let span_ms = window.grid.end.ms() - window.grid.start.ms();
    Values { namespace: scope.clone(), cluster: None, rate_ms: window.rate_ms, span_ms }
}

/// The expressions that are asked once for each observation.
fn once_queries(values: &Values, found: &Found) -> Vec<String> {
    let [owners, istio] = [STATE_METRICS, "Istio side-cars"].map(|title| found.clusters.get(title).cloned());
    let clusters = [owners.clone(), owners.clone(), istio.clone(), istio, owners];
    let fill = |(expression, cluster)| promql::fill(expression, &Values { cluster, ..values.clone() });
    ONCE.into_iter().zip(clusters).map(fill).collect()
}

/// What is needed to read labels: owners of pods, and which workloads answer for which service.
fn names(
    client: &Client,
    values: &Values,
    found: &Found,
    end: Timestamp,
    notes: &mut Vec<Note>,
    warned: &mut Warnings,
) -> Names {
    let mut answer = client.instant_of(&once_queries(values, found), end).unwrap_or_else(|error| {
        notes.push(Note::warning("query_failed", format!("the query for the owners of pods failed: {error}")));
        Answer::default()
    });
    warned.add(&answer.warnings);
    values.namespace.qualify(&mut answer, &ONCE.map(|template| values.scope_label(template)));
    let owners = Owners::read(&answer);
    if owners.is_empty() {
        notes.push(Note::info("pod_names", "pods are matched to workloads by their names (kube_pod_owner is absent)"));
    }
    let mut names = Names::new(&values.namespace, owners);
    names.match_stores(Stores::new(client.presets().stores()));
    names.place(Placed::read(&answer, 4));
    plan::part(&answer, 2).for_each(|series| names.learn(&series.labels));
    let fallen: BTreeSet<String> =
        plan::part(&answer, 3).filter_map(|s| s.labels.get("destination_workload").cloned()).collect();
    if !fallen.is_empty() {
        let text = format!(
            "istio_requests_total is summed over pods (no label pod: recording rules or federation) and fell where a pod went: the \
             samples around it are left out ({}); sum after rate() to keep them",
            enumerate(fallen)
        );
        notes.push(Note::warning("summed_counters", text));
    }
    names
}

fn compose(
    client: &Client,
    options: &ObserveOptions,
    window: &Window,
    found: Found,
    mut notes: Vec<Note>,
    gathered: Gathered,
) -> Result<Observation, SourceError> {
    let Gathered {
        mut raw, calls, entities, notes: more, mut not_checked, queries: asked, first_failure, warned, ..
    } = gathered;
    let mut queries = found.unanswered;
    queries.extend(asked);
    notes.extend(found.notes);
    notes.extend(more);
    notes.extend(warned.notes());
    let times = || raw.iter().flat_map(|series| series.points.iter().map(|(time, _)| *time));
    let (Some(first), Some(last)) = (times().min(), times().max()) else {
        return Err(nothing_usable(&not_checked, queries.len(), first_failure.map(SourceError::Request)));
    };
    let axis = axis(window, first, last, &mut notes);
    window.check(axis.len())?;
    not_checked.splice(0..0, found.not_checked);
    not_checked.extend(found.scope.unseen(raw.iter().map(|s| s.service.as_str())));
    not_checked.extend(without_containers(&raw, &entities));
    raw.sort_by(|a, b| (&a.service, &a.metric, &a.peer).cmp(&(&b.service, &b.metric, &b.peer)));
    let (frame, more) = assemble(raw, axis)?;
    notes.extend(more);
    let source = format!("{}, namespace {}", client.address(), options.namespace);
    let observation = Observation::new(frame, calls, source);
    Ok(Observation { entities, hint: options.hint, notes, not_checked, queries, ..observation })
}

/// The grid from where data begins. Time without any data at the end stays: it may be the incident.
fn axis(window: &Window, first: Timestamp, last: Timestamp, notes: &mut Vec<Note>) -> Vec<Timestamp> {
    let grid = window.grid;
    if first > grid.start {
        let text = format!(
            "no data before {} (asked from {}); the cluster, its pods or the server's retention may be younger",
            first.rfc3339(),
            grid.start.rfc3339()
        );
        notes.push(Note::warning("data_begins_late", text));
    }
    if last < grid.end {
        notes.push(Note::warning("data_ends_early", format!("no data after {}", last.rfc3339())));
    }
    let all = (0..grid.len()).map(|i| grid.start.plus_ms(i as i64 * grid.step_ms));
    all.filter(|time| *time >= first).collect()
}

fn nothing_usable(not_checked: &[NotChecked], signals: usize, failure: Option<SourceError>) -> SourceError {
    failure.unwrap_or_else(|| {
        let reason = not_checked.first().map_or("every answer was empty", |n| &n.reason).to_owned();
        SourceError::NothingUsable { signals, reason }
    })
}

/// Services that answer requests but have no container of that name: their resources are unknown.
fn without_containers(raw: &[RawSeries], entities: &Entities) -> Option<NotChecked> {
    let having = |metric: &'static str| raw.iter().filter(move |s| s.metric == metric).map(|s| s.service.as_str());
    let with: BTreeSet<&str> = having(CPU_CORES).collect();
    // Gateways mostly run elsewhere.
    let is_service = |s: &&str| entities.kind_of(s) != EntityKind::Gateway;
    let without = having(THROUGHPUT_RPS).filter(|s| !with.contains(s)).filter(is_service);
    let without: Vec<String> = without.map(ToOwned::to_owned).collect();
    if with.is_empty() || without.is_empty() {
        return None;
    }
    let reason = format!("no container of this name: {}", enumerate(without.iter().cloned()));
    Some(NotChecked { signal: "cpu, memory, disk and network of containers".to_owned(), services: without, reason })
}
