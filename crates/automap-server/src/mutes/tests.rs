//! Which mute applies to which incident.

use std::path::Path;

use automap_core::incident::{Indicator, IndicatorChange, NamedCause};
use automap_core::metric::Unit;

use super::*;
use crate::config::Config;
use crate::store::memory::MemoryStore;

const NOW: Timestamp = Timestamp::from_ms(1_764_338_400_000);

fn incident(cause: Option<&str>, symptoms: &[&str]) -> Incident {
    let mut incident = Incident::new("shop-1", "shop", NOW, NOW);
    incident.cause =
        cause.map(|service| NamedCause { service: service.into(), mechanism: None, confidence: 0.9, change: None });
    let symptom = |service: &&str| IndicatorChange {
        service: (*service).into(),
        indicator: Indicator::Latency,
        metric: "latency_p95_ms".into(),
        from: 20.0,
        to: 90.0,
        unit: Unit::Ms,
    };
    incident.symptoms = symptoms.iter().map(symptom).collect();
    incident
}

fn mutes(yaml: &str) -> Mutes {
    let target = "targets: [{ name: shop, namespace: sock-shop, prometheus: { url: http://p:9090, cluster: eu } }]";
    let config = Config::parse(&format!("{target}\nmutes:\n{yaml}"), Path::new("a.yaml")).unwrap();
    Mutes::new(&config.mutes, config.places())
}

fn once(more: &str) -> Mutes {
    let (from, until) = (NOW.plus_ms(-1000).rfc3339(), NOW.plus_ms(1000).rfc3339());
    mutes(&format!("  windows: [{{ name: move, from: '{from}', until: '{until}'{more} }}]"))
}

#[test]
fn a_window_covers_its_time_targets_and_services() {
    let db = incident(Some("orders-db"), &["front-end"]);
    let all = once("");
    let expected = Muted { by: "move".into(), until: NOW.plus_ms(1000) };
    assert_eq!(all.of(&db, NOW), Some(expected));
    assert_eq!((all.of(&db, NOW.plus_ms(-1001)), all.of(&db, NOW.plus_ms(1000))), (None, None));
    assert!(once(", targets: ['sh*']").of(&db, NOW).is_some());
    assert!(once(", targets: [bank]").of(&db, NOW).is_none());
    assert!(once(", services: ['*-db']").of(&db, NOW).is_some());
    assert!(once(", services: [front-end]").of(&db, NOW).is_none(), "a victim is not the cause");
    assert_eq!(all.list(NOW).len(), 1);
    assert!(all.list(NOW.plus_ms(1000)).is_empty());
}

#[test]
fn an_address_with_a_password_is_refused_and_not_shown() {
    let yaml = "mutes: { alertmanagers: [{ url: 'http://am:9093' }, { url: 'http://ann:hunter2@am:9093' }] }";
    let error = Config::parse(yaml, Path::new("a.yaml")).unwrap_err().to_string();
    assert!(error.contains("mutes.alertmanagers[1].url: it holds an @") && !error.contains("hunter2"), "{error}");
}

#[test]
fn while_no_cause_is_named_every_service_with_symptoms_must_match() {
    let stores = once(", services: ['*-db']");
    assert!(stores.of(&incident(None, &["orders-db", "carts-db"]), NOW).is_some());
    assert!(stores.of(&incident(None, &["orders-db", "orders"]), NOW).is_none());
    assert!(stores.of(&incident(None, &[]), NOW).is_none(), "nothing is known of it yet");
}

#[test]
fn a_request_is_checked_and_then_applies_until_it_is_ended() {
    let (store, mutes) = (MemoryStore::default(), Mutes::default());
    let until = NOW.plus_ms(60_000);
    let request =
        MuteRequest { targets: Vec::new(), services: vec!["orders*".into()], from: None, until, reason: String::new() };
    let first = add(&store, &request, &Known::default(), "ann", NOW).unwrap();
    let second = add(&store, &request, &Known::default(), "ann", NOW).unwrap();
    assert_eq!(first.id, "mute-20251128T140000Z");
    assert_eq!((second.id.as_str(), second.by.as_str()), ("mute-20251128T140000Z-2", "ann"));
    mutes.refresh(&store, NOW).unwrap();
    assert_eq!(mutes.of(&incident(Some("orders"), &[]), NOW).map(|m| m.by), Some(first.id.clone()));
    assert!(mutes.of(&incident(Some("payment"), &[]), NOW).is_none());
    store.set_gone(true);
    assert!(mutes.refresh(&store, NOW).is_err());
    assert!(mutes.of(&incident(Some("orders"), &[]), NOW).is_some(), "what was read stays valid");
    assert!(mutes.of(&incident(Some("orders"), &[]), until).is_none());
    store.set_gone(false);
    for bad in [
        MuteRequest { from: Some(until), ..request.clone() },
        MuteRequest { until: NOW, ..request.clone() },
        MuteRequest { until: NOW.plus_ms(MAX_LENGTH_MS + 1), ..request.clone() },
        MuteRequest { services: vec![String::new()], ..request.clone() },
        MuteRequest { targets: vec!["x".into(); 101], ..request.clone() },
        MuteRequest { reason: "a\u{1b}[31m".into(), ..request.clone() },
    ] {
        assert!(add(&store, &bad, &Known::default(), "ann", NOW).is_err(), "{bad:?}");
    }
}

#[test]
fn a_silence_mutes_what_it_would_silence_in_alertmanager() {
    let mutes = mutes("  alertmanagers: [{ url: 'http://am:9093' }]");
    let (from, until) = (NOW.plus_ms(-5000).rfc3339(), NOW.plus_ms(5000).rfc3339());
    let silence = |state: &str, matchers: &str| {
        format!(
            r#"{{"id": "s1", "status": {{"state": "{state}"}}, "startsAt": "{from}", "endsAt": "{until}", "createdBy": "ann",
            "comment": "c", "updatedAt": "{from}", "matchers": [{matchers}]}}"#
        )
    };
    let orders = incident(Some("orders"), &["front-end"]);
    let is_muted = |state: &str, matchers: &str| {
        let list = format!("[{}, {{\"id\": 1}}]", silence(state, matchers));
        mutes.set_silences("http://am:9093", silence::parse(&list).silences);
        mutes.of(&orders, NOW).is_some()
    };
    let namespace = r#"{"name": "namespace", "value": "sock-shop", "isRegex": false, "isEqual": true}"#;
    assert!(is_muted("active", namespace));
    assert_eq!(mutes.list(NOW)[0].mute.reason, r#"namespace="sock-shop""#);
    assert!(!is_muted("expired", namespace));
    assert!(is_muted("active", r#"{"name": "service", "value": "ord.*|user", "isRegex": true}"#));
    assert!(!is_muted("active", r#"{"name": "service", "value": "rder", "isRegex": true}"#), "the whole value");
    assert!(!is_muted("active", r#"{"name": "instance", "value": "10.0.0.1", "isRegex": false}"#), "no such label");
    assert!(!is_muted("active", &format!(r#"{namespace}, {{"name": "cluster", "value": "us", "isRegex": false}}"#)));
    assert!(is_muted("active", r#"{"name": "cluster", "value": "us", "isRegex": false, "isEqual": false}"#));
    assert!(!is_muted("active", r#"{"name": "service", "value": "(", "isRegex": true}"#), "not understood: not muted");
    assert!(!is_muted("active", ""));
}

#[test]
fn a_silence_that_is_too_large_mutes_nothing_and_is_listed_as_not_read() {
    let mutes = mutes("  alertmanagers: [{ url: 'http://am:9093' }]");
    let (from, until) = (NOW.plus_ms(-5000).rfc3339(), NOW.plus_ms(5000).rfc3339());
    let matcher = |value: &str| serde_json::json!({"name": "target", "value": value, "isRegex": true});
    let silence = |id: &str, matchers: Vec<serde_json::Value>| {
        serde_json::json!({"id": id, "status": {"state": "active"}, "startsAt": from, "endsAt": until, "createdBy": "ann",
            "matchers": matchers})
    };
    let orders = incident(Some("orders"), &["front-end"]);
    for (matchers, reason) in [
        (vec![matcher("sh.*"); 51], "51 matchers are more than 50"),
        (vec![matcher(r"\w{14}|shop")], "a pattern compiles to more than 256 KiB"),
        (vec![matcher(&format!("shop{}", "|x".repeat(500)))], "a matcher is longer than 1000 bytes"),
    ] {
        let answer = serde_json::json!([silence("large", matchers), silence("usual", vec![matcher("bank")])]);
        let read = silence::parse(&answer.to_string());
        assert_eq!(read.unread(), Some(format!("silence large: {reason}")));
        mutes.set_silences("http://am:9093", read.silences);
        assert_eq!(mutes.of(&orders, NOW), None, "{reason}");
        let [large, usual] = &mutes.list(NOW)[..] else { panic!("{:?}", mutes.list(NOW)) };
        assert_eq!((large.is_active, usual.is_active), (false, true));
        assert_eq!(large.mute.reason, format!("not read, so it mutes nothing: {reason}"));
    }
}

#[test]
fn what_an_alertmanager_sends_is_shown_cleaned_and_cut() {
    let mutes = mutes("  alertmanagers: [{ url: 'http://am:9093' }]");
    let long = "x".repeat(900);
    let answer = serde_json::json!([{"id": format!("a\nclosed: all is well\u{202e}{}", "x".repeat(1_000_000)),
        "status": {"state": "active"}, "startsAt": NOW.rfc3339(), "endsAt": NOW.plus_ms(5000).rfc3339(),
        "createdBy": format!("ann\u{1b}[31m{long}"),
        "matchers": vec![serde_json::json!({"name": "x\u{202e}", "value": format!("\n{long}"), "isEqual": false}); 20]}]);
    mutes.set_silences("http://am:9093", silence::parse(&answer.to_string()).silences);
    let mut incident = incident(Some("orders"), &[]);
    incident.set_muted(NOW, mutes.of(&incident, NOW));
    let [listed] = &mutes.list(NOW)[..] else { panic!("{:?}", mutes.list(NOW)) };
    let (by, said) = (&incident.muted.as_ref().unwrap().by, &incident.timeline[0].text);
    for (text, most) in
        [(by, 261), (said, 320), (&listed.mute.id, 261), (&listed.mute.by, 110), (&listed.mute.reason, 4500)]
    {
        assert!(automap_core::text::is_plain(text) && text.len() <= most, "{} bytes: {text:?}", text.len());
    }
    assert!(listed.mute.reason.ends_with(" and 10 more"));
}

#[test]
fn silences_beyond_the_bound_are_counted_and_the_patterns_of_all_share_one_budget() {
    let silence = |value: &str| {
        format!(
            r#"{{"id": "s", "status": {{"state": "active"}}, "startsAt": "{}", "endsAt": "{}", "matchers":
            [{{"name": "service", "value": "{value}", "isRegex": true}}]}}"#,
            NOW.rfc3339(),
            NOW.plus_ms(5000).rfc3339()
        )
    };
    let many = silence::parse(&format!("[{}]", vec![silence("a.*"); 1003].join(",")));
    assert_eq!((many.silences.len(), many.left_out), (1000, 3));
    assert!(many.unread().is_some_and(|words| words.starts_with("3 beyond the first 1000")));
    let large = silence::parse(&format!("[{}]", vec![silence(r"\\w+"); 300].join(",")));
    assert!(large.unread().is_some_and(|words| words.contains("compile to more than 4 MiB") && words.contains("more")));
    assert!(large.silences.iter().filter(|s| s.applies(NOW)).count() <= 128);
}
