//! Istio's sidecars: both ends count every call, except at stores, which have none.
//!
//! Durations are histograms at the serving end; at the sending end only their sum and count are kept, as many do to limit the number of series.

use automap_core::entity::EntityKind;

use super::family::{Family, Rows};
use super::world::{Life, NAMESPACE, Row, World, labels};
use crate::meters::{BUCKETS_MS, Requests, ServiceSample};

/// Families of sidecars.
pub(super) static FAMILIES: [Family; 3] = [
    Family { name: "istio_requests", kind: "counter", rows: Rows::Services(requests) },
    Family { name: "istio_request_duration_milliseconds", kind: "histogram", rows: Rows::Services(durations) },
    Family { name: "istio_tcp_received_bytes", kind: "counter", rows: Rows::Services(messages) },
];

/// One direction of the requests that a sidecar sees: the other end, and how they are counted.
struct Traffic {
    labels: String,
    /// For served requests, the index among callers; for sent ones, the index of the call.
    place: usize,
    is_served: bool,
}

impl Traffic {
    fn of(&self, sample: &ServiceSample) -> Option<Requests> {
        let meter = sample.meter.as_ref()?;
        match self.is_served {
            true => meter.served.get(self.place).map(|served| served.requests),
            false => meter.calls.get(self.place).copied(),
        }
    }
}

fn traffic(world: &World<'_>, i: usize, life: &Life) -> Vec<Traffic> {
    let service = world.service(i);
    if !matches!(service.kind, EntityKind::Service | EntityKind::Gateway) {
        return Vec::new();
    }
    let of_call = |reporter: &str, from: Option<&str>, to: &str| of_call(life, reporter, from, to);
    let mut from: Vec<Option<&str>> = world.callers[i].iter().map(|c| Some(world.service(*c).name.as_str())).collect();
    // Users enter at the gateway; messages are not requests.
    if from.is_empty() && service.consumes.is_none() {
        from.push(None);
    }
    let served = from.into_iter().enumerate();
    let mut all: Vec<Traffic> = served
        .map(|(place, from)| Traffic { labels: of_call("destination", from, &service.name), place, is_served: true })
        .collect();
    all.extend(service.calls.iter().enumerate().map(|(place, call)| Traffic {
        labels: of_call("source", Some(&service.name), &world.service(call.to).name),
        place,
        is_served: false,
    }));
    all
}

/// Labels of a call as reported by one of its ends.
fn of_call(life: &Life, reporter: &str, from: Option<&str>, to: &str) -> String {
    let namespace = if from.is_some() { NAMESPACE } else { "unknown" };
    labels(&[
        ("reporter", reporter),
        ("source_workload", from.unwrap_or("unknown")),
        ("source_workload_namespace", namespace),
        ("destination_workload", to),
        ("destination_workload_namespace", NAMESPACE),
        ("destination_service_name", to),
        ("namespace", NAMESPACE),
        ("pod", &life.pod),
    ])
}

fn requests(world: &World<'_>, i: usize) -> Vec<Row> {
    let mut rows = Vec::new();
    for life in world.lives(i) {
        for traffic in traffic(world, i, life) {
            let of_code = |code: &str| ("_total", format!("{},response_code=\"{code}\"", traffic.labels));
            // A counter appears with its first event.
            let good = |s: &ServiceSample| traffic.of(s).map(|r| r.count - r.errors).filter(|n| *n > 0.0);
            let bad = |s: &ServiceSample| traffic.of(s).map(|r| r.errors).filter(|n| *n > 0.0);
            rows.push(world.row(i, life, of_code("200"), &good));
            rows.push(world.row(i, life, of_code("503"), &bad));
        }
    }
    rows
}

fn durations(world: &World<'_>, i: usize) -> Vec<Row> {
    let mut rows = Vec::new();
    for life in world.lives(i) {
        for traffic in traffic(world, i, life) {
            let plain = |suffix: &'static str| (suffix, traffic.labels.clone());
            rows.push(world.row(i, life, plain("_sum"), &|s| traffic.of(s).map(|r| r.duration_ms)));
            rows.push(world.row(i, life, plain("_count"), &|s| traffic.of(s).map(|r| r.count)));
            let buckets = if traffic.is_served { BUCKETS_MS.len() + 1 } else { 0 };
            rows.extend((0..buckets).map(|bucket| {
                let bound = BUCKETS_MS.get(bucket).map_or_else(|| "+Inf".to_owned(), |ms| format!("{ms:?}"));
                let labels = format!("{},le=\"{bound}\"", traffic.labels);
                let up_to = |s: &ServiceSample| {
                    let served = s.meter.as_ref()?.served.get(traffic.place)?;
                    Some(served.buckets[..=bucket].iter().sum::<f64>())
                };
                world.row(i, life, ("_bucket", labels), &up_to)
            }));
        }
    }
    rows
}

/// Messages that a consumer gets from its broker, over a connection that its sidecar does not inspect.
fn messages(world: &World<'_>, i: usize) -> Vec<Row> {
    let service = world.service(i);
    let Some(broker) = service.consumes else { return Vec::new() };
    let labels = |life| of_call(life, "source", Some(&service.name), &world.service(broker).name);
    let bytes = |s: &ServiceSample| Some(s.meter.as_ref()?.received_bytes);
    world.lives(i).iter().map(|life| world.row(i, life, ("_total", labels(life)), &bytes)).collect()
}
