//! The whole shop over real sockets, all 28 parts in one process: a user's journey, the counts of the side-cars, and faults with effects that must
//! match the theory.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of a test fail by panicking")]

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use automap_lab::behaviour::Behaviour;
use automap_lab::effect::{Effect, HttpMatch};
use automap_lab::plan::{COMPONENTS, GATEWAY, Ports, component};
use automap_lab::shop::app::{self, AppOptions};
use automap_lab::shop::name_server;
use automap_lab::shop::sidecar::{self, SidecarOptions};
use automap_lab::stores::Stores;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// One range of ports per test, so that tests can run at the same time.
async fn open_shop(name: &str) -> Ports {
    open_shop_with(name, false).await
}

/// With a name server, if `dns`.
async fn open_shop_with(name: &str, dns: bool) -> Ports {
    let ports = free_ports();
    if dns {
        tokio::spawn(async move { name_server::serve(ports).await.unwrap() });
        wait_until_healthy(ports.dns_admin()).await;
    }
    let data_dir = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    for c in &COMPONENTS {
        let options = AppOptions {
            name: c.name.to_owned(),
            ports,
            ip: Ipv4Addr::LOCALHOST,
            behaviour: Behaviour::default(),
            seed: 1,
            dns,
            stores: Stores::StandIn,
            data_dir: data_dir.clone(),
        };
        tokio::spawn(async move { app::serve(&options).await.unwrap() });
        let options = sidecar_options(c.name, ports);
        tokio::spawn(async move { sidecar::serve(&options).await.unwrap() });
    }
    for c in &COMPONENTS {
        wait_until_healthy(ports.app_admin(c)).await;
        wait_until_healthy(ports.sidecar_admin(c)).await;
    }
    ports
}

fn sidecar_options(name: &str, ports: Ports) -> SidecarOptions {
    let (name, pod_name) = (name.to_owned(), format!("{name}-0"));
    SidecarOptions { name, ports, ip: Ipv4Addr::LOCALHOST, pod_name, endpoints: None, envoy: None }
}

/// A free range below the ports that the system assigns to outgoing connections. No two tests get the same one.
fn free_ports() -> Ports {
    static TAKEN: AtomicU16 = AtomicU16::new(0);
    const RANGES: u16 = 50;
    let offset = (std::process::id() % u32::from(RANGES)) as u16;
    for _ in 0..RANGES {
        let range = (offset + TAKEN.fetch_add(1, Ordering::Relaxed)) % RANGES;
        let base = 12_000 + range * 400;
        if (base..base + 302).all(|p| std::net::TcpListener::bind(("127.0.0.1", p)).is_ok()) {
            return Ports { base };
        }
    }
    panic!("no free range of ports");
}

async fn wait_until_healthy(port: u16) {
    for _ in 0..500 {
        if TcpStream::connect(("127.0.0.1", port)).await.is_ok() && http(port, "GET", "/health", "", "").await.0 == 200
        {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("nothing healthy on port {port}");
}

/// Status, cookie and body of one exchange; status 0 when the connection is cut.
async fn http(port: u16, method: &str, path: &str, cookie: &str, body: &str) -> (u16, Option<String>, String) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let length = body.len();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: t\r\nconnection: close\r\ncookie: {cookie}\r\ncontent-length: {length}\r\n\r\n"
    );
    stream.write_all((head + body).as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap_or_default();
    let Some((head, body)) = answer.split_once("\r\n\r\n") else { return (0, None, String::new()) };
    let cookie = head.lines().find_map(|l| l.strip_prefix("set-cookie: ")).map(str::to_owned);
    (head[9..12].parse().unwrap(), cookie, body.to_owned())
}

/// A logged-in user.
struct ShopUser {
    port: u16,
    cookie: String,
}

impl ShopUser {
    async fn enter(ports: Ports) -> Self {
        let port = ports.pod(component("front-end").unwrap());
        let (status, cookie, _) = http(port, "GET", "/", "", "").await;
        assert_eq!(status, 200);
        let user = Self { port, cookie: cookie.unwrap() };
        assert_eq!(user.ask("GET", "/login?username=user-1", "").await.0, 200);
        user
    }

    async fn ask(&self, method: &str, path: &str, body: &str) -> (u16, String) {
        let (status, _, body) = http(self.port, method, path, &self.cookie, body).await;
        (status, body)
    }

    async fn order(&self, sock: &str) -> u16 {
        assert_eq!(self.ask("DELETE", "/cart", "").await.0, 202);
        assert_eq!(self.ask("POST", "/cart", &format!("{{\"id\":\"{sock}\"}}")).await.0, 201);
        self.ask("POST", "/orders", "").await.0
    }
}

async fn put(port: u16, id: &str, effect: &Effect) {
    let (status, _, body) =
        http(port, "PUT", &format!("/effects/{id}"), "", &serde_json::to_string(effect).unwrap()).await;
    assert_eq!(status, 200, "{body}");
}

/// Every series of one side-car, by its text up to the value.
async fn scrape(ports: Ports, name: &str) -> BTreeMap<String, f64> {
    scrape_at(ports.sidecar_admin(component(name).unwrap())).await
}

async fn scrape_at(port: u16) -> BTreeMap<String, f64> {
    let (_, _, text) = http(port, "GET", "/stats/prometheus", "", "").await;
    let lines = text.lines().filter(|l| !l.starts_with('#'));
    lines.map(|l| l.rsplit_once(' ').unwrap()).map(|(k, v)| (k.to_owned(), v.parse().unwrap())).collect()
}

/// Sum over the series of a metric whose labels contain all of `having`.
fn sum(series: &BTreeMap<String, f64>, metric: &str, having: &[&str]) -> f64 {
    let start = format!("{metric}{{");
    series.iter().filter(|(k, _)| k.starts_with(&start) && having.iter().all(|h| k.contains(h))).map(|(_, v)| v).sum()
}

const FROM_ORDERS: [&str; 2] = ["source_workload=\"orders\"", "destination_service_name=\"payment\""];

async fn mean_latency_ms(ports: Ports, at: &str) -> f64 {
    let series = scrape(ports, at).await;
    sum(&series, "istio_request_duration_milliseconds_sum", &FROM_ORDERS)
        / sum(&series, "istio_request_duration_milliseconds_count", &FROM_ORDERS)
}

#[tokio::test]
async fn a_journey_succeeds_and_both_reporters_agree() {
    let ports = open_shop("journey").await;
    let user = ShopUser::enter(ports).await;
    assert_eq!(user.order("cat").await, 201);
    assert_eq!(user.order("holy").await, 406, "99.99 and shipping exceed what payment authorises");
    assert!(user.ask("GET", "/orders", "").await.1.contains("\"total\":19.99"));

    for (source, destination) in [("front-end", "orders"), ("orders", "user"), ("orders", "payment")] {
        let edge = [
            format!("source_workload=\"{source}\""),
            format!("destination_workload=\"{destination}\""),
            "request_protocol=\"http\"".to_owned(),
        ];
        let edge: Vec<&str> = edge.iter().map(String::as_str).collect();
        let at_source = sum(&scrape(ports, source).await, "istio_requests_total", &edge);
        let at_destination = sum(&scrape(ports, destination).await, "istio_requests_total", &edge);
        assert!(at_source > 0.0 && at_source == at_destination, "{source} {at_source}, {destination} {at_destination}");
    }
    let front_end = scrape(ports, "front-end").await;
    assert!(sum(&front_end, "istio_requests_total", &["source_workload=\"unknown\"", "policy=\"none\""]) > 0.0);
    assert_eq!(sum(&front_end, "istio_requests_total", &["reporter=\"source\"", "response_code=\"406\""]), 1.0);
    let store = scrape(ports, "orders-db").await;
    assert!(sum(&store, "istio_tcp_received_bytes_total", &["source_workload=\"orders\""]) > 100.0);
}

#[tokio::test]
async fn a_slow_network_shows_at_the_source_and_not_at_the_destination() {
    let ports = open_shop("delay").await;
    let user = ShopUser::enter(ports).await;
    let delay = Effect::NetworkDelay { latency_ms: 150.0, jitter_ms: 0.0, correlation_percent: 0.0, peers: None };
    put(ports.sidecar_admin(component("payment").unwrap()), "slow", &delay).await;
    for _ in 0..3 {
        assert_eq!(user.order("cat").await, 201);
    }
    let gap_ms = mean_latency_ms(ports, "orders").await - mean_latency_ms(ports, "payment").await;
    // The first request also pays for opening the connection: (150 + 150 + 150 + 150) / 3.
    assert!((150.0..400.0).contains(&gap_ms), "{gap_ms}");
}

/// Payment's node is full: payment waits for a core with each request, and reports for how long. User, on another node, does not.
#[tokio::test]
async fn a_full_node_slows_its_own_pods_alone() {
    let ports = open_shop("node").await;
    let user = ShopUser::enter(ports).await;
    let [payment, other] = ["payment", "user"].map(|name| ports.app_admin(component(name).unwrap()));
    let full = Effect::NodeContention { dispatch_wait_ms: 40.0, stretch: 3.0, disk_wait_ms: 0.0, memory_wait_ms: 0.0 };
    put(payment, "node", &full).await;
    assert_eq!(user.order("cat").await, 201);
    let waited =
        |stats: &str| serde_json::from_str::<serde_json::Value>(stats).unwrap()["cpu_wait_s"].as_f64().unwrap();
    let slow = waited(&http(payment, "GET", "/stats", "", "").await.2);
    // Between half and one and a half of 40 ms, and twice its CPU time of some 0.4 ms.
    assert!((0.02..0.08).contains(&slow), "{slow}");
    assert_eq!(waited(&http(other, "GET", "/stats", "", "").await.2), 0.0);
    assert_eq!(http(payment, "DELETE", "/effects/node", "", "").await.0, 200);
    assert_eq!(user.order("cat").await, 201);
    assert_eq!(waited(&http(payment, "GET", "/stats", "", "").await.2), slow, "it waits no more");
}

#[tokio::test]
async fn failures_carry_envoys_flags() {
    let ports = open_shop("failures").await;
    let user = ShopUser::enter(ports).await;
    let matching = HttpMatch { path: "/payment*".to_owned(), method: None };
    let abort = Effect::HttpAbort { matching, on_response: false };
    put(ports.app_admin(component("payment").unwrap()), "abort", &abort).await;
    assert_eq!(user.order("cat").await, 500);
    let payment = scrape(ports, "payment").await;
    assert_eq!(sum(&payment, "istio_requests_total", &["response_code=\"503\"", "response_flags=\"UC\""]), 1.0);

    let partition = Effect::NetworkPartition { peers: Some(vec!["carts".to_owned()]) };
    let sidecar = ports.sidecar_admin(component("orders").unwrap());
    put(sidecar, "cut", &partition).await;
    let start = Instant::now();
    assert_eq!(user.order("cat").await, 500, "orders gives up after its 5 s");
    assert!(start.elapsed() >= Duration::from_secs(5));
    let orders = scrape(ports, "orders").await;
    let gone = ["destination_service_name=\"carts\"", "response_code=\"0\"", "response_flags=\"DC\""];
    assert_eq!(sum(&orders, "istio_requests_total", &gone), 1.0);
    assert_eq!(http(sidecar, "DELETE", "/effects/cut", "", "").await.0, 200);
    assert_eq!(http(sidecar, "DELETE", "/effects/cut", "", "").await.0, 404);
}

#[tokio::test]
async fn a_missing_pod_shows_at_the_source_only() {
    let ports = free_ports();
    let orders = component("orders").unwrap();
    let options = sidecar_options("orders", ports);
    tokio::spawn(async move { sidecar::serve(&options).await.unwrap() });
    wait_until_healthy(ports.sidecar_admin(orders)).await;
    let outbound = ports.outbound(orders, "payment").unwrap();
    assert_eq!(http(outbound, "POST", "/paymentAuth", "", "{}").await.0, 503);
    assert_eq!(http(ports.pod(orders), "GET", "/orders", "", "").await.0, 503);

    let series = scrape(ports, "orders").await;
    let unserviced =
        ["destination_workload=\"unknown\"", "destination_service_name=\"payment\"", "response_flags=\"UF,URX\""];
    assert_eq!(sum(&series, "istio_requests_total", &unserviced), 1.0);
    let no_app = ["reporter=\"destination\"", "destination_workload=\"orders\"", "response_flags=\"UF\""];
    assert_eq!(sum(&series, "istio_requests_total", &no_app), 1.0);
}

async fn end(port: u16, id: &str) {
    assert_eq!(http(port, "DELETE", &format!("/effects/{id}"), "", "").await.0, 200);
}

/// Front-end knows the gateway as its caller. Once the gateway's certificate has expired, no request gets through, and the metrics show both.
#[tokio::test]
async fn users_come_through_the_gateway_and_its_certificate_can_expire() {
    let ports = open_shop("gateway").await;
    let options = sidecar_options(GATEWAY.name, ports);
    tokio::spawn(async move { sidecar::serve_gateway(&options).await.unwrap() });
    let admin = ports.sidecar_admin(&GATEWAY);
    wait_until_healthy(admin).await;
    let ask = || async { http(ports.pod(&GATEWAY), "GET", "/", "", "").await.0 };
    assert_eq!(ask().await, 200);
    let from_gateway = ["source_workload=\"istio-ingressgateway\"", "source_workload_namespace=\"istio-system\""];
    for series in [scrape(ports, "front-end").await, scrape_at(admin).await] {
        assert_eq!(sum(&series, "istio_requests_total", &from_gateway), 1.0, "{series:?}");
    }
    let expires_in_s = |series: &BTreeMap<String, f64>| sum(series, "istio_agent_cert_expiry_seconds", &[]);
    assert!(expires_in_s(&scrape_at(admin).await) > 3600.0);

    put(admin, "old", &Effect::CertificateExpired).await;
    assert_eq!(ask().await, 503);
    let series = scrape_at(admin).await;
    let refused = ["response_code=\"503\"", "response_flags=\"UF,URX\"", "destination_service_name=\"front-end\""];
    assert_eq!(sum(&series, "istio_requests_total", &refused), 1.0);
    assert!(expires_in_s(&series) < 0.0);
    end(admin, "old").await;
    assert_eq!(ask().await, 200);
}

/// Front-end looks up catalogue before each call: a slow name server adds to the time before it, and a failing one causes a failure.
#[tokio::test]
async fn a_slow_name_server_is_felt_before_every_call_of_front_end() {
    let ports = open_shop_with("names", true).await;
    let page = || async { http(ports.pod(component("front-end").unwrap()), "GET", "/", "", "").await.0 };
    assert_eq!(page().await, 200);
    put(ports.dns_admin(), "slow", &Effect::NameService { delay_ms: 300.0, percent: 100.0, fails: false }).await;
    let start = Instant::now();
    assert_eq!(page().await, 200);
    assert!(start.elapsed() >= Duration::from_millis(300));
    let series = scrape_at(ports.dns_admin()).await;
    let cluster = ["zone=\"cluster.local.\""];
    assert!(sum(&series, "coredns_dns_request_duration_seconds_sum", &cluster) >= 0.3);
    assert!(sum(&series, "coredns_dns_responses_total", &["rcode=\"NOERROR\"", cluster[0]]) >= 2.0);
    put(ports.dns_admin(), "slow", &Effect::NameService { delay_ms: 0.0, percent: 100.0, fails: true }).await;
    assert_eq!(page().await, 500);
    assert!(sum(&scrape_at(ports.dns_admin()).await, "coredns_dns_responses_total", &["SERVFAIL", cluster[0]]) >= 1.0);
}

/// Catalogue waits for a lock held in its store, and carts gets no connection to its own; both stores report it.
#[tokio::test]
async fn stores_lock_and_run_out_of_connections() {
    let ports = open_shop("stores").await;
    let user = ShopUser::enter(ports).await;
    let [catalogue_db, carts_db] = ["catalogue-db", "carts-db"].map(|name| ports.app_admin(component(name).unwrap()));
    put(catalogue_db, "lock", &Effect::StoreLock { hold_ms: 400.0, free_ms: 0.0 }).await;
    let start = Instant::now();
    assert_eq!(user.ask("GET", "/catalogue", "").await.0, 200);
    assert!(start.elapsed() >= Duration::from_millis(200), "it came somewhere in the 400 ms");
    let told = http(catalogue_db, "GET", "/stats/prometheus", "", "").await.2;
    assert!(told.contains("mysql_global_status_innodb_row_lock_waits 1\n"), "{told}");
    end(catalogue_db, "lock").await;

    assert_eq!(user.ask("GET", "/cart", "").await.0, 200);
    put(carts_db, "full", &Effect::StoreSessions { left: 0 }).await;
    // An existing idle connection is closed within half a second or two.
    for _ in 0..40 {
        if user.ask("GET", "/cart", "").await.0 == 500 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(700)).await;
    }
    assert_eq!(user.ask("GET", "/cart", "").await.0, 500);
    let told = http(carts_db, "GET", "/stats/prometheus", "", "").await.2;
    assert!(told.contains("mongodb_ss_connections{conn_type=\"available\"} 0\n"), "{told}");
    assert!(!told.contains("mongodb_ss_connections_rejected 0\n"), "{told}");
    end(carts_db, "full").await;
    assert_eq!(user.ask("GET", "/cart", "").await.0, 200);
}

/// A stopped consumer is noticed only if its queue is bounded.
#[tokio::test]
async fn a_stopped_consumer_is_felt_once_its_queue_refuses() {
    let ports = open_shop("queue").await;
    let user = ShopUser::enter(ports).await;
    let [consumer, broker] = ["queue-master", "rabbitmq"].map(|name| ports.app_admin(component(name).unwrap()));
    put(consumer, "stop", &Effect::ConsumerStop).await;
    // It still takes the message that it has already requested.
    tokio::time::sleep(Duration::from_millis(1500)).await;
    for _ in 0..3 {
        assert_eq!(user.order("cat").await, 201);
    }
    put(broker, "bound", &Effect::QueueLimit { max: 3 }).await;
    assert_eq!(user.order("cat").await, 500);
    let told = http(broker, "GET", "/stats/prometheus", "", "").await.2;
    assert!(told.contains("rabbitmq_queue_messages_ready{vhost=\"/\",queue=\"shipping-task\"} 3\n"), "{told}");
    assert!(told.contains("rabbitmq_global_messages_received_total{protocol=\"amqp091\"} 3\n"), "{told}");
}
