//! A scripted API server: lists, watches, expired positions, missing rights.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use automap_chaos::WatchEvent;
use automap_kubernetes::{
    Cluster, ClusterError, ConnectOptions, PODS, Resource, Scope, WatchMessage, WatchState, experiments, watch,
};
use serde_json::{Value, json};

/// The answer to a request whose address contains the needle: status, and bodies that are sent one after the other.
type Answer = (&'static str, u16, Vec<Value>);

struct Server {
    kubeconfig: PathBuf,
    _dir: tempfile::TempDir,
    asked: Arc<Mutex<Vec<String>>>,
}

/// Each request takes the first matching answer that is not used up; the last match is never used up.
fn server(name: &str, answers: Vec<Answer>) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let asked: Arc<Mutex<Vec<String>>> = Arc::default();
    let left = Arc::new(Mutex::new(answers));
    let log = Arc::clone(&asked);
    std::thread::spawn(move || {
        for stream in listener.incoming().take(1000) {
            let (left, log) = (Arc::clone(&left), Arc::clone(&log));
            std::thread::spawn(move || serve(&stream.unwrap(), &left, &log));
        }
    });
    let dir = tempfile::Builder::new().prefix(name).tempdir().unwrap();
    let kubeconfig = kubeconfig(dir.path(), &address.to_string());
    Server { kubeconfig, _dir: dir, asked }
}

fn kubeconfig(dir: &Path, address: &str) -> PathBuf {
    let kubeconfig = dir.join("kubeconfig");
    let text = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "test",
        "clusters": [{"name": "test", "cluster": {"server": format!("http://{address}")}}],
        "users": [{"name": "test", "user": {"token": "secret"}}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test", "namespace": "shop"}}]
    });
    std::fs::write(&kubeconfig, text.to_string()).unwrap();
    kubeconfig
}

fn serve(stream: &TcpStream, left: &Mutex<Vec<Answer>>, log: &Mutex<Vec<String>>) {
    let mut lines = BufReader::new(stream).lines();
    let Some(Ok(first)) = lines.next() else { return };
    let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
    while lines.next().is_some_and(|line| line.is_ok_and(|l| !l.is_empty())) {}
    log.lock().unwrap().push(path.clone());
    let (status, bodies) = {
        let mut left = left.lock().unwrap();
        let fits: Vec<usize> = (0..left.len()).filter(|i| path.contains(left[*i].0)).collect();
        match fits[..] {
            [] => (
                404,
                vec![
                    json!({"kind": "Status", "status": "Failure", "code": 404, "reason": "NotFound", "message": "nothing here"}),
                ],
            ),
            [only] => (left[only].1, left[only].2.clone()),
            [first, ..] => {
                let (_, status, bodies) = left.remove(first);
                (status, bodies)
            }
        }
    };
    let mut stream = stream;
    let body: String = bodies.iter().map(|b| format!("{b}\n")).collect();
    let head = format!("HTTP/1.1 {status} x\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n");
    stream.write_all((head + &body).as_bytes()).unwrap();
    // A watch stays open after everything has been sent.
    if path.contains("watch=true") && body.is_empty() {
        std::thread::sleep(Duration::from_secs(20));
    }
}

impl Server {
    fn connect(&self) -> Cluster {
        Cluster::connect(&ConnectOptions { kubeconfig: Some(self.kubeconfig.clone()), context: None }).unwrap()
    }
}

fn network_chaos() -> Resource {
    experiments().find(|r| r.kind == "NetworkChaos").unwrap()
}

fn object(name: &str, version: u64) -> Value {
    json!({"apiVersion": "chaos-mesh.org/v1alpha1", "kind": "NetworkChaos", "metadata": {"name": name, "namespace": "shop", "uid": name, "resourceVersion": version.to_string()}})
}

fn page(objects: &[Value], version: u64, more: &str) -> Value {
    json!({"apiVersion": "chaos-mesh.org/v1alpha1", "kind": "NetworkChaosList", "metadata": {"resourceVersion": version.to_string(), "continue": more}, "items": objects})
}

fn failure(code: u16, reason: &str, message: &str) -> Value {
    json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "code": code, "reason": reason, "message": message})
}

/// The messages received until `enough`, in short form.
fn heard(cluster: &Cluster, resources: Vec<Resource>, enough: usize) -> Vec<String> {
    let mut all = Vec::new();
    let until = Instant::now() + Duration::from_secs(30);
    let names =
        |objects: &[Value]| objects.iter().filter_map(|o| o["metadata"]["name"].as_str()).collect::<Vec<_>>().join(",");
    watch(cluster, &Scope { namespaces: vec!["shop".to_owned()], resources }, &mut |news| {
        match news {
            WatchMessage::Event(WatchEvent::Relisted { kind, objects, .. }) => {
                all.push(format!("{kind} list {}", names(&objects)))
            }
            WatchMessage::Event(WatchEvent::Added(o)) => all.push(format!("added {}", names(&[o]))),
            WatchMessage::Event(WatchEvent::Modified(o)) => all.push(format!("modified {}", names(&[o]))),
            WatchMessage::Event(WatchEvent::Deleted(o)) => all.push(format!("deleted {}", names(&[o]))),
            WatchMessage::Event(WatchEvent::Bookmark) | WatchMessage::Tick => {}
            WatchMessage::State { resource, state, .. } => all.push(match state {
                WatchState::Watching => format!("{} watching", resource.kind),
                WatchState::Incomplete(read) => format!("{} incomplete: {read}", resource.kind),
                WatchState::Missing => format!("{} missing", resource.kind),
                WatchState::Forbidden(why) => format!("{} forbidden: {why}", resource.kind),
                WatchState::Broken(why) => format!("{} broken: {why}", resource.kind),
            }),
        }
        all.len() < enough && Instant::now() < until
    });
    all
}

#[test]
fn a_watch_that_lost_its_place_lists_again() {
    let told = |kind: &str, o: Value| json!({"type": kind, "object": o});
    let server = server(
        "gone",
        vec![
            ("networkchaos?&limit=", 200, vec![page(&[object("a", 3)], 5, "")]),
            ("resourceVersion=5", 200, vec![told("ADDED", object("b", 6)), told("MODIFIED", object("a", 7))]),
            // Ended by the server after a while: continues from the last version that it sent.
            (
                "resourceVersion=7",
                200,
                vec![told("DELETED", object("a", 8)), told("ERROR", failure(410, "Expired", "too old"))],
            ),
            ("networkchaos?&limit=", 200, vec![page(&[object("b", 6), object("c", 9)], 20, "")]),
            ("resourceVersion=20", 200, vec![]),
        ],
    );
    let all = heard(&server.connect(), vec![network_chaos()], 6);
    let asked = server.asked.lock().unwrap().clone();
    let want =
        ["NetworkChaos list a", "NetworkChaos watching", "added b", "modified a", "deleted a", "NetworkChaos list b,c"];
    assert_eq!(all, want, "{asked:#?}");
}

#[test]
fn missing_kinds_and_missing_rights_are_said_and_the_rest_goes_on() {
    let server = server(
        "rights",
        vec![
            ("networkchaos", 403, vec![failure(403, "Forbidden", "networkchaos is forbidden")]),
            (
                "/pods?&limit",
                200,
                vec![json!({"kind": "PodList", "apiVersion": "v1", "metadata": {"resourceVersion": "1"}, "items": []})],
            ),
            ("watch=true", 200, vec![]),
        ],
    );
    let block = experiments().find(|r| r.kind == "BlockChaos").unwrap();
    let mut all = heard(&server.connect(), vec![network_chaos(), block, PODS], 4);
    all.sort();
    let want = ["BlockChaos missing", "NetworkChaos forbidden: networkchaos is forbidden", "Pod list ", "Pod watching"];
    assert_eq!(all, want);
}

#[test]
fn a_list_is_read_page_by_page() {
    let server = server(
        "pages",
        vec![
            ("continue=more", 200, vec![page(&[object("c", 3)], 5, "")]),
            ("networkchaos", 200, vec![page(&[object("a", 1), object("b", 2)], 5, "more")]),
            ("networkchaos?&limit=250", 200, vec![page(&[object("a", 1), object("b", 2)], 5, "more")]),
        ],
    );
    let listed = server.connect().list(network_chaos(), "shop").unwrap();
    assert_eq!(listed.len(), 3);
    assert_eq!(server.asked.lock().unwrap().len(), 2);
}

/// How many lists and watches are asked for in three seconds of a server whose watches all answer the same.
fn asked_in_three_seconds(name: &str, answer: Value) -> (usize, usize) {
    let list = page(&[], 5, "");
    let server = server(name, vec![("networkchaos?&limit=", 200, vec![list]), ("watch=true", 200, vec![answer])]);
    let until = Instant::now() + Duration::from_secs(3);
    let scope = Scope { namespaces: vec!["shop".to_owned()], resources: vec![network_chaos()] };
    watch(&server.connect(), &scope, &mut |_| Instant::now() < until);
    let asked = server.asked.lock().unwrap();
    let watches = asked.iter().filter(|path| path.contains("watch=true")).count();
    (asked.len() - watches, watches)
}

#[test]
fn a_server_that_ends_every_watch_at_once_is_not_flooded() {
    let bookmark = json!({"type": "BOOKMARK", "object": {"kind": "NetworkChaos", "apiVersion": "chaos-mesh.org/v1alpha1", "metadata": {"resourceVersion": "5"}}});
    let (lists, watches) = asked_in_three_seconds("ends", bookmark);
    assert!(lists == 1 && (1..=4).contains(&watches), "{lists} lists, {watches} watches");
    let gone = json!({"type": "ERROR", "object": failure(410, "Expired", "too old")});
    let (lists, watches) = asked_in_three_seconds("expired", gone);
    assert!((1..=4).contains(&lists) && watches <= lists, "{lists} lists, {watches} watches");
}

#[test]
fn a_list_that_is_cut_is_not_taken_for_a_whole_one() {
    let endless = || {
        let list = page(&[object("a", 1)], 5, "more");
        server("endless", vec![("limit=250", 200, vec![list]), ("watch=true", 200, vec![])])
    };
    let error = endless().connect().list(network_chaos(), "shop").unwrap_err().to_string();
    assert!(
        error.contains("more networkchaos.chaos-mesh.org in namespace shop than are read (the first 200"),
        "{error}"
    );
    let all = heard(&endless().connect(), vec![network_chaos()], 201);
    assert_eq!(
        (all.first().map(String::as_str), all.last().map(String::as_str)),
        (Some("added a"), Some("NetworkChaos incomplete: 200"))
    );
}

#[test]
fn a_page_that_is_too_large_is_refused() {
    let server = server("large", vec![("networkchaos", 200, vec![json!("x".repeat(65 << 20))])]);
    let error = server.connect().list(network_chaos(), "shop").unwrap_err().to_string();
    assert!(error.contains("64 MiB in a page of 250 objects"), "{error}");
}

#[test]
fn a_server_that_never_answers_is_not_waited_for() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let dir = tempfile::tempdir().unwrap();
    let kubeconfig = kubeconfig(dir.path(), &silent.local_addr().unwrap().to_string());
    let began = Instant::now();
    let cluster = Cluster::connect(&ConnectOptions { kubeconfig: Some(kubeconfig), context: None }).unwrap();
    let error = cluster.version().unwrap_err().to_string();
    assert!(error.contains("no answer within 10 s") && began.elapsed() < Duration::from_secs(60), "{error}");
}

#[test]
fn errors_say_what_and_where_and_never_the_token() {
    let forbidden = server("no", vec![("networkchaos", 403, vec![failure(403, "Forbidden", "no")])]);
    let error = forbidden.connect().list(network_chaos(), "shop").unwrap_err();
    assert!(matches!(error, ClusterError::Forbidden { .. }));
    let text = error.to_string();
    assert!(text.contains("not allowed to list networkchaos.chaos-mesh.org in namespace shop"), "{text}");
    let cluster = forbidden.connect();
    assert!(!format!("{cluster:?}").contains("secret"));
    let nobody = ConnectOptions { kubeconfig: Some("/nowhere/config".into()), context: None };
    let error = Cluster::connect(&nobody).unwrap_err().to_string();
    assert!(error.contains("/nowhere/config") && error.contains("--kubeconfig"), "{error}");
    let context = ConnectOptions { kubeconfig: Some(forbidden.kubeconfig.clone()), context: Some("prod".into()) };
    let error = Cluster::connect(&context).unwrap_err().to_string();
    assert!(error.contains("prod"), "{error}");
}
