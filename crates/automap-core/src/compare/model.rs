//! The answers' shape. Times are RFC 3339 in UTC; `null` is "not observed", never zero.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::graph::MetricType;
use crate::metric::{Family, Metric, Unit};
use crate::note::Note;
use crate::time::{Timestamp, as_rfc3339};

/// Version of these shapes.
pub const SCHEMA_VERSION: u32 = 1;

/// Periods compared with the first one, the reference.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Comparison {
    /// Version of this shape.
    pub schema_version: u32,
    /// The periods; the first is the reference.
    pub periods: Vec<PeriodInfo>,
    /// Share of false findings accepted among the findings.
    pub false_discovery: f64,
    /// Smallest change that counts, in spreads of the reference.
    pub min_shift: f64,
    /// Smallest Cliff's delta that counts.
    pub min_delta: f64,
    /// Series by verdict.
    pub counts: Counts,
    /// All services, the one that differs most first.
    pub services: Vec<ServiceDifference>,
    /// All series, the one that differs most first.
    pub series: Vec<SeriesComparison>,
    /// Edges that exist on one side only.
    pub edges: Vec<EdgeDifference>,
    /// Remarks on the data.
    pub notes: Vec<Note>,
}

/// One period.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PeriodInfo {
    /// As the user calls it.
    pub name: String,
    /// Where its data is from.
    pub source: String,
    /// Its start.
    #[serde(with = "as_rfc3339")]
    #[schemars(schema_with = "as_rfc3339::schema")]
    pub start: Timestamp,
    /// Its end, excluded.
    #[serde(with = "as_rfc3339")]
    #[schemars(schema_with = "as_rfc3339::schema")]
    pub end: Timestamp,
    /// Instants inside.
    pub samples: usize,
    /// Seconds from one instant to the next.
    pub step_s: f64,
    /// Services seen.
    pub services: usize,
    /// Series seen.
    pub series: usize,
}

/// Series by verdict.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Counts {
    /// All of them.
    pub series: usize,
    /// Significant and large enough to matter.
    pub differs: usize,
    /// Neither.
    pub same: usize,
    /// Not to be judged.
    pub too_few_samples: usize,
    /// Seen in the reference only.
    pub only_in_a: usize,
    /// Not seen in the reference.
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
    /// Seen in the reference only: vanished.
    OnlyInA,
    /// Not seen in the reference: new.
    OnlyInB,
    /// Seen in both, and no difference that is both significant and large enough to matter.
    Same,
    /// Too few samples in one of them to tell.
    TooFewSamples,
    /// One of them has this metric of no service at all, so that it was not collected there; or the series was seen in one of them only and was
    /// never other than 0 there.
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

    /// Whether it could be told.
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
    /// `only_in_a` and `only_in_b` speak about the service as a whole; a service that lost or gained a series differs.
    pub verdict: SeriesVerdict,
    /// How much: the largest compressed shift of each family of metrics, added up (requests count half). 0 when the same.
    pub score: f64,
    /// Its series with a finding.
    pub findings: usize,
    /// Its series that could be judged or are findings.
    pub series: usize,
}

/// One series in all periods.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SeriesComparison {
    /// Whose metric.
    pub service: String,
    /// The metric.
    pub metric: Metric,
    /// The called service, for metrics of calls.
    pub peer: Option<String>,
    /// What kind of evidence it is, such as `latency`.
    pub family: Family,
    /// Unit of all levels, such as `ms`; empty where the source does not say.
    pub unit: Unit,
    /// That of the strongest difference; `differs` before `only_in_a`, `only_in_b`, `same`, `too_few_samples`.
    pub verdict: SeriesVerdict,
    /// One per period; `null` where the series was not seen.
    pub levels: Vec<Option<Level>>,
    /// One per later period.
    pub differences: Vec<Difference>,
    /// How it moved, for a series that differs.
    pub shape: Option<Shape>,
}

/// The level of a series in a period.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Level {
    /// Median.
    pub median: f64,
    /// Mean.
    pub mean: f64,
    /// Spread: median absolute deviation × 1.4826, without a floor.
    pub spread: f64,
    /// Observed samples.
    pub samples: usize,
    /// Independent samples that they are worth for the comparison with the reference; the reference's own: with the first
    /// later period.
    pub effective_samples: f64,
}

/// A later period against the reference.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Difference {
    /// Name of the later period.
    pub period: String,
    /// The verdict.
    pub verdict: SeriesVerdict,
    /// Level in the reference; `null` where not seen.
    pub from: Option<f64>,
    /// Level in the later period; `null` where not seen.
    pub to: Option<f64>,
    /// `median`, or `mean` where the medians agree and the means do not (bursts shorter than half of the period).
    pub level: LevelKind,
    /// `to − from` in spreads of the reference, not below the smallest spread that matters. Within ±1,000,000. `null` where
    /// not judged, like all below.
    pub shift: Option<f64>,
    /// Cliff's delta, −1 to 1: positive where later values are larger.
    pub delta: Option<f64>,
    /// Probability that a value of the later period is larger than one of the reference, 0 to 1.
    pub superiority: Option<f64>,
    /// Two-sided p of Mann–Whitney and Yuen, the smaller one doubled, on the effective samples.
    pub p_value: Option<f64>,
    /// Share of false findings at which it counts as one (Benjamini–Hochberg over all series and periods).
    pub q_value: Option<f64>,
}

/// Which level tells the difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LevelKind {
    /// The median.
    Median,
    /// The mean.
    Mean,
}

/// How a series moved: inside the later period, or over all periods where there are more than two.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Shape {
    /// Which description is the shortest.
    pub kind: ShapeKind,
    /// When the level changed, for `step` and `both`.
    #[serde(default, with = "as_rfc3339::option")]
    #[schemars(schema_with = "as_rfc3339::option::schema")]
    pub at: Option<Timestamp>,
    /// Change of the level at that instant.
    pub step: Option<f64>,
    /// Slope beside it, in units per hour, for `drift` and `both`.
    pub slope_per_hour: Option<f64>,
}

/// Kinds of movement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ShapeKind {
    /// It does not move: the level changed between the periods.
    Level,
    /// A steady slope.
    Drift,
    /// One change of the level.
    Step,
    /// A slope and a change of the level.
    Both,
    /// Two descriptions are equally good, or there are too few samples.
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

/// An edge that exists on one side only.
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
