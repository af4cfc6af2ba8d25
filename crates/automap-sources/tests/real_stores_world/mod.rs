//! Real servers on loopback, and the test's own services that wait for them. A service measures its requests as a mesh would, and knows nothing about
//! the state of its store.

mod caller;
mod clients;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use automap_core::time::Timestamp;

use crate::prometheus::Prometheus;

pub(crate) use caller::Caller;
pub(crate) use clients::{Consumer, Filler, Redis, Session};

/// The present.
pub(crate) fn now() -> Timestamp {
    Timestamp::from_ms(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64)
}

/// A set of servers; they end with it.
pub(crate) struct Stores {
    dir: tempfile::TempDir,
    first_port: u16,
    ports: Vec<(String, u16)>,
    /// The environment in which the packages' programs are found.
    environment: Vec<(String, String)>,
}

impl Stores {
    /// `None` if the packages cannot be obtained. In continuous integration that fails instead. Ports are searched from `first_port` on.
    #[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
    pub(crate) fn start(names: &[&str], first_port: u16) -> Option<Self> {
        let mut stores =
            Self { dir: Prometheus::dir("stores"), first_port, ports: Vec::new(), environment: Vec::new() };
        // PostgreSQL runs as another user if the test is root.
        assert!(Command::new("chmod").arg("755").arg(stores.dir.path()).status().unwrap().success());
        let unpacked = stores.script(&["unpack"]).output().unwrap();
        if !unpacked.status.success() {
            let words = String::from_utf8_lossy(&unpacked.stderr).into_owned();
            assert!(std::env::var_os("CI").is_none(), "{words}");
            eprintln!("skipped: {words}");
            return None;
        }
        let started = stores.script(&["start"]).args(names).output().unwrap();
        assert!(started.status.success(), "{}", String::from_utf8_lossy(&started.stderr));
        let pairs = |verb| {
            let text = String::from_utf8(stores.script(&[verb]).output().unwrap().stdout).unwrap();
            let pair = |line: &str| line.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
            text.lines().filter_map(pair).collect::<Vec<_>>()
        };
        let (ports, environment) = (pairs("ports"), pairs("env"));
        stores.ports = ports.into_iter().map(|(name, port)| (name, port.parse().unwrap())).collect();
        stores.environment = environment;
        Some(stores)
    }

    fn script(&self, verb: &[&str]) -> Command {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let mut command = Command::new(root.join("scripts/stores.sh"));
        command.args(verb).stdin(Stdio::null());
        command.env("AUTOMAP_STORES", self.dir.path().join("running"));
        command.env("AUTOMAP_STORES_PORT", self.first_port.to_string());
        command
    }

    /// The port of a server or an exporter.
    pub(crate) fn port(&self, name: &str) -> u16 {
        self.ports.iter().find(|(known, _)| known == name).unwrap().1
    }

    /// Stops a server; its exporter stays.
    pub(crate) fn stop(&self, name: &str) {
        assert!(self.script(&["stop", name]).status().unwrap().success());
    }

    /// A client program with its arguments, found in the packages. It replaces `env`, so that its process id is its own.
    pub(crate) fn client(&self, program: &[&str]) -> Command {
        let mut command = Command::new("/usr/bin/env");
        command.args(program).envs(self.environment.iter().cloned()).stdin(Stdio::null());
        command
    }

    /// An idle session.
    pub(crate) fn idle(&self, store: &str) -> Session {
        Session::start(self.sql_client(store))
    }

    fn sql_client(&self, store: &str) -> Command {
        let port = self.port(store).to_string();
        match store {
            "mariadb" => self.client(&[
                "mariadb",
                "--no-defaults",
                "-h",
                "127.0.0.1",
                "-P",
                &port,
                "-ushop",
                "-pshop",
                "-N",
                "-B",
                "--unbuffered",
                "--force",
                "shop",
            ]),
            _ => self.client(&["psql", "-XAtq", "-h", "127.0.0.1", "-p", &port, "-U", "app", "postgres"]),
        }
    }

    /// A session that stays open.
    pub(crate) fn session(&self, store: &str) -> Session {
        let mut session = Session::start(self.sql_client(store));
        // Waits at most a second.
        session.ask(match store {
            "mariadb" => "SET innodb_lock_wait_timeout = 1;",
            _ => "SET lock_timeout = '1s';",
        });
        session
    }

    /// Whether a new connection is usable.
    pub(crate) fn connects(&self, store: &str) -> bool {
        let mut client = self.sql_client(store);
        let asked = match store {
            "mariadb" => client.args(["-e", "SELECT 1"]),
            _ => client.args(["-c", "SELECT 1"]),
        };
        asked.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap().success()
    }

    fn broker(&self) -> String {
        format!("amqp://guest:guest@127.0.0.1:{}", self.port("rabbitmq"))
    }

    /// Publishes one message.
    pub(crate) fn publishes(&self) -> bool {
        let url = self.broker();
        let mut client = self.client(&["amqp-publish", "-u", &url, "-r", "shipping", "-b", "parcel\n"]);
        client.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap().success()
    }

    /// A consumer of the queue, which exists from then on.
    pub(crate) fn consumer(&self) -> Consumer {
        let url = self.broker();
        let declared = self.client(&["amqp-declare-queue", "-u", &url, "-q", "shipping"]).output().unwrap();
        assert!(declared.status.success(), "{}", String::from_utf8_lossy(&declared.stderr));
        Consumer::start(self.client(&["amqp-consume", "-u", &url, "-q", "shipping", "-p", "5", "cat"]))
    }
}

/// Ends the servers even if they are still referenced: the threads of users end at any time.
pub(crate) struct StopAtEnd(pub(crate) Arc<Stores>);

impl Drop for StopAtEnd {
    fn drop(&mut self) {
        self.0.end();
        // The remaining files are in the system's temporary folder.
        let _ = std::fs::remove_dir_all(self.0.dir.path());
    }
}

impl Drop for Stores {
    fn drop(&mut self) {
        self.end();
    }
}

impl Stores {
    fn end(&self) {
        // Fails only if there is nothing left to end.
        let _ = self.script(&["stop"]).output();
    }
}

/// An exporter: its store, its port and path, and the labels that discovery in Kubernetes would give it.
pub(crate) struct Target {
    pub(crate) namespace: &'static str,
    pub(crate) pod: &'static str,
    pub(crate) port: u16,
    pub(crate) path: &'static str,
}

/// A Prometheus that scrapes them every two seconds.
pub(crate) fn scraping(targets: &[Target]) -> Prometheus {
    let mut config = "global: {scrape_interval: 2s, scrape_timeout: 2s}\nscrape_configs:\n".to_owned();
    for (i, Target { namespace, pod, port, path }) in targets.iter().enumerate() {
        let labels = format!("{{namespace: {namespace}, pod: {pod}}}");
        let of = format!("static_configs: [{{targets: ['127.0.0.1:{port}'], labels: {labels}}}]");
        config += &format!("  - {{job_name: j{i}, honor_labels: true, metrics_path: {path}, {of}}}\n");
    }
    let program = PathBuf::from("prometheus");
    Prometheus::start(&program, Prometheus::dir("real-stores"), &config, &[])
}
