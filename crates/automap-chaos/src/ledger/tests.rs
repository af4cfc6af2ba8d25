//! The pitfalls of Chaos Mesh for finding out what was injected, with objects as it writes them.

mod cluster;
mod orders;
mod status;
mod unavailable;

use serde_json::json;

use super::*;
use crate::Source;
use cluster::{Chaos, apply, at, failed, pod, record, recover, workload_pod};

fn ledger() -> Ledger {
    Ledger::new(LedgerOptions::default())
}

fn delay(uid: &str) -> Chaos {
    Chaos::new("NetworkChaos", uid).spec(json!({"action": "delay", "mode": "all", "duration": "5m"}))
}

/// The last entry for an experiment.
fn last(ledger: &Ledger, key: &str) -> Entry {
    let all = ledger.entries();
    all.iter().find(|e| e.key == key).cloned().unwrap_or_else(|| panic!("no {key} in {all:#?}"))
}

#[test]
fn an_interval_is_from_the_first_apply_to_the_recovery() {
    let mut ledger = ledger();
    ledger.apply(&WatchEvent::Added(workload_pod("shop", "payment-7d4b9c6f5-x2x5z", "payment-7d4b9c6f5")), at(0));
    let running = delay("u").records(&[record("shop/payment-7d4b9c6f5-x2x5z", ".", "Injected", &[apply(10)])]);
    let news = ledger.apply(&WatchEvent::Added(running.value()), at(11));
    assert_eq!((news.len(), news[0].state, news[0].ended), (1, State::Running, None));
    let over =
        running.records(&[record("shop/payment-7d4b9c6f5-x2x5z", ".", "Not Injected", &[apply(10), recover(310)])]);
    ledger.apply(&WatchEvent::Modified(over.stopped().value()), at(311));
    let entry = last(&ledger, "u/1");
    assert_eq!((entry.started, entry.ended, entry.state), (Some(at(10)), Some(at(310)), State::Injected));
    assert_eq!((entry.services(), entry.fraction, entry.source), (vec!["payment"], Some(1.0), Source::Records));
    assert_eq!((entry.action.as_str(), entry.expected_metric.as_deref()), ("delay", Some("latency")));
}

/// Conditions state that everything is injected while a record states that its pod is not (chaos-mesh#3127, #3568).
#[test]
fn records_count_and_conditions_do_not() {
    let mut ledger = ledger();
    let stuck = delay("u").condition("AllInjected", true).condition("Selected", true).records(&[
        record("shop/a-0", ".", "Injected", &[apply(10)]),
        record("shop/b-0", ".", "Not Injected/Wait", &[failed(12, "unable to flush ip sets")]),
    ]);
    ledger.apply(&WatchEvent::Added(stuck.value()), at(20));
    let entry = last(&ledger, "u/1");
    assert_eq!(entry.services(), ["a"]);
    assert!(entry.notes.iter().any(|n| n == "not injected: shop/b-0"), "{:?}", entry.notes);
    let over = stuck.records(&[
        record("shop/a-0", ".", "Not Injected", &[apply(10), recover(60)]),
        record("shop/b-0", ".", "Not Injected", &[failed(12, "unable to flush ip sets")]),
    ]);
    ledger.apply(&WatchEvent::Modified(over.value()), at(61));
    assert_eq!(last(&ledger, "u/1").state, State::Partial);
}

#[test]
fn the_target_of_a_network_fault_is_a_peer_and_not_hit() {
    let mut ledger = ledger();
    let partition = delay("u").records(&[
        record("shop/orders-0", ".", "Injected", &[apply(10)]),
        record("shop/payment-0", ".Target", "Injected", &[apply(9)]),
    ]);
    ledger.apply(&WatchEvent::Added(partition.value()), at(20));
    let entry = last(&ledger, "u/1");
    assert_eq!((entry.services(), entry.peers.as_slice()), (vec!["orders"], ["payment".to_owned()].as_slice()));
    assert_eq!(entry.started, Some(at(10)));
}

/// `Selected` false, `AllInjected` true, no records: no pod was hit (chaos-mesh#3374).
#[test]
fn a_selector_that_matches_nobody_is_said() {
    let mut ledger = ledger();
    let nothing_hit = delay("u").condition("Selected", false).condition("AllInjected", true).records(&[]);
    let news = ledger.apply(&WatchEvent::Added(nothing_hit.value()), at(1));
    assert_eq!((news[0].state, news[0].started), (State::NothingInjected, None));
    assert_eq!(news[0].notes, ["the selector matched no pod"]);
}

/// `Not Injected/Wait` may last for ever (chaos-mesh#3568): it is reported after the grace period, and withdrawn if it is injected after all.
#[test]
fn one_that_waits_is_told_after_a_while() {
    let mut ledger = ledger();
    let waits = delay("u").records(&[record("shop/a-0", ".", "Not Injected/Wait", &[failed(2, "rpc error")])]);
    assert_eq!(ledger.apply(&WatchEvent::Added(waits.value()), at(3)), []);
    assert_eq!(ledger.tick(at(59)), []);
    let news = ledger.tick(at(61));
    assert_eq!((news.len(), news[0].state), (1, State::NothingInjected));
    assert_eq!(news[0].notes, ["1 selected, none was injected", "shop/a-0: rpc error"]);
    assert_eq!(ledger.tick(at(70)), [], "said once");
    let done = waits.records(&[record("shop/a-0", ".", "Injected", &[apply(90)])]);
    let news = ledger.apply(&WatchEvent::Modified(done.value()), at(91));
    assert_eq!((news[0].key.as_str(), news[0].state, news[0].started), ("u/1", State::Running, Some(at(90))));
}

#[test]
fn pause_and_resume_are_two_stretches() {
    let mut ledger = ledger();
    let hit = |events: &[serde_json::Value]| record("shop/a-0", ".", "Injected", events);
    ledger.apply(&WatchEvent::Added(delay("u").records(&[hit(&[apply(10)])]).value()), at(11));
    let paused = delay("u").paused().records(&[hit(&[apply(10), recover(50)])]);
    ledger.apply(&WatchEvent::Modified(paused.value()), at(51));
    let entry = last(&ledger, "u/1");
    assert_eq!((entry.state, entry.ended), (State::Paused, Some(at(50))));
    let resumed = delay("u").records(&[hit(&[apply(10), recover(50), apply(80)])]);
    let news = ledger.apply(&WatchEvent::Modified(resumed.value()), at(81));
    let states: Vec<(&str, State)> = news.iter().map(|e| (e.key.as_str(), e.state)).collect();
    assert_eq!(states, [("u/1", State::Injected), ("u/2", State::Running)]);
}

/// A kill stays `Injected` and is never recovered (chaos-mesh#3316): it ends when the replacement is ready.
#[test]
fn a_kill_ends_when_the_replacement_is_ready() {
    let mut ledger = ledger();
    ledger.apply(&WatchEvent::Added(workload_pod("shop", "user-7d4b9c6f5-x2x5z", "user-7d4b9c6f5")), at(0));
    let kill = Chaos::new("PodChaos", "u").spec(json!({"action": "pod-kill", "mode": "one"}));
    let kill = kill.records(&[record("shop/user-7d4b9c6f5-x2x5z", ".", "Injected", &[apply(10)])]);
    ledger.apply(&WatchEvent::Added(kill.value()), at(11));
    assert_eq!((last(&ledger, "u/1").state, last(&ledger, "u/1").ended), (State::OneShot, None));
    let new = pod("shop", "user-7d4b9c6f5-bbbbb").owner("ReplicaSet", "user-7d4b9c6f5").created(10);
    assert_eq!(ledger.apply(&WatchEvent::Added(new.value()), at(12)), [], "not ready yet");
    let news = ledger.apply(&WatchEvent::Modified(new.ready(18).value()), at(18));
    assert_eq!((news.len(), news[0].ended, news[0].expected_metric.as_deref()), (1, Some(at(18)), Some("lifecycle")));
}

#[test]
fn a_killed_container_ends_when_it_runs_again_and_its_pod_is_ready() {
    let mut ledger = ledger();
    let before = pod("shop", "orders-0").owner("StatefulSet", "orders").container("orders", Some(-100)).ready(-90);
    ledger.apply(&WatchEvent::Added(before.value()), at(0));
    let kill = Chaos::new("PodChaos", "u")
        .spec(json!({"action": "container-kill", "mode": "one", "containerNames": ["orders"]}));
    let kill = kill.records(&[record("shop/orders-0/orders", ".", "Injected", &[apply(10)])]);
    ledger.apply(&WatchEvent::Added(kill.value()), at(11));
    assert_eq!(last(&ledger, "u/1").ended, None, "the container still shows its earlier start");
    ledger.apply(&WatchEvent::Modified(before.container("orders", Some(13)).ready(21).value()), at(21));
    let entry = last(&ledger, "u/1");
    assert_eq!((entry.ended, entry.targets[0].container.as_deref()), (Some(at(21)), Some("orders")));
}

#[test]
fn one_of_three_replicas_is_a_part() {
    let mut ledger = ledger();
    for id in ["bbbbb", "ccccc", "ddddd"] {
        ledger
            .apply(&WatchEvent::Added(workload_pod("shop", &format!("user-7d4b9c6f5-{id}"), "user-7d4b9c6f5")), at(0));
    }
    let one =
        delay("u").records(&[record("shop/user-7d4b9c6f5-bbbbb", ".", "Not Injected", &[apply(10), recover(20)])]);
    ledger.apply(&WatchEvent::Added(one.value()), at(21));
    let entry = last(&ledger, "u/1");
    assert_eq!((entry.state, entry.fraction.map(|f| (f * 3.0).round())), (State::Partial, Some(1.0)));
}

#[test]
fn what_cannot_work_is_said() {
    let mut ledger = ledger();
    let meshed = workload_pod("shop", "payment-7d4b9c6f5-x2x5z", "payment-7d4b9c6f5");
    ledger.apply(&WatchEvent::Added(meshed), at(0));
    let http = Chaos::new("HTTPChaos", "h").spec(json!({"target": "Request", "delay": "1s"}));
    let http = http.records(&[record("shop/payment-7d4b9c6f5-x2x5z", ".", "Injected", &[apply(10)])]);
    ledger.apply(&WatchEvent::Added(http.value()), at(11));
    assert!(last(&ledger, "h/1").ineffective.is_some_and(|why| why.contains("Istio")));
    let stress = Chaos::new("StressChaos", "s").spec(json!({"stressors": {"cpu": {"workers": 1}}}));
    let stress = stress.records(&[record("shop/payment-7d4b9c6f5-x2x5z/istio-proxy", ".", "Injected", &[apply(10)])]);
    ledger.apply(&WatchEvent::Added(stress.value()), at(11));
    assert!(last(&ledger, "s/1").notes.iter().any(|n| n.contains("hit the side-car")));
    let loss = Chaos::new("NetworkChaos", "l").spec(json!({"action": "loss", "loss": {"loss": "5"}}));
    let loss = loss.records(&[record("shop/a-0", ".", "Injected", &[apply(10)])]);
    ledger.apply(&WatchEvent::Added(loss.value()), at(11));
    assert!(last(&ledger, "l/1").ineffective.is_some());
}

#[test]
fn a_pod_that_was_never_seen_is_told_by_its_name_and_that_is_said() {
    let mut ledger = ledger();
    let hit = delay("u").records(&[record("shop/payment-7d4b9c6f5-x2x5z", ".", "Injected", &[apply(10)])]);
    ledger.apply(&WatchEvent::Added(hit.value()), at(11));
    let entry = last(&ledger, "u/1");
    assert_eq!((entry.services(), entry.fraction), (vec!["payment"], None));
    assert!(entry.notes.iter().any(|n| n.contains("taken from the pod's name")));
}

/// Before 2.3 records have no events: the times are those at which the change was observed.
#[test]
fn old_versions_are_read_by_phases() {
    let mut ledger = ledger();
    let phase = |phase: &str| delay("u").records(&[json!({"id": "shop/a-0", "selectorKey": ".", "phase": phase})]);
    ledger.apply(&WatchEvent::Added(phase("Not Injected").value()), at(1));
    ledger.apply(&WatchEvent::Modified(phase("Injected").value()), at(5));
    ledger.apply(&WatchEvent::Modified(phase("Injected/Wait").value()), at(200));
    ledger.apply(&WatchEvent::Modified(phase("Not Injected").value()), at(305));
    let entry = last(&ledger, "u/1");
    assert_eq!((entry.source, entry.started, entry.ended), (Source::Phases, Some(at(5)), Some(at(305))));
}

/// The last hundred events of a record are kept: an injection may have fallen out.
#[test]
fn a_recovery_without_its_injection_has_an_unknown_begin() {
    let mut ledger = ledger();
    let cut = delay("u").records(&[record("shop/a-0", ".", "Not Injected", &[recover(50)])]);
    let news = ledger.apply(&WatchEvent::Added(cut.value()), at(51));
    assert_eq!((news[0].state, news[0].started), (State::UnknownEnd, None));
}

#[test]
fn children_name_their_parents() {
    let mut ledger = ledger();
    let hit = || vec![record("shop/a-0", ".", "Injected", &[apply(10)])];
    let of = |uid: &str, label: &str| delay(uid).label(label, "nightly").records(&hit());
    ledger.apply(&WatchEvent::Added(of("s", "managed-by").value()), at(11));
    ledger.apply(&WatchEvent::Added(of("w", "chaos-mesh.org/workflow").value()), at(11));
    let parent = |key: &str| last(&ledger, key).parent.map(|p| p.kind);
    assert_eq!((parent("s/1").as_deref(), parent("w/1").as_deref()), (Some("Schedule"), Some("Workflow")));
}

/// A node reports that it started an experiment that existed only between two polls (chaos-mesh#3912).
#[test]
fn a_workflow_node_speaks_for_an_experiment_that_was_never_seen() {
    let mut ledger = ledger();
    let node = |uid: &str, child: &str| {
        json!({
            "kind": "WorkflowNode", "metadata": {"name": uid, "namespace": "shop", "uid": uid, "creationTimestamp": cluster::rfc(5)},
            "spec": {"workflowName": "drill", "startTime": cluster::rfc(5), "deadline": cluster::rfc(65), "networkChaos": {"action": "delay"}},
            "status": {"chaosResource": {"apiGroup": "chaos-mesh.org", "kind": "NetworkChaos", "name": child}}
        })
    };
    ledger.apply(&WatchEvent::Added(node("n1", "ghost")), at(6));
    ledger.apply(&WatchEvent::Added(node("n2", "u")), at(6));
    ledger.apply(
        &WatchEvent::Added(delay("u").records(&[record("shop/a-0", ".", "Injected", &[apply(10)])]).value()),
        at(11),
    );
    let news = ledger.apply(&WatchEvent::Deleted(node("n1", "ghost")), at(70));
    assert_eq!((news.len(), news[0].name.as_str(), news[0].source), (1, "ghost", Source::WorkflowNode));
    assert_eq!((news[0].action.as_str(), news[0].started, news[0].state), ("delay", Some(at(5)), State::UnknownEnd));
    assert_eq!(ledger.apply(&WatchEvent::Deleted(node("n2", "u")), at(70)), [], "that one was observed itself");
}

#[test]
fn strange_objects_are_passed_over() {
    let mut ledger = ledger();
    let malformed = [
        json!(null),
        json!([]),
        json!({"kind": "NetworkChaos"}),
        json!({"kind": "ConfigMap", "metadata": {"name": "x"}}),
    ];
    for object in malformed {
        for event in [WatchEvent::Added(object.clone()), WatchEvent::Deleted(object)] {
            assert_eq!(ledger.apply(&event, at(1)), []);
        }
    }
    let odd = json!({"kind": "PodChaos", "metadata": {"name": "x"}, "status": {"experiment": {"containerRecords": [{"phase": 3}, "?"]}}});
    ledger.apply(&WatchEvent::Added(odd), at(1));
    assert_eq!(ledger.entries(), []);
}
