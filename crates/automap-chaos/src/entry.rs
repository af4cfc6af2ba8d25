//! One line of the ledger: a fault, from its first sign to its end.

use automap_core::time::{Timestamp, as_rfc3339};
use serde::{Deserialize, Serialize};

use crate::injection::Role;

/// Most notes of one entry; later ones are dropped.
pub const MAX_NOTES: usize = 8;
/// Longest note, in characters: messages of controllers can be pages long.
const MAX_NOTE_CHARS: usize = 240;

/// One uninterrupted stretch of one experiment. An experiment that was paused and resumed has several.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// `<experiment>/<stretch>`, counted from 1. A later line with the same key takes the place of the earlier one.
    pub key: String,
    /// `metadata.uid`, or what identifies the experiment where the source knows none.
    pub experiment: String,
    /// `NetworkChaos`, `StressChaos`, …; `VirtualService`, `flagd`, … for faults of others.
    pub kind: String,
    /// `metadata.name`.
    pub name: String,
    /// `metadata.namespace`; empty where there is none.
    pub namespace: String,
    /// `delay`, `pod-kill`, `cpu`, …
    pub action: String,
    /// What was really hit. Empty: nothing, or it is not known (see `state` and `notes`).
    pub targets: Vec<Target>,
    /// Services that are only the other end of a network fault.
    pub peers: Vec<String>,
    /// Share of the services' pods that were hit, 0 to 1; `null` where the number of replicas is not known.
    pub fraction: Option<f64>,
    /// In place since; `null` where nothing was injected or it is not known.
    #[serde(with = "as_rfc3339::option")]
    pub started: Option<Timestamp>,
    /// Ended at; for kills: when what was killed was ready again. `null`: it goes on, or it is not known (see `state`).
    #[serde(with = "as_rfc3339::option")]
    pub ended: Option<Timestamp>,
    /// Where it stands.
    pub state: State,
    /// Where this is known from.
    pub source: Source,
    /// What started it, when no person did.
    pub parent: Option<Parent>,
    /// Family of metrics that this fault moves first at the service it hits, in the words of reports; `null` where that is anybody's guess.
    pub expected_metric: Option<String>,
    /// Why this fault may well have had no effect; `null` where it should have had one. Known from the fault alone, never from an answer.
    pub ineffective: Option<String>,
    /// When the experiment was last observed in the cluster.
    #[serde(with = "as_rfc3339::option")]
    pub seen: Option<Timestamp>,
    /// Remarks for people.
    pub notes: Vec<String>,
    /// What it is in the story that is to be diagnosed. Only the lab has other roles than `cause`.
    #[serde(default, skip_serializing_if = "Role::is_cause")]
    pub role: Role,
}

/// One pod or machine that was hit, or a service where the pod is not known.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Target {
    /// Its namespace.
    pub namespace: String,
    /// Name of the pod at that time; empty where it is not known.
    pub pod: String,
    /// The container, where the fault hits one.
    pub container: Option<String>,
    /// What was hit where it is no pod: the address of a machine, or an instance in a cloud as Chaos Mesh writes it; `null` for pods.
    #[serde(default)]
    pub address: Option<String>,
    /// The service (workload) that the pod belonged to; `null` where it is not known.
    pub service: Option<String>,
    /// Hit since.
    #[serde(with = "as_rfc3339::option")]
    pub from: Option<Timestamp>,
    /// Recovered at.
    #[serde(with = "as_rfc3339::option")]
    pub to: Option<Timestamp>,
}

impl Target {
    /// A service of which the pods are not known.
    pub fn of_service(namespace: &str, service: &str, from: Option<Timestamp>, to: Option<Timestamp>) -> Self {
        Self {
            namespace: namespace.to_owned(),
            pod: String::new(),
            container: None,
            address: None,
            service: Some(service.to_owned()),
            from,
            to,
        }
    }
}

/// What started an experiment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parent {
    /// `Workflow` or `Schedule`.
    pub kind: String,
    /// Its name.
    pub name: String,
}

/// Where a stretch of an experiment stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It was in place and is over.
    Injected,
    /// The same, but at a part of the pods only.
    Partial,
    /// The experiment exists or existed, and hit no target.
    NothingInjected,
    /// The experiment exists or existed, and Chaos Mesh has not said what it hit.
    NoStatus,
    /// A kill: done in a moment, never recovered by anybody but the kubelet.
    OneShot,
    /// Taken back for now by the pause annotation.
    Paused,
    /// It goes on.
    Running,
    /// It began; its end was not observed.
    UnknownEnd,
    /// An earlier line with this key was wrong, as later news shows. Readers drop it.
    Withdrawn,
}

impl State {
    /// In a word or two.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Injected => "injected",
            Self::Partial => "partial",
            Self::NothingInjected => "nothing injected",
            Self::NoStatus => "no status yet",
            Self::OneShot => "one-shot",
            Self::Paused => "paused",
            Self::Running => "running",
            Self::UnknownEnd => "unknown end",
            Self::Withdrawn => "withdrawn",
        }
    }
}

/// Where an entry is known from, the most trustworthy first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The events in the experiment's own records (Chaos Mesh 2.3 and later).
    Records,
    /// The phases of its records, and when they were observed (before 2.3).
    Phases,
    /// A workflow's node whose experiment was never observed.
    WorkflowNode,
    /// Kubernetes Events about the experiment.
    KubernetesEvents,
    /// `/api/events` of the dashboard.
    DashboardEvents,
    /// `/api/archives` of the dashboard: what was asked for, not what was done.
    DashboardArchive,
    /// A file of labels.
    LabelsFile,
    /// Fault injection in a VirtualService.
    Istio,
    /// A Litmus ChaosResult.
    Litmus,
    /// A feature flag that breaks something.
    Flagd,
    /// The lab's own ledger.
    Lab,
}

impl Entry {
    /// One of which nothing is known but its name.
    pub fn new(experiment: &str, kind: &str, namespace: &str, name: &str, source: Source) -> Self {
        Self {
            key: format!("{experiment}/1"),
            experiment: experiment.to_owned(),
            kind: kind.to_owned(),
            name: name.to_owned(),
            namespace: namespace.to_owned(),
            action: String::new(),
            targets: Vec::new(),
            peers: Vec::new(),
            fraction: None,
            started: None,
            ended: None,
            state: State::NothingInjected,
            source,
            parent: None,
            expected_metric: None,
            ineffective: None,
            seen: None,
            notes: Vec::new(),
            role: Role::Cause,
        }
    }

    /// Services that were hit, each once, in the order of their names.
    pub fn services(&self) -> Vec<&str> {
        let mut all: Vec<&str> = self.targets.iter().filter_map(|t| t.service.as_deref()).collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// What was hit, for people: the services, or the machines where no service is known.
    pub fn places(&self) -> Vec<&str> {
        let services = self.services();
        if !services.is_empty() {
            return services;
        }
        let mut machines: Vec<&str> = self.targets.iter().filter_map(|t| t.address.as_deref()).collect();
        machines.sort_unstable();
        machines.dedup();
        machines
    }

    /// Adds a remark, once, and not more than [`MAX_NOTES`].
    pub fn note(&mut self, text: impl Into<String>) {
        let text: String = text.into().chars().take(MAX_NOTE_CHARS).collect();
        if self.notes.len() < MAX_NOTES && !self.notes.contains(&text) {
            self.notes.push(text);
        }
    }
}
