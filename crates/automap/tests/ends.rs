//! `automap serve` ends within ten seconds of SIGTERM, whatever hangs around it, and unsent messages are sent after the next start.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use automap_core::time::Timestamp;
use automap_server::store::sqlite::SqliteStore;
use automap_server::store::{DeliveryState, IncidentStore, OutboxStore};

use crate::service::Service;

/// Longest wait for steps without a limit of their own.
const PATIENCE: Duration = Duration::from_secs(90);
/// Ten seconds, plus a tolerance for a busy machine.
const MAX_END: Duration = Duration::from_secs(14);
const TOKEN: &str = "0123456789abcdef0123456789abcdef";

/// Accepts everything and handles each connection as configured. Counts the requests that arrived, by their idempotency keys.
struct Peer {
    address: SocketAddr,
    keys: Arc<Mutex<Vec<String>>>,
}

#[derive(Clone, Copy)]
enum Behaviour {
    Silent,
    Drips,
    Answers,
}

impl Peer {
    fn start(behaviour: Behaviour) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let keys = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&keys);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let seen = Arc::clone(&seen);
                std::thread::spawn(move || serve(stream, behaviour, &seen));
            }
        });
        Self { address, keys }
    }

    fn seen(&self) -> Vec<String> {
        self.keys.lock().unwrap().clone()
    }
}

fn serve(mut stream: TcpStream, behaviour: Behaviour, seen: &Mutex<Vec<String>>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    loop {
        let (mut key, mut length) = ("-".to_owned(), 0);
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
            let line = line.trim_end().to_ascii_lowercase();
            if let Some((name, value)) = line.split_once(": ") {
                match name {
                    "idempotency-key" => value.clone_into(&mut key),
                    "content-length" => length = value.parse().unwrap(),
                    _ => {}
                }
            }
            if line.is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        if reader.read_exact(&mut body).is_err() {
            return;
        }
        seen.lock().unwrap().push(key);
        match behaviour {
            Behaviour::Silent => std::thread::sleep(Duration::from_secs(600)),
            Behaviour::Answers => stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}").unwrap(),
            Behaviour::Drips => {
                let _ = stream.write_all(b"HTTP/1.1 503 X\r\ncontent-length: 60000\r\n\r\n");
                while stream.write_all(b" ").is_ok() {
                    std::thread::sleep(Duration::from_millis(100));
                }
                return;
            }
        }
    }
}

fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < PATIENCE, "not in time: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn automap(config: &Path) -> Service {
    Service::start(&["serve", "--log", "json,info", "--config"], config)
}

/// Sends SIGTERM and returns how long the process took to end.
fn terminate(service: &mut Service) -> Duration {
    let begun = Instant::now();
    let sent = Command::new("kill").args(["-TERM", &service.process.id().to_string()]).status().unwrap();
    assert!(sent.success());
    until("the end", || service.process.try_wait().unwrap().is_some());
    begun.elapsed()
}

/// A store with an incident that must be sent along every route.
fn store_with_an_incident(path: &Path, routes: &[String]) {
    let at = "2026-11-25T14:03:15Z";
    let incident = serde_json::from_value(serde_json::json!({
        "schema_version": 1, "id": "a", "target": "shop", "state": "open", "severity": "warning", "revision": 1,
        "onset": at, "opened": at, "updated": at, "closed": null, "title": "t", "cause": null, "symptoms": [], "victims": [],
        "slos": [], "alerts": [], "reopened": 0, "confirmed": null, "timeline": [], "report": null
    }))
    .unwrap();
    let now = Timestamp::from_ms(jiff::Timestamp::now().as_millisecond());
    SqliteStore::open(path).unwrap().put(&incident, routes, now).unwrap();
}

fn config(dir: &Path, prometheus: SocketAddr, jwks: SocketAddr, receivers: &BTreeMap<String, SocketAddr>) -> PathBuf {
    let token = dir.join("token");
    fs::write(&token, TOKEN).unwrap();
    let mut text = format!(
        "targets: [{{name: shop, namespace: shop, prometheus: {{url: 'http://{prometheus}', timeout: 2m}}}}]\n\
         store: {{file: '{}'}}\n\
         api:\n  listen: 127.0.0.1:0\n  auth:\n    tokens: [{{name: t, role: viewer, from: {{file: '{}'}}}}]\n\
         \x20   jwt: {{issuer: i, audience: a, jwks_url: 'http://{jwks}/keys', default_role: viewer}}\n\
         notify:\n  http: {{allow_loopback: true, timeout_s: 120}}\n  receivers:\n",
        dir.join("automap.db").display(),
        token.display()
    );
    for (name, address) in receivers {
        text += &format!("    - {{name: {name}, to: {{webhook: {{url: 'http://{address}/'}}}}}}\n");
    }
    text += "  routes:\n";
    for name in receivers.keys() {
        text += &format!("    - {{name: {name}, receiver: {name}}}\n");
    }
    let path = dir.join("automap.yaml");
    fs::write(&path, text).unwrap();
    path
}

#[test]
fn sigterm_ends_it_within_ten_seconds_and_loses_no_message() {
    let dir = tempfile::tempdir().unwrap();
    let [prometheus, jwks, silent] = [(); 3].map(|()| Peer::start(Behaviour::Silent));
    let (drips, pager) = (Peer::start(Behaviour::Drips), Peer::start(Behaviour::Answers));
    // The system accepts its connections, but nothing reads from them.
    let absent = TcpListener::bind("127.0.0.1:0").unwrap();
    let absent_address = absent.local_addr().unwrap();
    let mut receivers = BTreeMap::new();
    for (name, address) in [("silent", silent.address), ("absent", absent_address), ("drips", drips.address)] {
        receivers.insert(format!("{name}1"), address);
        receivers.insert(format!("{name}2"), address);
    }
    receivers.insert("zpager".to_owned(), pager.address);
    let file = config(dir.path(), prometheus.address, jwks.address, &receivers);
    let routes: Vec<String> = receivers.keys().cloned().collect();
    store_with_an_incident(&dir.path().join("automap.db"), &routes);

    let mut service = automap(&file);
    let api = service.address();
    until("the pager is told", || pager.seen() == ["a/1/zpager"]);
    until("everything hangs", || {
        silent.seen().len() == 2 && drips.seen().len() == 2 && !prometheus.seen().is_empty() && !jwks.seen().is_empty()
    });
    let mut stream = TcpStream::connect(api).unwrap();
    let request = format!("GET /api/v1/events HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {TOKEN}\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut begun = [0; 12];
    stream.read_exact(&mut begun).unwrap();
    assert_eq!(&begun, b"HTTP/1.1 200");
    // One client that does not finish its request, and one that does not read its answers.
    let mut slow = TcpStream::connect(api).unwrap();
    slow.write_all(b"POST /api/v1/alerts/grafana HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100\r\n\r\n{").unwrap();
    let mut deaf = TcpStream::connect(api).unwrap();
    deaf.set_write_timeout(Some(Duration::from_millis(500))).unwrap();
    let ask = "GET /api/v1/openapi.json HTTP/1.1\r\nhost: localhost\r\n\r\n".repeat(100);
    let _ = deaf.write_all(ask.as_bytes());

    let took = terminate(&mut service);
    assert!(took < MAX_END, "{took:?}");
    let store = SqliteStore::open(&dir.path().join("automap.db")).unwrap();
    let deliveries = store.deliveries("a").unwrap();
    let waiting = deliveries.iter().filter(|d| d.state == DeliveryState::Waiting).count();
    assert_eq!((waiting, deliveries.len()), (6, 7), "what was not sent is kept");
    drop(store);

    // The same receivers at other addresses, and they answer: each message is sent under its own key, once.
    let well = Peer::start(Behaviour::Answers);
    let healed: BTreeMap<String, SocketAddr> = receivers.keys().map(|name| (name.clone(), well.address)).collect();
    let file = config(dir.path(), prometheus.address, jwks.address, &healed);
    let mut service = automap(&file);
    until("all are told", || well.seen().len() >= 6);
    let took = terminate(&mut service);
    assert!(took < MAX_END, "{took:?}");
    let mut keys = well.seen();
    keys.sort();
    let expected: Vec<String> = routes.iter().filter(|r| *r != "zpager").map(|r| format!("a/1/{r}")).collect();
    assert_eq!(keys, expected);
    assert_eq!(pager.seen().len(), 1, "the pager is not told twice");
}

/// Whoever reads the log has stopped: the API goes on, and SIGTERM ends the process.
#[test]
fn a_log_that_nobody_reads_holds_nothing_up() {
    /// Lines of more than 100 bytes each: several times what a pipe holds.
    const REQUESTS: usize = 3_000;
    let dir = tempfile::tempdir().unwrap();
    let prometheus = Peer::start(Behaviour::Silent);
    let receivers = BTreeMap::from([("pager".to_owned(), prometheus.address)]);
    let file = config(dir.path(), prometheus.address, prometheus.address, &receivers);
    let mut process = Command::new(env!("CARGO_BIN_EXE_automap"))
        .args(["serve", "--log", "json,info", "--config"])
        .arg(&file)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut log = BufReader::new(process.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("the API is at") {
        line.clear();
        assert_ne!(log.read_line(&mut line).unwrap(), 0, "it ended");
    }
    let port = line.split_once("://127.0.0.1:").unwrap().1.split('/').next().unwrap().parse().unwrap();
    let mut stream = TcpStream::connect(SocketAddr::from(([127, 0, 0, 1], port))).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    for _ in 0..REQUESTS {
        stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
        let mut status = [0; 12];
        stream.read_exact(&mut status).unwrap();
        assert!(status.starts_with(b"HTTP/1.1 "));
        drain(&mut stream);
    }
    let mut service = Service { process, log: std::sync::mpsc::channel().1 };
    let took = terminate(&mut service);
    assert!(took < MAX_END, "{took:?}");
    // Kept until here, so that the pipe stayed full.
    drop(log);
}

/// Reads the rest of an answer that has arrived.
fn drain(stream: &mut TcpStream) {
    let mut rest = String::new();
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    while reader.read_line(&mut rest).unwrap() > 2 {
        if let Some(value) = rest.to_ascii_lowercase().strip_prefix("content-length: ") {
            length = value.trim().parse().unwrap();
        }
        rest.clear();
    }
    reader.read_exact(&mut vec![0; length]).unwrap();
}

/// Starts it and expects it to refuse; returns its message.
fn refusal(config: &Path) -> String {
    let mut process = Command::new(env!("CARGO_BIN_EXE_automap"))
        .args(["serve", "--config"])
        .arg(config)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = process.stderr.take().unwrap();
    let mut text = String::new();
    until("it refuses", || process.try_wait().unwrap().is_some());
    said.read_to_string(&mut text).unwrap();
    assert!(!process.wait().unwrap().success(), "{text}");
    text
}

#[test]
fn a_certificate_that_cannot_be_used_ends_the_start_with_its_name() {
    let dir = tempfile::tempdir().unwrap();
    let prometheus = Peer::start(Behaviour::Silent);
    let fixture = |name: &str| {
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../automap-server/tests/fixtures").join(name))
            .unwrap()
    };
    let (certificate, key, other) = (fixture("tls-old.crt"), fixture("tls-old.key"), fixture("tls-new.key"));
    let cut = &certificate[..certificate.len() / 2];
    for (certificate, key, named) in [
        ("", key.as_str(), "server.crt"),
        ("no certificate", &key, "server.crt"),
        (cut, &key, "server.crt"),
        (&certificate, "", "server.key"),
        (&certificate, &other, "do not match"),
        (&certificate, "MISSING", "server.key"),
    ] {
        let (crt, pem) = (dir.path().join("server.crt"), dir.path().join("server.key"));
        fs::write(&crt, certificate).unwrap();
        let _ = fs::remove_file(&pem);
        if key != "MISSING" {
            fs::write(&pem, key).unwrap();
        }
        let file = dir.path().join("automap.yaml");
        let text = format!(
            "targets: [{{name: shop, namespace: shop, prometheus: {{url: 'http://{}', timeout: 2m}}}}]\nstore: {{file: '{}'}}\n\
             api: {{listen: 127.0.0.1:0, tls: {{cert_file: '{}', key_file: '{}'}}}}\n",
            prometheus.address,
            dir.path().join("automap.db").display(),
            crt.display(),
            pem.display()
        );
        fs::write(&file, text).unwrap();
        let said = refusal(&file);
        assert!(said.contains(named) && !said.contains("the API is at"), "{named}: {said}");
    }
    assert!(prometheus.seen().is_empty(), "nothing was started");
}
