//! Deletions, also while no recorder ran; restarts of the API server and of the recorder.

use super::cluster::{apply, at, record, recover};
use super::*;

fn hit(events: &[serde_json::Value]) -> Vec<serde_json::Value> {
    vec![record("shop/a-0", ".", "Injected", events)]
}

fn relisted(objects: Vec<serde_json::Value>) -> WatchEvent {
    WatchEvent::Relisted { kind: "NetworkChaos".to_owned(), namespace: None, objects }
}

/// A workflow's child is deleted at its deadline; its last state may lack the recovery.
#[test]
fn a_deletion_ends_what_is_open() {
    let mut ledger = ledger();
    let running = delay("u").records(&hit(&[apply(10)]));
    ledger.apply(&WatchEvent::Added(running.value()), at(11));
    let deleting = running.deleting(60);
    ledger.apply(&WatchEvent::Modified(deleting.value()), at(60));
    let entry = last(&ledger, "u/1");
    assert_eq!(entry.state, State::Running);
    assert!(entry.notes.iter().any(|n| n.contains("a finalizer waits")), "{:?}", entry.notes);
    ledger.apply(&WatchEvent::Deleted(deleting.value()), at(63));
    let entry = last(&ledger, "u/1");
    assert_eq!((entry.state, entry.ended), (State::Injected, Some(at(60))));
}

#[test]
fn the_last_state_of_a_deleted_one_may_hold_its_recovery() {
    let mut ledger = ledger();
    let running = delay("u").records(&hit(&[apply(10)]));
    ledger.apply(&WatchEvent::Added(running.value()), at(11));
    let gone = running.deleting(60).records(&hit(&[apply(10), recover(62)]));
    ledger.apply(&WatchEvent::Deleted(gone.value()), at(63));
    assert_eq!(last(&ledger, "u/1").ended, Some(at(62)));
}

/// Missing from the list after the watch broke: it ended as planned if that was within the gap, otherwise at an unknown time.
#[test]
fn what_vanished_unwatched_ends_by_plan_or_nobody_knows() {
    let mut ledger = ledger();
    ledger.apply(&WatchEvent::Added(delay("u").records(&hit(&[apply(10)])).value()), at(11));
    let mut early = ledger.clone();
    ledger.apply(&relisted(vec![]), at(400));
    let entry = last(&ledger, "u/1");
    assert_eq!((entry.state, entry.ended), (State::Injected, Some(at(310))));
    early.apply(&relisted(vec![]), at(100));
    let entry = last(&early, "u/1");
    assert_eq!((entry.state, entry.ended), (State::UnknownEnd, None));
    assert!(entry.notes.iter().any(|n| n.contains("vanished unwatched")), "{:?}", entry.notes);
}

#[test]
fn a_list_of_one_namespace_says_nothing_about_others() {
    let mut ledger = ledger();
    ledger.apply(&WatchEvent::Added(delay("u").records(&hit(&[apply(10)])).value()), at(11));
    let other = WatchEvent::Relisted { kind: "NetworkChaos".into(), namespace: Some("other".into()), objects: vec![] };
    assert_eq!(ledger.apply(&other, at(20)), []);
    let other_kind = WatchEvent::Relisted { kind: "PodChaos".into(), namespace: None, objects: vec![] };
    assert_eq!(ledger.apply(&other_kind, at(20)), []);
}

/// After a restart the API server may answer from a cache that is older than what was already observed.
#[test]
fn an_older_list_takes_nothing_back() {
    let mut ledger = ledger();
    let old = delay("u").version(10).records(&hit(&[apply(10)]));
    let new = delay("u").version(12).stopped().records(&hit(&[apply(10), recover(50)]));
    ledger.apply(&WatchEvent::Added(new.value()), at(51));
    assert_eq!(ledger.apply(&relisted(vec![old.value()]), at(60)), []);
    assert_eq!(last(&ledger, "u/1").ended, Some(at(50)));
    assert_eq!(ledger.apply(&relisted(vec![new.value()]), at(61)), []);
}

/// One that an older list lacked comes back with the next list.
#[test]
fn one_that_comes_back_goes_on() {
    let mut ledger = ledger();
    let running = delay("u").records(&hit(&[apply(10)]));
    ledger.apply(&WatchEvent::Added(running.value()), at(11));
    ledger.apply(&relisted(vec![]), at(20));
    assert_eq!(last(&ledger, "u/1").state, State::UnknownEnd);
    ledger.apply(&relisted(vec![running.value()]), at(25));
    assert_eq!(last(&ledger, "u/1").state, State::Running);
}

/// A restart of the recorder: experiments running in the file may have ended, continued, or vanished in the meantime.
#[test]
fn a_ledger_goes_on_from_its_file() {
    let mut first = ledger();
    first.apply(&WatchEvent::Added(delay("u").records(&hit(&[apply(10)])).value()), at(11));
    let lines: String = first.entries().iter().map(|e| crate::file::line(e).unwrap()).collect();
    let resume = || Ledger::resume(LedgerOptions::default(), crate::file::read(lines.as_bytes()).unwrap());
    let mut ended = resume();
    let over = delay("u").stopped().records(&hit(&[apply(10), recover(310)]));
    ended.apply(&relisted(vec![over.value()]), at(500));
    assert_eq!(last(&ended, "u/1").ended, Some(at(310)));
    let mut vanished = resume();
    vanished.apply(&relisted(vec![]), at(500));
    let entry = last(&vanished, "u/1");
    assert_eq!((entry.state, entry.services()), (State::UnknownEnd, vec!["a"]), "its duration is not in the file");
    let mut same = resume();
    assert_eq!(same.apply(&relisted(vec![delay("u").records(&hit(&[apply(10)])).value()]), at(12)), []);
}

/// A reused name is another experiment.
#[test]
fn the_same_name_is_not_the_same_experiment() {
    let mut ledger = ledger();
    let first = delay("one").records(&hit(&[apply(10)]));
    ledger.apply(&WatchEvent::Added(first.value()), at(11));
    ledger.apply(&WatchEvent::Deleted(first.deleting(20).value()), at(20));
    let mut again = delay("two").records(&hit(&[apply(30)])).value();
    again["metadata"]["name"] = json!("one");
    ledger.apply(&WatchEvent::Added(again), at(31));
    let ended: Vec<Option<Timestamp>> = ledger.entries().iter().map(|e| e.ended).collect();
    assert_eq!(ended, [Some(at(20)), None]);
}
