//! The shop in a real Prometheus: five services behind Istio's side-cars; a quarter of an hour before the end catalogue becomes slow.

use std::fmt::Write as _;
use std::net::SocketAddr;

use automap_core::random::Rng;

use crate::prometheus::Prometheus;

/// Start of the data, in Unix seconds; a multiple of two hours, so that it makes one block.
const START_S: u64 = 1_794_996_000;
const LENGTH_S: u64 = 3600;
const SCRAPE_S: u64 = 15;
/// When catalogue becomes slow.
const FAULT_S: u64 = 2700;
/// When payment's pods are replaced, so that their counters restart.
const RESET_S: u64 = 1500;
/// Bounds of the histogram in milliseconds.
const BOUNDS: [u32; 9] = [5, 10, 25, 50, 100, 250, 500, 1000, 2500];

/// Caller, callee, requests a second, latency in milliseconds, and the latency added by the fault.
const CALLS: [(&str, &str, f64, f64, f64); 6] = [
    ("unknown", "front-end", 40.0, 60.0, 90.0),
    ("front-end", "catalogue", 30.0, 20.0, 120.0),
    ("front-end", "orders", 10.0, 50.0, 0.0),
    ("front-end", "user", 12.0, 8.0, 0.0),
    ("orders", "payment", 10.0, 15.0, 0.0),
    ("orders", "user", 9.0, 8.0, 0.0),
];

/// The server with the shop's data.
pub(crate) struct World(Prometheus);

impl World {
    /// The service with the fault.
    pub(crate) const CAUSE: &str = "catalogue";

    /// First and last time of the data, and the start of the incident, in Unix seconds.
    pub(crate) const TIMES_S: (u64, u64, u64) = (START_S + 300, START_S + LENGTH_S, START_S + FAULT_S);

    /// `None` if Prometheus is not installed. In continuous integration that fails instead.
    pub(crate) fn start() -> Option<Self> {
        Prometheus::backfilled("torture", &series()).map(Self)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.0.address
    }
}

/// The growth of a counter, with its noise.
struct Counter {
    requests: f64,
    sum_ms: f64,
    buckets: [f64; BOUNDS.len() + 1],
}

impl Counter {
    const ZERO: Self = Self { requests: 0.0, sum_ms: 0.0, buckets: [0.0; BOUNDS.len() + 1] };

    /// This many requests, half of them a third faster and half a third slower than the mean.
    fn add(&mut self, requests: f64, mean_ms: f64) {
        self.requests += requests;
        self.sum_ms += requests * mean_ms;
        for share in [2.0 / 3.0, 4.0 / 3.0] {
            let place = BOUNDS.iter().position(|b| share * mean_ms <= f64::from(*b)).unwrap_or(BOUNDS.len());
            self.buckets[place] += requests / 2.0;
        }
    }

    fn lines(&self, out: &mut String, labels: &str, time: u64) {
        writeln!(out, "istio_requests_total{{{labels},response_code=\"200\"}} {} {time}", self.requests.round())
            .unwrap();
        let name = "istio_request_duration_milliseconds";
        let bounds = BOUNDS.iter().map(|b| b.to_string()).chain(std::iter::once("+Inf".to_owned()));
        let mut below = 0.0;
        for (bound, count) in bounds.zip(self.buckets) {
            below += count;
            writeln!(out, "{name}_bucket{{{labels},le=\"{bound}\"}} {} {time}", below.round()).unwrap();
        }
        writeln!(
            out,
            "{name}_sum{{{labels}}} {:.3} {time}\n{name}_count{{{labels}}} {} {time}",
            self.sum_ms,
            self.requests.round()
        )
        .unwrap();
    }
}

/// All series in the format that `promtool` reads.
fn series() -> String {
    let mut random = Rng::new(7);
    let mut out = String::new();
    for (caller, callee, rps, ms, extra) in CALLS {
        let from = if caller == "unknown" { "unknown" } else { "shop" };
        let labels = |reporter: &str| {
            format!(
                r#"reporter="{reporter}",job="mesh",source_workload="{caller}",source_workload_namespace="{from}",destination_workload="{callee}",destination_workload_namespace="shop",destination_service_name="{callee}""#
            )
        };
        let (mut server, mut client) = (Counter::ZERO, Counter::ZERO);
        for t in (0..=LENGTH_S).step_by(SCRAPE_S as usize) {
            let wobble = |random: &mut Rng, by: f64| 1.0 + by * (random.unit() - 0.5);
            let requests = (rps * SCRAPE_S as f64 * wobble(&mut random, 0.1)).round();
            let mean = ms * wobble(&mut random, 0.2) + if t >= FAULT_S { extra } else { 0.0 };
            if callee == "payment" && t == RESET_S {
                (server, client) = (Counter::ZERO, Counter::ZERO);
            }
            server.add(requests, mean);
            client.add(requests, mean + 2.0 * wobble(&mut random, 0.2));
            server.lines(&mut out, &labels("destination"), START_S + t);
            if caller != "unknown" {
                client.lines(&mut out, &labels("source"), START_S + t);
            }
        }
    }
    out + "# EOF\n"
}
