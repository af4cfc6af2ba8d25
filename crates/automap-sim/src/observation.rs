//! A recording as seen by a diagnosis: rates over a window of several scrapes, computed from counters as in Prometheus, under automap's own names.
//!
//! *Example.* With a scrape every 5 s there is a value every 5 s, from the counters of the last 20 s: the increase between the first and the last
//! scrape in the window, divided by the time between them. A counter that is lower than before has restarted. A window with fewer than two scrapes
//! has no value: a gap, never a zero.

use automap_core::entity::{Entities, Entity, EntityKind};
use automap_core::frame::{FrameError, RawSeries, assemble};
use automap_core::metric as m;
use automap_core::observation::Observation;
use automap_core::time::Timestamp;
use automap_core::topology::{CallGraph, Protocol};

use crate::fleet::Recording;
use crate::meters::{BUCKETS_MS, NodeSample, ServiceMeter, ServiceSample};
use crate::plan::{Plan, Service};

/// Scrapes in the window of a rate.
const WINDOW: usize = 4;
const MIB: f64 = 1_048_576.0;

/// Start of a simulated recording: a Monday in November.
pub const START: Timestamp = Timestamp::from_ms(1_763_942_400_000);

/// A time in a recording.
pub fn time(s: f64) -> Timestamp {
    START.plus_ms((s * 1e3).round() as i64)
}

/// The metrics, calls and entities of a recording. O(services · scrapes · metrics).
///
/// # Errors
/// [`FrameError`] when there are more cells than a frame can hold.
pub fn observe(plan: &Plan, recording: &Recording, scrape_s: f64, length_s: f64) -> Result<Observation, FrameError> {
    let times: Vec<f64> = (1..=(length_s / scrape_s) as usize).map(|i| i as f64 * scrape_s).collect();
    let mut raw = Vec::new();
    let callers = plan.callers();
    for (i, (service, samples)) in plan.services.iter().zip(&recording.services).enumerate() {
        let windows: Vec<Window<'_>> = times.iter().map(|t| Window::at(samples, *t, scrape_s)).collect();
        of_service(plan, service, &times, &windows, &mut raw);
        if service.has_side_car() {
            of_callers(plan, (service, &callers[i]), &times, &windows, &mut raw);
        }
    }
    for (node, samples) in recording.nodes.iter().enumerate() {
        let windows: Vec<&[NodeSample]> = times.iter().map(|t| within(samples, |s| s.at_s, *t, scrape_s)).collect();
        of_node(plan, node, &times, &windows, &mut raw);
    }
    let (frame, notes) = assemble(raw, times.into_iter().map(time).collect())?;
    let (calls, entities) = relations(plan);
    Ok(Observation { entities, notes, ..Observation::new(frame, calls, "simulated") })
}

fn relations(plan: &Plan) -> (CallGraph, Entities) {
    let (mut calls, mut entities) = (CallGraph::new(), Entities::default());
    for service in &plan.services {
        for call in &service.calls {
            calls.add(&service.name, &plan.services[call.to].name, Protocol::Request);
        }
        if let Some(broker) = service.consumes {
            calls.add(&service.name, &plan.services[broker].name, Protocol::Tcp);
        }
        if service.kind != EntityKind::Service {
            entities.describe(&service.name, Entity::of(service.kind));
        }
        entities.place(&service.name, &plan.node_name(service.node), 1);
    }
    for node in 0..plan.nodes.len() {
        entities.describe(&plan.node_name(node), Entity::of(EntityKind::Node));
    }
    (calls, entities)
}

/// The scrapes in the window that ends at `t`.
fn within<S>(samples: &[S], at_s: impl Fn(&S) -> f64, t: f64, scrape_s: f64) -> &[S] {
    let from = samples.partition_point(|s| at_s(s) <= t - WINDOW as f64 * scrape_s);
    let to = samples.partition_point(|s| at_s(s) <= t);
    &samples[from..to]
}

/// The scrapes of a service that one value is computed from.
struct Window<'a> {
    samples: &'a [ServiceSample],
}

impl<'a> Window<'a> {
    fn at(samples: &'a [ServiceSample], t: f64, scrape_s: f64) -> Self {
        Self { samples: within(samples, |s| s.at_s, t, scrape_s) }
    }

    fn last(&self) -> Option<&'a ServiceSample> {
        self.samples.last()
    }

    /// The increase of a counter, and over how many seconds.
    fn increase(&self, of: &dyn Fn(&ServiceMeter) -> f64) -> Option<(f64, f64)> {
        let counted: Vec<(f64, f64)> =
            self.samples.iter().filter_map(|s| Some((s.at_s, of(s.meter.as_ref()?)))).collect();
        let (first, last) = (counted.first()?, counted.last()?);
        let seconds = last.0 - first.0;
        let rise = |pair: &[(f64, f64)]| if pair[1].1 < pair[0].1 { pair[1].1 } else { pair[1].1 - pair[0].1 };
        (seconds > 0.0).then(|| (counted.windows(2).map(rise).sum(), seconds))
    }

    fn rate(&self, of: &dyn Fn(&ServiceMeter) -> f64) -> Option<f64> {
        self.increase(of).map(|(rise, seconds)| rise / seconds)
    }

    /// One counter's increase divided by another's; `None` if the other did not increase.
    fn ratio(&self, of: &dyn Fn(&ServiceMeter) -> f64, by: &dyn Fn(&ServiceMeter) -> f64) -> Option<f64> {
        let (above, below) = (self.increase(of)?.0, self.increase(by)?.0);
        (below > 0.0).then_some(above / below)
    }

    /// The 95th percentile, by interpolation in its bucket as `histogram_quantile` does.
    fn p95_ms(&self) -> Option<f64> {
        let rises: Vec<f64> =
            (0..=BUCKETS_MS.len()).map(|b| self.increase(&|m| m.bucket(b)).map_or(0.0, |r| r.0)).collect();
        let all: f64 = rises.iter().sum();
        if all <= 0.0 {
            return None;
        }
        let mut left = 0.95 * all;
        for (bucket, rise) in rises.iter().enumerate() {
            if left <= *rise {
                let below = if bucket == 0 { 0.0 } else { BUCKETS_MS[bucket - 1] };
                let above = BUCKETS_MS.get(bucket).copied().unwrap_or(below);
                return Some(below + (above - below) * left / rise.max(f64::MIN_POSITIVE));
            }
            left -= rise;
        }
        BUCKETS_MS.last().copied()
    }
}

/// A series of the value known at each time.
fn series(
    name: &str,
    metric: &str,
    peer: Option<&str>,
    times: &[f64],
    values: impl Iterator<Item = Option<f64>>,
) -> RawSeries {
    let points = times.iter().zip(values).filter_map(|(t, value)| Some((time(*t), value?))).collect();
    RawSeries { service: name.to_owned(), metric: metric.to_owned(), peer: peer.map(ToOwned::to_owned), points }
}

fn of_node(plan: &Plan, node: usize, times: &[f64], windows: &[&[NodeSample]], raw: &mut Vec<RawSeries>) {
    let (name, cores) = (plan.node_name(node), plan.nodes[node]);
    let rate = |window: &[NodeSample], of: fn(&NodeSample) -> f64| {
        let (first, last) = (window.first()?, window.last()?);
        let seconds = last.at_s - first.at_s;
        (seconds > 0.0).then(|| (of(last) - of(first)) / seconds)
    };
    let mut add = |metric: &str, value: &dyn Fn(&[NodeSample]) -> Option<f64>| {
        raw.push(series(&name, metric, None, times, windows.iter().map(|w| value(w))));
    };
    add(m::CPU_USED_RATIO, &|w| rate(w, |s| s.cpu_s).map(|used| (used / cores).min(1.0)));
    add(m::DISK_BUSY_RATIO, &|w| rate(w, |s| s.disk_s).map(|busy| busy.min(1.0)));
    add(m::CPU_CAPACITY_CORES, &|w| rate(w, |s| s.cpu_s).map(|_| cores));
}

fn of_service(plan: &Plan, service: &Service, times: &[f64], windows: &[Window<'_>], raw: &mut Vec<RawSeries>) {
    let mut add = |metric: &str, peer: Option<&str>, value: &dyn Fn(&Window<'_>) -> Option<f64>| {
        raw.push(series(&service.name, metric, peer, times, windows.iter().map(value)));
    };
    // A service without a sidecar is known from its callers' waiting time and from its exporter.
    if service.has_side_car() {
        add(m::THROUGHPUT_RPS, None, &|w| w.rate(&|m| m.requests().count));
        add(m::LATENCY_MS, None, &|w| w.ratio(&|m| m.requests().duration_ms, &|m| m.requests().count));
        add(m::LATENCY_P95_MS, None, &|w| w.p95_ms());
        add(m::ERROR_RATIO, None, &|w| w.ratio(&|m| m.requests().errors, &|m| m.requests().count));
    }
    if service.kind == EntityKind::Broker {
        add(m::QUEUE_DEPTH, None, &|w| w.last().filter(|s| s.is_ready).map(|s| s.messages));
        add(m::CONSUMERS, None, &|w| w.last().filter(|s| s.is_ready).map(|s| s.consumers));
        let unconsumed = |s: &ServiceSample| f64::from(u8::from(s.consumers == 0.0 && s.messages > 0.0));
        add(m::UNCONSUMED_QUEUES, None, &|w| w.last().filter(|s| s.is_ready).map(unconsumed));
    }
    if let Some(broker) = service.consumes {
        let peer = Some(plan.services[broker].name.as_str());
        add(m::TCP_BYTES_PER_S, peer, &|w| w.rate(&|m| m.received_bytes));
    }
    if service.kind == EntityKind::Store {
        add(m::CONNECTIONS_USED_RATIO, None, &|w| w.last().map(|s| s.used));
        add(m::LOCK_WAITERS, None, &|w| w.last().map(|s| s.lock_waiters));
    }
    add(m::CPU_CORES, None, &|w| w.rate(&|m| m.cpu_s));
    add(m::CPU_THROTTLED_RATIO, None, &|w| w.ratio(&|m| m.throttled, &|m| m.periods));
    add(m::MEMORY_BYTES, None, &|w| w.last().filter(|s| s.is_ready).map(|s| s.memory_mib * MIB));
    add(m::NETWORK_IN_BYTES_PER_S, None, &|w| w.rate(&|m| m.received_bytes));
    add(m::NETWORK_OUT_BYTES_PER_S, None, &|w| w.rate(&|m| m.sent_bytes));
    if service.disk_ms > 0.0 {
        add(m::DISK_WRITE_BYTES_PER_S, None, &|w| w.rate(&|m| m.written_bytes));
    }
    add(m::RESTARTS, None, &|w| Some(w.last()?.restarts - w.samples.first()?.restarts));
    add(m::NOT_READY, None, &|w| w.last().map(|s| f64::from(u8::from(!s.is_ready))));
    for (edge, call) in service.calls.iter().enumerate() {
        let peer = Some(plan.services[call.to].name.as_str());
        add(m::CLIENT_RPS, peer, &|w| w.rate(&|m| m.calls[edge].count));
        add(m::CLIENT_LATENCY_MS, peer, &|w| w.ratio(&|m| m.calls[edge].duration_ms, &|m| m.calls[edge].count));
        add(m::CLIENT_ERROR_RATIO, peer, &|w| w.ratio(&|m| m.calls[edge].errors, &|m| m.calls[edge].count));
    }
}

/// What a service itself measures for each caller's requests.
fn of_callers(
    plan: &Plan,
    (service, callers): (&Service, &[usize]),
    times: &[f64],
    windows: &[Window<'_>],
    raw: &mut Vec<RawSeries>,
) {
    for (place, caller) in callers.iter().enumerate() {
        let took = |m: &ServiceMeter| m.served[place].requests.duration_ms;
        let answered = |m: &ServiceMeter| m.served[place].requests.count;
        let values = windows.iter().map(|w| w.ratio(&took, &answered));
        raw.push(series(&plan.services[*caller].name, m::SERVED_LATENCY_MS, Some(&service.name), times, values));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::meters::Requests;

    fn sample(at_s: f64, count: f64, ms: f64) -> ServiceSample {
        let mut meter = ServiceMeter::new(1, 0);
        meter.served[0].requests = Requests { count, errors: 0.0, duration_ms: ms };
        meter.served[0].buckets[3] = count;
        ServiceSample {
            at_s,
            meter: Some(meter),
            memory_mib: 100.0,
            restarts: 0.0,
            is_ready: true,
            lock_waiters: 0.0,
            used: 0.5,
            pods: 1.0,
            messages: 0.0,
            consumers: 0.0,
        }
    }

    #[test]
    fn rates_are_made_of_the_scrapes_in_the_window_and_a_counter_may_begin_anew() {
        let samples = [sample(1.0, 100.0, 1000.0), sample(6.0, 150.0, 1500.0), sample(11.0, 20.0, 400.0)];
        let window = Window::at(&samples, 15.0, 5.0);
        assert_eq!(window.rate(&|m| m.requests().count), Some(7.0), "50 and then 20 more, in 10 s");
        let mean = window.ratio(&|m| m.requests().duration_ms, &|m| m.requests().count).unwrap();
        assert!((mean - 900.0 / 70.0).abs() < 1e-9);
        assert_eq!(window.p95_ms(), Some(9.75), "between 5 and 10 ms");
        assert_eq!(Window::at(&samples, 4.0, 5.0).rate(&|m| m.requests().count), None, "one scrape is no rate");
    }
}
