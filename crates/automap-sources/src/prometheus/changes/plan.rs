//! The sampling times: a coarse grid over the look-back, and a fine one around the possible start of the incident.
//!
//! The grids join without a gap, so that every step of one is compared with the one before. Six hours before an incident at 12:00 with samples every
//! 15 s: 6:00 to 11:00 at one-minute steps, then every 15 s until the end; an hour later the fine grid uses 30 s, to stay within its bound.

use automap_core::time::Timestamp;

use crate::prometheus::query::Grid;

/// How far before the incident changes are searched, in milliseconds.
pub const CHANGES_LOOK_BACK_MS: i64 = 6 * 3_600_000;
/// Most instants of the fine grid, and of the coarse one.
const MAX_FINE: i64 = 240;
const MAX_COARSE: i64 = 360;
/// Smallest step of the coarse grid.
const COARSE_MS: i64 = 60_000;
/// How long before a given start of the incident the fine grid begins.
const MARGIN_MS: i64 = 15 * 60_000;

/// What to query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Plan {
    /// The earliest time of interest.
    pub(super) since: Timestamp,
    /// In order of time; the last step of one grid is the first of the next.
    pub(super) grids: Vec<Grid>,
}

impl Plan {
    /// The same as one grid, with the coarsest of the steps.
    pub(super) fn whole(self) -> Self {
        let [first, .., last] = self.grids[..] else { return self };
        let end = Timestamp::from_ms(last.end.ms().div_euclid(first.step_ms) * first.step_ms);
        Self { grids: vec![Grid { end, ..first }], ..self }
    }
}

/// For a frame on this grid, and an incident with this start, if known.
pub(super) fn plan(frame: Grid, incident_start: Option<Timestamp>) -> Plan {
    let step = frame.step_ms.max(1);
    let reference = incident_start.unwrap_or(frame.end).min(frame.end);
    let since = reference.plus_ms(-CHANGES_LOOK_BACK_MS).min(frame.start);
    let fine_from = match incident_start {
        Some(start) => start.plus_ms(-MARGIN_MS).min(frame.end),
        None => frame.end.plus_ms(-MAX_FINE * step),
    };
    let fine_from = fine_from.max(since);
    let times = |span_ms: i64, most: i64, unit: i64| unit * div_up(div_up(span_ms, most).max(1), unit);
    let fine_step = times(frame.end.ms() - fine_from.ms(), MAX_FINE, step);
    let coarse_step = times((fine_from.ms() - since.ms()).max(COARSE_MS * MAX_COARSE), MAX_COARSE, fine_step);
    let floor = |time: Timestamp, step: i64| Timestamp::from_ms(time.ms().div_euclid(step) * step);
    let end = floor(frame.end, fine_step);
    let coarse = Grid {
        start: floor(since, coarse_step).plus_ms(coarse_step),
        end: floor(fine_from, coarse_step),
        step_ms: coarse_step,
    };
    let fine_start = if coarse.end < coarse.start { floor(since, fine_step) } else { coarse.end }.plus_ms(fine_step);
    let fine = Grid { start: fine_start.min(end), end, step_ms: fine_step };
    let grids = [coarse, fine].into_iter().filter(|grid| grid.start <= grid.end).collect();
    Plan { since, grids }
}

/// The same for a poll after one that ended at `last`; `None` if that is so long ago that everything is queried again.
pub(super) fn next(frame: Grid, last: Timestamp, step_ms: i64) -> Option<Plan> {
    let floor = |time: Timestamp| Timestamp::from_ms(time.ms().div_euclid(step_ms) * step_ms);
    // Late samples may have changed the last values.
    let grid = Grid { start: last.plus_ms(-step_ms), end: floor(frame.end), step_ms };
    let is_near = grid.start <= grid.end && (grid.len() as i64) <= MAX_FINE;
    is_near.then(|| Plan { since: frame.end.plus_ms(-CHANGES_LOOK_BACK_MS).min(frame.start), grids: vec![grid] })
}

fn div_up(a: i64, b: i64) -> i64 {
    (a.max(0) as u64).div_ceil(b.max(1) as u64) as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    const END: i64 = 1_800_000_000_000;

    fn frame(minutes: i64, step_ms: i64) -> Grid {
        Grid { start: Timestamp::from_ms(END - minutes * 60_000), end: Timestamp::from_ms(END), step_ms }
    }

    fn shown(plan: &Plan) -> Vec<(i64, i64, usize)> {
        let minutes = |t: Timestamp| (END - t.ms()) / 60_000;
        plan.grids.iter().map(|g| (minutes(g.start), g.step_ms / 1000, g.len())).collect()
    }

    #[test]
    fn the_time_of_the_incident_is_looked_at_finely_and_no_step_is_left_out() {
        let start = |minutes: i64| Some(Timestamp::from_ms(END - minutes * 60_000));
        assert_eq!(shown(&plan(frame(60, 15_000), None)), [(359, 60, 300), (59, 15, 240)]);
        assert_eq!(shown(&plan(frame(60, 15_000), start(10))), [(369, 60, 345), (24, 15, 100)]);
        assert_eq!(shown(&plan(frame(60, 15_000), start(120))), [(478, 90, 230), (134, 45, 180)]);
        assert_eq!(shown(&plan(frame(1440, 60_000), None)), [(1436, 240, 300), (239, 60, 240)]);
        assert_eq!(shown(&plan(frame(60, 15_000), None).whole()), [(359, 60, 360)]);
        for (minutes, step_ms, began) in [(60, 15_000, 7), (60, 5_000, 300), (20, 60_000, 19), (3_000, 120_000, 2_900)]
        {
            for start in [None, start(began)] {
                let Plan { since, grids } = plan(frame(minutes, step_ms), start);
                for pair in grids.windows(2) {
                    assert_eq!(pair[0].end.plus_ms(pair[1].step_ms), pair[1].start, "{grids:?}");
                    assert_eq!(pair[0].step_ms % pair[1].step_ms, 0);
                }
                assert!(
                    grids.iter().map(Grid::len).sum::<usize>() <= (MAX_FINE + MAX_COARSE + 2) as usize,
                    "{grids:?}"
                );
                assert!(grids[0].start >= since && grids.last().unwrap().end.ms() > END - 240_000, "{grids:?}");
            }
        }
    }

    #[test]
    fn a_further_look_asks_for_what_is_new() {
        let last = Timestamp::from_ms(END - 75_000);
        assert_eq!(shown(&next(frame(60, 15_000), last, 15_000).unwrap()), [(1, 15, 7)]);
        assert_eq!(next(frame(60, 15_000), Timestamp::from_ms(END - 7_200_000), 15_000), None);
    }
}
