//! The data model of a comparison, as written to JSON.
//!
//! Times are RFC 3339 in UTC; `null` is "not observed", never zero. Pure data: the sibling modules compute it, the renderers show it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::graph::MetricType;
use crate::metric::{Family, Metric, Unit};
use crate::note::Note;
use crate::time::{Timestamp, as_rfc3339};

/// Version of these schemas.
pub const SCHEMA_VERSION: u32 = 1;

/// A comparison of later periods with the first one, the reference.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Comparison {
    /// Version of this schema.
    pub schema_version: u32,
    /// The periods; the first is the reference.
    pub periods: Vec<PeriodInfo>,
    /// Share of false findings accepted among the findings.
    pub false_discovery: f64,
    /// Smallest change that counts, in spreads of the reference.
    pub min_shift: f64,
    /// Smallest Cliff's delta that counts.
    pub min_delta: f64,
    /// Number of series by verdict.
    pub counts: Counts,
    /// All services, the one that differs most first.
    pub services: Vec<ServiceDifference>,
    /// All series, the one that differs most first.
    pub series: Vec<SeriesComparison>,
    /// Edges that exist on only one side.
    pub edges: Vec<EdgeDifference>,
    /// Notes on the data.
    pub notes: Vec<Note>,
}

/// One period.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PeriodInfo {
    /// Name given by the user.
    pub name: String,
    /// The source of its data.
    pub source: String,
    /// Its start.
    #[serde(with = "as_rfc3339")]
    #[schemars(schema_with = "as_rfc3339::schema")]
    pub start: Timestamp,
    /// Its end, excluded.
    #[serde(with = "as_rfc3339")]
    #[schemars(schema_with = "as_rfc3339::schema")]
    pub end: Timestamp,
    /// Samples inside.
    pub samples: usize,
    /// Seconds between two samples.
    pub step_s: f64,
    /// Observed services.
    pub services: usize,
    /// Observed series.
    pub series: usize,
}

/// Number of series by verdict.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Counts {
    /// All of them.
    pub series: usize,
    /// Significant and large enough to matter.
    pub differs: usize,
    /// Not different.
    pub same: usize,
    /// Too few samples.
    pub too_few_samples: usize,
    /// Observed in the reference only.
    pub only_in_a: usize,
    /// Not observed in the reference.
    pub only_in_b: usize,
    /// Not collected in one of them, or only zeros in the other.
    pub not_comparable: usize,
}

/// How a series, service or edge of a later period (B) relates to the reference (A).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SeriesVerdict {
    /// Significant and large enough to matter.
    Differs,
    /// Observed in the reference only: vanished.
    OnlyInA,
    /// Not observed in the reference: new.
    OnlyInB,
    /// Observed in both, without a difference that is significant and large enough to matter.
    Same,
    /// Too few samples in one of them.
    TooFewSamples,
    /// One of them lacks this metric for all services, so it was not collected there; or the series exists in only one of them and is
    /// always 0 there.
    NotComparable,
}

impl SeriesVerdict {
    /// The word in every output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Differs => "differs",
            Self::OnlyInA => "only_in_a",
            Self::OnlyInB => "only_in_b",
            Self::Same => "same",
            Self::TooFewSamples => "too_few_samples",
            Self::NotComparable => "not_comparable",
        }
    }

    /// Whether the series could be judged.
    pub fn is_judged(self) -> bool {
        !matches!(self, Self::TooFewSamples | Self::NotComparable)
    }

    /// Whether an operator should look at it.
    pub fn is_finding(self) -> bool {
        matches!(self, Self::Differs | Self::OnlyInA | Self::OnlyInB)
    }
}

/// One service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ServiceDifference {
    /// The service.
    pub service: String,
    /// `only_in_a` and `only_in_b` concern the service as a whole; a service that lost or gained a series differs.
    pub verdict: SeriesVerdict,
    /// Size of the difference: the sum of the largest compressed shift of each metric family (requests count half). 0 if the same.
    pub score: f64,
    /// Its series with a finding.
    pub findings: usize,
    /// Its series that could be judged or are findings.
    pub series: usize,
}

/// One series in all periods.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SeriesComparison {
    /// The service of the metric.
    pub service: String,
    /// The metric.
    pub metric: Metric,
    /// The called service, for metrics of calls.
    pub peer: Option<String>,
    /// What kind of evidence it is, such as `latency`.
    pub family: Family,
    /// Unit of all levels, such as `ms`; empty if the source does not specify one.
    pub unit: Unit,
    /// That of the strongest difference; `differs` before `only_in_a`, `only_in_b`, `same`, `too_few_samples`.
    pub verdict: SeriesVerdict,
    /// One per period; `null` if the series was not observed.
    pub levels: Vec<Option<Level>>,
    /// One per later period.
    pub differences: Vec<Difference>,
    /// How it moved, for a series that differs.
    pub shape: Option<Shape>,
}

/// The level of a series in a period.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "SeriesLevel")]
pub struct Level {
    /// Median.
    pub median: f64,
    /// Mean.
    pub mean: f64,
    /// Spread: median absolute deviation × 1.4826, without a floor.
    pub spread: f64,
    /// Observed samples.
    pub samples: usize,
    /// Effective samples in the comparison with the reference; for the reference itself, with the first later period.
    pub effective_samples: f64,
}

/// A later period against the reference.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Difference {
    /// Name of the later period.
    pub period: String,
    /// The verdict.
    pub verdict: SeriesVerdict,
    /// Level in the reference; `null` if not observed.
    pub from: Option<f64>,
    /// Level in the later period; `null` if not observed.
    pub to: Option<f64>,
    /// `median`, or `mean` if the medians agree and the means do not (bursts shorter than half of the period).
    pub level: LevelKind,
    /// `to − from` in spreads of the reference, at least the smallest spread that matters. Within ±1,000,000. `null` if not
    /// judged, like all fields below.
    pub shift: Option<f64>,
    /// Cliff's delta, −1 to 1: positive if later values are larger.
    pub delta: Option<f64>,
    /// Probability that a value of the later period is larger than one of the reference, 0 to 1.
    pub superiority: Option<f64>,
    /// Two-sided p of Mann–Whitney and Yuen, the smaller one doubled, on the effective samples.
    pub p_value: Option<f64>,
    /// Smallest false discovery rate at which it is a finding (Benjamini–Hochberg over all series and periods).
    pub q_value: Option<f64>,
}

/// The level by which a difference is described.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LevelKind {
    /// The median.
    Median,
    /// The mean.
    Mean,
}

/// How a series moved inside the later period, or over all periods if there are more than two.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Shape {
    /// The description that fits best.
    pub kind: ShapeKind,
    /// When the level changed, for `step` and `both`.
    #[serde(default, with = "as_rfc3339::option")]
    #[schemars(schema_with = "as_rfc3339::option::schema")]
    pub at: Option<Timestamp>,
    /// Change of the level at that time.
    pub step: Option<f64>,
    /// Slope in units per hour, for `drift` and `both`.
    pub slope_per_hour: Option<f64>,
}

/// Kinds of movement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ShapeKind {
    /// Constant inside the period: the level changed between the periods.
    Level,
    /// A steady slope.
    Drift,
    /// One change of the level.
    Step,
    /// A slope and a change of the level.
    Both,
    /// Two descriptions fit equally well, or there are too few samples.
    Unclear,
}

impl ShapeKind {
    /// The word in every output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Level => "level",
            Self::Drift => "drift",
            Self::Step => "step",
            Self::Both => "both",
            Self::Unclear => "unclear",
        }
    }
}

/// An edge that exists on only one side.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct EdgeDifference {
    /// How the edge is known.
    pub kind: EdgeKind,
    /// The caller; of a learnt edge, one of the two services.
    pub from: String,
    /// The other service.
    pub to: String,
    /// The metric whose graph it is, for a learnt edge.
    pub metric: Option<MetricType>,
    /// The later period that is compared with the reference.
    pub period: String,
    /// `only_in_a` (vanished) or `only_in_b` (new).
    pub verdict: SeriesVerdict,
}

/// How an edge is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EdgeKind {
    /// An observed or given call.
    Call,
    /// An edge of a behaviour graph, learnt from the metrics.
    Learnt,
}
