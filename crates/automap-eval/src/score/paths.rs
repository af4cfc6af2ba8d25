//! Whether the chain of calls reported from the users to a named cause is one that the fault really took.
//!
//! A chain is true if it begins where users enter, each service on it calls the next, it contains the place of the fault or ends at the service that
//! cannot be distinguished from it, and each service on it felt the fault. Chains are scored for correctly named causes if the truth says who felt
//! the fault, as in simulated incidents. If nobody felt it, there is no chain.
//!
//! Worked example. `front-end` calls `orders` and `user`, and both call `db`, which is slow; `user` needs `db` so rarely that it answers as before.
//! `front-end`, `orders`, `db` is true. `front-end`, `user`, `db` are calls as well, but the fault did not take them.

use std::collections::{BTreeMap, BTreeSet};

use automap_core::topology::CallGraph;

/// The services that felt each fault, by the place of the fault.
pub type FeltBy = BTreeMap<String, BTreeSet<String>>;

/// Chains of one answer: the number of true ones, and of all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PathScore {
    /// True chains.
    pub right: usize,
    /// Correctly named causes with a chain to score.
    pub of: usize,
}

impl PathScore {
    /// Scores the chains of the named causes, which are in the same order.
    pub fn of(felt_by: &FeltBy, named: &[Vec<String>], paths: &[Vec<String>], calls: &CallGraph) -> Self {
        let mut score = Self::default();
        for (cause, path) in named.iter().zip(paths) {
            let fault = felt_by.iter().find(|(place, felt)| cause.contains(place) && !felt.is_empty());
            if let Some((place, felt)) = fault {
                score.of += 1;
                let is_there = path.contains(place) || path.last().is_some_and(|last| cause.contains(last));
                let was_felt = path.iter().all(|service| service == place || felt.contains(service));
                score.right += usize::from(is_there && was_felt && is_chain(path, place, calls));
            }
        }
        score
    }
}

/// Whether it leads from an entry along calls; a place that is never called, such as a node, may be at the end.
fn is_chain(path: &[String], place: &str, calls: &CallGraph) -> bool {
    let is_called = calls.edges().any(|(_, callee, _)| callee == place);
    let is_link =
        |pair: &[String]| calls.callees(&pair[0]).any(|callee| callee == pair[1]) || (pair[1] == place && !is_called);
    let begins = path.first().is_some_and(|first| calls.entries().contains(&first.as_str()));
    begins && path.windows(2).all(is_link)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(all: &[&str]) -> Vec<String> {
        all.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn a_chain_is_true_where_the_fault_came_by_it() {
        let calls: CallGraph =
            [("front-end", "orders"), ("front-end", "user"), ("orders", "db"), ("user", "db")].into_iter().collect();
        let felt_by = |place: &str, felt: &[&str]| -> FeltBy {
            [(place.to_owned(), felt.iter().map(|name| (*name).to_owned()).collect())].into()
        };
        let score = |felt_by: &FeltBy, cause: &[&str], path: &[&str]| {
            let score = PathScore::of(felt_by, &[names(cause)], &[names(path)], &calls);
            (score.right, score.of)
        };
        let db = felt_by("db", &["front-end", "orders"]);
        assert_eq!(score(&db, &["db"], &["front-end", "orders", "db"]), (1, 1));
        assert_eq!(score(&db, &["db"], &["front-end", "user", "db"]), (0, 1), "who is on it stayed calm");
        assert_eq!(score(&db, &["db"], &["orders", "db"]), (0, 1), "no user enters there");
        assert_eq!(score(&db, &["db"], &["front-end", "db"]), (0, 1), "no such call");
        assert_eq!(score(&db, &["db"], &[]), (0, 1));
        assert_eq!(score(&db, &["orders", "db"], &["front-end", "orders"]), (1, 1), "the other one of a pair");
        assert_eq!(score(&db, &["user"], &["front-end", "user"]), (0, 0), "the cause is wrong already");
        assert_eq!(score(&felt_by("db", &[]), &["db"], &["front-end", "orders", "db"]), (0, 0), "nobody felt it");
        let node = felt_by("node/1", &["front-end", "orders"]);
        assert_eq!(score(&node, &["node/1"], &["front-end", "orders", "node/1"]), (1, 1));
    }
}
