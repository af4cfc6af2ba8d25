//! Accuracy of an engine on labelled incidents with a known onset:
//! `cargo run --release -p automap-lab --example score_incidents -- DIR [--engine evidence|automap] [--topology none]`.

use std::error::Error;
use std::io::{self, Write};
use std::path::Path;
use std::time::Instant;

use automap_core::DiagnoseOptions;
use automap_core::rank::Engine;
use automap_lab::dataset::Dataset;
use automap_lab::evaluate::{evaluate, table};

const USAGE: &str = "usage: score_incidents DIR [--engine evidence|automap] [--topology none]";

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let root = arguments.next().ok_or(USAGE)?;
    let (mut engine, mut topology) = (Engine::Evidence, true);
    while let (Some(flag), Some(value)) = (arguments.next(), arguments.next()) {
        match flag.as_str() {
            "--engine" => engine = Engine::ALL.into_iter().find(|e| e.as_str() == value).ok_or(USAGE)?,
            "--topology" if value == "none" => topology = false,
            _ => return Err(USAGE.into()),
        }
    }
    let (dataset, mut errors) = (Dataset::open(Path::new(&root))?, io::stderr());
    let options = DiagnoseOptions { engine, ..DiagnoseOptions::default() };
    let began = Instant::now();
    let ranks = evaluate(&dataset, topology, &[options], &mut |place, reason| {
        let _ = writeln!(errors, "miss: {}: {reason}", place.dir.display());
    })?;
    let cases: usize = ranks.values().map(|of_set| of_set[0].len()).sum();
    let mut out = io::stdout();
    write!(out, "{}", table(&ranks, 0))?;
    writeln!(out, "{:.1} ms a case, reading included", began.elapsed().as_secs_f64() * 1e3 / cases.max(1) as f64)?;
    Ok(())
}
