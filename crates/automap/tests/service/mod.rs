//! A running `automap watch` or `automap serve`, and its log, for tests of the program as a whole.
#![expect(clippy::panic, reason = "a test may panic")]

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

/// Longest wait for a line of the log.
const PATIENCE: Duration = Duration::from_secs(90);

/// The process, killed at the end of the test.
pub(crate) struct Service {
    pub(crate) process: Child,
    pub(crate) log: Receiver<String>,
}

impl Service {
    /// Starts it with these arguments and a path as the last one.
    pub(crate) fn start(arguments: &[&str], path: &Path) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_automap"))
            .args(arguments)
            .arg(path)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (to, log) = mpsc::channel();
        let lines = BufReader::new(process.stderr.take().unwrap()).lines();
        std::thread::spawn(move || lines.map_while(Result::ok).take_while(|l| to.send(l.clone()).is_ok()).count());
        Self { process, log }
    }

    /// Waits for a line of its log.
    pub(crate) fn wait_for(&self, what: &str) -> String {
        let until = Instant::now() + PATIENCE;
        while let Ok(line) = self.log.recv_timeout(until.saturating_duration_since(Instant::now())) {
            if line.contains(what) {
                return line;
            }
        }
        panic!("it did not log {what}");
    }

    /// The address of the API.
    pub(crate) fn address(&self) -> SocketAddr {
        const BEFORE: &str = "://127.0.0.1:";
        let line = self.wait_for(BEFORE);
        let port = line.split_once(BEFORE).unwrap().1.split('/').next().unwrap().parse().unwrap();
        SocketAddr::from(([127, 0, 0, 1], port))
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
