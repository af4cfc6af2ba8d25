//! The metrics of one target, from its Prometheus.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use automap_core::breakdown::Wanted;
use automap_core::observation::Observation;
use automap_core::screening;
use automap_core::second_look::{BrokenDown, SecondLook};
use automap_core::time::Timestamp;
use automap_core::time_of_day::{EarlierDay, WantedDay};
use automap_sources::prometheus::{Again, Client, ObserveOptions, SourceError, Tail, observe_incrementally};

use crate::changes::ToldChanges;
use crate::config::{ConfigDuration, Target};
use crate::gate::Gate;
use crate::watcher::{FetchError, Source, Stop};

/// Queries a Prometheus at every poll for what is new.
#[derive(Debug)]
pub struct PrometheusSource {
    client: Client,
    namespace: String,
    remember_ms: i64,
    step_ms: Option<i64>,
    scrape_interval_ms: Option<i64>,
    changes: bool,
    full: bool,
    breakdown: bool,
    requests: Arc<AtomicU64>,
    tail: Tail,
    told: Option<Arc<ToldChanges>>,
    gate: Option<(Gate, Stop)>,
}

impl PrometheusSource {
    /// For the services of one namespace, keeping `remember_ms` of their past.
    pub fn new(client: Client, namespace: impl Into<String>, remember_ms: i64) -> Self {
        Self {
            client,
            namespace: namespace.into(),
            remember_ms,
            step_ms: None,
            scrape_interval_ms: None,
            changes: true,
            full: false,
            breakdown: true,
            requests: Arc::default(),
            tail: Tail::default(),
            told: None,
            gate: None,
        }
    }

    /// The counter of the requests sent so far.
    pub fn requests(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.requests)
    }

    /// Adds the changes reported to automap for the target.
    #[must_use]
    pub fn told_by(self, told: Arc<ToldChanges>) -> Self {
        Self { told: Some(told), ..self }
    }

    /// Makes polls wait for those at other targets of the server, at most until the stop.
    #[must_use]
    pub(crate) fn behind(self, gate: Gate, stop: Stop) -> Self {
        Self { gate: Some((gate, stop)), ..self }
    }

    /// Configured as the target says; adds to the counter `requests`.
    pub fn of(client: Client, target: &Target, requests: Arc<AtomicU64>) -> Self {
        Self {
            requests,
            step_ms: target.step.map(ConfigDuration::ms),
            scrape_interval_ms: target.scrape_interval.map(ConfigDuration::ms),
            changes: target.changes,
            full: target.full,
            breakdown: target.breakdown,
            ..Self::new(client, &target.namespace, target.remember.ms())
        }
    }

    /// Asks again, and counts the requests.
    fn again<T>(&self, ask: impl FnOnce(&mut Again<'_>) -> T) -> T {
        let mut again = Again::new(&self.tail, &self.client, &self.namespace);
        let answer = ask(&mut again);
        self.requests.fetch_add(again.stats().requests, Ordering::Relaxed);
        answer
    }
}

impl Source for PrometheusSource {
    fn poll(&mut self, now: Timestamp) -> Result<Observation, FetchError> {
        let _pass = self.gate.as_ref().map(|(gate, stop)| gate.enter(stop));
        let options = ObserveOptions {
            step_ms: self.step_ms,
            scrape_interval_ms: self.scrape_interval_ms,
            changes: self.changes,
            screen_above: screening::above(self.full),
            ..ObserveOptions::new(&self.namespace, now.plus_ms(-self.remember_ms), now, now)
        };
        let fetched = observe_incrementally(&mut self.tail, &self.client, &options, &|_| {}).map_err(fetch_error)?;
        self.requests.fetch_add(fetched.stats.requests, Ordering::Relaxed);
        let mut observation = fetched.observation;
        if let Some(told) = &self.told {
            told.join(&mut observation, now, now);
        }
        Ok(observation)
    }
}

impl SecondLook for PrometheusSource {
    fn break_down(&mut self, wanted: &[Wanted]) -> BrokenDown {
        if self.breakdown { self.again(|again| again.break_down(wanted)) } else { BrokenDown::default() }
    }

    fn earlier_day(&mut self, wanted: &WantedDay) -> EarlierDay {
        self.again(|again| again.earlier_day(wanted))
    }
}

fn fetch_error(error: SourceError) -> FetchError {
    match error {
        SourceError::TooFewPoints { points, needed, .. } => {
            FetchError::TooYoung(format!("{points} samples so far, {needed} are needed for a first diagnosis"))
        }
        SourceError::NothingDetected { .. }
        | SourceError::UnknownNamespace { .. }
        | SourceError::UnknownCluster { .. }
        | SourceError::WindowWithoutData { .. }
        | SourceError::NothingUsable { .. } => FetchError::Unseen(error.to_string()),
        other => FetchError::Failed(other.to_string()),
    }
}
