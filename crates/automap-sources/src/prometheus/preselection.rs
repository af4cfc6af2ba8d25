//! With more services than can be fetched, lets the server pick those whose requests changed, with their callees and callers.
//!
//! ```text
//!  how many services? ─▶ as many as are fetched, or fewer: all of them are looked at
//!                     └▶ more ─▶ the most changed, counted by the server ─▶ their calls, twice ─▶ a list of names ─▶ all queries, narrowed to it
//! ```
//!
//! The amount of data grows with the list and not with the system: four times [`MOST_CHANGED`] names for each way to divide the window, and the calls
//! of at most [`MAX_SUSPECTS`] services. The server reads every request counter of the window, once or twice; with the recorded sums of
//! `deploy/prometheus/fleet.rules.yaml` that is one series per service. So a watcher requests a new list only every [`PRESELECT_EVERY_MS`]. Services
//! that were picked once stay while there is room, as in `screen`, since another list is another query.
//!
//! Services that are not on the list are reported as not checked. Left out: systems whose requests are not counted by Istio's sidecars, of which the
//! most completely observed [`super::MAX_SERVICES`] are covered as before; and services for which only CPU or memory is abnormal, which explain
//! nothing that users feel.

mod calls;
mod change;
mod counters;

use std::collections::{BTreeMap, BTreeSet};

use automap_core::note::{NotChecked, Note};
use automap_core::observation::{QueryRecord, QueryState};
use automap_core::time::{Timestamp, WindowHint};

use super::client::Client;
use super::error::RequestError;
use super::found::Found;
use super::names::Names;
use super::parallel;
use super::plan;
use super::pods::Owners;
use super::presets::{Key, SIDE_CARS};
use super::promql::{self, Only, Values};
use super::query::Answer;
use super::scope::Scope;
use super::window::Window;
use change::Split;
use counters::Counters;

/// Number of services that the server returns for each kind of change.
const MOST_CHANGED: usize = 50;
/// Number of services with the most requests that are always observed: those that users reach first are among them.
const BUSIEST: usize = 20;
/// Most services whose calls are followed.
const MAX_SUSPECTS: usize = 80;
/// Most services that are picked.
pub(crate) const MAX_PRESELECTED: usize = 200;
/// How long a list is valid, in milliseconds: reading every counter takes a server up to 18 s of CPU time with 10,000 services, which at this
/// interval is a sixth of a core. The busiest services are on every list, so that what most users feel is seen at once and only its cause may be
/// found later.
pub const PRESELECT_EVERY_MS: i64 = 120_000;
/// Longest pattern of names, in bytes: an expression holds it up to 16 times.
const MAX_PATTERN_BYTES: usize = 4_096;

/// The services that are observed, out of more.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Preselected {
    /// Names within the look, the most changed first.
    pub(crate) names: Vec<String>,
    /// Lower bound of the number of services: those that have the counter.
    of: u64,
    /// Services next to or behind the changed ones for which there was no room.
    omitted: usize,
    /// When they were picked.
    at: Timestamp,
    queries: Vec<QueryRecord>,
}

/// What services are picked by.
pub(crate) struct Preselection<'a> {
    pub(crate) window: &'a Window,
    pub(crate) hint: &'a WindowHint,
    /// With at most this many services, all are observed.
    pub(crate) above: usize,
    /// Picked earlier.
    pub(crate) kept: &'a [String],
}

/// Picks the services of one cluster; `None` if all are observed.
///
/// # Errors
/// [`RequestError`] if the server does not answer the query for changed requests.
pub(crate) fn preselect(
    client: &Client,
    found: &Found,
    question: &Preselection<'_>,
) -> Result<Option<Preselected>, RequestError> {
    let Preselection { window, hint, above, kept } = *question;
    if found.request_series <= above as u64 {
        return Ok(None);
    }
    let side_cars = found.exporters.iter().find(|e| e.title == SIDE_CARS.title);
    let Some(side_cars) = side_cars else { return Ok(None) };
    let span_ms = window.grid.end.ms() - window.grid.start.ms();
    let cluster = found.clusters.get(side_cars.title).cloned();
    let values = Values { namespace: found.scope.clone(), cluster, rate_ms: window.rate_ms, span_ms, only: None };
    let ask = Ask {
        client,
        values,
        window,
        names: Names::new(&found.scope, Owners::default()).seen_from(found.ends.clone()),
    };
    let Some((counters, of)) = ask.counters(side_cars.is_native, above)? else { return Ok(None) };
    let Asked { mut changed, busiest, queries } = ask.changed(counters, &change::splits(window, hint))?;
    let suspects: Vec<String> = in_order(&changed).into_iter().take(MAX_SUSPECTS).collect();
    for (name, score) in calls::nearby(&ask, &suspects, &changed)? {
        raise(&mut changed, name, score);
    }
    let (names, omitted) = listed(busiest.into_iter().chain(in_order(&changed)), kept);
    Ok(Some(Preselected { names, of, omitted, at: window.grid.end, queries }))
}

/// How much requests changed, by service.
type Changed = BTreeMap<String, f64>;

/// The services that the server returned.
#[derive(Default)]
struct Asked {
    changed: Changed,
    /// Those with the most requests.
    busiest: BTreeSet<String>,
    queries: Vec<QueryRecord>,
}

fn raise(changed: &mut Changed, name: String, score: f64) {
    let known = changed.entry(name).or_default();
    *known = known.max(score);
}

fn in_order(changed: &Changed) -> Vec<String> {
    let mut all: Vec<(&String, f64)> = changed.iter().map(|(name, score)| (name, *score)).collect();
    all.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(b.0)));
    all.into_iter().map(|(name, _)| name.clone()).collect()
}

/// As many names as there is room for, followed by those picked earlier; and the number of names left out.
fn listed(wanted: impl Iterator<Item = String>, kept: &[String]) -> (Vec<String>, usize) {
    let (mut names, mut seen) = (Vec::new(), BTreeSet::new());
    let (mut bytes, mut omitted) = (0, 0);
    let mut add = |name: String, is_wanted: bool| {
        let more = promql::any_of([own_name(&name)]).len() + 1;
        if !seen.insert(name.clone()) {
        } else if names.len() < MAX_PRESELECTED && bytes + more <= MAX_PATTERN_BYTES {
            bytes += more;
            names.push(name);
        } else {
            omitted += usize::from(is_wanted);
        }
    };
    wanted.for_each(|name| add(name, true));
    kept.iter().for_each(|name| add(name.clone(), false));
    (names, omitted)
}

/// A workload's name without its namespace.
fn own_name(name: &str) -> &str {
    name.rsplit_once('/').map_or(name, |(_, own)| own)
}

/// What the queries need.
struct Ask<'a> {
    client: &'a Client,
    values: Values,
    window: &'a Window,
    names: Names,
}

impl Ask<'_> {
    /// The answers to several templates at the end of the window, with names in place of labels.
    fn answer(&self, templates: &[String]) -> Result<Answer, RequestError> {
        self.answer_with(templates, |filled| filled)
    }

    /// The same, with `put` applied to the filled templates.
    fn answer_with(&self, templates: &[String], put: impl Fn(String) -> String) -> Result<Answer, RequestError> {
        let filled: Vec<String> = templates.iter().map(|t| put(promql::fill(t, &self.values))).collect();
        let mut answer = self.client.instant_of(&filled, self.window.grid.end)?;
        let scopes: Vec<_> = templates.iter().map(|t| self.values.scope_label(t)).collect();
        self.values.namespace.qualify(&mut answer, &scopes);
        Ok(answer)
    }

    /// The counters of requests, and the number of services; `None` if these are few enough.
    fn counters(&self, is_native: bool, above: usize) -> Result<Option<(Counters, u64)>, RequestError> {
        for counters in [Counters::Recorded, Counters::Raw { is_native }] {
            let answer = self.answer(&[counters.how_many()])?;
            let count = answer.series.first().and_then(|s| s.points.first()).map_or(0.0, |(_, value)| *value);
            if count > above as f64 {
                return Ok(Some((counters, count as u64)));
            }
        }
        Ok(None)
    }

    /// The services whose requests changed most, over all ways to divide the window.
    fn changed(&self, counters: Counters, splits: &[Split]) -> Result<Asked, RequestError> {
        let templates: Vec<Vec<String>> = splits.iter().map(|split| change::expressions(counters, *split)).collect();
        let ask = |templates: &Vec<String>| self.answer(templates);
        let answers = parallel::map(&templates, self.client.concurrency(), ask, |_| {});
        let mut out = Asked::default();
        for (templates, answer) in templates.iter().zip(answers) {
            let answer = answer?;
            for (i, template) in templates.iter().enumerate() {
                let mut series = 0;
                for one in plan::part(&answer, i) {
                    series += 1;
                    let score = one.points.first().map_or(0.0, |(_, value)| *value);
                    for owner in self.names.owners(Key::Workload, &one.labels) {
                        if i == change::KINDS {
                            out.busiest.insert(owner.service);
                        } else {
                            raise(&mut out.changed, owner.service, score);
                        }
                    }
                }
                out.queries.push(QueryRecord {
                    signal: "services whose requests changed".to_owned(),
                    promql: promql::fill(template, &self.values),
                    series,
                    samples: series,
                    state: QueryState::Complete,
                    reason: None,
                });
            }
        }
        Ok(out)
    }

    /// Whether a name is a workload of the observed namespaces.
    fn is_ours(&self, name: &str) -> bool {
        match self.names.has_beyond() {
            true => !self.names.is_beyond(name) && !name.starts_with("external/") && name.contains('/'),
            false => !name.contains('/'),
        }
    }
}

impl Preselected {
    /// Whether the list is still valid; not if the clock was set back.
    pub(crate) fn stands_at(&self, now: Timestamp) -> bool {
        (0..PRESELECT_EVERY_MS).contains(&(now.ms() - self.at.ms()))
    }

    /// Narrows every query to these services: their namespaces and names. Pods are found by the names of their workloads.
    pub(crate) fn narrowed(&self, scope: &Scope) -> (Scope, Only) {
        let own: BTreeSet<&str> = self.names.iter().map(|name| own_name(name)).collect();
        let workloads = promql::any_of(own);
        let only = Only { pods: format!("(?:{workloads})(?:-.*)?"), workloads, has_other_end: false };
        (scope.narrowed_to(self.names.iter().map(String::as_str)), only)
    }

    /// Why answers about pods are partial.
    pub(crate) fn reason(&self) -> String {
        format!("asked for {} of {} services or more", self.names.len(), self.of)
    }

    /// The note about services that are not observed.
    pub(crate) fn not_checked(&self) -> NotChecked {
        let mut reason = format!(
            "there are at least {} services, too many to fetch: those whose requests changed most are looked at, with whom they call and who calls them \
             ({} in all), and no others; for fewer services: --namespace",
            self.of,
            self.names.len()
        );
        if self.omitted > 0 {
            reason += &format!("; for {} that call or are called by changed ones there was no room", self.omitted);
        }
        NotChecked::not_looked_at(Vec::new(), reason)
    }

    /// The same for readers of the notes.
    pub(crate) fn note(&self) -> Note {
        let text = format!(
            "of {} services or more those whose requests changed most and their neighbours are looked at: {}",
            self.of,
            self.names.len()
        );
        Note::info("preselected", text)
    }

    /// The queries that found them.
    pub(crate) fn queries(&self) -> &[QueryRecord] {
        &self.queries
    }
}
