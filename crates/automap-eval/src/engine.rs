//! One interface for all methods that rank causes: the two built-in engines and the published baselines.
//!
//! Every engine gets the same [`Question`] and returns the same [`Answer`], so that differences in a score come from the method and not
//! from its input. The ground truth is not part of a question.

mod built_in;

use std::collections::BTreeSet;

use automap_core::observation::Observation;
use automap_core::rank;
use automap_core::time::Timestamp;
use automap_core::windows::{self, OnsetSource};

use crate::baselines::{Baseline, BaselineInput};
use crate::dataset::indicator;

/// A method that ranks services by how likely they caused an incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// An engine of this project.
    BuiltIn(rank::Engine),
    /// A published method, for comparison.
    Baseline(Baseline),
}

impl Engine {
    /// All engines, the built-in ones first.
    pub fn all() -> Vec<Self> {
        let built_in = rank::Engine::ALL.into_iter().map(Self::BuiltIn);
        built_in.chain(Baseline::ALL.into_iter().map(Self::Baseline)).collect()
    }

    /// Its name on the command line and in results.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BuiltIn(engine) => engine.as_str(),
            Self::Baseline(baseline) => baseline.as_str(),
        }
    }

    /// Whether its answers carry a confidence, and name no cause if that is too low.
    pub fn has_confidence(self) -> bool {
        matches!(self, Self::BuiltIn(_))
    }

    /// Ranks the services and metrics of one incident.
    ///
    /// # Errors
    /// When a window holds too few samples to compare, or the method needs something that the question lacks, such as an entry
    /// service. The text is the reason shown for an unanswered case.
    pub fn answer(self, question: &Question) -> Result<Answer, String> {
        match self {
            Self::BuiltIn(engine) => built_in::answer(engine, question),
            Self::Baseline(baseline) => baseline_answer(baseline, question),
        }
    }
}

/// The input of an engine. Holds no ground truth.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// The metrics, the calls, and a hint about when the incident began.
    pub observation: &'a Observation,
    /// The service that receives user requests; `None` if the data set does not name it.
    pub entry: Option<&'a str>,
    /// Seed of the engine's random choices.
    pub seed: u64,
}

/// The output of an engine.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// Services, the most likely cause first. Empty if the answer shows no candidates, as with "no incident".
    pub services: Vec<String>,
    /// The named causes, each one service or a pair that cannot be distinguished; `None` for engines that name none.
    pub named: Option<Vec<Vec<String>>>,
    /// The chain of calls from the users to each of the named causes; empty for engines that name none.
    pub paths: Vec<Vec<String>>,
    /// The verdict in a sentence; `None` for engines that give none.
    pub verdict: Option<String>,
    /// `(service, indicator)` pairs, the most likely root cause first. All percentiles of one metric count as one indicator.
    pub metrics: Vec<(String, String)>,
    /// Confidence in the first service; `None` for engines that give none.
    pub certainty: Option<Certainty>,
    /// When the incident began, as given or as found; `None` if no time was given and none was found.
    pub started: Option<Timestamp>,
}

/// How certain an engine is that the first service is the cause.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Certainty {
    /// The probability of being right, 0 to 1.
    pub confidence: f64,
    /// Whether the confidence suffices to name the service as the cause.
    pub is_named: bool,
}

fn baseline_answer(baseline: Baseline, question: &Question) -> Result<Answer, String> {
    let observation = question.observation;
    let frame = &observation.frame;
    let (windows, _) = windows::choose(frame, &observation.hint).map_err(|e| e.to_string())?;
    let (calls, entry, seed) = (&observation.calls, question.entry, question.seed);
    let scores = baseline.score(&BaselineInput { frame, rows: &windows.rows, calls, entry, seed })?;
    if scores.services.is_empty() {
        return Err("no series has enough samples in both windows".to_owned());
    }
    Ok(Answer {
        services: ranked(scores.services.into_iter().collect()),
        metrics: unique_indicators(ranked(scores.metrics.into_iter().collect())),
        named: None,
        paths: Vec::new(),
        verdict: None,
        certainty: None,
        started: incident_start(&windows),
    })
}

fn incident_start(windows: &windows::Windows) -> Option<Timestamp> {
    (windows.onset != OnsetSource::NotFound).then_some(windows.incident.start)
}

/// Names ordered by descending score; equal scores by name.
fn ranked<K: Ord>(mut scored: Vec<(K, f64)>) -> Vec<K> {
    scored.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    scored.into_iter().map(|(name, _)| name).collect()
}

/// Replaces metrics by their indicators and keeps the first occurrence of each.
fn unique_indicators(metrics: Vec<(String, String)>) -> Vec<(String, String)> {
    let mut seen = BTreeSet::new();
    let named = metrics.into_iter().map(|(service, metric)| (service, indicator(&metric).to_owned()));
    named.filter(|pair| seen.insert(pair.clone())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_indicator_takes_the_position_of_its_best_metric() {
        let pair = |s: &str, m: &str| (s.to_owned(), m.to_owned());
        let metrics = vec![(pair("a", "latency-99"), 2.0), (pair("b", "cpu"), 3.0), (pair("a", "latency-50"), 2.0)];
        assert_eq!(unique_indicators(ranked(metrics)), [pair("b", "cpu"), pair("a", "latency")]);
    }
}
