//! Each source with its actual format.

use automap_core::time::Timestamp;
use serde_json::json;

use super::polled::{Polled, PolledFaults};
use super::*;
use crate::pods::Pods;
use crate::{Entry, Source, State};

fn t(s: i64) -> Timestamp {
    Timestamp::parse_rfc3339("2026-03-01T10:00:00Z").unwrap().plus_ms(s * 1000)
}

fn event(reason: &str, message: &str, s: i64) -> serde_json::Value {
    let object = json!({"kind": "NetworkChaos", "namespace": "shop", "name": "slow", "uid": "u"});
    json!({"involvedObject": object, "reason": reason, "message": message, "firstTimestamp": t(s).rfc3339()})
}

fn applied(id: &str, s: i64) -> serde_json::Value {
    event("Applied", &format!("Successfully apply chaos for {id}"), s)
}

#[test]
fn events_tell_who_was_hit_and_how_long() {
    let mut of_a_pod = event("Killing", "Stopping container", 5);
    of_a_pod["involvedObject"]["kind"] = json!("Pod");
    let list = json!({"items": [
        event("Started", "Experiment has started", 9),
        event("Recovered", "Successfully recover chaos for shop/a-0/app", 40),
        applied("shop/a-0/app", 10), applied("shop/b-0", 11), of_a_pod,
        event("TimeUp", "Time up according to the duration", 41),
    ]});
    let entries = events::kubernetes(&list, &Pods::default());
    assert_eq!(entries.len(), 1);
    let entry = &entries[0];
    assert_eq!(
        (entry.services(), entry.source, entry.state),
        (vec!["a", "b"], Source::KubernetesEvents, State::Injected)
    );
    assert_eq!((entry.started, entry.ended), (Some(t(10)), Some(t(41))), "b has no recovery: its time was up");
    assert_eq!(entry.targets[0].container.as_deref(), Some("app"));
}

#[test]
fn events_without_an_injection_say_so() {
    let list = json!({"items": [event("Started", "", 9), event("Failed", "Failed to select targets: no pod", 9)]});
    let entry = events::kubernetes(&list, &Pods::default()).remove(0);
    assert_eq!((entry.state, entry.started), (State::NothingInjected, None));
    assert!(entry.notes.iter().any(|n| n.contains("no pod")), "{:?}", entry.notes);
}

#[test]
fn the_dashboard_says_the_same_in_its_own_fields() {
    let one = |reason: &str, message: &str, s: i64| {
        json!({"id": 1, "object_id": "u", "created_at": t(s).rfc3339(), "namespace": "shop", "name": "slow",
            "kind": "StressChaos", "type": "Normal", "reason": reason, "message": message})
    };
    let list = json!([
        one("Applied", "Successfully apply chaos for shop/carts-0/carts", 10),
        one("Recovered", "Successfully recover chaos for shop/carts-0/carts", 70),
    ]);
    let entry = events::dashboard(&list, &Pods::default()).remove(0);
    assert_eq!((entry.services(), entry.ended, entry.source), (vec!["carts"], Some(t(70)), Source::DashboardEvents));
    let archived = json!([{"uid": "u", "kind": "StressChaos", "namespace": "shop", "name": "slow", "created_at": t(5).rfc3339()}, {"kind": "Workflow", "uid": "w", "name": "w"}]);
    let entries = archive::archives(&archived);
    assert_eq!((entries.len(), entries[0].state, entries[0].started), (1, State::UnknownEnd, Some(t(5))));
}

#[test]
fn a_labels_file_is_taken_at_its_word() {
    let entries = labels::read("faults:\n- {name: slow, services: [payment], kind: NetworkChaos, action: delay, from: 2026-03-01T10:00:10Z, to: 2026-03-01T10:05:00Z}\n").unwrap();
    let entry = &entries[0];
    assert_eq!((entry.services(), entry.started, entry.ended), (vec!["payment"], Some(t(10)), Some(t(300))));
    assert_eq!((entry.expected_metric.as_deref(), entry.state), (Some("latency"), State::Injected));
    for (yaml, says) in [
        ("faults: [{name: a, services: [b], from: today}]", "fault 1 (a): from \"today\" is not a time"),
        (
            "faults: [{name: a, services: [b], from: 2026-03-01T10:00:10Z, to: 2026-03-01T09:00:00Z}]",
            "ends before it begins",
        ),
        ("faults:\n- {name: a, service: b, from: 2026-03-01T10:00:10Z}", "service"),
        ("[]", "a labels file is a list `faults:`"),
    ] {
        let error = labels::read(yaml).unwrap_err().to_string();
        assert!(error.contains(says), "{yaml}: {error}");
    }
}

#[test]
fn a_fault_in_a_virtual_service_is_in_place_while_it_stands_there() {
    let with = |fault: serde_json::Value| {
        json!({"kind": "VirtualService",
            "metadata": {"name": "payment", "namespace": "shop", "uid": "v", "managedFields": [
                {"time": t(100).rfc3339(), "fieldsV1": {"f:spec": {}}}, {"time": t(900).rfc3339(), "fieldsV1": {"f:status": {}}}]},
            "spec": {"hosts": ["payment"], "http": [
                {"fault": fault, "route": [{"destination": {"host": "payment.shop.svc.cluster.local"}}]},
                {"route": [{"destination": {"host": "other"}}]}]}})
    };
    let mut polled = PolledFaults::default();
    let mut poll = |object: &serde_json::Value, s| {
        polled.update(&istio::faults(object), Polled::Namespace(""), Source::Istio, t(s))
    };
    assert_eq!(poll(&with(json!(null)), 10), []);
    let news = poll(&with(json!({"delay": {"fixedDelay": "2s", "percentage": {"value": 50}}})), 105);
    assert_eq!((news[0].services(), news[0].started, news[0].state), (vec!["payment"], Some(t(100)), State::Running));
    assert_eq!((news[0].action.as_str(), news[0].fraction), ("delay", Some(0.5)));
    let news = poll(&with(json!({"abort": {"httpStatus": 503, "percentage": {"value": 0}}})), 200);
    assert_eq!((news.len(), news[0].state, news[0].ended), (1, State::Injected, Some(t(200))), "0 % hits no request");
}

#[test]
fn flags_of_the_demo_name_the_service_they_break() {
    let file = |variant: &str| {
        json!({"flags": {
            "paymentFailure": {"state": "ENABLED", "variants": {"50%": 0.5, "off": 0}, "defaultVariant": variant},
            "adHighCpu": {"state": "DISABLED", "variants": {"on": true, "off": false}, "defaultVariant": "on"},
            "llmInaccurateResponse": {"state": "ENABLED", "variants": {"on": true}, "defaultVariant": "on"}}})
    };
    let mut polled = PolledFaults::default();
    let mut poll =
        |variant, s| polled.update(&flagd::faults(&file(variant)), Polled::Namespace(""), Source::Flagd, t(s));
    let first: Vec<Entry> = poll("50%", 1);
    assert_eq!((first.len(), first[0].services(), first[0].started), (1, vec!["payment"], None));
    assert!(first[0].notes.iter().any(|n| n.contains("at the first poll")));
    assert_eq!(poll("off", 5)[0].ended, Some(t(5)));
    let again = poll("50%", 9);
    assert_eq!((again[0].key.as_str(), again[0].started), ("flagd/paymentFailure/2", Some(t(9))));
}

#[test]
fn a_litmus_result_is_in_place_while_it_runs() {
    let result = |phase: &str, status: &str| {
        json!({"kind": "ChaosResult", "metadata": {"name": "e-pod-cpu-hog", "namespace": "shop", "uid": "r"},
            "spec": {"engine": "e", "experiment": "pod-cpu-hog"},
            "status": {"experimentStatus": {"phase": phase}, "history": {"targets": [{"name": "carts", "kind": "deployment", "chaosStatus": status}]}}})
    };
    let fault = litmus::fault(&result("Running", "injected")).unwrap();
    assert_eq!(
        (fault.services.as_slice(), fault.expected_metric.as_deref()),
        (["carts".to_owned()].as_slice(), Some("cpu"))
    );
    assert_eq!(litmus::fault(&result("Completed", "reverted")), None);
}

/// Machines have addresses; events expire after an hour, the injection's first.
#[test]
fn events_name_machines_and_may_lack_the_injection() {
    let mut at_machine = applied("http://10.0.0.7:31760", 10);
    at_machine["involvedObject"]["kind"] = json!("PhysicalMachineChaos");
    let entry = events::kubernetes(&json!({"items": [at_machine]}), &Pods::default()).remove(0);
    assert_eq!((entry.places(), entry.services()), (vec!["http://10.0.0.7:31760"], Vec::new()));
    let cut = json!({"items": [event("Recovered", "Successfully recover chaos for shop/a-0", 40)]});
    let entry = events::kubernetes(&cut, &Pods::default()).remove(0);
    assert_eq!((entry.state, entry.started), (State::UnknownEnd, None));
}
