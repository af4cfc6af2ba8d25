//! MonitorRank (Kim, Sumbaly & Shah, SIGMETRICS 2013): a random walk with restarts on the call graph, attracted by services whose metrics
//! move like those of the front-end.
//!
//! The similarity of a service is its largest |Pearson correlation| with the front-end's symptom over both windows. The walk goes from caller to
//! callee with the callee's similarity as weight and back with ρ times the caller's; it stays if no callee is more similar, and restarts at a service
//! in proportion to its similarity. Visits are computed exactly, not sampled. Without calls only the restarts remain, so services are ordered by
//! similarity.
//!
//! Difference from the benchmarks' code: theirs starts at the latency of the faulty service, which is the answer. Here the front-end is the entry
//! service named by the data set, otherwise the one service without callers.

use automap_core::frame::{MetricFrame, Series, ServiceIdx};
use automap_core::metric::{Family, Side};
use automap_core::rank::walk::{Solver, Transitions, WalkOptions, visits};
use automap_core::stats::mean;

use super::common::{BaselineInput, BaselineScores, candidates, is_constant, windows};

/// ρ, the weight of a step from callee back to caller: the value used in published implementations.
const BACKWARD: f64 = 0.2;
/// Probability of a restart, as in PageRank.
const RESTART: f64 = 0.15;
/// What users of the front-end experience, the most direct symptom first; its CPU if nothing else is measured.
const SYMPTOMS: [Family; 4] = [Family::Latency, Family::Error, Family::Throughput, Family::Cpu];

pub(super) fn score(input: &BaselineInput) -> Result<BaselineScores, String> {
    let frame = input.frame;
    let entry = entry(input)
        .ok_or("monitorrank needs a front-end: the data set names no entry service, and every service has a caller")?;
    let symptom =
        symptom(frame, entry).ok_or_else(|| format!("the front-end {} has no symptom", frame.service(entry)))?;
    let similar = candidates(frame)
        .filter(|(_, s)| windows(s, input.rows).is_some())
        .map(|(_, s)| (s, correlation(input, &s.values, &symptom.values).abs()));
    let mut out = BaselineScores::of_series(frame, similar);
    let similarity: Vec<f64> = frame.services().iter().map(|s| out.services.get(s).copied().unwrap_or(0.0)).collect();
    let arrows: Vec<(usize, usize)> = input
        .calls
        .edges()
        .filter_map(|(caller, callee, _)| Some((frame.find(caller)?.0, frame.find(callee)?.0)))
        .collect();
    let walk = Transitions::heuristic(&arrows, &similarity, BACKWARD, Some(entry.0));
    let mut start = similarity;
    // The front-end is trivially similar to itself.
    start[entry.0] = 0.0;
    let options =
        WalkOptions { backward: BACKWARD, second_order: 1.0, restart: RESTART, steps: 0, solver: Solver::Exact };
    let visited = visits(&walk, &start, &options);
    let at = |service: &str| frame.find(service).map_or(0.0, |s| visited[s.0]);
    out.services.iter_mut().for_each(|(service, score)| *score = at(service));
    out.metrics.iter_mut().for_each(|((service, _), score)| *score *= at(service));
    Ok(out)
}

fn entry(input: &BaselineInput) -> Option<ServiceIdx> {
    let named = input.entry.and_then(|name| input.frame.find(name));
    let entries = input.frame.entries(input.calls);
    named.or_else(|| entries.into_iter().find(|s| symptom(input.frame, *s).is_some()))
}

fn symptom(frame: &MetricFrame, service: ServiceIdx) -> Option<&Series> {
    let own = |family: &Family| {
        let of_family = |s: &&Series| s.service == service && s.metric.side == Side::Own && s.metric.family == *family;
        frame.series().iter().filter(of_family).min_by_key(|s| (s.metric.name.len(), &s.metric.name))
    };
    SYMPTOMS.iter().find_map(own)
}

/// Pearson correlation over the samples that both series have, in both windows; 0 if one is constant.
fn correlation(input: &BaselineInput, a: &[f64], b: &[f64]) -> f64 {
    let rows = input.rows.baseline.iter().chain(&input.rows.incident);
    let both: Vec<(f64, f64)> = rows.map(|&i| (a[i], b[i])).filter(|(a, b)| !a.is_nan() && !b.is_nan()).collect();
    let (a, b): (Vec<f64>, Vec<f64>) = both.into_iter().unzip();
    if is_constant(&a) || is_constant(&b) {
        return 0.0;
    }
    let (ma, mb) = (mean(&a), mean(&b));
    let sum = |f: &dyn Fn(f64, f64) -> f64| a.iter().zip(&b).map(|(a, b)| f(a - ma, b - mb)).sum::<f64>();
    sum(&|a, b| a * b) / (sum(&|a, _| a * a) * sum(&|_, b| b * b)).sqrt()
}

#[cfg(test)]
mod tests {
    use automap_core::anomaly::Rows;
    use automap_core::topology::CallGraph;

    use super::super::{Baseline, test_frames};
    use super::*;

    fn frame() -> MetricFrame {
        test_frames::frame(&[
            ("calm", "latency", vec![3.0, 4.0, 3.0, 4.0, 3.0, 4.0]),
            ("front", "latency", vec![1.0, 1.0, 1.0, 1.0, 5.0, 5.0]),
            ("guilty", "latency", vec![2.0, 2.0, 2.0, 2.0, 9.0, 9.0]),
        ])
    }

    /// Similarities by hand: guilty 1; calm correlates with ±½ around 3.5 not at all.
    #[test]
    fn the_callee_that_moves_like_the_front_end_comes_first() {
        let calls: CallGraph = [("front", "calm"), ("front", "guilty")].into_iter().collect();
        let scores = test_frames::score(Baseline::MonitorRank, &frame(), 4, &calls);
        assert!(scores.services["guilty"] > scores.services["front"], "{scores:?}");
        assert!(scores.services["front"] > scores.services["calm"], "{scores:?}");
        // Every start is at the guilty one. The walk stays there with weight 1 − ρ and goes back with ρ, and returns from there at once:
        // π_f = .85·.2·π_g and π_f + π_g = 1.
        assert!((scores.services["guilty"] - 1.0 / 1.17).abs() < 1e-9, "{scores:?}");
    }

    #[test]
    fn without_a_front_end_there_is_no_answer() {
        let (frame, calls) = (frame(), CallGraph::new());
        let rows = Rows::split(&frame, 4);
        let input = |entry| BaselineInput { frame: &frame, rows: &rows, calls: &calls, entry, seed: 0 };
        assert!(score(&input(None)).unwrap_err().contains("needs a front-end"));
        let answered = score(&input(Some("front"))).unwrap();
        assert!(answered.services["guilty"] > answered.services["calm"]);
    }
}
