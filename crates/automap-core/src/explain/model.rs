//! Why a service ranks where it ranks, as plain data. Times are RFC 3339 in UTC; `null` is "not observed", never zero.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::metric::Family;
use crate::note::NotChecked;
use crate::observation::QueryRecord;
use crate::rank::Engine;
use crate::report::{Evidence, VerdictKind, WindowInfo};
use crate::spread::OnsetInterval;
use crate::time::Sentence;

/// Version of [`Explanation`]'s shape.
pub const EXPLANATION_SCHEMA_VERSION: u32 = 1;

/// One service in one incident.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Explanation {
    /// Version of this shape.
    pub schema_version: u32,
    /// The service.
    pub service: String,
    /// The engine that ranked.
    pub engine: Engine,
    /// What the diagnosis says.
    pub verdict: VerdictKind,
    /// What the service is in it.
    pub standing: Standing,
    /// Place in the ranking, from 1; `null` where nothing of it could be judged.
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
    /// When its clearest change began; `null` where none is clear or no sharp beginning was found.
    pub onset: Option<OnsetInterval>,
    /// All its series, strongest first.
    pub changes: Vec<SeriesChange>,
    /// The services that call it, by name.
    pub callers: Vec<Neighbour>,
    /// The services it calls, by name.
    pub callees: Vec<Neighbour>,
    /// The service that its score is compared with: the first of the ranking, or the second where it is the first itself.
    pub compared_with: Option<String>,
    /// What the score is made of, largest difference first; empty where it is not ranked.
    pub parts: Vec<ScorePart>,
    /// Symptoms that were held against others, largest share first.
    pub explained: Vec<ExplainedAway>,
    /// What would have to be true for it to be the cause; for the first of the ranking, what makes it that and what would undo it.
    pub conditions: Vec<Condition>,
    /// What could not be observed of it.
    pub not_checked: Vec<NotChecked>,
    /// Queries that would show what was not observed, or that show its clearest change.
    pub queries: Vec<QueryRecord>,
}

/// What a service is in an incident.
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

/// How much of a change it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ChangeSize {
    /// Evidence of 1 and more.
    Clear,
    /// Evidence of 0.3 and more: too small to build on.
    Small,
    /// What fault-free time shows too.
    WithinNoise,
    /// A latency or error that fell: no symptom.
    Fell,
    /// Too few samples in one of the windows.
    NotJudged,
}

/// One series of the service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SeriesChange {
    /// How much of a change.
    pub size: ChangeSize,
    /// What changed. Its strength is 0 where it could not be judged.
    pub change: Evidence,
    /// Evidence before the metric's noise was taken off; `null` where it could not be judged.
    pub before_noise: Option<f64>,
    /// The noise: mean evidence of this metric in fault-free time; `null` where the baseline is too short to tell.
    pub noise: Option<f64>,
    /// When it began; `null` unless clear.
    pub onset: Option<OnsetInterval>,
}

/// A service at the other end of a call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Neighbour {
    /// Its name.
    pub service: String,
    /// Place in the ranking; `null` where nothing of it could be judged.
    pub rank: Option<usize>,
    /// The strongest latency or error of the calls between the two, as the caller measures it; `null` where it is not measured.
    pub call: Option<SeriesChange>,
    /// Its own clearest change; `null` where none is clear.
    pub change: Option<Evidence>,
    /// When that began.
    pub onset: Option<OnsetInterval>,
}

/// A part of the score beside the same part of the compared service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ScorePart {
    /// What it is evidence of, such as `own latency` or `network gap`.
    pub part: String,
    /// How much it counts.
    pub weight: f64,
    /// Evidence after explaining away; `null` where it was not observed.
    pub evidence: Option<f64>,
    /// What it adds to the score: evidence times weight, never below 0.
    pub adds: f64,
    /// Evidence of the compared service.
    pub other_evidence: Option<f64>,
    /// What it adds to the compared service's score.
    pub other_adds: f64,
}

/// A symptom held against another service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ExplainedAway {
    /// `latency` or `error`.
    pub family: Family,
    /// In whose favour.
    pub by: String,
    /// How much of it, 0 to 1.
    pub share: f64,
    /// The service's own evidence before.
    pub before: f64,
    /// That service is not measured: it may be the one waited for.
    pub is_unseen: bool,
}

/// A statement that bears on whether the service is the cause.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Condition {
    /// What it is about.
    pub kind: ConditionKind,
    /// Whether the data bears it out; `null` where the data does not tell, and for suppositions (`explained`, `part`).
    pub holds: Option<bool>,
    /// One sentence with the numbers.
    pub statement: Sentence,
    /// The number that is, where there is one.
    pub is: Option<f64>,
    /// The number that would be needed.
    pub needed: Option<f64>,
}

impl Condition {
    /// One without numbers.
    pub(super) fn new(kind: ConditionKind, holds: Option<bool>, statement: impl Into<Sentence>) -> Self {
        Self { kind, holds, statement: statement.into(), is: None, needed: None }
    }
}

/// What a condition is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ConditionKind {
    /// Its score against the compared one.
    Score,
    /// Its share of what users feel, where calls are measured.
    AccountsFor,
    /// A symptom that was held against another service, supposed to be its own.
    Explained,
    /// A part of its score, supposed to be absent.
    Part,
    /// Its onset against that of the others.
    Onset,
    /// What its callers would have to see.
    Callers,
    /// What its own calls show.
    Callees,
    /// The other changes that it would have to account for.
    Reach,
    /// What is not measured.
    Unseen,
}
