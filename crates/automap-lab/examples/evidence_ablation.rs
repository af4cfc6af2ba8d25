//! What each part of the evidence engine is worth, on labelled incidents with a known onset, and how much of that is chance:
//! `cargo run --release -p automap-lab --example evidence_ablation -- DIR`.
//!
//! Repetitions of one scenario (set × service × fault) are no independent cases, so the interval of a difference comes from drawing
//! scenarios, set by set, and not cases. The last lines give the ranking of (service, metric), where the case names its metric.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::io::{self, Write};
use std::path::Path;

use automap_core::metric::Metric;
use automap_core::rank::rank_metrics;
use automap_core::{Analysis, DiagnoseOptions, analyse};
use automap_lab::dataset::{Dataset, Place};
use automap_lab::evaluate::place_of;
use automap_lab::score::Accuracy;

/// Draws of the bootstrap: enough for two digits of a 95 % interval.
const DRAWS: usize = 1000;

/// Ranks of one scenario's repetitions, by variant.
type Scenario = Vec<Vec<Option<usize>>>;
/// By set, then by scenario.
type Scenarios = BTreeMap<String, BTreeMap<String, Scenario>>;

fn main() -> Result<(), Box<dyn Error>> {
    let root = std::env::args().nth(1).ok_or("usage: evidence_ablation DIR")?;
    let dataset = Dataset::open(Path::new(&root))?;
    let variants = variants();
    let (mut services, mut metrics) = (Scenarios::new(), Scenarios::new());
    for place in dataset.places()? {
        for (i, variant) in variants.iter().enumerate() {
            let case = dataset.read(&place, variant.calls)?;
            let analysis = analyse(&case.observation, &variant.options)?;
            let note = |scenarios: &mut Scenarios, rank| {
                let of_set = scenarios.entry(place.set.clone()).or_default();
                of_set.entry(case.scenario.clone()).or_insert_with(|| vec![Vec::new(); variants.len()])[i].push(rank);
            };
            note(&mut services, place_of(&analysis, &case.service));
            if let Some(metric) = root_metric(&place)? {
                note(&mut metrics, place_of_metric(&analysis, &case.service, &metric));
            }
        }
    }
    let mut out = io::stdout();
    print_table(&mut out, "service", &variants, &services)?;
    print_table(&mut out, "(service, metric)", &variants[..1], &metrics)?;
    Ok(())
}

struct Variant {
    name: &'static str,
    calls: bool,
    options: DiagnoseOptions,
}

/// The default and what it loses without each of its parts.
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

/// The metric that the case's truth names. For scoring alone.
fn root_metric(place: &Place) -> Result<Option<String>, Box<dyn Error>> {
    let truth: serde_json::Value = serde_json::from_str(&fs::read_to_string(place.dir.join("truth.json"))?)?;
    let column = truth.get("root_metric").and_then(|m| m.as_str());
    Ok(column.and_then(|c| c.split_once('_')).map(|(_, metric)| metric.to_owned()))
}

fn place_of_metric(analysis: &Analysis, service: &str, metric: &str) -> Option<usize> {
    let metric = Metric::parse(metric).name;
    let ranked = rank_metrics(&analysis.ranking, &analysis.anomalies);
    let is_it = |name: &str, s: &str| name == metric && s == service;
    let mut names = ranked.iter().map(|m| (&analysis.anomalies.series[m.evidence].metric.name, m.service));
    names.position(|(name, s)| is_it(name, analysis.frame.service(s))).map(|i| i + 1)
}

fn print_table(out: &mut dyn Write, what: &str, variants: &[Variant], scenarios: &Scenarios) -> io::Result<()> {
    writeln!(out, "{what:<34} {:>5}  {:>5}  {:>5}   difference in AC@1, in Avg@5 [95 %]", "AC@1", "AC@3", "Avg@5")?;
    let draws: Vec<Vec<Vec<usize>>> = (0..DRAWS as u64).map(|seed| draw(scenarios, seed)).collect();
    for (i, variant) in variants.iter().enumerate() {
        let all: Vec<Vec<usize>> = scenarios.values().map(|set| (0..set.len()).collect()).collect();
        let a = accuracy(scenarios, &all, i);
        write!(out, "{:<34} {:.3}  {:.3}  {:.3}", variant.name, a.ac1, a.ac3, a.avg5)?;
        if i > 0 {
            let base = accuracy(scenarios, &all, 0);
            for (of, name) in [((|a| a.ac1) as fn(&Accuracy) -> f64, "AC@1"), (|a| a.avg5, "Avg@5")] {
                let differences = draws.iter().map(|d| of(&accuracy(scenarios, d, i)) - of(&accuracy(scenarios, d, 0)));
                let (low, high) = interval(differences.collect());
                write!(out, "   {name} {:+.3} [{low:+.3}, {high:+.3}]", of(&a) - of(&base))?;
            }
        }
        writeln!(out)?;
    }
    Ok(())
}

/// Accuracy over the chosen scenarios of every set, each set counting once.
fn accuracy(scenarios: &Scenarios, chosen: &[Vec<usize>], variant: usize) -> Accuracy {
    let of_set = |(set, chosen): (&BTreeMap<String, Scenario>, &Vec<usize>)| {
        let set: Vec<&Scenario> = set.values().collect();
        let ranks: Vec<Option<usize>> = chosen.iter().flat_map(|&i| set[i][variant].iter().copied()).collect();
        Accuracy::of(&ranks)
    };
    Accuracy::macro_mean(&scenarios.values().zip(chosen).map(of_set).collect::<Vec<_>>())
}

/// As many scenarios of every set as it has, drawn with replacement. The same draw for every variant: differences are paired.
fn draw(scenarios: &Scenarios, seed: u64) -> Vec<Vec<usize>> {
    let mut state = seed;
    let mut below = |n: usize| {
        // SplitMix64, Steele, Lea and Flood, OOPSLA 2014.
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % n.max(1) as u64) as usize
    };
    scenarios.values().map(|set| (0..set.len()).map(|_| below(set.len())).collect()).collect()
}

fn interval(mut values: Vec<f64>) -> (f64, f64) {
    values.sort_by(f64::total_cmp);
    let at = |share: f64| values[((values.len() - 1) as f64 * share).round() as usize];
    (at(0.025), at(0.975))
}
