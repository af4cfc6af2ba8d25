//! One run: rounds of starting and killing the daemon, then the final checks.

use std::collections::BTreeSet;
use std::fs::File;
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use automap_core::random::Rng;
use automap_core::time::Timestamp;
use automap_server::config::Config;
use automap_server::store::Store;
use rusqlite::Connection;

use super::common::Folder;
use super::common::arrived::Arrived;
use super::common::postgres::Postgres;
use super::common::server::{Answer, Server};
use super::history::{Reader, Shown};
use super::prometheus::Prometheus;
use super::sender::{Answered, Sender};
use super::{FOLDER, open};

/// Longest wait for the daemon to start, to send pending messages, and to end.
const PATIENCE: Duration = Duration::from_secs(90);
/// Minimum size limit of a file on the full disk, in blocks of 512 bytes: SQLite creates the index of its log at every start.
const MIN_BLOCKS: u64 = 80;

/// Where the incidents are kept.
pub(crate) enum Backend {
    Sqlite,
    Postgres(Postgres),
}

/// What a round does to the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trouble {
    None,
    /// No file may grow.
    FullDisk,
    /// Nothing can be written for a while.
    ReadOnly,
}

pub(crate) struct Run<'a> {
    folder: &'a Folder,
    backend: Backend,
    url: String,
    random: Rng,
    sender: Sender,
    reader: Reader,
    receiver: Server,
    rounds: u64,
    full_disk: u64,
    read_only: u64,
}

pub(crate) fn now() -> Timestamp {
    Timestamp::from_ms(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis() as i64)
}

/// Answers of every status count as answers; none takes longer than ten seconds.
pub(crate) fn agent() -> ureq::Agent {
    let timeout = Some(Duration::from_secs(10));
    ureq::Agent::new_with_config(
        ureq::Agent::config_builder().http_status_as_error(false).timeout_global(timeout).build(),
    )
}

impl<'a> Run<'a> {
    pub(crate) fn new(folder: &'a Folder, prometheus: &Prometheus, backend: Backend, seed: u64) -> Self {
        let receiver = Server::start(Vec::new());
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let url = format!("http://127.0.0.1:{port}");
        let store = match &backend {
            Backend::Sqlite => format!("file: {}", folder.join("a.db").display()),
            Backend::Postgres(server) => {
                format!("postgres: {{ file: {} }}", folder.file("postgres", &server.url("crash")).display())
            }
        };
        let yaml = format!(
            "targets: [{{ name: shop, namespace: shop, every: 1s, prometheus: {{ url: '{}' }} }}]
watching: {{ confirm: 5s, confirm_critical: 5s, recover: 2s, merge: 1s, learn: 5m }}
store: {{ {store} }}
notify:
  http: {{ allow_loopback: true, timeout_s: 2 }}
  retry: {{ max_pause_s: 1 }}
  receivers: [{{ name: r, to: {{ webhook: {{ url: '{}' }} }} }}]
  routes: [{{ name: chat, receiver: r }}]
api: {{ listen: '127.0.0.1:{port}', limits: {{ rate_per_s: 100000, rate_burst: 1000000, connections_per_client: 256 }} }}
",
            prometheus.url(),
            receiver.url("/")
        );
        folder.file("automap.yaml", &yaml);
        let mut random = Rng::new(seed);
        let sender = Sender::start(url.clone(), random.bits());
        let reader = Reader::start(url.clone(), random.bits());
        Self { folder, backend, url, random, sender, reader, receiver, rounds: 0, full_disk: 0, read_only: 0 }
    }

    /// Starts the daemon, disturbs it, and kills it.
    pub(crate) fn round(&mut self) {
        self.rounds += 1;
        let trouble = match (self.rounds % 4, &self.backend) {
            (2, Backend::Sqlite) => Trouble::FullDisk,
            (0, _) | (2, Backend::Postgres(_)) => Trouble::ReadOnly,
            _ => Trouble::None,
        };
        // Receivers fail occasionally, too.
        let is_down = self.random.bits().is_multiple_of(5);
        let answer = if is_down { Answer::Status(503, "", "{}".into()) } else { Answer::ok("{}") };
        self.receiver.default_answer(answer);
        let mut child = self.start(trouble);
        self.await_up(&mut child);
        let lives = Duration::from_millis(200 + self.random.bits() % 4000);
        match trouble {
            Trouble::ReadOnly => self.without_writes(lives),
            Trouble::FullDisk => {
                self.full_disk += 1;
                std::thread::sleep(lives);
            }
            Trouble::None => std::thread::sleep(lives),
        }
        if let Some(status) = child.try_wait().unwrap() {
            panic!("the daemon ended by itself ({status}): {}", self.errors());
        }
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(!self.errors().contains("panicked"), "{}", self.errors());
    }

    /// What the daemon wrote on standard error.
    fn errors(&self) -> String {
        std::fs::read_to_string(self.folder.join("stderr")).unwrap_or_default()
    }

    fn start(&mut self, trouble: Trouble) -> Child {
        let program = std::env::current_exe().unwrap();
        // The limit is one on the size of files; the signal is ignored so that a write fails as on a full disk.
        let limit = match trouble {
            Trouble::FullDisk => {
                format!("ulimit -f {};", MIN_BLOCKS + self.random.bits() % (self.store_blocks() + 1))
            }
            _ => String::new(),
        };
        Command::new("sh")
            .arg("-c")
            .arg(format!("trap '' XFSZ; {limit} exec \"$0\" \"$@\""))
            .arg(program)
            .args(["child", "--exact", "--ignored", "--nocapture"])
            .env(FOLDER, self.folder.path())
            .stdout(Stdio::null())
            .stderr(File::create(self.folder.join("stderr")).unwrap())
            .spawn()
            .unwrap()
    }

    /// Size of the largest file of the store, in blocks of 512 bytes.
    fn store_blocks(&self) -> u64 {
        let size = |name: &str| std::fs::metadata(self.folder.join(name)).map_or(0, |m| m.len());
        size("a.db").max(size("a.db-wal")).div_ceil(512)
    }

    /// Waits until the daemon listens.
    fn await_up(&self, child: &mut Child) {
        let begun = Instant::now();
        let address = self.url.trim_start_matches("http://").to_owned();
        while TcpStream::connect(&address).is_err() {
            let ended = child.try_wait().unwrap();
            assert!(ended.is_none(), "the daemon did not start ({ended:?}): {}", self.errors());
            assert!(begun.elapsed() < PATIENCE, "the daemon does not listen: {}", self.errors());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The store rejects writes for about as long as the daemon lives.
    fn without_writes(&mut self, lives: Duration) {
        self.read_only += 1;
        match &self.backend {
            Backend::Sqlite => {
                let other = Connection::open(self.folder.join("a.db")).unwrap();
                other.busy_timeout(PATIENCE).unwrap();
                other.execute_batch("BEGIN IMMEDIATE").unwrap();
                std::thread::sleep(lives);
                other.execute_batch("ROLLBACK").unwrap();
                std::thread::sleep(Duration::from_millis(500));
            }
            Backend::Postgres(server) => {
                set_read_only(server, "on");
                std::thread::sleep(lives);
                set_read_only(server, "off");
                server.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'automap'");
                std::thread::sleep(Duration::from_millis(500));
            }
        }
    }

    /// Lets the daemon run undisturbed until everything is sent, ends it, and does the checks. Returns the row of the table.
    pub(crate) fn finish(mut self) -> String {
        self.receiver.default_answer(Answer::ok("{}"));
        let mut child = self.start(Trouble::None);
        self.await_up(&mut child);
        std::thread::sleep(Duration::from_secs(2));
        let (answered, mut shown) = (self.sender.finish(), self.reader.finish());
        let config = Config::read(&self.folder.join("automap.yaml")).unwrap();
        let store = open(&config);
        let begun = Instant::now();
        while store.outbox().unwrap().waiting > 0 {
            assert!(begun.elapsed() < PATIENCE, "messages still wait: {:?}", store.outbox());
            std::thread::sleep(Duration::from_millis(50));
        }
        self.folder.file("stop", "");
        assert!(child.wait().unwrap().success(), "{}", std::fs::read_to_string(self.folder.join("stderr")).unwrap());
        check_alerts(&*store, &answered);
        check_incidents(&*store, &mut shown);
        let messages = check_messages(&*store, &shown, &self.receiver);
        let name = match self.backend {
            Backend::Sqlite => "SQLite",
            Backend::Postgres(_) => "PostgreSQL",
        };
        format!(
            "| {name} | {} | {} | {} | {} ({}) | {} ({}) | {messages} |",
            self.rounds,
            self.full_disk,
            self.read_only,
            answered.acknowledged,
            answered.refused,
            shown.incidents().count(),
            shown.confirmed.len(),
        )
    }
}

fn set_read_only(server: &Postgres, value: &str) {
    server.run(&format!("ALTER SYSTEM SET default_transaction_read_only = {value}"));
    server.run("SELECT pg_reload_conf()");
}

/// Checks that every answered alert is in the state of its last answer.
fn check_alerts(store: &dyn Store, answered: &Answered) {
    assert!(answered.acknowledged > 0, "no alert was taken: {answered:?}");
    let firing: BTreeSet<String> =
        store.firing_alerts("shop", now()).unwrap().into_iter().map(|(a, _)| a.key).collect();
    for (fingerprint, is_firing) in &answered.firing {
        if let Some(is_firing) = is_firing {
            assert_eq!(firing.contains(fingerprint), *is_firing, "{fingerprint}: {firing:?}");
        }
    }
}

/// Checks that the stored incidents are consistent with those shown, and that answered confirmations are kept.
fn check_incidents(store: &dyn Store, shown: &mut Shown) {
    let ids: Vec<String> = shown.incidents().map(|i| i.id.clone()).collect();
    assert!(!ids.is_empty(), "no incident was opened");
    for id in ids {
        let mut stored = store.get(&id).unwrap().unwrap_or_else(|| panic!("{id} was shown and is gone"));
        stored.report = None;
        shown.add(stored);
    }
    assert_eq!(shown.broken, Vec::<String>::new());
    for (id, service) in &shown.confirmed {
        let stored = store.get(id).unwrap().unwrap();
        assert_eq!(stored.confirmed.as_ref(), Some(service), "the confirmation of {id} is lost");
    }
}

/// Checks that every message arrived once by its key, and in order. Returns cells of the table: delivered, folded, came twice.
fn check_messages(store: &dyn Store, shown: &Shown, receiver: &Server) -> String {
    let mut arrived = Arrived::at(receiver);
    // None was pending when the end was requested: the pending ones come from a last poll, and the next start sends them.
    for incident in shown.incidents() {
        assert!(!arrived.check(store, &incident.id).is_empty(), "nobody was told of {}", incident.id);
    }
    format!("{} | {} | {}", arrived.delivered, arrived.folded, arrived.repeated)
}
