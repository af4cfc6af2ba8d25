//! The data of a summary. Its JSON form is what `automap eval -o json` prints.

use automap_chaos::score::{SetTotals, Share};
use serde::ser::{Serialize, Serializer};

use crate::score::Accuracy;
use crate::score::bootstrap::AccuracyInterval;
use crate::score::calibration::{CoveragePoint, ReliabilityBin};

/// Version of the JSON. It is incremented if a name, a type or a meaning changes.
pub const VERSION: u32 = 2;

/// Everything that an evaluation measured.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Summary {
    /// See [`VERSION`].
    pub version: u32,
    /// The folder of the data set, as given.
    pub dataset: String,
    /// Whether engines were given the call graph.
    pub topology: bool,
    /// Seed of all random choices.
    pub seed: u64,
    /// Results for the first requested onset.
    #[serde(flatten)]
    pub first: OnsetSummary,
    /// Results for the other onsets, in the requested order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub other_onsets: Vec<OnsetSummary>,
    /// Largest resident memory of the process, in megabytes (10⁶ bytes); `None` on systems other than Linux.
    pub memory_max_mb: Option<f64>,
}

impl Summary {
    /// All onsets in the requested order.
    pub fn onsets(&self) -> impl Iterator<Item = &OnsetSummary> {
        std::iter::once(&self.first).chain(&self.other_onsets)
    }
}

/// The results with one kind of onset hint.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct OnsetSummary {
    /// `known`, `+60s`, …, `detected`.
    pub onset: String,
    /// By engine, in the requested order.
    pub engines: ByName<EngineSummary>,
    /// How far the first engine's onsets are off, if the engines had to find them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub onset_error: Option<OnsetErrors>,
    /// Which engine the other systems would have chosen for each system; `None` with one engine or one system.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub choice: Option<Choice>,
}

/// The results of one engine.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize)]
pub struct EngineSummary {
    /// The mean over the sets, each counting once.
    #[serde(rename = "macro")]
    pub over_sets: GroupScores,
    /// By set.
    pub sets: ByName<GroupScores>,
    /// By kind of fault, cases of all sets together.
    pub fault_kinds: ByName<GroupScores>,
    /// By whether users felt the fault, if the truth says so.
    #[serde(skip_serializing_if = "ByName::is_empty")]
    pub by_felt: ByName<GroupScores>,
    /// This engine minus the first one, mean over sets; `None` for the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub minus_first: Option<Estimate>,
    /// Calibration of its confidence; `None` for engines without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confidence: Option<ConfidenceSummary>,
    /// Its answers about fault-free time, if that was evaluated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quiet: Option<QuietSummary>,
    /// Cases without an answer, which count as misses.
    pub misses: Vec<Miss>,
    /// The answer to every case, by set and case; `None` unless requested.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cases: Option<Vec<CaseSummary>>,
}

/// The scores of some cases.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize)]
pub struct GroupScores {
    /// Number of cases.
    pub cases: usize,
    /// How many of them have no answer.
    pub unanswered: usize,
    /// Score of the service rankings.
    #[serde(flatten)]
    pub services: Estimate,
    /// Score of the rankings of (service, metric) pairs; `None` if no truth names a metric.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metric_level: Option<MetricLevel>,
    /// The named causes compared with the faults, every case counting once; `None` for engines that name none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub named_sets: Option<SetTotals>,
    /// The reported chains from the users to correctly named causes, true ones of all; `None` if no truth says who felt a fault.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub named_paths: Option<Share>,
    /// Mean CPU time of an answer, in seconds; `None` for groups that were not measured separately.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_s_per_case: Option<f64>,
}

/// A mean score, its uncertainty, and the score of a random order.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize)]
pub struct Estimate {
    /// The mean.
    #[serde(flatten)]
    pub mean: Accuracy,
    /// 95 % interval over scenarios; `None` for groups across sets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ci: Option<IntervalEnds>,
    /// Expected score of a random order; `None` for differences.
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
pub struct IntervalEnds {
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

impl From<AccuracyInterval> for IntervalEnds {
    fn from(interval: AccuracyInterval) -> Self {
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

/// Calibration of an engine's confidence over the cases of all sets. A case without an answer has confidence 0.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct ConfidenceSummary {
    /// Cases in which a cause was named.
    pub named: usize,
    /// Share of those in which the named cause is a true one; `None` if none was named.
    pub named_right: Option<f64>,
    /// Expected calibration error; `None` without cases.
    pub calibration_error: Option<f64>,
    /// Share of right answers by confidence.
    pub reliability: Vec<ReliabilityBin>,
    /// AC@1 of the most confident answers.
    pub risk_coverage: Vec<CoveragePoint>,
}

/// Answers about fault-free time.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct QuietSummary {
    /// All periods.
    #[serde(flatten)]
    pub all: QuietGroup,
    /// By set.
    pub sets: ByName<QuietGroup>,
}

/// Answers about some fault-free periods.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct QuietGroup {
    /// Number of periods.
    pub stretches: usize,
    /// Periods without an answer, mostly because they are too short.
    pub unanswered: usize,
    /// Share in which a cause was named: false alarms.
    pub named: f64,
    /// Share in which the answer has an onset; 1 if it was given.
    pub onset_found: f64,
    /// Confidence in the first service; `None` without any answer.
    pub confidence: Option<Spread>,
}

/// A distribution in three numbers.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct Spread {
    /// Median.
    pub p50: f64,
    /// 90th percentile.
    pub p90: f64,
    /// Maximum.
    pub max: f64,
}

/// How well onsets were found.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct OnsetErrors {
    /// All cases.
    #[serde(flatten)]
    pub all: OnsetGroup,
    /// By set.
    pub sets: ByName<OnsetGroup>,
}

/// How well the onsets of some cases were found.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct OnsetGroup {
    /// Cases that could be read.
    pub cases: usize,
    /// Cases in which no onset was found.
    pub not_found: usize,
    /// |found − true|, in seconds, of the onsets found.
    pub error_s: Option<Spread>,
    /// The same in numbers of samples.
    pub error_steps: Option<Spread>,
    /// Share of all cases within two samples.
    pub within_2_steps: f64,
    /// Share of all cases more than two samples early: part of the baseline was taken for the incident.
    pub early: f64,
    /// Share of all cases more than two samples late: part of the incident was taken for baseline.
    pub late: f64,
}

/// A case without an answer.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Miss {
    /// Its set.
    pub set: String,
    /// Its name.
    pub case: String,
    /// Why there is no answer.
    pub reason: String,
}

/// The answer to one case.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct CaseSummary {
    /// Its set.
    pub set: String,
    /// Its name.
    pub case: String,
    /// The kind of fault.
    pub fault: String,
    /// The services with the fault.
    pub causes: Vec<String>,
    /// Rank of the first of them, from 1; `None` if the answer has none.
    pub rank: Option<usize>,
    /// Rank of its metric among all metrics; `None` if the answer does not have it, or the truth names none.
    pub metric_rank: Option<usize>,
    /// The first services of the answer, at most [`crate::evaluate::RANKED_KEPT`].
    pub services: Vec<String>,
    /// Confidence in the first; `None` if the engine gives none or did not answer.
    pub confidence: Option<f64>,
    /// Whether it was named as the cause.
    pub is_named: Option<bool>,
    /// Onset of the answer minus true onset, in seconds; `None` without an answer.
    pub onset_error_s: Option<f64>,
    /// Why there is no answer; `None` if there is one.
    pub reason: Option<String>,
}

/// Results of leaving out each system once: the engine that the others would have chosen for it.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Choice {
    /// Mean AC@1 of the chosen engines on the systems left out.
    pub ac1: f64,
    /// Mean regret.
    pub regret: f64,
    /// One for each system, by its first set.
    pub systems: Vec<LeftOut>,
}

/// One system left out.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct LeftOut {
    /// The sets that were recorded on it.
    pub sets: Vec<String>,
    /// The engine with the best mean AC@1 over the other systems.
    pub chosen: String,
    /// Its AC@1 on this one, mean over the sets.
    pub ac1: f64,
    /// The best engine on this one.
    pub best: String,
    /// Its AC@1.
    pub best_ac1: f64,
    /// The cost of the choice: the difference of the two.
    pub regret: f64,
}

/// Values by name, in a given order. JSON: an object.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ByName<T>(pub Vec<(String, T)>);

impl<T> ByName<T> {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The value of this name, if there is one.
    pub fn get(&self, name: &str) -> Option<&T> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }
}

impl<T: Serialize> Serialize for ByName<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}
