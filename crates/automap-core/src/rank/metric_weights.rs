//! Which metrics to trust: learnt from confirmed incidents that looked alike.

use serde::{Deserialize, Serialize};

use crate::graph::{ByType, MetricType, WeightedGraph};
use crate::time::Timestamp;

/// One incident whose cause an operator confirmed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ConfirmedCase {
    /// Its name, for people.
    pub id: String,
    /// When the incident began. Only earlier incidents teach anything about a later one.
    pub started: Timestamp,
    /// The service that was confirmed.
    pub cause: String,
    /// The anomaly graph: what was not normal.
    pub anomaly: WeightedGraph,
    /// How well each metric type alone finds the confirmed cause: 1 over its rank, 0 where it cannot rank it.
    pub precision: ByType,
}

/// How metric weights are learnt.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LearningOptions {
    /// Incidents that count: the most similar ones. Default 5.
    pub neighbours: usize,
    /// κ, strength of the prior (equal weights) in units of one perfectly similar, perfectly precise case. Default 1.
    pub prior: f64,
}

impl Default for LearningOptions {
    fn default() -> Self {
        Self { neighbours: 5, prior: 1.0 }
    }
}

/// Equal weights: what a system without history starts with.
pub const EQUAL_WEIGHTS: ByType = [1.0 / MetricType::COUNT as f64; MetricType::COUNT];

/// Weights of the metric types for an incident with this anomaly graph, summing to 1:
/// `w_k = (κ/m + Σ_h S(G, G_h)·π_hk) / (κ + Σ_h Σ_k' S(G, G_h)·π_hk')` over the most similar confirmed cases `h`, a Dirichlet
/// posterior mean with equal prior weights. Without cases: equal weights. Ties in similarity go by id, so that the order of the
/// history does not matter. The paper gives the idea (top-K similar anomaly profiles, precision of each metric), not the formula.
pub fn learn_weights(anomaly: &WeightedGraph, history: &[ConfirmedCase], options: &LearningOptions) -> ByType {
    if history.is_empty() {
        return EQUAL_WEIGHTS;
    }
    let mut alike: Vec<(f64, &ConfirmedCase)> =
        history.iter().map(|case| (anomaly.similarity(&case.anomaly), case)).collect();
    alike.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.id.cmp(&b.1.id)));
    let mut mass = [options.prior / MetricType::COUNT as f64; MetricType::COUNT];
    for (similarity, case) in alike.into_iter().take(options.neighbours) {
        mass.iter_mut().zip(case.precision).for_each(|(m, precision)| *m += similarity * precision);
    }
    let sum: f64 = mass.iter().sum();
    if sum > 0.0 { mass.map(|m| m / sum) } else { EQUAL_WEIGHTS }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::BehaviourGraph;

    fn case(id: &str, anomaly: WeightedGraph, metric: MetricType) -> ConfirmedCase {
        let mut precision = ByType::default();
        precision[metric as usize] = 1.0;
        ConfirmedCase { id: id.into(), started: Timestamp::from_ms(0), cause: "a".into(), anomaly, precision }
    }

    /// κ = 1, one identical case that CPU alone solves: CPU (1/7 + 1)/2 = 4/7, the others 1/14.
    #[test]
    fn one_case_by_hand() {
        let graph = BehaviourGraph::of_window(["a".to_owned()]).weights();
        // A service without edges has no class in either graph, which is the same class.
        assert_eq!(graph.similarity(&graph), 1.0);
        let history = [case("x", graph.clone(), MetricType::Cpu)];
        let w = learn_weights(&graph, &history, &LearningOptions::default());
        assert!((w[MetricType::Cpu as usize] - 4.0 / 7.0).abs() < 1e-12, "{w:?}");
        assert!((w[0] - 1.0 / 14.0).abs() < 1e-12 && (w.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        assert_eq!(learn_weights(&graph, &[], &LearningOptions::default()), EQUAL_WEIGHTS);
    }

    #[test]
    fn only_the_most_alike_count_and_their_order_does_not() {
        let here = BehaviourGraph::of_window(["a".to_owned()]).weights();
        let there = BehaviourGraph::of_window(["b".to_owned()]).weights();
        let mut history = vec![case("far", there, MetricType::Io), case("near", here.clone(), MetricType::Cpu)];
        let one = LearningOptions { neighbours: 1, ..LearningOptions::default() };
        let w = learn_weights(&here, &history, &one);
        assert!(w[MetricType::Cpu as usize] > w[MetricType::Io as usize]);
        history.reverse();
        assert_eq!(learn_weights(&here, &history, &one), w);
    }
}
