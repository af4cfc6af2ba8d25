//! What an exporter for each store and broker reports. For stores these are connections and sessions that wait for a lock, always under the names of
//! PostgreSQL's exporter, whatever the store; for brokers, messages and consumers of one queue, under RabbitMQ's names.

use automap_core::entity::EntityKind;

use super::family::{Family, Rows};
use super::world::{Row, World, of_pod};
use crate::meters::ServiceSample;
use crate::plan::Service;

/// The queue of a broker.
const QUEUE: [(&str, &str); 2] = [("vhost", "/"), ("queue", "jobs")];

/// Families of stores and brokers.
pub(super) static FAMILIES: [Family; 6] = [
    Family {
        name: "pg_up",
        kind: "gauge",
        rows: Rows::Services(|w, i| gauge(w, i, &[], &|s, _| Some(f64::from(u8::from(s.is_ready))))),
    },
    Family {
        name: "rabbitmq_identity_info",
        kind: "gauge",
        rows: Rows::Services(|w, i| of_broker(w, i, &[], &|_| 1.0)),
    },
    Family {
        name: "rabbitmq_queue_messages_ready",
        kind: "gauge",
        rows: Rows::Services(|w, i| of_broker(w, i, &QUEUE, &|s| s.messages)),
    },
    Family {
        name: "rabbitmq_queue_consumers",
        kind: "gauge",
        rows: Rows::Services(|w, i| of_broker(w, i, &QUEUE, &|s| s.consumers)),
    },
    Family { name: "pg_stat_activity_count", kind: "gauge", rows: Rows::Services(sessions) },
    Family {
        name: "pg_settings_max_connections",
        kind: "gauge",
        rows: Rows::Services(|w, i| gauge(w, i, &[], &|s, store| s.is_ready.then_some(store.workers as f64))),
    },
];

fn gauge(
    world: &World<'_>,
    i: usize,
    more: &[(&str, &str)],
    of: &dyn Fn(&ServiceSample, &Service) -> Option<f64>,
) -> Vec<Row> {
    let store = world.service(i);
    if store.kind != EntityKind::Store {
        return Vec::new();
    }
    world.lives(i).iter().map(|life| world.row(i, life, ("", of_pod(life, more)), &|s| of(s, store))).collect()
}

/// Sessions: those that wait for a lock, and the rest.
fn sessions(world: &World<'_>, i: usize) -> Vec<Row> {
    let state = [("datname", "app"), ("state", "active")];
    let waiting = [&state[..], &[("wait_event_type", "Lock")]].concat();
    let others = [&state[..], &[("wait_event_type", "")]].concat();
    let mut rows = gauge(world, i, &waiting, &|s, _| s.is_ready.then_some(s.lock_waiters));
    let rest = |s: &ServiceSample, store: &Service| (s.used * store.workers as f64 - s.lock_waiters).max(0.0);
    rows.extend(gauge(world, i, &others, &|s, store| s.is_ready.then(|| rest(s, store))));
    rows
}

/// A gauge of a broker, which reports nothing while it is down.
fn of_broker(world: &World<'_>, i: usize, more: &[(&str, &str)], of: &dyn Fn(&ServiceSample) -> f64) -> Vec<Row> {
    if world.service(i).kind != EntityKind::Broker {
        return Vec::new();
    }
    let ready = |s: &ServiceSample| s.is_ready.then(|| of(s));
    world.lives(i).iter().map(|life| world.row(i, life, ("", of_pod(life, more)), &ready)).collect()
}
