//! What the answers add up to: plain, versioned numbers for programs, from which the tables for people are made too.

mod compose;
pub mod csv;
mod tables;
mod words;

use serde::ser::{Serialize, Serializer};

use crate::score::Accuracy;
use crate::score::bootstrap::Interval;
use crate::score::calibration::{Bin, Covered};

pub use compose::compose;
pub use tables::{Style, render};

/// Version of the JSON; a change of shape changes it.
pub const VERSION: u32 = 1;

/// Everything that was measured.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Summary {
    /// See [`VERSION`].
    pub version: u32,
    /// The folder, as it was named.
    pub dataset: String,
    /// Whether engines saw who calls whom.
    pub topology: bool,
    /// Seed of everything that was drawn.
    pub seed: u64,
    /// The first of the onsets.
    #[serde(flatten)]
    pub first: AtOnset,
    /// The others, in the order asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub other_onsets: Vec<AtOnset>,
    /// Most memory that the process ever held, in megabytes.
    pub memory_max_mb: Option<f64>,
}

impl Summary {
    /// All onsets in the order asked for.
    pub fn onsets(&self) -> impl Iterator<Item = &AtOnset> {
        std::iter::once(&self.first).chain(&self.other_onsets)
    }
}

/// What was measured with one knowledge of the onset.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct AtOnset {
    /// `known`, `+60s`, …, `detected`.
    pub onset: String,
    /// By engine, in the order asked for.
    pub engines: Named<OfEngine>,
    /// How well it was found, over all cases and by set; where it had to be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub onset_error: Option<OnsetErrors>,
}

/// One engine.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct OfEngine {
    /// The mean over the sets, each counting once.
    #[serde(rename = "macro")]
    pub over_sets: Group,
    /// By set.
    pub sets: Named<Group>,
    /// By kind of fault, cases of all sets together.
    pub fault_kinds: Named<Group>,
    /// This engine minus the first one, mean over sets; `None` for the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub minus_first: Option<Estimate>,
    /// Whether its confidence can be believed; for engines that have one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confidence: Option<Believed>,
    /// What it said about fault-free time, where that was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quiet: Option<QuietTime>,
    /// Cases without an answer, which count as misses.
    pub misses: Vec<Miss>,
}

/// The scores of some cases.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Group {
    /// Cases.
    pub cases: usize,
    /// Cases without an answer among them.
    pub unanswered: usize,
    /// Services.
    #[serde(flatten)]
    pub services: Estimate,
    /// (Service, metric) pairs; `None` where no truth names a metric.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metric_level: Option<MetricLevel>,
    /// Processor time of an answer, in seconds; `None` for groups that were not timed apart.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_s_per_case: Option<f64>,
}

/// A mean score with its uncertainty and what chance would reach.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize)]
pub struct Estimate {
    /// The mean.
    #[serde(flatten)]
    pub mean: Accuracy,
    /// 95 % interval over scenarios; `None` for groups across sets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ci: Option<Ends>,
    /// What a random order would reach; `None` for differences.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chance: Option<Accuracy>,
}

/// Scores of (service, metric) pairs.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct MetricLevel {
    /// Cases whose truth names a metric.
    pub cases: usize,
    /// The score.
    #[serde(flatten)]
    pub pairs: Estimate,
}

/// Low and high end of every score.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct Ends {
    /// AC@1.
    pub ac1: [f64; 2],
    /// AC@3.
    pub ac3: [f64; 2],
    /// AC@5.
    pub ac5: [f64; 2],
    /// Avg@5.
    pub avg5: [f64; 2],
    /// MRR.
    pub mrr: [f64; 2],
}

impl From<Interval> for Ends {
    fn from(interval: Interval) -> Self {
        let (low, high) = (interval.low.rounded(), interval.high.rounded());
        Self {
            ac1: [low.ac1, high.ac1],
            ac3: [low.ac3, high.ac3],
            ac5: [low.ac5, high.ac5],
            avg5: [low.avg5, high.avg5],
            mrr: [low.mrr, high.mrr],
        }
    }
}

/// Whether confidence can be believed, cases of all sets together; a case without an answer has confidence 0.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Believed {
    /// Cases in which a cause was named.
    pub named: usize,
    /// Share of them in which it was right; `None` where none was named.
    pub named_right: Option<f64>,
    /// Expected calibration error; `None` without cases.
    pub calibration_error: Option<f64>,
    /// Share of right answers by confidence.
    pub reliability: Vec<Bin>,
    /// AC@1 of the surest answers.
    pub risk_coverage: Vec<Covered>,
}

/// Fault-free time.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct QuietTime {
    /// All stretches.
    #[serde(flatten)]
    pub all: QuietGroup,
    /// By set.
    pub sets: Named<QuietGroup>,
}

/// What was said about some fault-free stretches.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct QuietGroup {
    /// Stretches.
    pub stretches: usize,
    /// Those that were too short to answer.
    pub unanswered: usize,
    /// Share in which a cause was named: false alarms.
    pub named: f64,
    /// Share in which an onset was found; 1 where it was told.
    pub onset_found: f64,
    /// Confidence of the first service: median, upper tenth, largest; `None` without an answer.
    pub confidence: Option<Spread>,
}

/// A distribution in three numbers.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct Spread {
    /// Half lie below.
    pub p50: f64,
    /// A tenth lies above.
    pub p90: f64,
    /// The largest.
    pub max: f64,
}

/// How well onsets were found.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct OnsetErrors {
    /// All cases.
    #[serde(flatten)]
    pub all: OnsetGroup,
    /// By set.
    pub sets: Named<OnsetGroup>,
}

/// How well the onsets of some cases were found.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct OnsetGroup {
    /// Cases that were asked about and could be read.
    pub cases: usize,
    /// Cases in which none was found.
    pub not_found: usize,
    /// |Found − true| in seconds, of those found.
    pub error_s: Option<Spread>,
    /// The same in samples.
    pub error_steps: Option<Spread>,
    /// Share of all cases within two samples.
    pub within_2_steps: f64,
    /// Share of all cases more than two samples early: normal time taken for the incident.
    pub early: f64,
    /// Share of all cases more than two samples late: the incident taken for normal time.
    pub late: f64,
}

/// A case without an answer.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Miss {
    /// Its set.
    pub set: String,
    /// Its name.
    pub case: String,
    /// Why.
    pub reason: String,
}

/// Values by name, in an order of their own.
#[derive(Clone, Debug, PartialEq)]
pub struct Named<T>(pub Vec<(String, T)>);

impl<T> Named<T> {
    /// By name.
    pub fn get(&self, name: &str) -> Option<&T> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }
}

impl<T: Serialize> Serialize for Named<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}
