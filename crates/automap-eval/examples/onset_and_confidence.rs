//! Two checks of the onset handling and the confidence model: what it is worth to average over several possible onsets, and whether the
//! mapping from a lead to a confidence holds on sets that it was not fitted on.
//! Run it with `cargo run --release -p automap-eval --example onset_and_confidence -- DIR`.

use std::error::Error;
use std::io::{self, Write};
use std::path::Path;

use automap_core::observation::Observation;
use automap_core::rank::{Engine, RankedService};
use automap_core::time::WindowHint;
use automap_core::verdict::Margin;
use automap_core::windows::hypotheses;
use automap_core::{Analysis, DiagnoseOptions, analyse};
use automap_eval::dataset::{Dataset, Truth};
use automap_eval::evaluate::onset::OnsetHint;

const MINUTE: i64 = 60_000;
/// Tolerances of a given start, in minutes: how late it may be.
const TOLERANCES: [i64; 5] = [0, 1, 2, 3, 5];
/// How late the given start really is, in seconds (negative: early).
const SHIFTS: [i64; 4] = [0, -60, 60, 120];
/// Edges of the table of confidences.
const BINS: [f64; 6] = [0.2, 0.4, 0.6, 0.8, 0.9, 1.01];
/// A cause is named from this confidence on, where metrics have known units.
const NAMED: f64 = 0.7;

struct Case {
    set: String,
    truth: Truth,
    observation: Observation,
}

/// The strength of the first-ranked service, and whether it was right.
#[derive(Clone)]
struct First {
    set: String,
    strength: f64,
    is_right: bool,
}

fn main() -> Result<(), Box<dyn Error>> {
    let root = std::env::args().nth(1).ok_or("usage: onset_and_confidence DIR")?;
    let mut cases = Vec::new();
    for place in Dataset::open(Path::new(&root))?.incidents() {
        let case = place.read(true)?;
        let Some(truth) = case.truth else { continue };
        cases.push(Case { set: place.set.clone(), truth, observation: case.observation });
    }
    let out = &mut io::stdout();
    onsets(out, &cases)?;
    for engine in Engine::ALL {
        let options = DiagnoseOptions { engine, ..DiagnoseOptions::default() };
        let firsts: Vec<First> = cases.iter().filter_map(|case| first(case, &options)).collect();
        confidences(out, engine, &firsts)?;
    }
    Ok(())
}

fn onsets(out: &mut dyn Write, cases: &[Case]) -> io::Result<()> {
    write!(out, "AC@1, mean over sets\n{:<44}", "start")?;
    SHIFTS.iter().try_for_each(|s| write!(out, "  {:>5}", format!("{s:+}s")))?;
    writeln!(out)?;
    for tolerance in TOLERANCES {
        write!(out, "{:<44}", format!("may be {tolerance} min late"))?;
        for shift in SHIFTS {
            let hint = |case: &Case| WindowHint {
                start_tolerance_ms: Some(tolerance * MINUTE),
                ..OnsetHint::Shifted(shift * 1000).hint(case.truth.started)
            };
            write!(out, "  {:.3}", accuracy(cases, hint))?;
        }
        writeln!(out)?;
    }
    writeln!(out, "{:<44}  {:.3}", "detected, most likely onset only", accuracy(cases, likeliest))?;
    writeln!(out, "{:<44}  {:.3}", "detected", accuracy(cases, |_| WindowHint::default()))
}

/// The most likely onset, treated as certain.
fn likeliest(case: &Case) -> WindowHint {
    let frame = case.observation.frame.with_network_gaps();
    let found = hypotheses(&frame, &WindowHint::default()).unwrap_or_default();
    found.first().map_or_else(WindowHint::default, |first| WindowHint {
        incident_start: Some(first.windows.incident.start),
        baseline: Some(first.windows.baseline),
        ..WindowHint::default()
    })
}

fn accuracy(cases: &[Case], hint: impl Fn(&Case) -> WindowHint) -> f64 {
    let options = DiagnoseOptions::default();
    let rights = cases.iter().map(|case| {
        let observation = Observation { hint: hint(case), ..case.observation.clone() };
        (case.set.as_str(), analyse(&observation, &options).is_ok_and(|a| is_right(&a, &case.truth)))
    });
    mean_over_sets(rights)
}

fn mean_over_sets<'a>(rights: impl Iterator<Item = (&'a str, bool)>) -> f64 {
    let mut sets = std::collections::BTreeMap::<&str, (f64, f64)>::new();
    for (set, is_right) in rights {
        let (right, all) = sets.entry(set).or_default();
        *right += f64::from(u8::from(is_right));
        *all += 1.0;
    }
    sets.values().map(|(right, all)| right / all).sum::<f64>() / sets.len() as f64
}

fn is_right(analysis: &Analysis, truth: &Truth) -> bool {
    let is_cause = |s: &RankedService| truth.services.iter().any(|c| c == analysis.frame.service(s.service));
    analysis.ranking.services.first().is_some_and(is_cause)
}

fn first(case: &Case, options: &DiagnoseOptions) -> Option<First> {
    let hint = OnsetHint::Exact.hint(case.truth.started);
    let analysis = analyse(&Observation { hint, ..case.observation.clone() }, options).ok()?;
    let lead = Margin::of(&analysis, &[vec![analysis.ranking.services.first()?.service]]);
    let strength = lead.strength(&options.verdict).max(0.0);
    Some(First { set: case.set.clone(), strength, is_right: is_right(&analysis, &case.truth) })
}

fn confidences(out: &mut dyn Write, engine: Engine, firsts: &[First]) -> io::Result<()> {
    let (a, b) = fit(firsts.iter());
    writeln!(out, "\n{}: odds = {a:.2} · (1 + strength)^{b:.2}, fitted on all", engine.as_str())?;
    let mut sets: Vec<&str> = firsts.iter().map(|f| f.set.as_str()).collect();
    sets.dedup();
    let mut held_out = Vec::new();
    for set in sets {
        let fitted = fit(firsts.iter().filter(|f| f.set != set));
        let of_set: Vec<(f64, bool)> =
            firsts.iter().filter(|f| f.set == set).map(|f| (probability(fitted, f.strength), f.is_right)).collect();
        let n = of_set.len() as f64;
        let said = of_set.iter().map(|(p, _)| p).sum::<f64>() / n;
        let right = of_set.iter().filter(|(_, r)| *r).count() as f64 / n;
        writeln!(
            out,
            "  without {set:<18} {:.2} · …^{:.2}: says {said:.2} there, right in {right:.2}",
            fitted.0, fitted.1
        )?;
        held_out.extend(of_set);
    }
    let everywhere: Vec<(f64, bool)> = firsts.iter().map(|f| (probability((a, b), f.strength), f.is_right)).collect();
    for (name, of) in [("fitted on all", everywhere), ("each set by a fit without it", held_out)] {
        writeln!(out, "  {name}: {}", reliability(&of))?;
    }
    Ok(())
}

fn reliability(of: &[(f64, bool)]) -> String {
    let right = |inside: &[&(f64, bool)]| inside.iter().filter(|(_, r)| *r).count() as f64 / inside.len().max(1) as f64;
    let mut words = Vec::new();
    let (mut low, mut error) = (0.0, 0.0);
    for high in BINS {
        let inside: Vec<&(f64, bool)> = of.iter().filter(|(p, _)| (low..high).contains(p)).collect();
        if !inside.is_empty() {
            let said = inside.iter().map(|(p, _)| p).sum::<f64>() / inside.len() as f64;
            error += (said - right(&inside)).abs() * inside.len() as f64 / of.len() as f64;
            words.push(format!("{said:.2} is right in {:.2} of {}", right(&inside), inside.len()));
        }
        low = high;
    }
    let named: Vec<&(f64, bool)> = of.iter().filter(|(p, _)| *p >= NAMED).collect();
    words.push(format!("from {NAMED} right in {:.3} of {}; calibration error {error:.3}", right(&named), named.len()));
    words.join("; ")
}

fn probability((a, b): (f64, f64), strength: f64) -> f64 {
    let odds = a * (1.0 + strength).powf(b);
    odds / (1.0 + odds)
}

/// Logistic regression of being right on `ln(1 + strength)`, every case counted once, by Newton's method.
fn fit<'a>(firsts: impl Iterator<Item = &'a First> + Clone) -> (f64, f64) {
    const STEPS: usize = 30;
    let (mut ln_a, mut b) = (0.0f64, 1.0f64);
    for _ in 0..STEPS {
        let (mut g0, mut g1, mut h00, mut h01, mut h11) = (0.0, 0.0, 1e-9, 0.0, 1e-9);
        for f in firsts.clone() {
            let x = f.strength.ln_1p();
            let p = probability((ln_a.exp(), b), f.strength);
            let (error, w) = (f64::from(u8::from(f.is_right)) - p, p * (1.0 - p));
            g0 += error;
            g1 += error * x;
            h00 += w;
            h01 += w * x;
            h11 += w * x * x;
        }
        let determinant = h00 * h11 - h01 * h01;
        ln_a += (h11 * g0 - h01 * g1) / determinant;
        b += (h00 * g1 - h01 * g0) / determinant;
    }
    (ln_a.exp(), b)
}
