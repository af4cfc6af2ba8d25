//! One look at the services of one cluster: its queries and their results.
//!
//! All queries of a look are narrowed to its cluster, if one was chosen, and names are those within the cluster. `observe` and `clusters` combine
//! several looks into one observation.

use std::collections::BTreeSet;

use automap_core::entity::{Entities, EntityKind};
use automap_core::frame::RawSeries;
use automap_core::metric::{CPU_CORES, THROUGHPUT_RPS};
use automap_core::note::{NotChecked, Note};

use super::changes::{Gateway, Question};
use super::client::Client;
use super::clusters::Looked;
use super::discover::Found;
use super::enumerate::enumerate;
use super::error::RequestError;
use super::gather::{self, Gathered};
use super::names::Names;
use super::nodes::{self, Placed};
use super::observe_options::ObserveOptions;
use super::parallel;
use super::plan::{self, Request};
use super::pods::Owners;
use super::presets::ONCE;
use super::promql::{self, Values};
use super::query::{Answer, Grid};
use super::scope::Scope;
use super::screen::{self, Asked, Screening, Setting};
use super::stores::Stores;
use super::tail::Tail;
use super::warnings::Warnings;
use super::window::Window;

/// The title of the exporter that knows pods and nodes.
const STATE_METRICS: &str = "kube-state-metrics";

/// The plan for one cluster.
pub(crate) struct Look {
    pub(crate) found: Found,
    pub(crate) requests: Vec<Request>,
    pub(crate) owners: Owners,
    names: Names,
    /// Notes collected before.
    pub(crate) notes: Vec<Note>,
    warned: Warnings,
    of_nodes: Values,
}

impl Look {
    /// Fetches what is needed to read labels, in one request, and plans the others.
    pub(crate) fn prepare(client: &Client, found: Found, window: &Window) -> Self {
        let values = values(&found, window);
        let mut requests = plan::requests(&found.exporters, &values, &found.clusters);
        requests.extend(plan::requests(&found.outside, &values, &found.outside_clusters));
        if let Some(preselected) = &found.preselected {
            // The server evaluated the requests of all services; the pods of the others are not queried.
            let details = requests.iter_mut().filter(|request| screen::is_detail(request));
            details.for_each(|request| request.part_of = Some(preselected.reason()));
        }
        let (mut warned, mut notes) = (found.warned.clone(), Vec::new());
        let names = names(client, &values, &found, window, &mut notes, &mut warned);
        let of_nodes = Values { cluster: found.cluster_around(STATE_METRICS), ..values };
        requests.extend(names.placed().requests(&of_nodes));
        let owners = names.workloads().clone();
        Self { found, requests, owners, names, notes, warned, of_nodes }
    }

    /// Sends the requests and turns the answers into series. `progress` is told which request was answered.
    pub(crate) fn gather(
        self,
        client: &Client,
        tail: &mut Tail,
        (window, screening): (Window, Screening),
        progress: &mut dyn FnMut(&'static str),
    ) -> Looked {
        let Self { found, requests, names, notes, warned, of_nodes, .. } = self;
        let grid = window.grid;
        let setting = Setting { found: &found, names: &names, values: values(&found, &window), window };
        let mut fetch = |requests: &[Request]| answers(client, tail, (requests, &found.scope), grid, progress);
        let Asked { requests, answers, groups, screened_out, not_checked, unasked } =
            screen::ask(&setting, requests, screening, &mut fetch);
        tail.choose(found.chosen.asked(), groups);
        let mut gathered = gather::gather(&requests, &answers, names, window);
        gathered.not_checked.extend(not_checked);
        gathered.queries.extend(unasked);
        gathered.warned.extend(&warned);
        neighbours(client, &of_nodes, grid, &mut gathered);
        gathered.queries.splice(0..0, found.unanswered);
        gathered.notes.splice(0..0, notes.into_iter().chain(found.notes));
        match &found.preselected {
            Some(preselected) => {
                gathered.queries.splice(0..0, preselected.queries().iter().cloned());
                gathered.notes.push(preselected.note());
                gathered.not_checked.insert(0, preselected.not_checked());
            }
            None => {
                let unseen = found.scope.unseen(gathered.raw.iter().map(|s| s.service.as_str()));
                gathered.not_checked.extend(unseen);
            }
        }
        gathered.not_checked.extend(without_containers(&gathered.raw, &gathered.entities, &screened_out));
        Looked { chosen: found.chosen, gathered, not_there: found.not_checked }
    }
}

/// Fetches what the tail lacks of each request.
fn answers(
    client: &Client,
    tail: &mut Tail,
    (requests, scope): (&[Request], &Scope),
    grid: Grid,
    progress: &mut dyn FnMut(&'static str),
) -> Vec<Result<Answer, RequestError>> {
    let missing: Vec<Grid> = requests.iter().map(|r| tail.want(&r.promql, grid)).collect();
    let asked: Vec<(&Request, Grid)> = requests.iter().zip(missing).collect();
    let ask = |(request, missing): &(&Request, Grid)| client.range_of(&request.parts, *missing);
    let answers = parallel::map(&asked, client.concurrency(), ask, |(request, _)| progress(request.name));
    let whole = |((request, missing), answer): (&(&Request, Grid), Result<Answer, RequestError>)| {
        answer.map(|answer| {
            let mut whole = tail.put(&request.promql, grid, *missing, answer);
            scope.qualify(&mut whole, &request.scopes);
            whole
        })
    };
    asked.iter().zip(answers).map(whole).collect()
}

/// Adds the usage of nodes near a limit by workloads of other namespaces.
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

/// What to query about changes. Exporters narrowed to a cluster by Istio's own labels do not show how to narrow others.
pub(crate) fn question(found: &Found, options: &ObserveOptions, window: &Window, scrape_ms: i64) -> Question {
    let by_label = || found.clusters.values().find(|cluster| cluster.label != promql::OF_ISTIO).cloned();
    let cluster = found.cluster_around(STATE_METRICS).or_else(by_label);
    let values = values(found, window);
    let gateways = Gateway::among(&found.outside, &values, &found.outside_clusters);
    Question {
        values: Values { cluster, ..values },
        gateways,
        grid: window.grid,
        incident_start: options.hint.incident_start,
        scrape_ms,
        now: options.now,
        has_state_metrics: found.exporters.iter().any(|e| e.title == STATE_METRICS),
    }
}

/// The values of a look's placeholders, except for its cluster.
fn values(found: &Found, window: &Window) -> Values {
    let span_ms = window.grid.end.ms() - window.grid.start.ms();
    let narrowed = found.preselected.as_ref().map(|p| p.narrowed(&found.scope));
    let (namespace, only) = narrowed.map_or_else(|| (found.scope.clone(), None), |(scope, only)| (scope, Some(only)));
    Values { namespace, cluster: None, rate_ms: window.rate_ms, span_ms, only }
}

/// The expressions that are sent once per observation.
pub(crate) fn once_queries(values: &Values, found: &Found) -> Vec<String> {
    let [owners, istio] = [STATE_METRICS, "Istio side-cars"].map(|title| found.clusters.get(title).cloned());
    let clusters = [owners.clone(), owners.clone(), istio.clone(), istio, owners];
    let fill = |(expression, cluster)| promql::fill(expression, &Values { cluster, ..values.clone() });
    ONCE.into_iter().zip(clusters).map(fill).collect()
}

/// Fetches what is needed to read labels: owners of pods, and the workloads behind each service.
fn names(
    client: &Client,
    values: &Values,
    found: &Found,
    window: &Window,
    notes: &mut Vec<Note>,
    warned: &mut Warnings,
) -> Names {
    let mut answer = client.instant_of(&once_queries(values, found), window.grid.end).unwrap_or_else(|error| {
        notes.push(Note::warning("query_failed", format!("the query for the owners of pods failed: {error}")));
        Answer::default()
    });
    warned.add(&answer.warnings);
    values.namespace.qualify(&mut answer, &ONCE.map(|template| values.scope_label(template)));
    let owners = Owners::read(&answer);
    if owners.is_empty() {
        notes.push(Note::info("pod_names", "pods are matched to workloads by their names (kube_pod_owner is absent)"));
    }
    let mut names = Names::new(&values.namespace, owners).seen_from(found.ends.clone());
    if let Some(preselected) = &found.preselected {
        names.keep_only(preselected.names.iter().cloned().collect());
    }
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

/// Services that answer requests but have no container of that name: their resources are unknown.
fn without_containers(raw: &[RawSeries], entities: &Entities, screened_out: &BTreeSet<String>) -> Option<NotChecked> {
    let having = |metric: &'static str| raw.iter().filter(move |s| s.metric == metric).map(|s| s.service.as_str());
    let with: BTreeSet<&str> = having(CPU_CORES).collect();
    // Gateways usually run in another namespace.
    let is_service = |s: &&str| entities.kind_of(s) != EntityKind::Gateway;
    let without = having(THROUGHPUT_RPS).filter(|s| !with.contains(s) && !screened_out.contains(*s)).filter(is_service);
    let without: Vec<String> = without.map(ToOwned::to_owned).collect();
    if with.is_empty() || without.is_empty() {
        return None;
    }
    let reason = format!("no container of this name: {}", enumerate(without.iter().cloned()));
    Some(NotChecked { signal: "cpu, memory, disk and network of containers".to_owned(), services: without, reason })
}
