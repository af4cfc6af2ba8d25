//! Finds the stretches of bad samples in a sequence of scores.
//!
//! A stretch begins where the score reaches [`BAD`] and lasts until it stays below [`CALM`] for a while (hysteresis, so that noise around one
//! threshold does not cut it into pieces). Stretches with a shorter gap between them are merged; stretches shorter than a rate's look-back are
//! dropped.
//!
//! Worked example, one sample every 10 s: `0 0 9 9 3 9 9 0 0 0 0 0 0 0 9 0`. The score reaches 5 at row 2 and stays above 2.5 up to row 6; rows 7 to 13
//! are calm for 70 s, which is longer than the 60 s that are bridged. So there is one stretch, rows 2–6; the single 9 at row 14 is too short.

use std::ops::Range;

/// Spreads from normal at which a stretch begins.
const BAD: f64 = 5.0;
/// Spreads below which it ends.
const CALM: f64 = 2.5;
/// Fewest bad samples in a stretch, and its shortest length in milliseconds: a single slow request can cause less than this in a rate.
const MIN_ROWS: usize = 4;
const MIN_MS: i64 = 20_000;
/// Calm that ends a stretch: at least this many samples and milliseconds. Shorter pauses are bridged.
const CALM_ROWS: usize = 3;
const CALM_MS: i64 = 60_000;
/// Calm at the end of the data from which the last stretch counts as over.
const OVER_ROWS: usize = 4;
const OVER_MS: i64 = 30_000;

/// The stretches of bad rows, in order: from the first bad row to the first calm one. The last ends with the data if it is not over. `NaN` scores are
/// ignored: they neither begin nor end a stretch. O(rows).
pub(super) fn stretches(scores: &[f64], step_ms: i64) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    let needed = |rows: usize, ms: i64| rows.max((ms as u64).div_ceil(step_ms.max(1).unsigned_abs()) as usize);
    let bridged = needed(CALM_ROWS, CALM_MS);
    for run in runs(scores) {
        match found.last_mut().filter(|last| run.start - last.end < bridged) {
            Some(last) => last.end = run.end,
            None => found.push(run),
        }
    }
    let bad = |run: &Range<usize>| scores[run.clone()].iter().filter(|s| **s >= CALM).count();
    found.retain(|run| bad(run) >= needed(MIN_ROWS, MIN_MS));
    if let Some(last) = found.last_mut() {
        let calm = scores[last.end..].iter().filter(|s| !s.is_nan()).count();
        if calm < needed(OVER_ROWS, OVER_MS) {
            last.end = scores.len();
        }
    }
    found
}

/// Runs of rows at or above [`CALM`] that reach [`BAD`]; a run ends after its last such row.
fn runs(scores: &[f64]) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut open: Option<(Range<usize>, bool)> = None;
    for (row, score) in scores.iter().enumerate().filter(|(_, score)| !score.is_nan()) {
        if *score < CALM {
            found.extend(open.take().filter(|(_, reached)| *reached).map(|(run, _)| run));
            continue;
        }
        let (run, reached) = open.get_or_insert((row..row, false));
        run.end = row + 1;
        *reached |= *score >= BAD;
    }
    found.extend(open.filter(|(_, reached)| *reached).map(|(run, _)| run));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    /// First and past row of every stretch.
    fn found(scores: &[f64], step_ms: i64) -> Vec<(usize, usize)> {
        stretches(scores, step_ms).into_iter().map(|s| (s.start, s.end)).collect()
    }

    #[test]
    fn by_hand() {
        let scores = [0., 0., 9., 9., 3., 9., 9., 0., 0., 0., 0., 0., 0., 0., 9., 0.];
        assert_eq!(found(&scores, 10_000), [(2, 7)]);
        assert_eq!(found(&scores[..9], 10_000), [(2, 9)], "20 s of calm are not yet the end");
        assert_eq!(found(&[0., 0., 4., 4., 4., 4., 4.], 10_000), [], "never bad");
    }

    #[test]
    fn pauses_are_bridged_and_gaps_say_nothing() {
        let mut scores = vec![9.0; 40];
        scores[15..20].fill(0.0);
        assert_eq!(found(&scores, 10_000), [(0, 40)], "50 s between two pulses");
        assert_eq!(found(&scores, 15_000), [(0, 15), (20, 40)], "75 s between them");
        scores[15..20].fill(f64::NAN);
        assert_eq!(found(&scores, 15_000), [(0, 40)], "not observed");
    }
}
