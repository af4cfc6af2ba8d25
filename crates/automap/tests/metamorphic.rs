//! What a diagnosis must not depend on: names, order, the hour, the amount of traffic, and systems unrelated to the incident.
//!
//! Every recorded incident and every scenario of the small shop is diagnosed unchanged and after each of the changes in `changes.rs`. The verdict
//! stays: the same kind, the same named services, nearly the same confidence. Tables are written in other units and formats.

mod changes;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use automap_core::observation::Observation;
use automap_core::report::{Report, VerdictKind};
use automap_core::time::{Timestamp, WindowHint};
use automap_core::{DiagnoseOptions, diagnose};
use automap_sources::table::{self, TableOptions};
use changes::{CHANGES, Change, Effect};

use crate::shop::{FAULT_AT, Shop};

/// How much the confidence may change if a change has little effect.
const BAND: f64 = 0.04;

/// The part of an answer that must stay: the kind of verdict and the services.
#[derive(Debug, PartialEq)]
struct Answer {
    kind: VerdictKind,
    named: BTreeSet<BTreeSet<String>>,
    first: Option<String>,
}

fn answer(report: &Report, renamed: fn(&str) -> String) -> Answer {
    let named = report.verdict.causes.iter().map(|c| c.services.iter().map(|s| renamed(s)).collect()).collect();
    // The first candidate of an unclear answer is not reported as a cause.
    let first = report.causes.first().filter(|_| report.verdict.kind == VerdictKind::Cause);
    Answer { kind: report.verdict.kind, named, first: first.map(|c| renamed(&c.service)) }
}

fn report(observation: &Observation) -> Report {
    diagnose(observation, &DiagnoseOptions::default()).unwrap()
}

/// Describes the difference that a change made; `None` if there is none.
fn complaint(before: &Report, observation: &Observation, change: &Change) -> Option<String> {
    let after = report(&(change.apply)(observation));
    let (want, got) = (answer(before, change.renamed), answer(&after, str::to_owned));
    let is_quiet = want.kind.is_quiet();
    if is_quiet && change.effect == Effect::Bystander {
        return (after.verdict.is_felt == Some(true)).then(|| format!("{}: {got:?} is felt", change.name));
    }
    let (band, step_ms) = match change.effect {
        Effect::None => (1e-9, 1),
        // A detected start is a sample, and samples may have moved within their step.
        Effect::Little | Effect::Bystander => (BAND, observation.frame.step_ms()),
    };
    let start = |r: &Report| r.windows.incident_start.ms();
    let is_start_same = is_quiet || (start(&after) - start(before) - change.moved_ms).abs() <= step_ms;
    let confidence = (before.verdict.confidence, after.verdict.confidence);
    // A service named with a confidence near the threshold may stay first without being named.
    let is_near = (confidence.0 - DiagnoseOptions::default().verdict.name_from).abs() <= band;
    let first = |r: &Report| r.causes.first().map(|c| c.service.clone());
    let is_first_same = is_near && first(before).map(|s| (change.renamed)(&s)) == first(&after);
    let is_same = (want == got || is_first_same) && is_start_same && (confidence.0 - confidence.1).abs() <= band;
    (!is_same).then(|| {
        let starts = (start(before) + change.moved_ms, start(&after));
        format!("{}: {want:?} became {got:?}, confidence {confidence:?}, start {starts:?}", change.name)
    })
}

fn complaints(name: &str, observation: &Observation) -> Vec<String> {
    let before = report(observation);
    let found = CHANGES.iter().filter_map(|change| complaint(&before, observation, change));
    found.map(|c| format!("{name}: {c}")).collect()
}

/// The scenarios, each with a fault of another kind.
fn scenarios() -> BTreeMap<&'static str, Shop> {
    let busy = Shop::busy_user();
    let dead = Shop::new()
        .fault("catalogue", "latency_ms", None, |_| f64::NAN)
        .fault("catalogue", "throughput_rps", None, |_| f64::NAN)
        .fault("catalogue", "cpu_cores", None, |_| f64::NAN)
        .fault("front-end", "client_error_ratio", Some("catalogue"), |_| 1.0)
        .fault("front-end", "error_ratio", None, |_| 0.6);
    let slow = || {
        Shop::new()
            .fault("catalogue", "latency_ms", None, |v| v + 80.0)
            .fault("front-end", "served_latency_ms", Some("catalogue"), |v| v + 80.0)
            .slow_chain(&["front-end", "catalogue"], 80.0)
    };
    let two = slow().slow_chain(&["front-end", "orders", "payment"], 90.0);
    let delay = Shop::new().slow_chain(&["front-end", "orders", "payment"], 300.0);
    BTreeMap::from([
        ("quiet", Shop::new()),
        ("delay", delay),
        ("busy", busy),
        ("dead", dead),
        ("slow", slow()),
        ("two", two),
    ])
}

#[test]
fn the_verdict_on_a_scenario_stays() {
    let mut found = Vec::new();
    for is_start_given in [true, false] {
        for (name, shop) in scenarios() {
            found.extend(complaints(
                &format!("{name} (start given: {is_start_given})"),
                &shop.observation(is_start_given),
            ));
        }
    }
    assert!(found.is_empty(), "{found:#?}");
}

/// When the fault of a recording was injected, as the record beside it says; `None` for quiet time.
fn injected(capture: &Path) -> Option<Timestamp> {
    let entries: serde_json::Value =
        serde_json::from_slice(&fs::read(capture.with_extension("json")).unwrap()).unwrap();
    entries.get(0)?.get("from_ms")?.as_i64().map(Timestamp::from_ms)
}

/// The recorded incidents, with the start as it was injected and without any.
#[test]
fn the_verdict_on_a_recording_stays() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/captures");
    let mut files: Vec<_> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|e| e == "parquet"));
    files.sort();
    assert!(files.len() > 10, "{files:?}");
    let mut found = Vec::new();
    for file in files {
        let name = file.file_stem().unwrap().to_string_lossy();
        let mut observation = automap_sources::capture::read(&file).unwrap();
        for incident_start in [injected(&file), None] {
            observation.hint = WindowHint { incident_start, ..WindowHint::default() };
            found.extend(complaints(&format!("{name} (start {incident_start:?})"), &observation));
        }
    }
    assert!(found.is_empty(), "{found:#?}");
}

/// How a table writes the same numbers.
struct Form {
    name: &'static str,
    delimiter: char,
    decimal_comma: bool,
    /// Reverses the order of the columns.
    reversed: bool,
    /// Header of the latency, and the number of its units per millisecond.
    latency: (&'static str, f64),
    memory: (&'static str, f64),
    time: fn(Timestamp) -> String,
}

fn utc(t: Timestamp) -> String {
    t.to_string()
}

const FORMS: [Form; 7] = [
    Form {
        name: "milliseconds",
        delimiter: ',',
        decimal_comma: false,
        reversed: false,
        latency: ("latency_ms", 1.0),
        memory: ("memory_bytes", 1.0),
        time: utc,
    },
    Form {
        name: "seconds",
        delimiter: ',',
        decimal_comma: false,
        reversed: false,
        latency: ("latency_s", 1e-3),
        memory: ("memory_bytes", 1.0),
        time: utc,
    },
    Form {
        name: "microseconds",
        delimiter: ',',
        decimal_comma: false,
        reversed: false,
        latency: ("latency_us", 1e3),
        memory: ("memory_bytes", 1.0),
        time: utc,
    },
    Form {
        name: "columns turned around",
        delimiter: ',',
        decimal_comma: false,
        reversed: true,
        latency: ("latency_ms", 1.0),
        memory: ("memory_bytes", 1.0),
        time: utc,
    },
    Form {
        name: "decimal commas",
        delimiter: ';',
        decimal_comma: true,
        reversed: false,
        latency: ("latency_ms", 1.0),
        memory: ("memory_bytes", 1.0),
        time: utc,
    },
    Form {
        name: "Unix seconds",
        delimiter: '\t',
        decimal_comma: false,
        reversed: false,
        latency: ("latency_ms", 1.0),
        memory: ("memory_bytes", 1.0),
        time: |t| (t.ms() / 1000).to_string(),
    },
    Form {
        name: "India",
        delimiter: ',',
        decimal_comma: false,
        reversed: false,
        latency: ("latency_ms", 1.0),
        memory: ("memory_bytes", 1.0),
        time: in_india,
    },
];

/// The local time of India with its offset from UTC.
fn in_india(t: Timestamp) -> String {
    Timestamp::from_ms(t.ms() + 19_800_000).to_string().replace('Z', "+05:30")
}

/// The own metrics of the shop as a wide table.
fn written(shop: &Shop, form: &Form) -> String {
    let mut columns: Vec<(String, Vec<f64>)> = Vec::new();
    for series in shop.raw.iter().filter(|r| r.peer.is_none()) {
        let (metric, factor) = match series.metric.as_str() {
            "latency_ms" => form.latency,
            "memory_bytes" => form.memory,
            other => (other, 1.0),
        };
        columns.push((format!("{}_{metric}", series.service), series.points.iter().map(|(_, v)| v * factor).collect()));
    }
    if form.reversed {
        columns.reverse();
    }
    let delimiter = form.delimiter.to_string();
    let cell = |v: f64| if form.decimal_comma { format!("{v:?}").replace('.', ",") } else { format!("{v:?}") };
    let header: Vec<&str> = std::iter::once("time").chain(columns.iter().map(|(name, _)| name.as_str())).collect();
    let mut text = header.join(&delimiter);
    for (i, t) in shop.times.iter().enumerate() {
        text += &format!("\n{}", (form.time)(*t));
        columns.iter().for_each(|(_, values)| text += &format!("{delimiter}{}", cell(values[i])));
    }
    text
}

#[test]
fn the_verdict_on_a_table_does_not_depend_on_how_it_is_written() {
    let shop = Shop::new()
        .fault("catalogue", "latency_ms", None, |v| v + 80.0)
        .fault("catalogue", "cpu_cores", None, |v| v + 0.6)
        .fault("front-end", "latency_ms", None, |v| v + 80.0);
    let hint = WindowHint { incident_start: Some(shop.times[FAULT_AT]), ..WindowHint::default() };
    let answers: Vec<(&str, Answer, f64)> = FORMS
        .iter()
        .map(|form| {
            let bytes = written(&shop, form).into_bytes();
            let seen = table::from_bytes(bytes, form.name, hint, &TableOptions::default()).unwrap();
            let report = report(&seen);
            (form.name, answer(&report, str::to_owned), report.verdict.confidence)
        })
        .collect();
    let (_, first, confidence) = &answers[0];
    assert_eq!(first.first.as_deref(), Some("catalogue"), "{first:?}");
    for (name, other, other_confidence) in &answers {
        assert_eq!(first, other, "{name}");
        assert!((confidence - other_confidence).abs() < 1e-6, "{name}: {confidence} {other_confidence}");
    }
}
