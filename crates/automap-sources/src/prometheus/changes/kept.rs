//! What earlier looks brought: the answers of one look-back, and new ones put behind them.
//!
//! A watcher asks at most once a minute, and then for what is new. Values that are times are kept though their objects are gone. What failed leaves
//! everything as it was, and the log ends where it did.

use std::collections::BTreeMap;

use automap_core::change::ChangeLog;
use automap_core::time::Timestamp;

use super::plan::{self, Plan};
use super::queries::Part;
use super::readings::{Readings, last_time};
use crate::prometheus::decode::{LabelledSeries, Labels};
use crate::prometheus::plan::part;
use crate::prometheus::query::{Answer, Grid};

/// How often changes are asked for at most, in milliseconds.
pub const CHANGES_EVERY_MS: i64 = 60_000;
/// Most points that are kept, 16 bytes each; with more the next look is a first one.
const MAX_KEPT_POINTS: usize = 2_000_000;

/// What is known of earlier looks.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    asked: Option<Timestamp>,
    step_ms: i64,
    of_state_metrics: bool,
    readings: Option<Readings>,
    pub(super) log: ChangeLog,
}

impl Kept {
    /// Whether it is too early to ask again.
    pub(super) fn is_fresh(&self, now: Timestamp) -> bool {
        self.asked.is_some_and(|asked| (0..CHANGES_EVERY_MS).contains(&(now.ms() - asked.ms())))
    }

    /// What to ask for now.
    pub(super) fn plan(
        &mut self,
        frame: Grid,
        incident_start: Option<Timestamp>,
        of_state_metrics: bool,
        now: Timestamp,
    ) -> Plan {
        let is_past = self.asked.is_some_and(|asked| now < asked);
        if is_past || self.of_state_metrics != of_state_metrics || incident_start.is_some() {
            *self = Self::default();
        }
        (self.asked, self.of_state_metrics) = (Some(now), of_state_metrics);
        let last = self.readings.as_ref().and_then(|readings| readings.axis.last());
        let next = last.and_then(|last| plan::next(frame, *last, self.step_ms));
        next.unwrap_or_else(|| {
            self.readings = None;
            let first = plan::plan(frame, incident_start);
            // Without kube-state-metrics one request has to do.
            let first = if of_state_metrics { first } else { first.whole() };
            self.step_ms = first.grids.last().map_or(frame.step_ms, |grid| grid.step_ms);
            first
        })
    }

    /// Puts answers behind what is kept: for each grid of a plan, of all parts in their order, and for the last instant.
    pub(super) fn put(
        &mut self,
        plan: &Plan,
        parts: &[Part],
        ranges: Vec<(Grid, Answer)>,
        instant: Option<Answer>,
        scrape_ms: i64,
    ) -> &Readings {
        let mut readings = self.readings.take().unwrap_or_else(|| Readings::new(Vec::new(), scrape_ms, plan.since));
        (readings.since, readings.scrape_ms) = (plan.since, scrape_ms);
        for (grid, answer) in ranges {
            let new = grid.times();
            readings.axis.retain(|time| *time < grid.start && *time >= plan.since);
            readings.axis.extend(new);
            for (i, of_part) in parts.iter().enumerate() {
                let known = readings.parts.entry(*of_part).or_default();
                *known = joined(std::mem::take(known), part(&answer, i).cloned(), grid.start, plan.since);
            }
        }
        if let Some(answer) = instant {
            let of = |i: usize| part(&answer, i).cloned().collect::<Vec<_>>();
            readings.times = newer(std::mem::take(&mut readings.times), of(0), plan.since);
            readings.nodes = newer(std::mem::take(&mut readings.nodes), of(1), plan.since);
            readings.scalers = of(2);
            readings.families = part(&answer, 3).filter_map(|s| s.labels.get("__name__").cloned()).collect();
        }
        self.readings.insert(readings)
    }

    /// After a look: keeps the bound.
    pub(super) fn end(&mut self) {
        let points = |r: &Readings| r.parts.values().flatten().map(|s| s.points.len()).sum::<usize>();
        if self.readings.as_ref().is_some_and(|readings| points(readings) > MAX_KEPT_POINTS) {
            self.readings = None;
        }
    }
}

/// Series with new points from `start` on, and none before `since`.
fn joined(
    known: Vec<LabelledSeries>,
    new: impl Iterator<Item = LabelledSeries>,
    start: Timestamp,
    since: Timestamp,
) -> Vec<LabelledSeries> {
    let mut all: BTreeMap<Labels, Vec<(Timestamp, f64)>> = BTreeMap::new();
    for LabelledSeries { labels, mut points } in known {
        points.retain(|(time, _)| *time < start && *time >= since);
        all.insert(labels, points);
    }
    for series in new {
        all.entry(series.labels).or_default().extend(series.points);
    }
    let series = all.into_iter().filter(|(_, points)| !points.is_empty());
    series.map(|(labels, points)| LabelledSeries { labels, points }).collect()
}

/// The newest value of each series; those that are not told any more stay while their time is of interest.
fn newer(known: Vec<LabelledSeries>, new: Vec<LabelledSeries>, since: Timestamp) -> Vec<LabelledSeries> {
    let is_recent = |series: &LabelledSeries| last_time(series).is_some_and(|time| time >= since);
    let mut all: BTreeMap<Labels, Vec<(Timestamp, f64)>> =
        known.into_iter().filter(is_recent).map(|s| (s.labels, s.points)).collect();
    all.extend(new.into_iter().map(|s| (s.labels, s.points)));
    all.into_iter().map(|(labels, points)| LabelledSeries { labels, points }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prometheus::promql::PART;

    fn series(labels: &[(&str, &str)], points: &[(i64, f64)]) -> LabelledSeries {
        let labels = labels.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        LabelledSeries { labels, points: points.iter().map(|(t, v)| (Timestamp::from_ms(t * 60_000), *v)).collect() }
    }

    fn minute(n: i64) -> Timestamp {
        Timestamp::from_ms(n * 60_000)
    }

    #[test]
    fn later_answers_go_behind_earlier_ones_and_old_points_go() {
        let mut kept = Kept::default();
        let grid = |from: i64, to: i64| Grid { start: minute(from), end: minute(to), step_ms: 60_000 };
        let answer = |points: &[(i64, f64)]| Answer {
            series: vec![series(&[(PART, "0"), ("a", "b")], points)],
            ..Answer::default()
        };
        let plan = |since: i64| Plan { since: minute(since), grids: Vec::new() };
        let time = |created: f64| Answer {
            series: vec![series(&[(PART, "0"), ("pod", &created.to_string())], &[(9, created)])],
            ..Answer::default()
        };
        let parts = [Part::PodOwners];
        kept.put(&plan(0), &parts, vec![(grid(0, 3), answer(&[(0, 1.0), (3, 1.0)]))], Some(time(120.0)), 1);
        let points: Vec<_> = (3..6).map(|m| (m, 2.0)).collect();
        let readings = kept.put(&plan(1), &parts, vec![(grid(3, 5), answer(&points))], Some(time(240.0)), 1);
        assert_eq!(readings.axis, (1..6).map(minute).collect::<Vec<_>>());
        assert_eq!(readings.part(Part::PodOwners)[0].points, (3..6).map(|m| (minute(m), 2.0)).collect::<Vec<_>>());
        assert_eq!(readings.times.len(), 2, "a pod that is gone was created all the same");
        let readings = kept.put(&plan(3), &parts, Vec::new(), Some(Answer::default()), 1);
        assert_eq!(readings.times.len(), 1, "and is forgotten when that is too long ago");
    }

    #[test]
    fn it_asks_once_a_minute_and_again_for_all_where_the_clock_was_set_back() {
        let mut kept = Kept::default();
        let frame = |end: i64| Grid { start: minute(end - 60), end: minute(end), step_ms: 60_000 };
        assert!(!kept.is_fresh(minute(1_000)));
        let first = kept.plan(frame(1_000), None, true, minute(1_000));
        let grids: Vec<_> = first.grids.iter().map(|grid| (*grid, Answer::default())).collect();
        kept.put(&first, &Part::ALL, grids, None, 1);
        assert!(kept.is_fresh(minute(1_000).plus_ms(59_999)) && !kept.is_fresh(minute(1_001)));
        let next = kept.plan(frame(1_001), None, true, minute(1_001));
        assert_eq!(next.grids.iter().map(Grid::len).collect::<Vec<_>>(), [3]);
        assert!(!kept.is_fresh(minute(1_000)));
        assert!(kept.plan(frame(900), None, true, minute(900)).grids.iter().map(Grid::len).sum::<usize>() > 300);
    }
}
