//! A fault that was injected on purpose, as the lab's ledger keeps it: what, where, from when to when. Ground truth for scoring.

use automap_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::entry::{self, Entry, Source, State as EntryState};
use crate::kinds;

/// One fault, from the moment it was in place.
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
    /// Who was hit.
    pub targets: Vec<Target>,
    /// The other ends of a network fault; empty: everybody.
    pub peers: Vec<String>,
    /// The family of metrics that this fault moves first, in the words of reports.
    pub expected_metric: String,
    /// In place since (RFC 3339).
    pub from: String,
    /// The same in milliseconds since 1970.
    pub from_ms: i64,
    /// Ended at; for kills: when what was killed was ready again. `None`: still going on, or the lab died.
    pub to: Option<String>,
    /// The same in milliseconds since 1970.
    pub to_ms: Option<i64>,
    /// The experiment's `spec`.
    pub spec: serde_json::Value,
    /// What it is in the story that is to be diagnosed.
    #[serde(default, skip_serializing_if = "Role::is_cause")]
    pub role: Role,
    /// What a perfect answer says; `None` in ledgers of before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub truth: Option<Truth>,
}

/// What an injection is in the story that is to be diagnosed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// It is to be found.
    #[default]
    Cause,
    /// It happens at the same time, or in a quiet stretch, and hurts nobody: to blame it is wrong.
    Decoy,
    /// It is needed for the cause to hurt, such as more users at an autoscaler's ceiling. To name it is neither right nor wrong.
    Condition,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Cause, Self::Decoy, Self::Condition];

    /// As in files.
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

/// What a perfect answer says about an injection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Truth {
    /// What kind of thing is at fault: `service` or `node`.
    pub entity_kind: String,
    /// Its name.
    pub entity: String,
    /// How it hurts: `release`, `config`, `cpu`, `network delay`, …
    pub mechanism: String,
    /// The change that is to blame; `None`: no change is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<ChangeMade>,
}

/// A change on purpose.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeMade {
    /// `release`, `config`, `scale`, …
    pub kind: String,
    /// The Deployment that was changed.
    pub service: String,
    /// What was before: a version, a number of pods, settings.
    pub before: String,
    /// What is now.
    pub after: String,
}

/// One pod that was hit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// Name of the pod at that time.
    pub pod: String,
    /// Its service.
    pub service: String,
    /// The container, where the fault hits one.
    pub container: Option<String>,
}

impl Injection {
    /// The same fault in the words that a cluster's ledger uses. Each component of the lab is one pod in `namespace`.
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
