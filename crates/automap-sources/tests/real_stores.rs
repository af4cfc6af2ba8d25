//! Real stores with real faults: MariaDB, PostgreSQL, Redis and RabbitMQ with their exporters, a Prometheus that scrapes them, and for each a service
//! that waits for it. A fault in the store must be attributed to the store, with the right mechanism. `scripts/stores.sh` fetches, starts and stops
//! the servers.

use std::sync::Arc;
use std::time::{Duration, Instant};

use automap_core::diagnose::{DiagnoseOptions, diagnose};
use automap_core::entity::EntityKind;
use automap_core::observation::Observation;
use automap_core::report::Report;
use automap_core::time::{Timestamp, WindowHint};
use automap_sources::prometheus::{Client, ClientOptions, ObserveOptions, observe};

use crate::prometheus::Prometheus;
use crate::real_stores_world::{Caller, Filler, Redis, StopAtEnd, Stores, Target, now, scraping};

/// Quiet time before the faults.
const BASELINE: Duration = Duration::from_secs(80);
/// How long they last before the first diagnosis.
const FAULT: Duration = Duration::from_secs(40);
/// Time limit for the answers to become right.
const LONGEST: Duration = Duration::from_secs(100);
/// Users of each service.
const USERS: usize = 3;
/// Keys of the cache, each requested equally often.
const KEYS: u64 = 200;

type User = Box<dyn FnMut() -> bool + Send>;

/// Each user changes its own row, and gives up after a second.
fn changing_a_row(stores: &Arc<Stores>, store: &'static str) -> Vec<User> {
    let user = |i: usize| {
        let mut session = stores.session(store);
        let change = format!("UPDATE stock SET n = n + 1 WHERE id = {};", i + 1);
        let in_time = move || {
            let begun = Instant::now();
            session.ask(&change) && begun.elapsed() < Duration::from_millis(900)
        };
        Box::new(in_time) as User
    };
    (0..USERS).map(user).collect()
}

/// Connects for each request.
fn connecting(stores: &Arc<Stores>, store: &'static str) -> Vec<User> {
    let user = |_| {
        let stores = Arc::clone(stores);
        Box::new(move || stores.connects(store)) as User
    };
    (0..USERS - 1).map(user).collect()
}

/// Reads the cache, and takes 80 ms to recreate what is missing.
fn caching(stores: &Arc<Stores>) -> Vec<User> {
    let mut filling = Redis::new(stores.port("redis"));
    assert!((0..KEYS).all(|key| filling.set(&format!("cart:{key}"), "full")));
    let user = |i: usize| {
        let mut redis = Redis::new(stores.port("redis"));
        let mut random = i as u64;
        let request = move || {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let key = format!("cart:{}", (random >> 33) % KEYS);
            match redis.get(&key) {
                None => false,
                Some(Some(_)) => true,
                Some(None) => {
                    std::thread::sleep(Duration::from_millis(80));
                    redis.set(&key, "full")
                }
            }
        };
        Box::new(request) as User
    };
    (0..USERS).map(user).collect()
}

fn publishing(stores: &Arc<Stores>, taken: impl Fn() -> User) -> Vec<User> {
    let user = |_| {
        let (stores, mut taken) = (Arc::clone(stores), taken());
        Box::new(move || stores.publishes() && taken()) as User
    };
    (0..USERS - 1).map(user).collect()
}

fn observed(prometheus: &Prometheus, namespace: &str, from: Timestamp, fault: Timestamp) -> Observation {
    let to = now();
    let options = ObserveOptions {
        scrape_interval_ms: Some(2_000),
        settle_ms: 3_000,
        changes: false,
        hint: WindowHint { incident_start: Some(fault), ..WindowHint::default() },
        ..ObserveOptions::new(namespace, from, to, to)
    };
    let client = Client::new(ClientOptions::new(prometheus.url())).unwrap();
    observe(&client, &options, &|_| {}).unwrap().observation
}

/// The median of a metric before the fault.
fn before(seen: &Observation, store: &str, metric: &str, fault: Timestamp) -> Option<f64> {
    let service = seen.frame.find(store)?;
    let series = seen.frame.series().iter().find(|s| s.service == service && s.metric.name == metric)?;
    let quiet =
        seen.frame.times().iter().zip(series.values.iter()).filter(|(time, value)| **time < fault && !value.is_nan());
    let mut values: Vec<f64> = quiet.map(|(_, value)| *value).collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

/// One fault, and the expected answer.
struct Case {
    namespace: &'static str,
    store: &'static str,
    kind: EntityKind,
    mechanisms: &'static [&'static str],
    /// Metrics before the fault, and the range that they must be in.
    normal: &'static [(&'static str, f64, f64)],
}

const fn case(
    namespace: &'static str,
    store: &'static str,
    kind: EntityKind,
    mechanisms: &'static [&'static str],
    normal: &'static [(&'static str, f64, f64)],
) -> Case {
    Case { namespace, store, kind, mechanisms, normal }
}

const CASES: [Case; 8] = [
    case(
        "catalogue",
        "catalogue-db",
        EntityKind::Store,
        &["waiting for locks"],
        &[
            ("store_down", 0.0, 0.0),
            ("throughput_rps", 5.0, 200.0),
            ("lock_waiters", 0.0, 1.0),
            ("connections_used_ratio", 0.05, 0.5),
        ],
    ),
    case(
        "accounts",
        "accounts-db",
        EntityKind::Store,
        &["waiting for locks"],
        &[
            ("store_down", 0.0, 0.0),
            ("throughput_rps", 5.0, 200.0),
            ("longest_transaction_s", 0.0, 1.0),
            ("connections_used_ratio", 0.05, 0.6),
        ],
    ),
    case(
        "carts",
        "carts-cache",
        EntityKind::Store,
        &["out of memory, evicting", "memory used"],
        &[
            ("store_down", 0.0, 0.0),
            ("throughput_rps", 5.0, 200.0),
            ("command_ms", 0.0, 1.0),
            ("evictions_per_s", 0.0, 0.0),
            ("memory_used_ratio", 0.02, 0.6),
            ("connections_used_ratio", 0.01, 0.3),
            ("error_ratio", 0.0, 0.0),
        ],
    ),
    case(
        "orders",
        "rabbitmq",
        EntityKind::Broker,
        &["no consumers"],
        &[
            ("store_down", 0.0, 0.0),
            ("throughput_rps", 1.0, 50.0),
            ("consumers", 1.0, 1.0),
            ("queue_depth", 0.0, 3.0),
            ("memory_used_ratio", 0.1, 1.0),
        ],
    ),
    case("stock", "stock-db", EntityKind::Store, &["connections exhausted"], &[("connections_used_ratio", 0.03, 0.5)]),
    case("users", "users-db", EntityKind::Store, &["connections exhausted"], &[("connections_used_ratio", 0.03, 0.5)]),
    case("sessions", "sessions-db", EntityKind::Store, &["down"], &[("store_down", 0.0, 0.0)]),
    case("mail", "broker", EntityKind::Broker, &["down"], &[("store_down", 0.0, 0.0)]),
];

/// The defect of the answer; `None` if it is right.
fn mistake(case: &Case, seen: &Observation, fault: Timestamp) -> Option<String> {
    let said = |what: String| Some(format!("{}: {what}", case.namespace));
    if seen.entities.kind_of(case.store) != case.kind {
        return said(format!("{} is a {}", case.store, seen.entities.kind_of(case.store).word()));
    }
    for (metric, low, high) in case.normal {
        let found = before(seen, case.store, metric, fault);
        if !found.is_some_and(|v| (*low..=*high).contains(&v)) {
            return said(format!("{metric} of {} is {found:?} in quiet times, not {low} to {high}", case.store));
        }
    }
    let report: Report = diagnose(seen, &DiagnoseOptions::default()).unwrap();
    let cause = report.verdict.causes.first();
    let is_right = cause.is_some_and(|c| {
        c.services == [case.store] && c.mechanism.as_deref().is_some_and(|m| case.mechanisms.contains(&m))
    });
    let evidence =
        |c: &automap_core::report::Cause| c.evidence.iter().map(|e| e.summary.clone()).collect::<Vec<_>>().join("; ");
    let candidates: Vec<String> =
        report.causes.iter().take(3).map(|c| format!("{} {:.2}: {}", c.service, c.score, evidence(c))).collect();
    match is_right {
        true => None,
        false => said(format!("{}\n  {}", report.verdict.summary, candidates.join("\n  "))),
    }
}

fn target(namespace: &'static str, pod: &'static str, port: u16) -> Target {
    Target { namespace, pod, port, path: "/metrics" }
}

#[test]
#[ignore = "starts real servers for three minutes: make test-stores"]
fn a_fault_in_a_real_store_is_named_at_the_store() {
    let all = ["mariadb", "postgresql", "redis", "rabbitmq"];
    let (Some(a), Some(b)) = (Stores::start(&all, 27_400), Stores::start(&all, 27_500)) else { return };
    let (a, b) = (Arc::new(a), Arc::new(b));
    let _ended = [StopAtEnd(Arc::clone(&a)), StopAtEnd(Arc::clone(&b))];
    let mut consumer = a.consumer();
    let taken = || Box::new(consumer.taken()) as User;
    let callers = [
        Caller::start("catalogue", "catalogue-db", changing_a_row(&a, "mariadb")),
        Caller::start("accounts", "accounts-db", changing_a_row(&a, "postgresql")),
        Caller::start("carts", "carts-cache", caching(&a)),
        Caller::start("orders", "rabbitmq", publishing(&a, taken)),
        Caller::start("stock", "stock-db", connecting(&b, "mariadb")),
        Caller::start("users", "users-db", connecting(&b, "postgresql")),
        Caller::start("sessions", "sessions-db", caching(&b)),
        Caller::start("mail", "broker", publishing(&b, || Box::new(|| true))),
    ];
    let mut targets = vec![
        target("catalogue", "catalogue-db-0", a.port("mariadb-exporter")),
        target("accounts", "accounts-db-postgres-exporter-7d9f8b6c5-x2x9z", a.port("postgresql-exporter")),
        target("carts", "carts-cache-redis-exporter-7d9f8b6c5-x2x9z", a.port("redis-exporter")),
        Target { path: "/metrics/per-object", ..target("orders", "rabbitmq-0", a.port("rabbitmq-exporter")) },
        target("stock", "stock-db-exporter-7d9f8b6c5-x2x9z", b.port("mariadb-exporter")),
        target("users", "users-db-0", b.port("postgresql-exporter")),
        target("sessions", "sessions-db-0", b.port("redis-exporter")),
        target("mail", "broker-0", b.port("rabbitmq-exporter")),
    ];
    targets.extend(callers.iter().map(|caller| target(caller.name, caller.name, caller.port)));
    let prometheus = scraping(&targets);
    // The first complete observation finds caches and plans empty.
    std::thread::sleep(Duration::from_secs(8));
    let from = now();
    std::thread::sleep(BASELINE);

    let fault = now();
    // A transaction changed all rows and was never committed.
    let mut forgotten = ["mariadb", "postgresql"].map(|store| a.session(store));
    forgotten.iter_mut().for_each(|session| session.say("BEGIN; UPDATE stock SET n = 0;"));
    consumer.end();
    let mut junk = (Redis::new(a.port("redis")), 0_u64, "x".repeat(8_000));
    let fillers = [
        Filler::start(Duration::from_millis(4), move || {
            junk.1 += 1;
            junk.0.set(&format!("junk:{}", junk.1), &junk.2);
        }),
        Filler::connections(&b, "mariadb", 32),
        Filler::connections(&b, "postgresql", 19),
    ];
    ["redis", "rabbitmq"].iter().for_each(|store| b.stop(store));
    std::thread::sleep(FAULT);
    // The faults stay: on a busy machine it takes longer until they show.
    let mut left: Vec<&Case> = CASES.iter().collect();
    let begun = Instant::now();
    let mistakes = loop {
        let mut mistakes = Vec::new();
        left.retain(|case| {
            mistakes.extend(mistake(case, &observed(&prometheus, case.namespace, from, fault), fault));
            mistakes.iter().any(|m: &String| m.starts_with(case.namespace))
        });
        if left.is_empty() || begun.elapsed() > LONGEST {
            break mistakes;
        }
        std::thread::sleep(Duration::from_secs(10));
    };
    drop(fillers);
    assert!(mistakes.is_empty(), "{}", mistakes.join("\n"));
}
