//! The ledger, the review of rights and the operations of a drill on a real API server. Needs etcd and kube-apiserver, which take long to
//! build, so it runs by `make test-cluster` only; `scripts/cluster/build.sh` gets them.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]
#![expect(clippy::print_stderr, reason = "the server's log explains a failure")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use automap_chaos::{Entry, LedgerOptions, Recorder, State};
use automap_core::time::Timestamp;
use automap_kubernetes::{
    Cluster, ClusterError, ConnectOptions, PODS, Resource, Scope, WatchMessage, experiments, operate, rights, watch,
};
use serde_json::{Value, json};

/// Kinds of this Chaos Mesh; an old one without BlockChaos.
const KINDS: [&str; 4] = ["NetworkChaos", "PodChaos", "StressChaos", "WorkflowNode"];
const PATIENCE: Duration = Duration::from_secs(60);

struct ApiServer {
    dir: PathBuf,
    _parent: tempfile::TempDir,
}

impl ApiServer {
    fn start(port: u16) -> Self {
        let parent = tempfile::tempdir().unwrap();
        let server = Self { dir: parent.path().join("apiserver"), _parent: parent };
        match server.script("start", &[&port.to_string()]) {
            0 => server,
            77 => panic!("etcd or kube-apiserver is not installed; scripts/cluster/build.sh gets them"),
            code => panic!("apiserver.sh start ended with {code}"),
        }
    }

    fn script(&self, command: &str, more: &[&str]) -> i32 {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/cluster/apiserver.sh");
        let ended = Command::new("bash").arg(script).arg(command).arg(&self.dir).args(more).status().unwrap();
        ended.code().unwrap()
    }

    fn connect(&self, user: &str) -> Cluster {
        let kubeconfig = Some(self.dir.join(format!("{user}.kubeconfig")));
        Cluster::connect(&ConnectOptions { kubeconfig, context: None }).unwrap()
    }

    /// kubectl may be missing; the API is always available.
    fn send(&self, verb: &str, path: &str, body: &Value) -> Value {
        let text = std::fs::read_to_string(self.dir.join("admin.kubeconfig")).unwrap();
        let after = |mark: &str| text.split(mark).nth(1).unwrap().split('"').nth(1).unwrap().to_owned();
        let (address, token) = (after("server:"), after("token:"));
        let file = self.dir.join("body.json");
        std::fs::write(&file, body.to_string()).unwrap();
        let kind = if verb == "PATCH" { "application/merge-patch+json" } else { "application/json" };
        let out = Command::new("curl")
            .args(["-sSk", "--max-time", "30", "-X", verb, "-H", &format!("Authorization: Bearer {token}")])
            .args(["-H", &format!("Content-Type: {kind}"), "--data-binary", &format!("@{}", file.display())])
            .arg(format!("{address}{path}"))
            .output()
            .unwrap();
        let why = |e| format!("{verb} {path}: {e}: {}", String::from_utf8_lossy(&out.stderr));
        serde_json::from_slice(&out.stdout).map_err(why).unwrap()
    }

    fn create(&self, path: &str, body: &Value) {
        let answer = self.send("POST", path, body);
        assert!(answer["kind"] != "Status", "{path}: {answer}");
    }
}

impl Drop for ApiServer {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = std::fs::read_to_string(self.dir.join("apiserver.log")).unwrap_or_default();
            let warnings: Vec<&str> = log.lines().filter(|l| !l.starts_with('I')).take(40).collect();
            eprintln!("the API server's first warnings:\n{}", warnings.join("\n"));
        }
        self.script("stop", &[]);
    }
}

fn resource(kind: &str) -> Resource {
    experiments().find(|r| r.kind == kind).unwrap()
}

fn install_chaos_mesh(server: &ApiServer) {
    for kind in KINDS {
        let plural = resource(kind).plural;
        let schema = json!({"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}});
        let names =
            json!({"plural": plural, "singular": kind.to_lowercase(), "kind": kind, "listKind": format!("{kind}List")});
        let version = json!({"name": "v1alpha1", "served": true, "storage": true, "schema": schema});
        server.create(
            "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
            &json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": format!("{plural}.chaos-mesh.org")},
                "spec": {"group": "chaos-mesh.org", "scope": "Namespaced", "names": names, "versions": [version]}}),
        );
    }
    let until = Instant::now() + PATIENCE;
    let admin = server.connect("admin");
    while KINDS.iter().any(|k| admin.list(resource(k), "").is_err()) {
        assert!(Instant::now() < until, "the kinds do not get served");
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// The role that we ship, bound to the user `viewer`.
fn give_viewer_rights(server: &ApiServer) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/chaos-mesh/viewer.yaml");
    let documents: Vec<Value> = serde_saphyr::from_multiple(&std::fs::read_to_string(file).unwrap()).unwrap();
    let role = documents.iter().find(|d| d["kind"] == "ClusterRole").unwrap();
    server.create("/apis/rbac.authorization.k8s.io/v1/clusterroles", role);
    let binding = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {"name": "viewer"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role["metadata"]["name"]},
        "subjects": [{"kind": "User", "name": "viewer"}]});
    server.create("/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", &binding);
}

fn now() -> Timestamp {
    Timestamp::from_ms(jiff::Timestamp::now().as_millisecond())
}

fn chaos(kind: &str, name: &str, spec: &Value) -> Value {
    json!({"apiVersion": "chaos-mesh.org/v1alpha1", "kind": kind, "metadata": {"name": name, "namespace": "default"}, "spec": spec})
}

fn status(events: &[(&str, &str)]) -> Value {
    let events: Vec<Value> = events
        .iter()
        .map(|(operation, at)| json!({"type": "Succeeded", "operation": operation, "timestamp": at}))
        .collect();
    json!({"status": {"experiment": {"desiredPhase": "Run", "containerRecords": [
        {"id": "default/payment-0", "selectorKey": ".", "phase": "Injected", "events": events}]}}})
}

/// Watches as `viewer` in a thread of its own, and returns the current ledger on request.
fn record(cluster: Cluster, resources: Vec<Resource>) -> (mpsc::Sender<()>, mpsc::Receiver<Vec<Entry>>) {
    let (ask, asked) = mpsc::channel::<()>();
    let (answer, answers) = mpsc::channel();
    std::thread::spawn(move || {
        let mut recorder = Recorder::resume(LedgerOptions::default(), Vec::new());
        let mut all: Vec<Entry> = Vec::new();
        watch(&cluster, &Scope { namespaces: Vec::new(), resources }, &mut |heard| {
            let news = match heard {
                WatchMessage::Event(event) => recorder.apply(&event, now()),
                WatchMessage::Tick => recorder.tick(now()),
                WatchMessage::State { .. } => Vec::new(),
            };
            for entry in news {
                all.retain(|e| e.key != entry.key);
                all.push(entry);
            }
            match asked.try_recv() {
                Ok(()) => answer.send(all.clone()).is_ok(),
                Err(mpsc::TryRecvError::Empty) => true,
                Err(mpsc::TryRecvError::Disconnected) => false,
            }
        });
    });
    (ask, answers)
}

fn wait(
    recorder: &(mpsc::Sender<()>, mpsc::Receiver<Vec<Entry>>),
    what: &str,
    done: impl Fn(&[Entry]) -> bool,
) -> Vec<Entry> {
    let until = Instant::now() + PATIENCE;
    loop {
        recorder.0.send(()).unwrap();
        let entries = recorder.1.recv_timeout(PATIENCE).unwrap();
        if done(&entries) {
            return entries;
        }
        assert!(Instant::now() < until, "{what} did not come: {entries:#?}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn of<'a>(entries: &'a [Entry], name: &str) -> Option<&'a Entry> {
    entries.iter().find(|e| e.name == name)
}

#[test]
#[ignore = "needs etcd and kube-apiserver: scripts/cluster/build.sh gets them, make test-cluster runs it"]
fn a_real_api_server() {
    let server = ApiServer::start(23_010);
    let chaos_path = "/apis/chaos-mesh.org/v1alpha1/namespaces/default/networkchaos";

    // Nothing installed, no rights.
    let error = server.connect("admin").list(resource("NetworkChaos"), "").unwrap_err();
    assert!(matches!(error, ClusterError::Missing { .. }), "{error}");
    give_viewer_rights(&server);
    install_chaos_mesh(&server);
    let error = server.connect("nobody").list(resource("NetworkChaos"), "default").unwrap_err();
    assert!(matches!(error, ClusterError::Forbidden { .. }), "{error}");
    assert!(error.to_string().contains("deploy/chaos-mesh/viewer.yaml"), "{error}");

    // The rights that we ship suffice for a ledger, and no more; the administrator's are too wide.
    let viewer = rights::review(&server.connect("viewer"), "").unwrap();
    assert_eq!((viewer.missing().count(), viewer.too_wide().count()), (0, 0), "{viewer:#?}");
    let admin = rights::review(&server.connect("admin"), "").unwrap();
    assert_eq!((admin.missing().count(), admin.too_wide().count()), (0, 4), "{admin:#?}");
    let nobody = rights::review(&server.connect("nobody"), "").unwrap();
    assert_eq!(nobody.missing().count(), nobody.needed.len());

    // Live: created, injected, recovered, deleted; with a kind that is not installed among them.
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "payment-0", "namespace": "default",
        "ownerReferences": [{"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "payment", "uid": "1", "controller": true}]},
        "spec": {"containers": [{"name": "payment", "image": "none"}]}});
    server.create("/api/v1/namespaces/default/pods", &pod);
    let kinds = ["NetworkChaos", "PodChaos", "StressChaos", "BlockChaos", "WorkflowNode"];
    let resources: Vec<Resource> = kinds.into_iter().map(resource).chain([PODS]).collect();
    let recorder = record(server.connect("viewer"), resources);
    for name in ["lives", "dies"] {
        server.create(chaos_path, &chaos("NetworkChaos", name, &json!({"action": "delay", "duration": "5m"})));
        server.send("PATCH", &format!("{chaos_path}/{name}"), &status(&[("Apply", "2026-03-01T10:00:00Z")]));
    }
    let entries =
        wait(&recorder, "two injections", |all| all.iter().filter(|e| e.state == State::Running).count() == 2);
    assert_eq!(of(&entries, "lives").unwrap().services(), ["payment"]);
    let told = status(&[("Apply", "2026-03-01T10:00:00Z"), ("Recover", "2026-03-01T10:01:00Z")]);
    server.send("PATCH", &format!("{chaos_path}/lives"), &told);
    wait(&recorder, "the recovery", |all| of(all, "lives").is_some_and(|e| e.state == State::Injected));

    // The API server dies; one experiment is deleted before the watch is restored.
    assert_eq!(server.script("crash", &[]), 0);
    assert_eq!(server.script("resume", &[]), 0);
    server.send("DELETE", &format!("{chaos_path}/dies"), &json!({}));
    server.create(chaos_path, &chaos("NetworkChaos", "after", &json!({"action": "loss", "loss": {"loss": "30"}})));
    server.send("PATCH", &format!("{chaos_path}/after"), &status(&[("Apply", "2026-03-01T11:00:00Z")]));
    let entries = wait(&recorder, "what came after the restart", |all| {
        of(all, "after").is_some_and(|e| e.state == State::Running)
            && of(all, "dies").is_some_and(|e| e.state != State::Running)
    });
    assert_eq!(of(&entries, "lives").unwrap().state, State::Injected, "nothing that was known is lost");
    drop(recorder);

    // The operations of a drill: checked, created, observed, deleted; refused without the right, and by name.
    let yaml = "apiVersion: chaos-mesh.org/v1alpha1\nkind: StressChaos\nmetadata: {name: busy}\nspec: {mode: all}\n";
    let busy = operate::parse("busy.yaml", yaml, "default").unwrap().remove(0);
    let operator = server.connect("admin");
    busy.create(&operator, true).unwrap();
    assert_eq!(busy.get(&operator).unwrap(), None, "only checked");
    busy.create(&operator, false).unwrap();
    assert_eq!(
        busy.get(&operator).unwrap().unwrap()["metadata"]["labels"]["app.kubernetes.io/managed-by"],
        "automap-drill"
    );
    let again = busy.create(&operator, false).unwrap_err().to_string();
    assert!(again.contains("StressChaos/busy") && again.contains("already exists"), "{again}");
    busy.delete(&operator).unwrap();
    busy.delete(&operator).unwrap();
    assert_eq!(busy.get(&operator).unwrap(), None);
    assert!(matches!(busy.create(&server.connect("viewer"), false), Err(ClusterError::Forbidden { .. })));
}
