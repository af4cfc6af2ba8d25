//! The API over the fake watcher, reached in memory or over a real connection.

use std::cell::RefCell;
use std::io::Write;
use std::net::SocketAddr;
use std::sync::{Arc, Once};

use automap_core::incident::IncidentState;
use automap_server::api::{ApiConfig, App, BackgroundTasks, Dependencies, Peer, router};
use automap_server::store::IncidentStore;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request};
use serde_json::Value;
use tempfile::TempPath;
use tower::ServiceExt;

use super::fake::{FakeSystem, NOW, incident};
use automap_server::store::memory::MemoryStore;

thread_local! {
    static LOG: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// A writer to this thread's log. Each test and its server run on one thread of their own.
struct ThreadLog;

impl Write for ThreadLog {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        LOG.with_borrow_mut(|log| log.write(bytes))
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// The lines that this test has logged: `INFO request: status=200 …`.
pub(crate) fn log_lines() -> Vec<String> {
    LOG.with_borrow(|log| String::from_utf8_lossy(log).lines().map(str::to_owned).collect())
}

pub(crate) struct Server {
    pub(crate) app: App,
    pub(crate) router: Router,
    pub(crate) system: Arc<FakeSystem>,
    pub(crate) store: Arc<MemoryStore>,
    pub(crate) _workers: Option<BackgroundTasks>,
    /// Files of its configuration, removed with the server.
    pub(crate) _files: Vec<TempPath>,
}

#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&self.body)))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |v| v.to_str().unwrap())
    }
}

impl Server {
    /// Five incidents of two targets, without authentication.
    pub(crate) fn new() -> Self {
        Self::with("{}")
    }

    pub(crate) fn with(yaml: &str) -> Self {
        Self::of(serde_saphyr::from_str(yaml).unwrap())
    }

    pub(crate) fn of(config: ApiConfig) -> Self {
        let mut server = Self::idle(config);
        server._workers = Some(server.app.start());
        server
    }

    /// Keeps the files named by its configuration until the test ends.
    pub(crate) fn keeping(mut self, files: Vec<TempPath>) -> Self {
        self._files = files;
        self
    }

    /// Without background activity between requests.
    pub(crate) fn idle(config: ApiConfig) -> Self {
        let store = Arc::new(MemoryStore::default());
        for (n, target, state) in [
            (1, "shop", IncidentState::Closed),
            (2, "bank", IncidentState::Closed),
            (3, "shop", IncidentState::Recovering),
            (4, "shop", IncidentState::Open),
            (5, "bank", IncidentState::Open),
        ] {
            store.put(&incident(n, target, state), &[], NOW).unwrap();
        }
        let system = Arc::new(FakeSystem::new(Arc::clone(&store)));
        static SUBSCRIBER: Once = Once::new();
        SUBSCRIBER.call_once(|| {
            let log = tracing_subscriber::fmt().with_ansi(false).without_time().with_writer(|| ThreadLog);
            tracing::subscriber::set_global_default(log.finish()).unwrap();
        });
        let dependencies =
            Dependencies { system: Arc::clone(&system) as _, store: Arc::clone(&store) as _, clock: || NOW };
        let app = App::open(config, dependencies).unwrap();
        let router = router(&app);
        Self { router, app, system, store, _workers: None, _files: Vec::new() }
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.send("GET", path, &[], "").await
    }

    pub(crate) async fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Reply {
        self.send("GET", path, headers, "").await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Reply {
        self.send("POST", path, &[("content-type", "application/json")], body.to_string()).await
    }

    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> Reply {
        self.send_from("127.0.0.1:4711", method, path, headers, body).await
    }

    pub(crate) async fn send_from(
        &self,
        peer: &str,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> Reply {
        let mut request = Request::builder().method(method).uri(path);
        if !headers.iter().any(|(name, _)| *name == "host") {
            request = request.header("host", "localhost:9977");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut request = request.body(body.into()).unwrap();
        request.extensions_mut().insert(Peer(peer.parse::<SocketAddr>().unwrap()));
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let endless = parts.headers.get("content-type").is_some_and(|v| v == "text/event-stream");
        let body = if endless { Vec::new() } else { to_bytes(body, 1 << 24).await.unwrap().to_vec() };
        Reply { status: parts.status.as_u16(), headers: parts.headers, body }
    }
}

/// A temporary file with this text, removed when the value is dropped.
pub(crate) fn file(text: &str) -> TempPath {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file.into_temp_path()
}

impl Server {
    /// Whether a first diagnosis was requested.
    pub(crate) async fn router_has_job(&self) -> bool {
        self.get("/api/v1/diagnoses/1").await.status == 200
    }
}
