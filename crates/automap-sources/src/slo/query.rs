//! Counts the events behind objectives, and computes their status.
//!
//! Long windows change slowly and are queried less often: each again after a sixtieth of its length. `request_source.rs` decides which expressions
//! count the requests of a service; [`automap_core::slo`] defines burn rates.

use std::collections::BTreeMap;

use automap_core::incident::{Severity, SloImpact};
use automap_core::slo::{self, MIN_EVENTS, SloState, SloStatus, WINDOWS_MS};
use automap_core::time::Timestamp;

use super::groups::{self, Counted, Groups, Windows};
use super::request_source::RequestSources;
use super::{Events, Indicator, Part, Ratio, Slo};
use crate::prometheus::promql;
use crate::prometheus::{Client, RequestError};

/// Most objectives of one target.
pub const MAX_OBJECTIVES: usize = 100;
/// Even the longest window is queried again after this time.
const MAX_AGE_MS: i64 = 3_600_000;
/// Missing series are looked for again after this time.
const RETRY_MS: i64 = 60_000;
/// How far back series are searched: one that ended with its process still shows that its name is right.
const PROBE_MS: i64 = 6 * 3_600_000;
/// Most steps in which one window is sampled.
const MAX_STEPS: i64 = 2000;

/// Reads the counts of one target's objectives from a server, repeatedly.
#[derive(Debug)]
pub struct SloReader {
    slos: Vec<Slo>,
    sources: RequestSources,
    /// By objective: when its series were last searched, and what is missing.
    missing: BTreeMap<usize, (Timestamp, Option<String>)>,
    /// By length of the window: when it was queried, and the counts of every objective.
    windows: BTreeMap<i64, (Timestamp, Vec<Count>)>,
}

/// The status of all objectives.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SloReadings {
    /// One for each objective, in their order.
    pub statuses: Vec<SloStatus>,
    /// Those that burn too fast, and how severe that is.
    pub burning: Vec<(SloImpact, Severity)>,
    /// Names of those of which it is not known whether they burn, since their events could not be counted.
    pub uncounted: Vec<String>,
}

/// Events by group, empty if none were counted, or why they cannot be counted.
type Count = Result<Groups, String>;

/// The expressions of one objective: bad events and all events, or why there are none.
type Queries = Result<[String; 2], String>;

impl SloReader {
    /// For the services of a namespace; with more than [`MAX_OBJECTIVES`], the first ones.
    pub fn new(namespace: impl Into<String>, mut slos: Vec<Slo>) -> Self {
        slos.truncate(MAX_OBJECTIVES);
        let sources = RequestSources::new(namespace);
        Self { slos, sources, missing: BTreeMap::new(), windows: BTreeMap::new() }
    }

    /// The status of the objectives at `now`. With an open incident since `incident_start`, the burning ones also report what it has cost.
    ///
    /// Sends at most one request for each window and each objective with expressions of its own, and one for all the others together; once an hour
    /// some more to determine which preset counts the requests, one for the buckets of each latency objective, and one for the series of each
    /// objective with expressions of its own.
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
        self.look_for_series(client, now)?;
        for window_ms in self.window_lengths() {
            let is_old = |at: &Timestamp| !(0..(window_ms / 60).min(MAX_AGE_MS)).contains(&(now.ms() - at.ms()));
            if self.windows.get(&window_ms).is_none_or(|(at, _)| is_old(at)) {
                let counts = self.count(client, window_ms, now)?;
                self.windows.insert(window_ms, (now, counts));
            }
        }
        let burning = self.burning(client, now, incident_start)?;
        Ok(SloReadings { statuses: self.statuses(), burning, uncounted: self.uncounted() })
    }

    /// The names of all objectives: none is known while the server does not answer.
    pub fn names(&self) -> Vec<String> {
        self.slos.iter().map(|s| s.objective.slo.clone()).collect()
    }

    fn uncounted(&self) -> Vec<String> {
        let objectives = self.slos.iter().map(|s| &s.objective).enumerate();
        let unseen = objectives.filter(|(i, objective)| self.windows_of(*i).may_burn_unseen(objective));
        unseen.map(|(_, objective)| objective.slo.clone()).collect()
    }

    /// The windows of all alerts and periods, without repetitions.
    fn window_lengths(&self) -> Vec<i64> {
        let mut lengths: Vec<i64> = WINDOWS_MS.to_vec();
        lengths.extend(self.slos.iter().map(|s| s.objective.period_ms));
        lengths.sort_unstable();
        lengths.dedup();
        lengths
    }

    /// Queries the series that must exist, if that is unknown or they were missing a while ago.
    fn look_for_series(&mut self, client: &Client, now: Timestamp) -> Result<(), RequestError> {
        for (i, slo) in self.slos.iter().enumerate() {
            let wanted = slo.indicator.must_match();
            let is_fresh = |(at, missing): &(Timestamp, Option<String>)| {
                let max_age_ms = if missing.is_some() { RETRY_MS } else { MAX_AGE_MS };
                (0..max_age_ms).contains(&(now.ms() - at.ms()))
            };
            if wanted.is_empty() || self.missing.get(&i).is_some_and(is_fresh) {
                continue;
            }
            self.missing.insert(i, (now, missing(client, wanted, now)?));
        }
        Ok(())
    }

    fn burning(
        &self,
        client: &Client,
        now: Timestamp,
        incident_start: Option<Timestamp>,
    ) -> Result<Vec<(SloImpact, Severity)>, RequestError> {
        let windows: Vec<Windows<'_>> = (0..self.slos.len()).map(|i| self.windows_of(i)).collect();
        let firing: Vec<_> = windows
            .iter()
            .enumerate()
            .filter_map(|(i, windows)| Some((i, windows.burning(&self.slos[i].objective)?)))
            .collect();
        let length_ms = incident_start.map(|start| now.ms() - start.ms());
        let length_ms = length_ms.filter(|ms| *ms >= 1000 && !firing.is_empty());
        let spent = length_ms.map(|ms| self.count(client, ms, now)).transpose()?;
        let impact = |(i, (group, alert, burn)): (usize, (&String, slo::BurnAlert, f64))| {
            let events = spent.as_ref().and_then(|s| s[i].as_ref().ok()?.get(group).copied());
            let mut impact = slo::impact(&self.slos[i].objective, burn, events, length_ms.unwrap_or_default());
            impact.slo.push_str(group);
            (impact, alert.severity)
        };
        Ok(firing.into_iter().map(impact).collect())
    }

    fn statuses(&self) -> Vec<SloStatus> {
        let status = |(i, slo): (usize, &Slo)| {
            let mut status = self.windows_of(i).status(&slo.objective);
            let period = self.windows.get(&slo.objective.period_ms).map(|(_, counts)| &counts[i]);
            match period {
                Some(Err(reason)) if status.state == SloState::Unknown => status.unknown_because = Some(reason.clone()),
                _ => {}
            }
            status
        };
        self.slos.iter().enumerate().map(status).collect()
    }

    /// The counts of one objective.
    fn windows_of(&self, i: usize) -> Windows<'_> {
        let of = |ms: i64| self.windows.get(&ms).and_then(|(_, counts)| counts[i].as_ref().ok());
        Windows { alerts: WINDOWS_MS.map(of), period: of(self.slos[i].objective.period_ms) }
    }

    /// The counts of all objectives over one window that ends now.
    fn count(&self, client: &Client, window_ms: i64, now: Timestamp) -> Result<Vec<Count>, RequestError> {
        let queries: Vec<Queries> = (0..self.slos.len()).map(|i| self.queries(i, window_ms)).collect();
        let mut counts: Vec<Count> =
            queries.iter().map(|q| q.as_ref().map(|_| Groups::new()).map_err(String::clone)).collect();
        let has_own = |i: &usize| matches!(self.slos[*i].indicator, Indicator::Events(_) | Indicator::Ratio(_));
        let askable = (0..queries.len()).filter(|i| queries[*i].is_ok());
        let (own, shared): (Vec<usize>, Vec<usize>) = askable.partition(has_own);
        let mut groups: Vec<Vec<usize>> = own.into_iter().map(|i| vec![i]).collect();
        groups.extend((!shared.is_empty()).then_some(shared));
        while let Some(group) = groups.pop() {
            let parts: Vec<String> =
                group.iter().filter_map(|i| queries[*i].as_ref().ok()).flatten().cloned().collect();
            match client.instant(&promql::join(&parts), now) {
                Ok(answer) => group.iter().enumerate().for_each(|(at, i)| {
                    let (counted, is_absent_zero) = self.slos[*i].indicator.counted();
                    counts[*i] = groups::counts(&answer, at, counted, is_absent_zero);
                }),
                // One refused expression must not hide the others.
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

    fn queries(&self, i: usize, window_ms: i64) -> Queries {
        let slo = &self.slos[i];
        if let Some((_, Some(reason))) = self.missing.get(&i) {
            return Err(reason.clone());
        }
        let window_ms = window_ms.max(1000) / 1000 * 1000;
        let service = slo.objective.service.as_str();
        match &slo.indicator {
            Indicator::Availability => self.sources.availability(service, window_ms),
            Indicator::Latency { under_ms } => self.sources.latency(service, *under_ms, window_ms),
            Indicator::Events(Events { part: Part::Bad(part) | Part::Good(part), all, .. }) => {
                Ok([part, all].map(|own| fill(own, window_ms, window_ms)))
            }
            Indicator::Ratio(Ratio { bad, slice_ms, .. }) => {
                // A ratio does not show how many events there were: it is treated as based on as many as an alert needs.
                let bad = fill(bad, window_ms.max(*slice_ms), step_ms(window_ms, *slice_ms));
                Ok([format!("({bad}) * {MIN_EVENTS}"), format!("({bad}) * 0 + {MIN_EVENTS}")])
            }
            Indicator::Unknown { because } => Err(because.clone()),
        }
    }
}

impl Indicator {
    fn must_match(&self) -> &[Vec<String>] {
        match self {
            Self::Events(Events { must_match, .. }) | Self::Ratio(Ratio { must_match, .. }) => must_match,
            Self::Availability | Self::Latency { .. } | Self::Unknown { .. } => &[],
        }
    }

    /// What its first expression counts, and whether no result means zero.
    const fn counted(&self) -> (Counted, bool) {
        match self {
            Self::Events(Events { part: Part::Good(_), .. }) => (Counted::Good, true),
            Self::Events(_) => (Counted::Bad, true),
            Self::Ratio(_) => (Counted::Share, false),
            Self::Availability | Self::Latency { .. } | Self::Unknown { .. } => (Counted::Bad, false),
        }
    }
}

/// The first of the required series that do not exist; `None` if all do.
fn missing(client: &Client, wanted: &[Vec<String>], now: Timestamp) -> Result<Option<String>, RequestError> {
    let window = promql::duration(PROBE_MS);
    let found = |selectors: &Vec<String>| {
        let each = selectors.iter().map(|s| format!("last_over_time({s}[{window}])")).collect::<Vec<_>>();
        format!("count({})", each.join(" or "))
    };
    for selectors in wanted {
        let reason = match client.instant(&found(selectors), now) {
            Ok(answer) if answer.series.is_empty() => {
                format!(
                    "no series matches {}: if that means none, write `or vector(0)` behind it",
                    selectors.join(" or ")
                )
            }
            Ok(_) => continue,
            Err(error) if error.is_rejected_query() => error.to_string(),
            Err(error) => return Err(error),
        };
        return Ok(Some(reason));
    }
    Ok(None)
}

/// The step in which a window is sampled: whole slices, and a bounded number of them.
fn step_ms(window_ms: i64, slice_ms: i64) -> i64 {
    slice_ms * (window_ms / (slice_ms * MAX_STEPS) + 1)
}

/// An expression for one window.
fn fill(expression: &str, window_ms: i64, step_ms: i64) -> String {
    expression.replace("$WINDOW", &promql::duration(window_ms)).replace("$STEP", &promql::duration(step_ms))
}
