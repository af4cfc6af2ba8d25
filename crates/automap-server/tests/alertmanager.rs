//! A real Alertmanager: alerts appear, stay active while they are renewed, inhibit those of the victims, and end with the incident.
//! `scripts/need-alertmanager.sh` installs it; without it the test is skipped, and under CI it fails.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use automap_core::incident::Incident;
use automap_core::time::Timestamp;
use automap_server::config::Config;
use automap_server::daemon::{Daemon, Listener};
use automap_server::mutes::{AlertmanagerSource, Mutes, read_silences};
use automap_server::notify::Worker;
use automap_server::replica::Replica;
use automap_server::store::memory::MemoryStore;
use automap_server::store::{IncidentStore, Store};
use automap_server::watcher::Stop;
use serde_json::{Value, json};

use crate::common::config::one;
use crate::common::{self, Folder, closed, incident, skip_without};

/// Longest wait for the server to come up or to act.
const PATIENCE: Duration = Duration::from_secs(30);

const INHIBIT: &str = "
route: {receiver: nobody, group_by: [incident]}
receivers: [{name: nobody}]
inhibit_rules:
  - source_matchers: ['alertname=\"AutomapVictim\"']
    target_matchers: ['alertname!~\"Automap.*\"']
    equal: [service]
";

struct Manager(Child, String);

impl Drop for Manager {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Manager {
    fn start(folder: &Folder, config: &str) -> Option<Self> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let names = ["prometheus-alertmanager", "alertmanager"];
        let program =
            std::env::split_paths(&path).flat_map(|dir| names.map(|n| dir.join(n))).find(|p| Path::is_file(p))?;
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let child = Command::new(program)
            .arg(format!("--config.file={}", folder.file("am.yml", config).display()))
            .arg(format!("--storage.path={}", folder.join("data").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .arg("--cluster.listen-address=")
            .stderr(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let running = Self(child, format!("http://127.0.0.1:{port}"));
        running.until("it is ready", |_| ureq::get(format!("{}/-/ready", running.1)).call().is_ok());
        Some(running)
    }

    fn alerts(&self) -> Vec<Value> {
        let Ok(mut answer) = ureq::get(format!("{}/api/v2/alerts", self.1)).call() else { return Vec::new() };
        serde_json::from_slice(&answer.body_mut().read_to_vec().unwrap()).unwrap()
    }

    fn until(&self, what: &str, holds: impl Fn(&[Value]) -> bool) -> Vec<Value> {
        let start = Instant::now();
        loop {
            let alerts = self.alerts();
            if holds(&alerts) {
                return alerts;
            }
            assert!(start.elapsed() < PATIENCE, "not within {PATIENCE:?}: {what}; there is {alerts:#?}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

fn skipped() {
    skip_without("alertmanager", "scripts/need-alertmanager.sh installs it");
}

fn now_ms() -> i64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis() as i64
}

fn named<'a>(alerts: &'a [Value], name: &str) -> Vec<&'a Value> {
    alerts.iter().filter(|a| a["labels"]["alertname"] == name).collect()
}

#[test]
fn a_real_alertmanager_shows_holds_back_and_ends() {
    let folder = Folder::new("alertmanager");
    let Some(server) = Manager::start(&folder, INHIBIT) else {
        return skipped();
    };
    let now = now_ms();
    let at = |seconds: i64| Timestamp::from_ms(now + seconds * 1000);
    let config = one(&format!("{{alertmanager: {{url: '{}'}}}}", server.1), "");
    let (store, mut worker) = (MemoryStore::default(), Worker::new(1));
    let mut first = common::with_report(incident("a"));
    (first.onset, first.opened) = (at(-120), at(-60));
    store.put(&first, &["chat".to_owned()], at(0)).unwrap();
    assert_eq!(worker.step(&store, &config, &|| at(0)).unwrap().delivered, 1);

    let alerts = server.until("three candidates", |alerts| named(alerts, "AutomapIncident").len() == 3);
    // A busy server may miss a request.
    let ends = |alerts: &[Value]| {
        let first = named(alerts, "AutomapIncident").into_iter().next()?;
        Some(Timestamp::parse_rfc3339(first["endsAt"].as_str().unwrap()).unwrap())
    };
    assert_eq!((ends(&alerts), named(&alerts, "AutomapVictim").len()), (Some(at(240)), 2));
    assert_eq!(worker.step(&store, &config, &|| at(60)).unwrap().refreshed, 1);
    server.until("the end is put off", |alerts| ends(alerts) == Some(at(300)));

    // Another source's alert on an affected service is inhibited, one on an unaffected service is not.
    let other = |service: &str| json!({"labels": {"alertname": "HighLatency", "service": service}});
    let body = json!([other("orders"), other("carts")]).to_string();
    ureq::post(format!("{}/api/v2/alerts", server.1)).header("content-type", "application/json").send(&body).unwrap();
    let state = |alerts: &[Value], service: &str| {
        let found = named(alerts, "HighLatency").into_iter().find(|a| a["labels"]["service"] == service);
        found.map(|a| a["status"]["state"].as_str().unwrap().to_owned()).unwrap_or_default()
    };
    server.until("orders is held back", |a| state(a, "orders") == "suppressed" && state(a, "carts") == "active");

    store.put(&closed(&first, at(0)), &["chat".to_owned()], at(0)).unwrap();
    assert_eq!(worker.step(&store, &config, &|| at(70)).unwrap().delivered, 1);
    server.until("our alerts have ended", |alerts| {
        named(alerts, "AutomapIncident").is_empty() && named(alerts, "AutomapVictim").is_empty()
    });
    server.until("orders is told again", |alerts| state(alerts, "orders") == "active");
}

#[test]
fn its_silences_are_read_until_they_expire() {
    let folder = Folder::new("alertmanager-silences");
    let Some(server) = Manager::start(&folder, INHIBIT) else {
        return skipped();
    };
    let silences = format!("{}/api/v2/silences", server.1);
    let now = Timestamp::from_ms(now_ms());
    let body = json!({
        "matchers": [{"name": "service", "value": "pay.*", "isRegex": true, "isEqual": true}],
        "startsAt": now.rfc3339(), "endsAt": now.plus_ms(600_000).rfc3339(), "createdBy": "ann", "comment": "deploy",
    });
    let mut answer = ureq::post(&silences).header("content-type", "application/json").send(&body.to_string()).unwrap();
    let made: Value = serde_json::from_slice(&answer.body_mut().read_to_vec().unwrap()).unwrap();
    let (id, source) = (made["silenceID"].as_str().unwrap(), AlertmanagerSource { url: server.1.clone(), token: None });
    let mutes = Mutes::default();
    mutes.set_silences(&source.url, read_silences(&source).unwrap().silences);
    let payment = incident("a");
    let muted = mutes.of(&payment, now.plus_ms(5000)).map(|m| (m.by, m.until.ms() - now.ms()));
    assert_eq!(muted, Some((format!("silence {id}"), 600_000)));
    ureq::delete(format!("{}/api/v2/silence/{id}", server.1)).call().unwrap();
    mutes.set_silences(&source.url, read_silences(&source).unwrap().silences);
    assert_eq!(mutes.of(&payment, now.plus_ms(5000)), None, "it was expired");
    let error = read_silences(&AlertmanagerSource { url: "http://127.0.0.1:9/am".into(), token: None }).unwrap_err();
    assert!(error.to_string().starts_with("http://127.0.0.1:9/am: "), "{error}");
}

#[test]
fn its_webhook_reaches_the_watcher_and_its_end_too() {
    let folder = Folder::new("alertmanager-in");
    let yaml =
        "targets: [{name: shop, namespace: shop, prometheus: {url: 'http://127.0.0.1:9'}}]\napi: {listen: 127.0.0.1:0}";
    let config = Config::parse(yaml, Path::new("test.yaml")).unwrap();
    let (store, stop): (Arc<dyn Store>, _) = (Arc::new(MemoryStore::default()), Stop::default());
    let replica = Replica::new(&folder.join("lock"));
    let mut running =
        Daemon::start(&config, &store, replica, &stop, &(Arc::new(|_: &Incident| {}) as Listener)).unwrap();
    let address = running.serve(&config).unwrap();
    let system = Arc::clone(&running.system);
    let hook = format!(
        "route: {{receiver: automap, group_wait: 1s, group_interval: 1s}}
receivers: [{{name: automap, webhook_configs: [{{url: 'http://{address}/api/v1/alerts/alertmanager', send_resolved: true}}]}}]"
    );
    let Some(server) = Manager::start(&folder, &hook) else {
        stop.set();
        running.join().unwrap();
        return skipped();
    };
    let start = Timestamp::from_ms(now_ms());
    let send = |ends: Timestamp| {
        let alert = json!([{
            "labels": {"alertname": "CheckoutSlow", "namespace": "shop"}, "annotations": {"summary": "checkout is slow"},
            "startsAt": start.rfc3339(), "endsAt": ends.rfc3339(),
        }]);
        let url = format!("{}/api/v2/alerts", server.1);
        ureq::post(url).header("content-type", "application/json").send(&alert.to_string()).unwrap();
    };
    let firing = || system.alerts.firing("shop", Timestamp::from_ms(now_ms()));
    send(start.plus_ms(600_000));
    server.until("the alert arrives", |_| !firing().is_empty());
    let told = firing();
    assert_eq!((told.len(), told[0].summary.as_str()), (1, "checkout is slow"));
    assert!((told[0].started.ms() - start.ms()).abs() < 1000);
    send(Timestamp::from_ms(now_ms()));
    server.until("its end arrives", |_| firing().is_empty());
    stop.set();
    running.join().unwrap();
}
