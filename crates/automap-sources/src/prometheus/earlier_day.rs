//! The same hours of an earlier day: the queries of the first observation, at other times.
//!
//! ```text
//!  WantedDay ─▶ does the server hold anything of it? ─▶ owners of pods at that time ─▶ the signals ─▶ EarlierDay
//! ```
//!
//! A server whose data does not reach back so far returns nothing, and no error. So it is first asked for any series of the exporters that are found
//! today; if there are none, nothing else is queried. A day with a failed or partial answer counts as not observed: a part of it would look calm.
//! Left out: changes and breakdowns. Istio, cAdvisor and kube-state-metrics take 16 requests for a day.

use std::collections::BTreeSet;

use automap_core::frame::assemble;
use automap_core::time::Timestamp;
use automap_core::time_of_day::{EarlierDay, WantedDay};

use super::client::Client;
use super::clusters;
use super::discover;
use super::error::RequestError;
use super::look::Look;
use super::query::Grid;
use super::screen::Screening;
use super::tail::{Discovered, Tail};
use super::window::{self, Window};

/// Reads the metrics of one earlier day.
pub(crate) fn read(client: &Client, tail: &Tail, known: &Discovered, wanted: &WantedDay) -> EarlierDay {
    let not_observed = |reason: String| EarlierDay::not_observed(wanted.days_back, reason);
    let grid = grid(wanted);
    match holds_any(client, known, grid) {
        Err(error) => return not_observed(failed(&error)),
        Ok(false) => {
            let reason = format!("the server holds nothing of {}; its retention may be shorter", grid.start.rfc3339());
            return not_observed(reason);
        }
        Ok(true) => {}
    }
    match metrics(client, tail, known, grid) {
        Ok((raw, times)) => match assemble(raw, times) {
            Ok((frame, _)) => EarlierDay::observed(wanted.days_back, frame),
            Err(error) => not_observed(error.to_string()),
        },
        Err(reason) => not_observed(reason),
    }
}

/// The instants of that day: spaced like today's, a whole number of days earlier.
fn grid(wanted: &WantedDay) -> Grid {
    let (interval, step_ms) = (wanted.interval(), wanted.step_ms.max(1));
    let steps = (interval.len_ms() - 1).max(0) / step_ms;
    Grid { start: interval.start, end: interval.start.plus_ms(steps * step_ms), step_ms }
}

/// Whether there is any series of today's exporters, at the beginning or the end.
fn holds_any(client: &Client, known: &Discovered, grid: Grid) -> Result<bool, RequestError> {
    let probes = known.found.iter().flat_map(|found| found.exporters.iter().map(|e| discover::probe(e, &found.scope)));
    // Several clusters have the same exporters, and the probes cover all of them.
    let probes: Vec<String> = probes.collect::<BTreeSet<_>>().into_iter().collect();
    let ends = Grid { step_ms: (grid.end.ms() - grid.start.ms()).max(1), ..grid };
    let answer = client.range_of(&probes, ends)?;
    Ok(answer.series.iter().any(|s| s.points.iter().any(|(_, value)| *value > 0.0)))
}

type Raw = (Vec<automap_core::frame::RawSeries>, Vec<Timestamp>);

/// All signals of the services that `today` queried, or why some are missing.
fn metrics(client: &Client, today: &Tail, known: &Discovered, grid: Grid) -> Result<Raw, String> {
    let window = Window { grid, rate_ms: window::rate_ms(grid.step_ms, known.scrape_ms), settle_ms: 0 };
    let looks: Vec<Look> = known.found.iter().map(|found| Look::prepare(client, found.clone(), &window)).collect();
    // Nothing of that day is kept: it is queried once.
    let mut tail = Tail::default();
    tail.begin(grid);
    let gather = |look: Look| {
        let screening = Screening::Known(today.chosen(look.found.chosen.asked()).cloned());
        look.gather(client, &mut tail, (window, screening), &mut |_| {})
    };
    let looked = looks.into_iter().map(gather).collect();
    let gathered = clusters::together(looked).gathered;
    if let Some(error) = &gathered.first_failure {
        return Err(failed(error));
    }
    if let Some(note) = gathered.warned.notes().into_iter().next() {
        return Err(note.message);
    }
    let times = grid.times();
    Ok((gathered.raw, times.collect()))
}

fn failed(error: &RequestError) -> String {
    format!("the query failed: {}", error.failure)
}

#[cfg(test)]
mod tests {
    use automap_core::time::Interval;

    use super::*;

    /// One hour from 10:00 with a sample every 15 s: its last instant is 10:59:45, and so is that of the day before.
    #[test]
    fn the_instants_of_a_day_before() {
        let (day, start) = (86_400_000, Timestamp::from_ms(20 * 86_400_000 + 36_000_000));
        let window = Interval { start, end: start.plus_ms(3_600_000) };
        let grid = grid(&WantedDay { days_back: 1, window, step_ms: 15_000 });
        assert_eq!((grid.start, grid.end), (start.plus_ms(-day), start.plus_ms(3_585_000 - day)));
        assert_eq!(grid.len(), 240);
    }
}
