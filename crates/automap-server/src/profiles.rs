//! Keeps one profile of every healthy hour in the store, for comparisons over more time than Prometheus retains.
//!
//! A profile holds the medians of each service. Hours with an incident, with signs of one, or with missing data are left out, and so are
//! systems of more than [`MAX_SERVICES`] services.

use std::collections::BTreeMap;

use automap_core::frame::{RawSeries, assemble};
use automap_core::graph::{GraphOptions, MetricType, learn_for_incident};
use automap_core::metric::{CPU_CORES, LATENCY_MS, MEMORY_BYTES, THROUGHPUT_RPS};
use automap_core::observation::Observation;
use automap_core::profile::{ProfileTable, profiles};
use automap_core::time::{Timestamp, WindowHint};
use automap_core::topology::CallGraph;
use automap_core::{DiagnoseOptions, analyse};

use crate::store::{Store, StoreError, StoredProfile};
use crate::watcher::{State, TargetStatus};

/// Time between two profiles.
const EVERY_MS: i64 = 3_600_000;
/// Most services of a system: the graphs of larger ones take too long to learn between two polls.
pub const MAX_SERVICES: usize = 200;

/// Decides when the profile of a target is due, and stores it.
#[derive(Debug)]
pub struct Profiles {
    target: String,
    /// Since when the target has been healthy and completely measured.
    healthy_since: Option<Timestamp>,
    /// End of the period of the last stored profile.
    stored_until: Option<Timestamp>,
}

impl Profiles {
    /// Continues after the latest profile in the store.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be read.
    pub fn resume(target: &str, store: &dyn Store) -> Result<Self, StoreError> {
        let latest = store.profiles(target, Timestamp::from_ms(0), 1)?;
        Ok(Self { target: target.to_owned(), healthy_since: None, stored_until: latest.first().map(|p| p.period.end) })
    }

    /// Called after every poll. Stores a profile when the whole observation was healthy and the last profile is an hour old; returns whether
    /// it did.
    ///
    /// # Errors
    /// [`StoreError`] when it could not be stored; the next poll tries again.
    pub fn after_poll(
        &mut self,
        status: &TargetStatus,
        observation: &Observation,
        store: &dyn Store,
    ) -> Result<bool, StoreError> {
        let period = observation.frame.span();
        let is_healthy = status.state == State::Watching && status.open.is_none() && status.signs.is_empty();
        if !is_healthy {
            self.healthy_since = None;
            return Ok(false);
        }
        let healthy_since = *self.healthy_since.get_or_insert(period.end);
        let is_due = self.stored_until.is_none_or(|kept| period.end.ms() - kept.ms() >= EVERY_MS);
        if healthy_since > period.start || !is_due || observation.frame.services().len() > MAX_SERVICES {
            return Ok(false);
        }
        let Ok(analysis) = analyse(observation, &DiagnoseOptions::default()) else { return Ok(false) };
        let graphs =
            learn_for_incident(&analysis.frame, &analysis.windows.rows, &observation.calls, &GraphOptions::default());
        let table = profiles(&analysis, &graphs, &observation.calls);
        let Ok(json) = serde_json::to_string(&table) else { return Ok(false) };
        store.put_profile(&self.target, period, &json)?;
        self.stored_until = Some(period.end);
        Ok(true)
    }
}

/// The stored profiles of a target as an observation: one sample of each median for every healthy period, at its middle. For trends and
/// comparisons over more time than the source retains.
///
/// # Errors
/// A text, when there is no profile or one cannot be read.
pub fn observation(target: &str, kept: &[StoredProfile]) -> Result<Observation, String> {
    let middle = |p: &StoredProfile| Timestamp::from_ms(p.period.start.ms().midpoint(p.period.end.ms()));
    let mut times: Vec<Timestamp> = kept.iter().map(middle).collect();
    times.sort_unstable();
    times.dedup();
    let mut points: BTreeMap<(String, &str), Vec<(Timestamp, f64)>> = BTreeMap::new();
    for stored in kept {
        let table: ProfileTable = serde_json::from_str(&stored.json)
            .map_err(|e| format!("the profile of {}: {e}", stored.period.start.rfc3339()))?;
        for (metric, name) in MetricType::ALL.into_iter().zip(NAMES) {
            let wanted = format!("{metric}_baseline_median");
            let Some(at) = table.dimensions.iter().position(|d| d.name == wanted) else { continue };
            for profile in &table.services {
                if let Some(value) = profile.values.get(at).copied().flatten() {
                    points.entry((profile.service.clone(), name)).or_default().push((middle(stored), value));
                }
            }
        }
    }
    let series = |((service, metric), mut points): ((String, &str), Vec<(Timestamp, f64)>)| {
        points.sort_unstable_by_key(|(time, _)| *time);
        points.dedup_by_key(|(time, _)| *time);
        RawSeries { service, metric: metric.to_owned(), peer: None, points }
    };
    let (frame, notes) = assemble(points.into_iter().map(series).collect(), times)
        .map_err(|e| format!("the kept profiles of {target} make no table: {e}"))?;
    let source = format!("kept profiles of {target}");
    let (calls, hint) = (CallGraph::new(), WindowHint::default());
    Ok(Observation { hint, notes, ..Observation::new(frame, calls, source) })
}

/// The metric names of the metric types, in the order of [`MetricType::ALL`].
const NAMES: [&str; MetricType::COUNT] =
    [LATENCY_MS, THROUGHPUT_RPS, "congestion", "availability", CPU_CORES, MEMORY_BYTES, "io_bytes_per_s"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::ProfileStore;
    use crate::store::memory::MemoryStore;

    /// An hour of a small shop, ending at `end_s`.
    fn hour(end_s: i64) -> Observation {
        let times: Vec<_> = (0..240).map(|row| Timestamp::from_ms((end_s - (239 - row) * 15) * 1000)).collect();
        let level = |t: &Timestamp| 30.0 + ((t.ms() / 15_000) * 7919 % 101) as f64 / 50.0;
        let series = |service: &str| RawSeries {
            service: service.into(),
            metric: "latency_ms".into(),
            peer: None,
            points: times.iter().map(|t| (*t, level(t))).collect(),
        };
        let (frame, notes) = assemble(vec![series("db"), series("web")], times.clone()).unwrap();
        let (calls, hint) = (CallGraph::new(), WindowHint::default());
        Observation { hint, notes, ..Observation::new(frame, calls, "test") }
    }

    #[test]
    fn every_healthy_hour_gives_a_profile_and_an_hour_with_an_incident_none() {
        let store = MemoryStore::default();
        let mut profiles = Profiles::resume("shop", &store).unwrap();
        let well = TargetStatus { state: State::Watching, ..TargetStatus::new("shop") };
        let ill = TargetStatus { open: Some("shop-1".into()), ..well.clone() };
        let mut kept = Vec::new();
        for minute in 0..300 {
            let end_s = 1_700_000_000 + minute * 60;
            let status = if minute == 150 { &ill } else { &well };
            if profiles.after_poll(status, &hour(end_s), &store).unwrap() {
                kept.push(minute);
            }
        }
        assert_eq!(kept, [60, 120, 211, 271], "the hour after the incident is the first one without it");
        let all = store.profiles("shop", Timestamp::from_ms(0), 10).unwrap();
        let table: ProfileTable = serde_json::from_str(&all[0].json).unwrap();
        assert_eq!((all.len(), table.services.len()), (4, 2));
        let observed = observation("shop", &all).unwrap();
        let (frame, web) = (&observed.frame, observed.frame.find("web").unwrap());
        let latency = frame.get(web, "latency_ms", None).unwrap();
        assert_eq!((frame.times().len(), latency.values.len()), (4, 4));
        assert!(latency.values.iter().all(|v| (30.0..33.0).contains(v)), "{:?}", latency.values);
        assert!(frame.get(web, "cpu_cores", None).is_none(), "what was not measured is not there");
        assert!(observation("shop", &[]).is_err());
        let mut resumed = Profiles::resume("shop", &store).unwrap();
        assert!(!resumed.after_poll(&well, &hour(1_700_000_000 + 275 * 60), &store).unwrap());
    }
}
