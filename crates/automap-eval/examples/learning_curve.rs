//! How the accuracy of the AutoMAP engine grows with the number of confirmed incidents, on labelled incidents with a known onset.
//! Run it with `cargo run --release -p automap-eval --example learning_curve -- DIR`; a folder of captures as `automap drill --save` writes
//! them (`crates/automap/tests/captures`) works too.
//!
//! For each case, `n` confirmed cases of the same set are drawn with a fixed seed, all from *other* scenarios (service and kind of fault), so
//! that no repetition of the same scenario teaches the answer. The mean over several draws is shown.

use std::collections::BTreeMap;
use std::error::Error;
use std::io::{self, Write};
use std::path::Path;

use automap_core::rank::automap::{Prepared, precision, rank};
use automap_core::rank::metric_weights::{ConfirmedCase, LearningOptions, learn_weights};
use automap_core::rank::{AutomapOptions, Engine};
use automap_core::time::Timestamp;
use automap_core::{Analysis, DiagnoseOptions, analyse};
use automap_eval::dataset::Dataset;
use automap_eval::evaluate::onset::OnsetHint;
use automap_eval::score::Accuracy;

const SIZES: [usize; 7] = [0, 1, 2, 5, 10, 20, 1000];
const DRAWS: u64 = 5;

struct Known {
    scenario: String,
    cause: String,
    analysis: Analysis,
    case: ConfirmedCase,
}

fn main() -> Result<(), Box<dyn Error>> {
    let root = std::env::args().nth(1).ok_or("usage: learning_curve DIR")?;
    let dataset = Dataset::open(Path::new(&root))?;
    let automap = AutomapOptions::default();
    let options = DiagnoseOptions { engine: Engine::Automap, automap, ..DiagnoseOptions::default() };
    let mut sets: BTreeMap<String, Vec<Known>> = BTreeMap::new();
    for place in dataset.incidents() {
        let mut read = place.read(true)?;
        let Some(truth) = read.truth else { continue };
        read.observation.hint = OnsetHint::Exact.hint(truth.started);
        let Ok(analysis) = analyse(&read.observation, &options) else { continue };
        let (Some(prepared), [cause]) = (&analysis.automap, &truth.services[..]) else { continue };
        let case = ConfirmedCase {
            id: place.name.clone(),
            started: Timestamp::from_ms(0),
            cause: cause.clone(),
            anomaly: prepared.anomaly.clone(),
            precision: precision(prepared, &analysis.frame, &automap, cause),
        };
        let known = Known { scenario: truth.scenario(), cause: cause.clone(), analysis, case };
        sets.entry(place.set.clone()).or_default().push(known);
    }
    let mut out = io::stdout();
    writeln!(out, "{:<28} {:>5}  {:>5}  {:>5}", "confirmed incidents", "AC@1", "AC@3", "Avg@5")?;
    for size in SIZES {
        let of_sets: Vec<Accuracy> =
            sets.values().map(|cases| Accuracy::mean(&answers(cases, size, &automap))).collect();
        let a = Accuracy::mean(&of_sets);
        let name = if size == 1000 { "all of other scenarios".to_owned() } else { size.to_string() };
        writeln!(out, "{name:<28} {:.3}  {:.3}  {:.3}", a.ac1, a.ac3, a.avg5)?;
    }
    Ok(())
}

/// Scores of all cases of a set, for every draw.
fn answers(cases: &[Known], size: usize, automap: &AutomapOptions) -> Vec<Accuracy> {
    let mut out = Vec::new();
    for draw in 0..DRAWS {
        for (i, known) in cases.iter().enumerate() {
            let mut others: Vec<&ConfirmedCase> =
                cases.iter().filter(|c| c.scenario != known.scenario).map(|c| &c.case).collect();
            shuffle(&mut others, draw * 10_007 + i as u64);
            let memory: Vec<ConfirmedCase> = others.into_iter().take(size).cloned().collect();
            let Some(prepared) = &known.analysis.automap else { continue };
            out.push(Accuracy::of_answer(&[place(prepared, known, &memory, automap)]));
        }
    }
    out
}

fn place(prepared: &Prepared, known: &Known, memory: &[ConfirmedCase], automap: &AutomapOptions) -> Option<usize> {
    let weights = learn_weights(&prepared.anomaly, memory, &LearningOptions::default());
    let options = AutomapOptions { metric_weights: weights, ..*automap };
    let frame = &known.analysis.frame;
    let ranking = rank(prepared, frame, &options);
    ranking.services.iter().position(|s| frame.service(s.service) == known.cause).map(|i| i + 1)
}

/// Fisher–Yates shuffle with a small seeded generator.
fn shuffle<T>(items: &mut [T], seed: u64) {
    let mut state = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    for i in (1..items.len()).rev() {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        items.swap(i, (state >> 33) as usize % (i + 1));
    }
}
