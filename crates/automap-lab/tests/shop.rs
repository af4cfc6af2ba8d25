//! The whole shop over real sockets, all 28 parts in one process: a user's journey, what the side-cars count of it,
//! and faults whose effect must show where theory puts it.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of a test fail by panicking")]

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use automap_lab::behaviour::Behaviour;
use automap_lab::effect::{Effect, HttpMatch};
use automap_lab::plan::{COMPONENTS, Ports, component};
use automap_lab::shop::app::{self, AppOptions};
use automap_lab::shop::sidecar::{self, SidecarOptions};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// One range of ports per test, so that tests can run at the same time.
async fn open_shop(name: &str) -> Ports {
    let ports = free_ports();
    let data_dir = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    for c in &COMPONENTS {
        let options = AppOptions {
            name: c.name.to_owned(),
            ports,
            ip: Ipv4Addr::LOCALHOST,
            behaviour: Behaviour::default(),
            seed: 1,
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
    SidecarOptions { name, ports, ip: Ipv4Addr::LOCALHOST, pod_name, endpoints: None }
}

/// A free range below the ports that the system gives to outgoing connections. No two tests get the same one.
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
    let (_, _, text) = http(ports.sidecar_admin(component(name).unwrap()), "GET", "/stats/prometheus", "", "").await;
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

/// Payment's node is full: payment waits for a core with each request, and says for how long. User, on another node, does not.
#[tokio::test]
async fn a_full_node_slows_its_own_pods_alone() {
    let ports = open_shop("node").await;
    let user = ShopUser::enter(ports).await;
    let [payment, other] = ["payment", "user"].map(|name| ports.app_admin(component(name).unwrap()));
    let full = Effect::NodeContention { dispatch_wait_ms: 40.0, stretch: 3.0, disk_wait_ms: 0.0 };
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
