//! `/metrics`: what kube-state-metrics exports about the same cluster, with its names, labels and habits.
//!
//! The habits that matter for detecting changes: times are whole seconds; ReplicaSets of former versions stay, with no pods; the last termination of
//! a container stays until the next one, while its waiting reason exists only as long as it waits; deleted objects have no series.

mod containers;
mod jobs;
mod nodes;
mod pods;
mod workloads;

use super::ClusterReading;
use super::exposition::Exposition;

/// The text for this cluster.
pub fn render(cluster: &ClusterReading) -> String {
    let mut text = Exposition::default();
    workloads::write(&mut text, cluster);
    pods::write(&mut text, &cluster.pods);
    containers::write(&mut text, &cluster.pods);
    jobs::write(&mut text, &cluster.jobs);
    nodes::write(&mut text, &cluster.nodes);
    nodes::namespaces(&mut text, &cluster.pods);
    text.into_text()
}

fn flag(holds: bool) -> f64 {
    f64::from(u8::from(holds))
}

/// One sample for each status of a condition, as the API server's tri-state gives it.
fn condition(text: &mut Exposition, name: &str, of: &[(&str, &str)], condition: &str, holds: bool) {
    for (status, value) in [("true", holds), ("false", !holds), ("unknown", false)] {
        let labels: Vec<(&str, &str)> =
            of.iter().copied().chain([("condition", condition), ("status", status)]).collect();
        text.sample(name, &labels, flag(value), None);
    }
}
