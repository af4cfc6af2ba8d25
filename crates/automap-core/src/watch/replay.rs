//! The past as a watcher would have seen it.

use std::collections::BTreeMap;

use super::{Watch, WatchInput, WatchOptions};
use crate::incident::Incident;
use crate::observation::Observation;
use crate::time::{Interval, Timestamp};

/// How the past is gone through.
#[derive(Clone, Copy, Debug)]
pub struct ReplayOptions {
    /// When an incident opens and ends.
    pub watch: WatchOptions,
    /// From one look to the next, in milliseconds.
    pub every_ms: i64,
    /// How far back a look sees, in milliseconds.
    pub remember_ms: i64,
}

/// The incidents that a watcher would have opened, in the order of their opening; each in its last revision. `tell` is called after every look,
/// with the change that it brought. Cost: one diagnosis for each look.
pub fn replay(
    observation: &Observation,
    options: &ReplayOptions,
    tell: &mut dyn FnMut(Option<&Incident>),
) -> Vec<Incident> {
    let span = observation.frame.span();
    let every_ms = options.every_ms.max(1);
    let mut watch = Watch::new("replay", options.watch);
    let mut incidents: BTreeMap<String, Incident> = BTreeMap::new();
    let mut now = span.start.plus_ms(every_ms);
    while now <= span.end {
        let seen = seen_at(observation, now, options.remember_ms);
        let change = seen
            .and_then(|seen| watch.evaluate(&WatchInput { now, observation: &seen, slos: &[], alerts: &[] }).change);
        tell(change.as_ref());
        incidents.extend(change.map(|change| (change.id.clone(), change)));
        now = now.plus_ms(every_ms);
    }
    let mut incidents: Vec<Incident> = incidents.into_values().collect();
    incidents.sort_by_key(|i| i.opened);
    incidents
}

/// What was known at an instant; `None` while it was too little to look at.
fn seen_at(all: &Observation, now: Timestamp, remember_ms: i64) -> Option<Observation> {
    let frame = all.frame.within(Interval::new(now.plus_ms(-remember_ms), now)?).ok()?;
    Some(Observation { frame, ..all.clone() })
}
