//! Drives a lab from outside its supervisor process: for the command line, a demo or a drill.
//!
//! [`Lab`] is a handle on a supervisor. A lab that was started for the caller's own use ends with the handle, also when the caller crashes. A
//! detached lab runs until it is stopped.

mod error;
pub(crate) mod http;
mod options;
pub mod protocol;
pub mod directory;

pub use error::LabError;
pub use options::LabOptions;

use std::fs::{self, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use bytes::Bytes;
use hyper::Method;
use serde::de::DeserializeOwned;
use tokio::signal::unix::{SignalKind, signal};

use self::directory::SupervisorAddress;
use self::protocol::{ChangeRequest, InjectRequest, LoadRequest, Phase, Refusal, Status};
use crate::change::Change;
use crate::ledger::{self, Injection};
use crate::plan::Ports;
use crate::shop::http::Local;
use crate::supervisor::SupervisorOptions;

const POLL: Duration = Duration::from_millis(200);
const UP_WITHIN: Duration = Duration::from_secs(120);
const DOWN_WITHIN: Duration = Duration::from_secs(20);
const ANSWER_WITHIN: Duration = Duration::from_secs(30);
/// Lines of the supervisor's log that an error includes.
const LOG_LINES_SHOWN: usize = 5;
/// Maximum size of a file sent to the supervisor.
const FILE_BYTES_MAX: u64 = 256 * 1024;

/// A running lab.
#[derive(Debug)]
pub struct Lab {
    dir: PathBuf,
    ports: Ports,
    /// The supervisor, if this handle owns it. Its standard input is open as long as the handle lives.
    child: Option<Child>,
    runtime: tokio::runtime::Runtime,
}

impl Lab {
    /// Starts a lab and waits until every pod is ready and Prometheus has scraped all of them.
    ///
    /// # Arguments
    /// - `progress`: called with the current status about five times a second while the lab starts.
    ///
    /// # Errors
    /// When a lab already runs there, Prometheus is missing, a port is taken, or it does not get ready in time.
    pub fn up(options: &LabOptions, progress: &mut dyn FnMut(&Status)) -> Result<Self, LabError> {
        let supervisor_options = options.for_supervisor()?;
        if let Ok(Some(SupervisorAddress { supervisor_pid, base_port })) = directory::running(&supervisor_options.dir) {
            return Err(LabError::AlreadyUp { dir: supervisor_options.dir, supervisor_pid, base_port });
        }
        let child = spawn_supervisor(&supervisor_options)
            .map_err(|source| LabError::Io { path: supervisor_options.dir.clone(), source })?;
        let mut lab = Self {
            dir: supervisor_options.dir,
            ports: Ports { base: options.base_port },
            child: Some(child),
            runtime: runtime()?,
        };
        lab.wait_ready(progress)?;
        if options.detached {
            let _: Status = lab.request(Method::POST, "/control/detach", Bytes::new())?;
            lab.child = None;
        }
        Ok(lab)
    }

    fn wait_ready(&mut self, progress: &mut dyn FnMut(&Status)) -> Result<(), LabError> {
        let until = Instant::now() + UP_WITHIN;
        let mut unready = Vec::new();
        loop {
            sleep(POLL);
            let Some(pid) = self.child_pid() else { return Err(did_not_start(&self.dir)) };
            // Another lab may be listening on the port already.
            if let Ok(status) = self.status()
                && status.supervisor_pid == pid
            {
                progress(&status);
                if status.phase == Phase::Ready {
                    return Ok(());
                }
                unready = status.services_unready();
            }
            if Instant::now() > until {
                return Err(match unready.as_slice() {
                    [] => self.too_slow("starting", UP_WITHIN),
                    [first, ..] => LabError::TooSlow {
                        what: format!("starting {}", unready.join(", ")),
                        within: UP_WITHIN,
                        log: directory::logs_path(&self.dir).join(format!("{first}.log")),
                    },
                });
            }
        }
    }

    /// The supervisor's process id, while it runs and this handle owns it.
    fn child_pid(&mut self) -> Option<u32> {
        let child = self.child.as_mut()?;
        matches!(child.try_wait(), Ok(None)).then(|| child.id())
    }

    fn too_slow(&self, what: &str, within: Duration) -> LabError {
        LabError::TooSlow { what: what.to_owned(), within, log: directory::supervisor_log_path(&self.dir) }
    }

    /// A handle on the lab that runs in `dir`. Dropping it does not stop the lab.
    ///
    /// # Errors
    /// When no lab runs there.
    pub fn attach(dir: &Path) -> Result<Self, LabError> {
        let found = directory::running(dir).map_err(|source| LabError::Io { path: dir.to_owned(), source })?;
        let address = found.ok_or_else(|| LabError::NotUp { dir: dir.to_owned() })?;
        Ok(Self { dir: dir.to_owned(), ports: address.ports(), child: None, runtime: runtime()? })
    }

    /// The ports of the lab.
    pub fn ports(&self) -> Ports {
        self.ports
    }

    /// The URL of the lab's Prometheus; `None` if it runs without one.
    ///
    /// # Errors
    /// When the lab does not answer.
    pub fn prometheus_url(&self) -> Result<Option<String>, LabError> {
        Ok(self.status()?.prometheus_url)
    }

    /// The current status of the lab.
    ///
    /// # Errors
    /// When the lab does not answer.
    pub fn status(&self) -> Result<Status, LabError> {
        self.request(Method::GET, "/control/status", Bytes::new())
    }

    /// Injects the experiments of a Chaos Mesh file. Returns when they are in place.
    ///
    /// # Errors
    /// When the file cannot be read, or contains something that the lab does not support. None of it is in place then.
    pub fn inject(&self, file: &Path) -> Result<Vec<Injection>, LabError> {
        let in_file = |source| LabError::Io { path: file.to_owned(), source };
        let size = fs::metadata(file).map_err(in_file)?.len();
        if size > FILE_BYTES_MAX {
            return Err(in_file(io::Error::other(format!("is larger than {FILE_BYTES_MAX} bytes"))));
        }
        let yaml = fs::read_to_string(file).map_err(in_file)?;
        self.inject_yaml(&file.display().to_string(), &yaml)
    }

    /// As [`Self::inject`], for YAML in memory. `file` is its name in error messages.
    ///
    /// # Errors
    /// As [`Self::inject`].
    pub fn inject_yaml(&self, file: &str, yaml: &str) -> Result<Vec<Injection>, LabError> {
        let body = InjectRequest { file: file.to_owned(), yaml: yaml.to_owned() };
        self.request(Method::POST, "/control/inject", json_bytes(&body))
    }

    /// Makes a change by hand. Returns when the desired state is set; see [`Self::wait_rolled_out`].
    ///
    /// # Errors
    /// When the service does not exist, or the change does not apply to it. Nothing has been changed then.
    pub fn change(&self, service: &str, change: &Change) -> Result<Injection, LabError> {
        let body = ChangeRequest { service: service.to_owned(), change: change.clone() };
        self.request(Method::POST, "/control/change", json_bytes(&body))
    }

    /// Waits until the pods of every service match the desired state and are ready.
    ///
    /// # Errors
    /// When that takes longer than `within`.
    pub fn wait_rolled_out(&self, within: Duration) -> Result<(), LabError> {
        self.wait("rolling out", within, |_| true)
    }

    /// Starts, changes or (with 0) stops the load that the supervisor runs. `rate_per_s` counts new users per second, at most 1000.
    ///
    /// # Errors
    /// When the rate is out of range or the lab does not answer.
    pub fn load(&self, rate_per_s: f64) -> Result<Status, LabError> {
        self.request(Method::POST, "/control/load", json_bytes(&LoadRequest { rate_per_s }))
    }

    /// Ends every active fault. Returns at once; see [`Self::wait_recovered`].
    ///
    /// # Errors
    /// When the lab does not answer.
    pub fn recover(&self) -> Result<Status, LabError> {
        self.request(Method::POST, "/control/recover", Bytes::new())
    }

    /// Waits until no fault is active and every pod is ready.
    ///
    /// # Errors
    /// When that takes longer than `within`.
    pub fn wait_recovered(&self, within: Duration) -> Result<(), LabError> {
        self.wait("recovering", within, |status| status.faults.is_empty())
    }

    /// Waits until all pods match the desired state and are ready, and `more` holds.
    fn wait(&self, what: &str, within: Duration, more: impl Fn(&Status) -> bool) -> Result<(), LabError> {
        let until = Instant::now() + within;
        loop {
            let status = self.status()?;
            let settled = status.rolling_out.is_empty() && status.pods_ready() == status.pods.len();
            if settled && more(&status) {
                return Ok(());
            }
            if Instant::now() > until {
                return Err(self.too_slow(what, within));
            }
            sleep(POLL);
        }
    }

    /// Waits until Ctrl-C, SIGTERM, or the end of the supervisor.
    ///
    /// # Errors
    /// When signals cannot be watched.
    pub fn wait_interrupted(&mut self) -> Result<(), LabError> {
        let signals = |e: io::Error| LabError::NoAnswer(format!("signals cannot be watched: {e}"));
        let (mut interrupt, mut terminate) = {
            let _inside = self.runtime.enter();
            (signal(SignalKind::interrupt()).map_err(signals)?, signal(SignalKind::terminate()).map_err(signals)?)
        };
        loop {
            let interrupted = self.runtime.block_on(async {
                tokio::select! {
                    _ = interrupt.recv() => true,
                    _ = terminate.recv() => true,
                    () = tokio::time::sleep(POLL) => false,
                }
            });
            if interrupted || self.is_gone() {
                return Ok(());
            }
        }
    }

    /// All injections recorded in this directory, including those of earlier runs.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn ledger(&self) -> Result<Vec<Injection>, LabError> {
        Ok(ledger::read(&directory::ledger_path(&self.dir))?)
    }

    /// Stops the lab and waits until its processes have ended.
    ///
    /// # Errors
    /// When the lab does not answer, or does not stop in time.
    pub fn down(mut self) -> Result<(), LabError> {
        let _: Status = self.request(Method::POST, "/control/down", Bytes::new())?;
        let until = Instant::now() + DOWN_WITHIN;
        // A child must be reaped; any other supervisor releases the lock.
        while !self.is_gone() {
            if Instant::now() > until {
                return Err(self.too_slow("stopping", DOWN_WITHIN));
            }
            sleep(POLL);
        }
        Ok(())
    }

    fn is_gone(&mut self) -> bool {
        match self.child {
            Some(_) => self.child_pid().is_none(),
            None => matches!(directory::try_lock(&self.dir), Ok(Some(_))),
        }
    }

    fn request<T: DeserializeOwned>(&self, method: Method, path: &str, body: Bytes) -> Result<T, LabError> {
        let exchange = http::send(method, Local::port(self.ports.kubelet()), path, body, ANSWER_WITHIN);
        let response = self.runtime.block_on(exchange).map_err(|e| LabError::NoAnswer(e.to_string()))?;
        if !response.status().is_success() {
            let refusal = serde_json::from_slice(response.body()).ok();
            let silent = || LabError::NoAnswer(format!("{path} answered {}", response.status()));
            return Err(refusal.map_or_else(silent, |r: Refusal| LabError::Refused(r.error)));
        }
        serde_json::from_slice(response.body()).map_err(|e| LabError::NoAnswer(format!("unreadable answer: {e}")))
    }
}

impl Drop for Lab {
    /// Ends a lab that this handle owns. Closing the supervisor's standard input stops it, as the end of this process would.
    fn drop(&mut self) {
        let Some(mut child) = self.child.take() else { return };
        drop(child.stdin.take());
        let until = Instant::now() + DOWN_WITHIN;
        while matches!(child.try_wait(), Ok(None)) {
            if Instant::now() > until {
                let _ = child.kill();
                let _ = child.wait();
                return;
            }
            sleep(POLL);
        }
    }
}

fn spawn_supervisor(supervisor_options: &SupervisorOptions) -> io::Result<Child> {
    use std::os::unix::process::CommandExt;
    let log = OpenOptions::new()
        .create(true)
        .write(true)
        .truncate(true)
        .open(directory::supervisor_log_path(&supervisor_options.dir))?;
    Command::new(&supervisor_options.program)
        .args(["lab-process", "supervisor", &serde_json::to_string(supervisor_options)?])
        .stdin(Stdio::piped())
        .stdout(log.try_clone()?)
        .stderr(log)
        .current_dir("/")
        .process_group(0)
        .spawn()
}

fn did_not_start(dir: &Path) -> LabError {
    let log = directory::supervisor_log_path(dir);
    let text = fs::read_to_string(&log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    let last = lines.get(lines.len().saturating_sub(LOG_LINES_SHOWN)..).unwrap_or_default();
    let shown = last.iter().map(|line| line.trim_start_matches("error: ")).collect::<Vec<_>>().join("; ");
    LabError::DidNotStart {
        reason: if shown.is_empty() { "it ended without a message".to_owned() } else { shown },
        log,
    }
}

fn runtime() -> Result<tokio::runtime::Runtime, LabError> {
    let built = tokio::runtime::Builder::new_current_thread().enable_all().build();
    built.map_err(|e| LabError::NoAnswer(format!("no runtime: {e}")))
}

fn json_bytes(value: &impl serde::Serialize) -> Bytes {
    // Our own types can always be serialised to JSON.
    serde_json::to_vec(value).unwrap_or_default().into()
}
