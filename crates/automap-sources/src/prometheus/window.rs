//! The grid of instants and the rate window.

use automap_core::note::Note;
use automap_core::time::Timestamp;
use automap_core::windows::{MIN_BASELINE_POINTS, MIN_INCIDENT_POINTS};

use super::observe_options::ObserveOptions;
use super::query::Grid;
use super::source_error::SourceError;

/// Fewest instants that can hold a baseline and an incident.
pub const MIN_POINTS: usize = MIN_BASELINE_POINTS + MIN_INCIDENT_POINTS;
/// Most instants of one observation: two weeks at a minute.
pub const MAX_POINTS: usize = 20_160;
/// Most samples of a series when no step is given: six hours of scrapes every 15 s. Longer windows take a multiple of the scrape interval.
pub const MAX_USUAL_POINTS: i64 = 1_440;
/// A rate needs four scrapes, so that it survives a lost one (Prometheus 3 excludes the first instant of a window).
const SCRAPES_PER_RATE: i64 = 4;
/// Scrapes that must follow the newest instant.
const SCRAPES_TO_SETTLE: i64 = 2;

/// Grid and rate window of one observation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) grid: Grid,
    pub(crate) rate_ms: i64,
    /// Least age of the newest instant.
    pub(crate) settle_ms: i64,
}

/// Aligned to multiples of the step, so that servers can cache and all signals share one axis.
pub(crate) fn settle(options: &ObserveOptions, scrape_ms: i64) -> Result<(Window, Vec<Note>), SourceError> {
    let mut notes = Vec::new();
    let span = options.to.ms().saturating_sub(options.from.ms());
    let step_ms = match options.step_ms {
        None => usual_step(span, scrape_ms),
        Some(step) if step < scrape_ms => {
            let text = format!("step {} s raised to the scrape interval, {} s", seconds(step), seconds(scrape_ms));
            notes.push(Note::info("step_raised", text));
            scrape_ms
        }
        Some(step) => step,
    };
    let settle_ms = (SCRAPES_TO_SETTLE * scrape_ms).max(options.settle_ms);
    let newest = options.now.ms().saturating_sub(settle_ms);
    let floor = |ms: i64| Timestamp::from_ms(ms.div_euclid(step_ms) * step_ms);
    let grid = Grid { start: floor(options.from.ms()), end: floor(options.to.ms().min(newest)), step_ms };
    let window = Window { grid, rate_ms: rate_ms(step_ms, scrape_ms), settle_ms };
    window.check(if grid.end < grid.start { 0 } else { grid.len() })?;
    if grid.len() > MAX_POINTS {
        let reason =
            format!("{} instants are more than {MAX_POINTS}; use a larger step or a shorter window", grid.len());
        return Err(SourceError::BadOption { option: "step", reason });
    }
    Ok((window, notes))
}

impl Window {
    /// Whether there are enough instants to compare two windows.
    pub(crate) fn check(&self, points: usize) -> Result<(), SourceError> {
        if points >= MIN_POINTS {
            return Ok(());
        }
        let Self { grid: Grid { start, end, step_ms }, settle_ms, .. } = *self;
        Err(SourceError::TooFewPoints {
            points,
            needed: MIN_POINTS,
            step_ms,
            settle_ms,
            from: start,
            to: end.max(start),
        })
    }
}

/// Grafana's rule, with our factor.
pub(crate) fn rate_ms(step_ms: i64, scrape_ms: i64) -> i64 {
    (SCRAPES_PER_RATE * scrape_ms).max(step_ms + scrape_ms)
}

/// The scrape interval, or its smallest multiple that gives at most [`MAX_USUAL_POINTS`].
pub(crate) fn usual_step(span_ms: i64, scrape_ms: i64) -> i64 {
    let scrapes = (span_ms.max(0) as u64).div_ceil((scrape_ms * MAX_USUAL_POINTS).max(1) as u64);
    scrape_ms * i64::try_from(scrapes).unwrap_or(1).max(1)
}

fn seconds(ms: i64) -> f64 {
    ms as f64 / 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_800_000_007_000;

    fn options(minutes: i64) -> ObserveOptions {
        let now = Timestamp::from_ms(NOW);
        ObserveOptions::new("shop", now.plus_ms(-minutes * 60_000), now, now)
    }

    #[test]
    fn the_grid_is_aligned_and_settled() {
        let (window, notes) = settle(&options(60), 15_000).unwrap();
        let Grid { start, end, step_ms } = window.grid;
        assert_eq!(step_ms, 15_000);
        assert_eq!((start.ms() % step_ms, end.ms() % step_ms), (0, 0));
        assert!(end.ms() <= NOW - 30_000 && end.ms() > NOW - 45_000);
        assert_eq!(window.rate_ms, 60_000);
        assert!(notes.is_empty());
    }

    #[test]
    fn steps_follow_scrapes_and_long_windows() {
        assert_eq!(usual_step(3_600_000, 15_000), 15_000);
        assert_eq!(usual_step(6 * 3_600_000, 15_000), 15_000);
        assert_eq!([usual_step(24 * 3_600_000, 15_000), usual_step(7_260_000, 5_000)], [60_000, 10_000]);
        assert_eq!(rate_ms(120_000, 15_000), 135_000);
        let mut fine = options(60);
        fine.step_ms = Some(1_000);
        let (window, notes) = settle(&fine, 15_000).unwrap();
        assert_eq!((window.grid.step_ms, notes[0].code.as_str()), (15_000, "step_raised"));
    }

    #[test]
    fn windows_without_room_are_refused() {
        let short = settle(&options(2), 15_000).unwrap_err().to_string();
        assert!(short.contains("7 instant(s)") && short.contains("8 are needed"), "{short}");
        let mut future = options(1);
        future.from = future.now;
        assert!(settle(&future, 15_000).unwrap_err().to_string().starts_with("0 instant(s)"));
        let mut long = options(60 * 24 * 30);
        long.step_ms = Some(15_000);
        assert!(settle(&long, 15_000).unwrap_err().to_string().contains("larger step"));
    }
}
