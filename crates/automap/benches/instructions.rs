//! One of three fixed pieces of work, as often as told: `scripts/instructions.sh` counts the instructions of each under valgrind.
//! A count does not depend on what else the machine does, so that a change of it is a change of the code.
#![expect(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a benchmark prints, and may panic")]

mod tree;

use automap_core::graph::{Congestion, GraphOptions, GraphSignals, learn};
use automap_core::observation::Observation;
use automap_core::rank::walk::{Transitions, WalkOptions, visits};
use automap_core::{DiagnoseOptions, diagnose};
use automap_sim::incident::draw;
use automap_sim::several::Several;
use automap_sources::capture;
use tree::{SAMPLES, shop};

const CAPTURE: &[u8] = include_bytes!("../assets/demo.parquet");
const FLEET: Several = Several {
    incidents: 1,
    systems: 1,
    least_services: 200,
    most_services: 200,
    users_per_s: 4.0,
    minutes: 20,
    scrape_s: 15,
    double: 0.0,
    spreading: 0.0,
    seed: 1,
};
const GRAPH_SERVICES: usize = 100;

fn main() {
    // `cargo bench` adds `--bench`.
    let given: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let [work, rounds] = &given[..] else {
        return println!("usage: lab|fleet|graph ROUNDS, as scripts/instructions.sh asks");
    };
    let rounds: usize = rounds.parse().unwrap();
    match work.as_str() {
        "lab" => diagnoses(&capture::from_bytes(CAPTURE).unwrap(), rounds),
        "fleet" => diagnoses(&draw(&FLEET.incident(1).options).unwrap().observation, rounds),
        "graph" => graphs(rounds),
        other => panic!("no such work: {other}"),
    }
}

fn diagnoses(observation: &Observation, rounds: usize) {
    for _ in 0..rounds {
        drop(diagnose(observation, &DiagnoseOptions::default()).unwrap());
    }
}

/// The behaviour graph of a shop, and the walk on it.
fn graphs(rounds: usize) {
    let (frame, calls) = shop(GRAPH_SERVICES);
    let rows: Vec<usize> = (0..SAMPLES).collect();
    for _ in 0..rounds {
        let signals = GraphSignals::of(&frame, Congestion::Power);
        let weights = learn(&frame, &signals, &rows, &calls, &GraphOptions::default()).graph.weights();
        let index = |name: &str| frame.find(name).unwrap().0;
        let arrows: Vec<(usize, usize)> =
            weights.edges().map(|(cause, effect, _)| (index(effect), index(cause))).collect();
        let scores: Vec<f64> = (0..GRAPH_SERVICES).map(|s| 1.0 + (s % 7) as f64).collect();
        drop(visits(&Transitions::heuristic(&arrows, &scores, 0.2, Some(0)), &scores, &WalkOptions::default()));
    }
}
