//! Invariants of the AutoMAP engine for every input: order, units and threads do not matter, its numbers stay within their bounds, and its optimised
//! algorithms give the same results as the plain ones.

use std::collections::{BTreeMap, BTreeSet};

use automap_core::frame::{MetricFrame, RawSeries, assemble};
use automap_core::graph::skeleton::{SkeletonOptions, skeleton};
use automap_core::graph::{BehaviourGraph, GraphOptions, GraphSignals, Knowledge, Subtraction, WeightedGraph, learn};
use automap_core::independence::{CiOptions, Scores, Tester};
use automap_core::observation::Observation;
use automap_core::rank::Engine;
use automap_core::rank::metric_weights::{ConfirmedCase, LearningOptions, learn_weights};
use automap_core::rank::walk::{Solver, Transitions, WalkOptions, visits};
use automap_core::time::{Timestamp, WindowHint};
use automap_core::topology::CallGraph;
use automap_core::{DiagnoseOptions, analyse, diagnose};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::to_string as json;

const SAMPLES: usize = 90;
const METRICS: [&str; 5] = ["latency_ms", "throughput_rps", "error_ratio", "cpu_cores", "memory_bytes"];

/// Repeatable noise in [0, 1).
fn wobble(seed: u64, series: usize, i: usize) -> f64 {
    let mut x = seed.wrapping_mul(0xD6E8_FEB8_6659_FD93)
        ^ (series as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15)
        ^ (i as u64 + 1).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x ^= x >> 31;
    x = x.wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^= x >> 29;
    (x >> 11) as f64 / (1u64 << 53) as f64
}

/// The metrics of a service of the shop: each follows the previous one; the third breaks at two thirds.
fn value(seed: u64, s: usize, m: usize, i: usize) -> f64 {
    let own = |s: usize| wobble(seed, s * METRICS.len() + m, i);
    let fault = if s == 2 && i >= SAMPLES * 2 / 3 { 4.0 } else { 0.0 };
    10.0 + own(s) + if s > 0 { 2.0 * own(s - 1) } else { 0.0 } + fault
}

/// A shop with services of these names; `change(s, m, value)` rewrites values.
fn shop(seed: u64, names: &[String], change: impl Fn(usize, usize, f64) -> f64) -> Observation {
    let times: Vec<Timestamp> = (0..SAMPLES as i64).map(|i| Timestamp::from_ms(i * 5000)).collect();
    let mut raw = Vec::new();
    for (s, name) in names.iter().enumerate() {
        for (m, metric) in METRICS.iter().enumerate() {
            let points = times.iter().enumerate().map(|(i, t)| (*t, change(s, m, value(seed, s, m, i)))).collect();
            raw.push(RawSeries { service: name.clone(), metric: (*metric).into(), peer: None, points });
        }
    }
    let calls: CallGraph = names.windows(2).map(|w| (w[0].as_str(), w[1].as_str())).collect();
    let hint = WindowHint { incident_start: Some(times[SAMPLES * 2 / 3]), ..WindowHint::default() };
    let (frame, notes) = assemble(raw, times).unwrap();
    Observation { hint, notes, ..Observation::new(frame, calls, "test") }
}

fn names(count: usize) -> Vec<String> {
    (0..count).map(|s| format!("s{s}")).collect()
}

fn graph(observation: &Observation, knowledge: Knowledge) -> WeightedGraph {
    let frame: &MetricFrame = &observation.frame;
    let options = GraphOptions { knowledge, ..GraphOptions::default() };
    let rows: Vec<usize> = (0..SAMPLES).collect();
    learn(frame, &GraphSignals::of(frame, options.congestion), &rows, &observation.calls, &options).graph.weights()
}

fn automap() -> DiagnoseOptions {
    DiagnoseOptions { engine: Engine::Automap, ..DiagnoseOptions::default() }
}

/// Edges under other names.
fn renamed(graph: &WeightedGraph, name: impl Fn(&str) -> String) -> BTreeMap<(String, String), [f64; 7]> {
    graph.edges().map(|(from, to, w)| ((name(from), name(to)), *w)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_order_of_services_does_not_matter(seed in any::<u64>(), order in Just([0usize, 1, 2, 3, 4, 5]).prop_shuffle()) {
        let before = names(6);
        let after: Vec<String> = order.iter().map(|s| format!("s{s}")).collect();
        let (a, b) = (shop(seed, &before, |_, _, v| v), shop(seed, &after, |_, _, v| v));
        let map: BTreeMap<&str, &str> = before.iter().map(String::as_str).zip(after.iter().map(String::as_str)).collect();
        for knowledge in [Knowledge::None, Knowledge::Calls] {
            let (a, b) = (graph(&a, knowledge), graph(&b, knowledge));
            prop_assert_eq!(renamed(&a, |s| map[s].to_owned()), renamed(&b, str::to_owned));
        }
        let ranks = |o: &Observation| -> BTreeMap<String, f64> {
            let analysis = analyse(o, &automap()).unwrap();
            let of = |s: &automap_core::rank::RankedService| (analysis.frame.service(s.service).to_owned(), s.share);
            analysis.ranking.services.iter().map(of).collect()
        };
        let (a, b) = (ranks(&a), ranks(&b));
        for (name, share) in a {
            prop_assert!((share - b[map[name.as_str()]]).abs() < 1e-9);
        }
    }

    #[test]
    fn units_do_not_matter(seed in any::<u64>(), scale in vec(0.01f64..100.0, 30), shift in vec(-5.0f64..50.0, 30)) {
        let names = names(6);
        let plain = graph(&shop(seed, &names, |_, _, v| v), Knowledge::None);
        // Congestion is a quotient of two series: its order is invariant under factors, not under shifts.
        let scaled = shop(seed, &names, |s, m, v| scale[s * METRICS.len() + m] * v);
        prop_assert_eq!(&plain, &graph(&scaled, Knowledge::None));
        let shifted = |s: usize, m: usize, v: f64| if m < 2 { v } else { v + shift[s * METRICS.len() + m] };
        prop_assert_eq!(&plain, &graph(&shop(seed, &names, shifted), Knowledge::None));
    }

    #[test]
    fn weights_sum_to_one(seed in any::<u64>()) {
        let graph = graph(&shop(seed, &names(6), |_, _, v| v), Knowledge::None);
        prop_assert!(!graph.is_empty(), "services that follow each other have edges");
        for (from, to, weights) in graph.edges() {
            prop_assert!((weights.iter().sum::<f64>() - 1.0).abs() < 1e-12, "{} → {}: {:?}", from, to, weights);
        }
        let case = ConfirmedCase {
            id: "x".into(),
            started: Timestamp::from_ms(0),
            cause: "s2".into(),
            anomaly: graph.clone(),
            precision: [0.5, 0.0, 1.0, 0.1, 0.0, 0.0, 0.3],
        };
        let learnt = learn_weights(&graph, &[case], &LearningOptions::default());
        prop_assert!((learnt.iter().sum::<f64>() - 1.0).abs() < 1e-12);
    }

    #[test]
    fn graphs_can_be_compared_and_added(a in any::<u64>(), b in any::<u64>(), c in any::<u64>()) {
        let behaviour = |seed: u64| {
            let o = shop(seed, &names(3 + (seed % 3) as usize), |_, _, v| v);
            let options = GraphOptions { knowledge: Knowledge::None, ..GraphOptions::default() };
            let signals = GraphSignals::of(&o.frame, options.congestion);
            learn(&o.frame, &signals, &(0..SAMPLES).collect::<Vec<_>>(), &o.calls, &options).graph
        };
        let (x, y, z) = (behaviour(a), behaviour(b), behaviour(c));
        prop_assert_eq!(x.add(&y), y.add(&x));
        prop_assert_eq!(x.add(&y).add(&z), x.add(&y.add(&z)));
        prop_assert_eq!(&x.add(&BehaviourGraph::default()), &x);
        let (x, y) = (x.weights(), y.weights());
        let similarity = x.similarity(&y);
        prop_assert!((0.0..=1.0).contains(&similarity));
        prop_assert_eq!(similarity, y.similarity(&x));
        prop_assert_eq!(x.similarity(&x), 1.0);
        for how in [Subtraction::Weighted, Subtraction::Set] {
            prop_assert!(x.subtract(&x, how, &[]).is_empty());
            prop_assert_eq!(x.subtract(&WeightedGraph::default(), how, &[]).len(), x.len());
        }
    }

    /// Every subset of the neighbours is tried, one after the other, and the first that separates a pair ends the search.
    #[test]
    fn a_plain_pc_finds_the_same_edges(data in vec(vec(-1.0f64..1.0, 60), 6), ties in vec((0usize..6, 0usize..6, 0.4f64..1.5), 4..14)) {
        let mut series = data;
        for (a, b, strength) in ties.into_iter().filter(|(a, b, _)| a != b) {
            let cause = series[a.min(b)].clone();
            series[a.max(b)].iter_mut().zip(cause).for_each(|(e, c)| *e += strength * c);
        }
        let options = CiOptions { effective_samples: false, ..CiOptions::default() };
        let tester = Tester::new(&Scores::new(&series), &options);
        for max_conditions in [1, 2, 4] {
            let plain = SkeletonOptions { alpha: 0.05, false_discovery_rate: 1.0, max_conditions, max_neighbours: 99 };
            let fast: BTreeSet<(usize, usize)> = skeleton(&tester, 6, &plain).edges().collect();
            prop_assert_eq!(fast, naive_pc(&tester, 6, max_conditions));
        }
    }

    #[test]
    fn visits_solve_the_balance_equations(
        weights in vec(vec(0.0f64..1.0, 5), 5), dead in 0usize..5, start in vec(0.01f64..1.0, 5), restart in 0.05f64..0.95,
    ) {
        let row = |i: usize| -> Vec<(usize, f64)> {
            // A third of the arrows exist, and one service has none.
            let there = |j: &usize| i != dead && weights[i][*j] > 0.66;
            (0..5).filter(there).map(|j| (j, weights[i][j])).collect()
        };
        let rows: Vec<Vec<(usize, f64)>> = (0..5).map(row).collect();
        let transitions = Transitions::new(rows.clone(), &start);
        let got = visits(&transitions, &start, &WalkOptions { restart, ..WalkOptions::default() });
        let want = balance(&rows, &start, restart);
        prop_assert!(got.iter().zip(&want).all(|(a, b)| (a - b).abs() < 1e-9), "{:?} {:?}", got, want);
        for (second_order, restart) in [(0.3, restart), (1.0, 0.0), (0.3, 0.0)] {
            for solver in [Solver::Exact, Solver::MonteCarlo { seed: 7 }] {
                let options = WalkOptions { second_order, restart, solver, steps: 200, ..WalkOptions::default() };
                let visited = visits(&transitions, &start, &options);
                prop_assert!((visited.iter().sum::<f64>() - 1.0).abs() < 1e-9, "{:?}", visited);
                prop_assert!(visited.iter().all(|v| *v >= 0.0), "{:?}", visited);
            }
        }
    }
}

fn naive_pc(tester: &Tester, n: usize, deepest: usize) -> BTreeSet<(usize, usize)> {
    let pairs = || (0..n).flat_map(|i| (i + 1..n).map(move |j| (i, j)));
    let mut edges: BTreeSet<(usize, usize)> = pairs().collect();
    for level in 0..=deepest {
        let before = edges.clone();
        let adjacent = |a: usize, b: usize| before.contains(&(a.min(b), a.max(b)));
        edges.retain(|&(i, j)| {
            let separates = |set: u32| {
                let given: Vec<usize> = (0..n).filter(|k| set >> k & 1 == 1).collect();
                let around = |end: usize| given.iter().all(|&k| k != i && k != j && adjacent(end, k));
                given.len() == level
                    && (around(i) || around(j))
                    && tester.test(i, j, &given).p_value().is_some_and(|p| p > 0.05)
            };
            !(0..1u32 << n).any(separates)
        });
    }
    edges
}

/// `π = (1 − restart)·π·P + restart·start` by elimination, where a row without arrows jumps to `start`.
fn balance(rows: &[Vec<(usize, f64)>], start: &[f64], restart: f64) -> Vec<f64> {
    let n = rows.len();
    let all: f64 = start.iter().sum();
    let mut m = vec![vec![0.0; n + 1]; n];
    for j in 0..n {
        m[j][j] += 1.0;
        m[j][n] = restart * start[j] / all;
        for (i, row) in rows.iter().enumerate() {
            let sum: f64 = row.iter().map(|(_, w)| w).sum();
            let there = row.iter().find(|(to, _)| *to == j).map_or(0.0, |(_, w)| w / sum);
            m[j][i] -= (1.0 - restart) * if row.is_empty() { start[j] / all } else { there };
        }
    }
    for k in 0..n {
        let pivot = (k..n).max_by(|&a, &b| m[a][k].abs().total_cmp(&m[b][k].abs())).unwrap();
        m.swap(k, pivot);
        let row = m[k].clone();
        for (_, line) in m.iter_mut().enumerate().filter(|(other, _)| *other != k) {
            let factor = line[k] / row[k];
            line.iter_mut().zip(&row).for_each(|(a, b)| *a -= factor * b);
        }
    }
    (0..n).map(|k| m[k][n] / m[k][k]).collect()
}

#[test]
fn the_number_of_threads_does_not_matter() {
    let observation = shop(11, &names(9), |_, _, v| v);
    let on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let report = json(&diagnose(&observation, &automap()).unwrap()).unwrap();
            let graph = serde_json::to_string(&graph(&observation, Knowledge::None)).unwrap();
            assert!(graph.len() > 100, "{graph}");
            (report, graph)
        })
    };
    let one = on(1);
    assert_eq!(one, on(2));
    assert_eq!(one, on(8));
}
