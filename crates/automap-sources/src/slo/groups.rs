//! The counts of an objective by group. If an expression returns several series, each is a group with a budget of its own, and the status of the
//! objective is that of its worst group: a route that fails entirely must not disappear among nineteen that work.

use std::collections::{BTreeMap, BTreeSet};

use automap_core::slo::{self, BurnAlert, EventCounts, MIN_EVENTS, Objective, SloStatus};

use crate::prometheus::{Answer, LabelledSeries, promql};

/// Most groups of one objective.
pub(super) const MAX_GROUPS: usize = 500;
/// The part may seem to be up to this many times all events, plus [`MIN_EVENTS`], since increases are extrapolated.
const MAX_EXCESS: f64 = 1.5;
/// Rounding tolerance of a share.
const SHARE_TOLERANCE: f64 = 0.01;

/// Counts by group: its labels as `{handler="/a"}`, empty if there is only one.
pub(super) type Groups = BTreeMap<String, EventCounts>;

/// What the first of the two expressions of an objective counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Counted {
    /// Bad events.
    Bad,
    /// Good events.
    Good,
    /// A share, which is treated as based on as many events as an alert needs.
    Share,
}

/// The counts of the `at`-th objective of an answer. A group without a count of all events is left out.
///
/// `is_absent_zero`: a group without a count of the part has none of it; otherwise it is left out, too.
///
/// # Errors
/// Why the two expressions do not match.
pub(super) fn counts(answer: &Answer, at: usize, counted: Counted, is_absent_zero: bool) -> Result<Groups, String> {
    let (part, all) = (values(answer, 2 * at), values(answer, 2 * at + 1));
    if all.len() > MAX_GROUPS {
        return Err(format!(
            "its expressions give {} series, more than {MAX_GROUPS} groups; sum over labels",
            all.len()
        ));
    }
    if let Some(stray) = part.keys().find(|group| !all.contains_key(*group))
        && let Some(other) = all.keys().next()
    {
        let name = |group: &str| if group.is_empty() { "no label".to_owned() } else { group.to_owned() };
        return Err(format!(
            "part of the events is counted with {} and all of them with {}: sum both over the same labels",
            name(stray),
            name(other)
        ));
    }
    let mut groups = Groups::new();
    for (group, all) in all {
        let Some(part) = part.get(&group).copied().or(is_absent_zero.then_some(0.0)) else { continue };
        check(counted, part, all)?;
        let bad = if counted == Counted::Good { all - part } else { part };
        groups.insert(group, EventCounts { bad: bad.max(0.0), all });
    }
    Ok(groups)
}

fn check(counted: Counted, part: f64, all: f64) -> Result<(), String> {
    match counted {
        Counted::Share if !(-SHARE_TOLERANCE..=1.0 + SHARE_TOLERANCE).contains(&(part / MIN_EVENTS)) => {
            Err(format!("its value is {}, and a share of events lies between 0 and 1", part / MIN_EVENTS))
        }
        Counted::Bad | Counted::Good if part > all * MAX_EXCESS + MIN_EVENTS => {
            let which = if counted == Counted::Good { "good" } else { "bad" };
            Err(format!("{part:.0} {which} of {all:.0} events: its expressions do not count the same events"))
        }
        _ => Ok(()),
    }
}

fn values(answer: &Answer, part: usize) -> BTreeMap<String, f64> {
    let part = part.to_string();
    let is_part = |s: &&LabelledSeries| s.labels.get(promql::PART) == Some(&part);
    let value = |s: &LabelledSeries| {
        let labels: Vec<String> = s
            .labels
            .iter()
            .filter(|(label, _)| label.as_str() != promql::PART && label.as_str() != "__name__")
            .map(|(label, value)| format!("{label}={}", promql::quote(value)))
            .collect();
        let group = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        Some((group, s.points.last().map(|(_, value)| *value).filter(|v| v.is_finite())?))
    };
    answer.series.iter().filter(is_part).filter_map(value).collect()
}

/// The counts of one objective in the windows of the alerts and in its period.
#[derive(Debug)]
pub(super) struct Windows<'a> {
    pub(super) alerts: [Option<&'a Groups>; 4],
    pub(super) period: Option<&'a Groups>,
}

impl<'a> Windows<'a> {
    fn names(&self) -> BTreeSet<&'a String> {
        self.alerts.iter().chain([&self.period]).flatten().flat_map(|groups| groups.keys()).collect()
    }

    fn of(&self, group: &str) -> [Option<EventCounts>; 4] {
        self.alerts.map(|groups| groups.and_then(|g| g.get(group).copied()))
    }

    /// The group that burns fastest among those with a firing alert.
    pub(super) fn burning(&self, objective: &Objective) -> Option<(&'a String, BurnAlert, f64)> {
        let fires = |group: &'a String| {
            let (alert, burn) = slo::firing_alert(objective.target, &self.of(group))?;
            Some((group, alert, burn))
        };
        self.names().into_iter().filter_map(fires).reduce(|worst, next| if next.2 > worst.2 { next } else { worst })
    }

    /// Whether a group may burn without a firing alert, since windows could not be counted or have no events at all.
    pub(super) fn may_burn_unseen(&self, objective: &Objective) -> bool {
        let counted = self.alerts.map(|groups| groups.filter(|g| !g.is_empty()));
        // A group that is missing among others had no events.
        let of = |group: &String| counted.map(|groups| groups.map(|g| g.get(group).copied().unwrap_or_default()));
        let names: BTreeSet<&String> = counted.iter().flatten().flat_map(|groups| groups.keys()).collect();
        names.is_empty() || names.into_iter().any(|group| slo::may_burn_unseen(objective.target, &of(group)))
    }

    /// The status of the objective: that of the group that burns fastest, else of the one with the least budget left.
    pub(super) fn status(&self, objective: &Objective) -> SloStatus {
        let of = |group: &str| {
            let period = self.period.and_then(|p| p.get(group).copied());
            let status = slo::status(objective, &self.of(group), period);
            SloStatus { group: Some(group.to_owned()).filter(|g| !g.is_empty()), ..status }
        };
        if let Some((group, ..)) = self.burning(objective) {
            return of(group);
        }
        let left = |status: &SloStatus| status.budget_left.unwrap_or(f64::INFINITY);
        let statuses = self.names().into_iter().map(|group| of(group));
        statuses
            .reduce(|worst, next| if left(&next) < left(&worst) { next } else { worst })
            .unwrap_or_else(|| slo::status(objective, &[None; 4], None))
    }
}
