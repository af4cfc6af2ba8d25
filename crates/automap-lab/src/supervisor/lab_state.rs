//! The state of the lab that the supervisor's tasks share.

use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::Notify;

use super::active_experiment::ActiveExperiment;
use super::options::SupervisorOptions;
use super::pod::Pod;
use crate::control::directory;
use crate::control::protocol::{Phase, Status};
use crate::kubelet::PodReading;
use crate::ledger::Ledger;
use crate::plan::{COMPONENTS, Ports};
use crate::prometheus_server::{self, Layout};
use crate::shop;
use automap_core::random::Rng;

/// SharedState by all tasks of the supervisor.
#[derive(Debug)]
pub(super) struct SharedState {
    pub(super) options: SupervisorOptions,
    pub(super) ports: Ports,
    pub(super) layout: Layout,
    pub(super) stop: Arc<Notify>,
    /// Wakes every experiment that is in place, so that it ends now.
    pub(super) recover: Notify,
    /// Whether the lab keeps running when the process that started it ends.
    pub(super) detached: AtomicBool,
    since: String,
    state: Mutex<LabState>,
}

/// The state that changes.
#[derive(Debug)]
pub(super) struct LabState {
    pub(super) pods: Vec<Pod>,
    pub(super) active: Vec<ActiveExperiment>,
    pub(super) ledger: Ledger,
    pub(super) rng: Rng,
    pub(super) phase: Phase,
    pub(super) targets_up: usize,
    /// New users per second that should run; `None`: no load.
    pub(super) load_rate_per_s: Option<f64>,
}

impl SharedState {
    pub(super) fn new(
        options: SupervisorOptions,
        ports: Ports,
        layout: Layout,
        ledger: Ledger,
        stop: Arc<Notify>,
    ) -> Self {
        let mut rng = Rng::named(options.seed, "supervisor");
        let pods = COMPONENTS.iter().map(|c| Pod::new(c, &mut rng)).collect();
        let load_rate_per_s = options.load_rate_per_s;
        let state =
            LabState { pods, active: Vec::new(), ledger, rng, phase: Phase::Starting, targets_up: 0, load_rate_per_s };
        Self {
            options,
            ports,
            layout,
            stop,
            recover: Notify::new(),
            detached: AtomicBool::new(false),
            since: format!("{:.0}", jiff::Timestamp::now()),
            state: Mutex::new(state),
        }
    }

    /// Locks the state. Never hold it across an await.
    pub(super) fn state(&self) -> MutexGuard<'_, LabState> {
        shop::locked(&self.state)
    }

    /// Measures every process and returns what the kubelet would report.
    pub(super) fn readings(&self) -> Vec<PodReading> {
        let mut state = self.state();
        self.measure(&mut state);
        state.pods.iter().map(Pod::reading).collect()
    }

    pub(super) fn measure(&self, state: &mut LabState) {
        for pod in &mut state.pods {
            let file_bytes = bytes_in(&directory::data_path(&self.options.dir).join(pod.component.name));
            pod.measure(file_bytes);
        }
    }

    pub(super) fn status(&self) -> Status {
        let mut state = self.state();
        self.measure(&mut state);
        let prometheus = self.options.prometheus.is_some();
        Status {
            phase: state.phase,
            supervisor_pid: std::process::id(),
            since: self.since.clone(),
            base_port: self.ports.base,
            prometheus_url: prometheus.then(|| format!("http://127.0.0.1:{}", self.ports.prometheus())),
            targets_up: state.targets_up as u32,
            targets: if prometheus { prometheus_server::target_count(state.pods.len()) as u32 } else { 0 },
            load_rate_per_s: state.load_rate_per_s,
            pods: state.pods.iter().map(Pod::status).collect(),
            faults: state.active.iter().map(ActiveExperiment::status).collect(),
        }
    }
}

impl LabState {
    pub(super) fn pod(&mut self, service: &str) -> Option<&mut Pod> {
        self.pods.iter_mut().find(|p| p.component.name == service)
    }

    pub(super) fn all_ready(&self) -> bool {
        self.pods.iter().all(Pod::is_ready)
    }
}

/// Bytes of the files directly in a directory; 0 where there is none.
fn bytes_in(dir: &Path) -> u64 {
    let files = std::fs::read_dir(dir).into_iter().flatten().flatten();
    files.filter_map(|f| f.metadata().ok()).filter(std::fs::Metadata::is_file).map(|m| m.len()).sum()
}
