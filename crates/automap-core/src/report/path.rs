//! How a fault reaches the users: calls from an entry service down to the cause.

use std::collections::{BTreeMap, VecDeque};

use crate::topology::CallGraph;

/// The shortest chain of calls from an entry to `target`, both included; ties by name. If no entry reaches it by calls, the path goes through the
/// nearest of the services that it holds up. Only `target` if there is no path (an asynchronous consumer, or no graph).
pub(super) fn from_entry<'a>(
    calls: &CallGraph,
    target: &str,
    held_up: impl IntoIterator<Item = &'a String>,
) -> Vec<String> {
    let by_calls = by_calls(calls, target);
    if by_calls.len() > 1 || calls.entries().contains(&target) {
        return by_calls;
    }
    let ways = held_up.into_iter().map(|service| self::by_calls(calls, service));
    match ways.min_by(|a, b| a.len().cmp(&b.len()).then_with(|| a.cmp(b))) {
        Some(way) => way.into_iter().chain([target.to_owned()]).collect(),
        None => by_calls,
    }
}

fn by_calls(calls: &CallGraph, target: &str) -> Vec<String> {
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
        assert_eq!(from_entry(&shop(), "payment", []), ["front-end", "orders", "payment"]);
        assert_eq!(from_entry(&shop(), "user", []), ["front-end", "user"]);
        assert_eq!(from_entry(&shop(), "unknown", []), ["unknown"]);
        let held_up = ["payment".to_owned(), "user".to_owned()];
        assert_eq!(
            from_entry(&shop(), "node/1", &held_up),
            ["front-end", "user", "node/1"],
            "the nearest that waits on it"
        );
        assert_eq!(from_entry(&shop(), "orders", &held_up), ["front-end", "orders"], "what is called is called");
        assert!(shop().reaches("front-end", "payment") && !shop().reaches("payment", "front-end"));
    }

    #[test]
    fn a_cycle_ends() {
        let cycle: CallGraph = [("a", "b"), ("b", "a")].into_iter().collect();
        assert!(cycle.entries().is_empty());
        assert_eq!(from_entry(&cycle, "b", []), ["b"]);
    }
}
