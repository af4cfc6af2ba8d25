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
    /// `<experiment>/<stretch>`, counted from 1. A later line with the same key replaces the earlier one.
    pub key: String,
    /// `metadata.uid`, or another identifier of the experiment if the source has no uid.
    pub experiment: String,
    /// `NetworkChaos`, `StressChaos`, …; `VirtualService`, `flagd`, … for faults from other sources.
    pub kind: String,
    /// `metadata.name`.
    pub name: String,
    /// `metadata.namespace`; empty if there is none.
    pub namespace: String,
    /// `delay`, `pod-kill`, `cpu`, …
    pub action: String,
    /// The targets that were hit. Empty: none, or unknown (see `state` and `notes`).
    pub targets: Vec<Target>,
    /// Services that are only at the other end of a network fault.
    pub peers: Vec<String>,
    /// Share of the services' pods that were hit, 0 to 1; `null` if the number of replicas is unknown.
    pub fraction: Option<f64>,
    /// Active since; `null` if nothing was injected or it is unknown.
    #[serde(with = "as_rfc3339::option")]
    pub started: Option<Timestamp>,
    /// Ended at; for kills: when the killed target was ready again. `null`: still active, or unknown (see `state`).
    #[serde(with = "as_rfc3339::option")]
    pub ended: Option<Timestamp>,
    /// Its state.
    pub state: State,
    /// The source of the entry.
    pub source: Source,
    /// The object that started it, unless a person did.
    pub parent: Option<Parent>,
    /// Family of metrics that this fault moves first at the service it hits, in the words of reports; `null` if unknown.
    pub expected_metric: Option<String>,
    /// Why this fault may have had no effect; `null` if an effect is expected. Derived from the fault alone, never from an answer.
    pub ineffective: Option<String>,
    /// When the experiment was last observed in the cluster.
    #[serde(with = "as_rfc3339::option")]
    pub seen: Option<Timestamp>,
    /// Notes for users.
    pub notes: Vec<String>,
    /// Its role in the story to be diagnosed. Only the lab has other roles than `cause`.
    #[serde(default, skip_serializing_if = "Role::is_cause")]
    pub role: Role,
}

/// One pod or machine that was hit, or a service if the pod is unknown.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Target {
    /// Its namespace.
    pub namespace: String,
    /// Name of the pod at that time; empty if unknown.
    pub pod: String,
    /// The container, if the fault hits a single one.
    pub container: Option<String>,
    /// The target if it is not a pod: the address of a machine, or a cloud instance as written by Chaos Mesh; `null` for pods.
    #[serde(default)]
    pub address: Option<String>,
    /// The service (workload) that the pod belonged to; `null` if unknown.
    pub service: Option<String>,
    /// Hit since.
    #[serde(with = "as_rfc3339::option")]
    pub from: Option<Timestamp>,
    /// Recovered at.
    #[serde(with = "as_rfc3339::option")]
    pub to: Option<Timestamp>,
}

impl Target {
    /// A service whose pods are unknown.
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

/// The state of a stretch of an experiment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It was active and is over.
    Injected,
    /// The same, but only on a part of the pods.
    Partial,
    /// The experiment exists or existed, and hit no target.
    NothingInjected,
    /// The experiment exists or existed, and Chaos Mesh has not reported what it hit.
    NoStatus,
    /// A kill: done in an instant, and only the kubelet recovers from it.
    OneShot,
    /// Suspended by the pause annotation.
    Paused,
    /// It is still active.
    Running,
    /// It began; its end was not observed.
    UnknownEnd,
    /// An earlier line with this key turned out to be wrong. Readers drop it.
    Withdrawn,
}

impl State {
    /// As one or two words.
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

/// The source of an entry, the most trustworthy first.
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
    /// `/api/archives` of the dashboard: the requested faults, not the injected ones.
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
    /// An entry of which only the name is known.
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

    /// Services that were hit, each once, ordered by name.
    pub fn services(&self) -> Vec<&str> {
        let mut all: Vec<&str> = self.targets.iter().filter_map(|t| t.service.as_deref()).collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// What was hit, for messages: the services, or the machines if no service is known.
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

    /// Adds a note, once, and at most [`MAX_NOTES`].
    pub fn note(&mut self, text: impl Into<String>) {
        let text: String = text.into().chars().take(MAX_NOTE_CHARS).collect();
        if self.notes.len() < MAX_NOTES && !self.notes.contains(&text) {
            self.notes.push(text);
        }
    }
}
