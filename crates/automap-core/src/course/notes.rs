//! Notes on the time before the incident: other incidents in it, and a system that had just started.

use super::Plan;
use crate::frame::MetricFrame;
use crate::note::Note;
use crate::time::Timestamp;

/// Share of the time before the incident from which its disturbance is worth a warning.
const WORTH_A_WARNING: f64 = 0.05;

impl Plan {
    /// Notes on the time before an incident that starts at `before`, given the rows of its baseline.
    pub fn notes(&self, frame: &MetricFrame, baseline: &[usize], before: Timestamp) -> Vec<Note> {
        let mut notes = Vec::new();
        let share = self.disturbed_share(frame, before);
        let is_left_out = self.quiet(frame, baseline).len() == baseline.len();
        if share > 0.0 && !is_left_out {
            let text = format!(
                "the baseline is not quiet: other incidents disturb {:.0} % of the time before this one, and too little quiet time is left \
                 without them; look further back or give a quiet baseline",
                100.0 * share
            );
            notes.push(Note::warning("baseline_not_quiet", text));
        } else if share >= WORTH_A_WARNING {
            let text = format!(
                "other incidents disturb {:.0} % of the time before this one; they are left out of the baseline",
                100.0 * share
            );
            notes.push(Note::warning("baseline_not_quiet", text));
        }
        if let Some(until) = self.warm_until {
            let text = format!(
                "most metrics begin together shortly before {}: the time until then is the start of the system and is not judged",
                until.rfc3339()
            );
            notes.push(Note::info("fresh_start", text));
        }
        notes
    }
}
