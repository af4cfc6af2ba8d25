//! Asks every engine about every case, and puts the truth beside the answers. What it all adds up to is said in [`summary`].
//!
//! Cases are read and answered in parallel, a few at a time, so that neither a large set fills the memory nor the number of threads
//! shows in the result. Any error is a miss, with its reason.

mod ask;
mod cost;
pub mod onset;
pub mod summary;

use std::collections::BTreeMap;
use std::time::Duration;

use rayon::prelude::*;

use crate::dataset::{Case, Dataset, Place};
use crate::engine::Engine;
use crate::score::Accuracy;
use onset::KnownOnset;

/// Cases in memory at a time.
const BATCH: usize = 16;

/// What is asked of whom.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The engines; the first is the one that others are compared with.
    pub engines: Vec<Engine>,
    /// What is known of the onset.
    pub onsets: Vec<KnownOnset>,
    /// Whether engines see who calls whom.
    pub topology: bool,
    /// Whether fault-free time is asked about too.
    pub quiet: bool,
    /// Seed of everything that is drawn.
    pub seed: u64,
}

/// Everything that was answered.
#[derive(Debug, Default)]
pub struct Outcomes {
    /// By onset and engine in the order of the settings, then in the order of sets and names.
    pub incidents: Vec<Vec<Vec<Outcome>>>,
    /// The same for fault-free time; only engines that say how sure they are, and only onsets that are no wrong one.
    pub quiet: Vec<Vec<Vec<Quiet>>>,
    /// Processor time of the answers, by onset, engine and set.
    pub cpu: Vec<Vec<BTreeMap<String, Duration>>>,
    /// Most memory that the process ever held, in bytes; `None` where the system does not tell.
    pub memory_max_bytes: Option<u64>,
}

/// One engine's answer to one incident, beside the truth.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// The set.
    pub set: String,
    /// The case.
    pub case: String,
    /// Service and kind of fault.
    pub scenario: String,
    /// Kind of fault.
    pub fault: String,
    /// Services: the answer's score and that of chance.
    pub services: Scored,
    /// (Service, metric) pairs, where the truth names one.
    pub metrics: Option<Scored>,
    /// Confidence and whether the cause was named; `None` where the engine does not say or did not answer.
    pub certainty: Option<crate::engine::Certainty>,
    /// Found onset minus true one; `None` where none was found.
    pub onset_error_ms: Option<i64>,
    /// Usual distance of two samples.
    pub step_ms: i64,
    /// Why there is no answer.
    pub miss: Option<String>,
}

/// A score beside what chance would reach.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Scored {
    /// What was reached.
    pub reached: Accuracy,
    /// What a random order is expected to reach.
    pub chance: Accuracy,
}

/// One engine's answer about fault-free time.
#[derive(Clone, Debug, PartialEq)]
pub struct Quiet {
    /// The set.
    pub set: String,
    /// How sure the engine was of its first service; `None` where it did not answer.
    pub confidence: Option<f64>,
    /// Whether it named somebody.
    pub is_named: bool,
    /// Whether an onset was found (or told).
    pub has_onset: bool,
}

/// Asks. `tell` gets the number of cases done, of [`total`].
pub fn evaluate(dataset: &Dataset, settings: &Settings, tell: &mut dyn FnMut(usize)) -> Outcomes {
    let per_engine = || vec![Vec::new(); settings.engines.len()];
    let mut out = Outcomes {
        incidents: settings.onsets.iter().map(|_| per_engine()).collect(),
        quiet: settings.onsets.iter().map(|_| vec![Vec::new(); settings.engines.len()]).collect(),
        cpu: settings.onsets.iter().map(|_| vec![BTreeMap::new(); settings.engines.len()]).collect(),
        memory_max_bytes: None,
    };
    let places: Vec<&Place> = places(dataset, settings);
    let mut done = 0;
    for batch in places.chunk_by(|a, b| a.set == b.set).flat_map(|set| set.chunks(BATCH)) {
        let mut cases: Vec<Read> = batch.par_iter().map(|place| read(place, settings.topology)).collect();
        for (o, onset) in settings.onsets.iter().enumerate() {
            cases.iter_mut().for_each(|c| c.tell(*onset));
            for (e, engine) in settings.engines.iter().enumerate() {
                let incidents = cases.par_iter().filter(|c| !c.place.is_quiet);
                let (answered, cpu) =
                    cost::cpu_of(|| incidents.map(|c| ask::incident(c, *engine, settings.seed)).collect::<Vec<_>>());
                out.incidents[o][e].extend(answered);
                *out.cpu[o][e].entry(batch[0].set.clone()).or_default() += cpu;
                if settings.quiet && engine.has_confidence() && !matches!(onset, KnownOnset::Shifted(_)) {
                    let stretches = cases.par_iter().filter_map(|c| ask::quiet(c, *engine, *onset, settings.seed));
                    out.quiet[o][e].extend(stretches.collect::<Vec<_>>());
                }
            }
        }
        done += batch.len();
        tell(done);
    }
    out.memory_max_bytes = cost::memory_max_bytes();
    out
}

/// Cases that [`evaluate`] will ask about.
pub fn total(dataset: &Dataset, settings: &Settings) -> usize {
    places(dataset, settings).len()
}

fn places<'a>(dataset: &'a Dataset, settings: &Settings) -> Vec<&'a Place> {
    let quiet = dataset.quiet().filter(|_| settings.quiet);
    let mut places: Vec<&Place> = dataset.incidents().chain(quiet).collect();
    places.sort();
    places
}

/// A case, or why it cannot be read.
struct Read<'a> {
    place: &'a Place,
    case: Result<Case, String>,
}

impl Read<'_> {
    /// Puts into the question what is known of the onset.
    fn tell(&mut self, onset: KnownOnset) {
        if let Ok(Case { observation, truth: Some(truth), .. }) = &mut self.case {
            observation.hint = onset.hint(truth.started);
        }
    }
}

fn read(place: &Place, topology: bool) -> Read<'_> {
    Read { place, case: place.read(topology).map_err(|e| e.to_string()) }
}
