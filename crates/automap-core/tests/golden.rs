//! The statistics compared with independent programs: scipy, pingouin, causal-learn and networkx computed the same results.
//! `scripts/golden.py` wrote the tables and names the versions used.

use std::collections::BTreeSet;

use automap_core::graph::skeleton::{Skeleton, SkeletonOptions, skeleton};
use automap_core::graph::{Colliders, orient};
use automap_core::independence::{CiOptions, CiTest, FisherZ, GSquare, Outcome, Scores, Tester, partial_correlation};
use automap_core::rank::walk::{Transitions, WalkOptions, visits};

const TEXTBOOK: CiOptions = CiOptions { test: CiTest::FisherZ, effective_samples: false, min_degrees: 1.0 };
/// No limit on the conditioning set and no control of false discoveries: the plain algorithm.
const PLAIN_PC: SkeletonOptions =
    SkeletonOptions { alpha: 0.05, false_discovery_rate: 1.0, max_conditions: 99, max_neighbours: 99 };

/// The rows of a table, without its header; no cell holds a comma.
fn rows(table: &'static str) -> impl Iterator<Item = Vec<&'static str>> {
    table.lines().skip(1).map(|line| line.split(',').collect())
}

fn number(cell: &str) -> f64 {
    cell.parse().unwrap()
}

fn columns(table: &'static str) -> Vec<Vec<f64>> {
    let rows: Vec<Vec<f64>> = rows(table).map(|row| row.into_iter().map(number).collect()).collect();
    (0..rows[0].len()).map(|c| rows.iter().map(|row| row[c]).collect()).collect()
}

/// `(i, j, given, results)` of a row.
fn question(row: &[&str]) -> (usize, usize, Vec<usize>, Vec<f64>) {
    let given = row[2].split_whitespace().map(|k| k.parse().unwrap()).collect();
    (row[0].parse().unwrap(), row[1].parse().unwrap(), given, row[3..].iter().map(|cell| number(cell)).collect())
}

fn data() -> Vec<Vec<f64>> {
    columns(include_str!("golden/data.csv"))
}

fn assert_near(got: f64, want: f64, tolerance: f64, what: &str) {
    assert!((got - want).abs() <= tolerance, "{what}: {got} instead of {want}");
}

/// p-values differ by powers of ten, so their relative error is compared.
fn assert_p_value(got: Outcome, want: f64, what: &str) {
    assert_near(got.p_value().unwrap(), want, 1e-6 * want, what);
}

#[test]
fn partial_correlation_is_that_of_pingouin() {
    let test = FisherZ::new(&Scores::plain(&data()), &TEXTBOOK);
    let mut asked = 0;
    for row in rows(include_str!("golden/partial_correlation.csv")) {
        let (i, j, given, want) = question(&row);
        let got = partial_correlation(|a, b| test.correlation(a, b), i, j, &given);
        assert_near(got, want[0], 1e-9, &format!("{i} and {j} given {given:?}"));
        asked += 1;
    }
    assert_eq!(asked, 28 * 10);
}

#[test]
fn fisher_z_is_that_of_scipy_and_causal_learn() {
    let test = FisherZ::new(&Scores::plain(&data()), &TEXTBOOK);
    let mut asked = 0;
    for row in rows(include_str!("golden/fisher_z.csv")) {
        let (i, j, given, want) = question(&row);
        assert_p_value(test.test(i, j, &given), want[0], &format!("{i} and {j} given {given:?}"));
        asked += 1;
    }
    assert_eq!(asked, 28 * 10);
}

#[test]
fn g_square_is_that_of_scipy() {
    let test = GSquare::new(&Scores::plain(&data()), 3, &TEXTBOOK);
    // Bins as values: discretised again into three, they are the same bins.
    let again = GSquare::new(&Scores::plain(&columns(include_str!("golden/g_square_bins.csv"))), 3, &TEXTBOOK);
    let mut asked = 0;
    for row in rows(include_str!("golden/g_square.csv")) {
        let (i, j, given, want) = question(&row);
        let what = format!("{i} and {j} given {given:?}");
        assert_p_value(test.test(i, j, &given), want[1], &what);
        assert_eq!(test.test(i, j, &given), again.test(i, j, &given), "{what}");
        let Outcome::Tested { strength, .. } = test.test(i, j, &given) else { unreachable!() };
        assert_near(strength, (want[0] / (200.0 * 2.0)).sqrt(), 1e-9, &what);
        asked += 1;
    }
    assert!(asked > 150, "{asked} tables");
}

type Pairs = BTreeSet<(usize, usize)>;

/// Edges and arrows.
fn golden_graph() -> (Pairs, Pairs) {
    let all: Vec<(usize, usize, bool)> = rows(include_str!("golden/skeleton.csv"))
        .map(|row| (row[0].parse().unwrap(), row[1].parse().unwrap(), row[2] == "arrow"))
        .collect();
    let edges = all.iter().map(|&(i, j, _)| (i.min(j), i.max(j))).collect();
    // A line is present in both directions.
    let arrows = all.iter().flat_map(|&(i, j, directed)| [Some((i, j)), (!directed).then_some((j, i))]).flatten();
    (edges, arrows.collect())
}

fn learned_skeleton() -> Skeleton {
    let data = data();
    skeleton(&Tester::new(&Scores::plain(&data), &TEXTBOOK), data.len(), &PLAIN_PC)
}

#[test]
fn the_skeleton_is_that_of_causal_learn() {
    assert_eq!(learned_skeleton().edges().collect::<BTreeSet<_>>(), golden_graph().0);
}

#[test]
fn the_arrows_are_those_of_causal_learn() {
    let (_, want) = golden_graph();
    assert!(want.iter().any(|&(i, j)| !want.contains(&(j, i))), "the table has arrows");
    // With a single metric both rules equal the textbook's.
    for colliders in [Colliders::Voted, Colliders::Literal] {
        let got = orient(&[learned_skeleton()], &BTreeSet::new(), colliders);
        assert_eq!(got.arrows().collect::<BTreeSet<_>>(), want, "{colliders:?}");
    }
}

#[test]
fn visits_are_the_pagerank_of_networkx() {
    let table = columns(include_str!("golden/pagerank.csv"));
    let (start, teleport) = (&table[1], &table[2]);
    let mut arrows = vec![Vec::new(); start.len()];
    for row in rows(include_str!("golden/pagerank_edges.csv")) {
        let from: usize = row[0].parse().unwrap();
        arrows[from].push((row[1].parse::<usize>().unwrap(), number(row[2])));
    }
    assert!(arrows.iter().any(Vec::is_empty), "some nodes are dead ends");
    let transitions = Transitions::new(arrows, teleport);
    for (alpha, want) in [(0.5, &table[3]), (0.85, &table[4])] {
        let got = visits(&transitions, start, &WalkOptions { restart: 1.0 - alpha, ..WalkOptions::default() });
        for (node, (got, want)) in got.iter().zip(want).enumerate() {
            assert_near(*got, *want, 1e-9, &format!("node {node} at {alpha}"));
        }
    }
}
