//! The statistics behind the AutoMAP engine as functions of plain numbers: partial correlation, PC, the random walk.
//!
//! Series and services are numbered here; the Python layer gives them names.

use std::collections::BTreeSet;

use automap_core::graph::skeleton::{SkeletonOptions, skeleton};
use automap_core::graph::{Colliders, orient};
use automap_core::independence::{CiOptions, CiTest, FisherZ, Scores, Tester, partial_correlation};
use automap_core::rank::walk::{Solver, Transitions, WalkOptions, visits};
use pyo3::prelude::*;

use crate::error::Failure;

/// Fewest degrees of freedom of a single test: as few as textbooks allow.
const MIN_DEGREES: f64 = 1.0;

fn same_length(series: &[Vec<f64>]) -> Result<(), Failure> {
    let first = series.first().map_or(0, Vec::len);
    match series.iter().position(|s| s.len() != first) {
        None => Ok(()),
        Some(at) => {
            let text = format!(
                "series 0 has {first} values and series {at} has {}; give all the same length",
                series[at].len()
            );
            Err(Failure::new(text))
        }
    }
}

fn scores(series: &[Vec<f64>], ranks: bool) -> Scores {
    if ranks { Scores::new(series) } else { Scores::plain(series) }
}

/// Correlation of the first two series given the others, and the probability of one at least as strong between independent series; `NaN` and `None`
/// if it is undetermined.
#[pyfunction]
pub(crate) fn partial_corr(
    py: Python<'_>,
    series: Vec<Vec<f64>>,
    ranks: bool,
    effective_samples: bool,
) -> PyResult<(f64, Option<f64>)> {
    same_length(&series)?;
    Ok(py.detach(|| {
        let options = CiOptions { test: CiTest::FisherZ, effective_samples, min_degrees: MIN_DEGREES };
        let test = FisherZ::new(&scores(&series, ranks), &options);
        let given: Vec<usize> = (2..series.len()).collect();
        let statistic = partial_correlation(|a, b| test.correlation(a, b), 0, 1, &given);
        (statistic, test.test(0, 1, &given).p_value())
    }))
}

/// Arrows `(cause, effect)`, with undirected edges in both directions; separated pairs with their separating sets; and the strength of every edge.
type Pc = (Vec<(usize, usize)>, Vec<(usize, usize, Vec<usize>)>, Vec<(usize, usize, f64)>);

/// The PC algorithm over some series.
#[pyfunction]
pub(crate) fn pc(
    py: Python<'_>,
    series: Vec<Vec<f64>>,
    alpha: f64,
    false_discovery_rate: f64,
    max_conditions: usize,
    ranks: bool,
    effective_samples: bool,
) -> PyResult<Pc> {
    same_length(&series)?;
    for (name, share) in [("alpha", alpha), ("false_discovery_rate", false_discovery_rate)] {
        if !(0.0..=1.0).contains(&share) {
            return Err(
                Failure::at(name, format!("{share} is not a share; give a number from 0 to 1, such as 0.05")).into()
            );
        }
    }
    Ok(py.detach(|| {
        let options = CiOptions { effective_samples, ..CiOptions::default() };
        let tester = Tester::new(&scores(&series, ranks), &options);
        let bounds = SkeletonOptions { alpha, false_discovery_rate, max_conditions, ..SkeletonOptions::default() };
        let n = series.len();
        let found = skeleton(&tester, n, &bounds);
        let separated = |(i, j): (usize, usize)| Some((i, j, found.separating_set(i, j)?.to_vec()));
        let pairs = (0..n).flat_map(|i| (i + 1..n).map(move |j| (i, j)));
        let separated = pairs.filter_map(separated).collect();
        let strengths = found.edges().filter_map(|(i, j)| Some((i, j, found.strength(i, j)?))).collect();
        let directed = orient(std::slice::from_ref(&found), &BTreeSet::new(), Colliders::default());
        (directed.arrows().collect(), separated, strengths)
    }))
}

/// How often a walk along arrows `(effect, cause)` visits each of `scores.len()` services. `start` contains the shares of starts.
#[pyfunction]
#[expect(clippy::too_many_arguments, reason = "the walk's own options")]
pub(crate) fn walk(
    py: Python<'_>,
    arrows: Vec<(usize, usize)>,
    scores: Vec<f64>,
    start: Vec<f64>,
    entry: Option<usize>,
    backward: f64,
    second_order: f64,
    restart: f64,
    seed: Option<u64>,
) -> PyResult<Vec<f64>> {
    for (name, share) in [("backward", backward), ("second_order", second_order), ("restart", restart)] {
        if !(0.0..=1.0).contains(&share) {
            return Err(
                Failure::at(name, format!("{share} is not a share; give a number from 0 to 1, such as 0.2")).into()
            );
        }
    }
    if scores.iter().chain(&start).any(|score| !(score.is_finite() && *score >= 0.0)) {
        return Err(Failure::at("scores", "a score is negative or no number; give finite numbers from 0").into());
    }
    let is_inside = |i: &usize| *i < scores.len();
    if !arrows.iter().all(|(from, to)| is_inside(from) && is_inside(to)) || start.len() != scores.len() {
        return Err(Failure::at("edges", "an edge leads to a service without a score; give a score for each").into());
    }
    let entry = entry.filter(is_inside);
    Ok(py.detach(|| {
        let solver = seed.map_or(Solver::Exact, |seed| Solver::MonteCarlo { seed });
        let options = WalkOptions { backward, second_order, restart, solver, ..WalkOptions::default() };
        visits(&Transitions::heuristic(&arrows, &scores, backward, entry), &start, &options)
    }))
}
