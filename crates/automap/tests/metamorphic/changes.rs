//! Ways to change an observation that must not change its answer.
//!
//! Each change takes the observation apart into series as a source delivers them, rewrites them, and puts them together again. Left out:
//! anything that adds or removes a change over time, since that is what a diagnosis is made from.

use std::collections::BTreeMap;

use automap_core::frame::{RawSeries, assemble};
use automap_core::observation::Observation;
use automap_core::time::{Interval, Timestamp};
use automap_core::topology::CallGraph;

use crate::shop::wobble;

const DAY_MS: i64 = 86_400_000;
/// India's offset from UTC: neither a whole hour nor a multiple of most scrape intervals in hours.
const INDIA_MS: i64 = 19_800_000;

/// The effect of a change on the answer, apart from names and times.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Effect {
    /// None, to the last digits.
    None,
    /// The confidence changes slightly.
    Little,
    /// As before, but the resources of another service change during the data: without an incident that may be reported as something that users do
    /// not notice.
    Bystander,
}

/// A change that must not matter.
pub(crate) struct Change {
    pub(crate) name: &'static str,
    pub(crate) apply: fn(&Observation) -> Observation,
    pub(crate) effect: Effect,
    /// Maps a service to its name in the changed observation.
    pub(crate) renamed: fn(&str) -> String,
    /// How far the times are shifted, in milliseconds.
    pub(crate) moved_ms: i64,
}

const fn change(name: &'static str, effect: Effect, apply: fn(&Observation) -> Observation) -> Change {
    Change { name, apply, effect, renamed: str::to_owned, moved_ms: 0 }
}

/// All of them.
pub(crate) const CHANGES: [Change; 17] = [
    change("nothing", Effect::None, |o| rewritten(o, |_| ())),
    change("series in another order", Effect::None, shuffled),
    Change { renamed: other_name, ..change("services renamed", Effect::None, renamed_services) },
    Change { moved_ms: DAY_MS, ..change("a day later", Effect::None, |o| moved(o, DAY_MS)) },
    Change { moved_ms: INDIA_MS, ..change("another time zone", Effect::None, |o| moved(o, INDIA_MS)) },
    change("calls declared again", Effect::None, calls_declared_again),
    change("another scrape phase", Effect::Little, another_phase),
    change("twice the traffic", Effect::Little, twice_the_traffic),
    change("twice the replicas", Effect::Little, twice_the_replicas),
    change("an unrelated service", Effect::Little, unrelated_service),
    change("a healthy namespace", Effect::Little, healthy_namespace),
    change("fifty healthy services", Effect::Little, fifty_healthy_services),
    change("constant series", Effect::Little, constant_series),
    change("a service without samples", Effect::Little, service_without_samples),
    change("a bystander scaled out before", Effect::Bystander, bystander_scaled_out),
    change("a bystander that leaks slowly", Effect::Bystander, slow_leak),
    change("a batch job in the baseline", Effect::Bystander, batch_job),
];

/// The series of an observation, with gaps as `NaN`.
fn taken_apart(observation: &Observation) -> Vec<RawSeries> {
    let frame = &observation.frame;
    let name = |service| frame.service(service).to_owned();
    let of = |s: &automap_core::frame::Series| RawSeries {
        service: name(s.service),
        metric: s.metric.name.clone(),
        peer: s.peer.map(name),
        points: frame.times().iter().copied().zip(s.values.iter().copied()).collect(),
    };
    frame.series().iter().map(of).collect()
}

fn with(observation: &Observation, raw: Vec<RawSeries>, times: Vec<Timestamp>) -> Observation {
    let (frame, _) = assemble(raw, times).unwrap();
    Observation { frame, ..observation.clone() }
}

fn rewritten(observation: &Observation, change: impl Fn(&mut Vec<RawSeries>)) -> Observation {
    let mut raw = taken_apart(observation);
    change(&mut raw);
    with(observation, raw, observation.frame.times().to_vec())
}

fn shuffled(observation: &Observation) -> Observation {
    rewritten(observation, |raw| {
        let backwards =
            |r: &RawSeries| format!("{:?}{}{}", r.peer, r.metric, r.service).chars().rev().collect::<String>();
        raw.sort_by_cached_key(backwards);
        raw.iter_mut().for_each(|r| r.points.reverse());
    })
}

/// Reverses the alphabet, so that every tie decided by names would be decided the other way.
fn other_name(service: &str) -> String {
    service.bytes().map(|b| if b.is_ascii_lowercase() { char::from(b'a' + b'z' - b) } else { char::from(b) }).collect()
}

fn renamed_services(observation: &Observation) -> Observation {
    let mut changed = rewritten(observation, |raw| {
        for r in raw {
            r.service = other_name(&r.service);
            r.peer = r.peer.as_deref().map(other_name);
        }
    });
    let mut calls = CallGraph::new();
    for (caller, callee, protocol) in observation.calls.edges() {
        calls.add(&other_name(caller), &other_name(callee), protocol);
    }
    changed.calls = calls;
    changed
}

fn moved(observation: &Observation, by_ms: i64) -> Observation {
    let later = |t: Timestamp| Timestamp::from_ms(t.ms() + by_ms);
    let mut raw = taken_apart(observation);
    raw.iter_mut().flat_map(|r| &mut r.points).for_each(|(t, _)| *t = later(*t));
    let mut changed = with(observation, raw, observation.frame.times().iter().copied().map(later).collect());
    let hint = &mut changed.hint;
    hint.incident_start = hint.incident_start.map(later);
    hint.incident_end = hint.incident_end.map(later);
    hint.baseline = hint.baseline.map(|b| Interval { start: later(b.start), end: later(b.end) });
    changed
}

/// The samples are three tenths of a step earlier; the known times of the incident stay.
fn another_phase(observation: &Observation) -> Observation {
    let mut changed = moved(observation, -3 * observation.frame.step_ms() / 10);
    changed.hint = observation.hint;
    changed
}

/// Twice as many requests and connections all the time, and everything that follows from them.
fn twice_the_traffic(observation: &Observation) -> Observation {
    times_two(observation, |metric| {
        metric.ends_with("_rps") || metric.ends_with("_per_s") || metric.ends_with("cpu_cores")
    })
}

/// Sums over pods double where there are twice as many pods.
fn twice_the_replicas(observation: &Observation) -> Observation {
    times_two(observation, |metric| metric == "memory_bytes")
}

fn times_two(observation: &Observation, is_it: impl Fn(&str) -> bool) -> Observation {
    rewritten(observation, |raw| {
        let doubled = raw.iter_mut().filter(|r| is_it(&r.metric));
        doubled.flat_map(|r| &mut r.points).for_each(|(_, value)| *value *= 2.0);
    })
}

/// A healthy service: its series vary around their levels.
fn healthy(service: &str, seed: usize, times: &[Timestamp]) -> Vec<RawSeries> {
    let levels = [
        ("latency_ms", 25.0, 0.2),
        ("error_ratio", 0.0, 0.0),
        ("throughput_rps", 15.0, 0.1),
        ("cpu_cores", 0.2, 0.1),
        ("memory_bytes", 3e8, 0.01),
        ("restarts", 0.0, 0.0),
    ];
    let series = levels.iter().enumerate().map(|(k, (metric, level, spread))| {
        let value = |i| level * (1.0 + spread * (wobble(seed + k, i) - 0.5));
        let points = times.iter().enumerate().map(|(i, t)| (*t, value(i))).collect();
        RawSeries { service: service.to_owned(), metric: (*metric).to_owned(), peer: None, points }
    });
    series.collect()
}

fn unrelated_service(observation: &Observation) -> Observation {
    rewritten(observation, |raw| raw.extend(healthy("newsletter", 1000, observation.frame.times())))
}

/// Another system that the first never calls, with an entry, a service inside and a store.
fn healthy_namespace(observation: &Observation) -> Observation {
    let names = ["wiki-web", "wiki-search", "wiki-store"];
    let times = observation.frame.times();
    let mut changed = rewritten(observation, |raw| {
        names.iter().enumerate().for_each(|(i, name)| raw.extend(healthy(name, 2000 + 10 * i, times)));
    });
    names.windows(2).for_each(|pair| changed.calls.add(pair[0], pair[1], automap_core::topology::Protocol::Request));
    changed
}

/// Every service gets a metric that never changes, of no known kind and of a known one.
fn constant_series(observation: &Observation) -> Observation {
    rewritten(observation, |raw| {
        let times = observation.frame.times();
        for service in observation.frame.services() {
            for (metric, level) in [("build_info", 1.0), ("disk_write_bytes_per_s", 4096.0)] {
                if raw.iter().any(|r| r.service == *service && r.metric == metric) {
                    continue;
                }
                let points = times.iter().map(|t| (*t, level)).collect();
                raw.push(RawSeries { service: service.clone(), metric: metric.to_owned(), peer: None, points });
            }
        }
    })
}

fn service_without_samples(observation: &Observation) -> Observation {
    rewritten(observation, |raw| {
        let points = observation.frame.times().iter().map(|t| (*t, f64::NAN)).collect();
        let (service, metric) = ("scaled-to-zero".to_owned(), "cpu_cores".to_owned());
        raw.push(RawSeries { service, metric, peer: None, points });
    })
}

fn fifty_healthy_services(observation: &Observation) -> Observation {
    rewritten(observation, |raw| {
        (0..50).for_each(|i| raw.extend(healthy(&format!("team-{i:02}"), 5000 + 10 * i, observation.frame.times())));
    })
}

/// A healthy service that nobody calls, one of whose metrics is rewritten by the sample's place, 0 to 1.
fn bystander(observation: &Observation, metric: &str, change: impl Fn(f64, f64) -> f64) -> Observation {
    rewritten(observation, |raw| {
        let times = observation.frame.times();
        let mut all = healthy("reports", 3000, times);
        for r in all.iter_mut().filter(|r| r.metric == metric) {
            let last = times.len() as f64;
            r.points.iter_mut().enumerate().for_each(|(i, p)| p.1 = change(i as f64 / last, p.1));
        }
        raw.extend(all);
    })
}

/// Twice the pods from the first fifth of the data on, long before any of the incidents.
fn bystander_scaled_out(observation: &Observation) -> Observation {
    bystander(observation, "memory_bytes", |at, v| if at < 0.2 { v } else { 2.0 * v })
}

/// A tenth more memory over the whole time.
fn slow_leak(observation: &Observation) -> Observation {
    bystander(observation, "memory_bytes", |at, v| v * (1.0 + 0.1 * at))
}

/// Five times the processor for a tenth of the time, and over before any of the incidents.
fn batch_job(observation: &Observation) -> Observation {
    bystander(observation, "cpu_cores", |at, v| if (0.1..0.2).contains(&at) { 5.0 * v } else { v })
}

/// A call that the user declares and the mesh has measured is one call, whichever was read first.
fn calls_declared_again(observation: &Observation) -> Observation {
    let mut changed = observation.clone();
    let known: BTreeMap<(String, String), _> =
        observation.calls.edges().map(|(from, to, protocol)| ((from.to_owned(), to.to_owned()), protocol)).collect();
    known.keys().for_each(|(from, to)| changed.calls.assert_call(from, to));
    changed
}
