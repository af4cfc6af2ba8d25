//! The results of the presets of stores, with the text of their exporters on a real Prometheus. MariaDB, PostgreSQL, Redis and RabbitMQ are read from
//! real servers too (`real_stores.rs`); for Kafka, MongoDB, memcached and Elasticsearch Debian has no exporter or no server.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use automap_core::entity::EntityKind;
use automap_core::observation::Observation;
use automap_core::time::Timestamp;
use automap_sources::prometheus::{Client, ClientOptions, Fetched, ObserveOptions, Presets, observe};

use crate::prometheus::Prometheus;

/// Start of the data, in Unix seconds; a multiple of two hours, so that it makes one block.
const START_S: i64 = 1_794_996_000;
const LENGTH_S: i64 = 1200;
const SCRAPE_S: usize = 15;

/// Lines `series value`: a value with `/s` is the growth of a counter. `$T` are the labels of the target.
fn text(of: &[(&str, &str)]) -> String {
    let mut out = String::new();
    for (target, lines) in of {
        for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let (series, value) = line.rsplit_once(' ').unwrap();
            let series = match series.contains('{') {
                true => series.replace("$T", target),
                false => format!("{series}{{{target}}}"),
            };
            for t in (0..=LENGTH_S).step_by(SCRAPE_S) {
                let value = match value.strip_suffix("/s") {
                    Some(growth) => 1000.0 + growth.parse::<f64>().unwrap() * t as f64,
                    None => value.parse().unwrap(),
                };
                writeln!(out, "{series} {value} {}", START_S + t).unwrap();
            }
        }
    }
    out + "# EOF\n"
}

fn observed(server: &Prometheus, presets: Presets) -> Fetched {
    let now = Timestamp::from_ms((START_S + LENGTH_S) * 1000);
    let options = ObserveOptions {
        scrape_interval_ms: Some(15_000),
        changes: false,
        ..ObserveOptions::new("shop", now.plus_ms(-900_000), now, now)
    };
    let client = Client::new(ClientOptions { presets, ..ClientOptions::new(server.url()) }).unwrap();
    observe(&client, &options, &|_| {}).unwrap()
}

/// The median value; `None` if there is no such series.
fn value(seen: &Observation, name: &str, metric: &str, peer: Option<&str>) -> Option<f64> {
    let (service, peer) = (seen.frame.find(name)?, peer.map(|p| seen.frame.find(p)));
    let is_it = |s: &&automap_core::frame::Series| {
        s.service == service && s.metric.name == metric && peer.is_none_or(|p| s.peer == p)
    };
    let mut values: Vec<f64> =
        seen.frame.series().iter().find(is_it)?.values.iter().copied().filter(|v| !v.is_nan()).collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

fn check(seen: &Observation, name: &str, expected: &[(&str, f64)]) {
    for (metric, expected) in expected {
        let found = value(seen, name, metric, None);
        assert!(
            found.is_some_and(|v| (v - expected).abs() <= 2e-3 * expected.abs().max(1.0)),
            "{name} {metric} is {found:?}, not {expected}"
        );
    }
}

const MYSQL: &str = r#"
mysql_up 1
mysql_global_status_questions 40/s
mysql_global_status_innodb_row_lock_current_waits 3
mysql_global_status_innodb_row_lock_time 0
mysql_global_status_threads_connected 27
mysql_global_variables_max_connections 30
mysql_global_status_connection_errors_total{$T,error="max_connections"} 2/s
mysql_global_status_connection_errors_total{$T,error="accept"} 9/s
mysql_slave_status_seconds_behind_master 7
"#;
// One exporter for two databases, and a version that exports who waits for a lock.
const POSTGRESQL: &str = r#"
pg_up 1
pg_stat_database_xact_commit{$T,datname="shop"} 20/s
pg_stat_database_xact_rollback{$T,datname="shop"} 1/s
pg_stat_activity_count{$T,datname="shop",state="active",wait_event_type="Lock"} 4
pg_stat_activity_count{$T,datname="shop",state="idle",wait_event_type="Client"} 6
pg_stat_activity_max_tx_duration{$T,datname="shop",state="active"} 2
pg_stat_activity_max_tx_duration{$T,datname="shop",state="idle in transaction"} 31
pg_settings_max_connections 20
"#;
const MONGODB: &str = r#"
mongodb_up 1
mongodb_ss_opcounters{$T,legacy_op_type="insert"} 5/s
mongodb_ss_opcounters{$T,legacy_op_type="query"} 15/s
mongodb_ss_opLatencies_latency{$T,op_type="reads"} 30000/s
mongodb_ss_opLatencies_ops{$T,op_type="reads"} 15/s
mongodb_ss_opLatencies_latency{$T,op_type="commands"} 9000000/s
mongodb_ss_opLatencies_ops{$T,op_type="commands"} 1/s
mongodb_ss_connections{$T,conn_type="current"} 90
mongodb_ss_connections{$T,conn_type="available"} 10
mongodb_ss_connections{$T,conn_type="totalCreated"} 4000
mongodb_ss_globalLock_currentQueue{$T,count_type="total"} 8
mongodb_ss_globalLock_currentQueue{$T,count_type="readers"} 8
"#;
const MONGODB_OLD: &str = r#"
mongodb_up 1
mongodb_op_counters_total{$T,type="query"} 15/s
mongodb_mongod_op_latencies_latency_total{$T,type="read"} 30000/s
mongodb_mongod_op_latencies_ops_total{$T,type="read"} 15/s
mongodb_connections{$T,state="current"} 90
mongodb_connections{$T,state="available"} 10
mongodb_mongod_global_lock_current_queue{$T,type="reader"} 5
mongodb_mongod_global_lock_current_queue{$T,type="writer"} 3
mongodb_mongod_replset_member_replication_lag{$T,name="a"} 0
mongodb_mongod_replset_member_replication_lag{$T,name="b"} 12
"#;
const REDIS: &str = r#"
redis_up 1
redis_commands_processed_total 100/s
redis_commands_total{$T,cmd="get"} 90/s
redis_commands_total{$T,cmd="set"} 0/s
redis_commands_duration_seconds_total{$T,cmd="get"} 0.09/s
redis_commands_duration_seconds_total{$T,cmd="set"} 0/s
redis_commands_rejected_calls_total{$T,cmd="get"} 0/s
redis_commands_rejected_calls_total{$T,cmd="set"} 10/s
redis_connected_clients 16
redis_config_maxclients 64
redis_rejected_connections_total 3/s
redis_evicted_keys_total 12/s
redis_memory_used_bytes 7500000
redis_memory_max_bytes 10000000
redis_connected_slave_lag_seconds{$T,slave_ip="10.0.0.9"} 1
redis_connected_slave_lag_seconds{$T,slave_ip="10.0.0.8"} 6
redis_master_link_up 0
"#;
const MEMCACHED: &str = r#"
memcached_up 0
memcached_commands_total{$T,command="get",status="hit"} 30/s
memcached_current_connections 1000
memcached_max_connections 1024
memcached_connections_listener_disabled_total 1/s
memcached_items_evicted_total{$T,slab="1"} 4/s
memcached_items_evicted_total{$T,slab="2"} 2/s
memcached_current_bytes 60
memcached_limit_bytes 64
"#;
const ELASTICSEARCH: &str = r#"
elasticsearch_cluster_health_status{$T,cluster="logs",color="green"} 0
elasticsearch_cluster_health_status{$T,cluster="logs",color="red"} 1
elasticsearch_cluster_health_unassigned_shards{$T,cluster="logs"} 5
elasticsearch_thread_pool_queue_count{$T,name="a",type="search"} 900
elasticsearch_thread_pool_rejected_count{$T,name="a",type="search"} 7/s
elasticsearch_indices_search_query_time_seconds{$T,name="a"} 2/s
elasticsearch_indices_search_query_total{$T,name="a"} 20/s
elasticsearch_jvm_memory_used_bytes{$T,area="heap"} 90
elasticsearch_jvm_memory_max_bytes{$T,area="heap"} 100
elasticsearch_filesystem_data_size_bytes{$T,mount="/"} 100
elasticsearch_filesystem_data_available_bytes{$T,mount="/"} 2
"#;
/// The same two queues on all three endpoints of the plugin, scraped by one job.
const RABBITMQ: &str = r#"
up 1
rabbitmq_identity_info{$T,rabbitmq_node="rabbit@a"} 1
rabbitmq_queue_messages_ready 24
rabbitmq_queue_consumers 1
rabbitmq_queue_messages_ready{$T,vhost="/",queue="shipping"} 20
rabbitmq_queue_messages_ready{$T,vhost="/",queue="mail"} 4
rabbitmq_queue_messages_unacked{$T,vhost="/",queue="mail"} 2
rabbitmq_queue_consumers{$T,vhost="/",queue="shipping"} 0
rabbitmq_queue_consumers{$T,vhost="/",queue="mail"} 1
rabbitmq_detailed_queue_messages_ready{$T,vhost="/",queue="shipping"} 20
rabbitmq_detailed_queue_consumers{$T,vhost="/",queue="shipping"} 0
rabbitmq_global_messages_received_total{$T,protocol="amqp091"} 8/s
rabbitmq_process_resident_memory_bytes 128
rabbitmq_resident_memory_limit_bytes 256
rabbitmq_process_open_tcp_sockets 30
rabbitmq_process_max_tcp_sockets 100
rabbitmq_disk_space_available_limit_bytes 10
rabbitmq_disk_space_available_bytes 1000
"#;
const KAFKA: &str = r#"
kafka_brokers 3
kafka_topic_partition_current_offset{$T,topic="orders",partition="0"} 50/s
kafka_consumergroup_lag{$T,consumergroup="mailer",topic="orders",partition="0"} 700
kafka_consumergroup_lag{$T,consumergroup="billing",topic="orders",partition="0"} 5
kafka_consumergroup_lag{$T,consumergroup="old",topic="orders",partition="0"} -1
kafka_consumergroup_members{$T,consumergroup="mailer"} 2
kafka_topic_partition_under_replicated_partition{$T,topic="orders",partition="0"} 1
"#;
const KAFKA_JMX: &str = r#"
kafka_server_replicamanager_underreplicatedpartitions 2
kafka_controller_kafkacontroller_offlinepartitionscount 3
kafka_server_brokertopicmetrics_messagesin_total{$T,topic=""} 50/s
kafka_server_brokertopicmetrics_messagesin_total{$T,topic="orders"} 50/s
"#;
/// Metrics of the services themselves: requests, their calls to a store and to a broker, and a connection pool.
const CARTS: &str = r#"
http_server_request_duration_seconds_count{$T,http_response_status_code="200"} 10/s
http_server_request_duration_seconds_sum{$T,http_response_status_code="200"} 1/s
db_client_operation_duration_seconds_count{$T,server_address="session-db",db_system_name="redis"} 20/s
db_client_operation_duration_seconds_count{$T,server_address="session-db",db_system_name="redis",error_type="timeout"} 5/s
db_client_operation_duration_seconds_sum{$T,server_address="session-db",db_system_name="redis"} 0.5/s
db_client_operation_duration_seconds_sum{$T,server_address="session-db",db_system_name="redis",error_type="timeout"} 0.5/s
db_client_operation_duration_seconds_count{$T,server_address="catalogue-db",db_system_name="mongodb"} 1/s
db_client_operation_duration_seconds_sum{$T,server_address="catalogue-db",db_system_name="mongodb"} 0.01/s
db_client_connection_count{$T,db_client_connection_state="used"} 9
db_client_connection_count{$T,db_client_connection_state="idle"} 1
db_client_connection_max 10
db_client_connection_pending_requests 4
messaging_client_operation_duration_seconds_count{$T,server_address="rabbitmq.shop.svc",messaging_operation_type="send"} 2/s
messaging_client_operation_duration_seconds_sum{$T,server_address="rabbitmq.shop.svc",messaging_operation_type="send"} 0.02/s
messaging_client_operation_duration_seconds_sum{$T,server_address="rabbitmq.shop.svc",messaging_operation_type="receive"} 60/s
messaging_client_operation_duration_seconds_count{$T,server_address="rabbitmq.shop.svc",messaging_operation_type="receive"} 2/s
"#;
const HIKARI: &str = r#"
hikaricp_connections_pending{$T,pool="HikariPool-1"} 6
hikaricp_connections_active{$T,pool="HikariPool-1"} 10
hikaricp_connections_max{$T,pool="HikariPool-1"} 10
hikaricp_connections_acquire_seconds_sum{$T,pool="HikariPool-1"} 3/s
hikaricp_connections_acquire_seconds_count{$T,pool="HikariPool-1"} 12/s
lettuce_command_completion_seconds_count{$T,command="GET",remote="session-db/10.0.0.7:6379"} 10/s
lettuce_command_completion_seconds_sum{$T,command="GET",remote="session-db/10.0.0.7:6379"} 0.1/s
"#;
const VOLUMES: &str = r#"
kubelet_volume_stats_capacity_bytes{$T,persistentvolumeclaim="data-stock-db-0"} 100
kubelet_volume_stats_available_bytes{$T,persistentvolumeclaim="data-stock-db-0"} 3
kube_pod_spec_volumes_persistentvolumeclaims_info{namespace="shop",job="ksm",pod="stock-db-0",persistentvolumeclaim="data-stock-db-0",volume="data"} 1
"#;

/// The labels of the target in a pod, as the Prometheus operator writes them.
fn pod(pod: &str, port: u16) -> String {
    format!(r#"namespace="shop",job="monitoring/{pod}",pod="{pod}",instance="10.0.0.7:{port}""#)
}

fn shop() -> String {
    let otel = r#"job="shop/carts",k8s_namespace_name="shop",k8s_deployment_name="carts",service_name="carts""#;
    let multi =
        r#"namespace="shop",job="redis",pod="redis-exporter-7d9f8b6c5-x2x9z",instance="redis://session-db:6379""#;
    let kubelet = r#"namespace="shop",job="kubelet""#;
    text(&[
        (&pod("stock-db-0", 9104), MYSQL),
        (&(pod("postgres-exporter-5d4f8c7b9-q9v2t", 9187) + r#",server="accounts-db.shop.svc:5432""#), POSTGRESQL),
        (&pod("catalogue-db-mongodb-exporter-5d4f8c7b9-x2x4z", 9216), MONGODB),
        (&pod("user-db-0", 9216), MONGODB_OLD),
        (multi, REDIS),
        (&pod("memcached-0", 9150), MEMCACHED),
        (&pod("elasticsearch-exporter-5d4f8c7b9-bbbbb", 9114), ELASTICSEARCH),
        (&pod("rabbitmq-0", 15692), RABBITMQ),
        (&pod("kafka-exporter-5d4f8c7b9-bbbbb", 9308), KAFKA),
        (&pod("events-0", 5556), KAFKA_JMX),
        (otel, CARTS),
        (&pod("orders-5d4f8c7b9-x2x4z", 8080), HIKARI),
        (kubelet, VOLUMES),
    ])
}

#[test]
fn exporters_of_every_kind_tell_of_their_stores_in_the_same_words() {
    let Some(server) = Prometheus::backfilled("stores", &shop()) else { return };
    let Fetched { observation: seen, presets, stats, .. } = observed(&server, Presets::default());
    let failed: Vec<_> = seen.notes.iter().filter(|n| n.code == "query_failed").collect();
    assert!(failed.is_empty(), "{failed:?}");
    let found: BTreeSet<&str> = presets.iter().map(|p| p.name.as_str()).collect();
    let expected = [
        "elasticsearch-exporter",
        "hikari",
        "kafka-exporter",
        "kafka-jmx",
        "kubelet-volumes",
        "memcached-exporter",
        "micrometer-lettuce",
        "mongodb-exporter",
        "mysqld-exporter",
        "otel-db-client",
        "otel-http",
        "otel-messaging-client",
        "postgres-exporter",
        "rabbitmq",
        "redis-exporter",
    ];
    assert_eq!(found, BTreeSet::from(expected));

    check(
        &seen,
        "stock-db",
        &[
            ("store_down", 0.0),
            ("throughput_rps", 40.0),
            ("lock_waiters", 3.0),
            ("connections_used_ratio", 0.9),
            ("rejected_connections_per_s", 2.0),
            ("replication_lag_s", 7.0),
            ("disk_used_ratio", 0.97),
        ],
    );
    check(
        &seen,
        "accounts-db",
        &[
            ("store_down", 0.0),
            ("throughput_rps", 21.0),
            ("lock_waiters", 4.0),
            ("longest_transaction_s", 31.0),
            ("connections_used_ratio", 0.5),
        ],
    );
    for mongodb in ["catalogue-db", "user-db"] {
        check(
            &seen,
            mongodb,
            &[("store_down", 0.0), ("command_ms", 2.0), ("connections_used_ratio", 0.9), ("lock_waiters", 8.0)],
        );
    }
    check(&seen, "catalogue-db", &[("throughput_rps", 20.0)]);
    check(&seen, "user-db", &[("throughput_rps", 15.0), ("replication_lag_s", 12.0)]);
    check(
        &seen,
        "session-db",
        &[
            ("store_down", 0.0),
            ("throughput_rps", 100.0),
            ("error_ratio", 0.1),
            ("command_ms", 1.0),
            ("connections_used_ratio", 0.25),
            ("rejected_connections_per_s", 3.0),
            ("evictions_per_s", 12.0),
            ("memory_used_ratio", 0.75),
            ("replication_lag_s", 6.0),
            ("under_replicated", 1.0),
        ],
    );
    check(
        &seen,
        "memcached",
        &[
            ("store_down", 1.0),
            ("throughput_rps", 30.0),
            ("connections_used_ratio", 0.9766),
            ("evictions_per_s", 6.0),
            ("rejected_connections_per_s", 1.0),
            ("memory_used_ratio", 0.9375),
        ],
    );
    check(
        &seen,
        "elasticsearch",
        &[
            ("store_down", 1.0),
            ("under_replicated", 5.0),
            ("queue_depth", 900.0),
            ("rejected_work_per_s", 7.0),
            ("command_ms", 100.0),
            ("throughput_rps", 20.0),
            ("memory_used_ratio", 0.9),
            ("disk_used_ratio", 0.98),
        ],
    );
    check(
        &seen,
        "rabbitmq",
        &[
            ("store_down", 0.0),
            ("queue_depth", 24.0),
            ("queue_unacked", 2.0),
            ("consumers", 1.0),
            ("unconsumed_queues", 1.0),
            ("throughput_rps", 8.0),
            ("memory_used_ratio", 0.5),
            ("connections_used_ratio", 0.3),
            ("disk_used_ratio", 0.01),
        ],
    );
    check(
        &seen,
        "kafka",
        &[("consumer_lag", 705.0), ("consumers", 2.0), ("under_replicated", 1.0), ("throughput_rps", 50.0)],
    );
    check(&seen, "events", &[("under_replicated", 2.0), ("store_down", 1.0), ("throughput_rps", 50.0)]);

    check(&seen, "carts", &[("throughput_rps", 10.0), ("pool_waiters", 4.0), ("pool_used_ratio", 0.9)]);
    check(&seen, "orders", &[("pool_waiters", 6.0), ("pool_used_ratio", 1.0), ("pool_wait_ms", 250.0)]);
    for (caller, metric, callee, expected) in [
        ("carts", "client_latency_ms", "session-db", 40.0),
        ("carts", "client_error_ratio", "session-db", 0.2),
        ("carts", "client_latency_ms", "rabbitmq", 10.0),
        ("orders", "client_latency_ms", "session-db", 10.0),
    ] {
        let found = value(&seen, caller, metric, Some(callee));
        assert!(found.is_some_and(|v| (v - expected).abs() < 0.01 * expected), "{caller} {metric} {callee}: {found:?}");
    }

    // Six requests look for exporters, two are about scraping and owners, one each for every store's and broker's exporter: none has more.
    let of_presets =
        seen.queries.iter().map(|q| q.signal.as_str()).filter(|s| *s == "store_down" || *s == "consumer_lag");
    assert_eq!(of_presets.count(), 9, "every kind of store is asked once");
    assert!(stats.requests <= 40, "{}", stats.requests);
}

#[test]
fn how_a_store_is_known_is_stated_and_can_be_corrected() {
    let Some(server) = Prometheus::backfilled("stores-known", &shop()) else { return };
    let seen = observed(&server, Presets::default()).observation;
    let known = |seen: &Observation, name: &str| {
        let entity = seen.entities.get(name).unwrap_or_else(|| unreachable!("{name} is no entity"));
        (entity.kind, entity.known_from.clone().unwrap_or_default())
    };
    for (name, kind, how) in [
        ("stock-db", EntityKind::Store, "mysqld_exporter: in the pods of stock-db"),
        ("accounts-db", EntityKind::Store, "postgres_exporter: its address is accounts-db.shop.svc:5432"),
        ("session-db", EntityKind::Store, "redis_exporter: its address is session-db:6379"),
        ("rabbitmq", EntityKind::Broker, "rabbitmq_prometheus: in the pods of rabbitmq"),
        ("kafka", EntityKind::Broker, "kafka_exporter: the name of kafka-exporter"),
        ("events", EntityKind::Broker, "jmx_exporter: in the pods of events"),
    ] {
        assert_eq!(known(&seen, name), (kind, how.to_owned()), "{name}");
    }
    assert_eq!(seen.entities.kind_of("carts"), EntityKind::Service);
    assert!(seen.entities.get("redis-exporter").is_none(), "an exporter is no store");
    let doubts: Vec<_> = seen.notes.iter().filter(|n| n.code == "store_unknown").collect();
    assert_eq!(doubts.len(), 1);
    for piece in ["kafka-exporter of \"kafka\"", "--exporter", "elasticsearch-exporter of \"elasticsearch\""] {
        assert!(doubts[0].message.contains(piece), "{}", doubts[0].message);
    }
    assert!(!doubts[0].message.contains("session-db"), "{}", doubts[0].message);

    let given = BTreeMap::from([("kafka-exporter".to_owned(), "events".to_owned())]);
    let seen = observed(&server, Presets::default().with_stores(given)).observation;
    assert!(seen.frame.find("kafka").is_none());
    check(&seen, "events", &[("consumer_lag", 705.0)]);
}

#[test]
fn a_broker_that_is_away_is_down_as_its_target_is() {
    let labels = pod("rabbitmq-0", 15692);
    let mut series = text(&[(&labels, RABBITMQ)]);
    // The last five minutes: only a target that does not answer.
    let gone = START_S + LENGTH_S - 300;
    let kept = |line: &&str| line.rsplit(' ').next().and_then(|t| t.parse::<i64>().ok()).is_none_or(|t| t < gone);
    series = series.lines().filter(kept).filter(|l| *l != "# EOF").map(|l| format!("{l}\n")).collect();
    for t in (gone..=START_S + LENGTH_S).step_by(SCRAPE_S) {
        writeln!(series, "up{{{labels}}} 0 {t}").unwrap();
    }
    // Another namespace's target is no broker.
    series += &text(&[(&pod("carts-0", 80), "up 0")]);
    let Some(server) = Prometheus::backfilled("stores-away", &series) else { return };
    let seen = observed(&server, Presets::default()).observation;
    let down = seen.frame.find("rabbitmq").unwrap();
    let down = seen.frame.series().iter().find(|s| s.service == down && s.metric.name == "store_down").unwrap();
    assert_eq!(down.values.first().copied(), Some(0.0));
    assert_eq!(down.values.last().copied(), Some(1.0));
    assert!(seen.frame.find("carts").is_none());
}
