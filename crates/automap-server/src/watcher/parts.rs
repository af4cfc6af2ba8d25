//! Queries which part of a cause it is: once when an incident opens, and again when it names another cause, never at every poll.
//!
//! The counts are kept while any incident is open, so that later diagnoses show them without a query. After a restart they are queried once more.

use automap_core::breakdown::Breakdown;
use automap_core::incident::{Incident, TimelineKind};
use automap_core::observation::Observation;
use automap_core::report::{Report, add_parts};
use automap_core::second_look::unasked;
use automap_core::time::Timestamp;
use automap_core::watch::WatchOutcome;

use super::source::Source;

/// Most counts that are kept: two measures of some causes.
const MAX_KEPT: usize = 16;

/// The counts for the open incidents.
#[derive(Debug, Default)]
pub(super) struct Parts {
    kept: Vec<Breakdown>,
}

impl Parts {
    /// Adds the known counts to an observation.
    pub(super) fn add_to(&self, observation: &mut Observation) {
        observation.breakdowns.extend(self.kept.iter().cloned());
    }

    /// Queries the counts that the changes of a poll call for, and adds them to these changes.
    pub(super) fn ask(&mut self, outcome: &mut WatchOutcome, source: &mut dyn Source, now: Timestamp) {
        for change in &mut outcome.changes {
            self.ask_for(change, source, now);
        }
        if let Some(report) = &mut outcome.report {
            add_parts(report, &self.kept);
        }
    }

    fn ask_for(&mut self, change: &mut Incident, source: &mut dyn Source, now: Timestamp) {
        let is_new = |kind: TimelineKind| change.timeline.iter().any(|e| e.at == change.updated && e.kind == kind);
        let begins = is_new(TimelineKind::Opened) || is_new(TimelineKind::Reopened);
        if !change.is_open() || !(begins || is_new(TimelineKind::Verdict)) {
            return;
        }
        let Some(report) = &mut change.report else { return };
        let wanted = unasked(report, &self.kept);
        if wanted.is_empty() {
            return;
        }
        let answer = source.break_down(&wanted);
        report.not_checked.extend(answer.not_checked);
        report.queries.extend(answer.queries);
        self.kept.extend(answer.breakdowns);
        self.kept.drain(..self.kept.len().saturating_sub(MAX_KEPT));
        add_parts(report, &self.kept);
        let told = sentences(report);
        told.into_iter().for_each(|text| change.add_entry(now, TimelineKind::Verdict, text));
    }

    /// Forgets all once nothing is open.
    pub(super) fn keep_while(&mut self, is_any_open: bool) {
        if !is_any_open {
            self.kept.clear();
        }
    }
}

/// `carts: latency: all of it on pod carts-1 …` for each named cause.
fn sentences(report: &Report) -> Vec<String> {
    let named = report.causes.iter().filter(|c| report.verdict.names(&c.service));
    named.flat_map(|c| c.telling_parts().map(|p| format!("{}: {}", c.service, p.summary))).collect()
}
