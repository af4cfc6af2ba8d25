//! A small shop of six services with noise in every metric: the scenarios of `diagnose.rs` and of the metamorphic tests rewrite its series.
//!
//! Left out: how a fault spreads. Each scenario defines itself which series its fault changes.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

use automap_core::frame::{RawSeries, assemble};
use automap_core::observation::Observation;
use automap_core::report::Report;
use automap_core::time::{Timestamp, WindowHint};
use automap_core::topology::{CallGraph, Protocol};
use automap_core::{DiagnoseOptions, diagnose};

/// Samples.
const N: usize = 90;
/// The first sample of the incident.
pub(crate) const FAULT_AT: usize = 60;
pub(crate) const CALLS: [(&str, &str); 6] = [
    ("front-end", "catalogue"),
    ("front-end", "orders"),
    ("front-end", "user"),
    ("orders", "payment"),
    ("orders", "shipping"),
    ("orders", "user"),
];
const SERVICES: [&str; 6] = ["catalogue", "front-end", "orders", "payment", "shipping", "user"];

/// A shop with noise in every metric; a fault rewrites values by (service, metric, peer).
pub(crate) struct Shop {
    pub(crate) raw: Vec<RawSeries>,
    pub(crate) times: Vec<Timestamp>,
}

/// Repeatable noise in [0, 1), uncorrelated enough for a few dozen samples.
pub(crate) fn wobble(series: usize, i: usize) -> f64 {
    let mut x =
        (series as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ (i as u64 + 1).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x ^= x >> 31;
    x = x.wrapping_mul(0x94D0_49BB_1331_11EB);
    (x >> 11) as f64 / (1u64 << 53) as f64
}

impl Shop {
    /// The CPU of `user` is busy, and both of its callers wait.
    pub(crate) fn busy_user() -> Self {
        Self::new()
            .fault("user", "cpu_cores", None, |v| v + 0.5)
            .fault("user", "latency_ms", None, |v| v * 6.0)
            .fault("orders", "served_latency_ms", Some("user"), |v| v * 6.0)
            .fault("front-end", "served_latency_ms", Some("user"), |v| v * 6.0)
            .slow_chain(&["front-end", "user"], 60.0)
            .slow_chain(&["orders", "user"], 60.0)
    }

    pub(crate) fn new() -> Self {
        let times: Vec<_> = (0..N).map(|i| Timestamp::from_ms(1_700_000_000_000 + i as i64 * 5000)).collect();
        let mut raw = Vec::new();
        let mut add = |service: &str, metric: &str, peer: Option<&str>, level: f64, spread: f64| {
            let series = raw.len();
            let value = |i: usize| level * (1.0 + spread * (wobble(series, i) - 0.5));
            let points = times.iter().enumerate().map(|(i, t)| (*t, value(i))).collect();
            raw.push(RawSeries { service: service.into(), metric: metric.into(), peer: peer.map(Into::into), points });
        };
        for s in SERVICES {
            add(s, "latency_ms", None, 12.0, 0.2);
            add(s, "error_ratio", None, 0.0, 0.0);
            add(s, "throughput_rps", None, 40.0, 0.1);
            add(s, "cpu_cores", None, 0.08, 0.1);
            add(s, "memory_bytes", None, 9e7, 0.01);
            add(s, "restarts", None, 0.0, 0.0);
        }
        for (caller, callee) in CALLS {
            add(caller, "client_latency_ms", Some(callee), 14.0, 0.2);
            add(caller, "served_latency_ms", Some(callee), 12.0, 0.2);
            add(caller, "client_error_ratio", Some(callee), 0.0, 0.0);
            add(caller, "client_rps", Some(callee), 40.0, 0.1);
        }
        Self { raw, times }
    }

    pub(crate) fn fault(
        mut self,
        service: &str,
        metric: &str,
        peer: Option<&str>,
        change: impl Fn(f64) -> f64,
    ) -> Self {
        let series =
            self.raw.iter_mut().find(|r| r.service == service && r.metric == metric && r.peer.as_deref() == peer);
        for (_, value) in &mut series.expect("the scenario names a series of the shop").points[FAULT_AT..] {
            *value = change(*value);
        }
        self
    }

    /// Makes the last call of a chain take longer on the network: every caller along the chain is slower, and also measures it itself if it is called
    /// by another.
    pub(crate) fn slow_chain(self, chain: &[&str], extra_ms: f64) -> Self {
        let longer = |v: f64| v + extra_ms;
        let mut shop = self;
        for (i, pair) in chain.windows(2).enumerate() {
            let (caller, callee) = (pair[0], pair[1]);
            shop =
                shop.fault(caller, "client_latency_ms", Some(callee), longer).fault(caller, "latency_ms", None, longer);
            if i + 2 < chain.len() {
                shop = shop.fault(caller, "served_latency_ms", Some(callee), longer);
            }
        }
        shop
    }

    pub(crate) fn observation(self, given: bool) -> Observation {
        let hint = WindowHint { incident_start: given.then(|| self.times[FAULT_AT]), ..WindowHint::default() };
        let (frame, notes) = assemble(self.raw, self.times).unwrap();
        let mut calls = CallGraph::new();
        CALLS.iter().for_each(|(a, b)| calls.add(a, b, Protocol::Request));
        Observation { hint, notes, ..Observation::new(frame, calls, "test") }
    }

    pub(crate) fn report(self) -> Report {
        diagnose(&self.observation(true), &DiagnoseOptions::default()).unwrap()
    }
}
