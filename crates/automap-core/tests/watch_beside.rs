//! Several problems at once in a simulated shop: each becomes an incident of its own, and the same problem stays one.

use std::collections::BTreeMap;

use automap_core::incident::{Incident, IncidentState, Severity, SloImpact, TimelineKind};
use automap_core::watch::{Watch, WatchOptions};

use crate::watched_shop::{EVERY, Shop, alert, minutes, noise, slow, time};

/// The last revision of every incident, in the order of their opening.
fn last_of(changes: &[Incident]) -> Vec<Incident> {
    let all: BTreeMap<&str, &Incident> = changes.iter().map(|i| (i.id.as_str(), i)).collect();
    let mut all: Vec<Incident> = all.into_values().cloned().collect();
    all.sort_by_key(|i| i.opened);
    all
}

fn cause(incident: &Incident) -> &str {
    incident.cause.as_ref().map_or("none", |c| &c.service)
}

/// Checks that the incidents have these causes, in order, and that each began within 30 s of a row and was closed within five minutes after another.
fn assert_incidents(changes: &[Incident], expected: &[(&str, std::ops::Range<usize>)]) {
    let found = last_of(changes);
    let causes: Vec<&str> = found.iter().map(cause).collect();
    assert_eq!(causes, expected.iter().map(|(service, _)| *service).collect::<Vec<_>>(), "{found:#?}");
    for (incident, (service, rows)) in found.iter().zip(expected) {
        let late_s = (incident.onset.ms() - time(rows.start).ms()) / 1000;
        assert!(late_s.abs() <= 30, "{service} is dated {late_s} s from its beginning");
        let closed = incident.closed.unwrap_or_else(|| panic!("{service} is still {:?}", incident.state));
        let over_s = (closed.ms() - time(rows.end).ms()) / 1000;
        assert!((0..=300).contains(&over_s), "{service} was closed {over_s} s after its end");
    }
    for change in changes {
        let of_its_own = expected.iter().any(|(service, _)| cause(change) == *service);
        assert!(of_its_own, "revision {} of {} names {}", change.revision, change.id, cause(change));
    }
}

#[test]
fn two_independent_faults_are_two_incidents_whichever_ends_first() {
    let (a, b) = (minutes(30), minutes(35));
    for (first, second) in [(minutes(45), minutes(55)), (minutes(55), minutes(45))] {
        let shop = slow("payment", 200.0, a..first).and(slow("catalogue", 150.0, b..second));
        let changes = shop.incidents(minutes(65));
        assert_incidents(&changes, &[("payment", a..first), ("catalogue", b..second)]);
        let all = last_of(&changes);
        assert!(all[0].symptoms.iter().all(|s| s.service != "catalogue"), "{:#?}", all[0].symptoms);
        assert!(all[1].symptoms.iter().all(|s| !["payment", "orders"].contains(&s.service.as_str())));
    }
}

/// The usual scrape interval.
#[test]
fn a_sample_every_15_s_tells_two_faults_apart_as_well() {
    let (a, b) = (minutes(30)..minutes(45), minutes(35)..minutes(50));
    let shop = slow("payment", 200.0, a.clone()).and(slow("catalogue", 150.0, b.clone())).sampled_every_15_s();
    assert_incidents(&shop.incidents(minutes(60)), &[("payment", a), ("catalogue", b)]);
}

/// Faults whose victims overlap in every way: a common caller, and a first cause that calls the second.
#[test]
fn faults_with_common_victims_are_told_apart() {
    let (a, b, end) = (minutes(30), minutes(35), minutes(46));
    for (first, second) in
        [("user", "catalogue"), ("payment", "user"), ("orders", "payment"), ("front-end", "catalogue")]
    {
        let shop = slow(first, 150.0, a..end).and(slow(second, 250.0, b..end + minutes(5)));
        let changes = shop.incidents(minutes(58));
        assert_incidents(&changes, &[(first, a..end), (second, b..end + minutes(5))]);
    }
}

/// The first recovers, and a minute later another service becomes slow.
#[test]
fn another_fault_while_the_first_recovers_is_another_incident() {
    let (a, b) = (minutes(30), minutes(41));
    let shop = slow("payment", 200.0, a..minutes(40)).and(slow("catalogue", 150.0, b..minutes(50)));
    let changes = shop.incidents(minutes(56));
    assert_incidents(&changes, &[("payment", a..minutes(40)), ("catalogue", b..minutes(50))]);
    let first = &last_of(&changes)[0];
    assert!(first.timeline.iter().all(|e| e.kind != TimelineKind::Relapsed), "{:#?}", first.timeline);
}

/// The same fault stops for a minute: not long enough to be over.
#[test]
fn a_fault_that_returns_while_it_recovers_is_the_same_incident() {
    let (a, pause) = (minutes(30), minutes(38));
    let shop = slow("payment", 200.0, a..pause).and(slow("payment", 200.0, pause + minutes(2)..minutes(46)));
    let found = last_of(&shop.incidents(minutes(52)));
    assert_eq!((found.len(), cause(&found[0]), found[0].reopened), (1, "payment", 0), "{found:#?}");
    assert!(found[0].timeline.iter().any(|e| e.kind == TimelineKind::Relapsed), "{:#?}", found[0].timeline);
}

/// Payment is slow. After two minutes the requests that wait for it fill orders, after four front-end: both become busy, slower still, and fail.
#[test]
fn a_fault_that_spreads_slowly_is_one_incident() {
    let a = minutes(30);
    let backlog = |service: &'static str, from: usize| {
        Shop::new(move |s, metric, _, row, v| match metric {
            _ if s != service || !(from..minutes(42)).contains(&row) => v,
            "cpu_cores" => v + 0.6,
            "memory_bytes" => v * 2.5,
            "latency_ms" | "latency_p95_ms" => v + 300.0,
            "error_ratio" => v + 0.08,
            _ => v,
        })
    };
    let shop = slow("payment", 200.0, a..minutes(42))
        .and(backlog("orders", a + minutes(2)))
        .and(backlog("front-end", a + minutes(4)));
    assert_incidents(&shop.incidents(minutes(50)), &[("payment", a..minutes(42))]);
}

#[test]
fn a_fault_that_gets_worse_is_one_incident() {
    let (a, end) = (minutes(30), minutes(44));
    let steps = slow("payment", 100.0, a..end).and(slow("payment", 300.0, a + minutes(4)..end)).and(Shop::new(
        move |s, metric, _, row, v| match metric {
            "error_ratio" if s != "catalogue" && s != "cart-cron" && (a + minutes(8)..end).contains(&row) => v + 0.2,
            _ => v,
        },
    ));
    assert_incidents(&steps.incidents(minutes(52)), &[("payment", a..end)]);
    // It takes eight minutes to reach its full size.
    let growing = Shop::new(move |s, metric, peer, row, v| {
        let size = (row.saturating_sub(a) as f64 / minutes(8) as f64).min(1.0);
        let grown = slow("payment", 400.0 * size, a..end);
        let new = (grown.change)(s, metric, peer, row, v);
        if metric == "cpu_cores" { v + (new - v) * size } else { new }
    });
    let found = last_of(&growing.incidents(minutes(52)));
    assert_eq!((found.len(), cause(&found[0])), (1, "payment"), "{found:#?}");
}

/// Two begin within a minute: even if they can be distinguished later, they may be one problem that spreads.
#[test]
fn two_faults_at_once_are_one_incident_with_two_causes() {
    let a = minutes(30);
    for apart in [0, 8] {
        let shop = slow("payment", 200.0, a..minutes(42)).and(slow("catalogue", 200.0, a + apart..minutes(42)));
        let found = last_of(&shop.incidents(minutes(50)));
        assert_eq!((found.len(), found[0].state), (1, IncidentState::Closed), "{found:#?}");
        let report = found[0].report.as_ref().unwrap();
        let mut named: Vec<&str> = report.verdict.causes.iter().flat_map(|c| &c.services).map(String::as_str).collect();
        named.sort_unstable();
        assert_eq!(named, ["catalogue", "payment"], "{}", report.verdict.summary);
    }
}

#[test]
fn a_restart_in_the_middle_of_two_follows_both() {
    let (a, b) = (minutes(30), minutes(35));
    let (first, second) = (a..minutes(48), b..minutes(54));
    let shop = slow("payment", 200.0, first.clone()).and(slow("catalogue", 150.0, second.clone()));
    let mut watch = Watch::new("shop", WatchOptions::default());
    let mut changes = shop.watch(&mut watch, 12, minutes(40));
    let stored = last_of(&changes);
    assert_eq!((stored.len(), watch.open_incidents().len()), (2, 2));
    let mut again = Watch::resume("shop", WatchOptions::default(), stored.clone());
    assert_eq!(again.open_incidents().len(), 2);
    changes.extend(shop.watch(&mut again, minutes(40) + EVERY, minutes(62)));
    assert_incidents(&changes, &[("payment", first), ("catalogue", second)]);
    for (before, after) in stored.iter().zip(last_of(&changes)) {
        assert_eq!(before.id, after.id, "no other incident opened");
    }
}

/// An automap that was down for long remembers nothing from before the incident, and the fault continues.
#[test]
fn a_restart_without_the_time_before_the_incident_calls_nothing_calm() {
    let (a, end) = (minutes(30), minutes(70));
    let shop = slow("payment", 200.0, a..end);
    let mut watch = Watch::new("shop", WatchOptions::default());
    let stored = last_of(&shop.watch(&mut watch, 12, minutes(34)));
    let mut again = Watch::resume("shop", WatchOptions::default(), stored.clone());
    let changes = shop.watch(&mut again, minutes(58), end - EVERY);
    assert!(changes.iter().all(|i| i.state == IncidentState::Open), "{changes:#?}");
    let last = shop.watch(&mut again, end, minutes(75)).pop().unwrap();
    assert_eq!((&last.id, last.state), (&stored[0].id, IncidentState::Closed));
}

/// Another replica closed one of two, and a user confirmed the other.
#[test]
fn what_is_changed_elsewhere_is_taken_over_for_each() {
    let shop = slow("payment", 200.0, minutes(30)..minutes(60)).and(slow("catalogue", 150.0, minutes(35)..minutes(60)));
    let mut watch = Watch::new("shop", WatchOptions::default());
    let mut stored = last_of(&shop.watch(&mut watch, 12, minutes(40)));
    let (mut second, mut first) = (stored.remove(1), stored.remove(0));
    (first.state, first.closed, first.revision) = (IncidentState::Closed, Some(time(minutes(40))), first.revision + 1);
    (second.confirmed, second.revision) = (Some("catalogue".into()), second.revision + 1);
    watch.take_over(first.clone());
    watch.take_over(second.clone());
    assert_eq!(watch.open_incidents(), [&second]);
    let renamed = watch.rename(&second.id).unwrap();
    assert!(renamed != second.id && watch.open_incidents()[0].id == renamed);
    assert_eq!(watch.recently_closed(time(minutes(41))).map(|i| &i.id).collect::<Vec<_>>(), [&first.id]);
}

/// An alert joins the incident with the services that it names; without services, the latest one; with a service of neither, it is a separate
/// problem.
#[test]
fn alerts_join_the_incident_that_they_are_about() {
    let shop = slow("payment", 200.0, minutes(30)..minutes(60)).and(slow("catalogue", 150.0, minutes(35)..minutes(60)));
    let mut watch = Watch::new("shop", WatchOptions::default());
    let before = last_of(&shop.watch(&mut watch, 12, minutes(40)));
    let (payment, catalogue) = (before[0].id.clone(), before[1].id.clone());
    let at = time(minutes(40));
    let alerts = [
        alert("of payment", at, &["payment"]),
        alert("of orders", at, &["orders"]),
        alert("of catalogue", at, &["catalogue"]),
        alert("of nobody", at, &[]),
        alert("of another system", at, &["mainframe"]),
        alert("of user", at, &["user"]),
    ];
    let mut changes = Vec::new();
    for end in [minutes(40) + EVERY, minutes(40) + 2 * EVERY] {
        changes.extend(shop.poll(&mut watch, end, &alerts));
    }
    let found = last_of(&changes);
    let of = |id: &str| found.iter().find(|i| i.id == id).unwrap().alerts.clone();
    assert_eq!(of(&payment), ["of payment", "of orders"]);
    assert_eq!(of(&catalogue), ["of catalogue", "of nobody", "of another system"]);
    let third: Vec<&Incident> = found.iter().filter(|i| i.id != payment && i.id != catalogue).collect();
    assert_eq!((third.len(), third[0].alerts.as_slice(), cause(third[0])), (1, &["of user".to_owned()][..], "none"));
    // They end, and so does the incident that consisted of nothing else.
    let mut end = minutes(40) + 2 * EVERY;
    let mut closed = Vec::new();
    while closed.is_empty() && end < minutes(50) {
        end += EVERY;
        closed = shop.poll(&mut watch, end, &alerts[..1]);
        closed.retain(|i| i.state == IncidentState::Closed);
    }
    assert_eq!(closed.iter().map(|i| &i.id).collect::<Vec<_>>(), [&third[0].id]);
    assert_eq!(watch.open_incidents().len(), 2);
}

#[test]
fn objectives_burn_for_the_incidents_that_their_service_suffers_from() {
    let shop = slow("payment", 200.0, minutes(30)..minutes(60)).and(slow("catalogue", 150.0, minutes(35)..minutes(60)));
    let mut watch = Watch::new("shop", WatchOptions::default());
    shop.watch(&mut watch, 12, minutes(40));
    let burn = |slo: &str, service: &str| {
        (
            SloImpact { slo: slo.into(), service: service.into(), burn_rate: 15.0, budget_share: None },
            Severity::Critical,
        )
    };
    let slos = [burn("orders", "orders"), burn("web", "front-end"), burn("cron", "cart-cron")];
    shop.poll_with(&mut watch, minutes(40) + EVERY, &slos, &[]);
    let mut found: Vec<(String, Vec<String>)> = watch
        .open_incidents()
        .into_iter()
        .map(|i| (cause(i).to_owned(), i.slos.iter().map(|s| s.slo.clone()).collect()))
        .collect();
    found.sort();
    let names = |all: &[&str]| all.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(
        found,
        [("catalogue".to_owned(), names(&["web"])), ("payment".to_owned(), names(&["cron", "orders", "web"])),]
    );
}

/// Both are over; one of them comes back.
#[test]
fn what_returns_reopens_its_own_incident_and_not_the_others() {
    for (service, expected) in [("payment", [1, 0]), ("catalogue", [0, 1])] {
        let shop = slow("payment", 200.0, minutes(30)..minutes(38))
            .and(slow("catalogue", 150.0, minutes(34)..minutes(38)))
            .and(slow(service, 200.0, minutes(43)..minutes(47)));
        let found = last_of(&shop.incidents(minutes(53)));
        assert_eq!(found.iter().map(cause).collect::<Vec<_>>(), ["payment", "catalogue"], "{found:#?}");
        assert_eq!(found.iter().map(|i| i.reopened).collect::<Vec<_>>(), expected, "{service}");
    }
}

/// One fault, a hundred times with different noise, service, size and kind, with levels that fluctuate while it lasts.
#[test]
fn one_fault_is_never_two_incidents() {
    std::thread::scope(|threads| {
        for first in 0..4 {
            threads.spawn(move || (first..100).step_by(4).for_each(one_noisy_fault));
        }
    });
}

fn one_noisy_fault(seed: usize) {
    let service = ["payment", "catalogue", "user", "orders", "front-end"][seed % 5];
    let size = 60.0 + 40.0 * (seed % 7) as f64;
    let rows = minutes(16)..minutes(27);
    let fault = slow(service, size, rows.clone());
    let swing = 0.15 * (seed % 4) as f64;
    let fails = seed.is_multiple_of(3);
    let noisy = Shop::new(move |s, metric, peer, row, v| {
        let new = (fault.change)(s, metric, peer, row, v);
        let wobble = 1.0 + swing * noise(7000 + seed, row);
        match metric {
            "error_ratio" if fails && s == service && rows.contains(&row) => v + 0.1 * wobble.abs(),
            _ => v + (new - v) * wobble,
        }
    });
    let noisy = noisy.seeded(seed);
    let mut watch = Watch::new("shop", WatchOptions::default());
    let ends = (minutes(16)..=minutes(30)).step_by(6);
    let changes: Vec<Incident> = ends.flat_map(|end| noisy.poll(&mut watch, end, &[])).collect();
    let all: Vec<String> = last_of(&changes).iter().map(|i| format!("{} {}", i.onset, i.title)).collect();
    assert_eq!(all.len(), 1, "seed {seed}, {service}: {all:#?}");
}
