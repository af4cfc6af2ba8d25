//! Consecutive incidents of a simulated shop: each has a record of its own, whatever an alert claims about its beginning.

use std::collections::BTreeSet;

use automap_core::incident::{Incident, IncidentState};
use automap_core::time::Timestamp;
use automap_core::watch::{Alert, MAX_ALERT_LEAD_MS, Watch, WatchOptions};

use crate::watched_shop::{self, EVERY, HISTORY, Shop, busy_payment, minutes, time};

fn alert(key: &str, started: Timestamp) -> Alert {
    watched_shop::alert(key, started, &[])
}

/// A watch that has seen the quiet shop up to a row.
fn calm_watch(until: usize) -> Watch {
    let mut watch = Watch::new("shop", WatchOptions::default());
    assert_eq!(Shop::calm().watch(&mut watch, 12, until), []);
    watch
}

/// Fires an alert for two polls and polls until its incident is closed. Returns the last row and the incident, first and last revision.
fn alerted(watch: &mut Watch, from: usize, alert: &Alert) -> (usize, Incident, Incident) {
    let opened = Shop::calm().poll(watch, from, std::slice::from_ref(alert)).remove(0);
    Shop::calm().poll(watch, from + EVERY, std::slice::from_ref(alert));
    let mut end = from + EVERY;
    loop {
        end += EVERY;
        match Shop::calm().poll(watch, end, &[]).pop() {
            Some(closed) if closed.state == IncidentState::Closed => return (end, opened, closed),
            _ => assert!(end < from + minutes(10), "it does not end"),
        }
    }
}

/// Three unrelated alerts, one after the other, that all claim the same early beginning.
#[test]
fn alerts_that_claim_the_onset_of_a_closed_incident_are_incidents_of_their_own() {
    let mut watch = calm_watch(HISTORY);
    let claimed = time(HISTORY - 20);
    let (mut from, mut ids, mut ended) = (HISTORY + EVERY, BTreeSet::new(), time(0));
    for key in ["a", "b", "c"] {
        let (end, opened, closed) = alerted(&mut watch, from, &alert(key, claimed));
        assert!(opened.revision == 1 && opened.id == closed.id && opened.alerts == [key], "{opened:#?}");
        assert!(opened.onset >= ended && closed.onset >= ended, "it began before {ended} ended: {}", closed.onset);
        assert!(ids.insert(opened.id.clone()), "{} is taken", opened.id);
        (from, ended) = (end + EVERY, closed.closed.unwrap());
    }
}

#[test]
fn a_restart_does_not_move_the_bounds_of_an_alert() {
    let mut watch = calm_watch(HISTORY);
    let (end, _, closed) = alerted(&mut watch, HISTORY + EVERY, &alert("a", time(HISTORY - 20)));
    let mut again = Watch::resume("shop", WatchOptions::default(), vec![closed.clone()]);
    let opened = Shop::calm().poll(&mut again, end + EVERY, &[alert("b", closed.onset)]).remove(0);
    assert_ne!(opened.id, closed.id);
    assert!(opened.onset >= closed.closed.unwrap());
}

/// An alert that fires for days says nothing about the beginning of the current problem.
#[test]
fn an_alert_is_dated_within_what_the_watcher_remembers_and_within_half_an_hour() {
    let long = Shop::calm();
    let opened_at = |history: usize| {
        let mut watch = Watch::new("shop", WatchOptions::default());
        let observation = long.observation(HISTORY * 2 - history, HISTORY * 2);
        let now = time(HISTORY * 2 - 1);
        let alerts = [alert("a", Timestamp::from_ms(0))];
        let input = automap_core::watch::WatchInput {
            now,
            observation: &observation,
            slos: &[],
            uncounted: &[],
            alerts: &alerts,
        };
        (now, watch.evaluate(&input).changes[0].onset)
    };
    let (_, short) = opened_at(HISTORY);
    assert_eq!(short, time(HISTORY), "25 minutes are remembered");
    let (now, onset) = opened_at(HISTORY * 2);
    assert_eq!(onset, now.plus_ms(-MAX_ALERT_LEAD_MS));
}

/// A user's confirmation is reused only for the confirmed service.
#[test]
fn a_confirmed_incident_is_reopened_for_its_confirmed_cause_only() {
    let (a, b) = (minutes(30), minutes(42));
    for (confirmed, is_same) in [("payment", true), ("catalogue", false)] {
        let shop = busy_payment(a, a + minutes(5)).and(busy_payment(b, b + minutes(5)));
        let mut watch = Watch::new("shop", WatchOptions::default());
        let mut first = shop.watch(&mut watch, 12, b).pop().unwrap();
        assert_eq!(first.state, IncidentState::Closed);
        (first.confirmed, first.revision) = (Some(confirmed.into()), first.revision + 1);
        watch.take_over(first.clone());
        let second = shop.watch(&mut watch, b + EVERY, b + minutes(5)).remove(0);
        assert_eq!(second.id == first.id, is_same, "{confirmed}: {second:#?}");
        assert_eq!(second.confirmed.is_some(), is_same, "a confirmation belongs to one incident");
    }
}

#[test]
fn the_same_polls_give_the_same_ids() {
    let at = minutes(30);
    let ids = || -> Vec<String> {
        busy_payment(at, at + minutes(5)).incidents(minutes(40)).into_iter().map(|i| i.id).collect()
    };
    let (first, again) = (ids(), ids());
    assert!(!first.is_empty() && first == again);
}

/// The store holds another incident under the id: ours gets a different one, open or closed.
#[test]
fn an_incident_whose_id_is_taken_gets_another() {
    let at = minutes(30);
    let shop = busy_payment(at, at + minutes(5));
    let mut watch = Watch::new("shop", WatchOptions::default());
    let opened = shop.watch(&mut watch, 12, at + minutes(3)).remove(0);
    let renamed = watch.rename(&opened.id).unwrap();
    assert_ne!(renamed, opened.id);
    let last = shop.watch(&mut watch, at + minutes(3) + EVERY, at + minutes(9)).pop().unwrap();
    assert_eq!((last.state, &last.id), (IncidentState::Closed, &renamed));
    assert!(watch.rename(&renamed).is_some() && watch.rename("nobody").is_none());
}

/// `user` is killed and back within a minute: its CPU rises while it starts, its memory begins anew, and for less than a minute some requests fail:
/// no incident. Five minutes later
/// payment turns slow.
#[test]
fn an_onset_is_not_older_than_the_last_calm() {
    let (killed, slow) = (minutes(26), minutes(31));
    let restart = Shop::new(move |service, metric, peer, row, v| match (service, metric) {
        ("user" | "orders" | "front-end", "error_ratio") if (killed..killed + 9).contains(&row) => v + 0.04,
        ("orders", "client_error_ratio") if peer == Some("user") && (killed..killed + 9).contains(&row) => v + 0.06,
        ("user", "restarts") if (killed..killed + minutes(1)).contains(&row) => v + 1.0,
        ("user", "cpu_cores") if (killed..killed + minutes(1)).contains(&row) => v + 0.9,
        ("user", "memory_bytes") if row >= killed => v * 0.5 + 100_000.0 * (row - killed).min(60) as f64,
        _ => v,
    });
    let incidents = restart.and(busy_payment(slow, slow + minutes(6))).incidents(minutes(40));
    let last = incidents.last().unwrap();
    assert!(incidents.iter().all(|i| i.id == last.id), "one incident: {incidents:#?}");
    assert_eq!(last.cause.as_ref().map(|c| c.service.as_str()), Some("payment"));
    for incident in &incidents {
        let apart_s = (incident.onset.ms() - time(slow).ms()) / 1000;
        assert!(apart_s.abs() <= 30, "revision {}: {apart_s} s from the slow-down", incident.revision);
    }
}

/// Payment's own CPU rises minutes before anything waits for it: that is when it began.
#[test]
fn evidence_of_the_cause_that_lasts_until_it_is_felt_dates_the_incident() {
    let (busy, slow) = (minutes(27), minutes(31));
    let early = Shop::new(move |service, metric, _, row, v| match (service, metric) {
        ("payment", "cpu_cores") if (busy..slow).contains(&row) => v + 0.8,
        _ => v,
    });
    let last = early.and(busy_payment(slow, slow + minutes(6))).incidents(minutes(36)).pop().unwrap();
    assert_eq!(last.cause.as_ref().map(|c| c.service.as_str()), Some("payment"));
    let apart_s = (last.onset.ms() - time(busy).ms()) / 1000;
    assert!(apart_s.abs() <= 30, "{apart_s} s from the first sign of payment");
}
