//! Counts of good requests: converted to a share of failures if the total is also there, else dropped.
//!
//! A count that falls may mean failures or fewer requests, so alone it is evidence of neither. Count and total may have different units (requests of
//! an interval, requests per second) and may be counters; the interpretation in which good requests are a part of all is used.

use std::collections::BTreeMap;

use automap_core::metric::{ERROR_RATIO, Family, Metric, Side};
use automap_core::note::Note;

use super::columns::Column;
use super::error::listed;

/// Good requests may exceed the total by this factor: the two are not read at the same instant.
const SLACK: f64 = 1.05;
/// Share of rows in which good requests must be a part of all.
const MIN_FITTING: f64 = 0.95;
/// Outside failures at least this share of requests is good; a smaller one means that the units differ.
const MIN_BEST_SHARE: f64 = 0.5;

/// Turns counts of successes into shares of failures and drops those without a total.
pub(super) fn use_counts(columns: &mut Vec<Column>, step_ms: i64) -> Vec<Note> {
    let (counts, mut kept): (Vec<Column>, Vec<Column>) = columns.drain(..).partition(|c| c.meaning.is_success_count);
    let (mut used, mut dropped) = (Vec::new(), Vec::new());
    let mut by_service: BTreeMap<&str, (Vec<&Column>, bool)> = BTreeMap::new();
    for column in &kept {
        let metric = Metric::parse(&column.meaning.metric);
        let of_service = by_service.entry(&column.meaning.service).or_default();
        match metric.family {
            Family::Throughput if metric.side == Side::Own => of_service.0.push(column),
            Family::Error if metric.side == Side::Own => of_service.1 = true,
            _ => {}
        }
    }
    let mut derived = Vec::new();
    for mut count in counts {
        let known = by_service.get(count.meaning.service.as_str());
        let totals =
            known.filter(|(_, has_errors)| !has_errors).map(|(totals, _)| totals.as_slice()).unwrap_or_default();
        match totals.iter().find_map(|total| failures(&count.values, &total.values, step_ms)) {
            Some(values) => {
                used.push(count.name.clone());
                count.values = values;
                ERROR_RATIO.clone_into(&mut count.meaning.metric);
                ERROR_RATIO.clone_into(&mut count.meaning.raw_metric);
                count.meaning.is_success_count = false;
                derived.push(count);
            }
            None => dropped.push(count.name),
        }
    }
    drop(by_service);
    kept.extend(derived);
    *columns = kept;
    notes(&used, &dropped)
}

fn notes(used: &[String], dropped: &[String]) -> Vec<Note> {
    let names = |names: &[String]| listed(names.iter().map(String::as_str));
    let mut notes = Vec::new();
    if !used.is_empty() {
        let text =
            format!("counts of successes are read as shares of failures, with the number of requests: {}", names(used));
        notes.push(Note::info("success_counts", text));
    }
    if !dropped.is_empty() {
        let text = format!(
            "counts of successes are left out, since no column of all requests goes with them: {}",
            names(dropped)
        );
        notes.push(Note::warning("success_counts_left_out", text));
    }
    notes
}

/// The share of failures; `None` if the two do not match.
///
/// Worked example: 20 requests per second, rows 15 s apart, 240 good requests: 240 of 300 were good, 0.2 failed.
fn failures(good: &[f64], all: &[f64], step_ms: i64) -> Option<Vec<f64>> {
    let (good, all) = (increments(good), increments(all));
    let step_s = step_ms as f64 / 1e3;
    let shares = |factor: f64| -> Vec<f64> {
        good.iter().zip(&all).map(|(g, a)| if *a > 0.0 { g * factor / a } else { f64::NAN }).collect()
    };
    let fits = |shares: &Vec<f64>| {
        let seen: Vec<f64> = shares.iter().copied().filter(|s| !s.is_nan()).collect();
        let fitting = seen.iter().filter(|s| **s <= SLACK).count() as f64;
        let best = seen.iter().copied().filter(|s| *s <= SLACK).fold(0.0, f64::max);
        !seen.is_empty() && fitting >= MIN_FITTING * seen.len() as f64 && best >= MIN_BEST_SHARE
    };
    let found = [1.0, 1.0 / step_s, step_s].into_iter().map(shares).find(fits)?;
    Some(found.into_iter().map(|s| if s.is_nan() { s } else { (1.0 - s).clamp(0.0, 1.0) }).collect())
}

/// A counter's growth from row to row; other series are unchanged.
fn increments(values: &[f64]) -> Vec<f64> {
    let seen: Vec<f64> = values.iter().copied().filter(|v| !v.is_nan()).collect();
    let grows = seen.windows(2).filter(|w| w[1] > w[0]).count();
    let is_counter = seen.windows(2).all(|w| w[1] >= w[0]) && grows * 2 > seen.len() && seen.len() > 3;
    if !is_counter {
        return values.to_vec();
    }
    let first = std::iter::once(f64::NAN);
    first.chain(values.windows(2).map(|w| w[1] - w[0])).collect()
}

#[cfg(test)]
mod tests {
    use super::super::columns::column;
    use super::*;

    fn errors(metric: &str, good: &[f64], total: (&str, &[f64])) -> (Vec<f64>, Vec<String>) {
        let mut columns = vec![column("a", metric, good), column("a", total.0, total.1), column("b", "cpu", &[0.0])];
        let notes = use_counts(&mut columns, 15_000);
        let found = columns.into_iter().find(|c| c.meaning.metric == ERROR_RATIO);
        (found.map(|c| c.values).unwrap_or_default(), notes.into_iter().map(|n| n.code).collect())
    }

    fn is_close(values: &[f64], expected: &[f64]) -> bool {
        values.len() == expected.len()
            && values.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-9 || (a.is_nan() && b.is_nan()))
    }

    #[test]
    fn a_total_makes_a_share_of_a_count() {
        for (metric, good, total) in [
            ("requests_success_rps", &[20.0, 16.0, 0.0][..], ("throughput_rps", &[20.0, 20.0, 20.0][..])),
            ("success_count", &[300.0, 240.0, 0.0], ("throughput_rps", &[20.0, 20.0, 20.0])),
            ("success_rps", &[20.0, 16.0, 0.0], ("requests", &[300.0, 300.0, 300.0])),
        ] {
            let (values, codes) = errors(metric, good, total);
            assert!(is_close(&values, &[0.0, 0.2, 1.0]), "{metric}: {values:?}");
            assert_eq!(codes, ["success_counts"]);
        }
        let counters =
            errors("success_total", &[0.0, 10.0, 20.0, 25.0, 30.0], ("requests_total", &[0.0, 10.0, 20.0, 30.0, 40.0]));
        assert!(is_close(&counters.0, &[f64::NAN, 0.0, 0.0, 0.5, 0.5]), "{:?}", counters.0);
    }

    #[test]
    fn a_count_alone_is_left_out() {
        for total in [("cpu", &[1.0, 1.0, 1.0][..]), ("throughput_rps", &[9e5, 9e5, 9e5])] {
            let (values, codes) = errors("success_count", &[300.0, 240.0, 100.0], total);
            assert!(values.is_empty() && codes == ["success_counts_left_out"], "{values:?} {codes:?}");
        }
        assert!(errors("success_ratio", &[1.0, 0.8], ("requests", &[10.0, 10.0])).1.is_empty());
    }
}
