//! Learns how much to trust each metric type, from similar confirmed incidents.
//!
//! The paper of AutoMAP (Ma et al., WWW 2020) gives the idea (the most similar anomaly graphs, the precision of each metric on them), not the
//! formula; this is a Dirichlet posterior mean with equal prior weights. Only the AutoMAP engine uses it: learnt weights did not help the
//! evidence engine.

use serde::{Deserialize, Serialize};

use crate::graph::{ByType, MetricType, WeightedGraph};
use crate::time::Timestamp;

/// One incident whose cause an operator confirmed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ConfirmedCase {
    /// Its id.
    pub id: String,
    /// When the incident began. An incident is used only for later ones.
    pub started: Timestamp,
    /// The confirmed cause.
    pub cause: String,
    /// The anomaly graph: what deviated from normal behaviour.
    pub anomaly: WeightedGraph,
    /// How well each metric type alone finds the cause: 1 / rank, 0 if it cannot rank it.
    pub precision: ByType,
}

/// Options for learning metric weights.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LearningOptions {
    /// How many of the most similar incidents count. Default 5.
    pub neighbours: usize,
    /// κ, strength of the equal prior weights, in units of one identical case that one metric solves. Default 1.
    pub prior: f64,
}

impl Default for LearningOptions {
    fn default() -> Self {
        Self { neighbours: 5, prior: 1.0 }
    }
}

/// Equal weights, for a system without history.
pub const EQUAL_WEIGHTS: ByType = [1.0 / MetricType::COUNT as f64; MetricType::COUNT];

/// Computes the weights of the metric types for an incident with this anomaly graph. They sum to 1.
///
/// `w_k = (κ/m + Σ_h S(G, G_h)·π_hk) / (κ + Σ_h Σ_k' S(G, G_h)·π_hk')` over the most similar confirmed cases `h`, where `S` is
/// [`WeightedGraph::similarity`] and `π` the precision. Equal weights without cases. Ties in similarity are broken by id, so that the order
/// of the history does not matter. O(cases × edges).
///
/// ```
/// use automap_core::graph::{BehaviourGraph, MetricType};
/// use automap_core::rank::metric_weights::{ConfirmedCase, LearningOptions, learn_weights};
/// use automap_core::time::Timestamp;
///
/// let anomaly = BehaviourGraph::from_edges(&[("db", "web", MetricType::Cpu)]).weights();
/// let mut precision = [0.0; MetricType::COUNT];
/// precision[MetricType::Cpu as usize] = 1.0;
/// let case = ConfirmedCase {
///     id: "i-1".into(),
///     started: Timestamp::from_ms(0),
///     cause: "db".into(),
///     anomaly: anomaly.clone(),
///     precision,
/// };
/// // One identical case that the CPU alone solves: (1/7 + 1) / 2 = 4/7.
/// let weights = learn_weights(&anomaly, &[case], &LearningOptions::default());
/// assert!((weights[MetricType::Cpu as usize] - 4.0 / 7.0).abs() < 1e-12);
/// ```
pub fn learn_weights(anomaly: &WeightedGraph, history: &[ConfirmedCase], options: &LearningOptions) -> ByType {
    if history.is_empty() {
        return EQUAL_WEIGHTS;
    }
    let mut similar: Vec<(f64, &ConfirmedCase)> =
        history.iter().map(|case| (anomaly.similarity(&case.anomaly), case)).collect();
    similar.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.id.cmp(&b.1.id)));
    let mut mass = [options.prior / MetricType::COUNT as f64; MetricType::COUNT];
    for (similarity, case) in similar.into_iter().take(options.neighbours) {
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
    fn only_the_most_similar_count_and_their_order_does_not() {
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
