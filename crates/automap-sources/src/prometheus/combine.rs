//! Turns the series of an answer into one column of values per service and signal.

use std::collections::{BTreeMap, BTreeSet};

use super::names::{Names, Owner};
use super::plan::{Planned, part};
use super::presets::{Formula, Key};
use super::query::{Answer, Grid};

/// Values over the grid; `NaN` is a gap.
pub(crate) type Columns = BTreeMap<Owner, Vec<f64>>;

/// The result of one signal.
#[derive(Debug, Default)]
pub(crate) struct Combined {
    pub(crate) columns: Columns,
    /// Series that the signal is computed from.
    pub(crate) series: u64,
    /// Their samples.
    pub(crate) samples: u64,
    /// Series whose labels name no service.
    pub(crate) unnamed: u64,
    /// Owners of a mean or a share for which one of the two vectors is missing, so that the answer is incomplete.
    pub(crate) halves: BTreeSet<Owner>,
}

/// Evaluates a signal on the answer to its request.
pub(crate) fn signal(planned: &Planned, answer: &Answer, names: &Names, grid: Grid) -> Combined {
    let mut out = Combined::default();
    let (first, second) = planned.parts;
    let a = sum(planned, first, answer, names, grid, &mut out);
    out.columns = match second {
        None => a,
        Some(second) => {
            let b = sum(planned, second, answer, names, grid, &mut out);
            out.halves = halves(&planned.signal.formula, &a, &b);
            join(&planned.signal.formula, &a, b)
        }
    };
    out.columns.retain(|_, values| values.iter().any(|v| !v.is_nan()));
    out
}

/// Sums the series of each owner: a service's pods, a call's known and unknown destinations. A store is as exhausted as its worst instance, and
/// several exporters may report the same one.
fn sum(planned: &Planned, index: usize, answer: &Answer, names: &Names, grid: Grid, out: &mut Combined) -> Columns {
    let mut columns = Columns::new();
    for series in part(answer, index) {
        out.series += 1;
        out.samples += series.points.len() as u64;
        let owners = names.owners(planned.signal.key, &series.labels);
        out.unnamed += u64::from(owners.is_empty() && !names.is_narrowed());
        let shares = owners.len() as f64;
        for owner in owners {
            let column = columns.entry(owner).or_insert_with(|| vec![f64::NAN; grid.len()]);
            for (time, value) in &series.points {
                if let Some(i) = grid.position(*time) {
                    column[i] = match planned.signal.key {
                        Key::Store(_) | Key::Node => column[i].max(*value),
                        _ => add(column[i], *value / shares),
                    };
                }
            }
        }
    }
    columns
}

/// Replaces values of rate windows that are only partly covered by gaps: up to three quarters of a window after the last sample of a target that is
/// no longer scraped, and the same before the window is full again. The server extrapolates, so a service whose last values are 100, 100, 75, 50
/// would seem to have slowed down before it disappeared.
pub(crate) fn without_partial_windows(columns: &mut Columns, rate_ms: i64, step_ms: i64) {
    let after_end = ((3 * rate_ms) as u64).div_ceil((4 * step_ms).max(1) as u64) as usize;
    let after_start = after_end.saturating_sub(1);
    for values in columns.values_mut() {
        let seen: Vec<bool> = values.iter().map(|v| !v.is_nan()).collect();
        for (i, value) in values.iter_mut().enumerate() {
            let ends = seen[i..].iter().take(after_end + 1).any(|seen| !seen);
            let begins = seen[..i].iter().rev().take(after_start).any(|seen| !seen);
            if ends || begins {
                *value = f64::NAN;
            }
        }
    }
}

/// A gap and a value give the value.
fn add(known: f64, more: f64) -> f64 {
    if known.is_nan() {
        more
    } else if more.is_nan() {
        known
    } else {
        known + more
    }
}

/// Owners of one vector that the other lacks: a sum and its count cover the same requests, and failures are a part of all requests.
fn halves(formula: &Formula, over: &Columns, under: &Columns) -> BTreeSet<Owner> {
    let counts = |values: &[f64]| values.iter().any(|v| *v > 0.0);
    let lacking = |of: &Columns, other: &Columns| {
        let alone = of.iter().filter(|(owner, values)| counts(values) && !other.contains_key(*owner));
        alone.map(|(owner, _)| owner.clone()).collect::<BTreeSet<Owner>>()
    };
    match formula {
        Formula::Mean { .. } => &lacking(over, under) | &lacking(under, over),
        // Failures of zero are a series too, which only its own whole can have produced.
        Formula::Share { .. } => over.keys().filter(|owner| !under.contains_key(*owner)).cloned().collect(),
        Formula::Sum(_) | Formula::Events { .. } => BTreeSet::new(),
    }
}

/// For every owner of `under`: its value combined with `over` by the formula. Without a value of `under` there is no result.
fn join(formula: &Formula, over: &Columns, under: Columns) -> Columns {
    let mut out = Columns::new();
    for (owner, mut values) in under {
        let over = over.get(&owner);
        for (i, value) in values.iter_mut().enumerate() {
            *value = apply(formula, over.map_or(f64::NAN, |column| column[i]), *value);
        }
        out.insert(owner, values);
    }
    out
}

fn apply(formula: &Formula, over: f64, under: f64) -> f64 {
    let or_zero = if over.is_nan() { 0.0 } else { over };
    match formula {
        Formula::Sum(_) => over,
        Formula::Events { .. } if under.is_nan() => over,
        Formula::Events { .. } => or_zero,
        _ if under.is_nan() || under <= 0.0 => f64::NAN,
        Formula::Mean { .. } => over / under,
        // Both are separate estimates, so a young series may seem to have more failures than requests.
        Formula::Share { .. } if or_zero > under => 1.0,
        Formula::Share { .. } => or_zero / under,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEAN: Formula = Formula::Mean { total: "", count: "" };
    const SHARE: Formula = Formula::Share { part: "", whole: "" };
    const EVENTS: Formula = Formula::Events { events: "", among: "" };

    #[test]
    fn values_of_half_a_window_are_gaps() {
        let gap = f64::NAN;
        let owner = Owner { service: "a".into(), peer: None };
        let column = vec![9.0, 9.0, 9.0, 8.0, 6.0, 3.0, gap, gap, 3.0, 6.0, 9.0, 9.0];
        let mut columns = Columns::from([(owner.clone(), column)]);
        without_partial_windows(&mut columns, 60_000, 15_000);
        let kept: Vec<bool> = columns[&owner].iter().map(|v| !v.is_nan()).collect();
        assert_eq!(kept.iter().map(|k| u8::from(*k)).collect::<Vec<_>>(), [1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 1, 1]);
    }

    #[test]
    fn half_of_a_mean_or_of_a_share_is_noticed() {
        let owner = |name: &str| Owner { service: name.into(), peer: None };
        let columns = |of: &[(&str, f64)]| of.iter().map(|(name, v)| (owner(name), vec![*v])).collect::<Columns>();
        let (over, under) = (columns(&[("a", 1.0), ("b", 2.0)]), columns(&[("a", 1.0), ("c", 2.0), ("idle", 0.0)]));
        let names = |formula| halves(formula, &over, &under).into_iter().map(|o| o.service).collect::<Vec<_>>();
        assert_eq!(names(&MEAN), ["b", "c"]);
        assert_eq!(names(&SHARE), ["b"], "where nothing failed there may be no such series");
        assert!(names(&EVENTS).is_empty());
    }

    #[test]
    fn no_traffic_is_a_gap_and_no_error_is_zero() {
        let gap = f64::NAN;
        for (formula, over, under, expected) in [
            (&SHARE, gap, 5.0, 0.0),
            (&SHARE, 1.0, 5.0, 0.2),
            (&SHARE, 6.0, 5.0, 1.0),
            (&SHARE, f64::INFINITY, f64::INFINITY, gap),
            (&SHARE, gap, 0.0, gap),
            (&SHARE, 0.0, gap, gap),
            (&MEAN, 10.0, 5.0, 2.0),
            (&MEAN, gap, 5.0, gap),
            (&MEAN, 0.0, 0.0, gap),
            (&EVENTS, gap, 0.0, 0.0),
            (&EVENTS, 2.0, 0.0, 2.0),
            (&EVENTS, gap, gap, gap),
        ] {
            let value = apply(formula, over, under);
            assert!(value == expected || value.is_nan() && expected.is_nan(), "{formula:?} {over} {under}: {value}");
        }
        assert!(add(gap, gap).is_nan());
        assert_eq!([add(gap, 1.0), add(1.0, gap), add(1.0, 2.0)], [1.0, 1.0, 3.0]);
    }
}
