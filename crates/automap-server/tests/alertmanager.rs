//! With a real Alertmanager, wired as users wire it: our incidents become its alerts, its webhook becomes our alerts.
#![expect(clippy::unwrap_used, clippy::print_stderr, reason = "a test may panic, and says aloud that it was skipped")]

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use automap_core::incident::{Incident, IncidentState, NamedCause, Severity};
use automap_core::time::Timestamp;
use automap_server::api::{Api, ApiConfig, Feed, MAX_DIAGNOSES, Problem, serve};
use automap_server::board::Board;
use automap_server::config::{Config, Target};
use automap_server::inbox::Inbox;
use automap_server::notify::{Notifier, Routing};
use automap_server::store::{MemoryStore, Store};
use automap_server::watcher::{Clock, Stop, SystemClock};
use serde_json::Value;

/// Patience with a process that starts or a message that travels.
const PATIENCE: Duration = Duration::from_secs(30);

/// An Alertmanager with a folder of its own; gone when dropped.
struct Manager {
    process: Child,
    dir: PathBuf,
    url: String,
}

impl Manager {
    /// `None`, said aloud, where none is installed.
    fn start(name: &str, webhook: Option<&str>) -> Option<Self> {
        let program = ["prometheus-alertmanager", "alertmanager"]
            .into_iter()
            .find(|p| Command::new(p).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok());
        let Some(program) = program else {
            eprintln!("SKIPPED: no Alertmanager is installed; scripts/need-alertmanager.sh installs it");
            return None;
        };
        let dir = std::env::temp_dir().join(format!("automap-am-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let receivers = webhook.map_or_else(String::new, |url| {
            format!("\n    webhook_configs: [{{ url: '{url}', send_resolved: true }}]")
        });
        let config = format!(
            "route: {{ receiver: automap, group_wait: 1s, group_interval: 1s }}\nreceivers:\n  - name: automap{receivers}\n"
        );
        std::fs::write(dir.join("alertmanager.yml"), config).unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let process = Command::new(program)
            .arg(format!("--config.file={}", dir.join("alertmanager.yml").display()))
            .arg(format!("--storage.path={}", dir.display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .arg("--cluster.listen-address=")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let manager = Self { process, dir, url: format!("http://127.0.0.1:{port}") };
        eventually("Alertmanager starts", || ureq::get(format!("{}/-/ready", manager.url)).call().is_ok());
        Some(manager)
    }

    fn alerts(&self) -> Vec<Value> {
        let mut answer = ureq::get(format!("{}/api/v2/alerts", self.url)).call().unwrap();
        serde_json::from_str(&answer.body_mut().read_to_string().unwrap()).unwrap()
    }
}

impl Drop for Manager {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < until, "{what}: not within {} s", PATIENCE.as_secs());
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn incident(now: Timestamp) -> Incident {
    let cause = NamedCause { service: "payment".into(), mechanism: Some("network".into()), confidence: 0.88 };
    Incident {
        severity: Severity::Critical,
        revision: 1,
        title: "payment (network): front-end p95 latency 74.1 → 376 ms".into(),
        cause: Some(cause),
        victims: vec!["front-end".into()],
        ..Incident::new("shop-1", "shop", now.plus_ms(-60_000), now)
    }
}

#[test]
fn an_incident_is_an_alert_until_it_is_closed() {
    let Some(manager) = Manager::start("out", None) else { return };
    let yaml = format!(
        "owners: [{{ services: [payment], team: payments }}]
receivers: [{{ name: am, allow_loopback: true, to: {{ alertmanager: {{ url: '{}' }} }} }}]",
        manager.url
    );
    let config = Config::parse(&yaml, Path::new("test.yaml")).unwrap();
    let store = Arc::new(MemoryStore::default());
    let kept: Arc<dyn Store> = Arc::<MemoryStore>::clone(&store);
    let notifier = Notifier::new(kept, Routing::new(&config.routes, &config.owners), &config.receivers);
    let now = SystemClock.now();
    store.put(&incident(now), &["am".to_owned()], now).unwrap();
    assert_eq!(notifier.round(now).unwrap().delivered, ["shop-1/1/am"]);
    eventually("two alerts fire", || manager.alerts().len() == 2);
    let alerts = manager.alerts();
    let named = |name: &str| alerts.iter().find(|a| a["labels"]["alertname"] == name).expect("the alert is there");
    let labels = &named("AutomapIncident")["labels"];
    assert_eq!((&labels["rca_service"], &labels["team"]), (&"payment".into(), &"payments".into()));
    assert_eq!(named("AutomapVictim")["labels"]["rca_victim_of"], "payment");
    assert_eq!(named("AutomapIncident")["status"]["state"], "active");

    let now = SystemClock.now();
    let closed = Incident { revision: 2, state: IncidentState::Closed, closed: Some(now), ..incident(now) };
    store.put(&closed, &["am".to_owned()], now).unwrap();
    assert_eq!(notifier.round(now).unwrap().delivered, ["shop-1/2/am"]);
    eventually("both alerts end", || manager.alerts().is_empty());
}

#[test]
fn its_webhook_reaches_the_inbox_and_its_end_too() {
    let (stop, inbox) = (Stop::default(), Inbox::new(&[Target::new("shop", "http://unused").unwrap()]));
    let api = Api {
        store: Arc::new(MemoryStore::default()),
        board: Board::default(),
        inbox: inbox.clone(),
        feed: Feed::new(1),
        diagnose: Arc::new(|_| Err(Problem::new(501, "not here", "nowhere"))),
        room: Arc::new(tokio::sync::Semaphore::new(MAX_DIAGNOSES)),
        config: Arc::new(ApiConfig { listen: ([127, 0, 0, 1], 0).into(), ..ApiConfig::default() }),
    };
    let (address, thread) = serve(api, &stop).unwrap();
    let Some(manager) = Manager::start("in", Some(&format!("http://{address}/api/v1/alerts"))) else {
        stop.set();
        return;
    };
    let now = SystemClock.now();
    let alert = |ends: Timestamp| {
        serde_json::json!([{
            "labels": {"alertname": "CheckoutSlow", "namespace": "shop"}, "annotations": {"summary": "checkout is slow"},
            "startsAt": now.rfc3339(), "endsAt": ends.rfc3339(),
        }])
        .to_string()
    };
    let send = |ends| {
        let url = format!("{}/api/v2/alerts", manager.url);
        ureq::post(url).header("content-type", "application/json").send(&alert(ends)).unwrap();
    };
    send(now.plus_ms(600_000));
    eventually("the alert arrives", || !inbox.firing("shop", SystemClock.now()).is_empty());
    let firing = inbox.firing("shop", SystemClock.now());
    assert_eq!((firing.len(), firing[0].summary.as_str()), (1, "checkout is slow"));
    assert!((firing[0].started.ms() - now.ms()).abs() < 1000);
    send(SystemClock.now());
    eventually("its end arrives", || inbox.firing("shop", SystemClock.now()).is_empty());
    stop.set();
    thread.join().unwrap();
}
