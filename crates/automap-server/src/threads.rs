//! Threads that end together: each reports its end, and the caller waits for them until a deadline and then knows which still run.
//!
//! `JoinHandle::join` waits without limit. A thread may be inside a query, a request or a lock of a database that does not answer, and a process that
//! is asked to end must not wait for it: its work is repeated after the next start.

use std::io;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::Instant;

/// Running threads, by name.
#[derive(Debug)]
pub(crate) struct Threads {
    running: Vec<(usize, String)>,
    panicked: Vec<String>,
    started: usize,
    report: Sender<End>,
    ends: Receiver<End>,
}

impl Default for Threads {
    fn default() -> Self {
        let (report, ends) = mpsc::channel();
        Self { running: Vec::new(), panicked: Vec::new(), started: 0, report, ends }
    }
}

/// The end of one thread.
#[derive(Debug)]
struct End {
    number: usize,
    is_panic: bool,
}

/// Reports the end when the thread's body is left, even by a panic.
struct Reporter {
    number: usize,
    report: Sender<End>,
}

impl Drop for Reporter {
    fn drop(&mut self) {
        // Nobody may be waiting any more.
        let _ = self.report.send(End { number: self.number, is_panic: thread::panicking() });
    }
}

impl Threads {
    /// Starts one.
    ///
    /// # Errors
    /// When the operating system gives no thread.
    pub(crate) fn spawn(&mut self, name: &str, body: impl FnOnce() + Send + 'static) -> io::Result<()> {
        let number = self.started;
        let reporter = Reporter { number, report: self.report.clone() };
        let whole = move || {
            let _reporter = reporter;
            body();
        };
        thread::Builder::new().name(name.to_owned()).spawn(whole)?;
        self.started += 1;
        self.running.push((number, name.to_owned()));
        Ok(())
    }

    /// Waits until all have ended, at most until `deadline`. Returns the names of those that still run.
    pub(crate) fn wait(&mut self, deadline: Instant) -> Vec<String> {
        while !self.running.is_empty() {
            match self.ends.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(End { number, is_panic }) => {
                    let Some(at) = self.running.iter().position(|(n, _)| *n == number) else { continue };
                    let (_, name) = self.running.remove(at);
                    if is_panic {
                        self.panicked.push(name);
                    }
                }
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => break,
            }
        }
        self.running.iter().map(|(_, name)| name.clone()).collect()
    }

    /// The threads that ended by a panic, as far as [`Threads::wait`] has seen them end.
    pub(crate) fn panicked(&self) -> &[String] {
        &self.panicked
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::stop::Stop;

    #[test]
    fn a_thread_that_hangs_is_named_and_not_waited_for() {
        let (mut threads, stop) = (Threads::default(), Stop::default());
        let hanging = stop.clone();
        threads.spawn("hangs", move || hanging.block()).unwrap();
        threads.spawn("ends", || ()).unwrap();
        threads.spawn("breaks", || panic!("on purpose")).unwrap();
        while threads.wait(Instant::now() + Duration::from_millis(10)).len() > 1 {}
        assert_eq!(threads.wait(Instant::now()), ["hangs"]);
        assert_eq!(threads.panicked(), ["breaks"]);
        stop.set();
        assert!(threads.wait(Instant::now() + Duration::from_secs(600)).is_empty());
    }
}
