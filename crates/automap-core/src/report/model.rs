//! The data model of a report. Times are RFC 3339 in UTC; `null` is "not observed", never zero.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::changes::{CauseChange, ChangesInfo};
use super::counter_evidence::CounterEvidence;
use super::course::CourseInfo;
use super::parts_model::Parts;
use super::time_of_day::TimeOfDayInfo;
use super::version3;
use crate::attribution::ImpactKind;
use crate::entity::EntityKind;
use crate::metric::{Metric, Unit};
use crate::note::{NotChecked, Note};
use crate::observation::QueryRecord;
use crate::rank::Engine;
use crate::time::{Interval, Timestamp, as_rfc3339};
use crate::windows::OnsetSource;

/// Version of this schema. A reader accepts this one and the previous one.
pub const SCHEMA_VERSION: u32 = 4;

/// One diagnosis.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Report {
    /// Version of this schema.
    pub schema_version: u32,
    /// Where the metrics come from.
    pub source: String,
    /// The engine that ranked the causes.
    pub engine: Engine,
    /// The answer.
    pub verdict: Verdict,
    /// What was compared with what.
    pub windows: WindowInfo,
    /// When the incident ended, and other incidents in the same data.
    #[serde(default)]
    pub course: CourseInfo,
    /// What the users of the system noticed: the entry services' latency and errors that rose, strongest first.
    pub symptoms: Vec<Symptom>,
    /// How much longer they wait and how many more of their requests fail, if calls are measured; the clearest first.
    #[serde(default)]
    pub impacts: Vec<ImpactInfo>,
    /// How much could be judged.
    pub coverage: Coverage,
    /// Candidates, most likely first.
    pub causes: Vec<Cause>,
    /// Services that show symptoms of another service's fault.
    pub victims: Vec<Victim>,
    /// What was changed around the incident, and whether it fits.
    #[serde(default)]
    pub changes: ChangesInfo,
    /// What stands out, compared with the same hours of earlier days; `null` if no earlier day was queried, or nothing stands out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_of_day: Option<TimeOfDayInfo>,
    /// Services that changed but account for nothing that users feel.
    #[serde(default)]
    pub also_changed: Vec<AlsoChanged>,
    /// What could not be checked.
    pub not_checked: Vec<NotChecked>,
    /// Notes on the data.
    pub notes: Vec<Note>,
    /// What to do next.
    #[serde(deserialize_with = "version3::next_steps")]
    pub next: Vec<NextStep>,
    /// The queries behind the numbers.
    pub queries: Vec<QueryRecord>,
}

/// Something to do next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NextStep {
    /// What, in a few words, without the query.
    pub text: String,
    /// The signal to look at, such as `latency_ms`; `null` if there is none.
    pub signal: Option<String>,
    /// A query that shows it; `null` if there is none.
    pub query: Option<String>,
}

/// Number of candidates that a reader sees in full.
const DETAILED_CAUSES: usize = 3;
/// Candidates below this confidence are only listed by name.
pub const FAINT_CONFIDENCE: f64 = 0.02;

impl Report {
    /// The most likely candidate that is not named; `None` if all are.
    pub fn next_candidate(&self) -> Option<&Cause> {
        self.causes.iter().find(|c| !self.verdict.names(&c.service))
    }

    /// The candidates worth showing in full, and the rest: the first always, the next two unless they are faint.
    pub fn detailed_causes(&self) -> (Vec<&Cause>, Vec<&Cause>) {
        let detailed = |c: &&Cause| c.rank == 1 || (c.rank <= DETAILED_CAUSES && c.confidence >= FAINT_CONFIDENCE);
        self.causes.iter().partition(detailed)
    }
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Verdict {
    /// What may be said.
    pub kind: VerdictKind,
    /// The service named, the first of `causes`; `null` unless `kind` is `cause`.
    pub service: Option<String>,
    /// All named causes, the most important first: several if users feel several faults at once. Empty unless `kind` is `cause`.
    #[serde(default)]
    pub causes: Vec<NamedCause>,
    /// Whether users feel anything; `null` if that was not observed.
    #[serde(default)]
    pub is_felt: Option<bool>,
    /// What kind of fault its evidence indicates, such as `network` or `cpu`; `null` unless `kind` is `cause`.
    pub mechanism: Option<String>,
    /// Confidence of the first candidate, 0 to 1, whether or not it is named: the share of right answers that such a lead had on public
    /// recordings, given that there is an incident.
    pub confidence: f64,
    /// The same in a word.
    pub level: Level,
    /// One sentence.
    pub summary: String,
}

impl Verdict {
    /// Whether this service is named: alone, as one of several, or as one of a pair.
    pub fn names(&self, service: &str) -> bool {
        let in_causes = self.causes.iter().any(|c| c.services.iter().any(|s| s == service));
        in_causes || self.service.as_deref() == Some(service)
    }
}

/// What may be said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum VerdictKind {
    /// A service is named.
    Cause,
    /// Nothing deviates from normal.
    NoIncident,
    /// Something may be wrong, but the data does not single out a service.
    NotEnoughEvidence,
    /// Nothing that was observed deviates from normal, but the requests of users were not observed.
    CannotTell,
}

impl VerdictKind {
    /// Whether nothing observed is wrong, so that there is no candidate.
    pub fn is_quiet(self) -> bool {
        matches!(self, Self::NoIncident | Self::CannotTell)
    }
}

/// One of the named causes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NamedCause {
    /// One service, or two that the measurements cannot distinguish, the more likely first.
    pub services: Vec<String>,
    /// What kind of fault its evidence indicates, such as `network` or `cpu`.
    pub mechanism: Option<String>,
    /// The same in words, such as `catalogue or catalogue-db (slow)`.
    pub summary: String,
}

/// One kind of impact on users.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ImpactInfo {
    /// Waiting or failing.
    pub kind: ImpactKind,
    /// Additional users waiting at any moment, or failures per second, at the baseline's request rate.
    pub amount: f64,
    /// Where users feel it, the largest part first.
    pub entries: Vec<String>,
    /// One sentence.
    pub summary: String,
}

/// What a service accounts for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AccountsFor {
    /// Waiting or failing.
    pub kind: ImpactKind,
    /// Its share, 0 to 1.
    pub share: f64,
    /// Lower end of an interval that holds nine of ten resamples of the data.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// Where most of it arises.
    pub at: Arises,
    /// The called service, if it arises in calls; `null` otherwise.
    pub callee: Option<String>,
    /// The calling service, if it arises in calls; `null` otherwise.
    pub caller: Option<String>,
    /// The service that the measurements cannot distinguish from this one; `null` if there is none.
    pub or: Option<String>,
    /// One sentence.
    pub summary: String,
}

/// Where a share of what users feel arises.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Arises {
    /// In the service, or in an untimed dependency that it waits for.
    Service,
    /// In the network between the two ends of its calls.
    Network,
    /// In more calls per request than before.
    MoreCalls,
    /// In failing calls that the callee does not record.
    RefusedCalls,
}

/// A service that changed without users feeling it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AlsoChanged {
    /// The service.
    pub service: String,
    /// What changed, most telling first.
    pub evidence: Vec<Evidence>,
}

/// Confidence in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Enough to name a cause: 0.7 and more, or 0.9 and more if most metrics have no known unit.
    High,
    /// More likely right than wrong, 0.5 and more, but not enough to name it.
    Medium,
    /// Less.
    Low,
}

/// What was compared with what.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WindowInfo {
    /// Start of the baseline.
    #[serde(with = "as_rfc3339")]
    #[schemars(schema_with = "as_rfc3339::schema")]
    pub baseline_start: Timestamp,
    /// End of the baseline, excluded.
    #[serde(with = "as_rfc3339")]
    #[schemars(schema_with = "as_rfc3339::schema")]
    pub baseline_end: Timestamp,
    /// Samples in the baseline.
    pub baseline_samples: usize,
    /// Start of the incident.
    #[serde(with = "as_rfc3339")]
    #[schemars(schema_with = "as_rfc3339::schema")]
    pub incident_start: Timestamp,
    /// End of the incident, excluded.
    #[serde(with = "as_rfc3339")]
    #[schemars(schema_with = "as_rfc3339::schema")]
    pub incident_end: Timestamp,
    /// Samples in the incident.
    pub incident_samples: usize,
    /// How the start of the incident is known.
    pub incident_start_is: OnsetSource,
    /// Seconds from one sample to the next.
    pub step_s: f64,
}

impl WindowInfo {
    /// The baseline.
    pub fn baseline(&self) -> Interval {
        Interval { start: self.baseline_start, end: self.baseline_end }
    }

    /// The incident.
    pub fn incident(&self) -> Interval {
        Interval { start: self.incident_start, end: self.incident_end }
    }
}

/// A symptom that users notice.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Symptom {
    /// The entry service.
    pub service: String,
    /// What rose, and from which level to which.
    pub evidence: Evidence,
}

/// How much could be judged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Coverage {
    /// Services known from metrics or calls.
    pub services: usize,
    /// Services with at least one series that could be judged.
    pub services_judged: usize,
    /// Series that could be judged.
    pub series_judged: usize,
    /// Series delivered.
    pub series: usize,
}

/// A candidate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Cause {
    /// 1 is the most likely.
    pub rank: usize,
    /// The service.
    pub service: String,
    /// What it is, if known: a service, a store, a node.
    #[serde(default)]
    pub kind: EntityKind,
    /// The services that it holds up, if it is a node, a workload that saturates a node, or the DNS.
    #[serde(default)]
    pub holds_up: Vec<HoldsUp>,
    /// Engine `evidence`: log evidence; 0 is nothing, 3 one clear signal, 10 many. Engine `automap`: visits of the walk, as a multiple
    /// of what a walk without preference would give.
    pub score: f64,
    /// Confidence that this service is the cause, 0 to 1.
    pub confidence: f64,
    /// When its evidence began; `null` if nothing left its band for two samples.
    #[serde(default, with = "as_rfc3339::option")]
    #[schemars(schema_with = "as_rfc3339::option::schema")]
    pub onset: Option<Timestamp>,
    /// Its share of what users feel, if calls are measured.
    #[serde(default)]
    pub accounts_for: Vec<AccountsFor>,
    /// The change that may have started it; `null` if none fits or none is known.
    #[serde(default)]
    pub change: Option<CauseChange>,
    /// The affected parts: the pods, nodes, versions, callers and routes on which the rise is concentrated. Absent if that was not
    /// counted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<Parts>,
    /// What changed, most telling first.
    pub evidence: Vec<Evidence>,
    /// How the fault reaches the users: from the entry to this service.
    pub path: Vec<String>,
    /// Counter-evidence: reasons to doubt it.
    #[serde(deserialize_with = "version3::counter_evidence")]
    pub counter_evidence: Vec<CounterEvidence>,
}

impl Cause {
    /// The parts that are informative.
    pub fn telling_parts(&self) -> impl Iterator<Item = &Parts> {
        self.parts.iter().filter(|p| p.tells())
    }
}

/// Services that wait on a node, or for the DNS.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HoldsUp {
    /// The node, or the DNS itself.
    pub node: String,
    /// The services, by name.
    pub services: Vec<String>,
}

/// One change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Evidence {
    /// The metric.
    pub metric: Metric,
    /// Who measured it.
    pub seen_by: String,
    /// The called service, for metrics of calls.
    pub peer: Option<String>,
    /// Level in the baseline.
    pub from: Option<f64>,
    /// Level in the incident.
    pub to: Option<f64>,
    /// Unit of both, such as `ms`; empty if the source does not specify one.
    pub unit: Unit,
    /// Evidence above the metric's noise, log scale; 1 clear, 3 tens of spreads.
    pub strength: f64,
    /// When the series left its normal band.
    #[serde(default, with = "as_rfc3339::option")]
    #[schemars(schema_with = "as_rfc3339::option::schema")]
    pub onset: Option<Timestamp>,
    /// The same as text.
    pub summary: String,
}

/// A service that shows symptoms of another service's fault.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Victim {
    /// The service.
    pub service: String,
    /// The callee that accounts for its symptoms.
    pub explained_by: String,
    /// What it shows.
    pub evidence: Vec<Evidence>,
    /// Why it is not the cause.
    pub summary: String,
}
