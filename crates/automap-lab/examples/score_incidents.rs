//! Accuracy of the evidence engine on labelled incidents with a known onset:
//! `cargo run --release -p automap-lab --example score_incidents -- DIR [--topology none]`.

use std::collections::BTreeMap;
use std::error::Error;
use std::io::{self, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use automap_core::observation::Observation;
use automap_core::{anomaly, rank, windows};
use automap_lab::dataset::Dataset;
use automap_lab::score::Accuracy;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (root, topology) = match &arguments[..] {
        [root] => (root, true),
        [root, flag, none] if flag == "--topology" && none == "none" => (root, false),
        _ => return Err("usage: score_incidents DIR [--topology none]".into()),
    };
    let dataset = Dataset::open(Path::new(root))?;
    let mut ranks: BTreeMap<String, Vec<Option<usize>>> = BTreeMap::new();
    let (mut spent, mut out, mut errors) = (Duration::ZERO, io::stdout(), io::stderr());
    for place in dataset.places()? {
        // A case that cannot be read or answered is a miss, never left out.
        let rank = dataset.read(&place, topology).map_err(Box::<dyn Error>::from).and_then(|case| {
            let began = Instant::now();
            let rank = rank_of(&case.service, &case.observation);
            spent += began.elapsed();
            rank
        });
        if let Err(error) = &rank {
            writeln!(errors, "miss: {}: {error}", place.dir.display())?;
        }
        ranks.entry(place.set).or_default().push(rank.unwrap_or(None));
    }
    writeln!(out, "{:<20} {:>5}  {:>5}  {:>5}  {:>5}", "set", "cases", "AC@1", "AC@3", "Avg@5")?;
    let accuracies: Vec<Accuracy> = ranks.values().map(|r| Accuracy::of(r)).collect();
    for ((set, ranks), a) in ranks.iter().zip(&accuracies) {
        writeln!(out, "{set:<20} {:>5}  {:.3}  {:.3}  {:.3}", ranks.len(), a.ac1, a.ac3, a.avg5)?;
    }
    let cases: usize = ranks.values().map(Vec::len).sum();
    let a = Accuracy::macro_mean(&accuracies);
    writeln!(out, "{:<20} {cases:>5}  {:.3}  {:.3}  {:.3}", "mean over sets", a.ac1, a.ac3, a.avg5)?;
    writeln!(out, "{:.1} ms of analysis a case", spent.as_secs_f64() * 1e3 / cases.max(1) as f64)?;
    Ok(())
}

/// Place of the true service in the whole ranking, by the stages that `diagnose` calls.
fn rank_of(truth: &str, observation: &Observation) -> Result<Option<usize>, Box<dyn Error>> {
    let frame = observation.frame.with_network_gaps();
    let (windows, _) = windows::settle(&frame, &observation.hint)?;
    let anomalies = anomaly::detect(&frame, &windows.rows, &anomaly::AnomalyOptions::default());
    let ranking = rank::rank(&frame, &anomalies, &observation.calls, &rank::EvidenceOptions::default());
    Ok(ranking.services.iter().position(|s| frame.service(s.service) == truth).map(|i| i + 1))
}
