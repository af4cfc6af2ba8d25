//! An injected fault as stored in the lab's ledger: what, where, and from when to when. Ground truth for scoring.

use automap_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::entry::{self, Entry, Source, State as EntryState};
use crate::kinds;

/// One fault, from the moment it became active.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Injection {
    /// Unique within the ledger: experiment name and start.
    pub id: String,
    /// Chaos Mesh kind.
    pub kind: String,
    /// `delay`, `pod-kill`, `cpu`, …
    pub action: String,
    /// `metadata.name` of the experiment.
    pub experiment: String,
    /// The pods that were hit.
    pub targets: Vec<Target>,
    /// The other ends of a network fault; empty: everybody.
    pub peers: Vec<String>,
    /// The family of metrics that this fault moves first, in the words of reports.
    pub expected_metric: String,
    /// Active since (RFC 3339).
    pub from: String,
    /// The same in milliseconds since 1970.
    pub from_ms: i64,
    /// Ended at; for kills: when the killed target was ready again. `None`: still active, or the lab died.
    pub to: Option<String>,
    /// The same in milliseconds since 1970.
    pub to_ms: Option<i64>,
    /// The experiment's `spec`.
    pub spec: serde_json::Value,
    /// Its role in the story to be diagnosed.
    #[serde(default, skip_serializing_if = "Role::is_cause")]
    pub role: Role,
    /// The perfect answer; `None` in older ledgers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub truth: Option<Truth>,
}

/// The role of an injection in the story to be diagnosed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// It should be found.
    #[default]
    Cause,
    /// It happens at the same time, or in a quiet stretch, and does no harm: naming it is wrong.
    Decoy,
    /// It is needed for the cause to do harm, such as more users when an autoscaler is at its limit. Naming it is neither right nor wrong.
    Condition,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Cause, Self::Decoy, Self::Condition];

    /// As written in files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cause => "cause",
            Self::Decoy => "decoy",
            Self::Condition => "condition",
        }
    }

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it like this")]
    pub(crate) fn is_cause(&self) -> bool {
        *self == Self::Cause
    }
}

/// The perfect answer for an injection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Truth {
    /// The kind of the root cause: `service` or `node`.
    pub entity_kind: String,
    /// Its name.
    pub entity: String,
    /// How it does harm: `release`, `config`, `cpu`, `network delay`, …
    pub mechanism: String,
    /// The change that caused it; `None`: no change did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<ChangeMade>,
}

/// An intentional change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeMade {
    /// `release`, `config`, `scale`, …
    pub kind: String,
    /// The Deployment that was changed.
    pub service: String,
    /// The state before: a version, a number of pods, settings.
    pub before: String,
    /// The state after.
    pub after: String,
}

/// One pod that was hit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// Name of the pod at that time.
    pub pod: String,
    /// Its service.
    pub service: String,
    /// The container, if the fault hits a single one.
    pub container: Option<String>,
}

impl Injection {
    /// The same fault in the terms of a cluster's ledger. Each component of the lab is one pod in `namespace`.
    pub fn to_entry(&self, namespace: &str) -> Entry {
        let injection = self;
        let mut entry = Entry::new(&injection.id, &injection.kind, namespace, &injection.experiment, Source::Lab);
        let (from, to) = (Timestamp::from_ms(injection.from_ms), injection.to_ms.map(Timestamp::from_ms));
        let target = |t: &Target| entry::Target {
            namespace: namespace.to_owned(),
            pod: t.pod.clone(),
            container: t.container.clone(),
            address: None,
            service: Some(t.service.clone()),
            from: Some(from),
            to,
        };
        entry.action.clone_from(&injection.action);
        entry.targets = injection.targets.iter().map(target).collect();
        entry.peers.clone_from(&injection.peers);
        entry.role = injection.role;
        entry.fraction = Some(1.0);
        (entry.started, entry.ended) = (Some(from), to);
        entry.expected_metric = Some(injection.expected_metric.clone());
        entry.ineffective = kinds::ineffective(&injection.kind, &injection.action, &injection.spec);
        entry.state = match to {
            _ if kinds::is_one_shot(&injection.kind, &injection.action) => EntryState::OneShot,
            Some(_) => EntryState::Injected,
            None => EntryState::Running,
        };
        entry
    }
}
