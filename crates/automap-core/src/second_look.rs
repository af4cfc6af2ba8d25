//! A second look: further queries after a first diagnosis, such as which part of the cause is affected, or whether it is usual at this time of day.
//!
//! A source answers through [`SecondLook`]; this module decides from the first look whether to query, and what. Without a source that can be queried
//! (a capture, a table) there is no second look: a capture contains the answers of its time.

use crate::breakdown::{Breakdown, Wanted};
use crate::diagnose::{DiagnoseError, DiagnoseOptions, analyse};
use crate::note::NotChecked;
use crate::observation::{Observation, QueryRecord};
use crate::report::{self, Report, wanted};
use crate::time_of_day::{CompareWith, EarlierDay, WantedDay};
use crate::verdict::{Lead, time_of_day};

/// What a source counted.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BrokenDown {
    /// The counts, the first measure of each service first.
    pub breakdowns: Vec<Breakdown>,
    /// What could not be counted.
    pub not_checked: Vec<NotChecked>,
    /// The queries behind it.
    pub queries: Vec<QueryRecord>,
}

/// A source that can be queried again.
pub trait SecondLook {
    /// Counts by label, in a bounded number of requests; empty if the source has no such data. It cannot fail: anything unanswered is reported as not
    /// checked.
    fn break_down(&mut self, _wanted: &[Wanted]) -> BrokenDown {
        BrokenDown::default()
    }

    /// The metrics of the same hours of an earlier day, in a bounded number of requests. It cannot fail: anything that the source does not have is
    /// reported as not observed.
    fn earlier_day(&mut self, wanted: &WantedDay) -> EarlierDay {
        EarlierDay::not_observed(wanted.days_back, "this source cannot be asked for other days")
    }
}

/// What may be queried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SecondLookOptions {
    /// Whether to query which part of the cause is affected.
    pub breakdown: bool,
    /// Which earlier days to query.
    pub compare_with: CompareWith,
}

impl Default for SecondLookOptions {
    fn default() -> Self {
        Self { breakdown: true, compare_with: CompareWith::Auto }
    }
}

/// Runs the further queries that the first look suggests, and adds the answers to the observation.
///
/// # Errors
/// Same as for [`analyse`].
pub fn look_again(
    observation: &mut Observation,
    options: &DiagnoseOptions,
    may_ask: SecondLookOptions,
    source: &mut dyn SecondLook,
) -> Result<(), DiagnoseError> {
    let mut analysis = analyse(observation, options)?;
    for _ in 0..time_of_day::MAX_ROUNDS {
        let lead = Lead::of(&analysis, &options.verdict);
        if crate::verdict::decide(&analysis, &lead, &options.verdict).is_quiet() {
            break;
        }
        let days = time_of_day::days_to_ask(&analysis, &lead, &observation.changes, may_ask.compare_with);
        if days.is_empty() {
            break;
        }
        let wanted = days.into_iter().map(|days_back| WantedDay::beside(&observation.frame, days_back, 0));
        let answers: Vec<EarlierDay> = wanted.map(|wanted| source.earlier_day(&wanted)).collect();
        observation.earlier_days.extend(answers);
        analysis = analyse(observation, options)?;
    }
    if may_ask.breakdown {
        let wanted = wanted(&report::compose(observation, &analysis, &options.verdict));
        if !wanted.is_empty() {
            add(observation, source.break_down(&wanted));
        }
    }
    Ok(())
}

/// The breakdowns of a report that are not known yet: a report of the same incident that names another cause needs further queries.
pub fn unasked(report: &Report, known: &[Breakdown]) -> Vec<Wanted> {
    let is_known = |w: &Wanted| known.iter().any(|b| b.service == w.service && b.incident.overlaps(w.incident));
    wanted(report).into_iter().filter(|w| !is_known(w)).collect()
}

fn add(observation: &mut Observation, answer: BrokenDown) {
    observation.breakdowns.extend(answer.breakdowns);
    observation.not_checked.extend(answer.not_checked);
    observation.queries.extend(answer.queries);
}
