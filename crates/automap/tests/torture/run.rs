//! One run: a proxy, a process of automap, and how it ended.

use std::fs::File;
use std::io::{Read, Seek};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::fault::KINDS;
use crate::peak::watched;
use crate::proxy::Proxy;
use crate::world::World;

/// Time limit of a run. A request may take `--timeout`, is sent up to four times, and a server may request pauses of ten seconds.
const DEADLINE: Duration = Duration::from_secs(180);
/// Time limit for one answer.
const TIMEOUT: &str = "2s";
/// Maximum memory of the process, in MiB: the limit of the chart.
const MAX_MIB: u64 = 512;

/// How a run ended.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Outcome {
    /// Only catalogue is named.
    Right,
    /// No service is named, and the system is not called healthy.
    CannotTell,
    /// An error; its first line, without numbers.
    Error(String),
    /// A violation.
    Broken(String),
}

/// A run and its measurements.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) seed: u64,
    pub(crate) kind: usize,
    pub(crate) outcome: Outcome,
    pub(crate) seconds: f64,
    pub(crate) peak_mib: u64,
}

/// Diagnoses the shop through a proxy with this seed. Every other run gets the start of the incident.
pub(crate) fn one(world: &World, program: &Path, seed: u64) -> Run {
    let proxy = Proxy::start(world, seed);
    let (from, to, incident) = World::TIMES_S;
    let [from, to, incident] =
        [from, to, incident].map(|s| automap_core::time::Timestamp::from_ms(s as i64 * 1000).to_string());
    let (mut out, mut err) = (tempfile::tempfile().unwrap(), tempfile::tempfile().unwrap());
    let mut command = Command::new(program);
    command.args(["diagnose", "--namespace", "shop", "--output", "json", "--no-history", "--timeout", TIMEOUT]).args([
        "--prometheus",
        &format!("http://{}", proxy.address),
        "--from",
        &from,
        "--to",
        &to,
    ]);
    if (seed / KINDS.len() as u64).is_multiple_of(2) {
        command.args(["--incident-start", &incident]);
    }
    let streams = [&out, &err].map(|file: &File| Stdio::from(file.try_clone().unwrap()));
    let [stdout, stderr] = streams;
    let begun = Instant::now();
    let child = command.stdin(Stdio::null()).stdout(stdout).stderr(stderr).spawn().unwrap();
    let (code, peak_kib) = watched(child, begun, DEADLINE);
    let peak_mib = peak_kib >> 10;
    let seconds = begun.elapsed().as_secs_f64();
    let text = |file: &mut File| {
        let mut text = String::new();
        file.rewind().unwrap();
        file.read_to_string(&mut text).unwrap();
        text
    };
    let outcome = match judge(code, &text(&mut out), &text(&mut err)) {
        _ if peak_mib > MAX_MIB => Outcome::Broken(format!("{peak_mib} MiB")),
        outcome => outcome,
    };
    Run { seed, kind: (seed % KINDS.len() as u64) as usize, outcome, seconds, peak_mib }
}

fn judge(code: Option<i32>, out: &str, err: &str) -> Outcome {
    if err.contains("panicked") || out.contains("panicked") {
        return Outcome::Broken(format!("panic: {err}"));
    }
    let Some(code) = code else { return Outcome::Broken("it did not end".to_owned()) };
    let report: Option<Value> = serde_json::from_str(out).ok();
    let Some(report) = report else {
        let line = err.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
        let words = line.split(|c: char| c.is_ascii_digit()).collect::<Vec<_>>().join("");
        return match code {
            2..=4 if !words.is_empty() => Outcome::Error(words),
            _ => Outcome::Broken(format!("exit code {code} without an answer: {err}")),
        };
    };
    let verdict = &report["verdict"];
    let causes: Vec<&Value> = verdict["causes"].as_array().into_iter().flatten().collect();
    let named: Vec<&str> =
        causes.iter().flat_map(|c| c["services"].as_array().into_iter().flatten()).filter_map(Value::as_str).collect();
    match verdict["kind"].as_str() {
        Some("cause") if named == [World::CAUSE] => Outcome::Right,
        Some("not_enough_evidence" | "cannot_tell") if named.is_empty() => Outcome::CannotTell,
        _ => Outcome::Broken(format!("{} ({named:?}), exit code {code}", verdict["summary"])),
    }
}
