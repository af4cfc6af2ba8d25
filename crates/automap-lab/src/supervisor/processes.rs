//! Starts, reaps and stops the processes of the lab.

use std::fs::{File, OpenOptions};
use std::io;
use std::net::Ipv4Addr;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::beside::BesidePod;
use super::container::Container;
use super::lab_state::{LabState, SharedState};
use super::log::log;
use super::options::SupervisorOptions;
use super::pod::Pod;
use super::{probes, rollout, targets};
use crate::behaviour::Behaviour;
use crate::control::directory;
use crate::plan::{Ports, SIDECAR};
use crate::stores::Stores;
use crate::surroundings::Place;

/// Time for Prometheus to write its last data before it is killed.
const PROMETHEUS_STOPS_WITHIN: Duration = Duration::from_secs(5);
const STOP_POLL: Duration = Duration::from_millis(50);
/// Delay before an auxiliary process that ended is restarted.
const RESTART_DELAY: Duration = Duration::from_secs(2);
/// Maximum number of restarts. A process that ends more often has a problem that its log explains.
const RESTARTS_MAX: u32 = 20;

/// The processes beside the pods, and the commands of all processes. Pods own their processes themselves.
#[derive(Debug)]
pub(super) struct Processes {
    launcher: Launcher,
    prometheus: AuxiliaryProcess,
    load: AuxiliaryProcess,
    load_rate_per_s: Option<f64>,
}

impl Processes {
    pub(super) fn new(shared: &Arc<SharedState>) -> Self {
        let launcher = Launcher { options: shared.options.clone(), ports: shared.ports, shared: Arc::clone(shared) };
        Self {
            launcher,
            prometheus: AuxiliaryProcess::default(),
            load: AuxiliaryProcess::default(),
            load_rate_per_s: None,
        }
    }

    /// Reaps processes that have ended and starts those that are due.
    pub(super) fn tick(&mut self, shared: &SharedState) {
        let mut state = shared.state();
        let state = &mut *state;
        let pods_before = state.pods.len();
        rollout::reconcile(state);
        probes::watch_new_pods(&self.launcher.shared, state);
        if self.launcher.run_pods(state) || state.pods.len() != pods_before {
            let written = targets::write(shared, state);
            log_failure(written, "cannot write the addresses that Prometheus asks");
        }
        let endpoints = rollout::endpoints(&state.pods);
        if endpoints != state.endpoints {
            let path = directory::endpoints_path(&shared.options.dir);
            let written = crate::shop::endpoints::write(&path, &endpoints);
            if log_failure(written, "cannot write the pods' addresses").is_some() {
                state.endpoints = endpoints;
            }
        }
        let launcher = &self.launcher;
        if shared.options.prometheus.is_some() {
            self.prometheus.keep_running("prometheus", || launcher.prometheus_command());
        }
        if self.load_rate_per_s != state.load_rate_per_s {
            self.load.kill();
            self.load = AuxiliaryProcess::default();
            self.load_rate_per_s = state.load_rate_per_s;
        }
        if let Some(rate) = self.load_rate_per_s {
            self.load.keep_running("load", || launcher.load_command(rate));
        }
    }

    /// Stops everything: the pods at once, Prometheus with time to write.
    pub(super) async fn stop_all(&mut self) {
        self.load.kill();
        let shared = Arc::clone(&self.launcher.shared);
        {
            let mut state = shared.state();
            state.pods.iter_mut().for_each(Pod::take_down);
            // Their usage no longer matters.
            for pod in &mut state.beside {
                let _usage = pod.container.take_down();
            }
        }
        self.prometheus.terminate();
        let until = Instant::now() + PROMETHEUS_STOPS_WITHIN;
        while self.prometheus.is_running() && Instant::now() < until {
            tokio::time::sleep(STOP_POLL).await;
        }
        self.prometheus.kill();
    }
}

/// The options passed to the processes of a pod.
#[derive(Debug)]
struct PodProcess {
    service: &'static str,
    pod_name: String,
    ip: Ipv4Addr,
    behaviour: Behaviour,
}

impl PodProcess {
    fn of(pod: &Pod) -> Self {
        Self { service: pod.component.name, pod_name: pod.name.clone(), ip: pod.ip(), behaviour: pod.behaviour() }
    }
}

/// Builds the commands of all processes.
#[derive(Debug)]
struct Launcher {
    options: SupervisorOptions,
    ports: Ports,
    shared: Arc<SharedState>,
}

impl Launcher {
    /// Reaps and starts containers. Returns whether any was started, because its pod may be new.
    fn run_pods(&self, state: &mut LabState) -> bool {
        let now = Instant::now();
        let mut started = false;
        for pod in &mut state.pods {
            pod.reap();
            let process = PodProcess::of(pod);
            for container in pod.containers() {
                if container.is_due(now) {
                    started = true;
                    let command = self.container_command(&process, container);
                    let result = command.and_then(|mut c| container.start(&mut c, &mut state.rng));
                    log_failure(result, &format!("cannot start {} of {}", container.spec.name, process.pod_name));
                }
            }
        }
        for pod in &mut state.beside {
            // Its usage is not added to the pod's counters, since it ends by accident only.
            let _usage = pod.container.reap();
            if pod.container.is_due(now) {
                started = true;
                let command = self.beside_command(pod);
                let result = command.and_then(|mut c| pod.container.start(&mut c, &mut state.rng));
                log_failure(result, &format!("cannot start {}", pod.name));
            }
        }
        started
    }

    fn container_command(&self, process: &PodProcess, container: &Container) -> io::Result<Command> {
        let PodProcess { service, pod_name, ip, behaviour } = process;
        let ip = ip.to_string();
        if container.spec.name == SIDECAR {
            let mut command = self.lab_process_command("sidecar", &format!("{service}-{SIDECAR}"))?;
            command.args(["--name", service, "--pod-name", pod_name, "--ip", &ip]);
            self.add_proxy(&mut command);
            return Ok(command);
        }
        let mut command = self.lab_process_command("app", service)?;
        let data = directory::data_path(&self.options.dir).join(service);
        std::fs::create_dir_all(&data)?;
        let behaviour = serde_json::to_string(behaviour)?;
        command.args(["--name", service, "--ip", &ip, "--behaviour", &behaviour]);
        command.args(["--seed", &self.options.seed.to_string()]).arg("--data-dir").arg(data);
        if self.options.with.dns {
            command.arg("--dns");
        }
        if self.options.stores == Stores::Real {
            command.arg("--real-stores");
        }
        Ok(command)
    }

    fn beside_command(&self, pod: &BesidePod) -> io::Result<Command> {
        let (workload, _) = pod.place.workload();
        if pod.place == Place::NameServer {
            return self.lab_process_command("name-server", workload);
        }
        let mut command = self.lab_process_command("gateway", workload)?;
        command.args(["--pod-name", &pod.name]);
        self.add_proxy(&mut command);
        Ok(command)
    }

    /// The options of side-cars and the gateway.
    fn add_proxy(&self, command: &mut Command) {
        command.arg("--endpoints").arg(directory::endpoints_path(&self.options.dir));
        if let Some(envoy) = &self.options.envoy {
            command.arg("--envoy").arg(envoy).arg("--mesh-dir").arg(directory::mesh_path(&self.options.dir));
        }
    }

    fn load_command(&self, rate_per_s: f64) -> io::Result<Command> {
        let mut command = self.lab_process_command("load", "load")?;
        command.args(["--seed", &self.options.seed.to_string(), "--rate", &rate_per_s.to_string()]);
        command.arg("--endpoints").arg(directory::endpoints_path(&self.options.dir));
        if self.options.with.gateway {
            command.arg("--gateway");
        }
        Ok(command)
    }

    fn prometheus_command(&self) -> io::Result<Command> {
        let program = self.options.prometheus.as_deref().unwrap_or(Path::new("prometheus"));
        let mut command = self.base_command("prometheus")?;
        command.args(["lab-process", "guard", "--"]).arg(program).args(self.shared.layout.arguments(self.ports));
        Ok(command)
    }

    /// A hidden `lab-process` command with the base port.
    fn lab_process_command(&self, what: &str, log: &str) -> io::Result<Command> {
        let mut command = self.base_command(log)?;
        command.args(["lab-process", what, "--base-port", &self.ports.base.to_string()]);
        Ok(command)
    }

    /// The lab's program with its output in a log. It gets its own process group, so that Ctrl-C reaches the supervisor only.
    fn base_command(&self, log: &str) -> io::Result<Command> {
        let log = log_file(&directory::logs_path(&self.options.dir).join(format!("{log}.log")))?;
        let mut command = Command::new(&self.options.program);
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).process_group(0);
        Ok(command)
    }
}

fn log_file(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}

/// A process beside the pods.
#[derive(Debug, Default)]
struct AuxiliaryProcess {
    child: Option<Child>,
    starts: u32,
    not_before: Option<Instant>,
}

impl AuxiliaryProcess {
    fn keep_running(&mut self, name: &str, command: impl Fn() -> io::Result<Command>) {
        if self.is_running() || self.starts > RESTARTS_MAX || self.not_before.is_some_and(|t| Instant::now() < t) {
            return;
        }
        self.starts += 1;
        self.not_before = Some(Instant::now() + RESTART_DELAY);
        let spawned = command().and_then(|mut c| c.spawn());
        self.child = log_failure(spawned, &format!("cannot start {name}"));
    }

    fn is_running(&mut self) -> bool {
        self.child.as_mut().is_some_and(|c| matches!(c.try_wait(), Ok(None)))
    }

    fn terminate(&mut self) {
        let pid = self.child.as_ref().and_then(|c| i32::try_from(c.id()).ok()).and_then(Pid::from_raw);
        if let Some(pid) = pid.filter(|_| self.is_running()) {
            // An error means that it has just ended.
            let _ = kill_process(pid, Signal::TERM);
        }
    }

    fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Writes a failure to the log; it must not end the supervisor.
fn log_failure<T>(result: io::Result<T>, what: &str) -> Option<T> {
    result.inspect_err(|e| log(&format!("{what}: {e}"))).ok()
}
