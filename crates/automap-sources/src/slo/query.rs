//! The counts behind objectives. Long windows change slowly and are asked for less often: each is asked again after a sixtieth of its length.

use std::collections::BTreeMap;

use automap_core::incident::{Severity, SloImpact};
use automap_core::slo::{self, Events, MIN_EVENTS, SloStatus, WINDOWS_MS};
use automap_core::time::Timestamp;

use super::{Indicator, Slo};
use crate::prometheus::promql::{self, Values};
use crate::prometheus::{Answer, Client, RequestError};

/// Most objectives of one target.
pub const MAX_OBJECTIVES: usize = 100;
/// Even the longest window is asked for again after so long.
const MAX_AGE_MS: i64 = 3_600_000;
/// The window in which a histogram's bounds are looked for.
const BOUNDS_MS: i64 = 3_600_000;

const SERVICE: &str = "$SERVER,destination_workload=$SERVICE";

/// Asks a server for the counts of one target's objectives, again and again.
#[derive(Debug)]
pub struct Reader {
    namespace: String,
    slos: Vec<Slo>,
    /// By length of the window: when it was asked for, and what came.
    windows: BTreeMap<i64, (Timestamp, Vec<Count>)>,
    /// By service: the bounds of its buckets as the server writes them, ascending.
    bounds: BTreeMap<String, (Timestamp, Vec<(f64, String)>)>,
}

/// How all objectives stand.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Counted {
    /// One for each objective, in their order.
    pub statuses: Vec<SloStatus>,
    /// Those that burn too fast, and how bad that is.
    pub burning: Vec<(SloImpact, Severity)>,
}

/// Events, or why there are none.
type Count = Result<Option<Events>, String>;

impl Reader {
    /// For the services of a namespace; of more than [`MAX_OBJECTIVES`] the first ones.
    pub fn new(namespace: impl Into<String>, mut slos: Vec<Slo>) -> Self {
        slos.truncate(MAX_OBJECTIVES);
        Self { namespace: namespace.into(), slos, windows: BTreeMap::new(), bounds: BTreeMap::new() }
    }

    /// How the objectives stand now. `since`: when the incident that goes on began, to tell what it costs. At most one request for each
    /// window and each objective with expressions of its own, one for all the others together, and an hourly one for each latency.
    ///
    /// # Errors
    /// [`RequestError`] when the server does not answer at all; a single expression that it refuses makes its objective unknown.
    pub fn look(&mut self, client: &Client, now: Timestamp, since: Option<Timestamp>) -> Result<Counted, RequestError> {
        if self.slos.is_empty() {
            return Ok(Counted::default());
        }
        self.learn_bounds(client, now)?;
        let mut wanted: Vec<i64> = WINDOWS_MS.to_vec();
        wanted.extend(self.slos.iter().map(|s| s.objective.period_ms));
        wanted.sort_unstable();
        wanted.dedup();
        for window_ms in wanted {
            let old = |at: &Timestamp| !(0..(window_ms / 60).min(MAX_AGE_MS)).contains(&(now.ms() - at.ms()));
            if self.windows.get(&window_ms).is_none_or(|(at, _)| old(at)) {
                let counts = self.count(client, window_ms, now)?;
                self.windows.insert(window_ms, (now, counts));
            }
        }
        let mut counted = Counted { statuses: self.statuses(), burning: Vec::new() };
        let burning: Vec<_> = (0..self.slos.len())
            .filter_map(|i| Some((i, slo::firing_alert(self.slos[i].objective.target, &self.events(i))?)))
            .collect();
        let span_ms = since.map(|since| now.ms() - since.ms()).filter(|ms| *ms >= 1000 && !burning.is_empty());
        let spent = span_ms.map(|ms| self.count(client, ms, now)).transpose()?;
        for (i, (alert, burn)) in burning {
            let events = spent.as_ref().and_then(|s| s[i].clone().ok().flatten());
            let impact = slo::impact(&self.slos[i].objective, burn, events, span_ms.unwrap_or_default());
            counted.burning.push((impact, alert.severity));
        }
        Ok(counted)
    }

    fn statuses(&self) -> Vec<SloStatus> {
        let of = |(i, slo): (usize, &Slo)| {
            let period = self.windows.get(&slo.objective.period_ms).map(|(_, counts)| &counts[i]);
            let events = period.and_then(|c| c.clone().ok().flatten());
            let mut status = slo::status(&slo.objective, &self.events(i), events);
            if let Some(Err(why)) = period {
                status.unknown_because = Some(why.clone());
            }
            status
        };
        self.slos.iter().enumerate().map(of).collect()
    }

    fn events(&self, i: usize) -> [Option<Events>; 4] {
        WINDOWS_MS.map(|ms| self.windows.get(&ms).and_then(|(_, counts)| counts[i].clone().ok().flatten()))
    }

    fn count(&self, client: &Client, window_ms: i64, now: Timestamp) -> Result<Vec<Count>, RequestError> {
        let queries: Vec<Result<[String; 2], String>> = self.slos.iter().map(|s| self.queries(s, window_ms)).collect();
        let is_own = |i: usize| matches!(self.slos[i].indicator, Indicator::Events { .. } | Indicator::Ratio { .. });
        let shared: Vec<usize> = (0..queries.len()).filter(|i| queries[*i].is_ok() && !is_own(*i)).collect();
        let mut counts: Vec<Count> = queries.iter().map(|q| q.as_ref().map(|_| None).map_err(String::clone)).collect();
        let ask = |which: &[usize]| {
            let parts = which.iter().filter_map(|i| queries[*i].as_ref().ok()).flatten().cloned();
            client.instant(&promql::join(&parts.collect::<Vec<_>>()), now)
        };
        if !shared.is_empty() {
            let answer = ask(&shared)?;
            for (at, i) in shared.iter().enumerate() {
                counts[*i] = Ok(events(&answer, at));
            }
        }
        for i in (0..queries.len()).filter(|i| queries[*i].is_ok() && is_own(*i)) {
            counts[i] = match ask(&[i]) {
                Ok(answer) => Ok(events(&answer, 0)),
                Err(error) if error.is_refusal() => Err(error.to_string()),
                Err(error) => return Err(error),
            };
        }
        Ok(counts)
    }

    /// Bad events and all of them.
    fn queries(&self, slo: &Slo, window_ms: i64) -> Result<[String; 2], String> {
        let window = promql::duration(window_ms.max(1000) / 1000 * 1000);
        let of = |template: &str| {
            let values = Values { namespace: self.namespace.clone(), rate_ms: window_ms, span_ms: window_ms };
            // The service is put in last, into text that is not looked at again.
            let parts = template.split("$SERVICE").map(|part| promql::fill(&part.replace("$WINDOW", &window), &values));
            parts.collect::<Vec<_>>().join(&promql::quote(&slo.objective.service))
        };
        let sum = |series: &str, more: &str| of(&format!("sum(increase({series}{{{SERVICE}{more}}}[$WINDOW]))"));
        let requests = |more: &str| sum("istio_requests_total", more);
        Ok(match &slo.indicator {
            Indicator::Availability => {
                let failed = [requests(",$HTTP_FAILED"), requests(",$GRPC_FAILED")];
                [failed.map(|f| format!("({f} or vector(0))")).join(" + "), requests("")]
            }
            Indicator::Latency { under_ms } => {
                let bucket = "istio_request_duration_milliseconds_bucket";
                let bounds = self.bounds.get(&slo.objective.service).map(|(_, bounds)| bounds.as_slice());
                let bound = bounds.unwrap_or_default().iter().find(|(ms, _)| ms >= under_ms);
                let (_, le) =
                    bound.ok_or_else(|| format!("{bucket} of this service has no bound from {under_ms} ms on"))?;
                let (all, good) = (sum(bucket, ",le=\"+Inf\""), sum(bucket, &format!(",le={}", promql::quote(le))));
                [format!("{all} - {good}"), all]
            }
            Indicator::Events { bad, all } => [bad, all].map(|own| own.replace("$WINDOW", &window)),
            Indicator::Ratio { bad } => {
                // How many events there were is not said; as many as it takes to be believed.
                let bad = bad.replace("$WINDOW", &window);
                [format!("({bad}) * {MIN_EVENTS}"), format!("({bad}) * 0 + {MIN_EVENTS}")]
            }
        })
    }

    fn learn_bounds(&mut self, client: &Client, now: Timestamp) -> Result<(), RequestError> {
        let latencies = self.slos.iter().filter(|s| matches!(s.indicator, Indicator::Latency { .. }));
        let services: Vec<String> = latencies.map(|s| s.objective.service.clone()).collect();
        for service in services {
            if self.bounds.get(&service).is_some_and(|(at, b)| now.ms() - at.ms() < MAX_AGE_MS && !b.is_empty()) {
                continue;
            }
            let values = Values { namespace: self.namespace.clone(), rate_ms: BOUNDS_MS, span_ms: BOUNDS_MS };
            let bucket = "group by (le) (last_over_time(istio_request_duration_milliseconds_bucket{$SERVER,destination_workload=";
            let query = format!(
                "{}{}}}[{}]))",
                promql::fill(bucket, &values),
                promql::quote(&service),
                promql::duration(BOUNDS_MS)
            );
            let answer = client.instant(&query, now)?;
            let bound = |le: &String| Some((le.parse::<f64>().ok().filter(|ms| ms.is_finite())?, le.clone()));
            let mut bounds: Vec<(f64, String)> =
                answer.series.iter().filter_map(|s| s.labels.get("le").and_then(bound)).collect();
            bounds.sort_by(|a, b| a.0.total_cmp(&b.0));
            self.bounds.insert(service, (now, bounds));
        }
        Ok(())
    }
}

/// The counts of the `at`-th objective of an answer; without a count of all nothing is known.
fn events(answer: &Answer, at: usize) -> Option<Events> {
    let of = |part: usize| {
        let part = part.to_string();
        let series = answer.series.iter().find(|s| s.labels.get(promql::PART) == Some(&part))?;
        series.points.last().map(|(_, value)| *value).filter(|v| v.is_finite())
    };
    let all = of(2 * at + 1)?;
    Some(Events { bad: of(2 * at).unwrap_or(0.0).max(0.0), all })
}
