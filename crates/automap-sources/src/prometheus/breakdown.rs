//! Breaks a service down into parts: its requests and resources by pod, node, version, response code, caller and route, in two requests.
//!
//! ```text
//!  Wanted ─▶ ask: one instant at the end of the baseline · one at the end of the incident, with where pods stand ─▶ rows ─▶ Breakdown
//! ```
//!
//! Each request holds, for each service and measure, a sum by all distinguishing labels, bounded by `topk`; the values of single labels are summed
//! here. Each preset defines its own label names. Nodes, zones and images come from kube-state-metrics, unless the series name them. Reading cannot
//! fail: a refused, empty or truncated answer is a state. Left out: what only the callers of a service observe, and buckets of histograms.

mod places;
mod rows;

use automap_core::breakdown::{Breakdown, Label, MAX_VALUES, Measure, UnseenLabel, Wanted};
use automap_core::metric::{CPU_CORES, CPU_THROTTLED_RATIO, MEMORY_BYTES, RESTARTS};
use automap_core::note::NotChecked;
use automap_core::observation::{QueryRecord, QueryState};
use automap_core::second_look::BrokenDown;
use automap_core::time::Interval;

use super::client::Client;
use super::discover::Found;
use super::error::RequestError;
use super::parallel;
use super::plan::part;
use super::presets::{CountsByLabel, Exporter, Formula, Key, clause};
use super::promql::{self, Values, quote};
use super::query::Answer;
use super::scope::NamespaceSpec;
use super::warnings;
use places::Places;
use rows::{Columns, Rows};

/// Name of the queries.
const SIGNAL: &str = "parts";
/// Most combinations of labels of one service: with more, nothing can be summed.
const MAX_ROWS: usize = 2_000;
/// Fewest samples in a window, in scrapes: growth needs two.
const MIN_WINDOW_SCRAPES: i64 = 4;
/// Most exporters that are queried for one service: the most trusted ones.
const MAX_EXPORTERS: usize = 2;

/// The counts of one measure of one service by one exporter.
#[derive(Debug)]
struct Asked<'a> {
    service: &'a str,
    measure: Measure,
    exporter: &'static Exporter,
    columns: Columns,
    /// The expressions for the counted amount and its base; if there is no expression for the base, it is 1 for each row.
    amount: String,
    base: Option<String>,
}

/// Counts the requested breakdowns.
pub(crate) fn read(client: &Client, found: &Found, namespace: &str, scrape_ms: i64, wanted: &[Wanted]) -> BrokenDown {
    let Some(first) = wanted.first() else { return BrokenDown::default() };
    let windows = [first.baseline, first.incident].map(|w| at_least(w, MIN_WINDOW_SCRAPES * scrape_ms));
    let all = windows.map(|window| asked(found, namespace, window, wanted));
    if all[0].is_empty() {
        let reason = "no preset that is found here names labels to break requests down by".to_owned();
        return BrokenDown { not_checked: vec![not_checked(wanted, reason)], ..BrokenDown::default() };
    }
    let places = places::expressions(found, namespace, Interval { start: windows[0].start, ..windows[1] }, wanted);
    let mut parts = all.each_ref().map(|asked| asked.iter().flat_map(expressions).collect::<Vec<String>>());
    let counted = parts[0].len();
    parts[1].extend(places);
    let queries: Vec<(&Vec<String>, Interval)> = parts.iter().zip(windows).collect();
    let ask = |(parts, window): &(&Vec<String>, Interval)| client.instant_of(parts, window.end);
    let answers = parallel::map(&queries, client.concurrency(), ask, |_| {});
    let answers: Result<Vec<Answer>, RequestError> = answers.into_iter().collect();
    match answers.as_deref() {
        Ok([before, during]) => {
            let places = Places::read(during, counted);
            let seconds = windows.map(|w| w.len_ms() as f64 / 1e3);
            let rows = all[1].iter().scan(0, |at, asked| {
                let from = *at;
                *at += expressions(asked).len();
                Some((
                    asked,
                    [Rows::read(before, from, asked, seconds[0]), Rows::read(during, from, asked, seconds[1])],
                ))
            });
            told(wanted, rows.collect(), &places, [before, during])
        }
        Ok(_) => BrokenDown::default(),
        Err(error) => failed(wanted, &all[1], error),
    }
}

/// The window, or a longer one with the same end.
fn at_least(window: Interval, ms: i64) -> Interval {
    Interval { start: window.start.min(window.end.plus_ms(-ms)), ..window }
}

/// The queries for one window.
fn asked<'a>(found: &Found, namespace: &str, window: Interval, wanted: &'a [Wanted]) -> Vec<Asked<'a>> {
    let mut out = Vec::new();
    let scope = NamespaceSpec::parse(namespace).scope();
    // If one namespace is observed, a service with another namespace in its name is only seen by its callers.
    for one in wanted.iter().filter(|one| scope.is_qualified || !one.service.contains('/')) {
        let (scope, _) = scope.of_service(&one.service);
        for measure in &one.measures {
            let of = |exporter: &&'static Exporter| {
                let cluster = found.clusters.get(exporter.title).cloned();
                let ms = window.len_ms();
                let values = Values { namespace: scope.clone(), cluster, rate_ms: ms, span_ms: ms, only: None };
                of_requests(exporter, *measure, &one.service, &values)
                    .or_else(|| of_pods(exporter, *measure, &one.service, &values))
            };
            out.extend(found.exporters.iter().filter_map(of).take(MAX_EXPORTERS));
        }
    }
    out
}

fn of_requests<'a>(
    exporter: &'static Exporter,
    measure: Measure,
    service: &'a str,
    values: &Values,
) -> Option<Asked<'a>> {
    let CountsByLabel { requests, failed, duration, labels } = exporter.by_label.as_ref()?;
    let (amount, base) = match measure {
        Measure::Failures => ((*failed)?, *requests),
        Measure::Latency => (*duration)?,
        _ => return None,
    };
    let names = clause(&exporter.by_label.as_ref()?.names());
    let fill = |template: &str| {
        let sum = format!("sum by ({names}) ({template})");
        format!("topk({MAX_ROWS}, {})", of_service(&sum, service, values))
    };
    Some(Asked {
        service,
        measure,
        exporter,
        columns: Columns::Labels(labels),
        amount: fill(amount),
        base: Some(fill(base)),
    })
}

/// Names from outside are inserted last, so that they are not expanded again.
fn of_service(template: &str, service: &str, values: &Values) -> String {
    let bare = service.rsplit_once('/').map_or(service, |(_, bare)| bare);
    template.split("$SERVICE").map(|text| promql::fill(text, values)).collect::<Vec<_>>().join(&quote(bare))
}

fn of_pods<'a>(exporter: &'static Exporter, measure: Measure, service: &'a str, values: &Values) -> Option<Asked<'a>> {
    let name = match measure {
        Measure::Cpu => CPU_CORES,
        Measure::Throttling => CPU_THROTTLED_RATIO,
        Measure::Memory => MEMORY_BYTES,
        Measure::Restarts => RESTARTS,
        Measure::Failures | Measure::Latency => return None,
    };
    let signal = exporter.signals.iter().find(|s| s.name == name && s.key == Key::Pod)?;
    let fill = |template: &str| places::ours(&promql::fill(template, values), &[service]);
    let (amount, base) = match signal.formula {
        Formula::Sum(sum) => (fill(sum), None),
        Formula::Share { part, whole } => (fill(part), Some(fill(whole))),
        Formula::Mean { .. } | Formula::Events { .. } => return None,
    };
    Some(Asked { service, measure, exporter, columns: Columns::Pods, amount, base })
}

fn expressions(asked: &Asked<'_>) -> Vec<String> {
    std::iter::once(&asked.amount).chain(&asked.base).cloned().collect()
}

/// Combines the counts: for each service and measure those of the first exporter that counted anything in the incident.
fn told(wanted: &[Wanted], all: Vec<(&Asked<'_>, [Rows; 2])>, places: &Places, answers: [&Answer; 2]) -> BrokenDown {
    let mut out = BrokenDown::default();
    let gap = answers.iter().find_map(|answer| incomplete(answer));
    for one in wanted {
        for measure in &one.measures {
            let mut of = all.iter().filter(|(asked, _)| asked.service == one.service && asked.measure == *measure);
            let Some((asked, rows)) = of.clone().find(|(_, rows)| !rows[1].is_empty()).or_else(|| of.next()) else {
                continue;
            };
            out.queries.push(record(asked, &rows[1], gap.as_ref()));
            match cut(rows).or_else(|| gap.clone()) {
                Some(reason) => out.not_checked.push(not_checked(std::slice::from_ref(one), reason)),
                None => out.breakdowns.push(breakdown(one, asked, rows, places)),
            }
        }
    }
    out
}

/// Why the rows cannot be summed.
fn cut(rows: &[Rows; 2]) -> Option<String> {
    let is_cut = rows.iter().any(|r| r.len() >= MAX_ROWS);
    is_cut.then(|| format!("its requests have {MAX_ROWS} combinations of labels and more"))
}

/// Why an answer may be incomplete.
fn incomplete(answer: &Answer) -> Option<String> {
    let warning = answer.warnings.first().map(|warning| warnings::shown(warning));
    warning.or_else(|| (answer.left_out.excess > 0).then(|| format!("{} series were left out", answer.left_out.excess)))
}

fn breakdown(wanted: &Wanted, asked: &Asked<'_>, rows: &[Rows; 2], places: &Places) -> Breakdown {
    let mut labels = Vec::new();
    let mut unseen = Vec::new();
    for label in Label::ALL {
        match rows::by_label(label, asked.columns, rows, places) {
            Ok(by) if by.values.len() > MAX_VALUES => {
                unseen.push(UnseenLabel {
                    label,
                    reason: format!("{} values are more than {MAX_VALUES}", by.values.len()),
                });
            }
            Ok(by) => labels.push(by),
            Err(Some(reason)) => {
                unseen.push(UnseenLabel { label, reason: reason.replace("$TITLE", asked.exporter.title) })
            }
            Err(None) => {}
        }
    }
    let Wanted { service, baseline, incident, .. } = wanted.clone();
    Breakdown { service, measure: asked.measure, baseline, incident, labels, unseen }
}

fn not_checked(wanted: &[Wanted], reason: String) -> NotChecked {
    NotChecked { signal: SIGNAL.to_owned(), services: wanted.iter().map(|w| w.service.clone()).collect(), reason }
}

fn record(asked: &Asked<'_>, rows: &Rows, gap: Option<&String>) -> QueryRecord {
    let state = match (gap, rows.is_empty()) {
        (Some(_), _) => QueryState::Partial,
        (None, true) => QueryState::Empty,
        (None, false) => QueryState::Complete,
    };
    let series = rows.len() as u64;
    QueryRecord {
        signal: SIGNAL.to_owned(),
        promql: asked.amount.clone(),
        series,
        samples: series,
        state,
        reason: gap.cloned(),
    }
}

fn failed(wanted: &[Wanted], asked: &[Asked<'_>], error: &RequestError) -> BrokenDown {
    let (state, what) = match error.is_too_much() {
        true => (QueryState::Refused, "the server refuses so large a query"),
        false => (QueryState::Failed, "the query failed"),
    };
    let record = |asked: &Asked<'_>| QueryRecord {
        signal: SIGNAL.to_owned(),
        promql: asked.amount.clone(),
        series: 0,
        samples: 0,
        state,
        reason: Some(error.failure.to_string()),
    };
    BrokenDown {
        breakdowns: Vec::new(),
        not_checked: vec![not_checked(wanted, format!("{what}: {}", error.failure))],
        queries: asked.first().map(record).into_iter().collect(),
    }
}

/// The series of one expression of an answer, each with its only value.
fn values(answer: &Answer, at: usize) -> impl Iterator<Item = (&super::Labels, f64)> {
    part(answer, at).filter_map(|s| Some((&s.labels, s.points.last()?.1))).filter(|(_, value)| value.is_finite())
}
