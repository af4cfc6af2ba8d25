//! Keeps the answers of earlier polls over one look-back, and appends new ones.
//!
//! A watcher polls at most once a minute, and then only for what is new. Values that are times are kept even if their objects are gone. After a
//! failure everything stays as it was, and the log ends where it did.

use std::collections::BTreeMap;

use automap_core::change::ChangeLog;
use automap_core::note::NotChecked;
use automap_core::time::Timestamp;

use super::kept_series::KeptSeries;
use super::plan::{self, Plan};
use super::queries::Part;
use super::readings::{Readings, last_time};
use crate::prometheus::decode::{LabelledSeries, Labels};
use crate::prometheus::plan::part;
use crate::prometheus::query::{Answer, Grid};

/// Least time between queries for changes, in milliseconds.
pub const CHANGES_EVERY_MS: i64 = 60_000;
/// Most points that are examined; a stretch of points with one value is stored in 24 bytes. With more, the next poll starts afresh.
const MAX_KEPT_POINTS: usize = 2_000_000;

/// The results of earlier polls.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    asked: Option<Timestamp>,
    step_ms: i64,
    of_state_metrics: bool,
    readings: Option<Readings>,
    pub(super) log: ChangeLog,
    /// Why the log is incomplete, if the last queries failed or were answered in part.
    pub(super) not_checked: Option<NotChecked>,
}

impl Kept {
    /// Whether it is too early to poll again.
    pub(super) fn is_fresh(&self, now: Timestamp) -> bool {
        self.asked.is_some_and(|asked| (0..CHANGES_EVERY_MS).contains(&(now.ms() - asked.ms())))
    }

    /// What to query now.
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
            // Without kube-state-metrics, everything must fit one request.
            let first = if of_state_metrics { first } else { first.whole() };
            self.step_ms = first.grids.last().map_or(frame.step_ms, |grid| grid.step_ms);
            first
        })
    }

    /// Appends answers to what is kept: for each grid of a plan, of all parts in their order, and for the last instant.
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
            readings.axis.retain(|time| *time < grid.start && *time >= plan.since);
            readings.parts.values_mut().flatten().for_each(|series| series.cut(&readings.axis));
            readings.axis.extend(grid.times());
            for (i, of_part) in parts.iter().enumerate() {
                let known = readings.parts.entry(*of_part).or_default();
                *known = joined(std::mem::take(known), part(&answer, i), &readings.axis);
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

    /// Enforces the bound after a poll.
    pub(super) fn end(&mut self) {
        let points = |r: &Readings| r.parts.values().flatten().map(|s| s.len(&r.axis)).sum::<usize>();
        if self.readings.as_ref().is_some_and(|readings| points(readings) > MAX_KEPT_POINTS) {
            self.readings = None;
        }
    }
}

/// Series, by their labels, with new points appended.
fn joined<'a>(
    mut known: Vec<KeptSeries>,
    new: impl Iterator<Item = &'a LabelledSeries>,
    axis: &[Timestamp],
) -> Vec<KeptSeries> {
    for LabelledSeries { labels, points } in new {
        let at = known.binary_search_by(|series| series.labels.cmp(labels)).unwrap_or_else(|at| {
            known.insert(at, KeptSeries::new(labels.clone()));
            at
        });
        known[at].extend(points.iter().copied(), axis);
    }
    known.retain(|series| !series.is_empty());
    known
}

/// The newest value of each series; series that have ended are kept while their time is of interest.
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

    /// Five seconds each.
    fn step(n: i64) -> Timestamp {
        Timestamp::from_ms(n * 5_000)
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
        let points: Vec<_> = readings.part(Part::PodOwners)[0].points(&readings.axis).collect();
        assert_eq!(points, (3..6).map(|m| (minute(m), 2.0)).collect::<Vec<_>>());
        assert_eq!(readings.times.len(), 2, "a pod that is gone was created all the same");
        let readings = kept.put(&plan(3), &parts, Vec::new(), Some(Answer::default()), 1);
        assert_eq!(readings.times.len(), 1, "and is forgotten when that is too long ago");
    }

    /// One poll per minute of a steady state, except for a pod that is replaced every hour.
    #[test]
    fn a_day_of_looks_keeps_what_changed_and_no_more() {
        const STEPS: i64 = 12;
        let (mut kept, parts) = (Kept::default(), [Part::PodOwners]);
        let grid = |from: i64, to: i64| Grid { start: step(from), end: step(to), step_ms: 60_000 / STEPS };
        let mut most = 0;
        for look in 1..24 * 60 {
            let grid = grid((look - 1) * STEPS - 1, look * STEPS);
            let all = |grid: Grid, is_there: &dyn Fn(i64) -> bool| -> Vec<(Timestamp, f64)> {
                grid.times().filter(|time| is_there(time.ms() / 3_600_000)).map(|time| (time, 1.0)).collect()
            };
            let of = |name: String, is_there: &dyn Fn(i64) -> bool| LabelledSeries {
                labels: [(PART.to_owned(), "0".to_owned()), ("owner_name".to_owned(), name)].into(),
                points: all(grid, is_there),
            };
            let steady = (0..50).map(|i| of(format!("always-{i}"), &|_| true));
            let hourly = (0..24).map(|hour| of(format!("hourly-{hour:02}"), &move |at| at == hour));
            let series = steady.chain(hourly).filter(|series| !series.points.is_empty()).collect();
            let plan = Plan { since: step((look - 360) * STEPS), grids: vec![grid] };
            let answer = Answer { series, ..Answer::default() };
            let readings = kept.put(&plan, &parts, vec![(grid, answer)], None, 5_000);
            most = most.max(readings.part(Part::PodOwners).iter().map(KeptSeries::kept).sum());
        }
        let readings = kept.readings.unwrap();
        assert_eq!(readings.axis.len() as i64, 360 * STEPS + 1, "six hours");
        let of = |name: &str| readings.part(Part::PodOwners).iter().find(|s| s.labels["owner_name"] == name);
        assert_eq!(of("always-7").map(|series| series.len(&readings.axis) as i64), Some(360 * STEPS + 1));
        assert_eq!(of("hourly-20").map(|series| series.len(&readings.axis) as i64), Some(60 * STEPS));
        assert!(of("hourly-16").is_none() && of("hourly-18").is_some());
        assert!(most <= 50 + 7, "{most}: one for each that is there, and was there in six hours");
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
