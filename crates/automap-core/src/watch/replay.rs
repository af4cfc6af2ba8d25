//! Replays a recording poll by poll, as a watcher would have seen it.
//!
//! Used to tune the options and to test the watcher on captures: [`replay`] cuts the recording at each poll's time, so that no decision
//! sees later data. Objectives and external alerts are not part of a recording and stay empty.

use std::collections::BTreeMap;

use super::Watch;
use super::model::{WatchHealth, WatchInput, WatchOptions};
use crate::incident::Incident;
use crate::observation::Observation;
use crate::time::{Interval, Timestamp};

/// How a recording is replayed.
#[derive(Clone, Copy, Debug)]
pub struct ReplayOptions {
    /// When an incident opens and closes.
    pub watch: WatchOptions,
    /// Time between two polls, in milliseconds; at least 1.
    pub every_ms: i64,
    /// Length of the history of each poll, in milliseconds.
    pub remember_ms: i64,
}

/// Returns the incidents that a watcher would have opened, in the order of their opening, each in its last revision.
///
/// `on_poll` is called after every poll with the incidents that changed and with whether the data could be judged; `None` if there
/// were fewer than two samples. Cost: one diagnosis per poll.
pub fn replay(
    observation: &Observation,
    options: &ReplayOptions,
    on_poll: &mut dyn FnMut(&[Incident], Option<&WatchHealth>),
) -> Vec<Incident> {
    let span = observation.frame.span();
    let every_ms = options.every_ms.max(1);
    let mut watch = Watch::new("replay", options.watch);
    let mut incidents: BTreeMap<String, Incident> = BTreeMap::new();
    let mut now = span.start.plus_ms(every_ms);
    while now <= span.end {
        let known = known_at(observation, now, options.remember_ms);
        let evaluate =
            |known| watch.evaluate(&WatchInput { now, observation: &known, slos: &[], uncounted: &[], alerts: &[] });
        let outcome = known.map(evaluate);
        let health = outcome.as_ref().map(|o| o.health.clone());
        let changes = outcome.map(|o| o.changes).unwrap_or_default();
        on_poll(&changes, health.as_ref());
        incidents.extend(changes.into_iter().map(|change| (change.id.clone(), change)));
        now = now.plus_ms(every_ms);
    }
    let mut incidents: Vec<Incident> = incidents.into_values().collect();
    incidents.sort_by_key(|i| i.opened);
    incidents
}

/// The part of a recording that was known at `now`; `None` if that is fewer than two samples.
fn known_at(all: &Observation, now: Timestamp, remember_ms: i64) -> Option<Observation> {
    let frame = all.frame.within(Interval::new(now.plus_ms(-remember_ms), now)?).ok()?;
    Some(Observation { frame, ..all.clone() })
}
