//! Status objects as found in reports: none, none yet, without events, of machines.

use serde_json::json;

use super::cluster::{Chaos, apply, at, failed, record, recover};
use super::*;

/// A record as Chaos Mesh writes it before anything happened, or before 2.3.
fn bare(id: &str, phase: &str) -> serde_json::Value {
    json!({"id": id, "selectorKey": ".", "phase": phase})
}

fn after_a_minute(chaos: &Chaos) -> Entry {
    let mut ledger = ledger();
    ledger.apply(&WatchEvent::Added(chaos.value()), at(1));
    ledger.tick(at(100));
    last(&ledger, "u/1")
}

#[test]
fn a_missing_status_is_not_a_selector_without_pods() {
    let mut object = delay("u").value();
    object["status"] = json!(null);
    let mut ledger = ledger();
    assert_eq!(ledger.apply(&WatchEvent::Added(object.clone()), at(1)), [], "it may come");
    let news = ledger.tick(at(100));
    assert_eq!((news[0].state, news[0].started), (State::NoStatus, None));
    assert!(news[0].notes[0].starts_with("no status yet"), "{:?}", news[0].notes);
    ledger.apply(&WatchEvent::Deleted(object), at(110));
    assert_eq!(last(&ledger, "u/1").notes, ["deleted before it had a status"]);
    // Records come with the status, which then shows what was hit.
    let hit = delay("u").version(20).records(&[record("shop/a-0", ".", "Injected", &[apply(105)])]);
    ledger.apply(&WatchEvent::Modified(hit.value()), at(106));
    assert_eq!(last(&ledger, "u/1").services(), ["a"]);
}

/// Only the condition shows that there was no pod.
#[test]
fn a_status_without_records_says_no_more_than_it_holds() {
    let unmatched = after_a_minute(&delay("u").condition("Selected", false).records(&[]));
    assert_eq!((unmatched.state, unmatched.notes[0].as_str()), (State::NothingInjected, "the selector matched no pod"));
    let open = after_a_minute(&delay("u").records(&[]));
    assert_eq!(open.state, State::NoStatus);
    assert!(!open.notes[0].contains("matched no pod"), "{:?}", open.notes);
}

#[test]
fn machines_are_addresses_and_not_split() {
    let id = "http://10.0.0.7:31760";
    let disk = Chaos::new("PhysicalMachineChaos", "u").spec(json!({"action": "disk-write-payload", "duration": "2m"}));
    let mut ledger = ledger();
    ledger.apply(&WatchEvent::Added(disk.records(&[record(id, ".", "Injected", &[apply(10)])]).value()), at(11));
    let entry = last(&ledger, "u/1");
    assert_eq!((entry.targets.len(), entry.targets[0].address.as_deref()), (1, Some(id)));
    assert_eq!((entry.targets[0].namespace.as_str(), entry.targets[0].pod.as_str()), ("", ""));
    assert_eq!((entry.places(), entry.targets[0].container.as_deref(), entry.state), (vec![id], None, State::Running));
    assert!(entry.notes.iter().all(|n| !n.contains("pod's name")), "{:?}", entry.notes);
    // After writing and reading, it is the same target.
    let lines: String = ledger.entries().iter().map(|e| crate::file::line(e).unwrap()).collect();
    let mut again = Ledger::resume(LedgerOptions::default(), crate::file::read(lines.as_bytes()).unwrap());
    let over = disk.stopped().records(&[record(id, ".", "Not Injected", &[apply(10), recover(130)])]);
    again.apply(&WatchEvent::Added(over.value()), at(131));
    let entry = last(&again, "u/1");
    assert_eq!((entry.targets.len(), entry.ended), (1, Some(at(130))));
}

/// One that waits has no events yet, which does not mean an old version.
#[test]
fn records_without_events_are_read_for_what_they_say() {
    let waits = after_a_minute(&delay("u").records(&[bare("shop/a-0", "Not Injected/Wait")]));
    assert_eq!((waits.state, waits.source), (State::NothingInjected, Source::Records));
    assert_eq!(waits.notes, ["1 selected, none was injected"]);
    // After its duration it looks like one that was injected before 2.3 and is over.
    let over = after_a_minute(&delay("u").stopped().records(&[bare("shop/a-0", "Not Injected")]));
    assert_eq!(over.state, State::NothingInjected);
    assert!(over.notes[1].contains("looks the same"), "{:?}", over.notes);
    let mut counted = bare("shop/a-0", "Not Injected");
    counted["injectedCount"] = json!(1);
    let counted = after_a_minute(&delay("u").stopped().records(&[counted]));
    assert_eq!((counted.state, counted.started), (State::UnknownEnd, None));
    // Injected, and the list of events is empty: the phase counts.
    let running = after_a_minute(&delay("u").records(&[record("shop/a-0", ".", "Injected", &[])]));
    assert_eq!((running.state, running.source, running.services()), (State::Running, Source::Phases, vec!["a"]));
}

/// Two runs of one Schedule are two experiments; one that failed without a message says so.
#[test]
fn runs_of_a_schedule_are_told_apart() {
    let mut ledger = ledger();
    let run = |uid: &str| delay(uid).label("managed-by", "nightly");
    let over = [apply(1), recover(61)];
    ledger.apply(
        &WatchEvent::Added(run("u").stopped().records(&[record("shop/a-0", ".", "Not Injected", &over)]).value()),
        at(62),
    );
    let second = run("v").records(&[record("shop/a-0", ".", "Not Injected", &[failed(120, "")])]);
    ledger.apply(&WatchEvent::Added(second.value()), at(121));
    ledger.tick(at(300));
    assert_eq!((last(&ledger, "u/1").state, last(&ledger, "u/1").ended), (State::Injected, Some(at(61))));
    let second = last(&ledger, "v/1");
    assert_eq!((second.state, second.parent.map(|p| p.name)), (State::NothingInjected, Some("nightly".to_owned())));
    assert_eq!(second.notes, ["1 selected, none was injected", "shop/a-0: could not be injected"]);
}
