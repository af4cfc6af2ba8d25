//! Words which services wait for a cause: on a node, on a node saturated by a workload, or for the DNS.

use super::model::HoldsUp;
use crate::analysis::Analysis;
use crate::entity::EntityKind;
use crate::frame::ServiceIdx;
use crate::rank::suspects::DECIDES;
use crate::text::listed;

/// Services that a sentence lists.
const MAX_LISTED: usize = 3;

/// By node, in the order of names; empty if calls do not decide.
pub(super) fn holds_up(analysis: &Analysis, service: ServiceIdx) -> Vec<HoldsUp> {
    let name = |s: ServiceIdx| analysis.frame.service(s).to_owned();
    let suspect = analysis.suspects.of(service).filter(|_| analysis.suspects.weight >= DECIDES);
    let held_up = suspect.into_iter().flat_map(|suspect| &suspect.held_up);
    held_up
        .map(|(node, waiting)| HoldsUp { node: name(*node), services: waiting.iter().map(|s| name(*s)).collect() })
        .collect()
}

/// `, on which payment and user wait`; for the DNS `, for which payment and user wait`; for a workload that saturates a node
/// `, which takes node/three: payment and user on it wait`.
pub(super) fn words(service: &str, kind: EntityKind, holds_up: &[HoldsUp]) -> String {
    let by_node = holds_up.iter().map(|HoldsUp { node, services }| {
        let verb = if services.len() == 1 { "waits" } else { "wait" };
        let services = enumerated(services);
        match node == service {
            true if kind == EntityKind::Dns => format!(", for which {services} {verb}"),
            true => format!(", on which {services} {verb}"),
            false => format!(", which takes {node}: {services} on it {verb}"),
        }
    });
    by_node.collect()
}

/// `a`, `a and b`, `a, b and 3 more`.
fn enumerated(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [only] => only.clone(),
        [first @ .., last] if names.len() <= MAX_LISTED => format!("{} and {last}", first.join(", ")),
        _ => listed(names, MAX_LISTED - 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sentence_names_few_and_counts_the_rest() {
        let on = |services: &[&str]| {
            vec![HoldsUp { node: "node/1".into(), services: services.iter().map(|s| (*s).to_owned()).collect() }]
        };
        assert_eq!(words("node/1", EntityKind::Node, &on(&["a"])), ", on which a waits");
        assert_eq!(words("node/1", EntityKind::Dns, &on(&["a"])), ", for which a waits");
        assert_eq!(words("node/1", EntityKind::Node, &on(&["a", "b", "c"])), ", on which a, b and c wait");
        assert_eq!(
            words("batch/x", EntityKind::Neighbour, &on(&["a", "b", "c", "d"])),
            ", which takes node/1: a, b and 2 more on it wait"
        );
        assert_eq!(words("a", EntityKind::Service, &[]), "");
    }
}
