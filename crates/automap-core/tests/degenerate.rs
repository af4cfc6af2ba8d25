//! Degenerate data: both engines give an answer, a note or a clear error, and never panic or return NaN or infinity.

use automap_core::frame::{MAX_MAGNITUDE, RawSeries, assemble};
use automap_core::graph::{GraphOptions, Knowledge, learn_for_incident};
use automap_core::observation::Observation;
use automap_core::rank::Engine;
use automap_core::time::{Timestamp, WindowHint};
use automap_core::topology::CallGraph;
use automap_core::{DiagnoseOptions, analyse, diagnose};
use serde_json::to_string as json;

const METRICS: [&str; 6] =
    ["latency_ms", "throughput_rps", "error_ratio", "cpu_cores", "memory_bytes", "disk_read_bytes_per_s"];

/// An observation with the values of `value(service, metric, row)`; the given incident start is at two thirds.
fn observation(
    services: usize,
    metrics: &[&str],
    samples: usize,
    calls: &[(&str, &str)],
    value: impl Fn(usize, usize, usize) -> f64,
) -> Observation {
    let times: Vec<Timestamp> = (0..samples as i64).map(|i| Timestamp::from_ms(i * 5000)).collect();
    let mut raw = Vec::new();
    for s in 0..services {
        for (m, metric) in metrics.iter().enumerate() {
            let points = times.iter().enumerate().map(|(i, t)| (*t, value(s, m, i))).collect();
            raw.push(RawSeries { service: format!("s{s}"), metric: (*metric).into(), peer: None, points });
        }
    }
    let hint = WindowHint { incident_start: Some(times[samples * 2 / 3]), ..WindowHint::default() };
    let (frame, notes) = assemble(raw, times).unwrap();
    let calls: CallGraph = calls.iter().copied().collect();
    Observation { hint, notes, ..Observation::new(frame, calls, "test") }
}

/// Repeatable noise in [0, 1).
fn wobble(series: usize, i: usize) -> f64 {
    let mut x =
        (series as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ (i as u64).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x ^= x >> 31;
    x = x.wrapping_mul(0x94D0_49BB_1331_11EB);
    (x >> 11) as f64 / (1u64 << 53) as f64
}

fn options(engine: Engine, knowledge: Knowledge) -> DiagnoseOptions {
    let mut options = DiagnoseOptions { engine, ..DiagnoseOptions::default() };
    options.automap.graph.knowledge = knowledge;
    options
}

/// Diagnoses with both engines, with and without the calls. `Ok` is the number of services ranked, the same for all; every number in
/// report and ranking is finite, and shares sum to one.
fn outcome(observation: &Observation) -> Result<usize, String> {
    let all = [
        options(Engine::Evidence, Knowledge::Calls),
        options(Engine::Automap, Knowledge::Calls),
        options(Engine::Automap, Knowledge::None),
    ];
    let mut outcomes: Vec<Result<usize, String>> = all.iter().map(|o| one_outcome(observation, o)).collect();
    assert!(outcomes.windows(2).all(|w| w[0] == w[1]), "{outcomes:?}");
    outcomes.remove(0)
}

fn one_outcome(observation: &Observation, options: &DiagnoseOptions) -> Result<usize, String> {
    let analysis = analyse(observation, options).map_err(|e| e.to_string())?;
    let ranked = &analysis.ranking.services;
    for s in ranked {
        let parts = s.parts.iter().flat_map(|p| [p.evidence, p.weight]);
        assert!([s.score, s.share].into_iter().chain(parts).all(f64::is_finite), "{s:?}");
    }
    let shares: f64 = ranked.iter().map(|s| s.share).sum();
    assert!((shares - 1.0).abs() < 1e-9, "shares sum to {shares}");
    let report = diagnose(observation, options).unwrap();
    let text = json(&report).unwrap();
    // JSON has no NaN: it would be written as null. Absent causes and values are null too, but these are always numbers.
    for line in text.lines().filter(|line| line.trim_end_matches(',').ends_with("null")) {
        let key = line.split('"').nth(1).unwrap();
        assert!(!["score", "confidence", "strength", "step_s"].contains(&key), "{line}\n{text}");
    }
    let values = report.causes.iter().flat_map(|c| &c.evidence).flat_map(|e| [e.from, e.to]).flatten();
    assert!(values.into_iter().all(f64::is_finite), "{report:?}");
    Ok(ranked.len())
}

/// Both graphs; all weights finite.
fn learn(observation: &Observation) {
    let (windows, _) = automap_core::windows::choose(&observation.frame, &observation.hint).unwrap();
    for knowledge in [Knowledge::None, Knowledge::Calls] {
        let options = GraphOptions { knowledge, ..GraphOptions::default() };
        let graphs = learn_for_incident(&observation.frame, &windows.rows, &observation.calls, &options);
        for learned in [graphs.normal, graphs.incident] {
            for (from, to, weights) in learned.graph.weights().edges() {
                assert!(weights.iter().all(|w| w.is_finite() && *w >= 0.0), "{from} → {to}: {weights:?}");
            }
            for t in &learned.tests {
                assert!(t.insufficient + t.edges <= t.pairs, "{t:?}");
            }
        }
    }
}

const CHAIN: [(&str, &str); 2] = [("s0", "s1"), ("s1", "s2")];

#[test]
fn constant_series() {
    let quiet = observation(3, &METRICS, 60, &CHAIN, |_, m, _| m as f64);
    assert_eq!(outcome(&quiet), Ok(3));
    learn(&quiet);
    let zero = observation(3, &METRICS, 60, &CHAIN, |_, _, _| 0.0);
    assert_eq!(outcome(&zero), Ok(3));
    learn(&zero);
}

#[test]
fn perfect_collinearity() {
    // Every series of every service is a multiple of the same noise.
    let same = observation(4, &METRICS, 90, &CHAIN, |s, m, i| (s + m + 1) as f64 * (1.0 + wobble(0, i)));
    assert_eq!(outcome(&same), Ok(4));
    learn(&same);
    // The third is the sum of the other two.
    let sum = observation(3, &METRICS, 90, &CHAIN, |s, m, i| match s {
        2 => wobble(2 * m, i) + wobble(2 * m + 1, i),
        _ => wobble(2 * m + s, i),
    });
    assert_eq!(outcome(&sum), Ok(3));
    learn(&sum);
}

#[test]
fn three_samples_are_a_clear_error() {
    let short = observation(3, &METRICS, 3, &CHAIN, |s, m, i| wobble(s * 10 + m, i));
    let error = outcome(&short).unwrap_err();
    assert!(error.contains("2 sample(s)") && error.contains("widen it"), "{error}");
}

#[test]
fn too_few_samples_for_any_graph_still_give_an_answer() {
    let few = observation(3, &METRICS, 9, &CHAIN, |s, m, i| 1.0 + wobble(s * 10 + m, i));
    assert_eq!(outcome(&few), Ok(3));
    learn(&few);
}

#[test]
fn one_service_alone() {
    let alone = observation(1, &METRICS, 60, &[], |_, m, i| 1.0 + wobble(m, i));
    assert_eq!(outcome(&alone), Ok(1));
    learn(&alone);
}

#[test]
fn services_without_any_connection() {
    let apart = observation(5, &METRICS, 90, &[], |s, m, i| 1.0 + wobble(s * 10 + m, i));
    assert_eq!(outcome(&apart), Ok(5));
    learn(&apart);
}

#[test]
fn all_scores_equal_rank_by_name() {
    let equal =
        observation(4, &METRICS, 90, &[], |_, m, i| if i < 60 { 5.0 } else { 50.0 } * (1.0 + 0.1 * wobble(m, i)));
    assert_eq!(outcome(&equal), Ok(4));
    learn(&equal);
    for engine in Engine::ALL {
        let analysis = analyse(&equal, &options(engine, Knowledge::None)).unwrap();
        let ranked = &analysis.ranking.services;
        assert!(ranked.windows(2).all(|w| w[0].service < w[1].service), "{engine:?} {ranked:?}");
        assert!(ranked.iter().all(|s| (s.share - 0.25).abs() < 1e-9), "{engine:?} {ranked:?}");
    }
}

#[test]
fn nothing_observed_is_a_clear_error() {
    let nothing = observation(3, &METRICS, 60, &CHAIN, |_, _, _| f64::NAN);
    let error = outcome(&nothing).unwrap_err();
    assert!(error.contains("none of the 18 series has enough samples"), "{error}");
    learn(&nothing);
}

#[test]
fn one_metric_only() {
    for metric in METRICS {
        let single = observation(4, &[metric], 90, &CHAIN, |s, _, i| {
            10.0 + wobble(s, i) + if s == 2 && i >= 60 { 30.0 } else { 0.0 }
        });
        assert_eq!(outcome(&single), Ok(4), "{metric}");
        learn(&single);
    }
}

#[test]
fn gaps_everywhere_and_huge_values() {
    let holes = observation(4, &METRICS, 90, &CHAIN, |s, m, i| match wobble(s * 10 + m, i) {
        w if w < 0.5 => f64::NAN,
        w => w,
    });
    assert_eq!(outcome(&holes), Ok(4));
    learn(&holes);
    let giants = |factor: f64| observation(4, &METRICS, 90, &CHAIN, move |s, m, i| factor * wobble(s * 10 + m, i));
    assert_eq!(outcome(&giants(MAX_MAGNITUDE)), Ok(4));
    learn(&giants(MAX_MAGNITUDE));
    assert!(outcome(&giants(1e300)).is_err(), "nothing measures so much: these are gaps");
}
