//! A simulated shop, watched for hours: what opens an incident, what must not, and how one ends.

use automap_core::change::{Change, ChangeKind, ChangeLog};
use automap_core::frame::{RawSeries, assemble};
use automap_core::incident::{IncidentState, Indicator, Severity, SloImpact, TimelineKind};
use automap_core::metric::Family;
use automap_core::observation::{Observation, QueryRecord, QueryState};
use automap_core::report::VerdictKind;
use automap_core::time::{Interval, Timestamp};
use automap_core::watch::{Alert, Watch, WatchHealth, WatchInput, WatchOptions};

use crate::watched_shop::{
    self, EVERY, HISTORY, RATE, STEP_MS, Shop, busy_payment, busy_payment_in, entry_kinds, hours, minutes, noise, time,
};

#[test]
fn a_fault_opens_an_incident_that_is_explained_and_closed() {
    let at = minutes(30);
    let changes = busy_payment(at, at + minutes(10)).incidents(minutes(60));
    let (first, last) = (&changes[0], changes.last().unwrap());
    assert_eq!((first.revision, first.state, first.severity), (1, IncidentState::Open, Severity::Warning));
    assert!(first.opened.ms() - time(at).ms() <= 105_000, "after {} s", (first.opened.ms() - time(at).ms()) / 1000);
    assert!((first.onset.ms() - time(at).ms()).abs() <= 3 * STEP_MS, "{}", first.onset.rfc3339());
    assert_eq!(first.cause.as_ref().map(|c| c.service.as_str()), Some("payment"));
    assert!(first.symptoms.iter().any(|s| s.service == "front-end" && s.indicator == Indicator::Latency));
    let opened = first.opened.rfc3339().replace(['-', ':'], "");
    assert!(first.id.starts_with(&format!("shop-{opened}-")), "{}", first.id);
    assert_eq!((last.state, last.id.as_str()), (IncidentState::Closed, first.id.as_str()));
    assert_eq!(last.victims, ["front-end", "orders"]);
    assert!(last.title.starts_with("payment (cpu): "), "{}", last.title);
    let revisions: Vec<u64> = changes.iter().map(|c| c.revision).collect();
    assert_eq!(revisions, (1..=changes.len() as u64).collect::<Vec<_>>());
    let entries = entry_kinds(last);
    assert_eq!(
        (entries[0], entries[entries.len() - 2], entries[entries.len() - 1]),
        (TimelineKind::Opened, TimelineKind::Recovering, TimelineKind::Closed)
    );
    assert!(changes.len() <= 8, "few messages: {:#?}", last.timeline);
}

/// Payment is released 15 s before it becomes busy.
#[test]
fn a_release_that_fits_stands_in_the_title() {
    let at = minutes(30);
    let shop = busy_payment(at, at + minutes(10));
    let mut watch = Watch::new("shop", WatchOptions::default());
    let release = Change {
        at: time(at).plus_ms(-15_000),
        kind: ChangeKind::Release,
        service: Some("payment".into()),
        subject: "deployment payment".into(),
        from: Some("1.4.2".into()),
        to: Some("1.4.3".into()),
        uncertainty_ms: 0,
        source: "kube_replicaset_created".into(),
        url: None,
    };
    let poll = |end: usize| {
        let mut observation = shop.observation(end.saturating_sub(HISTORY), end);
        let seen = Interval::new(time(0), time(end)).unwrap();
        let known = Some(release.clone()).filter(|r| r.at < seen.end);
        observation.changes = ChangeLog::new(seen, Vec::new(), known.into_iter().collect());
        watch
            .evaluate(&WatchInput {
                now: time(end - 1),
                observation: &observation,
                slos: &[],
                uncounted: &[],
                alerts: &[],
            })
            .changes
    };
    let changes: Vec<_> = (12..=minutes(35)).step_by(EVERY).flat_map(poll).collect();
    let opened = &changes[0];
    assert_eq!(opened.cause.as_ref().and_then(|c| c.change.as_deref()), Some("release 1.4.2 → 1.4.3"));
    assert!(opened.title.starts_with("payment (cpu) after release 1.4.2 → 1.4.3: "), "{}", opened.title);
}

#[test]
fn quiet_hours_have_no_incident() {
    assert_eq!(Shop::calm().incidents(hours(3.0)), []);
}

#[test]
fn usual_false_alarms_open_nothing() {
    let day = |row: usize| (row as f64 / hours(3.0) as f64 * std::f64::consts::PI).sin();
    let at = minutes(40);
    let scenarios: [(&str, Shop); 9] = [
        (
            "evening: half the requests, and back",
            Shop::new(move |_, metric, _, row, v| match metric {
                "throughput_rps" | "cpu_cores" => v * (1.0 - 0.5 * day(row)),
                _ => v,
            }),
        ),
        (
            "a sale: three times the requests at once, a little slower",
            Shop::new(move |_, metric, _, row, v| match metric {
                "throughput_rps" | "cpu_cores" if row >= at => v * 3.0,
                "latency_ms" | "latency_p95_ms" | "client_latency_ms" | "served_latency_ms" if row >= at => v * 1.2,
                _ => v,
            }),
        ),
        (
            "an idle service whose only request fails",
            Shop::new(move |service, metric, _, row, v| match metric {
                "error_ratio" if service == "cart-cron" && row >= at => 1.0,
                "latency_ms" | "latency_p95_ms" if service == "cart-cron" && row >= at => 4000.0,
                _ => v,
            }),
        ),
        (
            "long polls: answers after one to thirty seconds, always",
            Shop::new(|service, metric, _, row, v| match metric {
                "latency_ms" | "latency_p95_ms" if service == "user" => 15_000.0 + 10_000.0 * noise(999, row),
                _ => v,
            }),
        ),
        (
            "a roll-out: pods start, thirty seconds of slow answers, new memory",
            Shop::new(move |service, metric, _, row, v| {
                let starts = (at..at + 6).contains(&row);
                match metric {
                    "latency_ms" | "latency_p95_ms" if service == "orders" && starts => v * 5.0,
                    "error_ratio" if service == "orders" && starts => 0.02,
                    "cpu_cores" if service == "orders" && (at..at + 18).contains(&row) => v + 0.7,
                    "memory_bytes" if service == "orders" && row >= at => v * 1.3,
                    _ => v,
                }
            }),
        ),
        (
            "a restart that users do not notice",
            Shop::new(move |service, metric, _, row, v| match metric {
                "restarts" if service == "catalogue" && (at..at + RATE).contains(&row) => 1.0,
                "cpu_cores" if service == "catalogue" && (at..at + RATE).contains(&row) => v + 0.5,
                _ => v,
            }),
        ),
        (
            "a job that computes for two minutes every quarter of an hour",
            Shop::new(|service, metric, _, row, v| match metric {
                "cpu_cores" if service == "cart-cron" && row % minutes(15) < minutes(2) => v + 0.9,
                _ => v,
            }),
        ),
        (
            "scaled to zero: its requests and then its series end",
            Shop::new(move |service, metric, _, row, v| match metric {
                "throughput_rps" if service == "user" && row >= at && row < at + 24 => 0.0,
                _ if service == "user" && row >= at + 24 => f64::NAN,
                "throughput_rps" if row >= at => v * 0.3,
                _ => v,
            }),
        ),
        (
            "one slow minute of one request in a hundred",
            Shop::new(move |service, metric, _, row, v| match metric {
                "latency_p95_ms" if service == "front-end" && (at..at + RATE).contains(&row) => v * 1.3,
                _ => v,
            }),
        ),
    ];
    for (name, shop) in scenarios {
        let found: Vec<String> =
            shop.incidents(hours(1.5)).into_iter().map(|i| format!("{} {:?}", i.title, i.opened.rfc3339())).collect();
        assert_eq!(found, [""; 0], "{name}");
    }
}

#[test]
fn a_fault_that_users_do_not_notice_opens_late_and_as_info() {
    let at = minutes(30);
    let hog = Shop::new(move |service, metric, _, row, v| match metric {
        "cpu_cores" if service == "catalogue" && (at..at + minutes(15)).contains(&row) => v + 0.9,
        _ => v,
    });
    let changes = hog.incidents(minutes(70));
    let first = &changes[0];
    assert_eq!((first.severity, first.symptoms.len()), (Severity::Info, 0));
    assert_eq!(first.cause.as_ref().map(|c| c.service.as_str()), Some("catalogue"));
    assert!(first.opened.ms() - time(at).ms() >= 180_000);
    assert_eq!(changes.last().unwrap().state, IncidentState::Closed);
}

#[test]
fn a_problem_that_returns_soon_reopens_its_incident() {
    let (a, b) = (minutes(30), minutes(45));
    let (first, second) = (busy_payment(a, a + minutes(5)), busy_payment(b, b + minutes(5)));
    let flapping = Shop::new(move |s, m, p, row, v| (first.change)(s, m, p, row, (second.change)(s, m, p, row, v)));
    let changes = flapping.incidents(minutes(70));
    let ids: std::collections::BTreeSet<&str> = changes.iter().map(|c| c.id.as_str()).collect();
    assert_eq!(ids.len(), 1, "{ids:?}");
    let last = changes.last().unwrap();
    assert_eq!((last.reopened, last.state), (1, IncidentState::Closed), "{:#?}", last.timeline);
    assert!(entry_kinds(last).contains(&TimelineKind::Reopened));
}

/// Front-end is slow both times, each time for a different reason.
#[test]
fn another_cause_soon_after_is_another_incident() {
    let (a, b) = (minutes(30), minutes(42));
    let first = busy_payment(a, a + minutes(5));
    let both = Shop::new(move |service, metric, peer, row, v| {
        let v = (first.change)(service, metric, peer, row, v);
        let waits = matches!(
            (service, metric, peer),
            ("catalogue" | "front-end", "latency_ms" | "latency_p95_ms", None)
                | ("front-end", "client_latency_ms" | "served_latency_ms", Some("catalogue"))
        );
        match (service, metric) {
            _ if !(b..b + minutes(5)).contains(&row) => v,
            ("catalogue", "cpu_cores") => v + 0.8,
            _ if waits => v + 200.0,
            _ => v,
        }
    });
    let changes = both.incidents(minutes(60));
    let causes: std::collections::BTreeMap<&str, Option<&str>> =
        changes.iter().map(|c| (c.id.as_str(), c.cause.as_ref().map(|c| c.service.as_str()))).collect();
    assert_eq!(causes.values().copied().collect::<Vec<_>>(), [Some("payment"), Some("catalogue")], "{causes:?}");
}

#[test]
fn a_restart_of_the_watcher_changes_nothing() {
    let at = minutes(30);
    let shop = busy_payment(at, at + minutes(20));
    let mut watch = Watch::new("shop", WatchOptions::default());
    let before = shop.watch(&mut watch, 12, at + minutes(5));
    let kept = before.last().unwrap().clone();
    let mut again = Watch::resume("shop", WatchOptions::default(), vec![kept.clone()]);
    let after = shop.watch(&mut again, at + minutes(5) + EVERY, minutes(70));
    let last = after.last().unwrap();
    assert_eq!((&last.id, last.state, last.reopened), (&kept.id, IncidentState::Closed, 0), "{:#?}", last.timeline);
    assert!(last.closed.unwrap() > time(at + minutes(20)), "it did not end with the restart");
    assert_eq!(after[0].revision, kept.revision + 1);
}

#[test]
fn a_stale_or_silent_source_changes_nothing() {
    let mut watch = Watch::new("shop", WatchOptions::default());
    let shop = Shop::calm();
    let observation = shop.observation(0, HISTORY);
    let mut at = |now: Timestamp, observation: &Observation| {
        let outcome = watch.evaluate(&WatchInput { now, observation, slos: &[], uncounted: &[], alerts: &[] });
        assert!(outcome.changes.is_empty());
        outcome.health
    };
    assert_eq!(at(time(HISTORY - 1), &observation), WatchHealth::Ready);
    assert_eq!(at(time(HISTORY + 30), &observation), WatchHealth::Stale { since: time(HISTORY - 1) });
    let dark =
        Shop::new(|service, _, _, row, v| if service != "front-end" && row >= HISTORY - 12 { f64::NAN } else { v });
    assert_eq!(at(time(HISTORY - 1), &dark.observation(0, HISTORY)), WatchHealth::SourceSilent { services: 5, of: 6 });
    assert_eq!(at(time(11), &shop.observation(0, 12)), WatchHealth::Learning { samples: 6, needed: 120 });
}

/// A poll with a partial answer: the queries for latency are marked as incomplete, and their series are missing.
fn partly(mut observation: Observation, rows: usize) -> Observation {
    let end = observation.frame.times().len();
    let raw = observation.frame.series().iter().map(|s| RawSeries {
        service: observation.frame.service(s.service).to_owned(),
        metric: s.metric.name.clone(),
        peer: s.peer.map(|p| observation.frame.service(p).to_owned()),
        points: (observation.frame.times().iter().zip(s.values.iter()).enumerate())
            .filter(|(i, _)| *i < end - rows || !s.metric.name.contains("latency"))
            .map(|(_, (at, value))| (*at, *value))
            .collect(),
    });
    observation.frame = assemble(raw.collect(), observation.frame.times().to_vec()).unwrap().0;
    let query = |signal: &str, state| QueryRecord {
        signal: signal.into(),
        promql: String::new(),
        series: 1,
        samples: 1,
        state,
        reason: (state == QueryState::Partial).then(|| "a store is down".to_owned()),
    };
    observation.queries = vec![query("latency_ms", QueryState::Partial), query("error_ratio", QueryState::Complete)];
    observation
}

/// The fault continues, and the store with the latencies is unavailable for ten minutes.
#[test]
fn a_partial_look_closes_no_incident_and_is_not_calm() {
    let at = minutes(30);
    let shop = busy_payment(at, minutes(90));
    let mut watch = Watch::new("shop", WatchOptions::default());
    let opened = shop.watch(&mut watch, 12, at + minutes(5)).pop().unwrap();
    for end in (at + minutes(5)..at + minutes(15)).step_by(EVERY) {
        let observation = partly(shop.observation(end - HISTORY, end), end - at - minutes(5) + 6);
        let input =
            WatchInput { now: time(end - 1), observation: &observation, slos: &[], uncounted: &[], alerts: &[] };
        let outcome = watch.evaluate(&input);
        assert!(matches!(&outcome.health, WatchHealth::Partial(u) if u[0].families == [Family::Latency]));
        assert!(outcome.changes.iter().all(|i| i.state == IncidentState::Open), "row {end}");
    }
    let open = watch.open_incidents();
    assert_eq!((open.len(), &open[0].id, open[0].state), (1, &opened.id, IncidentState::Open));
    let calm = partly(Shop::calm().observation(0, HISTORY), 20);
    let input = WatchInput { now: time(HISTORY - 1), observation: &calm, slos: &[], uncounted: &[], alerts: &[] };
    let report = Watch::new("shop", WatchOptions::default()).evaluate(&input).report.unwrap();
    assert_eq!(report.verdict.kind, VerdictKind::CannotTell, "{}", report.verdict.summary);
}

/// The store with payment's counters is unavailable: its requests are not counted, and none were lost.
#[test]
fn fewer_requests_in_a_partial_answer_are_no_sign() {
    let at = minutes(30);
    let is_uncounted = |service: &str, metric: &str| service == "payment" && metric == "throughput_rps";
    let shop = Shop::new(move |s, m, _, row, v| if row >= at && is_uncounted(s, m) { 0.02 * v } else { v });
    let lost = |state: QueryState| {
        let mut watch = Watch::new("shop", WatchOptions::default());
        (HISTORY..at + minutes(5)).step_by(EVERY).any(|end| {
            let mut observation = shop.observation(end - HISTORY, end);
            let (promql, reason) = (String::new(), None);
            let signal = "throughput_rps".to_owned();
            observation.queries = vec![QueryRecord { signal, promql, series: 6, samples: 6, state, reason }];
            let input =
                WatchInput { now: time(end - 1), observation: &observation, slos: &[], uncounted: &[], alerts: &[] };
            !watch.evaluate(&input).changes.is_empty()
        })
    };
    assert!(lost(QueryState::Complete));
    assert!(!lost(QueryState::Partial));
}

/// An incident is recovering when the answers become partial: calm is counted again from the next complete poll.
#[test]
fn a_recovery_needs_looks_that_saw_everything() {
    let at = minutes(30);
    let shop = busy_payment(at, at + minutes(5));
    let mut watch = Watch::new("shop", WatchOptions::default());
    let over = shop.watch(&mut watch, 12, at + minutes(7)).pop().unwrap();
    assert_eq!(over.state, IncidentState::Recovering);
    let mut end = at + minutes(7);
    for _ in 0..30 {
        end += EVERY;
        let observation = partly(shop.observation(end - HISTORY, end), 1);
        let input =
            WatchInput { now: time(end - 1), observation: &observation, slos: &[], uncounted: &[], alerts: &[] };
        assert!(watch.evaluate(&input).changes.is_empty(), "row {end}");
    }
    let closed = shop.watch(&mut watch, end + EVERY, end + minutes(4)).pop().unwrap();
    assert_eq!(closed.state, IncidentState::Closed);
    assert!(closed.closed.unwrap().ms() - time(end).ms() >= WatchOptions::default().recover_ms - 20_000);
}

#[test]
fn objectives_and_alerts_open_at_once_and_join() {
    let shop = Shop::calm();
    let observation = shop.observation(0, HISTORY);
    let burn =
        SloImpact { slo: "checkout".into(), service: "orders".into(), burn_rate: 15.0, budget_share: Some(0.02) };
    let alert = |key: &str| watched_shop::alert(key, time(HISTORY - 20), &[]);
    let mut watch = Watch::new("shop", WatchOptions::default());
    let mut poll = |row: usize, slos: &[(SloImpact, Severity)], alerts: &[Alert]| {
        let observation = if row == HISTORY { observation.clone() } else { shop.observation(row - HISTORY, row) };
        watch
            .evaluate(&WatchInput { now: time(row - 1), observation: &observation, slos, uncounted: &[], alerts })
            .changes
            .pop()
    };
    let opened = poll(HISTORY, &[(burn.clone(), Severity::Critical)], &[]).unwrap();
    assert_eq!((opened.severity, opened.slos.len()), (Severity::Critical, 1));
    let joined = poll(HISTORY + EVERY, &[(burn.clone(), Severity::Critical)], &[alert("a")]).unwrap();
    assert_eq!(
        (joined.alerts.as_slice(), joined.timeline.last().unwrap().kind),
        (&["a".to_owned()][..], TimelineKind::Alert)
    );
    assert!(poll(HISTORY + 2 * EVERY, &[(burn, Severity::Critical)], &[alert("a")]).is_none(), "nothing new");
    let recovering = poll(HISTORY + 3 * EVERY, &[], &[]).unwrap();
    assert_eq!(recovering.state, IncidentState::Recovering);
}

/// The objective of an incident burns, cannot be counted for ten minutes, and is met: its incident ends only after that.
#[test]
fn an_objective_that_cannot_be_counted_ends_no_incident() {
    let burn = SloImpact {
        slo: r#"web{handler="/pay"}"#.into(),
        service: "orders".into(),
        burn_rate: 15.0,
        budget_share: None,
    };
    let (shop, burning) = (Shop::calm(), [(burn, Severity::Critical)]);
    let mut watch = Watch::new("shop", WatchOptions::default());
    let mut poll = |end: usize, slos: &[(SloImpact, Severity)], uncounted: &[&str]| {
        let (observation, now) = (shop.observation(end - HISTORY, end), time(end - 1));
        let uncounted: Vec<String> = uncounted.iter().map(|name| (*name).to_owned()).collect();
        let input = WatchInput { now, observation: &observation, slos, uncounted: &uncounted, alerts: &[] };
        watch.evaluate(&input).changes
    };
    assert_eq!(poll(HISTORY, &[], &["web"]), [], "what is not known opens nothing");
    let mut end = HISTORY + EVERY;
    assert_eq!(poll(end, &burning, &[])[0].state, IncidentState::Open);
    while end < HISTORY + minutes(10) {
        end += EVERY;
        assert_eq!(poll(end, &[], &["web", "other"]), [], "row {end}");
    }
    assert_eq!(poll(end + EVERY, &[], &["we", "other"])[0].state, IncidentState::Recovering);
    let accepted = end + hours(6.0);
    assert_eq!(poll(accepted, &[], &["web"])[0].state, IncidentState::Closed, "it is never counted again");
}

/// Whoever may send alerts may send another 500 at every poll.
#[test]
fn alerts_and_objectives_beyond_the_bound_are_counted_and_make_no_revisions() {
    let shop = Shop::calm();
    let alerts = |from: usize, n: usize| -> Vec<Alert> {
        (from..from + n).map(|i| watched_shop::alert(&format!("a{i:04}"), time(HISTORY - 20), &[])).collect()
    };
    let burns = |from: usize, n: usize| -> Vec<(SloImpact, Severity)> {
        let slo = |i| SloImpact {
            slo: format!("web{{path=\"/{i:04}\"}}"),
            service: String::new(),
            burn_rate: 15.0,
            budget_share: None,
        };
        (from..from + n).map(|i| (slo(i), Severity::Critical)).collect()
    };
    let mut watch = Watch::new("shop", WatchOptions::default());
    let mut poll = |row: usize, slos: &[(SloImpact, Severity)], alerts: &[Alert]| {
        let observation = shop.observation(row - HISTORY, row);
        watch
            .evaluate(&WatchInput { now: time(row - 1), observation: &observation, slos, uncounted: &[], alerts })
            .changes
            .pop()
    };
    let opened = poll(HISTORY, &burns(0, 400), &alerts(0, 400)).unwrap();
    assert_eq!((opened.alerts.len(), opened.slos.len()), (400, 400));
    let full = poll(HISTORY + EVERY, &burns(300, 300), &alerts(300, 300)).unwrap();
    assert_eq!((full.alerts.len(), full.alerts_omitted), (500, 100));
    assert_eq!((full.slos.len(), full.slos_omitted), (500, 100));
    assert_eq!(full.alerts.last().map(String::as_str), Some("a0499"), "the first ones are kept");
    for i in 2..6 {
        let further = poll(HISTORY + i * EVERY, &burns(i * 1000, 300), &alerts(i * 1000, 300));
        assert!(further.is_none(), "{:?}", further.map(|f| f.timeline));
    }
    let recovering = poll(HISTORY + 6 * EVERY, &[], &[]).unwrap();
    assert_eq!((recovering.state, recovering.alerts_omitted), (IncidentState::Recovering, 300));
}

/// A fault of two and a half minutes while the watcher learns does not count as normal: the same fault opens an incident later.
#[test]
fn what_is_learnt_during_a_fault_is_not_normal() {
    let again = minutes(22);
    let shop = busy_payment_in(&[minutes(4)..minutes(4) + 30, again..again + minutes(4)]);
    let mut watch = Watch::new("shop", WatchOptions::default());
    assert!(shop.watch(&mut watch, 12, minutes(20)).is_empty());
    let observation = shop.observation(0, minutes(20) + 1);
    let input =
        WatchInput { now: time(minutes(20)), observation: &observation, slos: &[], uncounted: &[], alerts: &[] };
    let disturbed = watch.evaluate(&input).disturbed;
    assert!((0.1..0.25).contains(&disturbed), "{disturbed}");
    let opened = shop.watch(&mut watch, minutes(20) + EVERY, again + minutes(4));
    let first = opened.first().unwrap();
    assert_eq!(first.cause.as_ref().map(|c| c.service.as_str()), Some("payment"));
    assert!((first.onset.ms() - time(again).ms()).abs() <= 30_000, "{}", first.onset);
}
