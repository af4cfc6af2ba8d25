//! What was changed, and when: releases, scaling, configuration, and container events, read from Prometheus in at most three requests.
//!
//! ```text
//!  plan ─▶ ask: values that are times (now) · states and numbers (coarse, then fine) ─▶ kept ─▶ Readings ─▶ releases, scaling, … ─▶ ChangeLog
//! ```
//!
//! It runs after the frame is complete and can neither fail nor change it: a refused, empty or failed query is a state. Without kube-state-metrics,
//! one request looks for other sources of changes. Values that are times date a change exactly; other changes are dated by the first sample that
//! shows them, with the distance to the previous sample as their uncertainty. Left out: who made the change, and its content.

mod configuration;
mod containers;
mod controllers;
mod evaluations;
mod families;
mod flags;
mod images;
mod jobs;
mod kept;
mod kept_series;
mod nodes;
mod plan;
mod queries;
mod readings;
mod releases;
mod reloads;
mod scaling;
mod tracks;
mod versions;
mod workloads;

use std::collections::BTreeMap;

use automap_core::change::{Change, ChangeKind, ChangeLog};
use automap_core::note::NotChecked;
use automap_core::observation::{QueryRecord, QueryState};
use automap_core::time::{Interval, Timestamp};

use super::client::Client;
use super::error::RequestError;
use super::parallel;
use super::pods::Owners;
use super::promql::{self, Values};
use super::query::{Answer, Grid};
use super::warnings;
pub use families::{change_needs, changes_told};
pub use kept::CHANGES_EVERY_MS;
pub(crate) use kept::Kept;
pub use plan::CHANGES_LOOK_BACK_MS;
use queries::Part;
use readings::Readings;
pub(crate) use reloads::Gateway;
use workloads::Workloads;

/// Most changes of one kind of one service: the latest are kept.
const MAX_OF_A_KIND: usize = 60;
/// Name of the queries.
const SIGNAL: &str = "changes";

/// What to query.
#[derive(Debug)]
pub(crate) struct Question {
    /// The namespace and its cluster.
    pub(crate) values: Values,
    /// The grid of the frame.
    pub(crate) grid: Grid,
    /// The start of the incident, if given.
    pub(crate) incident_start: Option<Timestamp>,
    pub(crate) scrape_ms: i64,
    pub(crate) now: Timestamp,
    /// Whether kube-state-metrics knows the namespace.
    pub(crate) has_state_metrics: bool,
    /// Gateways that report when they reloaded their configuration.
    pub(crate) gateways: Vec<Gateway>,
}

impl Question {
    /// The parts that are queried over time.
    fn parts(&self) -> Vec<Part> {
        let everywhere = Part::ALL.into_iter().filter(|part| self.has_state_metrics || !part.is_of_state_metrics());
        everywhere.chain((!self.gateways.is_empty()).then_some(Part::Reloads)).collect()
    }
}

/// The result.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) log: ChangeLog,
    pub(crate) not_checked: Option<NotChecked>,
    pub(crate) queries: Vec<QueryRecord>,
}

impl Outcome {
    /// If the server was slow to answer for the frame, nothing more is queried.
    pub(crate) fn too_slow() -> Self {
        let reason = "not asked, since the server did not answer other queries in time".to_owned();
        Self { not_checked: Some(not_checked(reason)), ..Self::default() }
    }
}

/// The owners of pods, and the services of the frame.
#[derive(Debug)]
pub(crate) struct Known<'a> {
    pub(crate) owners: &'a Owners,
    pub(crate) services: &'a [String],
}

/// Queries the changes, or only the new ones since an earlier poll.
pub(crate) fn read(kept: &mut Kept, client: &Client, question: &Question, known: &Known<'_>) -> Outcome {
    if kept.is_fresh(question.now) {
        return Outcome { log: kept.log.clone(), not_checked: kept.not_checked.clone(), queries: Vec::new() };
    }
    let plan = kept.plan(question.grid, question.incident_start, question.has_state_metrics, question.now);
    let parts = question.parts();
    let since_s = plan.since.ms().div_euclid(1000);
    let mut asked: Vec<Asked> = plan.grids.iter().copied().map(Asked::Range).collect();
    asked.extend(question.has_state_metrics.then_some(Asked::Instant));
    let ask = |asked: &Asked| match asked {
        Asked::Range(grid) => client.range_of(&range(question, &parts, grid.step_ms, since_s), *grid),
        Asked::Instant => client.instant_of(&instant(question, since_s), question.grid.end),
    };
    let answers = parallel::map(&asked, client.concurrency(), ask, |_| {});
    let answers: Result<Vec<(Asked, Answer)>, RequestError> =
        asked.into_iter().zip(answers).map(|(asked, answer)| Ok((asked, answer?))).collect();
    let answers = match answers {
        Ok(answers) => answers,
        Err(error) => return failed(kept, question, &parts, &error),
    };
    let gap = answers.iter().find_map(|(_, answer)| incomplete(answer));
    let queries = records(question, &parts, &answers, since_s, gap.as_ref());
    let (mut ranges, mut at_once) = (Vec::new(), None);
    let scope = &question.values.namespace;
    for (asked, mut answer) in answers {
        match asked {
            Asked::Range(grid) => {
                let labels: Vec<_> = parts.iter().map(|part| part.scope_label(&question.values)).collect();
                scope.qualify(&mut answer, &labels);
                ranges.push((grid, answer));
            }
            Asked::Instant => {
                scope.qualify(&mut answer, &queries::instant_scopes(&question.values));
                at_once = Some(answer);
            }
        }
    }
    let readings = kept.put(&plan, &parts, ranges, at_once, question.scrape_ms);
    let services = known.services.iter().map(String::as_str).collect();
    let mut log = log(readings, &Workloads { owners: known.owners, services }, question);
    let not_checked = match &gap {
        Some(reason) => {
            // Changes that do not appear may be hidden.
            log.observed = None;
            Some(not_checked(format!("the server's answers are incomplete: {reason}")))
        }
        None if log.observed.is_none() => Some(not_checked("nothing that tells of changes".to_owned())),
        None => None,
    };
    (kept.log, kept.not_checked) = (log.clone(), not_checked.clone());
    kept.end();
    Outcome { log, not_checked, queries }
}

/// The queries that a first poll would send for a frame on this grid, each with its purpose.
pub(crate) fn explain(values: &Values, grid: Grid, gateways: Vec<Gateway>) -> Vec<(&'static str, String)> {
    let question = Question {
        values: values.clone(),
        grid,
        incident_start: None,
        scrape_ms: grid.step_ms,
        now: grid.end,
        has_state_metrics: true,
        gateways,
    };
    let (plan, parts) = (plan::plan(grid, None), question.parts());
    let since_s = plan.since.ms().div_euclid(1000);
    let purposes = ["changes over the look-back", "changes around the incident"];
    let ranges = plan.grids.iter().zip(purposes);
    let mut out: Vec<_> = ranges
        .map(|(grid, purpose)| (purpose, promql::join(&range(&question, &parts, grid.step_ms, since_s))))
        .collect();
    out.push(("changes that tell their time", promql::join(&instant(&question, since_s))));
    out
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    Range(Grid),
    Instant,
}

fn range(question: &Question, parts: &[Part], step_ms: i64, since_s: i64) -> Vec<String> {
    let promql = |part: &Part| match part {
        Part::Reloads => reloads::promql(&question.gateways),
        part => part.promql(&question.values, step_ms, since_s),
    };
    parts.iter().map(promql).collect()
}

fn instant(question: &Question, since_s: i64) -> [String; 4] {
    queries::instant(&question.values, since_s, &families::asked())
}

/// Why an answer may be incomplete.
fn incomplete(answer: &Answer) -> Option<String> {
    let warning = answer.warnings.first().map(|warning| warnings::shown(warning));
    let left_out = answer.left_out;
    warning.or_else(|| {
        let is_cut = left_out.excess > 0 || left_out.misplaced > 0;
        is_cut.then(|| format!("{} series and {} samples were left out", left_out.excess, left_out.misplaced))
    })
}

fn not_checked(reason: String) -> NotChecked {
    NotChecked { signal: SIGNAL.to_owned(), services: Vec::new(), reason }
}

/// Keeps what was known; the observed time ends where it did. The polls until the next queries say the same.
fn failed(kept: &mut Kept, question: &Question, parts: &[Part], error: &RequestError) -> Outcome {
    let (state, what) = match error.is_too_much() {
        true => (QueryState::Refused, "the server refuses so large a query"),
        false => (QueryState::Failed, "the query failed"),
    };
    let promql = parts.first().map(|part| part.promql(&question.values, question.grid.step_ms, 0)).unwrap_or_default();
    let reason = Some(error.failure.to_string());
    let record = QueryRecord { signal: SIGNAL.to_owned(), promql, series: 0, samples: 0, state, reason };
    kept.not_checked = Some(not_checked(format!("{what}: {}", error.failure)));
    Outcome { log: kept.log.clone(), not_checked: kept.not_checked.clone(), queries: vec![record] }
}

/// A record for each expression that returned data.
fn records(
    question: &Question,
    parts: &[Part],
    answers: &[(Asked, Answer)],
    since_s: i64,
    gap: Option<&String>,
) -> Vec<QueryRecord> {
    let mut found: BTreeMap<(bool, usize), (u64, u64)> = BTreeMap::new();
    for (asked, answer) in answers {
        let is_instant = *asked == Asked::Instant;
        let count = if is_instant { instant(question, since_s).len() } else { parts.len() };
        for i in 0..count {
            for series in super::plan::part(answer, i) {
                let (all, samples) = found.entry((is_instant, i)).or_default();
                *all += 1;
                *samples += series.points.len() as u64;
            }
        }
    }
    let at_once = instant(question, since_s);
    let over_time = range(question, parts, question.grid.step_ms, since_s);
    let record = |((is_instant, i), (series, samples)): ((bool, usize), (u64, u64))| QueryRecord {
        signal: SIGNAL.to_owned(),
        promql: if is_instant { at_once[i].clone() } else { over_time[i].clone() },
        series,
        samples,
        state: if gap.is_some() { QueryState::Partial } else { QueryState::Complete },
        reason: gap.cloned(),
    };
    found.into_iter().map(record).collect()
}

/// The log of what the answers show.
fn log(readings: &Readings, workloads: &Workloads<'_>, question: &Question) -> ChangeLog {
    let mut changes = releases::find(readings, workloads);
    changes.extend(versions::find(readings, workloads, &changes));
    changes.extend(scaling::find(readings, workloads));
    changes.extend(containers::find(readings, workloads));
    changes.extend(jobs::find(readings, workloads));
    changes.extend(nodes::find(readings));
    changes.extend(configuration::find(readings, workloads));
    changes.extend(controllers::find(readings, workloads));
    changes.extend(flags::find(readings, workloads));
    changes.extend(reloads::find(readings, &question.gateways, &question.values.namespace, &changes));
    changes.retain(|change| change.at >= readings.since && change.at <= question.now);
    let omitted = leave_out_the_most_usual(&mut changes);
    let seen = readings.seen(readings.parts.keys().copied().filter(|part| part.is_steady()));
    // With kube-state-metrics, most kinds are observed only while it is up.
    let watched = Some(readings.watched()).filter(|watched| watched.first().is_some()).unwrap_or(seen);
    let observed = watched.first().zip(watched.last()).and_then(|(first, last)| Interval::new(first, last));
    let unseen = families::unseen(readings);
    ChangeLog { observed, unseen, changes, omitted }.bounded()
}

/// Keeps only the latest changes of each kind and service if there are many; returns the number of the others.
fn leave_out_the_most_usual(changes: &mut Vec<Change>) -> usize {
    let before = changes.len();
    changes.sort();
    let mut taken: BTreeMap<(ChangeKind, Option<String>), usize> = BTreeMap::new();
    changes.reverse();
    changes.retain(|change| {
        let of_kind = taken.entry((change.kind, change.service.clone())).or_default();
        *of_kind += 1;
        *of_kind <= MAX_OF_A_KIND
    });
    changes.reverse();
    before - changes.len()
}
