//! Runs every engine on every case of a data set and compares the answers with the ground truth.
//!
//! Cases are read and answered in parallel, but only a few at a time: a large data set does not have to fit into memory, and the results
//! do not depend on the number of threads. A case that cannot be read or answered counts as a miss, with its reason.
//!
//! [`summary`] turns the outcomes into scores and tables.

mod one_case;
mod cost;
pub mod onset;
pub mod summary;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use automap_chaos::score::SetScore;
use rayon::prelude::*;

use crate::dataset::{Case, CaseLocation, Dataset};
use crate::engine::Engine;
use crate::score::Accuracy;
use crate::score::paths::PathScore;
use onset::OnsetHint;

/// Cases held in memory at the same time.
const BATCH: usize = 16;
/// Services of a ranking that are kept for the list of cases.
pub const RANKED_KEPT: usize = 10;

/// Which engines answer which questions.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The engines. The others are compared with the first one.
    pub engines: Vec<Engine>,
    /// What the engines know about the onset; every case is evaluated once for each.
    pub onsets: Vec<OnsetHint>,
    /// Whether engines are given the call graph.
    pub uses_known_calls: bool,
    /// Whether fault-free time is evaluated too, which measures false alarms.
    pub includes_quiet_periods: bool,
    /// Whether the summary lists the answer to every case.
    pub lists_cases: bool,
    /// Seed of all random choices: permutations, the random engine, the bootstrap.
    pub seed: u64,
}

/// All answers with their scores.
#[derive(Debug, Default)]
pub struct Outcomes {
    /// Indexed by onset and engine in the order of the settings; then ordered by set and case name.
    pub incidents: Vec<Vec<Vec<Outcome>>>,
    /// The same for fault-free time. Empty for engines without a confidence, and for shifted onsets.
    pub quiet: Vec<Vec<Vec<QuietOutcome>>>,
    /// CPU time of the answers. Indexed by onset and engine, then by set.
    pub cpu: Vec<Vec<BTreeMap<String, Duration>>>,
    /// The services that occur, by set.
    pub services: BTreeMap<String, BTreeSet<String>>,
    /// Largest resident memory of the process so far, in bytes; `None` on systems other than Linux.
    pub memory_max_bytes: Option<u64>,
}

/// One engine's answer to one incident, compared with the truth.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// The set.
    pub set: String,
    /// The case.
    pub case: String,
    /// Services and kind of fault. Repetitions of a scenario are not independent; see [`crate::score::bootstrap`].
    pub scenario: String,
    /// Kind of fault.
    pub fault: String,
    /// The ranking compared with the truth.
    pub ranked: Ranked,
    /// Score of the service ranking.
    pub services: ScoreAndChance,
    /// Score of the ranking of (service, metric) pairs; `None` if the truth names no metric.
    pub metrics: Option<ScoreAndChance>,
    /// The named causes compared with the faults; `None` for engines that name none.
    pub named_set: Option<SetScore>,
    /// The reported chains to the correctly named causes; `None` if the truth does not say who felt the fault.
    pub paths: Option<PathScore>,
    /// Whether users felt the fault; `None` if the truth does not say.
    pub is_felt: Option<bool>,
    /// Confidence of the answer; `None` if the engine gives none or did not answer.
    pub certainty: Option<crate::engine::Certainty>,
    /// Onset of the answer minus true onset, in milliseconds; `None` without an answer.
    pub onset_error_ms: Option<i64>,
    /// Median time between two samples, in milliseconds.
    pub step_ms: i64,
    /// Why there is no answer; `None` if there is one.
    pub miss: Option<String>,
}

/// An engine's ranking, and the rank of the truth in it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ranked {
    /// The services with the fault.
    pub causes: Vec<String>,
    /// The first [`RANKED_KEPT`] services of the answer.
    pub services: Vec<String>,
    /// Rank of the first service with the fault, from 1; `None` if the answer has none.
    pub rank: Option<usize>,
    /// Rank of its metric among all metrics; `None` if the answer does not have it, or the truth names none.
    pub metric_rank: Option<usize>,
}

/// A score, and what a random order would be expected to score.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ScoreAndChance {
    /// The score of the answer.
    pub reached: Accuracy,
    /// The expected score of a random order.
    pub chance: Accuracy,
}

/// One engine's answer about a fault-free period.
#[derive(Clone, Debug, PartialEq)]
pub struct QuietOutcome {
    /// The set.
    pub set: String,
    /// Confidence in the first service, 0 to 1; `None` without an answer.
    pub confidence: Option<f64>,
    /// Whether a cause was named: a false alarm.
    pub is_named: bool,
    /// Whether the answer has an onset, given or found.
    pub has_onset: bool,
}

/// Runs all engines on all cases. CPU time is measured for the whole process, so nothing else should run in it meanwhile.
///
/// # Arguments
/// - `on_progress`: called after each batch with the number of cases done, of [`total`].
pub fn evaluate(dataset: &Dataset, settings: &Settings, on_progress: &mut dyn FnMut(usize)) -> Outcomes {
    let per_engine = || vec![Vec::new(); settings.engines.len()];
    let mut out = Outcomes {
        incidents: settings.onsets.iter().map(|_| per_engine()).collect(),
        quiet: settings.onsets.iter().map(|_| vec![Vec::new(); settings.engines.len()]).collect(),
        cpu: settings.onsets.iter().map(|_| vec![BTreeMap::new(); settings.engines.len()]).collect(),
        services: BTreeMap::new(),
        memory_max_bytes: None,
    };
    let locations: Vec<&CaseLocation> = locations(dataset, settings);
    let mut done = 0;
    for batch in locations.chunk_by(|a, b| a.set == b.set).flat_map(|set| set.chunks(BATCH)) {
        let mut cases: Vec<LoadedCase> =
            batch.par_iter().map(|location| load(location, settings.uses_known_calls)).collect();
        let seen = out.services.entry(batch[0].set.clone()).or_default();
        cases.iter().for_each(|c| seen.extend(c.services()));
        for (o, onset) in settings.onsets.iter().enumerate() {
            cases.iter_mut().for_each(|c| c.set_onset_hint(*onset));
            for (e, engine) in settings.engines.iter().enumerate() {
                let incidents = cases.par_iter().filter(|c| !c.location.is_quiet);
                let (answered, cpu) = cost::cpu_of(|| {
                    incidents.map(|c| one_case::evaluate_incident(c, *engine, settings.seed)).collect::<Vec<_>>()
                });
                out.incidents[o][e].extend(answered);
                *out.cpu[o][e].entry(batch[0].set.clone()).or_default() += cpu;
                if settings.includes_quiet_periods && engine.has_confidence() && !matches!(onset, OnsetHint::Shifted(_))
                {
                    let stretches = cases
                        .par_iter()
                        .filter_map(|c| one_case::evaluate_quiet_period(c, *engine, *onset, settings.seed));
                    out.quiet[o][e].extend(stretches.collect::<Vec<_>>());
                }
            }
        }
        done += batch.len();
        on_progress(done);
    }
    out.memory_max_bytes = cost::memory_max_bytes();
    out
}

/// The number of cases that [`evaluate`] will run.
pub fn total(dataset: &Dataset, settings: &Settings) -> usize {
    locations(dataset, settings).len()
}

fn locations<'a>(dataset: &'a Dataset, settings: &Settings) -> Vec<&'a CaseLocation> {
    let quiet = dataset.quiet().filter(|_| settings.includes_quiet_periods);
    let mut locations: Vec<&CaseLocation> = dataset.incidents().chain(quiet).collect();
    locations.sort();
    locations
}

/// A case in memory, or the reason why it cannot be read.
struct LoadedCase<'a> {
    location: &'a CaseLocation,
    case: Result<Case, String>,
}

impl LoadedCase<'_> {
    /// The services that occur in it.
    fn services(&self) -> impl Iterator<Item = String> {
        let frame = self.case.as_ref().ok().map(|case| &case.observation.frame);
        frame.into_iter().flat_map(|frame| frame.services()).map(ToString::to_string)
    }

    /// Gives the engines what they may know about the onset. A quiet period has none.
    fn set_onset_hint(&mut self, onset: OnsetHint) {
        if let Ok(Case { observation, truth: Some(truth), .. }) = &mut self.case {
            observation.hint = onset.hint(truth.started);
        }
    }
}

fn load(location: &CaseLocation, topology: bool) -> LoadedCase<'_> {
    LoadedCase { location, case: location.read(topology).map_err(|e| e.to_string()) }
}
