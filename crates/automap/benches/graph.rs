//! What the AutoMAP engine costs: one behaviour graph of seven metric types and 240 samples and the walk on it, at 14 to 1,000
//! services; then causal-learn's PC on one hundred of the same series, in the same run, and where the two graphs differ. `make bench`.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark prints, and may panic")]

mod process;
mod processor;
mod tree;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use automap_core::frame::MetricFrame;
use automap_core::graph::skeleton::{Pair, SkeletonOptions, skeleton};
use automap_core::graph::{Congestion, GraphOptions, GraphSignals, MetricType, learn};
use automap_core::independence::{CiOptions, Scores, Tester};
use automap_core::rank::walk::{Transitions, WalkOptions, visits};
use automap_core::stats::normal_scores;
use automap_core::topology::CallGraph;
use process::peak_memory;
use processor::processor_seconds;
use tree::{SAMPLES, shop};

const SIZES: [usize; 4] = [14, 100, 300, 1000];
/// Series that causal-learn is asked about.
const PEER_SERIES: usize = 100;
/// The plain algorithm, as deep as our default: all that causal-learn can be told too.
const PLAIN: SkeletonOptions =
    SkeletonOptions { alpha: 0.05, false_discovery_rate: 1.0, max_conditions: 2, max_neighbours: usize::MAX };

fn main() {
    for services in SIZES {
        let (frame, calls) = shop(services);
        graph_and_walk(&frame, &calls);
    }
    against_causal_learn();
}

fn graph_and_walk(frame: &MetricFrame, calls: &CallGraph) {
    let services = frame.services().len();
    let rows: Vec<usize> = (0..SAMPLES).collect();
    let processor_before = processor_seconds();
    let (learned, graph_time) = timed(|| {
        let signals = GraphSignals::of(frame, Congestion::Power);
        learn(frame, &signals, &rows, calls, &GraphOptions::default())
    });
    let processor = processor_seconds() - processor_before;
    let weights = learned.graph.weights();
    let index = |name: &str| frame.find(name).unwrap().0;
    let arrows: Vec<(usize, usize)> = weights.edges().map(|(cause, effect, _)| (index(effect), index(cause))).collect();
    let scores: Vec<f64> = (0..services).map(|s| 1.0 + (s % 7) as f64).collect();
    let (visited, walk_time) = timed(|| {
        let transitions = Transitions::heuristic(&arrows, &scores, 0.2, Some(0));
        visits(&transitions, &scores, &WalkOptions::default())
    });
    assert!((visited.iter().sum::<f64>() - 1.0).abs() < 1e-9);
    let edges: usize = learned.tests.iter().map(|t| t.edges).sum();
    say(
        &format!("{services} services × {} types", learned.tests.len()),
        &format!(
            "{} graph ({processor:.2} s of processors) + {} walk; {edges} edges in all types, {} arrows; peak memory {}",
            seconds(graph_time),
            seconds(walk_time),
            arrows.len(),
            peak_memory()
        ),
    );
}

/// One type's series of [`PEER_SERIES`] services: ours and theirs on the same normal scores.
fn against_causal_learn() {
    let (frame, _) = shop(PEER_SERIES);
    let signals = GraphSignals::of(&frame, Congestion::Power);
    let rows: Vec<usize> = (0..SAMPLES).collect();
    let series = signals.rows(MetricType::Latency, &rows);
    // Scores once, here: the peer gets the same numbers, and neither is charged for them.
    let scores: Vec<Vec<f64>> = series.iter().map(|values| normal_scores(values)).collect();
    let textbook = CiOptions { effective_samples: false, ..CiOptions::default() };
    let ours = || skeleton(&Tester::new(&Scores::plain(&scores), &textbook), PEER_SERIES, &PLAIN);
    let mut taken: Vec<Duration> = (0..5).map(|_| timed(ours).1).collect();
    taken.sort();
    let our_time = taken[2].as_secs_f64();
    let found = ours();
    let our_edges: BTreeSet<(usize, usize)> = found.edges().collect();
    say("PC, plain Fisher-z", &format!("{PEER_SERIES} series, ours: {our_time:.4} s, {} edges", our_edges.len()));

    let Some(peer) = ask_peer(&scores) else { return };
    say("causal-learn", &format!("{:.2} s, {} edges, {}", peer.seconds, peer.edges.len(), peer.version));
    say("ratio", &format!("{:.0} × faster", peer.seconds / our_time));
    type Pairs = Vec<(usize, usize)>;
    let (only_ours, only_theirs): (Pairs, Pairs) =
        our_edges.symmetric_difference(&peer.edges).copied().partition(|edge| our_edges.contains(edge));
    say("graph", &format!("{} edges in both", our_edges.intersection(&peer.edges).count()));
    for (i, j) in only_ours {
        say("  only ours", &format!("{i} – {j}"));
    }
    for (i, j) in only_theirs {
        let why = match found.pair(i, j) {
            Pair::Separated => {
                format!("ours separates them given {:?}", found.separating_set(i, j).unwrap_or_default())
            }
            state => format!("ours ends in {state:?}"),
        };
        say("  only causal-learn's", &format!("{i} – {j}: {why}"));
    }
}

struct Peer {
    seconds: f64,
    edges: BTreeSet<(usize, usize)>,
    version: String,
}

/// `None`, after saying why, where causal-learn cannot be had.
fn ask_peer(scores: &[Vec<f64>]) -> Option<Peer> {
    let dir = target().join("bench-peer");
    std::fs::create_dir_all(&dir).unwrap();
    let line = |t: usize| scores.iter().map(|s| s[t].to_string()).collect::<Vec<_>>().join(",") + "\n";
    let csv = dir.join("series.csv");
    std::fs::write(&csv, (0..SAMPLES).map(line).collect::<String>()).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/bench-peer.sh");
    let output = Command::new(script).arg(&dir).arg(&csv).output().unwrap();
    if !output.status.success() {
        say("causal-learn", &format!("not compared: {}", String::from_utf8_lossy(&output.stderr).trim()));
        return None;
    }
    let text = String::from_utf8(output.stdout).unwrap();
    let mut lines = text.lines();
    let mut edges = BTreeSet::new();
    let seconds = lines.next().unwrap().parse().unwrap();
    let version = lines.next().unwrap().to_owned();
    for line in lines {
        let (i, j) = line.split_once(' ').unwrap();
        edges.insert((i.parse().unwrap(), j.parse().unwrap()));
    }
    Some(Peer { seconds, edges, version })
}

/// Where cargo builds: the bench runs from `target/release/deps`.
fn target() -> PathBuf {
    std::env::current_exe().unwrap().ancestors().nth(3).unwrap().to_owned()
}

fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let began = Instant::now();
    let result = work();
    (result, began.elapsed())
}

fn seconds(time: Duration) -> String {
    format!("{:.3} s", time.as_secs_f64())
}

fn say(what: &str, value: &str) {
    println!("{what:<24} {value}");
}
