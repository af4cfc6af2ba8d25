//! Adds the changes reported for a target to its metrics: those in the store, the annotations of its Grafana, its feature flags.
//!
//! A Grafana or a flag server that does not answer delays a poll for five seconds at most, once a minute, and is reported as "not observed"; the poll
//! continues with what else is known. The store's changes are read at every poll, since another replica may have received them.

use std::sync::Arc;

use automap_core::change::{Change, Told};
use automap_core::note::NotChecked;
use automap_core::observation::Observation;
use automap_core::time::{Interval, Timestamp};
use automap_sources::grafana::{Annotations, Grafana, GrafanaError, not_observed, since};
use parking_lot::Mutex;
use tracing::warn;

use super::feature_flags::FeatureFlags;
use crate::config::{FlagsConfig, GrafanaConfig};
use crate::store::{ChangeFilter, MAX_TOLD, Store};

/// How often a Grafana is queried at most, in milliseconds.
const ASK_EVERY_MS: i64 = 60_000;
/// What the remarks are about.
const SIGNAL: &str = "changes";

/// The reported changes of a target.
#[derive(Debug)]
pub struct ToldChanges {
    target: String,
    store: Arc<dyn Store>,
    grafana: Option<Grafana>,
    flags: Option<FeatureFlags>,
    known: Mutex<Known>,
}

/// The result of the last read.
#[derive(Debug)]
struct Known {
    /// Used while the store does not answer.
    told: Vec<Change>,
    asked: Option<(Timestamp, Interval)>,
    annotations: Result<Annotations, String>,
    has_warned: bool,
}

impl Default for Known {
    fn default() -> Self {
        Self { told: Vec::new(), asked: None, annotations: Ok(Annotations::default()), has_warned: false }
    }
}

impl ToldChanges {
    /// For a target. Nothing is contacted yet.
    ///
    /// # Errors
    /// Why its Grafana cannot be used.
    pub fn new(
        target: &str,
        grafana: Option<&GrafanaConfig>,
        flags: Option<&FlagsConfig>,
        store: &Arc<dyn Store>,
    ) -> Result<Self, String> {
        let grafana = grafana.map(|g| g.grafana().map_err(|e| e.to_string())).transpose()?;
        let (target, store) = (target.to_owned(), Arc::clone(store));
        Ok(Self { target, store, grafana, flags: flags.map(FeatureFlags::new), known: Mutex::default() })
    }

    /// Adds the reported changes to an observation that ends about `now`, or whose incident began at `reference`.
    pub fn join(&self, observation: &mut Observation, reference: Timestamp, now: Timestamp) {
        let span = observation.frame.span();
        let start = since(reference).min(span.start);
        let Some(period) = Interval::new(start, span.end.max(reference).min(now)) else { return };
        let services = observation.frame.services().to_vec();
        let mut known = self.known.lock();
        if let Some(flags) = &self.flags {
            self.ask_flags(flags, now);
        }
        let filter = ChangeFilter {
            target: Some(self.target.clone()),
            since: Some(period.start),
            until: Some(period.end.plus_ms(1)),
            limit: MAX_TOLD,
            ..ChangeFilter::default()
        };
        // A store that does not answer is reported where the lease is renewed.
        if let Ok(told) = self.store.told_changes(&filter) {
            known.told = told.into_iter().map(|told| told.change).collect();
        }
        let mut changes = known.told.clone();
        if let Some(grafana) = &self.grafana {
            self.ask_grafana(&mut known, grafana, period, &services, now);
            let in_period = |change: &&Change| period.contains(change.at);
            match &known.annotations {
                Ok(annotations) => {
                    changes.extend(annotations.changes.iter().filter(in_period).cloned());
                    if annotations.is_cut {
                        observation.not_checked.push(not_checked(format!(
                            "{} has more annotations than are read: earlier ones are not observed",
                            grafana.url()
                        )));
                    }
                }
                Err(reason) => observation.not_checked.push(not_checked(reason.clone())),
            }
        }
        drop(known);
        let told = Told { changes, period: Some(period), observed: Vec::new() };
        observation.changes = std::mem::take(&mut observation.changes).with(told, &services);
    }

    fn ask_grafana(&self, known: &mut Known, grafana: &Grafana, period: Interval, services: &[String], now: Timestamp) {
        let is_known = known.asked.is_some_and(|(asked, of)| {
            (0..ASK_EVERY_MS).contains(&(now.ms() - asked.ms()))
                && of.start.ms() <= period.start.ms() + ASK_EVERY_MS
                && of.end.ms() + ASK_EVERY_MS >= period.end.ms()
                && of.end.ms() <= period.end.ms() + ASK_EVERY_MS
        });
        if is_known {
            return;
        }
        known.asked = Some((now, period));
        known.annotations = grafana.read(period, services).map_err(|error: GrafanaError| not_observed(&error));
        match &known.annotations {
            Ok(_) => known.has_warned = false,
            Err(error) if !known.has_warned => {
                warn!(target: "changes", target = self.target, error, "annotations cannot be read");
                known.has_warned = true;
            }
            Err(_) => {}
        }
    }

    /// Changed flags are stored as reported changes, so that the next process knows them too.
    fn ask_flags(&self, flags: &FeatureFlags, now: Timestamp) {
        let changed = flags.poll(&self.target, now);
        if !changed.is_empty()
            && let Err(error) = self.store.put_changes(&changed, now)
        {
            warn!(target: "changes", target = self.target, %error, "changes of feature flags cannot be kept");
        }
    }
}

fn not_checked(reason: String) -> NotChecked {
    NotChecked { signal: SIGNAL.to_owned(), services: Vec::new(), reason }
}
