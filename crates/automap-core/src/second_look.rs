//! A second look: what a first diagnosis makes worth asking, such as which part of the cause it is.
//!
//! A source answers by [`SecondLook`]; whether anything is asked, and what, is decided here from the first report. Without a source that can be asked (a capture, a table)
//! nothing is: a capture holds the answers of its time.

use crate::breakdown::{Breakdown, Wanted};
use crate::diagnose::{DiagnoseError, DiagnoseOptions, diagnose};
use crate::note::NotChecked;
use crate::observation::{Observation, QueryRecord};
use crate::report::{Report, wanted};

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

/// A source that can be asked again.
pub trait SecondLook {
    /// Counts by label, in a bounded number of requests. It cannot fail: what is not answered is told as not checked.
    fn break_down(&mut self, wanted: &[Wanted]) -> BrokenDown;
}

/// Asks for what the first report makes worth asking, and adds it to the observation.
///
/// # Errors
/// As [`diagnose`].
pub fn look_again(
    observation: &mut Observation,
    options: &DiagnoseOptions,
    source: &mut dyn SecondLook,
) -> Result<(), DiagnoseError> {
    let report = diagnose(observation, options)?;
    let wanted = wanted(&report);
    if !wanted.is_empty() {
        add(observation, source.break_down(&wanted));
    }
    Ok(())
}

/// What of a report was not asked yet, by the breakdowns that are known: a report of the same incident that names another cause asks again.
pub fn unasked(report: &Report, known: &[Breakdown]) -> Vec<Wanted> {
    let is_known = |w: &Wanted| known.iter().any(|b| b.service == w.service && b.incident.overlaps(w.incident));
    wanted(report).into_iter().filter(|w| !is_known(w)).collect()
}

fn add(observation: &mut Observation, answer: BrokenDown) {
    observation.breakdowns.extend(answer.breakdowns);
    observation.not_checked.extend(answer.not_checked);
    observation.queries.extend(answer.queries);
}
