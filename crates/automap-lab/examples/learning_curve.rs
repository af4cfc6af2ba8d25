//! How the AutoMAP engine's precision grows with confirmed incidents, on labelled incidents with a known onset:
//! `cargo run --release -p automap-lab --example learning_curve -- DIR`; a folder of captures with their ledgers, as `automap drill --save`
//! writes them (`crates/automap/tests/captures`), will do too.
//!
//! For every case the memory holds `n` cases of the same set, drawn with a fixed seed from those of *other* scenarios (service and kind of
//! fault): repetitions of the same scenario never teach. The mean over several draws is shown.

use std::collections::BTreeMap;
use std::error::Error;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use automap_core::observation::Observation;
use automap_core::rank::automap::{Prepared, precision, rank};
use automap_core::rank::metric_weights::{ConfirmedCase, LearningOptions, learn_weights};
use automap_core::rank::{AutomapOptions, Engine};
use automap_core::time::Timestamp;
use automap_core::{Analysis, DiagnoseOptions, analyse};
use automap_lab::dataset::Dataset;
use automap_lab::ledger::Injection;
use automap_lab::score::Accuracy;
use automap_sources::capture;

const SIZES: [usize; 7] = [0, 1, 2, 5, 10, 20, 1000];
const DRAWS: u64 = 5;

/// A capture's path and what was injected.
type Recorded = (PathBuf, Vec<Injection>);

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
    let mut keep = |set: String, id: String, scenario: String, cause: String, observation: &Observation| {
        let Ok(analysis) = analyse(observation, &options) else { return };
        let Some(prepared) = &analysis.automap else { return };
        let case = ConfirmedCase {
            id,
            started: Timestamp::from_ms(0),
            cause: cause.clone(),
            anomaly: prepared.anomaly.clone(),
            precision: precision(prepared, &analysis.frame, &automap, &cause),
        };
        sets.entry(set).or_default().push(Known { scenario, cause, analysis, case });
    };
    for place in dataset.places()? {
        let case = dataset.read(&place, true)?;
        keep(place.set, place.dir.display().to_string(), case.scenario, case.service, &case.observation);
    }
    for (path, injected) in captures(Path::new(&root))? {
        let Some(target) = injected.first().and_then(|i| i.targets.first()) else { continue };
        let observation = capture::read(&path)?;
        let id = path.display().to_string();
        keep("drill".to_owned(), id.clone(), id, target.service.clone(), &observation);
    }
    let mut out = io::stdout();
    writeln!(out, "{:<28} {:>5}  {:>5}  {:>5}", "confirmed incidents", "AC@1", "AC@3", "Avg@5")?;
    for size in SIZES {
        let of_sets: Vec<Accuracy> = sets.values().map(|cases| Accuracy::of(&ranks(cases, size, &automap))).collect();
        let a = Accuracy::macro_mean(&of_sets);
        let name = if size == 1000 { "all of other scenarios".to_owned() } else { size.to_string() };
        writeln!(out, "{name:<28} {:.3}  {:.3}  {:.3}", a.ac1, a.ac3, a.avg5)?;
    }
    Ok(())
}

/// Captures with what was injected, by name.
fn captures(root: &Path) -> Result<Vec<Recorded>, Box<dyn Error>> {
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(root)? {
        let path = entry?.path();
        if path.extension().is_some_and(|e| e == "parquet") {
            paths.push(path);
        }
    }
    paths.sort();
    let ledger = |path: PathBuf| -> Result<Recorded, Box<dyn Error>> {
        let injected = serde_json::from_str(&std::fs::read_to_string(path.with_extension("json"))?)?;
        Ok((path, injected))
    };
    paths.into_iter().map(ledger).collect()
}

/// Ranks of the true causes of a set, all draws one after the other.
fn ranks(cases: &[Known], size: usize, automap: &AutomapOptions) -> Vec<Option<usize>> {
    let mut out = Vec::new();
    for draw in 0..DRAWS {
        for (i, known) in cases.iter().enumerate() {
            let mut others: Vec<&ConfirmedCase> =
                cases.iter().filter(|c| c.scenario != known.scenario).map(|c| &c.case).collect();
            shuffle(&mut others, draw * 10_007 + i as u64);
            let memory: Vec<ConfirmedCase> = others.into_iter().take(size).cloned().collect();
            let Some(prepared) = &known.analysis.automap else { continue };
            out.push(place(prepared, known, &memory, automap));
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

/// Fisher & Yates with a small seeded generator.
fn shuffle<T>(items: &mut [T], seed: u64) {
    let mut state = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    for i in (1..items.len()).rev() {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        items.swap(i, (state >> 33) as usize % (i + 1));
    }
}
