//! Fetches the same hours of earlier days just before an incident would open, at most once an hour, and keeps them for that long.
//!
//! The coming hour of each day is fetched along, so that later polls need no further request. Days are fetched again while the incident that needed
//! them is open, since a level that has become usual is no reason to keep it open. After a restart they are fetched once more.

use automap_core::observation::Observation;
use automap_core::time::Timestamp;
use automap_core::time_of_day::{EarlierDay, WantedDay};

use super::source::Source;

/// How much of the day after the current hour is fetched along.
const AHEAD_MS: i64 = 3_600_000;

/// The days that were fetched.
#[derive(Debug, Default)]
pub(super) struct Days {
    kept: Vec<EarlierDay>,
    /// Until when they cover the current hour.
    until: Option<Timestamp>,
}

impl Days {
    /// Adds the known days to an observation.
    pub(super) fn add_to(
        &mut self,
        observation: &mut Observation,
        is_any_open: bool,
        source: &mut dyn Source,
        now: Timestamp,
    ) {
        if self.until.is_some_and(|until| now > until) {
            let days: Vec<u32> = self.kept.drain(..).map(|day| day.days_back).filter(|_| is_any_open).collect();
            self.until = None;
            self.ask(&days, observation, source, now);
        }
        observation.earlier_days.clone_from(&self.kept);
    }

    /// Fetches these days, and adds them to the observation.
    pub(super) fn ask(&mut self, days: &[u32], observation: &mut Observation, source: &mut dyn Source, now: Timestamp) {
        for days_back in days {
            self.kept.push(source.earlier_day(&WantedDay::beside(&observation.frame, *days_back, AHEAD_MS)));
            self.until.get_or_insert(now.plus_ms(AHEAD_MS));
        }
        observation.earlier_days.clone_from(&self.kept);
    }
}
