//! The lab as a user runs it: up, a process that dies and is restarted, nothing left when the supervisor is killed, and a diagnosis through a real
//! Prometheus.

#![expect(clippy::unwrap_used, reason = "helpers of tests may fail loudly")]

use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;

const WITHIN: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(100);
/// Ports that a lab uses from its base port on.
const PORTS: u16 = 302;

/// A lab's directory; whatever the test does, nothing of the lab outlives it.
struct Dir(tempfile::TempDir);

impl Dir {
    fn new(name: &str) -> Self {
        Self(tempfile::Builder::new().prefix(&format!("automap-{name}-")).tempdir().unwrap())
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        automap(self.path(), &["down"]);
    }
}

fn automap(dir: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_automap")).arg("lab").args(args).arg("--dir").arg(dir).output().unwrap()
}

fn ok(dir: &Path, args: &[&str]) -> String {
    let output = automap(dir, args);
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn status(dir: &Path) -> Value {
    serde_json::from_str(&ok(dir, &["status", "-o", "json"])).unwrap()
}

fn pod<'a>(status: &'a Value, service: &str) -> &'a Value {
    status["pods"].as_array().unwrap().iter().find(|p| p["service"] == service).unwrap()
}

/// A block of free ports below those that the system assigns. `nth` separates the tests of this file, a port from the system separates runs.
fn free_base_port(nth: u16) -> u16 {
    let from_system = || TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let block = |random: u16| 10_000 + ((random % 20) * 3 + nth) * PORTS;
    let free = |base: &u16| (*base..base + PORTS).all(|p| TcpListener::bind(("127.0.0.1", p)).is_ok());
    (0..200).map(|_| block(from_system())).find(free).unwrap()
}

fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let until = Instant::now() + WITHIN;
    while !done() {
        assert!(Instant::now() < until, "{what} took more than {WITHIN:?}");
        sleep(POLL);
    }
}

fn kill(pid: &Value) {
    let killed = Command::new("sh").args(["-c", &format!("kill -9 {}", pid.as_u64().unwrap())]).status().unwrap();
    assert!(killed.success());
}

/// Whether a process runs; a zombie that was not reaped does not.
fn runs(pid: &Value) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(')').next().is_some_and(|rest| !rest.trim().is_empty() && !rest.trim_start().starts_with('Z'))
}

/// Asserts that two reports differ only in the last digits of numbers.
fn assert_same(place: &str, a: &Value, b: &Value) {
    match (a, b) {
        (Value::Object(x), Value::Object(y)) => {
            assert_eq!(x.keys().collect::<Vec<_>>(), y.keys().collect::<Vec<_>>(), "{place}");
            x.iter().for_each(|(key, value)| assert_same(&format!("{place}/{key}"), value, &y[key]));
        }
        (Value::Array(x), Value::Array(y)) => {
            assert_eq!(x.len(), y.len(), "{place}");
            x.iter().zip(y).enumerate().for_each(|(i, (x, y))| assert_same(&format!("{place}/{i}"), x, y));
        }
        (Value::Number(x), Value::Number(y)) => {
            let (x, y) = (x.as_f64().unwrap(), y.as_f64().unwrap());
            assert!((x - y).abs() <= 1e-9 * x.abs().max(y.abs()), "{place}: {x} and {y}");
        }
        _ => assert_eq!(a, b, "{place}"),
    }
}

#[test]
fn a_real_prometheus_answers_and_the_capture_gives_the_same_report() {
    let dir = Dir::new("live");
    let base = free_base_port(2).to_string();
    ok(dir.path(), &["up", "--load", "6", "--base-port", &base, "--scrape-interval", "1s"]);
    let url = status(dir.path())["prometheus_url"].as_str().unwrap().to_owned();
    let run = |args: &[&str]| Command::new(env!("CARGO_BIN_EXE_automap")).args(args).output().unwrap();
    let live = ["--prometheus", &url, "--namespace", "sock-shop"];
    wait_until("gathering samples", || {
        let output = run(&[&["diagnose", "--since", "60s", "-o", "json"], &live[..]].concat());
        let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        let samples = |window: &str| report["windows"][window].as_u64().unwrap_or(0);
        samples("baseline_samples") + samples("incident_samples") >= 20
    });

    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let (from, to) = ((now - 40).to_string(), (now - 6).to_string());
    let window = ["--from", &from, "--to", &to];
    let file = dir.path().join("live.parquet").display().to_string();
    let answered = run(&[&["diagnose", "-o", "json"], &live[..], &window].concat());
    let captured = run(&[&["capture", &file], &live[..], &window].concat());
    assert!(captured.status.success(), "{}", String::from_utf8_lossy(&captured.stderr));
    let replayed = run(&["diagnose", "-o", "json", "--capture", &file]);
    let report: Value = serde_json::from_slice(&answered.stdout).unwrap();
    let of_capture: Value = serde_json::from_slice(&replayed.stdout).unwrap();
    // Two requests: Prometheus adds up in an arbitrary order, so the last digit of a sum may differ.
    assert_same("", &report, &of_capture);
    assert_eq!(report["coverage"]["services_judged"], 14, "{}", String::from_utf8_lossy(&answered.stderr));
    let queries = report["queries"].as_array().unwrap();
    assert!(queries.iter().all(|q| q["state"] != "failed"), "{queries:#?}");
    let missing = |signal: &&&str| !queries.iter().any(|q| q["signal"] == ***signal && q["series"].as_u64() > Some(0));
    let absent: Vec<_> = [
        "latency_ms",
        "client_latency_ms",
        "served_latency_ms",
        "tcp_bytes_per_s",
        "cpu_cores",
        "cpu_throttled_ratio",
        "memory_bytes",
        "network_in_bytes_per_s",
        "disk_write_bytes_per_s",
        "restarts",
        "pods_started",
    ]
    .iter()
    .filter(missing)
    .collect();
    assert!(absent.is_empty(), "no series for {absent:?}");
}

#[test]
fn ended_processes_are_restarted_and_none_outlives_the_supervisor() {
    let dir = Dir::new("lab");
    let base = free_base_port(0).to_string();
    let up = ["up", "--prometheus", "none", "--base-port", &base];
    ok(dir.path(), &up);
    let again = automap(dir.path(), &up);
    assert_eq!(again.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&again.stderr).contains("a lab already runs in"));

    let before = status(dir.path());
    let payment = pod(&before, "payment");
    kill(&payment["pids"][0]);
    wait_until("restarting", || {
        let now = status(dir.path());
        let payment = pod(&now, "payment");
        payment["restarts"] == 1 && payment["ready"] == 2
    });

    let now = status(dir.path());
    assert_eq!(pod(&now, "payment")["name"], payment["name"]);
    assert_eq!(pod(&now, "payment")["pids"][1], payment["pids"][1], "the side-car lives on");
    let pids: Vec<Value> =
        now["pods"].as_array().unwrap().iter().flat_map(|p| p["pids"].as_array().unwrap().clone()).collect();
    assert_eq!(pids.len(), 28);
    assert!(pids.iter().all(runs));
    kill(&now["supervisor_pid"]);
    wait_until("ending every process", || !pids.iter().any(runs));

    let stale = automap(dir.path(), &["status"]);
    assert!(String::from_utf8_lossy(&stale.stderr).contains("no lab runs in"));
}

#[test]
fn a_killed_pod_gets_a_new_name_and_the_ledger_records_start_and_end() {
    let dir = Dir::new("lab-kill");
    let base = free_base_port(1).to_string();
    ok(dir.path(), &["up", "--prometheus", "none", "--base-port", &base]);
    let name = |service: &str| pod(&status(dir.path()), service)["name"].as_str().unwrap().to_owned();
    let before = name("shipping");
    let fault = Path::new(env!("CARGO_MANIFEST_DIR")).join("../automap-lab/faults/kill-pod-shipping.yaml");
    ok(dir.path(), &["inject", "--wait", fault.to_str().unwrap()]);
    let after = name("shipping");
    assert_ne!(after, before);
    assert_eq!(after.rsplit_once('-').unwrap().0, before.rsplit_once('-').unwrap().0, "the same ReplicaSet");

    let ledger = std::fs::read_to_string(dir.path().join("ledger.jsonl")).unwrap();
    let last: Value = serde_json::from_str(ledger.lines().last().unwrap()).unwrap();
    assert_eq!(last["targets"][0]["pod"], *before);
    assert!(last["to_ms"].as_i64() > last["from_ms"].as_i64(), "{last}");

    let refused = automap(dir.path(), &["inject", "/dev/null"]);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("/dev/null: holds 0 documents"));
    ok(dir.path(), &["down"]);
    assert!(String::from_utf8_lossy(&automap(dir.path(), &["down"]).stderr).contains("no lab runs in"));
}

/// The result of an instant query, one line for each series.
fn query(url: &str, expression: &str) -> Vec<String> {
    let output = Command::new("promtool").args(["query", "instant", url, expression]).output().unwrap();
    assert!(output.status.success(), "{expression}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().filter(|l| !l.is_empty()).map(str::to_owned).collect()
}

/// A slow version takes over and is rolled back: the traces of both in a real Prometheus, no failed request, and the former ReplicaSet.
#[test]
fn a_release_rolls_out_without_a_gap_and_rolls_back_to_the_replica_set_of_before() {
    const HAS_TAKEN_OVER: &str = r#"max by (owner_name, replicaset) (((kube_replicaset_spec_replicas > 0) unless on (namespace, replicaset) (kube_replicaset_spec_replicas offset 20s > 0)) * on (namespace, replicaset) group_left (owner_name) kube_replicaset_owner{owner_kind="Deployment"})"#;
    let dir = Dir::new("lab-release");
    let base = free_base_port(0).to_string();
    ok(dir.path(), &["up", "--load", "6", "--base-port", &base, "--scrape-interval", "1s"]);
    let url = status(dir.path())["prometheus_url"].as_str().unwrap().to_owned();
    let name = |service: &str| pod(&status(dir.path()), service)["name"].as_str().unwrap().to_owned();
    let replica_set = |service: &str| name(service).rsplit_once('-').unwrap().0.to_owned();
    let before = replica_set("catalogue");
    wait_until("a look-back without a release", || {
        !query(&url, "kube_replicaset_owner offset 21s").is_empty() && query(&url, HAS_TAKEN_OVER).is_empty()
    });

    let said = ok(dir.path(), &["release", "catalogue", "--version", "v2", "--slow", "200ms"]);
    assert_eq!(said, "catalogue: release 0.3.5 → v2\n");
    let after = replica_set("catalogue");
    assert_ne!(after, before);
    let now = status(dir.path());
    assert_eq!((now["rolling_out"].as_array().unwrap().len(), now["pods"].as_array().unwrap().len()), (0, 14));
    // It is visible for a few seconds only, so the result seen while waiting counts.
    let mut takers = Vec::new();
    wait_until("the roll-out in Prometheus", || {
        takers = query(&url, HAS_TAKEN_OVER);
        takers.iter().any(|l| l.contains(&format!("replicaset=\"{after}\"")))
    });
    assert_eq!(takers.len(), 1, "nothing else changed: {takers:?}");
    let image = r#"kube_pod_container_info{container="catalogue"}"#;
    // The former pod remains visible until the next scrape.
    wait_until("only pods of the new image", || {
        let pods = query(&url, image);
        !pods.is_empty() && pods.iter().all(|l| l.contains("weaveworksdemos/catalogue:v2"))
    });
    let slow = r#"histogram_quantile(0.5, sum by (le) (rate(istio_request_duration_milliseconds_bucket{reporter="destination",destination_workload="catalogue"}[10s]))) > 100"#;
    wait_until("slow requests", || !query(&url, slow).is_empty());

    let again = automap(dir.path(), &["release", "catalogue", "--version", "v2"]);
    assert!(String::from_utf8_lossy(&again.stderr).contains("catalogue runs v2 already"));
    assert_eq!(ok(dir.path(), &["rollback", "catalogue"]), "catalogue: rollback v2 → 0.3.5\n");
    assert_eq!(replica_set("catalogue"), before, "the ReplicaSet of before");
    wait_until("fast requests", || query(&url, slow).is_empty());
    let failed = r#"sum by (destination_workload, response_code, response_flags) (istio_requests_total{response_code=~"0|5.."}) > 0"#;
    assert_eq!(query(&url, failed), Vec::<String>::new(), "no request met a closed door");
    let empty = format!("kube_replicaset_spec_replicas{{replicaset=\"{after}\"}} == 0");
    wait_until("an empty ReplicaSet", || query(&url, &empty).len() == 1);

    let text = std::fs::read_to_string(dir.path().join("ledger.jsonl")).unwrap();
    let lines: Vec<Value> = text.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    let release = lines.iter().rfind(|l| l["action"] == "slow").unwrap();
    assert_eq!(release["truth"]["change"]["after"], "v2");
    assert!(release["to_ms"].as_i64() > release["from_ms"].as_i64(), "{release}");
}

/// The metrics and the ledger of a stopped lab: kept, replaced or deleted, as requested.
#[test]
fn metrics_of_the_last_run_go_with_the_next_one_and_purge_deletes_the_ledger_too() {
    let dir = Dir::new("lab-purge");
    let base = free_base_port(0).to_string();
    let up = ["up", "--prometheus", "none", "--base-port", &base];
    let old_samples = dir.path().join("prometheus/data/old");
    let ledger = dir.path().join("ledger.jsonl");
    ok(dir.path(), &up);
    ok(dir.path(), &["down"]);
    assert!(dir.path().join("prometheus").is_dir(), "`down` alone deletes nothing");
    std::fs::create_dir_all(&old_samples).unwrap();

    ok(dir.path(), &[&up[..], &["--keep-data"]].concat());
    ok(dir.path(), &["down"]);
    assert!(old_samples.is_dir());
    ok(dir.path(), &up);
    assert!(!old_samples.exists() && ledger.is_file());

    ok(dir.path(), &["down"]);
    std::fs::write(dir.path().join("notes.txt"), "the user's own").unwrap();
    ok(dir.path(), &["down", "--purge"]);
    let left: Vec<_> = std::fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["notes.txt"]);
}

/// Ctrl-C before the fault: exit code 130, a message that claims nothing, and no directory left behind.
#[test]
fn an_interrupted_demo_leaves_nothing_in_the_temporary_directory() {
    let own = Dir::new("demo-interrupted");
    let mut demo = Command::new(env!("CARGO_BIN_EXE_automap"))
        .args(["demo", "--live", "--base-port", &free_base_port(1).to_string()])
        .env("TMPDIR", own.path())
        .stderr(std::process::Stdio::piped())
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(demo.stderr.take().unwrap()));
    let mut said = Vec::new();
    while !said.last().is_some_and(|line: &String| line.contains("settling")) {
        said.push(lines.next().unwrap_or_else(|| panic!("the demo ended early: {said:?}")).unwrap());
    }
    assert_ne!(std::fs::read_dir(own.path()).unwrap().count(), 0, "the lab's, and the page's store");
    assert!(Command::new("kill").args(["-INT", &demo.id().to_string()]).status().unwrap().success());
    said.extend(lines.map(Result::unwrap));
    assert_eq!(demo.wait().unwrap().code(), Some(130), "{said:?}");
    assert_eq!(said.last().unwrap(), "error: interrupted; no fault was in place");
    // The supervisor deletes it, which may take a moment longer than the demo on a busy machine.
    wait_until("deleting the lab's directory", || std::fs::read_dir(own.path()).unwrap().count() == 0);
}

/// The shop on MariaDB, PostgreSQL, Redis and RabbitMQ: users are served, exporters show it, a killed server comes back with its data, and none
/// outlives the lab.
#[test]
#[ignore = "unpacks Debian's packages: make test-stores"]
fn the_shop_works_on_real_stores_and_none_outlives_it() {
    let dir = Dir::new("lab-stores");
    let stores = RealStores::unpacked();
    // PostgreSQL runs as another user if the test is root.
    assert!(Command::new("chmod").arg("755").arg(dir.path()).status().unwrap().success());
    let base = free_base_port(0).to_string();
    let mut up = stores.automap(dir.path(), &["up", "--stores", "real", "--rate", "6", "--scrape-interval", "1s"]);
    let output = up.args(["--base-port", &base]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let url = status(dir.path())["prometheus_url"].as_str().unwrap().to_owned();
    let is_true = |expression: &str| query(&url, expression).len() == 1;
    for (what, expression) in [
        ("statements of MariaDB", "sum(rate(mysql_global_status_questions[10s])) > 1"),
        ("transactions of three PostgreSQL", "count(sum by (pod) (rate(pg_stat_database_xact_commit[10s])) > 1) == 3"),
        ("commands of Redis", r#"sum(rate(redis_commands_total{cmd="set"}[10s])) > 0.5"#),
        ("messages that are taken", "sum(rate(rabbitmq_queue_messages_published_total[20s])) > 0.05"),
        ("one consumer", "sum(rabbitmq_queue_consumers) == 1"),
        ("orders", r#"sum(rate(istio_requests_total{destination_workload="orders",response_code="201"}[20s])) > 0.1"#),
    ] {
        wait_until(what, || is_true(expression));
    }
    // Users come while the last servers are still starting.
    let failed = r#"sum(rate(istio_requests_total{destination_workload=~"catalogue|carts|user|shipping",response_code=~"0|5.."}[10s])) > 0"#;
    wait_until("requests that all succeed", || query(&url, failed).is_empty());

    let before = pod(&status(dir.path()), "user-db")["pids"][0].clone();
    kill(&before);
    wait_until("restarting PostgreSQL", || {
        let now = status(dir.path());
        pod(&now, "user-db")["ready"] == 2 && pod(&now, "user-db")["pids"][0] != before
    });
    let logins = r#"sum(rate(istio_requests_total{reporter="destination",destination_workload="user",response_code="200"}[5s])) > 0.2"#;
    wait_until("customers who are still known", || is_true(logins));

    ok(dir.path(), &["down"]);
    let mark = dir.path().display().to_string();
    wait_until("ending every server", || !command_lines().iter().any(|line| line.contains(&mark)));
}

/// The programs of real stores, as `scripts/stores.sh` unpacks them.
/// The shop behind real Envoys: callers are known by their certificates, faults of the network show as they do in Istio, a killed Envoy comes
/// back, and none outlives the lab.
#[test]
#[ignore = "fetches Envoy: make test-mesh"]
fn the_shop_works_behind_real_side_cars_and_none_outlives_it() {
    let dir = Dir::new("lab-mesh");
    let base = free_base_port(0).to_string();
    let up = ["up", "--mesh", "envoy", "--with", "gateway", "--rate", "6", "--scrape-interval", "1s"];
    ok(dir.path(), &[&up[..], &["--base-port", &base]].concat());
    let url = status(dir.path())["prometheus_url"].as_str().unwrap().to_owned();
    let is_true = |expression: &str| query(&url, expression).len() == 1;
    let orders = r#"sum(rate(istio_requests_total{reporter="destination",source_workload="front-end",destination_workload="orders",response_code="201",connection_security_policy="mutual_tls"}[20s])) > 0.1"#;
    wait_until("orders over mutual TLS", || is_true(orders));
    for (what, expression) in [
        (
            "users through the gateway",
            r#"sum(rate(istio_requests_total{source_workload="istio-ingressgateway",reporter="source"}[10s])) > 1"#,
        ),
        (
            "bytes to a store",
            r#"sum(rate(istio_tcp_received_bytes_total{reporter="destination",source_workload="carts",destination_workload="carts-db"}[10s])) > 10"#,
        ),
        (
            "durations below a second",
            r#"histogram_quantile(0.5, sum by (le) (rate(istio_request_duration_milliseconds_bucket{reporter="source",destination_workload="user"}[20s]))) < 1000"#,
        ),
    ] {
        wait_until(what, || is_true(expression));
    }
    // Each pair is counted once: a scrape with two samples of one series would be refused.
    let pairs = r#"count(count by (reporter, source_workload, destination_workload) (istio_tcp_connections_opened_total{response_flags="-"})) == 14"#;
    wait_until("seven connections, seen from both ends", || is_true(pairs));

    let partition = concat!(env!("CARGO_MANIFEST_DIR"), "/../automap-lab/faults/partition-carts.yaml");
    ok(dir.path(), &["inject", partition]);
    let hanging = r#"sum(rate(istio_requests_total{reporter="source",destination_service_name="carts",destination_workload="unknown",response_flags=~".*UF.*"}[10s])) > 0"#;
    wait_until("connections that fail", || is_true(hanging));

    let before = pod(&status(dir.path()), "user")["pids"].clone();
    let envoy = children_of(&before[1]).next().unwrap();
    kill(&envoy);
    wait_until("restarting the side-car", || {
        let now = status(dir.path());
        pod(&now, "user")["ready"] == 2 && pod(&now, "user")["pids"][1] != before[1]
    });
    let logins = r#"sum(rate(istio_requests_total{reporter="destination",destination_workload="user",response_code="200"}[5s])) > 0.2"#;
    wait_until("customers who are served again", || is_true(logins));

    ok(dir.path(), &["down"]);
    let mark = dir.path().display().to_string();
    wait_until("ending every Envoy", || !command_lines().iter().any(|line| line.contains(&mark)));
}

struct RealStores {
    environment: Vec<(String, String)>,
}

impl RealStores {
    fn unpacked() -> Self {
        let script = |verb: &str| {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/stores.sh");
            let output = Command::new(path).arg(verb).output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            String::from_utf8(output.stdout).unwrap()
        };
        script("unpack");
        let environment = script("env");
        let pairs = environment.lines().filter_map(|line| line.split_once('='));
        Self { environment: pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect() }
    }

    fn automap(&self, dir: &Path, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_automap"));
        command.arg("lab").args(args).arg("--dir").arg(dir).envs(self.environment.iter().cloned());
        command
    }
}

/// The processes that one has started.
fn children_of(pid: &Value) -> impl Iterator<Item = Value> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
    text.split_whitespace().map(|child| child.parse::<u64>().unwrap().into()).collect::<Vec<Value>>().into_iter()
}

/// Those of all processes.
fn command_lines() -> Vec<String> {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    processes.filter_map(|p| std::fs::read_to_string(p.path().join("cmdline")).ok()).collect()
}
