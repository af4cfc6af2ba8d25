//! A simulated shop that is watched for hours, shared by several tests.
#![allow(dead_code, clippy::unwrap_used, reason = "each test file uses a part of it, and a test may panic")]
#![allow(clippy::allow_attributes, reason = "what is used differs from file to file, so `expect` cannot hold")]

use std::ops::Range;

use automap_core::frame::{RawSeries, assemble};
use automap_core::incident::{Incident, Severity, SloImpact, TimelineKind};
use automap_core::observation::Observation;
use automap_core::time::{Timestamp, WindowHint};
use automap_core::topology::{CallGraph, Protocol};
use automap_core::watch::{Alert, Watch, WatchInput, WatchOptions};

pub(crate) const STEP_MS: i64 = 5000;
/// Samples available at each poll: 25 minutes.
pub(crate) const HISTORY: usize = 300;
/// Samples between two polls: 20 s.
pub(crate) const EVERY: usize = 4;
/// Samples that a rate is averaged over: one minute.
pub(crate) const RATE: usize = 12;
pub(crate) const CALLS: [(&str, &str); 4] =
    [("front-end", "orders"), ("front-end", "catalogue"), ("orders", "payment"), ("orders", "user")];
pub(crate) const SERVICES: [&str; 6] = ["cart-cron", "catalogue", "front-end", "orders", "payment", "user"];

pub(crate) fn time(row: usize) -> Timestamp {
    Timestamp::from_ms(1_700_000_000_000 + row as i64 * STEP_MS)
}

/// Repeatable noise in [-1, 1), smoothed like a rate over a minute.
pub(crate) fn noise(series: usize, row: usize) -> f64 {
    let white = |i: usize| {
        let mut x = (series as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15)
            ^ (i as u64 + 1).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        x ^= x >> 31;
        x = x.wrapping_mul(0x94D0_49BB_1331_11EB);
        x ^= x >> 29;
        (x >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    };
    (0..RATE).map(|k| white(row + RATE - k)).sum::<f64>() / (RATE as f64).sqrt()
}

/// Preserves gaps, which `max` would turn into zeros.
fn not_below_zero(v: f64) -> f64 {
    if v < 0.0 { 0.0 } else { v }
}

/// A scenario's change of the data: (service, metric, peer, row, value) → value.
type Change = dyn Fn(&str, &str, Option<&str>, usize, f64) -> f64;

pub(crate) struct Shop {
    pub(crate) change: Box<Change>,
    /// The seed of the noise.
    pub(crate) seed: usize,
    /// Of this many rows one is sampled.
    pub(crate) every: usize,
    /// Whether callers count their calls, so that the users' symptoms can be attributed along them.
    pub(crate) counts_calls: bool,
    /// Its services, and who calls whom.
    pub(crate) services: &'static [&'static str],
    pub(crate) calls: &'static [(&'static str, &'static str)],
}

impl Shop {
    pub(crate) fn new(change: impl Fn(&str, &str, Option<&str>, usize, f64) -> f64 + 'static) -> Self {
        Self { change: Box::new(change), seed: 0, every: 1, counts_calls: false, services: &SERVICES, calls: &CALLS }
    }

    pub(crate) fn calm() -> Self {
        Self::new(|_, _, _, _, v| v)
    }

    /// Both changes at once.
    pub(crate) fn and(self, other: Self) -> Self {
        let counts_calls = self.counts_calls || other.counts_calls;
        let (services, calls) = (self.services, self.calls);
        let both = Self::new(move |s, m, p, row, v| (other.change)(s, m, p, row, (self.change)(s, m, p, row, v)));
        Self { counts_calls, services, calls, ..both }
    }

    /// The same with another noise.
    pub(crate) fn seeded(self, seed: usize) -> Self {
        Self { seed, ..self }
    }

    /// The same with one of three rows: a sample every 15 s.
    pub(crate) fn sampled_every_15_s(self) -> Self {
        Self { every: 3, ..self }
    }

    /// The data of the rows `from..to`.
    pub(crate) fn observation(&self, from: usize, to: usize) -> Observation {
        let rows = || (from..to).filter(|row| row.is_multiple_of(self.every));
        let mut raw = Vec::new();
        let mut add = |service: &str, metric: &str, peer: Option<&str>, level: f64, spread: f64| {
            let n = self.seed * 1000 + raw.len();
            let value = |row: usize| (self.change)(service, metric, peer, row, level * (1.0 + spread * noise(n, row)));
            let points = rows().map(|row| (time(row), not_below_zero(value(row)))).collect();
            raw.push(RawSeries { service: service.into(), metric: metric.into(), peer: peer.map(Into::into), points });
        };
        for s in self.services.iter().copied() {
            let requests = if s == "cart-cron" { 0.02 } else { 20.0 };
            add(s, "throughput_rps", None, requests, 0.05);
            add(s, "latency_ms", None, 15.0, 0.05);
            add(s, "latency_p95_ms", None, 40.0, 0.1);
            add(s, "error_ratio", None, 0.002, 0.8);
            add(s, "cpu_cores", None, 0.1, 0.05);
            add(s, "memory_bytes", None, 9e7, 0.01);
            add(s, "restarts", None, 0.0, 0.0);
        }
        for (caller, callee) in self.calls.iter().copied() {
            add(caller, "client_latency_ms", Some(callee), 18.0, 0.05);
            add(caller, "served_latency_ms", Some(callee), 15.0, 0.05);
            add(caller, "client_error_ratio", Some(callee), 0.002, 0.8);
        }
        for (caller, callee) in self.calls.iter().copied().filter(|_| self.counts_calls) {
            add(caller, "client_rps", Some(callee), 20.0, 0.05);
        }
        let (frame, notes) = assemble(raw, rows().map(time).collect()).unwrap();
        let mut calls = CallGraph::new();
        self.calls.iter().for_each(|(a, b)| calls.add(a, b, Protocol::Request));
        let hint = WindowHint::default();
        Observation { hint, notes, ..Observation::new(frame, calls, "test") }
    }

    /// One poll after this many rows, with firing alerts.
    pub(crate) fn poll(&self, watch: &mut Watch, end: usize, alerts: &[Alert]) -> Vec<Incident> {
        self.poll_with(watch, end, &[], alerts)
    }

    /// The same with burning objectives.
    pub(crate) fn poll_with(
        &self,
        watch: &mut Watch,
        end: usize,
        slos: &[(SloImpact, Severity)],
        alerts: &[Alert],
    ) -> Vec<Incident> {
        let observation = self.observation(end.saturating_sub(HISTORY), end);
        watch
            .evaluate(&WatchInput { now: time(end - 1), observation: &observation, slos, uncounted: &[], alerts })
            .changes
    }

    /// Polls the rows `from..to` and returns every change, as a store would receive them.
    pub(crate) fn watch(&self, watch: &mut Watch, from: usize, to: usize) -> Vec<Incident> {
        (from..=to).step_by(EVERY).flat_map(|end| self.poll(watch, end, &[])).collect()
    }

    pub(crate) fn incidents(&self, rows: usize) -> Vec<Incident> {
        let mut watch = Watch::new("shop", WatchOptions::default());
        self.watch(&mut watch, 12, rows)
    }
}

pub(crate) fn hours(h: f64) -> usize {
    (h * 3600.0 * 1000.0 / STEP_MS as f64) as usize
}

pub(crate) const fn minutes(m: usize) -> usize {
    m * 60_000 / STEP_MS as usize
}

/// Payment's CPU is busy: it and all services that wait for it are slow.
pub(crate) fn busy_payment(from: usize, to: usize) -> Shop {
    busy_payment_in(std::slice::from_ref(&(from..to)))
}

/// The same in several stretches of rows.
pub(crate) fn busy_payment_in(rows: &[Range<usize>]) -> Shop {
    let rows = rows.to_vec();
    Shop::new(move |service, metric, peer, row, v| {
        let on = rows.iter().any(|r| r.contains(&row));
        let waits = matches!(
            (service, metric, peer),
            ("payment" | "orders" | "front-end", "latency_ms" | "latency_p95_ms", None)
                | ("orders", "client_latency_ms" | "served_latency_ms", Some("payment"))
                | ("front-end", "client_latency_ms" | "served_latency_ms", Some("orders"))
        );
        match (service, metric) {
            _ if !on => v,
            ("payment", "cpu_cores") => v + 0.8,
            _ if waits => v + 200.0,
            _ => v,
        }
    })
}

pub(crate) fn entry_kinds(incident: &Incident) -> Vec<TimelineKind> {
    incident.timeline.iter().map(|e| e.kind).collect()
}

/// A service takes longer, and its CPU is busy: all services that wait for it take longer too.
pub(crate) fn slow(service: &'static str, extra_ms: f64, rows: Range<usize>) -> Shop {
    slow_among(&CALLS, service, extra_ms, rows)
}

/// The same among others that call each other.
pub(crate) fn slow_among(
    calls: &'static [(&'static str, &'static str)],
    service: &'static str,
    extra_ms: f64,
    rows: Range<usize>,
) -> Shop {
    let change = move |s: &str, metric: &str, peer: Option<&str>, row: usize, v: f64| {
        let waits = |at: &str| at == service || calls.iter().any(|(a, b)| *a == at && waits_for(calls, b, service));
        let is_slow = match (metric, peer) {
            ("latency_ms" | "latency_p95_ms", None) => waits(s),
            ("client_latency_ms" | "served_latency_ms", Some(callee)) => waits(callee),
            _ => false,
        };
        match metric {
            _ if !rows.contains(&row) => v,
            "cpu_cores" if s == service => v + 0.8,
            _ if is_slow => v + extra_ms,
            _ => v,
        }
    };
    Shop { counts_calls: true, ..Shop::new(change) }
}

/// Whether a service is the same as another, or calls it, directly or through others.
fn waits_for(calls: &[(&str, &str)], service: &str, other: &str) -> bool {
    service == other || calls.iter().any(|(a, b)| *a == service && waits_for(calls, b, other))
}

/// An alert that began at that moment and names services.
pub(crate) fn alert(key: &str, started: Timestamp, services: &[&str]) -> Alert {
    let services = services.iter().map(|s| (*s).to_owned()).collect();
    Alert { key: key.into(), summary: format!("{key} fires"), started, services }
}
