//! The memory that a diagnosis needs at the bounds of its inputs: creates each input, diagnoses it, and prints the table of docs/limits.md.
//!
//! The peak is that of the process as counted by the kernel, so it includes reading and analysis. `make bounds` runs all of it; in the normal tests a
//! small input shows that the measurement works.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[path = "torture/peak.rs"]
mod peak;
#[path = "../../automap-sources/tests/support/mod.rs"]
#[expect(dead_code, reason = "the tests of its own crate use more of it")]
mod support;

use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use automap_core::frame::{AlignedSeries, from_columns};
use automap_core::observation::Observation;
use automap_core::time::Timestamp;
use automap_core::topology::CallGraph;
use automap_sources::capture;
use support::shop::Shop;
use support::{NOW, Request, Server};

/// Longest run.
const DEADLINE: Duration = Duration::from_secs(900);

/// The result of diagnosing one input.
struct Measured {
    code: Option<i32>,
    seconds: f64,
    peak_mib: u64,
}

fn diagnosed(args: &[&str]) -> Measured {
    let program =
        std::env::var_os("BOUNDS_AUTOMAP").map_or_else(|| env!("CARGO_BIN_EXE_automap").into(), PathBuf::from);
    let mut command = Command::new(program);
    command.arg("diagnose").args(args).args(["--no-history", "--output", "json"]);
    let begun = Instant::now();
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let (code, peak_kib) = peak::watched(child, begun, DEADLINE);
    Measured { code, seconds: begun.elapsed().as_secs_f64(), peak_mib: peak_kib >> 10 }
}

/// A capture with this number of series; every `every`th time has a sample.
fn captured(folder: &Path, series: usize, times: usize, every: usize) -> PathBuf {
    let axis: Vec<Timestamp> = (0..times as i64).map(|i| Timestamp::from_ms(1_700_000_000_000 + i * 1000)).collect();
    let column = |s: usize| AlignedSeries {
        service: format!("s{s}"),
        metric: "latency_ms".to_owned(),
        peer: None,
        values: (0..times).map(|t| if t % every == 0 { 10.0 + ((t * 7 + s) % 11) as f64 } else { f64::NAN }).collect(),
    };
    let (frame, notes) = from_columns((0..series).map(column).collect(), axis).unwrap();
    let observation = Observation { notes, ..Observation::new(frame, CallGraph::new(), "made") };
    let path = folder.join("made.parquet");
    capture::write(&path, &observation).unwrap();
    path
}

fn csv(folder: &Path, columns: usize, rows: usize) -> PathBuf {
    let path = folder.join("made.csv");
    let mut out = BufWriter::new(File::create(&path).unwrap());
    let names: Vec<String> = (0..columns).map(|c| format!("s{c}_latency_ms")).collect();
    writeln!(out, "time,{}", names.join(",")).unwrap();
    for row in 0..rows {
        let mut line = format!("{}", 1_700_000_000 + row);
        (0..columns).for_each(|c| write!(line, ",{}", 10 + (row * 7 + c) % 11).unwrap());
        writeln!(out, "{line}").unwrap();
    }
    out.flush().unwrap();
    path
}

fn of_file(path: &Path) -> Measured {
    let is_capture = path.extension().is_some_and(|e| e == "parquet");
    diagnosed(&[if is_capture { "--capture" } else { "--csv" }, &path.display().to_string()])
}

/// A Prometheus with this number of services, each of which calls the next, over five minutes.
fn of_prometheus(services: usize) -> Measured {
    let shop = Shop::of(services);
    let server = Server::start(move |request: &Request| shop.answer(request));
    let times = [NOW.plus_ms(-300_000), NOW].map(Timestamp::rfc3339);
    diagnosed(&["--prometheus", &server.url, "--namespace", "shop", "--from", &times[0], "--to", &times[1]])
}

#[test]
fn the_memory_of_a_run_is_measured() {
    let folder = tempfile::tempdir().unwrap();
    let small = of_file(&csv(folder.path(), 3, 200));
    assert!(
        small.code.is_some_and(|code| code <= 4) && small.peak_mib > 0 && small.peak_mib < 200,
        "{}",
        small.peak_mib
    );
}

#[test]
#[ignore = "takes minutes and gigabytes of memory; make bounds"]
fn memory_at_the_bounds() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path();
    let run: [(&str, &dyn Fn() -> Measured); 7] = [
        ("at rest: a table of 3 series x 200 times", &|| of_file(&csv(place, 3, 200))),
        ("capture of 335 series x 100,000 times, a sample in each thousandth", &|| {
            of_file(&captured(place, 335, 100_000, 1000))
        }),
        ("capture of 120 series x 99,000 times, all samples", &|| of_file(&captured(place, 120, 99_000, 1))),
        ("CSV of 2,000 columns x 16,700 rows", &|| of_file(&csv(place, 2000, 16_700))),
        ("Prometheus with 200 services", &|| of_prometheus(200)),
        ("Prometheus with 2,001 services", &|| of_prometheus(2001)),
        ("Prometheus with 20,000 services", &|| of_prometheus(20_000)),
    ];
    println!("\n| what is diagnosed | exit code | time | peak |\n|---|---:|---:|---:|");
    for (what, measure) in run {
        let Measured { code, seconds, peak_mib } = measure();
        let code = code.map_or_else(|| "stopped".to_owned(), |code| code.to_string());
        println!("| {what} | {code} | {seconds:.1} s | {peak_mib} MiB |");
        assert!(peak_mib > 0, "{what}");
    }
}
