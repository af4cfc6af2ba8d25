//! The supervisor process: starts the shop's 28 processes and Prometheus, restarts them as a kubelet would, carries out faults, and serves the
//! kubelet's metrics and the lab's control API.
//!
//! One process, one thread. All children are spawned from that thread and ask the kernel to be killed when it ends, so nothing survives a
//! crash of the supervisor. All state is in `lab_state`, behind a lock that is never held across an await; every task is a loop or a sequence that
//! works on it. Changes alter the desired state (`deployment`, `config_map`, `autoscaler`); `rollout` brings the pods there.
//!
//! Left out: liveness probes (a process that hangs is not restarted), image pulls, a second pod of a store.

mod active_experiment;
mod autoscaler;
mod backoff;
mod batch;
mod beside;
mod changes;
mod config_map;
mod container;
mod deployment;
mod experiments;
mod images;
mod lab_state;
mod log;
mod names;
mod node_model;
mod nodes;
mod options;
mod pod;
mod probes;
mod process_effect;
mod processes;
mod rollout;
mod server;
mod settings;
mod targets;
mod undo;

pub use options::SupervisorOptions;

use std::convert::Infallible;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::net::TcpListener as StdListener;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use tokio::net::unix::pipe;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Notify;

use self::lab_state::SharedState;
use self::log::log;
use self::processes::Processes;
use crate::control::directory::{self, SupervisorAddress};
use crate::ledger::{Ledger, LedgerError};
use crate::mesh::certificates;
use crate::plan::{COMPONENTS, GATEWAY, Ports};
use crate::prometheus_server::Layout;

/// How often ended processes are reaped without a signal.
const TICK: Duration = Duration::from_millis(100);

/// Why the supervisor could not start or continue.
#[derive(Debug, thiserror::Error)]
pub enum SupervisorError {
    /// The directory cannot be used.
    #[error("lab directory {}: {source}", path.display())]
    Dir {
        /// The file or directory.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// Another supervisor holds the directory.
    #[error("a lab already runs in {}; see `automap lab status`, or stop it with `automap lab down`", dir.display())]
    Running {
        /// The directory.
        dir: PathBuf,
    },
    /// A port is taken.
    #[error("port {port} on 127.0.0.1 is in use; the lab needs {base} to {last}: choose another --base-port")]
    PortTaken {
        /// The port.
        port: u16,
        /// First port.
        base: u16,
        /// Last port.
        last: u16,
    },
    /// The ledger cannot be written.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The runtime or a signal handler cannot be set up.
    #[error("cannot start the supervisor: {0}")]
    Start(#[source] io::Error),
}

/// Runs a lab until it is requested to stop or its standard input closes. The starting process holds the other end of the input, so its end also ends
/// the lab, unless it sent `/control/detach` before. Call this on the main thread of the process.
///
/// # Errors
/// When it cannot start.
pub fn run(options: SupervisorOptions) -> Result<(), SupervisorError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(SupervisorError::Start)?;
    runtime.block_on(supervise(options))
}

/// Replaces this process by `command`, another program such as Prometheus. If this process was tied to its parent before, it remains so.
///
/// # Errors
/// Whenever it returns.
pub fn guard(command: &[OsString]) -> io::Result<Infallible> {
    let (program, args) = command.split_first().ok_or_else(|| io::Error::other("no command to run"))?;
    Err(Command::new(program).args(args).exec())
}

async fn supervise(options: SupervisorOptions) -> Result<(), SupervisorError> {
    let dir = options.dir.clone();
    let in_dir = |source| SupervisorError::Dir { path: dir.clone(), source };
    let lock = prepare(&options).map_err(in_dir)?.ok_or_else(|| SupervisorError::Running { dir: dir.clone() })?;
    let ports = Ports { base: options.base_port };
    check_ports(ports, &options)?;
    let listener = TcpListener::bind(("127.0.0.1", ports.kubelet())).await.map_err(SupervisorError::Start)?;
    let is_temporary = options.is_temporary;
    let layout = Layout::new(&dir);
    layout.write_config(ports, options.scrape_interval_s, options.with).map_err(in_dir)?;
    let ledger = Ledger::open(&directory::ledger_path(&dir))?;
    let stop = Arc::new(Notify::new());
    let shared = Arc::new(SharedState::new(options, ports, layout, ledger, Arc::clone(&stop)));
    directory::write(&dir, &SupervisorAddress::of_this_process(ports)).map_err(in_dir)?;

    tokio::spawn(server::serve(listener, Arc::clone(&shared)));
    probes::spawn(&shared);
    let mut processes = Processes::new(&shared);
    let ended = until_stopped(&shared, &mut processes, &stop).await;
    experiments::end_all(&shared);
    processes.stop_all().await;
    // If this fails, the lock still shows that no lab runs.
    let _ = fs::remove_file(directory::state_path(&dir));
    drop(lock);
    if is_temporary && let Err(error) = directory::purge(&dir) {
        log(&format!("cannot delete {}: {error}", dir.display()));
    }
    ended.map_err(SupervisorError::Start)
}

/// The main loop: starts processes that are due and reaps those that have ended, until a request or signal stops the lab.
async fn until_stopped(shared: &Arc<SharedState>, processes: &mut Processes, stop: &Notify) -> io::Result<()> {
    let mut child_ended = signal(SignalKind::child())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut tick = tokio::time::interval(TICK);
    let stdin_closed = stdin_closed(shared);
    tokio::pin!(stdin_closed);
    loop {
        processes.tick(shared);
        tokio::select! {
            _ = child_ended.recv() => {}
            _ = tick.tick() => {}
            _ = terminate.recv() => return Ok(()),
            _ = interrupt.recv() => return Ok(()),
            () = stop.notified() => return Ok(()),
            () = &mut stdin_closed => return Ok(()),
        }
    }
}

/// Completes when the other end of standard input is closed, unless the lab was detached.
async fn stdin_closed(shared: &SharedState) {
    let input = rustix::io::dup(std::io::stdin()).map(fs::File::from);
    if let Ok(Ok(mut pipe)) = input.map(pipe::Receiver::from_file) {
        while pipe.read_u8().await.is_ok() {}
        if !shared.detached.load(Ordering::Relaxed) {
            return;
        }
    }
    std::future::pending().await
}

/// Takes the directory's lock, deletes the files of an earlier run, and creates those that this run needs. `None`: another supervisor holds the lock.
/// The ledger is kept: it is a history, and every entry carries its time.
fn prepare(options: &SupervisorOptions) -> io::Result<Option<fs::File>> {
    let dir = &options.dir;
    fs::create_dir_all(dir)?;
    let Some(lock) = directory::try_lock(dir)? else { return Ok(None) };
    if !options.keep_data {
        directory::remove_if_there(&directory::prometheus_path(dir))?;
    }
    for fresh in [directory::logs_path(dir), directory::data_path(dir)] {
        directory::remove_if_there(&fresh)?;
        fs::create_dir_all(&fresh)?;
    }
    directory::remove_if_there(&directory::mesh_path(dir))?;
    if options.envoy.is_some() {
        certificates::write(&directory::mesh_path(dir))?;
    }
    Ok(Some(lock))
}

/// Tries every port first, so that the error names the port that is taken. Otherwise a pod would never get ready, without an explanation.
fn check_ports(ports: Ports, options: &SupervisorOptions) -> Result<(), SupervisorError> {
    let (with, last) = (options.with, ports.prometheus());
    let mut needed = vec![ports.kubelet()];
    needed.extend(options.prometheus.as_ref().map(|_| last));
    needed.extend(with.gateway.then(|| [ports.pod(&GATEWAY), ports.sidecar_admin(&GATEWAY)]).into_iter().flatten());
    needed.extend(with.dns.then(|| ports.dns_admin()));
    for c in &COMPONENTS {
        needed.extend([ports.pod(c), ports.app(c), ports.sidecar_admin(c), ports.app_admin(c)]);
        if options.stores.server(c.name).is_some() {
            needed.extend([ports.server(c), ports.exporter(c)].into_iter().chain(ports.broker_internals(c)));
        }
        needed.extend(c.calls.iter().filter_map(|callee| ports.outbound(c, callee)));
    }
    let taken = needed.into_iter().find(|port| StdListener::bind(("127.0.0.1", *port)).is_err());
    taken.map_or(Ok(()), |port| Err(SupervisorError::PortTaken { port, base: ports.base, last }))
}
