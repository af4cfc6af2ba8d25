//! Determines which preset counts the requests of each service, and builds its expressions.
//!
//! Once an hour, a query finds the presets that know the namespace. If several count requests, each service belongs to the first one that has counts
//! for it: a service without a sidecar may still be measured by OpenTelemetry.

use std::collections::{BTreeMap, BTreeSet};

use automap_core::time::Timestamp;

use super::{Indicator, Slo};
use crate::prometheus::discover::{self, RequestCounter};
use crate::prometheus::presets::{DurationCounts, RequestCounts};
use crate::prometheus::promql::{self, PART, Values};
use crate::prometheus::scope::{NamespaceSpec, Scope};
use crate::prometheus::{Answer, Client, Grid, RequestError};

/// How long presets and buckets are assumed to stay the same.
const MAX_AGE_MS: i64 = 3_600_000;
/// The window in which presets, services and buckets are searched.
const PROBE_MS: i64 = 3_600_000;
/// Samples at which presets are searched within that window.
const PROBE_SAMPLES: i64 = 5;

/// The preset that counts the requests, by service.
#[derive(Debug)]
pub(super) struct RequestSources {
    namespace: Scope,
    /// The presets that count requests in this namespace, in order of trust, and when they were found.
    presets: Option<(Timestamp, Vec<RequestCounter>)>,
    services: BTreeMap<String, Source>,
}

/// The source of one service.
#[derive(Debug)]
struct Source {
    found_at: Timestamp,
    counter: RequestCounter,
    counts: &'static RequestCounts,
    /// Its histogram of durations, if an objective needs one.
    durations: Option<&'static DurationCounts>,
    /// The bounds of its buckets in milliseconds and in the server's spelling, ascending.
    bounds: Bounds,
}

/// Bounds of buckets, in milliseconds and in the server's spelling.
type Bounds = Vec<(f64, String)>;

impl RequestSources {
    pub(super) fn new(namespace: impl Into<String>) -> Self {
        let namespace = namespace.into();
        let spec = NamespaceSpec::parse(&namespace);
        let namespace = if spec.is_one() { Scope::from(namespace) } else { spec.scope() };
        Self { namespace, presets: None, services: BTreeMap::new() }
    }

    /// Refreshes what is older than an hour or was not found.
    pub(super) fn refresh(&mut self, client: &Client, slos: &[Slo], now: Timestamp) -> Result<(), RequestError> {
        let is_latency = |s: &&Slo| matches!(s.indicator, Indicator::Latency { .. });
        let is_of_requests = |s: &&Slo| is_latency(s) || matches!(s.indicator, Indicator::Availability);
        let names = |slos: Vec<&Slo>| slos.into_iter().map(|s| s.objective.service.clone()).collect::<BTreeSet<_>>();
        let services = names(slos.iter().filter(is_of_requests).collect());
        let with_latency = names(slos.iter().filter(is_latency).collect());
        if services.is_empty() {
            return Ok(());
        }
        let is_fresh = |at: Timestamp| now.ms() - at.ms() < MAX_AGE_MS;
        if !self.presets.as_ref().is_some_and(|(at, found)| is_fresh(*at) && !found.is_empty()) {
            let step_ms = PROBE_MS / (PROBE_SAMPLES - 1);
            let grid = Grid { start: now.plus_ms(-PROBE_MS), end: now, step_ms };
            self.presets = Some((now, discover::request_counters(client, &self.namespace, grid)?));
        }
        for service in services {
            let needs_bounds = with_latency.contains(&service);
            let is_known = |s: &Source| is_fresh(s.found_at) && !(needs_bounds && s.durations.is_none());
            if !self.services.get(&service).is_some_and(is_known)
                && let Some(source) = self.find(client, &service, needs_bounds, now)?
            {
                self.services.insert(service, source);
            }
        }
        Ok(())
    }

    /// The first preset that counts requests of the service, else the first of the namespace.
    fn find(
        &self,
        client: &Client,
        service: &str,
        needs_bounds: bool,
        now: Timestamp,
    ) -> Result<Option<Source>, RequestError> {
        let presets = self.presets.as_ref().map(|(_, found)| found.as_slice()).unwrap_or_default();
        let is_there = |counter: &&RequestCounter| counter.place.as_ref().is_none_or(|p| p.without(service).is_some());
        let candidates: Vec<(&'static RequestCounts, &RequestCounter)> = presets
            .iter()
            .filter(is_there)
            .filter_map(|counter| Some((counter.exporter.counts.as_ref()?, counter)))
            .collect();
        let chosen = match candidates.as_slice() {
            [] | [_] => 0,
            several => {
                let parts = several.iter().map(|(c, counter)| self.fill(c.all, counter, service, PROBE_MS, ""));
                let answer = client.instant(&promql::join(&parts.collect::<Vec<_>>()), now)?;
                first_part(&answer).unwrap_or(0)
            }
        };
        let Some((counts, counter)) = candidates.get(chosen).copied() else { return Ok(None) };
        let (durations, bounds) = match needs_bounds {
            true => self.durations(client, counts.durations, counter, service, now)?,
            false => (None, Vec::new()),
        };
        Ok(Some(Source { found_at: now, counter: counter.clone(), counts, durations, bounds }))
    }

    /// The first histogram that the service has, with its bounds; the first of all if it has none.
    fn durations(
        &self,
        client: &Client,
        all: &'static [DurationCounts],
        counter: &RequestCounter,
        service: &str,
        now: Timestamp,
    ) -> Result<(Option<&'static DurationCounts>, Bounds), RequestError> {
        for durations in all {
            let bounds = self.bounds(client, durations, counter, service, now)?;
            let is_there = match durations.bounds {
                Some(_) => !bounds.is_empty(),
                None => {
                    let counted = client.instant(&self.fill(durations.all, counter, service, PROBE_MS, ""), now)?;
                    !counted.series.is_empty()
                }
            };
            if is_there {
                return Ok((Some(durations), bounds));
            }
        }
        Ok((all.first(), Vec::new()))
    }

    fn bounds(
        &self,
        client: &Client,
        durations: &DurationCounts,
        counter: &RequestCounter,
        service: &str,
        now: Timestamp,
    ) -> Result<Bounds, RequestError> {
        let Some(template) = durations.bounds else { return Ok(Bounds::new()) };
        let answer = client.instant(&self.fill(template, counter, service, PROBE_MS, ""), now)?;
        let bound = |le: &String| {
            let value = le.parse::<f64>().ok().filter(|bound| bound.is_finite())?;
            Some((value * durations.unit_ms, le.clone()))
        };
        let mut bounds: Vec<_> = answer.series.iter().filter_map(|s| s.labels.get("le").and_then(bound)).collect();
        bounds.sort_by(|a, b| a.0.total_cmp(&b.0));
        Ok(bounds)
    }

    /// Expressions for failed requests and all requests of a service, or why there are none.
    pub(super) fn availability(&self, service: &str, window_ms: i64) -> Result<[String; 2], String> {
        let source = self.source(service)?;
        let failed = source.counts.failed.ok_or_else(|| {
            format!(
                "{} does not tell failed requests from others; give expressions of your own",
                source.counter.exporter.title
            )
        })?;
        Ok([failed, source.counts.all].map(|template| self.fill(template, &source.counter, service, window_ms, "")))
    }

    /// Expressions for requests slower than `under_ms` (rounded up to the next bucket's bound, which a native histogram does not need) and all
    /// requests, or why there are none.
    pub(super) fn latency(&self, service: &str, under_ms: f64, window_ms: i64) -> Result<[String; 2], String> {
        let source = self.source(service)?;
        let durations = source.durations.ok_or_else(|| {
            format!("{} has no histogram of durations; give expressions of your own", source.counter.exporter.title)
        })?;
        let fill = |template: &str, le: &str| self.fill(template, &source.counter, service, window_ms, le);
        let all = fill(durations.all, "");
        if durations.bounds.is_none() {
            let limit = (under_ms / durations.unit_ms).to_string();
            let fast = fill(&durations.within.replace("$LIMIT", &limit), "");
            return Ok([format!("{all} - ({fast})"), all]);
        }
        let (_, le) = source
            .bounds
            .iter()
            .find(|(bound_ms, _)| *bound_ms >= under_ms)
            .ok_or_else(|| format!("{} of this service has no bound from {under_ms} ms on", durations.metric))?;
        Ok([format!("{all} - ({})", fill(durations.within, le)), all])
    }

    fn source(&self, service: &str) -> Result<&Source, String> {
        self.services.get(service).ok_or_else(|| {
            let namespace = self.namespace.names().join(", ");
            format!("no preset counts requests in the namespace {namespace}; give expressions of your own")
        })
    }

    /// A template of [`RequestCounts`] for one service. Names from outside are inserted last, so that they are not expanded again.
    fn fill(&self, template: &str, counter: &RequestCounter, service: &str, window_ms: i64, le: &str) -> String {
        let window_ms = window_ms.max(1000) / 1000 * 1000;
        let window = promql::duration(window_ms);
        let service = counter.place.as_ref().and_then(|place| place.without(service)).unwrap_or(service);
        let (namespace, service) = self.namespace.of_service(service);
        let values =
            Values { namespace, cluster: counter.cluster.clone(), rate_ms: window_ms, span_ms: window_ms, only: None };
        let plain = |text: &str| promql::fill(&text.replace("$WINDOW", &window), &values);
        let with_bound = |text: &str| text.split("$LE").map(plain).collect::<Vec<_>>().join(&promql::quote(le));
        template.split("$SERVICE").map(with_bound).collect::<Vec<_>>().join(&promql::quote(service))
    }
}

/// The first part of a joined answer that has a sample.
fn first_part(answer: &Answer) -> Option<usize> {
    answer.series.iter().filter_map(|s| s.labels.get(PART)?.parse().ok()).min()
}
