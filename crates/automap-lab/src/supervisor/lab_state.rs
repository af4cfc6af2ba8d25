//! The state of the lab that the supervisor's tasks share.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::Notify;

use super::active_experiment::ActiveExperiment;
use super::autoscaler::Autoscaler;
use super::batch::BatchLoad;
use super::beside::{self, BesidePod};
use super::config_map::ConfigMap;
use super::container::Container;
use super::container::seconds_since_1970;
use super::deployment::Deployment;
use super::nodes::Node;
use super::options::SupervisorOptions;
use super::pod::{Place, Pod};
use super::rollout;
use crate::control::directory;
use crate::control::protocol::{Phase, Status};
use crate::kubelet::ClusterReading;
use crate::ledger::Ledger;
use crate::plan::{COMPONENTS, Component, NODES, Ports, Role, node_of};
use crate::prometheus_server::{self, Layout};
use crate::shop;
use crate::shop::endpoints::Table;
use crate::surroundings::Surroundings;
use automap_core::random::Rng;

/// The version of the first object that the lab creates; by then a cluster has created some thousand of its own.
const FIRST_RESOURCE_VERSION: u64 = 4211;

/// Shared by all tasks of the supervisor.
#[derive(Debug)]
pub(super) struct SharedState {
    pub(super) options: SupervisorOptions,
    pub(super) ports: Ports,
    pub(super) layout: Layout,
    pub(super) stop: Arc<Notify>,
    /// Wakes every active experiment, so that it ends now.
    pub(super) recover: Notify,
    /// Whether the lab keeps running when the process that started it ends.
    pub(super) detached: AtomicBool,
    since: String,
    state: Mutex<LabState>,
}

/// The mutable state.
#[derive(Debug)]
pub(super) struct LabState {
    pub(super) deployments: Vec<Deployment>,
    /// By service.
    pub(super) config_maps: BTreeMap<&'static str, ConfigMap>,
    pub(super) autoscalers: Vec<Autoscaler>,
    pub(super) nodes: Vec<Node>,
    /// The loads beside the shop, including the last finished ones.
    pub(super) batch: Vec<BatchLoad>,
    /// The gateway and the name server, if the lab has them.
    pub(super) beside: Vec<BesidePod>,
    /// Counts the changes of all objects, like the cluster's store.
    pub(super) resource_version: u64,
    /// Ordered by service, the older before the younger.
    pub(super) pods: Vec<Pod>,
    /// The addresses known to side-cars and load.
    pub(super) endpoints: Table,
    pub(super) active: Vec<ActiveExperiment>,
    pub(super) ledger: Ledger,
    pub(super) rng: Rng,
    pub(super) phase: Phase,
    pub(super) targets_up: usize,
    /// New users per second; `None`: no load.
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
        let deployments: Vec<Deployment> =
            COMPONENTS.iter().map(|c| Deployment::new(c, options.stores, &mut rng)).collect();
        let pods = deployments.iter().filter_map(|d| first_pod(d, &mut rng)).collect();
        let beside = beside::pods(options.with, &mut rng);
        let load_rate_per_s = options.load_rate_per_s;
        let began_s = seconds_since_1970();
        let config_map =
            |(i, c): (usize, &Component)| (c.name, ConfigMap::new(c.name, began_s, FIRST_RESOURCE_VERSION + i as u64));
        let config_maps: BTreeMap<_, _> = COMPONENTS.iter().enumerate().map(config_map).collect();
        let state = LabState {
            deployments,
            resource_version: FIRST_RESOURCE_VERSION + config_maps.len() as u64,
            config_maps,
            autoscalers: Vec::new(),
            nodes: NODES.into_iter().map(|name| Node::new(name, began_s)).collect(),
            batch: Vec::new(),
            beside,
            pods,
            endpoints: Table::new(),
            active: Vec::new(),
            ledger,
            rng,
            phase: Phase::Starting,
            targets_up: 0,
            load_rate_per_s,
        };
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

    /// Measures every process and returns what the kubelets and the API server would report.
    pub(super) fn reading(&self) -> ClusterReading {
        let mut state = self.state();
        self.measure(&mut state);
        state.reading()
    }

    pub(super) fn measure(&self, state: &mut LabState) {
        for pod in &mut state.pods {
            let file_bytes = bytes_in(&directory::data_path(&self.options.dir).join(pod.component.name));
            pod.measure(file_bytes, &self.options);
        }
        state.beside.iter_mut().for_each(|b| b.container.measure(0, self.options.envoy.is_some()));
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
            targets: if prometheus { state.targets(self.options.with) as u32 } else { 0 },
            load_rate_per_s: state.load_rate_per_s,
            pods: state.pods.iter().map(Pod::status).chain(state.beside.iter().map(BesidePod::status)).collect(),
            faults: state.active.iter().map(ActiveExperiment::status).collect(),
            rolling_out: state.rolling_out(),
        }
    }
}

impl LabState {
    /// A pod by its name.
    pub(super) fn pod(&mut self, name: &str) -> Option<&mut Pod> {
        self.pods.iter_mut().find(|p| p.name == name)
    }

    /// The pods of a service that are wanted.
    pub(super) fn pods_of(&mut self, service: &str) -> impl Iterator<Item = &mut Pod> {
        self.pods.iter_mut().filter(move |p| p.component.name == service && p.leaves.is_none())
    }

    pub(super) fn deployment(&mut self, service: &str) -> Option<&mut Deployment> {
        self.deployments.iter_mut().find(|d| d.component.name == service)
    }

    pub(super) fn all_ready(&self) -> bool {
        self.pods.iter().all(Pod::is_ready) && self.beside.iter().all(|b| b.container.ready)
    }

    /// A container of a pod, of the shop or beside it.
    pub(super) fn container(&mut self, pod: &str, is_sidecar: bool) -> Option<&mut Container> {
        if let Some(pod) = self.pods.iter_mut().find(|p| p.name == pod) {
            return Some(if is_sidecar { &mut pod.sidecar } else { &mut pod.app });
        }
        self.beside.iter_mut().find(|b| b.name == pod).map(|b| &mut b.container)
    }

    /// Whether a pod of that name exists.
    pub(super) fn has_pod(&self, name: &str) -> bool {
        self.pods.iter().any(|p| p.name == name) || self.beside.iter().any(|b| b.name == name)
    }

    /// Targets that Prometheus should reach.
    pub(super) fn targets(&self, with: Surroundings) -> usize {
        let has_exporter = |p: &&Pod| with.exporters && p.component.role != Role::Service;
        let exporters = self.pods.iter().filter(has_exporter).count();
        prometheus_server::target_count(self.pods.len() + self.beside.len() + exporters)
    }

    /// Services whose pods do not match the desired state yet.
    fn rolling_out(&self) -> Vec<String> {
        let names = self.deployments.iter().map(|d| d.component.name);
        names.filter(|service| !rollout::is_settled(self, service)).map(str::to_owned).collect()
    }

    fn reading(&self) -> ClusterReading {
        let deployment = |d: &Deployment| d.reading(&rollout::states(&self.pods, d.component.name));
        ClusterReading {
            pods: self
                .pods
                .iter()
                .map(Pod::reading)
                .chain(self.beside.iter().map(BesidePod::reading))
                .chain(self.batch.iter().filter_map(BatchLoad::reading))
                .collect(),
            deployments: self.deployments.iter().map(deployment).collect(),
            config_maps: self.config_maps.values().map(ConfigMap::reading).collect(),
            autoscalers: self.autoscalers.iter().map(Autoscaler::reading).collect(),
            jobs: self.batch.iter().filter_map(BatchLoad::job).collect(),
            nodes: self.nodes.iter().map(|n| n.reading.clone()).collect(),
        }
    }
}

/// The initial pod of a Deployment.
fn first_pod(deployment: &Deployment, rng: &mut Rng) -> Option<Pod> {
    let component = deployment.component;
    let place = Place { slot: 0, node: node_of(component, 0) };
    Some(Pod::new(component, deployment.current()?, place, rng))
}

/// Bytes of the files directly in a directory; 0 if it does not exist.
fn bytes_in(dir: &Path) -> u64 {
    let files = std::fs::read_dir(dir).into_iter().flatten().flatten();
    files.filter_map(|f| f.metadata().ok()).filter(std::fs::Metadata::is_file).map(|m| m.len()).sum()
}
