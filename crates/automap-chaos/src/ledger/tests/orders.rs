//! Watches of several kinds are interleaved, repeated and late, and still give the same entries.

use super::cluster::{apply, at, record, recover, workload_pod};
use super::*;

/// Three experiments, a pod and two deletions, as delivered by their watches. `(when, event)`.
fn story() -> Vec<WatchEvent> {
    let hit = |events: &[serde_json::Value]| vec![record("shop/user-7d4b9c6f5-x2x5z", ".", "Injected", events)];
    let kill = || Chaos::new("PodChaos", "k").spec(json!({"action": "pod-kill"}));
    vec![
        WatchEvent::Added(workload_pod("shop", "user-7d4b9c6f5-x2x5z", "user-7d4b9c6f5")),
        WatchEvent::Added(delay("a").version(1).value()),
        WatchEvent::Modified(delay("a").version(2).records(&hit(&[apply(10)])).value()),
        WatchEvent::Modified(delay("a").version(3).paused().records(&hit(&[apply(10), recover(40)])).value()),
        WatchEvent::Modified(delay("a").version(4).records(&hit(&[apply(10), recover(40), apply(50)])).value()),
        WatchEvent::Deleted(
            delay("a").version(5).deleting(70).records(&hit(&[apply(10), recover(40), apply(50), recover(71)])).value(),
        ),
        WatchEvent::Added(delay("b").version(2).records(&hit(&[apply(20)])).value()),
        WatchEvent::Deleted(delay("b").version(9).deleting(45).records(&hit(&[apply(20)])).value()),
        WatchEvent::Modified(kill().version(3).records(&hit(&[apply(30)])).value()),
    ]
}

/// The relevant part; the time of observation, and intermediate states, depend on the order.
fn essence(ledger: &Ledger) -> Vec<String> {
    let one = |e: &Entry| {
        format!("{} {:?} {:?} {:?} {:?} {:?}", e.key, e.state, e.services(), e.started, e.ended, e.fraction)
    };
    ledger.entries().iter().map(one).collect()
}

#[test]
fn the_order_of_delivery_changes_nothing() {
    let story = story();
    let mut straight = ledger();
    story.iter().for_each(|event| drop(straight.apply(event, at(100))));
    let want = essence(&straight);
    assert_eq!(want.len(), 4, "{want:#?}");
    // All permutations would be 362880; these are 2000 of them, each with some repeated events.
    let mut state = 7_u64;
    let mut random = |n: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % n
    };
    for round in 0..2000 {
        let mut order: Vec<usize> = (0..story.len()).collect();
        (1..order.len()).rev().for_each(|i| order.swap(i, random(i + 1)));
        order.extend((0..3).map(|_| random(story.len())));
        let mut ledger = ledger();
        order.iter().for_each(|i| drop(ledger.apply(&story[*i], at(100))));
        ledger.tick(at(100));
        assert_eq!(essence(&ledger), want, "round {round}: {order:?}");
    }
}
