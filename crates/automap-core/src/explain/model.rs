//! The explanation of a service's rank, as plain data. Times are RFC 3339 in UTC; `null` is "not observed", never zero.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::metric::Family;
use crate::note::NotChecked;
use crate::observation::QueryRecord;
use crate::rank::Engine;
use crate::report::{Evidence, VerdictKind, WindowInfo};
use crate::spread::OnsetInterval;
use crate::time::Sentence;

/// Version of [`Explanation`]'s schema.
pub const EXPLANATION_SCHEMA_VERSION: u32 = 1;

/// One service in one incident.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Explanation {
    /// Version of this schema.
    pub schema_version: u32,
    /// The service.
    pub service: String,
    /// The engine that ranked.
    pub engine: Engine,
    /// What the diagnosis says.
    pub verdict: VerdictKind,
    /// The role of the service in the incident.
    pub standing: Standing,
    /// Place in the ranking, from 1; `null` if nothing of the service could be judged.
    pub rank: Option<usize>,
    /// Services in the ranking.
    pub ranked: usize,
    /// Score, as in the report; `null` as for `rank`.
    pub score: Option<f64>,
    /// Confidence that it is the cause, 0 to 1; `null` as for `rank`.
    pub confidence: Option<f64>,
    /// One sentence.
    pub summary: String,
    /// What was compared with what.
    pub windows: WindowInfo,
    /// When its clearest change began; `null` if none is clear or no sharp onset was found.
    pub onset: Option<OnsetInterval>,
    /// All its series, strongest first.
    pub changes: Vec<SeriesChange>,
    /// The services that call it, by name.
    pub callers: Vec<Neighbour>,
    /// The services it calls, by name.
    pub callees: Vec<Neighbour>,
    /// The service that its score is compared with: the first of the ranking, or the second if it is the first itself.
    pub compared_with: Option<String>,
    /// What the score is made of, largest difference first; empty if it is not ranked.
    pub parts: Vec<ScorePart>,
    /// Symptoms that were attributed to other services, largest share first.
    pub explained: Vec<ExplainedAway>,
    /// What would have to be true for it to be the cause; for the first of the ranking, what makes it first and what would change
    /// that.
    pub conditions: Vec<Condition>,
    /// What could not be observed of it.
    pub not_checked: Vec<NotChecked>,
    /// Queries that would show what was not observed, or that show its clearest change.
    pub queries: Vec<QueryRecord>,
}

/// The role of a service in an incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Named as the cause.
    Cause,
    /// First of the ranking, but no cause is named.
    Closest,
    /// The first of the ranking accounts for its change.
    Victim,
    /// It changed, and the first of the ranking does not account for it.
    Unexplained,
    /// It stayed normal.
    Normal,
    /// Nothing of it could be judged.
    Unobserved,
}

/// The size of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ChangeSize {
    /// Evidence of 1 and more.
    Clear,
    /// Evidence of 0.3 and more: too small to rely on.
    Small,
    /// No more than in fault-free time.
    WithinNoise,
    /// A latency or error that fell, which is no symptom.
    Fell,
    /// Too few samples in one of the windows.
    NotJudged,
}

/// One series of the service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SeriesChange {
    /// The size of the change.
    pub size: ChangeSize,
    /// What changed. Its strength is 0 if it could not be judged.
    pub change: Evidence,
    /// Evidence before the metric's noise was subtracted; `null` if it could not be judged.
    pub before_noise: Option<f64>,
    /// The noise: mean evidence of this metric in fault-free time; `null` if the baseline is too short.
    pub noise: Option<f64>,
    /// When it began; `null` unless clear.
    pub onset: Option<OnsetInterval>,
}

/// A service at the other end of a call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Neighbour {
    /// Its name.
    pub service: String,
    /// Place in the ranking; `null` if nothing of it could be judged.
    pub rank: Option<usize>,
    /// The strongest latency or error of the calls between the two, measured at the caller; `null` if not measured.
    pub call: Option<SeriesChange>,
    /// Its own clearest change; `null` if none is clear.
    pub change: Option<Evidence>,
    /// When that began.
    pub onset: Option<OnsetInterval>,
}

/// A part of the score, with the same part of the compared service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ScorePart {
    /// What it is evidence of, such as `own latency` or `network gap`.
    pub part: String,
    /// How much it counts.
    pub weight: f64,
    /// Evidence after explaining away; `null` if not observed.
    pub evidence: Option<f64>,
    /// What it adds to the score: evidence times weight, never below 0.
    pub adds: f64,
    /// Evidence of the compared service.
    pub other_evidence: Option<f64>,
    /// What it adds to the compared service's score.
    pub other_adds: f64,
}

/// A symptom attributed to another service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ExplainedAway {
    /// `latency` or `error`.
    pub family: Family,
    /// The service that it was attributed to.
    pub by: String,
    /// How much of it, 0 to 1.
    pub share: f64,
    /// The service's own evidence before that.
    pub before: f64,
    /// Whether that service is not measured: it may be the one waited for.
    pub is_unseen: bool,
}

/// A statement that bears on whether the service is the cause.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Condition {
    /// The subject of the condition.
    pub kind: ConditionKind,
    /// Whether the data confirms it; `null` if the data does not decide, and for hypotheticals (`explained`, `part`).
    pub holds: Option<bool>,
    /// One sentence with the numbers.
    pub statement: Sentence,
    /// The actual number, if there is one.
    pub is: Option<f64>,
    /// The required number.
    pub needed: Option<f64>,
}

impl Condition {
    /// One without numbers.
    pub(super) fn new(kind: ConditionKind, holds: Option<bool>, statement: impl Into<Sentence>) -> Self {
        Self { kind, holds, statement: statement.into(), is: None, needed: None }
    }
}

/// The subject of a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ConditionKind {
    /// Its score against the compared one.
    Score,
    /// Its share of what users feel, if calls are measured.
    AccountsFor,
    /// A symptom that was attributed to another service, assumed to be its own.
    Explained,
    /// A part of its score, assumed to be absent.
    Part,
    /// Its onset compared with the others'.
    Onset,
    /// What its callers would have to show.
    Callers,
    /// What its own calls show.
    Callees,
    /// The other changes that it would have to account for.
    Reach,
    /// What is not measured.
    Unseen,
}
