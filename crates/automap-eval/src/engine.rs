//! Everything that can be asked who caused an incident, behind one question and one answer: our two engines and the baselines.

mod ours;

use std::collections::BTreeSet;

use automap_core::observation::Observation;
use automap_core::rank;
use automap_core::time::Timestamp;
use automap_core::windows::{self, OnsetSource};

use crate::baselines::{Baseline, Input};
use crate::dataset::indicator;

/// Who answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// One of our two.
    Ours(rank::Engine),
    /// A method of others.
    Baseline(Baseline),
}

impl Engine {
    /// All of them, ours first.
    pub fn all() -> Vec<Self> {
        let ours = rank::Engine::ALL.into_iter().map(Self::Ours);
        ours.chain(Baseline::ALL.into_iter().map(Self::Baseline)).collect()
    }

    /// The word on the command line and in results.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ours(engine) => engine.as_str(),
            Self::Baseline(baseline) => baseline.as_str(),
        }
    }

    /// Whether it says how sure it is, and names nobody where it is not.
    pub fn has_confidence(self) -> bool {
        matches!(self, Self::Ours(_))
    }

    /// Answers.
    ///
    /// # Errors
    /// When the windows or the data leave nothing to compare, or the method lacks something.
    pub fn answer(self, question: &Question) -> Result<Answer, String> {
        match self {
            Self::Ours(engine) => ours::answer(engine, question),
            Self::Baseline(baseline) => of_baseline(baseline, question),
        }
    }
}

/// What is asked. Nothing here knows the truth.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// The metrics, the calls, and what is known of time.
    pub observation: &'a Observation,
    /// The service that users talk to, where the application's owner says so.
    pub entry: Option<&'a str>,
    /// Seed of whatever an engine draws.
    pub seed: u64,
}

/// What an engine says.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// Services, the most likely cause first.
    pub services: Vec<String>,
    /// Indicators of services, the most likely root first. Percentiles of the same thing are one indicator.
    pub metrics: Vec<(String, String)>,
    /// How sure it is; `None` for engines that do not say.
    pub certainty: Option<Certainty>,
    /// When it takes the incident to have begun; `None` where it was not told and found nothing.
    pub started: Option<Timestamp>,
}

/// How sure an engine is of the first service.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Certainty {
    /// 0 to 1.
    pub confidence: f64,
    /// Whether it names the service as the cause.
    pub is_named: bool,
}

fn of_baseline(baseline: Baseline, question: &Question) -> Result<Answer, String> {
    let observation = question.observation;
    let frame = &observation.frame;
    let (windows, _) = windows::choose(frame, &observation.hint).map_err(|e| e.to_string())?;
    let (calls, entry, seed) = (&observation.calls, question.entry, question.seed);
    let scores = baseline.score(&Input { frame, rows: &windows.rows, calls, entry, seed })?;
    if scores.services.is_empty() {
        return Err("no series has enough samples in both windows".to_owned());
    }
    Ok(Answer {
        services: ranked(scores.services.into_iter().collect()),
        metrics: indicators(ranked(scores.metrics.into_iter().collect())),
        certainty: None,
        started: began(&windows),
    })
}

fn began(windows: &windows::Windows) -> Option<Timestamp> {
    (windows.onset != OnsetSource::NotFound).then_some(windows.incident.start)
}

/// By score, the highest first; ties by name.
fn ranked<K: Ord>(mut scored: Vec<(K, f64)>) -> Vec<K> {
    scored.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    scored.into_iter().map(|(name, _)| name).collect()
}

/// Indicators in place of metrics, each where its first metric stands.
fn indicators(metrics: Vec<(String, String)>) -> Vec<(String, String)> {
    let mut seen = BTreeSet::new();
    let named = metrics.into_iter().map(|(service, metric)| (service, indicator(&metric).to_owned()));
    named.filter(|pair| seen.insert(pair.clone())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_indicator_stands_where_its_first_metric_does() {
        let pair = |s: &str, m: &str| (s.to_owned(), m.to_owned());
        let metrics = vec![(pair("a", "latency-99"), 2.0), (pair("b", "cpu"), 3.0), (pair("a", "latency-50"), 2.0)];
        assert_eq!(indicators(ranked(metrics)), [pair("b", "cpu"), pair("a", "latency")]);
    }
}
