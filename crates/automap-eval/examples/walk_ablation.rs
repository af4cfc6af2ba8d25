//! Ablation of the AutoMAP engine: what each of its choices is worth on labelled incidents with a known onset.
//! Run it with `cargo run --release -p automap-eval --example walk_ablation -- DIR`.

use std::collections::BTreeMap;
use std::error::Error;
use std::io::{self, Write};
use std::path::Path;

use automap_core::graph::{Colliders, Congestion, Knowledge, Subtraction};
use automap_core::observation::Observation;
use automap_core::rank::automap::{Attraction, AutomapOptions, Start, WalkOn};
use automap_core::rank::{Engine, RankedService};
use automap_core::{DiagnoseOptions, analyse};
use automap_eval::dataset::Dataset;
use automap_eval::evaluate::onset::OnsetHint;
use automap_eval::score::Accuracy;

fn main() -> Result<(), Box<dyn Error>> {
    let root = std::env::args().nth(1).ok_or("usage: walk_ablation DIR")?;
    let variants = variants();
    let options: Vec<DiagnoseOptions> = variants
        .iter()
        .map(|(_, automap)| DiagnoseOptions {
            engine: Engine::Automap,
            automap: *automap,
            ..DiagnoseOptions::default()
        })
        .collect();
    let mut sets: BTreeMap<String, Vec<Vec<Accuracy>>> = BTreeMap::new();
    for place in Dataset::open(Path::new(&root))?.incidents() {
        let mut case = place.read(true)?;
        let Some(truth) = case.truth else { continue };
        case.observation.hint = OnsetHint::Exact.hint(truth.started);
        let of_set = sets.entry(place.set.clone()).or_insert_with(|| vec![Vec::new(); options.len()]);
        let answers = options.iter().map(|o| Accuracy::of_answer(&[rank(&case.observation, o, &truth.services)]));
        of_set.iter_mut().zip(answers).for_each(|(all, one)| all.push(one));
    }
    let mut out = io::stdout();
    writeln!(out, "{:<64} {:>5}  {:>5}  {:>5}", "mean over sets", "AC@1", "AC@3", "Avg@5")?;
    for (i, (name, _)) in variants.iter().enumerate() {
        let a = Accuracy::mean(&sets.values().map(|of_set| Accuracy::mean(&of_set[i])).collect::<Vec<_>>());
        writeln!(out, "{name:<64} {:.3}  {:.3}  {:.3}", a.ac1, a.ac3, a.avg5)?;
    }
    Ok(())
}

/// Rank of the first true cause. A case without an answer is a miss.
fn rank(observation: &Observation, options: &DiagnoseOptions, causes: &[String]) -> Option<usize> {
    let analysis = analyse(observation, options).ok()?;
    let is_cause = |s: &RankedService| causes.iter().any(|c| c == analysis.frame.service(s.service));
    analysis.ranking.services.iter().position(is_cause).map(|i| i + 1)
}

fn variants() -> Vec<(String, AutomapOptions)> {
    let mut out = Vec::new();
    let graphs = [
        ("learnt graph", Knowledge::None, WalkOn::Incident),
        ("learnt, normal subtracted", Knowledge::None, WalkOn::Anomaly),
        ("call graph", Knowledge::Calls, WalkOn::Calls),
        ("calls and learnt, normal subtracted", Knowledge::Calls, WalkOn::Anomaly),
    ];
    for (graph, knowledge, walk_on) in graphs {
        for (pull, attraction) in [("correlation", Attraction::Correlation), ("evidence", Attraction::Evidence)] {
            for (begin, start, restart) in [
                ("from the entry", Start::Entry, 0.0),
                ("entry, restarts", Start::Entry, 0.5),
                ("from the scores", Start::Scores, 0.5),
            ] {
                let mut options = AutomapOptions { walk_on, attraction, start, ..AutomapOptions::default() };
                options.graph.knowledge = knowledge;
                options.walk.restart = restart;
                out.push((format!("{graph}, {pull}, {begin}"), options));
            }
        }
    }
    let change = |name: &str, f: fn(&mut AutomapOptions)| {
        let mut options = AutomapOptions::default();
        f(&mut options);
        (format!("default, but {name}"), options)
    };
    out.push(("default".to_owned(), AutomapOptions::default()));
    out.push(("paper".to_owned(), AutomapOptions::paper()));
    out.push(change("the incident's own graph", |o| o.walk_on = WalkOn::Incident));
    out.push(change("the normal graph", |o| o.walk_on = WalkOn::Normal));
    out.push(change("set subtraction", |o| o.subtraction = Subtraction::Set));
    out.push(change("literal colliders", |o| o.graph.colliders = Colliders::Literal));
    out.push(change("concurrency as congestion", |o| o.graph.congestion = Congestion::Concurrency));
    out.push(change("all samples counted", |o| o.graph.independence.effective_samples = false));
    out.push(change("no control of false discoveries", |o| o.graph.skeleton.false_discovery_rate = 1.0));
    out.push(change("backward 0", |o| o.walk.backward = 0.0));
    out.push(change("backward 0.5", |o| o.walk.backward = 0.5));
    out.push(change("second order, beta 0.3", |o| o.walk.second_order = 0.3));
    out.push(change("restart 0.15", |o| o.walk.restart = 0.15));
    out
}
