//! Sources of changes besides a target's metrics, read over HTTP: the annotations of a Grafana and the flags of a server that speaks OFREP, each a
//! scripted one. One that does not answer is reported as not observed.

use std::collections::BTreeMap;
use std::sync::Arc;

use automap_core::change::ChangeKind;
use automap_core::frame::{RawSeries, assemble};
use automap_core::observation::Observation;
use automap_core::topology::CallGraph;
use automap_server::changes::ToldChanges;
use automap_server::config::{FlagsConfig, GrafanaConfig};
use automap_server::secret::SecretSource;
use automap_server::store::memory::MemoryStore;
use automap_server::store::{ChangeFate, ChangeFilter, MAX_TOLD, Store, ToldChange};

use crate::common::server::{Answer, Server};
use crate::common::{Folder, T0, at};

/// A service `orders` for an hour, until [`T0`].
fn observation() -> Observation {
    let times: Vec<_> = (-60..=0).map(|minute| at(60 * minute)).collect();
    let points = times.iter().map(|time| (*time, 1.0)).collect();
    let raw = RawSeries { service: "orders".into(), metric: "latency_ms".into(), peer: None, points };
    let (frame, _) = assemble(vec![raw], times).unwrap();
    Observation::new(frame, CallGraph::new(), "a test")
}

fn joined(told: &ToldChanges, second: i64) -> Observation {
    let mut observation = observation();
    told.join(&mut observation, T0, at(second));
    observation
}

fn store() -> Arc<dyn Store> {
    Arc::new(MemoryStore::default())
}

#[test]
fn annotations_of_a_grafana_are_changes_and_one_that_is_away_is_not_observed() {
    let annotations = format!(
        r#"[{{"id": 1, "time": {}, "tags": ["deploy", "orders", "version:1.4.3"], "text": "orders"}},
            {{"id": 2, "time": {}, "tags": ["automap"], "text": "an incident"}}]"#,
        at(-47).ms(),
        at(-40).ms()
    );
    let grafana = Server::start(vec![Answer::ok(&annotations), Answer::Status(403, "", "{}".into())]);
    let folder = Folder::new("grafana");
    let token = Some(SecretSource::File(folder.file("token", "a-token\n")));
    let config = GrafanaConfig { url: grafana.url("/g/"), token, tags: vec!["deploy".into()] };
    let told = ToldChanges::new("shop", Some(&config), None, &store()).unwrap();
    let first = joined(&told, 0);
    let [change] = &first.changes.changes[..] else { panic!("{:?}", first.changes) };
    assert_eq!((change.at, change.kind, change.service.as_deref()), (at(-47), ChangeKind::Release, Some("orders")));
    assert!(first.changes.observed.is_some() && first.changes.unseen.len() == ChangeKind::ALL.len());
    let asked = &grafana.seen()[0];
    let (from, to) = (at(-6 * 3600).ms(), at(0).ms());
    assert_eq!(asked.path, format!("/g/api/annotations?from={from}&to={to}&type=annotation&limit=500&tags=deploy"));
    assert_eq!(asked.header("authorization"), Some("Bearer a-token"));

    assert_eq!(joined(&told, 30).changes.changes, first.changes.changes, "it is asked once a minute");
    assert_eq!(grafana.seen().len(), 1);
    let refused = joined(&told, 61);
    assert_eq!(
        (refused.changes.observed, refused.changes.changes.len()),
        (None, 0),
        "nobody may say that nothing changed"
    );
    let reason = &refused.not_checked[0].reason;
    assert!(reason.contains("not observed") && reason.contains("403") && reason.contains("role Viewer"), "{reason}");
    assert_eq!(joined(&told, 90).not_checked, refused.not_checked, "also while it is not asked");
    for (answer, part) in [("{}", "no list of annotations"), ("<html>", "no JSON")] {
        let other = Server::start(vec![Answer::ok(answer)]);
        let config = GrafanaConfig { url: other.url(""), token: None, tags: Vec::new() };
        let told = ToldChanges::new("shop", Some(&config), None, &store()).unwrap();
        assert!(joined(&told, 0).not_checked[0].reason.contains(part), "{answer}");
    }
}

#[test]
fn a_flag_that_is_switched_is_a_change_with_the_time_between_two_looks() {
    let flags = |variant: &str| {
        let body = format!(
            r#"{{"flags": [{{"key": "ordersFailure", "value": true, "variant": "{variant}"}}, {{"key": "odd"}}, 7]}}"#
        );
        Answer::Status(200, "ETag: \"1\"\r\n", body)
    };
    let server = Server::start(vec![flags("off"), Answer::Status(304, "", String::new()), flags("on")]);
    let context = BTreeMap::from([("region".to_owned(), "eu".to_owned())]);
    let config = FlagsConfig { url: server.url(""), token: None, context };
    let store = store();
    let told = ToldChanges::new("shop", None, Some(&config), &store).unwrap();
    for second in [-180, -150, -119] {
        assert!(joined(&told, second).changes.changes.is_empty(), "the first answer, none, and the same");
    }
    let switched = joined(&told, -58);
    let [change] = &switched.changes.changes[..] else { panic!("{:?}", switched.changes) };
    assert_eq!((change.kind, change.subject.as_str()), (ChangeKind::FeatureFlag, "ordersFailure"));
    assert_eq!(
        (change.from.as_deref(), change.to.as_deref(), change.uncertainty_ms),
        (Some("off"), Some("on"), 61_000)
    );
    assert_eq!(change.service.as_deref(), Some("orders"), "by its key");
    assert!(switched.changes.unseen.contains(&ChangeKind::FeatureFlag), "other contexts may have got others");
    let asked = server.seen();
    assert_eq!((asked.len(), asked[0].path.as_str()), (3, "/ofrep/v1/evaluate/flags"));
    assert_eq!(asked[0].json(), serde_json::json!({"context": {"region": "eu"}}));
    assert_eq!((asked[0].header("if-none-match"), asked[1].header("if-none-match")), (None, Some("\"1\"")));
    assert_eq!(store.told_changes(&ChangeFilter::default()).unwrap().len(), 1, "the next process knows it");
}

#[test]
fn a_flag_server_that_flaps_does_not_push_out_what_others_reported() {
    let flags = |variant: usize| {
        let flag = |i: usize| format!(r#"{{"key": "f{i:04}", "variant": "v{variant}"}}"#);
        let flags: Vec<String> = (0..1999).map(flag).collect();
        Answer::ok(&format!(r#"{{"flags": [{}]}}"#, flags.join(",")))
    };
    let minutes = 2 + MAX_TOLD / 60;
    let server = Server::start((0..=minutes).map(flags).collect());
    let config = FlagsConfig { url: server.url(""), token: None, context: BTreeMap::new() };
    let store = store();
    let release = ToldChange { key: "plain:7".into(), ..release() };
    assert_eq!(store.put_changes(&[release], at(-46)).unwrap(), [ChangeFate::Kept]);
    let told = ToldChanges::new("shop", None, Some(&config), &store).unwrap();
    let all = ChangeFilter { limit: MAX_TOLD, ..ChangeFilter::default() };
    let kept =
        |source: &str| store.told_changes(&all).unwrap().iter().filter(|told| told.change.source == source).count();
    for minute in 0..=minutes {
        joined(&told, 60 * minute as i64);
        assert!(kept("OFREP") <= 60 * minute, "minute {minute}");
    }
    assert_eq!((kept("OFREP"), kept("webhook")), (MAX_TOLD - 1, 1), "all of them are later than the release");
}

/// A release at 47 s before [`T0`].
fn release() -> ToldChange {
    let plain = automap_sources::change_form::entry_of(
        &serde_json::json!({"at": at(-47).rfc3339(), "kind": "release", "service": "orders", "to": "1.4.3"}),
        None,
        "webhook",
    );
    ToldChange { target: "shop".into(), key: "1".into(), change: plain.unwrap().change, received: at(-46), state: None }
}

#[test]
fn a_store_that_is_away_leaves_what_was_read_last() {
    let memory = Arc::new(MemoryStore::default());
    let store: Arc<dyn Store> = memory.clone();
    let told = ToldChanges::new("shop", None, None, &store).unwrap();
    assert!(joined(&told, 0).changes.observed.is_none(), "nothing was told");
    assert_eq!(store.put_changes(&[release()], at(-46)).unwrap(), [ChangeFate::Kept]);
    let known = joined(&told, 15).changes.changes;
    assert_eq!(known.len(), 1);
    memory.set_gone(true);
    assert_eq!(joined(&told, 30).changes.changes, known);
}
