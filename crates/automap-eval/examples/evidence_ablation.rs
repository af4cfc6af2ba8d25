//! Ablation of the evidence engine: what each part adds to the accuracy on labelled incidents with a known onset, and how certain that is.
//! Run it with `cargo run --release -p automap-eval --example evidence_ablation -- DIR`.
//!
//! Repetitions of one scenario (set × service × fault) are not independent, so the intervals of the differences come from resampling
//! scenarios within each set, not cases.

use std::collections::BTreeMap;
use std::error::Error;
use std::io::{self, Write};
use std::path::Path;

use automap_core::rank::RankedService;
use automap_core::{DiagnoseOptions, analyse};
use automap_eval::dataset::{Case, Dataset};
use automap_eval::evaluate::onset::OnsetHint;
use automap_eval::score::Accuracy;
use automap_eval::score::bootstrap::confidence_intervals;

/// By set: the scenario of each case and the score of every variant.
type Sets = BTreeMap<String, Vec<(String, Vec<Accuracy>)>>;

fn main() -> Result<(), Box<dyn Error>> {
    let root = std::env::args().nth(1).ok_or("usage: evidence_ablation DIR")?;
    let (dataset, variants) = (Dataset::open(Path::new(&root))?, variants());
    let mut sets = Sets::new();
    for place in dataset.incidents() {
        let (with_calls, without) = (place.read(true)?, place.read(false)?);
        let Some(truth) = &with_calls.truth else { continue };
        let of = |v: &Variant| reached(if v.calls { &with_calls } else { &without }, &v.options);
        let row = (truth.scenario(), variants.iter().map(of).collect());
        sets.entry(place.set.clone()).or_default().push(row);
    }
    print_table(&mut io::stdout(), &variants, &sets)?;
    Ok(())
}

/// A case without an answer is a miss.
fn reached(case: &Case, options: &DiagnoseOptions) -> Accuracy {
    let Some(truth) = &case.truth else { return Accuracy::default() };
    let mut observation = case.observation.clone();
    observation.hint = OnsetHint::Exact.hint(truth.started);
    let Ok(analysis) = analyse(&observation, options) else { return Accuracy::of_answer(&[None]) };
    let is_cause = |s: &RankedService| truth.services.iter().any(|c| c == analysis.frame.service(s.service));
    Accuracy::of_answer(&[analysis.ranking.services.iter().position(is_cause).map(|i| i + 1)])
}

struct Variant {
    name: &'static str,
    calls: bool,
    options: DiagnoseOptions,
}

/// The default options, and one variant for each part changed or removed.
fn variants() -> Vec<Variant> {
    let change = |name, f: fn(&mut DiagnoseOptions)| {
        let mut options = DiagnoseOptions::default();
        f(&mut options);
        Variant { name, calls: true, options }
    };
    vec![
        change("default", |_| {}),
        Variant { name: "no calls", calls: false, options: DiagnoseOptions::default() },
        change("nothing explained by callees", |o| o.evidence.explained_share = 0.0),
        change("no half for unmeasured callees", |o| o.evidence.unseen_share = 0.0),
        change("throughput counts fully", |o| o.evidence.throughput_weight = 1.0),
        change("throughput does not count", |o| o.evidence.throughput_weight = 0.0),
        change("views count fully", |o| o.evidence.view_prior = 1.0),
        change("idle services count fully", |o| o.evidence.idle_prior = 1.0),
        change("gate at 2", |o| o.evidence.gate = 2.0),
        change("gate at 3", |o| o.evidence.gate = 3.0),
        change("floors twice as high", |o| {
            o.anomaly.relative_floor *= 2.0;
            o.anomaly.log_floor *= 2.0;
        }),
    ]
}

fn print_table(out: &mut dyn Write, variants: &[Variant], sets: &Sets) -> io::Result<()> {
    writeln!(
        out,
        "{:<34} {:>5}  {:>5}  {:>5}   difference in AC@1, in Avg@5 [95 %]",
        "mean over sets", "AC@1", "AC@3", "Avg@5"
    )?;
    let mean = |i: usize| {
        let of_set =
            |rows: &Vec<(String, Vec<Accuracy>)>| Accuracy::mean(&rows.iter().map(|r| r.1[i]).collect::<Vec<_>>());
        Accuracy::mean(&sets.values().map(of_set).collect::<Vec<_>>())
    };
    let base = mean(0);
    for (i, variant) in variants.iter().enumerate() {
        let a = mean(i);
        write!(out, "{:<34} {:.3}  {:.3}  {:.3}", variant.name, a.ac1, a.ac3, a.avg5)?;
        if i > 0 {
            let differences: Vec<Vec<(&str, Accuracy)>> =
                sets.values().map(|rows| rows.iter().map(|(s, a)| (s.as_str(), a[i] - a[0])).collect()).collect();
            let (_, interval) = confidence_intervals(&differences, 0);
            let (low, high) = (interval.low, interval.high);
            write!(out, "   AC@1 {:+.3} [{:+.3}, {:+.3}]", a.ac1 - base.ac1, low.ac1, high.ac1)?;
            write!(out, "   Avg@5 {:+.3} [{:+.3}, {:+.3}]", a.avg5 - base.avg5, low.avg5, high.avg5)?;
        }
        writeln!(out)?;
    }
    Ok(())
}
