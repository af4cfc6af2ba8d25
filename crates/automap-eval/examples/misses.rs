//! Lists the labelled incidents whose cause does not rank first although the onset is known, grouped by what ranks before it.
//! Run it with `cargo run --release -p automap-eval --example misses -- DIR`.

use std::collections::BTreeMap;
use std::error::Error;
use std::io::{self, Write};
use std::path::Path;

use automap_core::rank::RankedService;
use automap_core::topology::CallGraph;
use automap_core::{Analysis, DiagnoseOptions, analyse};
use automap_eval::dataset::{Dataset, Truth};
use automap_eval::evaluate::onset::OnsetHint;

/// A gap in score that the noise of a single metric can explain.
const CLOSE: f64 = 0.5;

fn main() -> Result<(), Box<dyn Error>> {
    let root = std::env::args().nth(1).ok_or("usage: misses DIR")?;
    let options = DiagnoseOptions::default();
    let mut misses = Vec::new();
    for place in Dataset::open(Path::new(&root))?.incidents() {
        let case = place.read(true)?;
        let Some(truth) = &case.truth else { continue };
        let mut observation = case.observation.clone();
        observation.hint = OnsetHint::Exact.hint(truth.started);
        let analysis = analyse(&observation, &options)?;
        let quiet = options.verdict.quiet_score;
        if let Some(why) = why(&analysis, truth, &observation.calls, quiet) {
            misses.push(Miss { set: place.set.clone(), case: place.name.clone(), fault: truth.fault.clone(), why });
        }
    }
    print(&mut io::stdout(), &misses)?;
    Ok(())
}

struct Miss {
    set: String,
    case: String,
    fault: String,
    why: Why,
}

struct Why {
    reason: &'static str,
    cause: (String, f64),
    first: (String, f64),
    place: usize,
}

/// `None` where the cause is first.
fn why(analysis: &Analysis, truth: &Truth, calls: &CallGraph, quiet: f64) -> Option<Why> {
    let name = |s: &RankedService| analysis.frame.service(s.service).to_owned();
    let services = &analysis.ranking.services;
    let is_cause = |s: &RankedService| truth.services.iter().any(|t| *t == name(s));
    let place = services.iter().position(is_cause);
    if place == Some(0) {
        return None;
    }
    let first = services.first()?;
    let cause = place.map_or((truth.services.join(" "), 0.0), |p| (name(&services[p]), services[p].score));
    let reason = match place {
        _ if cause.1 < quiet => "the cause shows no more than fault-free time",
        _ => relation(calls, &cause.0, &name(first)),
    };
    Some(Why { reason, cause, first: (name(first), first.score), place: place.map_or(services.len(), |p| p + 1) })
}

fn relation(calls: &CallGraph, cause: &str, first: &str) -> &'static str {
    let has = |caller: &str, callee: &str| calls.edges().any(|(a, b, _)| a == caller && b == callee);
    let callers = |service: &str| calls.edges().filter(|(_, b, _)| *b == service).map(|(a, ..)| a.to_owned()).collect();
    let (of_cause, of_first): (Vec<String>, Vec<String>) = (callers(cause), callers(first));
    if has(first, cause) {
        "a caller of the cause shows more"
    } else if has(cause, first) {
        "a callee of the cause shows more"
    } else if of_cause.iter().any(|c| of_first.contains(c)) {
        "another callee of the same caller shows more"
    } else if calls.is_empty() {
        "another service shows more, and no calls are known"
    } else {
        "a service elsewhere shows more"
    }
}

fn print(out: &mut dyn Write, misses: &[Miss]) -> io::Result<()> {
    let mut groups: BTreeMap<&str, Vec<&Miss>> = BTreeMap::new();
    for miss in misses {
        groups.entry(miss.why.reason).or_default().push(miss);
    }
    writeln!(out, "{} misses", misses.len())?;
    for (reason, of_reason) in groups {
        let close = of_reason.iter().filter(|m| m.why.first.1 - m.why.cause.1 < CLOSE).count();
        let top3 = of_reason.iter().filter(|m| m.why.place <= 3).count();
        writeln!(
            out,
            "\n{:>3}  {reason}; {close} by less than {CLOSE}, {top3} among the first three",
            of_reason.len()
        )?;
        let mut kinds: BTreeMap<(&str, &str), usize> = BTreeMap::new();
        of_reason.iter().for_each(|m| *kinds.entry((&m.set, &m.fault)).or_default() += 1);
        let kinds: Vec<String> = kinds.iter().map(|((set, fault), n)| format!("{set} {fault} {n}")).collect();
        writeln!(out, "     {}", kinds.join(", "))?;
        for Miss { set, case, why, .. } in of_reason {
            let ((cause, score), (first, best)) = (&why.cause, &why.first);
            writeln!(out, "       {set}/{case}: {cause} {score:.1} is no. {}, {first} {best:.1}", why.place)?;
        }
    }
    Ok(())
}
