//! How simulated incidents differ from recorded ones: one row per measure and kind of metric.

use std::path::Path;

use anyhow::Result;
use automap_eval::dataset::Dataset;
use automap_eval::likeness::{Likeness, Spread, Traits};
use automap_render::table::{Align, Table};

use super::captures::write_all;
use super::spec::SimSpec;
use crate::console::{bar, print};

/// Most incidents per side; more are thinned out evenly.
const MAX_CASES: usize = 200;

/// Prints the table for simulated incidents of a spec and the labelled ones of a folder.
pub(super) fn run(spec: &SimSpec, dir: &Path) -> Result<()> {
    let recorded = Dataset::open(dir)?;
    let simulated = tempfile::Builder::new().prefix("automap-sim-").tempdir()?;
    write_all(spec, simulated.path())?;
    let simulated = traits(&Dataset::open(simulated.path())?);
    let recorded = traits(&recorded);
    print(&table(&simulated, &recorded))
}

fn traits(dataset: &Dataset) -> Traits {
    let cases = dataset.incidents().count() + dataset.quiet().count();
    let progress = bar(cases.min(MAX_CASES) as u64);
    progress.set_message("cases");
    let traits = Traits::of(dataset, MAX_CASES, &mut |done| progress.set_position(done as u64));
    progress.finish_and_clear();
    traits
}

fn table(simulated: &Traits, recorded: &Traits) -> String {
    let mut table = Table::new([Align::Left, Align::Left, Align::Right, Align::Right, Align::Right, Align::Left]);
    table.row(["MEASURE", "METRICS", "SIMULATED", "RECORDED", "DISTANCE", ""]);
    for row in simulated.beside(recorded) {
        table.row([
            row.measure.words(),
            row.family.clone(),
            words(row.simulated),
            words(row.recorded),
            format!("{:.2}", row.distance),
            match row.likeness() {
                Likeness::Like => "",
                Likeness::Apart => "apart",
                Likeness::Unlike => "unlike",
            }
            .to_owned(),
        ]);
    }
    format!(
        "{}\n{} simulated and {} recorded incidents. Of each measure: median (10 % to 90 %). Distance: of the two distributions, 0 to 1\n\
         (Kolmogorov and Smirnov); from {:.2} they are apart, from {:.2} unlike.\n",
        table.text(),
        simulated.cases,
        recorded.cases,
        Likeness::APART,
        Likeness::UNLIKE
    )
}

/// `0.12 (0.03 to 0.5)`.
fn words(spread: Spread) -> String {
    let [low, median, high] = [spread.p10, spread.p50, spread.p90].map(short);
    format!("{median} ({low} to {high})")
}

fn short(value: f64) -> String {
    match value.abs() {
        a if a >= 100.0 => format!("{value:.0}"),
        a if a >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}
