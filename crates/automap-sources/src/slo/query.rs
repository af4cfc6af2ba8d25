//! Counts the events behind objectives, and tells how the objectives stand.
//!
//! Long windows change slowly and are asked for less often: each is asked for again after a sixtieth of its length. Which expressions
//! count the requests of a service is decided in `request_source.rs`; what a burn rate is, in [`automap_core::slo`].

use std::collections::BTreeMap;

use automap_core::incident::{Severity, SloImpact};
use automap_core::slo::{self, EventCounts, MIN_EVENTS, SloStatus, WINDOWS_MS};
use automap_core::time::Timestamp;

use super::request_source::RequestSources;
use super::{Indicator, Slo};
use crate::prometheus::promql;
use crate::prometheus::{Answer, Client, RequestError};

/// Most objectives of one target.
pub const MAX_OBJECTIVES: usize = 100;
/// Even the longest window is asked for again after so long.
const MAX_AGE_MS: i64 = 3_600_000;

/// Reads the counts of one target's objectives from a server, again and again.
#[derive(Debug)]
pub struct SloReader {
    slos: Vec<Slo>,
    sources: RequestSources,
    /// By length of the window: when it was asked for, and the counts of every objective.
    windows: BTreeMap<i64, (Timestamp, Vec<Count>)>,
}

/// How all objectives stand.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SloReadings {
    /// One for each objective, in their order.
    pub statuses: Vec<SloStatus>,
    /// Those that burn too fast, and how bad that is.
    pub burning: Vec<(SloImpact, Severity)>,
}

/// Events, `None` where none were counted, or why they cannot be counted.
type Count = Result<Option<EventCounts>, String>;

/// The expressions of one objective: bad events and all events, or why there are none.
type Queries = Result<[String; 2], String>;

impl SloReader {
    /// For the services of a namespace; of more than [`MAX_OBJECTIVES`] the first ones.
    pub fn new(namespace: impl Into<String>, mut slos: Vec<Slo>) -> Self {
        slos.truncate(MAX_OBJECTIVES);
        Self { slos, sources: RequestSources::new(namespace), windows: BTreeMap::new() }
    }

    /// How the objectives stand at `now`. With an open incident since `incident_start`, the burning ones also report what it has cost.
    ///
    /// Sends at most one request for each window and each objective with expressions of its own, one for all the others together;
    /// once an hour some more to find out which preset counts the requests, and one for the buckets of each latency objective.
    ///
    /// # Errors
    /// [`RequestError`] when the server does not answer at all; a single expression that it refuses makes its objective unknown.
    pub fn read(
        &mut self,
        client: &Client,
        now: Timestamp,
        incident_start: Option<Timestamp>,
    ) -> Result<SloReadings, RequestError> {
        if self.slos.is_empty() {
            return Ok(SloReadings::default());
        }
        self.sources.refresh(client, &self.slos, now)?;
        for window_ms in self.window_lengths() {
            let is_old = |at: &Timestamp| !(0..(window_ms / 60).min(MAX_AGE_MS)).contains(&(now.ms() - at.ms()));
            if self.windows.get(&window_ms).is_none_or(|(at, _)| is_old(at)) {
                let counts = self.count(client, window_ms, now)?;
                self.windows.insert(window_ms, (now, counts));
            }
        }
        let burning = self.burning(client, now, incident_start)?;
        Ok(SloReadings { statuses: self.statuses(), burning })
    }

    /// The windows of all alerts and periods, without repetitions.
    fn window_lengths(&self) -> Vec<i64> {
        let mut lengths: Vec<i64> = WINDOWS_MS.to_vec();
        lengths.extend(self.slos.iter().map(|s| s.objective.period_ms));
        lengths.sort_unstable();
        lengths.dedup();
        lengths
    }

    fn burning(
        &self,
        client: &Client,
        now: Timestamp,
        incident_start: Option<Timestamp>,
    ) -> Result<Vec<(SloImpact, Severity)>, RequestError> {
        let firing: Vec<_> = (0..self.slos.len())
            .filter_map(|i| Some((i, slo::firing_alert(self.slos[i].objective.target, &self.events(i))?)))
            .collect();
        let length_ms = incident_start.map(|start| now.ms() - start.ms());
        let length_ms = length_ms.filter(|ms| *ms >= 1000 && !firing.is_empty());
        let spent = length_ms.map(|ms| self.count(client, ms, now)).transpose()?;
        let impact = |(i, (alert, burn)): (usize, (slo::BurnAlert, f64))| {
            let events = spent.as_ref().and_then(|s| s[i].clone().ok().flatten());
            (slo::impact(&self.slos[i].objective, burn, events, length_ms.unwrap_or_default()), alert.severity)
        };
        Ok(firing.into_iter().map(impact).collect())
    }

    fn statuses(&self) -> Vec<SloStatus> {
        let status = |(i, slo): (usize, &Slo)| {
            let period = self.windows.get(&slo.objective.period_ms).map(|(_, counts)| &counts[i]);
            let events = period.and_then(|c| c.clone().ok().flatten());
            let mut status = slo::status(&slo.objective, &self.events(i), events);
            if let Some(Err(reason)) = period {
                status.unknown_because = Some(reason.clone());
            }
            status
        };
        self.slos.iter().enumerate().map(status).collect()
    }

    /// The events of one objective in the windows of the alerts.
    fn events(&self, i: usize) -> [Option<EventCounts>; 4] {
        WINDOWS_MS.map(|ms| self.windows.get(&ms).and_then(|(_, counts)| counts[i].clone().ok().flatten()))
    }

    /// The counts of all objectives over one window that ends now.
    fn count(&self, client: &Client, window_ms: i64, now: Timestamp) -> Result<Vec<Count>, RequestError> {
        let queries: Vec<Queries> = self.slos.iter().map(|s| self.queries(s, window_ms)).collect();
        let mut counts: Vec<Count> = queries.iter().map(|q| q.as_ref().map(|_| None).map_err(String::clone)).collect();
        let has_own = |i: &usize| matches!(self.slos[*i].indicator, Indicator::Events { .. } | Indicator::Ratio { .. });
        let askable = (0..queries.len()).filter(|i| queries[*i].is_ok());
        let (own, shared): (Vec<usize>, Vec<usize>) = askable.partition(has_own);
        let mut groups: Vec<Vec<usize>> = own.into_iter().map(|i| vec![i]).collect();
        groups.extend((!shared.is_empty()).then_some(shared));
        while let Some(group) = groups.pop() {
            let parts: Vec<String> =
                group.iter().filter_map(|i| queries[*i].as_ref().ok()).flatten().cloned().collect();
            match client.instant(&promql::join(&parts), now) {
                Ok(answer) => group.iter().enumerate().for_each(|(at, i)| counts[*i] = Ok(events(&answer, at))),
                // One expression that the server refuses must not hide the others.
                Err(error) if error.is_rejected_query() && group.len() > 1 => {
                    groups.extend(group.into_iter().map(|i| vec![i]))
                }
                Err(error) if error.is_rejected_query() => {
                    group.iter().for_each(|i| counts[*i] = Err(error.to_string()))
                }
                Err(error) => return Err(error),
            }
        }
        Ok(counts)
    }

    fn queries(&self, slo: &Slo, window_ms: i64) -> Queries {
        let window = promql::duration(window_ms.max(1000) / 1000 * 1000);
        let service = slo.objective.service.as_str();
        match &slo.indicator {
            Indicator::Availability => self.sources.availability(service, window_ms),
            Indicator::Latency { under_ms } => self.sources.latency(service, *under_ms, window_ms),
            Indicator::Events { bad, all } => Ok([bad, all].map(|own| own.replace("$WINDOW", &window))),
            Indicator::Ratio { bad } => {
                // A ratio does not say how many events there were: it is given as many as an alert needs.
                let bad = bad.replace("$WINDOW", &window);
                Ok([format!("({bad}) * {MIN_EVENTS}"), format!("({bad}) * 0 + {MIN_EVENTS}")])
            }
        }
    }
}

/// The counts of the `at`-th objective of an answer; without a count of all events nothing is known.
fn events(answer: &Answer, at: usize) -> Option<EventCounts> {
    let value = |part: usize| {
        let part = part.to_string();
        let series = answer.series.iter().find(|s| s.labels.get(promql::PART) == Some(&part))?;
        series.points.last().map(|(_, value)| *value).filter(|v| v.is_finite())
    };
    let all = value(2 * at + 1)?;
    Some(EventCounts { bad: value(2 * at).unwrap_or(0.0).max(0.0), all })
}
