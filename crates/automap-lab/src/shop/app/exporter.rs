//! The metrics that the exporter of a store or the broker would export about the stand-ins, with the names and labels of mysqld_exporter, Percona's
//! mongodb_exporter, redis_exporter, and RabbitMQ's plugin.
//!
//! An exporter runs in the store's pod, like a side-car. Only features that the stand-ins have are exported; the others (replication, evictions,
//! deadlocks) are omitted or 0.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

use super::counters::{Commands, Counters};
use crate::kubelet::Exposition;
use crate::shop::locked;

/// Default `max_connections` of MySQL.
const MYSQL_CONNECTIONS_MAX: u32 = 151;
/// Maximum connections of a MongoDB with the usual limits of open files.
const MONGODB_CONNECTIONS_MAX: u32 = 819;
/// `maxclients` of Redis.
const REDIS_CONNECTIONS_MAX: u32 = 10_000;
/// Sockets of a RabbitMQ with 1024 open files.
const RABBITMQ_SOCKETS_MAX: u32 = 829;
/// Memory use at which RabbitMQ blocks publishers.
const RABBITMQ_MEMORY_LIMIT_BYTES: f64 = 400.0 * 1024.0 * 1024.0;
const RABBITMQ_MEMORY_BYTES: f64 = 90.0 * 1024.0 * 1024.0;
const RABBITMQ_DISK_LIMIT_BYTES: f64 = 50e6;
const RABBITMQ_DISK_BYTES: f64 = 69e9;

/// Maximum number of connections of a store or broker.
pub(super) fn connections_max(component: &str) -> u32 {
    match component {
        "catalogue-db" => MYSQL_CONNECTIONS_MAX,
        "session-db" => REDIS_CONNECTIONS_MAX,
        "rabbitmq" => RABBITMQ_SOCKETS_MAX,
        _ => MONGODB_CONNECTIONS_MAX,
    }
}

/// The text for a store or broker; `taken`: connections held by somebody else.
pub(super) fn render(component: &str, counters: &Counters, taken: u32) -> String {
    let mut text = Exposition::default();
    let seen = Seen { counters, sessions: counters.sessions.load(Relaxed) + u64::from(taken), component };
    match component {
        "catalogue-db" => mysql(&mut text, &seen),
        "session-db" => redis(&mut text, &seen),
        "rabbitmq" => rabbitmq(&mut text, &seen),
        _ => mongodb(&mut text, &seen),
    }
    text.into_text()
}

struct Seen<'a> {
    counters: &'a Counters,
    sessions: u64,
    component: &'a str,
}

impl Seen<'_> {
    fn all(&self) -> Commands {
        self.of(|_| true)
    }

    fn of(&self, is_meant: impl Fn(&str) -> bool) -> Commands {
        let commands = self.counters.commands();
        let meant = commands.iter().filter(|(word, _)| is_meant(word)).map(|(_, c)| c);
        meant.fold(Commands::default(), |sum, c| Commands {
            count: sum.count + c.count,
            seconds: sum.seconds + c.seconds,
        })
    }

    fn max(&self) -> f64 {
        f64::from(connections_max(self.component))
    }
}

fn one(text: &mut Exposition, name: &str, kind: &str, help: &str, value: f64) {
    text.family(name, kind, help);
    text.sample(name, &[], value, None);
}

fn mysql(text: &mut Exposition, seen: &Seen<'_>) {
    let (all, count) = (seen.all(), seen.counters);
    let generic = "Generic metric from SHOW GLOBAL STATUS.";
    let status = [
        ("queries", all.count as f64),
        ("questions", all.count as f64),
        ("threads_connected", seen.sessions as f64),
        ("threads_running", 1.0 + count.running.load(Relaxed) as f64),
        ("innodb_row_lock_current_waits", count.waiting.load(Relaxed) as f64),
        ("innodb_row_lock_waits", count.lock_waits.load(Relaxed) as f64),
        ("innodb_row_lock_time", (count.lock_wait_us.load(Relaxed) / 1000) as f64),
        ("innodb_deadlocks", 0.0),
    ];
    one(text, "mysql_up", "gauge", "Whether the MySQL server is up.", 1.0);
    for (name, value) in status {
        one(text, &format!("mysql_global_status_{name}"), "untyped", generic, value);
    }
    let name = "mysql_global_status_connection_errors_total";
    text.family(name, "counter", "Total number of MySQL connection errors.");
    text.sample(name, &[("error", "max_connections")], count.refused.load(Relaxed) as f64, None);
    one(
        text,
        "mysql_global_variables_max_connections",
        "gauge",
        "Generic gauge metric from SHOW GLOBAL VARIABLES.",
        seen.max(),
    );
    let statement = [("schema", "socksdb"), ("digest", "5d9cb6f2b1a0"), ("digest_text", "SELECT * FROM `sock`")];
    for (name, help, value) in [
        (
            "mysql_perf_schema_events_statements_total",
            "The total count of events statements by digest.",
            all.count as f64,
        ),
        (
            "mysql_perf_schema_events_statements_seconds_total",
            "The total time of events statements by digest.",
            all.seconds,
        ),
    ] {
        text.family(name, "counter", help);
        text.sample(name, &statement, value, None);
    }
}

fn mongodb(text: &mut Exposition, seen: &Seen<'_>) {
    let count = seen.counters;
    let (reads, writes) = (seen.of(|word| word == "get"), seen.of(|word| word != "get"));
    one(text, "mongodb_up", "gauge", "Whether MongoDB is up.", 1.0);
    let name = "mongodb_ss_opcounters";
    text.family(name, "untyped", "serverStatus.opcounters.");
    for (kind, value) in [("query", reads.count), ("update", writes.count)] {
        text.sample(name, &[("legacy_op_type", kind)], value as f64, None);
    }
    for (name, of) in [("latency", (|c| c.seconds * 1e6) as fn(Commands) -> f64), ("ops", |c| c.count as f64)] {
        let name = format!("mongodb_ss_opLatencies_{name}");
        text.family(&name, "untyped", "serverStatus.opLatencies.");
        for (kind, commands) in [("reads", reads), ("writes", writes), ("commands", Commands::default())] {
            text.sample(&name, &[("op_type", kind)], of(commands), None);
        }
    }
    let waiting = count.waiting.load(Relaxed) as f64;
    let name = "mongodb_ss_globalLock_currentQueue";
    text.family(name, "untyped", "serverStatus.globalLock.currentQueue.");
    for (kind, value) in [("readers", 0.0), ("writers", waiting), ("total", waiting)] {
        text.sample(name, &[("count_type", kind)], value, None);
    }
    let name = "mongodb_ss_connections";
    text.family(name, "untyped", "serverStatus.connections.");
    let current = seen.sessions as f64;
    let running = count.running.load(Relaxed) as f64;
    for (kind, value) in [("current", current), ("available", (seen.max() - current).max(0.0)), ("active", running)] {
        text.sample(name, &[("conn_type", kind)], value, None);
    }
    let name = "mongodb_ss_connections_rejected";
    one(text, name, "untyped", "serverStatus.connections.rejected.", count.refused.load(Relaxed) as f64);
}

fn redis(text: &mut Exposition, seen: &Seen<'_>) {
    let count = seen.counters;
    one(text, "redis_up", "gauge", "Information about the Redis instance", 1.0);
    one(text, "redis_commands_processed_total", "counter", "commands_processed_total metric", seen.all().count as f64);
    for (name, of) in [
        ("redis_commands_total", (|c: &Commands| c.count as f64) as fn(&Commands) -> f64),
        ("redis_commands_duration_seconds_total", |c| c.seconds),
    ] {
        text.family(name, "counter", "Total per command");
        for (word, commands) in &count.commands() {
            text.sample(name, &[("cmd", word)], of(commands), None);
        }
    }
    for (name, kind, value) in [
        ("redis_connected_clients", "gauge", seen.sessions as f64),
        ("redis_config_maxclients", "gauge", seen.max()),
        ("redis_rejected_connections_total", "counter", count.refused.load(Relaxed) as f64),
        ("redis_evicted_keys_total", "counter", 0.0),
        ("redis_blocked_clients", "gauge", count.waiting.load(Relaxed) as f64),
    ] {
        let help = name.trim_start_matches("redis_").to_owned() + " metric";
        one(text, name, kind, &help, value);
    }
}

fn rabbitmq(text: &mut Exposition, seen: &Seen<'_>) {
    let count = seen.counters;
    let identity = [("rabbitmq_node", "rabbit@rabbitmq"), ("rabbitmq_cluster", "rabbit@rabbitmq")];
    text.family("rabbitmq_identity_info", "untyped", "RabbitMQ node & cluster identity info");
    text.sample("rabbitmq_identity_info", &identity, 1.0, None);
    let queues = locked(&count.queues).clone();
    let published: u64 = queues.values().map(|q| q.published).sum();
    let name = "rabbitmq_global_messages_received_total";
    text.family(name, "counter", "Total number of messages received from publishers");
    text.sample(name, &[("protocol", "amqp091")], published as f64, None);
    let now = Instant::now();
    type Value = Box<dyn Fn(&super::counters::QueueCounters) -> f64>;
    let families: [(&str, &str, Value); 3] = [
        ("rabbitmq_queue_messages_ready", "Messages ready to be delivered to consumers", Box::new(|q| q.ready as f64)),
        (
            "rabbitmq_queue_messages_unacked",
            "Messages delivered to consumers but not yet acknowledged",
            Box::new(|_| 0.0),
        ),
        ("rabbitmq_queue_consumers", "Consumers on a queue", Box::new(move |q| q.consumers(now) as f64)),
    ];
    for (name, help, value) in families {
        text.family(name, "gauge", help);
        for (queue, counters) in &queues {
            text.sample(name, &[("vhost", "/"), ("queue", queue)], value(counters), None);
        }
    }
    for (name, help, value) in [
        ("rabbitmq_process_resident_memory_bytes", "Memory used in bytes", RABBITMQ_MEMORY_BYTES),
        ("rabbitmq_resident_memory_limit_bytes", "Memory high watermark in bytes", RABBITMQ_MEMORY_LIMIT_BYTES),
        ("rabbitmq_process_open_tcp_sockets", "Open TCP sockets", seen.sessions as f64),
        ("rabbitmq_process_max_tcp_sockets", "Open TCP sockets limit", seen.max()),
        ("rabbitmq_disk_space_available_bytes", "Disk space available in bytes", RABBITMQ_DISK_BYTES),
        (
            "rabbitmq_disk_space_available_limit_bytes",
            "Free disk space low watermark in bytes",
            RABBITMQ_DISK_LIMIT_BYTES,
        ),
    ] {
        one(text, name, "gauge", help, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shop::app::records::Operation;
    use std::time::Duration;

    /// Two commands took 3 ms together, one waits for a lock, and somebody else holds 150 of 151 connections.
    #[test]
    fn a_store_tells_what_its_exporter_would() {
        let counters = Counters::default();
        counters.finished(Operation::Get, Duration::from_millis(1));
        counters.finished(Operation::Put, Duration::from_millis(2));
        counters.sessions.store(1, Relaxed);
        let _waits = counters.wait_for_lock();
        for (component, lines) in [
            (
                "catalogue-db",
                vec![
                    "mysql_up 1",
                    "mysql_global_status_questions 2",
                    "mysql_global_status_threads_connected 151",
                    "mysql_global_variables_max_connections 151",
                    "mysql_global_status_innodb_row_lock_current_waits 1",
                ],
            ),
            (
                "carts-db",
                vec![
                    "mongodb_ss_opLatencies_latency{op_type=\"writes\"} 2000",
                    "mongodb_ss_globalLock_currentQueue{count_type=\"total\"} 1",
                    "mongodb_ss_connections{conn_type=\"available\"} 668",
                ],
            ),
            ("session-db", vec!["redis_up 1", "redis_commands_total{cmd=\"get\"} 1", "redis_connected_clients 151"]),
        ] {
            let text = render(component, &counters, 150);
            for line in lines {
                assert!(text.lines().any(|l| l == line), "{component}: {line}\n{text}");
            }
        }
    }

    #[test]
    fn the_broker_tells_its_queues_apart() {
        let counters = Counters::default();
        locked(&counters.queues).entry("shipping-task".to_owned()).or_default().ready = 7;
        let text = render("rabbitmq", &counters, 0);
        assert!(text.contains("rabbitmq_queue_messages_ready{vhost=\"/\",queue=\"shipping-task\"} 7\n"), "{text}");
        assert!(text.contains("rabbitmq_queue_consumers{vhost=\"/\",queue=\"shipping-task\"} 0\n"), "{text}");
    }
}
