//! The data model of a trend, as written to JSON.
//!
//! Times are RFC 3339 in UTC; `null` is "not observed" or "not judged", never zero.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::metric::{Metric, Unit};
use crate::note::Note;
use crate::time::{Timestamp, as_rfc3339};

/// Version of this schema.
pub const SCHEMA_VERSION: u32 = 1;

/// The slopes of all series over many windows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Trend {
    /// Version of this schema.
    pub schema_version: u32,
    /// The sources of the data.
    pub sources: Vec<String>,
    /// The windows in time order; those without data are absent.
    pub windows: Vec<TrendWindow>,
    /// Share of false findings accepted among the findings.
    pub false_discovery: f64,
    /// Smallest change over all windows that counts, in spreads.
    pub min_change: f64,
    /// All series, the largest trend first.
    pub series: Vec<SeriesTrend>,
    /// Notes on the data.
    pub notes: Vec<Note>,
}

/// One window.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TrendWindow {
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
}

/// One series.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SeriesTrend {
    /// The service of the metric.
    pub service: String,
    /// The metric.
    pub metric: Metric,
    /// The called service, for metrics of calls.
    pub peer: Option<String>,
    /// Unit of all levels, such as `ms`; empty if the source does not specify one.
    pub unit: Unit,
    /// The verdict.
    pub direction: Direction,
    /// Median of the windows' levels.
    pub level: Option<f64>,
    /// Windows with a level.
    pub windows: usize,
    /// Theil–Sen slope, units per hour.
    pub per_hour: Option<f64>,
    /// Low end of its confidence interval.
    pub per_hour_low: Option<f64>,
    /// High end of its confidence interval.
    pub per_hour_high: Option<f64>,
    /// The slope per day.
    pub per_day: Option<f64>,
    /// The slope per day in percent of the level; `null` at level zero.
    pub percent_per_day: Option<f64>,
    /// The line at the first window with a level.
    pub first: Option<f64>,
    /// The line at the last one.
    pub last: Option<f64>,
    /// `last − first` in spreads around the line, which are at least the smallest spread that matters. Within ±1,000,000.
    pub change_spreads: Option<f64>,
    /// Two-sided p-value of Mann–Kendall, corrected for autocorrelation.
    pub p_value: Option<f64>,
    /// Smallest false discovery rate at which it is a finding (Benjamini–Hochberg over all series).
    pub q_value: Option<f64>,
    /// Projection at this rate; only for a trend, and only within ten times the observed time.
    pub projection: Option<Projection>,
    /// The sudden change that explains the windows better than a slow one; such a series has no trend. `null` if there is none.
    #[serde(default)]
    pub step: Option<TrendStep>,
    /// The level of every window; `null` is a gap.
    pub levels: Vec<Option<f64>>,
}

/// A sudden change of the level.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TrendStep {
    /// Start of the first window at the new level.
    #[serde(with = "as_rfc3339")]
    #[schemars(schema_with = "as_rfc3339::schema")]
    pub at: Timestamp,
    /// Median of the windows before.
    pub from: f64,
    /// Median of the windows from then on.
    pub to: f64,
}

/// Projection of a trend.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Projection {
    /// Twice the last level of a rising series, zero of a falling one.
    pub to: f64,
    /// Hours from the last window until then.
    pub in_hours: f64,
}

/// Direction of a trend.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Up: significant and large enough to matter.
    Rising,
    /// Down, likewise.
    Falling,
    /// No trend.
    Steady,
    /// Too few windows with a level.
    TooFewWindows,
}

impl Direction {
    /// The word in every output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rising => "rising",
            Self::Falling => "falling",
            Self::Steady => "steady",
            Self::TooFewWindows => "too_few_windows",
        }
    }

    /// Whether an operator should look at it.
    pub fn is_finding(self) -> bool {
        matches!(self, Self::Rising | Self::Falling)
    }
}
