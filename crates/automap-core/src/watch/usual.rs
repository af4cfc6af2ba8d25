//! Comparison with earlier days: signs that are usual at this hour open no incident.
//!
//! Days are requested just before an incident would open, so that a calm system costs nothing. The caller queries them, and evaluates the same data
//! once more. At entry services, failing requests are a sign, however usual.

use super::model::WatchOptions;
use super::quiet::PreparedInput;
use crate::analysis::Analysis;
use crate::anomaly::practical_floor;
use crate::incident::IndicatorChange;
use crate::time::Timestamp;
use crate::time_of_day::{Move, SeriesName};
use crate::verdict::Lead;
use crate::verdict::time_of_day::{days_to_ask, fails_users, is_usual_sign};

/// Whether a sign was the same at this hour of two earlier days, and no user's requests fail by it.
fn is_usual(prepared: &PreparedInput, normal: &[usize], sign: &IndicatorChange) -> bool {
    let observation = &prepared.observation;
    let spans = observation.frame.span_of(normal).zip(observation.frame.span_of(&prepared.recent));
    let Some((before, now)) = spans else { return false };
    let entries = observation.calls.entries();
    let is_at_entry = entries.is_empty() || entries.contains(&sign.service.as_str());
    if is_at_entry && fails_users(&sign.metric, Move { from: sign.from, to: sign.to }) {
        return false;
    }
    let name = SeriesName { service: &sign.service, metric: &sign.metric.name, peer: None };
    let today = (Move { from: sign.from, to: sign.to }, practical_floor(sign.unit));
    is_usual_sign(&observation.earlier_days, name, today, [before, now])
}

/// Removes the signs that are usual at this hour. `normal` are the rows of their usual level.
pub(super) fn remove(signs: &mut Vec<IndicatorChange>, prepared: &PreparedInput, normal: &[usize]) {
    signs.retain(|sign| !is_usual(prepared, normal, sign));
}

/// The same while incidents are open, compared with the time before the first of them: usual signs keep none of them open.
pub(super) fn remove_beside(
    signs: &mut Vec<IndicatorChange>,
    prepared: &PreparedInput,
    first_began: Option<Timestamp>,
) {
    let Some(began) = first_began else { return };
    let before: Vec<usize> = (0..prepared.observation.frame.times().partition_point(|t| *t < began)).collect();
    remove(signs, prepared, &before);
}

/// The days to query before an incident opens.
pub(super) fn wanted_days(prepared: &PreparedInput, analysis: &Analysis, options: &WatchOptions) -> Vec<u32> {
    let lead = Lead::of(analysis, &options.diagnose.verdict);
    days_to_ask(analysis, &lead, &prepared.observation.changes, options.compare_with)
}
