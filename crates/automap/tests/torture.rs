//! A fault-injecting proxy between automap and a real Prometheus, which holds a small shop whose catalogue is slow.
//!
//! Whatever the proxy does, a run ends within its deadline with the right answer, an honest "cannot tell", or an error that says what happened; it
//! takes bounded memory, does not panic, and never names another service. Each run is determined by its seed. Here every kind of fault runs once;
//! `make torture` runs a thousand and prints the table of docs/torture.md.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[path = "torture/distort.rs"]
mod distort;
#[path = "torture/fault.rs"]
mod fault;
#[path = "torture/peak.rs"]
mod peak;
#[path = "../../automap-sources/tests/support/prometheus.rs"]
#[expect(dead_code, reason = "other tests use more of it")]
mod prometheus;
#[path = "torture/proxy.rs"]
mod proxy;
#[path = "torture/run.rs"]
mod run;
#[path = "torture/world.rs"]
mod world;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use fault::KINDS;
use run::{Outcome, Run};
use world::World;

/// Concurrent runs: most of them wait.
const AT_ONCE: usize = 4;

/// One run for each seed, in the order of the seeds.
fn runs(world: &World, seeds: &[u64]) -> Vec<Run> {
    let program =
        std::env::var_os("TORTURE_AUTOMAP").map_or_else(|| env!("CARGO_BIN_EXE_automap").into(), PathBuf::from);
    let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(seed) = seeds.get(next.fetch_add(1, Ordering::SeqCst)) {
                    let run = run::one(world, &program, *seed);
                    done.lock().unwrap().push(run);
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap();
    done.sort_by_key(|run| run.seed);
    done
}

/// Kind × outcome, with the slowest run and the largest memory.
fn table(runs: &[Run]) -> String {
    let mut out =
        format!("| {:<22} | runs | right | cannot tell | error | broken | slowest | largest |\n", "the proxy");
    out += &format!("|{}|-----:|------:|------------:|------:|-------:|--------:|--------:|\n", "-".repeat(24));
    let mut by_kind: BTreeMap<usize, Vec<&Run>> = BTreeMap::new();
    runs.iter().for_each(|run| by_kind.entry(run.kind).or_default().push(run));
    let mut line = |name: &str, of: &[&Run]| {
        let count = |is_it: fn(&Outcome) -> bool| of.iter().filter(|r| is_it(&r.outcome)).count();
        let slowest = of.iter().map(|r| r.seconds).fold(0.0, f64::max);
        let largest = of.iter().map(|r| r.peak_mib).max().unwrap_or_default();
        out += &format!(
            "| {name:<22} | {:>4} | {:>5} | {:>11} | {:>5} | {:>6} | {slowest:>5.1} s | {largest:>3} MiB |\n",
            of.len(),
            count(|o| *o == Outcome::Right),
            count(|o| *o == Outcome::CannotTell),
            count(|o| matches!(o, Outcome::Error(_))),
            count(|o| matches!(o, Outcome::Broken(_))),
        );
    };
    by_kind.iter().for_each(|(kind, of)| line(KINDS[*kind].0, of));
    line("all", &runs.iter().collect::<Vec<_>>());
    out
}

fn broken(runs: &[Run]) -> Vec<String> {
    let is_broken = |run: &&Run| matches!(run.outcome, Outcome::Broken(_));
    runs.iter().filter(is_broken).map(|r| format!("seed {} ({}): {:?}", r.seed, KINDS[r.kind].0, r.outcome)).collect()
}

#[test]
fn every_kind_of_fault_ends_as_it_must() {
    let Some(world) = World::start() else { return };
    let kinds = KINDS.len() as u64;
    let done = runs(&world, &(0..kinds).collect::<Vec<_>>());
    assert!(broken(&done).is_empty(), "{:#?}\n{}", broken(&done), table(&done));
    assert_eq!(done[0].outcome, Outcome::Right, "a proxy that only passes on: {}", table(&done));
}

/// `TORTURE_RUNS` (1000) from `TORTURE_SEED` (0) on.
#[test]
#[ignore = "takes half an hour; make torture"]
fn a_thousand_runs_end_as_they_must() {
    let number = |name: &str, default| std::env::var(name).map_or(default, |text| text.parse().unwrap());
    let world = World::start().unwrap();
    let first = number("TORTURE_SEED", 0);
    let done = runs(&world, &(first..first + number("TORTURE_RUNS", 1000)).collect::<Vec<_>>());
    println!("\n{}", table(&done));
    let mut errors: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for run in &done {
        if let Outcome::Error(line) = &run.outcome {
            *errors.entry((KINDS[run.kind].0, line.as_str())).or_default() += 1;
        }
    }
    errors.iter().for_each(|((kind, line), count)| println!("{kind}: {count} x {line}"));
    assert!(broken(&done).is_empty(), "{:#?}", broken(&done));
}
