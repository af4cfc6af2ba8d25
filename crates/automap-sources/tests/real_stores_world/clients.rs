//! Clients of stores, as used by a service or an operator.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::Stores;

/// Maximum wait of any client.
const PATIENCE: Duration = Duration::from_secs(3);

/// A client that reads statements line by line, and stays connected.
pub(crate) struct Session {
    process: Child,
    input: ChildStdin,
    lines: Receiver<String>,
}

impl Session {
    pub(crate) fn start(mut command: Command) -> Self {
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let (input, output) = (process.stdin.take().unwrap(), process.stdout.take().unwrap());
        Self { process, input, lines: lines_of(output) }
    }

    /// Sends without waiting.
    pub(crate) fn say(&mut self, statement: &str) {
        // A server that ended takes its client with it.
        let _ = writeln!(self.input, "{statement}");
    }

    /// Sends, and waits until it is done, successfully or not. Returns whether it was in time.
    pub(crate) fn ask(&mut self, statement: &str) -> bool {
        self.say(&format!("{statement} SELECT 'done';"));
        while let Ok(line) = self.lines.recv_timeout(PATIENCE) {
            if line == "done" {
                return true;
            }
        }
        false
    }
}

impl Session {
    /// Whether the server accepted it and has not closed the connection.
    fn is_there(&mut self) -> bool {
        matches!(self.process.try_wait(), Ok(None))
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        end(&mut self.process);
    }
}

/// A consumer of a queue, and its messages.
pub(crate) struct Consumer {
    process: Child,
    lines: Arc<Mutex<Receiver<String>>>,
}

impl Consumer {
    pub(crate) fn start(mut command: Command) -> Self {
        let mut process = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let lines = lines_of(process.stdout.take().unwrap());
        Self { process, lines: Arc::new(Mutex::new(lines)) }
    }

    /// Waits up to a second until something was consumed. Returns whether it was.
    pub(crate) fn taken(&self) -> impl FnMut() -> bool + Send + use<> {
        let lines = Arc::clone(&self.lines);
        move || lines.lock().unwrap().recv_timeout(Duration::from_secs(1)).is_ok()
    }

    /// Ends it as a crash would.
    pub(crate) fn end(&mut self) {
        end(&mut self.process);
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        self.end();
    }
}

/// Both fail only if there is nothing left to end. The scripts replace themselves by the client (`exec`), so the id is the client's own.
fn end(process: &mut Child) {
    let _ = process.kill();
    let _ = process.wait();
}

fn lines_of(output: impl Read + Send + 'static) -> Receiver<String> {
    let (send, lines) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            if send.send(line).is_err() {
                break;
            }
        }
    });
    lines
}

/// Does something repeatedly; its thread ends with it.
pub(crate) struct Filler {
    stop: Arc<AtomicBool>,
}

impl Filler {
    pub(crate) fn start(pause: Duration, mut step: impl FnMut() + Send + 'static) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        std::thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                step();
                std::thread::sleep(pause);
            }
        });
        Self { stop }
    }

    /// Keeps this many connections open, as far as the server accepts them.
    pub(crate) fn connections(stores: &Arc<Stores>, store: &'static str, number: usize) -> Self {
        let (stores, mut sessions) = (Arc::clone(stores), Vec::<Session>::new());
        Self::start(Duration::from_millis(300), move || {
            sessions.retain_mut(Session::is_there);
            while sessions.len() < number {
                sessions.push(stores.idle(store));
            }
        })
    }
}

impl Drop for Filler {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// A connection to Redis that is reopened after it broke.
pub(crate) struct Redis {
    port: u16,
    stream: Option<BufReader<TcpStream>>,
}

impl Redis {
    pub(crate) fn new(port: u16) -> Self {
        Self { port, stream: None }
    }

    /// The value of a key; `Some(None)` if there is none, `None` without an answer.
    pub(crate) fn get(&mut self, key: &str) -> Option<Option<String>> {
        let head = self.ask(&format!("GET {key}"))?;
        match head.strip_prefix('$')?.parse::<i64>().ok()? {
            ..0 => Some(None),
            _ => Some(Some(self.line()?)),
        }
    }

    /// Sets a key. Returns whether that succeeded.
    pub(crate) fn set(&mut self, key: &str, value: &str) -> bool {
        self.ask(&format!("SET {key} {value}")).is_some_and(|answer| answer == "+OK")
    }

    fn ask(&mut self, command: &str) -> Option<String> {
        if self.stream.is_none() {
            let stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
            stream.set_read_timeout(Some(PATIENCE)).ok()?;
            self.stream = Some(BufReader::new(stream));
        }
        let stream = self.stream.as_mut()?;
        if stream.get_mut().write_all(format!("{command}\r\n").as_bytes()).is_err() {
            self.stream = None;
            return None;
        }
        self.line()
    }

    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        match self.stream.as_mut()?.read_line(&mut line) {
            Ok(n) if n > 0 => Some(line.trim_end().to_owned()),
            _ => {
                self.stream = None;
                None
            }
        }
    }
}
