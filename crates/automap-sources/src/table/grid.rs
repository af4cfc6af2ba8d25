//! A common grid for series that were sampled at different instants.
//!
//! Joined exports have a row for each instant at which any series has a sample, so that every series is mostly gaps. If there are many more times in
//! total than in the densest series, each sample is moved to the last full step of that series.

use automap_core::note::Note;
use automap_core::time::Timestamp;

/// Series are put on a grid if there are more times in total than this many times those of the densest series.
pub(super) const MAX_SCATTER: f64 = 1.5;
/// Fewest samples of the densest series that show a step.
const MIN_SAMPLES: usize = 3;

/// The usual distance between two times.
pub(super) fn step_ms(times: &[Timestamp]) -> i64 {
    let mut steps: Vec<i64> = times.windows(2).map(|w| w[1].ms() - w[0].ms()).collect();
    steps.sort_unstable();
    steps.get(steps.len() / 2).copied().unwrap_or(1).max(1)
}

/// The place of a time on a grid.
pub(super) fn at(time: Timestamp, step_ms: i64) -> Timestamp {
    Timestamp::from_ms(time.ms().div_euclid(step_ms) * step_ms)
}

/// The note about a grid.
pub(super) fn note(step_ms: i64) -> Note {
    let text = format!(
        "series were sampled at different instants; each sample stands at the last full {} s",
        step_ms as f64 / 1e3
    );
    Note::info("times_aligned", text)
}

/// Merges the rows of columns with samples at different instants; returns the step of the grid, or `None` if rows are unchanged.
///
/// Worked example: one column at 0, 30, 60 s and one at 7, 37, 67 s become three rows of 30 s.
pub(super) fn merge_rows(times: &mut Vec<Timestamp>, columns: &mut [Vec<f64>]) -> Option<i64> {
    let samples = |column: &Vec<f64>| column.iter().filter(|v| !v.is_nan()).count();
    let densest = columns.iter().max_by_key(|c| samples(c))?;
    let count = samples(densest);
    if count < MIN_SAMPLES || times.len() as f64 <= MAX_SCATTER * count as f64 {
        return None;
    }
    let own: Vec<Timestamp> = times.iter().zip(densest).filter(|(_, v)| !v.is_nan()).map(|(t, _)| *t).collect();
    let step = step_ms(&own);
    let places: Vec<Timestamp> = times.iter().map(|t| at(*t, step)).collect();
    let mut grid = places.clone();
    grid.dedup();
    if grid.len() as f64 * MAX_SCATTER > times.len() as f64 {
        return None;
    }
    for column in columns {
        let mut merged = vec![f64::NAN; grid.len()];
        for (place, value) in places.iter().zip(column.iter()).filter(|(_, v)| !v.is_nan()) {
            if let Ok(i) = grid.binary_search(place) {
                merged[i] = *value;
            }
        }
        *column = merged;
    }
    *times = grid;
    Some(step)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(of: &[i64]) -> Vec<Timestamp> {
        of.iter().map(|s| Timestamp::from_ms(s * 1000)).collect()
    }

    #[test]
    fn interleaved_rows_become_one() {
        const GAP: f64 = f64::NAN;
        let mut times = seconds(&[0, 7, 30, 37, 60, 67]);
        let mut columns = [vec![1.0, GAP, 2.0, GAP, 3.0, GAP], vec![GAP, 4.0, GAP, 5.0, GAP, 6.0]];
        assert_eq!(merge_rows(&mut times, &mut columns), Some(30_000));
        assert_eq!(times, seconds(&[0, 30, 60]));
        assert_eq!(columns, [vec![1.0, 2.0, 3.0], vec![4.0, 5.0, 6.0]]);
    }

    #[test]
    fn other_rows_stay() {
        let mut times = seconds(&[0, 30, 60, 90]);
        let mut columns = [vec![1.0, f64::NAN, 3.0, 4.0], vec![f64::NAN; 4]];
        assert_eq!(merge_rows(&mut times, &mut columns), None);
        assert_eq!(times.len(), 4);
        let mut sparse = [vec![1.0, 2.0, 3.0, f64::NAN, f64::NAN, f64::NAN]];
        assert_eq!(merge_rows(&mut seconds(&[7, 37, 67, 97, 127, 157]), &mut sparse), None, "gaps are no scatter");
        assert_eq!(merge_rows(&mut times, &mut [vec![f64::NAN; 4]]), None);
    }
}
