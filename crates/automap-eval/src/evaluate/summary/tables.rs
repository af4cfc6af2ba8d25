//! The contents of the tables that `automap eval` prints: one function for each table.

use automap_chaos::score::{SetTotals, Share};

use super::cases::cases_table;
use super::choice::choice_table;
use super::model::{
    ByName, EngineSummary, Estimate, GroupScores, OnsetGroup, OnsetSummary, QuietGroup, Spread, Summary,
};
use super::table::Table;
use crate::score::Accuracy;

/// Unanswered cases that are listed without `--verbose`.
const MISSES_SHOWN: usize = 10;

pub(super) fn tables_of(summary: &Summary, onset: &OnsetSummary, verbose: bool) -> Vec<Table> {
    let mut out = vec![means_table(summary, onset), groups_table("By set: AC@1 Avg@5", "set", onset, |e| &e.sets)];
    if verbose {
        out.push(groups_table("By kind of fault: AC@1 Avg@5", "fault", onset, |e| &e.fault_kinds));
    }
    if onset.engines.0.first().is_some_and(|(_, first)| !first.by_felt.is_empty()) {
        out.push(groups_table("By whether users felt it: AC@1 Avg@5", "fault", onset, |e| &e.by_felt));
    }
    out.extend(onset.choice.as_ref().map(choice_table));
    out.extend(sets_table(onset, verbose));
    out.extend(onset.onset_error.as_ref().map(|errors| onset_errors(&errors.all, &errors.sets)));
    out.extend(confidence_tables(onset));
    out.extend(quiet_table(onset, verbose));
    out.extend(misses_table(onset, verbose));
    out.extend(cases_table(onset));
    out
}

pub(super) fn cost(summary: &Summary) -> String {
    summary.memory_max_mb.map_or_else(String::new, |mb| format!("peak memory of the process: {mb} MB\n"))
}

fn means_table(summary: &Summary, onset: &OnsetSummary) -> Table {
    let first = onset.engines.0.first();
    let cases = first.map_or(0, |(_, e)| e.over_sets.cases);
    let sets = first.map_or(0, |(_, e)| e.sets.0.len());
    let is_several = onset.engines.0.len() > 1;
    let mut header = cells(["engine", "AC@1", "95 %", "AC@3", "AC@5", "Avg@5", "95 %", "MRR"]);
    header.extend(cells(["metric AC@1", "Avg@5", "CPU ms/case", "unanswered"]));
    if let Some((name, _)) = first.filter(|_| is_several) {
        header.push(format!("AC@1 − {name}'s, 95 %"));
    }
    let mut rows: Vec<Vec<String>> = onset
        .engines
        .0
        .iter()
        .map(|(name, engine)| {
            let mut row = group_row(name, &engine.over_sets);
            let minus = engine
                .minus_first
                .as_ref()
                .map(|d| format!("{:+.3} {}", d.mean.ac1, d.ci.map_or_else(String::new, |ci| signed_span(ci.ac1))));
            row.extend(is_several.then(|| minus.unwrap_or_default()));
            row
        })
        .collect();
    if let Some((_, engine)) = first {
        let pairs = engine.over_sets.metric_level.as_ref().and_then(|m| m.pairs.chance);
        let mut chance = vec!["chance".to_owned()];
        chance.extend(score_cells(&engine.over_sets.services.chance.unwrap_or_default(), ["", ""]));
        chance.extend(pairs.map_or_else(|| cells(["–", "–"]), |a| vec![three(a.ac1), three(a.avg5)]));
        chance.resize(header.len(), String::new());
        rows.push(chance);
    }
    let calls = if summary.topology { "" } else { ", without call graph" };
    let title = format!(
        "Onset {}{calls}: {cases} incident{} of {sets} set{}, mean over sets",
        onset.onset,
        plural(cases),
        plural(sets)
    );
    Table { title, header, rows, note: None }
}

fn group_row(name: &str, group: &GroupScores) -> Vec<String> {
    let Estimate { mean, ci, .. } = &group.services;
    let span = |ends: Option<[f64; 2]>| ends.map_or_else(String::new, span);
    let (ac1, avg5) = (span(ci.map(|c| c.ac1)), span(ci.map(|c| c.avg5)));
    let mut out = vec![name.to_owned()];
    out.extend(score_cells(mean, [&ac1, &avg5]));
    out.extend(match &group.metric_level {
        Some(level) => vec![three(level.pairs.mean.ac1), three(level.pairs.mean.avg5)],
        None => cells(["–", "–"]),
    });
    out.push(group.cpu_s_per_case.map_or_else(String::new, |s| format!("{:.1}", s * 1e3)));
    out.push(group.unanswered.to_string());
    out
}

fn score_cells(a: &Accuracy, spans: [&str; 2]) -> Vec<String> {
    let [ac1, avg5] = spans.map(ToOwned::to_owned);
    vec![three(a.ac1), ac1, three(a.ac3), three(a.ac5), three(a.avg5), avg5, three(a.mrr)]
}

/// One row for each set or kind, one column for each engine.
fn groups_table(
    title: &str,
    what: &str,
    onset: &OnsetSummary,
    of: impl Fn(&EngineSummary) -> &ByName<GroupScores>,
) -> Table {
    let mut header = cells([what, "cases", "chance"]);
    header.extend(onset.engines.0.iter().map(|(name, _)| name.clone()));
    let both = |a: &Accuracy| format!("{} {}", three(a.ac1), three(a.avg5));
    let first = onset.engines.0.first().map(|(_, e)| of(e));
    let row = |(name, group): &(String, GroupScores)| {
        let chance = group.services.chance.as_ref().map_or_else(String::new, both);
        let mut row = vec![name.clone(), group.cases.to_string(), chance];
        let engine_summary =
            |(_, e): &(String, EngineSummary)| of(e).get(name).map_or_else(String::new, |g| both(&g.services.mean));
        row.extend(onset.engines.0.iter().map(engine_summary));
        row
    };
    Table {
        title: title.to_owned(),
        header,
        rows: first.into_iter().flat_map(|n| n.0.iter().map(row)).collect(),
        note: None,
    }
}

fn onset_errors(all: &OnsetGroup, sets: &ByName<OnsetGroup>) -> Table {
    let header = cells([
        "set",
        "cases",
        "not found",
        "within 2 samples",
        "earlier",
        "later",
        "error in s, median",
        "90 %",
        "error in samples, median",
        "90 %",
    ]);
    let row = |name: &str, g: &OnsetGroup| {
        let spread = |s: Option<Spread>| s.map_or_else(|| cells(["", ""]), |s| vec![one(s.p50), one(s.p90)]);
        let mut row = vec![name.to_owned(), g.cases.to_string(), g.not_found.to_string()];
        row.extend([g.within_2_steps, g.early, g.late].map(percent));
        row.extend(spread(g.error_s));
        row.extend(spread(g.error_steps));
        row
    };
    let mut rows: Vec<Vec<String>> = sets.0.iter().map(|(name, g)| row(name, g)).collect();
    rows.push(row("all", all));
    Table { title: "Onset errors: found minus true".to_owned(), header, rows, note: None }
}

/// The named causes as sets: of all cases, and of each set if `verbose`.
fn sets_table(onset: &OnsetSummary, verbose: bool) -> Option<Table> {
    let mut rows = Vec::new();
    for (name, engine) in &onset.engines.0 {
        let Some(all) = &engine.over_sets.named_sets else { continue };
        rows.push(set_row(name, all, engine.over_sets.named_paths));
        let sets = engine.sets.0.iter().filter(|_| verbose);
        let groups = engine.by_felt.0.iter().chain(sets);
        rows.extend(
            groups.filter_map(|(name, g)| Some(set_row(&format!("  {name}"), g.named_sets.as_ref()?, g.named_paths))),
        );
    }
    let mut header = cells(["engine", "precision", "95 %", "recall", "95 %", "exact set", "95 %"]);
    let has_paths = onset.engines.0.iter().any(|(_, e)| e.over_sets.named_paths.is_some());
    header.extend(cells(["true path", "95 %"]).into_iter().filter(|_| has_paths));
    rows.iter_mut().for_each(|row| row.resize(header.len(), String::new()));
    let title = "Named causes as sets: right of named, named of faults, exactly the faults".to_owned();
    (!rows.is_empty()).then_some(Table { title, header, rows, note: None })
}

fn set_row(name: &str, sets: &SetTotals, paths: Option<Share>) -> Vec<String> {
    let cells = |share: Share| {
        let counts = format!("{} of {}", share.hits, share.of);
        let text = share.share.map_or_else(|| counts.clone(), |s| format!("{} ({counts})", three(s)));
        [text, share.share.map_or_else(String::new, |_| span([share.low, share.high]))]
    };
    let mut row = vec![name.to_owned()];
    row.extend([sets.precision, sets.recall, sets.exact].into_iter().chain(paths).flat_map(cells));
    row
}

/// The reliability table and the risk–coverage table, with two columns for each engine that has a confidence.
fn confidence_tables(onset: &OnsetSummary) -> Vec<Table> {
    let confident: Vec<(&str, &super::model::ConfidenceSummary)> =
        onset.engines.0.iter().filter_map(|(name, e)| Some((name.as_str(), e.confidence.as_ref()?))).collect();
    let Some((_, first)) = confident.first() else { return Vec::new() };
    let mut header = vec!["confidence".to_owned()];
    header.extend(confident.iter().flat_map(|(name, _)| [format!("{name}: cases"), "right".to_owned()]));
    let reliability = first.reliability.iter().enumerate().map(|(i, bin)| {
        let mut row = vec![format!("{} to {}", bin.from, bin.to)];
        row.extend(confident.iter().flat_map(|(_, b)| {
            let bin = &b.reliability[i];
            [bin.cases.to_string(), bin.right.map_or_else(|| "–".to_owned(), percent)]
        }));
        row
    });
    let named = |(name, b): &(&str, &super::model::ConfidenceSummary)| {
        let right = b.named_right.map_or_else(String::new, |share| format!(", right in {}", percent(share)));
        let apart = b.calibration_error.map_or_else(String::new, |e| format!("; calibration error {e:.3}"));
        format!("{name} named a cause in {} cases{right}{apart}", b.named)
    };
    let note = Some(confident.iter().map(named).collect::<Vec<_>>().join(". "));
    let reliability = Table {
        title: "Calibration: confidence against share of right answers, cases of all sets".to_owned(),
        header,
        rows: reliability.collect(),
        note,
    };
    let mut header = vec!["most confident".to_owned()];
    header.extend(confident.iter().flat_map(|(name, _)| [format!("{name}: AC@1"), "confidence from".to_owned()]));
    let curve = first.risk_coverage.iter().enumerate().map(|(i, point)| {
        let mut row = vec![percent(point.coverage)];
        row.extend(confident.iter().flat_map(|(_, b)| {
            b.risk_coverage
                .get(i)
                .map_or_else(|| [String::new(), String::new()], |c| [three(c.ac1), three(c.confidence_from)])
        }));
        row
    });
    let title = "Accuracy of the most confident answers, cases of all sets".to_owned();
    vec![reliability, Table { title, header, rows: curve.collect(), note: None }]
}

fn quiet_table(onset: &OnsetSummary, verbose: bool) -> Option<Table> {
    let mut rows = Vec::new();
    for (name, engine) in &onset.engines.0 {
        let Some(quiet) = &engine.quiet else { continue };
        rows.push(quiet_row(name, &quiet.all));
        let sets = quiet.sets.0.iter().filter(|_| verbose);
        rows.extend(sets.map(|(set, group)| quiet_row(&format!("  {set}"), group)));
    }
    let header = cells([
        "engine",
        "periods",
        "cause named",
        "onset found",
        "confidence, median",
        "90 %",
        "largest",
        "unanswered",
    ]);
    (!rows.is_empty()).then(|| Table { title: "False alarms in fault-free time".to_owned(), header, rows, note: None })
}

fn quiet_row(name: &str, group: &QuietGroup) -> Vec<String> {
    let mut row = vec![name.to_owned(), group.stretches.to_string(), percent(group.named), percent(group.onset_found)];
    row.extend(match group.confidence {
        Some(s) => [s.p50, s.p90, s.max].map(three),
        None => Default::default(),
    });
    row.push(group.unanswered.to_string());
    row
}

/// Cases without an answer. Engines with the same reason for the same case share a row.
fn misses_table(onset: &OnsetSummary, verbose: bool) -> Option<Table> {
    let mut rows: Vec<Vec<String>> = Vec::new();
    for (name, engine) in &onset.engines.0 {
        for miss in &engine.misses {
            let case = format!("{}/{}", miss.set, miss.case);
            match rows.iter_mut().find(|row| row[0] == case && row[2] == miss.reason) {
                Some(row) => row[1] = format!("{}, {name}", row[1]),
                None => rows.push(vec![case, name.clone(), miss.reason.clone()]),
            }
        }
    }
    let hidden = if verbose { 0 } else { rows.len().saturating_sub(MISSES_SHOWN) };
    rows.truncate(rows.len() - hidden);
    let note = (hidden > 0).then(|| format!("and {hidden} more; see the verbose output"));
    let title = "Unanswered cases, counted as misses".to_owned();
    (!rows.is_empty()).then(|| Table { title, header: cells(["case", "engines", "reason"]), rows, note })
}

fn cells<const N: usize>(texts: [&str; N]) -> Vec<String> {
    texts.map(ToOwned::to_owned).to_vec()
}

fn plural(n: usize) -> &'static str {
    if n == 1 { "" } else { "s" }
}

fn one(value: f64) -> String {
    format!("{value:.1}")
}

fn three(value: f64) -> String {
    format!("{value:.3}")
}

fn percent(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}

fn span([low, high]: [f64; 2]) -> String {
    format!("{low:.2}–{high:.2}")
}

fn signed_span([low, high]: [f64; 2]) -> String {
    format!("{low:+.2} to {high:+.2}")
}
