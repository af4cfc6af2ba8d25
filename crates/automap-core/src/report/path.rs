//! How a fault reaches the users: calls from an entry service down to the cause.

use std::collections::{BTreeMap, VecDeque};

use crate::topology::CallGraph;

/// The shortest chain of calls from an entry to `target`, both included; ties by name. Only `target` when no entry
/// reaches it (an asynchronous consumer, or no graph).
pub(super) fn from_entry(calls: &CallGraph, target: &str) -> Vec<String> {
    let mut queue: VecDeque<&str> = calls.entries().into();
    let mut came_from: BTreeMap<&str, Option<&str>> = queue.iter().map(|e| (*e, None)).collect();
    while let Some(at) = queue.pop_front() {
        if at == target {
            break;
        }
        for next in calls.callees(at) {
            if !came_from.contains_key(next) {
                came_from.insert(next, Some(at));
                queue.push_back(next);
            }
        }
    }
    let mut path = vec![target.to_owned()];
    let mut at = target;
    while let Some(Some(before)) = came_from.get(at) {
        path.push((*before).to_owned());
        at = before;
    }
    path.reverse();
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shop() -> CallGraph {
        [("front-end", "orders"), ("orders", "payment"), ("front-end", "user"), ("orders", "user"), ("worker", "queue")]
            .into_iter()
            .collect()
    }

    #[test]
    fn the_shortest_way_from_an_entry() {
        assert_eq!(shop().entries(), ["front-end", "worker"]);
        assert_eq!(from_entry(&shop(), "payment"), ["front-end", "orders", "payment"]);
        assert_eq!(from_entry(&shop(), "user"), ["front-end", "user"]);
        assert_eq!(from_entry(&shop(), "unknown"), ["unknown"]);
        assert!(shop().reaches("front-end", "payment") && !shop().reaches("payment", "front-end"));
    }

    #[test]
    fn a_cycle_ends() {
        let cycle: CallGraph = [("a", "b"), ("b", "a")].into_iter().collect();
        assert!(cycle.entries().is_empty());
        assert_eq!(from_entry(&cycle, "b"), ["b"]);
    }
}
