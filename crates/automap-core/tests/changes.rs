//! Changes before an incident: a change raises the rank of its service, and is not named if it explains nothing.

use automap_core::change::{Change, ChangeKind, ChangeLog};
use automap_core::report::{ChangeRole, ChangesInfo, Report, VerdictKind};
use automap_core::time::Interval;
use automap_core::{DiagnoseOptions, diagnose};

use crate::shop::{FAULT_AT, Shop};

const HOUR_MS: i64 = 3_600_000;

fn change(shop: &Shop, service: &str, kind: ChangeKind, before_s: i64) -> Change {
    Change {
        at: shop.times[FAULT_AT].plus_ms(-1000 * before_s),
        kind,
        service: Some(service.into()),
        subject: format!("deployment {service}"),
        from: Some("1.4.2".into()),
        to: Some("1.4.3".into()),
        uncertainty_ms: 0,
        source: "kube_replicaset_created".into(),
        url: None,
    }
}

/// `changes`: service, kind, seconds before the fault.
fn with(shop: Shop, changes: &[(&str, ChangeKind, i64)]) -> Report {
    let changes = changes.iter().map(|(service, kind, before_s)| change(&shop, service, *kind, *before_s)).collect();
    let span = Interval::new(shop.times[0].plus_ms(-6 * HOUR_MS), *shop.times.last().unwrap()).unwrap();
    let mut observation = shop.observation(true);
    observation.changes = ChangeLog::new(span, vec![ChangeKind::Secret], changes);
    diagnose(&observation, &DiagnoseOptions::default()).unwrap()
}

/// Its own code is slow, and so are all services that wait for it.
fn slow_payment() -> Shop {
    Shop::new()
        .fault("payment", "latency_ms", None, |v| v + 60.0)
        .fault("orders", "served_latency_ms", Some("payment"), |v| v + 60.0)
        .slow_chain(&["front-end", "orders", "payment"], 60.0)
}

fn score(report: &Report, service: &str) -> f64 {
    report.causes.iter().find(|c| c.service == service).map_or(0.0, |c| c.score)
}

#[test]
fn a_release_just_before_raises_its_service_and_is_told() {
    let (without, with) = (slow_payment().report(), with(slow_payment(), &[("payment", ChangeKind::Release, 47)]));
    assert_eq!(with.verdict.service.as_deref(), Some("payment"));
    assert!(score(&with, "payment") > score(&without, "payment") + 2.0);
    assert!(with.verdict.confidence >= without.verdict.confidence);
    assert_eq!(with.verdict.summary, format!("{}; release 1.4.2 → 1.4.3, 47 s before", without.verdict.summary));
    let [listed] = &with.changes.listed[..] else { panic!("{:?}", with.changes) };
    assert_eq!((listed.role, listed.before_s), (ChangeRole::Fits, 47.0));
    let words = "payment release 1.4.2 → 1.4.3, 47 s before, fits the onset";
    assert_eq!(with.changes.summary, words);
    assert_eq!(with.causes[0].change.as_ref().unwrap().summary, "release 1.4.2 → 1.4.3, 47 s before");
}

/// Memory leaks after the release, without any effect on users yet. The service is named for its symptoms, and the release is reported with it.
#[test]
fn a_leak_that_nobody_feels_yet_is_told_with_its_release() {
    let leak =
        || Shop::new().fault("user", "memory_bytes", None, |v| v * 6.0).fault("user", "restarts", None, |v| v + 1.0);
    let report = with(leak(), &[("user", ChangeKind::Release, 10)]);
    assert_eq!((report.verdict.service.as_deref(), report.verdict.is_felt), (Some("user"), Some(false)));
    assert_eq!(report.changes.listed[0].role, ChangeRole::Fits);
    assert!(score(&report, "user") - score(&leak().report(), "user") < 0.2, "and the ranking is that of the metrics");
}

#[test]
fn a_release_of_a_service_that_explains_nothing_changes_no_answer() {
    let without = slow_payment().report();
    for decoy in ["user", "catalogue", "shipping"] {
        let with = with(slow_payment(), &[(decoy, ChangeKind::Release, 20)]);
        assert_eq!(with.verdict, without.verdict, "{decoy}");
        assert_eq!(with.causes.iter().map(|c| &c.service).collect::<Vec<_>>()[0], "payment");
        assert!(with.changes.listed.iter().all(|l| l.role == ChangeRole::Before), "{:?}", with.changes.listed);
        assert_eq!(
            with.changes.summary,
            "1 change in the hour before, which does not stand out; not observed: secrets"
        );
    }
}

#[test]
fn what_the_fault_set_off_and_what_came_after_is_not_blamed() {
    let later = [("payment", ChangeKind::Crashed, -20), ("payment", ChangeKind::Rollback, -60)];
    let with = with(slow_payment(), &later);
    let without = slow_payment().report();
    assert_eq!((&with.verdict, &with.causes), (&without.verdict, &without.causes));
    let roles: Vec<_> = with.changes.listed.iter().map(|l| l.role).collect();
    assert_eq!(roles, [ChangeRole::Consequence, ChangeRole::After]);
    assert_eq!(with.changes.summary, "nothing changed in the hour before; not observed: secrets");
}

#[test]
fn a_release_in_quiet_time_is_no_incident() {
    let observed = |shop: Shop| {
        let mut observation = shop.observation(false);
        observation.changes = ChangeLog::new(
            Interval::new(observation.frame.times()[0], *observation.frame.times().last().unwrap()).unwrap(),
            Vec::new(),
            vec![change(&Shop::new(), "payment", ChangeKind::Release, 10)],
        );
        diagnose(&observation, &DiagnoseOptions::default()).unwrap()
    };
    assert_eq!(observed(Shop::new()).verdict.kind, VerdictKind::NoIncident);
}

/// A second pod: twice the memory and processor time, without any effect on users. Without the change, or after a release instead, it stands out.
#[test]
fn what_a_second_pod_brings_about_is_no_incident() {
    let second_pod = || {
        let grown = |v: f64| v * 2.0;
        Shop::new().fault("catalogue", "memory_bytes", None, grown).fault("catalogue", "cpu_cores", None, grown)
    };
    let observed = |kind: Option<ChangeKind>| {
        let shop = second_pod();
        let changes = kind.map(|kind| change(&shop, "catalogue", kind, 3));
        let span = Interval::new(shop.times[0], *shop.times.last().unwrap()).unwrap();
        let mut observation = shop.observation(false);
        observation.changes = ChangeLog::new(span, Vec::new(), changes.into_iter().collect());
        diagnose(&observation, &DiagnoseOptions::default()).unwrap()
    };
    for kind in [ChangeKind::Scaled, ChangeKind::Autoscaled] {
        let report = observed(Some(kind));
        assert_eq!(report.verdict.kind, VerdictKind::NoIncident, "{}", report.verdict.summary);
        let words = "no incident: only what the change of catalogue brings about, which users do not feel";
        assert_eq!(report.verdict.summary, words);
        assert_eq!(report.also_changed[0].service, "catalogue", "it is told all the same");
    }
    for kind in [None, Some(ChangeKind::Release)] {
        assert_eq!(observed(kind).verdict.service.as_deref(), Some("catalogue"), "{kind:?}");
    }
}

/// The new pods are cold, so users wait a little: the scaling stands out, but is no cause. It does not explain restarts.
#[test]
fn new_pods_are_no_evidence_against_a_service_that_was_scaled() {
    let shop = |restarts: f64| {
        Shop::new()
            .fault("front-end", "memory_bytes", None, |v| v * 3.0)
            .fault("front-end", "restarts", None, |v| v + restarts)
            .fault("front-end", "latency_ms", None, |v| v * 1.15)
    };
    let of_front_end = |restarts, changes: &[_]| score(&with(shop(restarts), changes), "front-end");
    let scaled =
        |restarts| (of_front_end(restarts, &[]), of_front_end(restarts, &[("front-end", ChangeKind::Autoscaled, 3)]));
    let (unexplained, explained) = scaled(0.0);
    assert!(explained < unexplained - 2.0, "{explained} of {unexplained}");
    let (unexplained, explained) = scaled(3.0);
    assert!(explained > unexplained / 3.0, "{explained} of {unexplained}");
}

#[test]
fn a_log_that_was_not_read_is_no_quiet_hour() {
    for shop in [slow_payment(), Shop::busy_user()] {
        let report = shop.report();
        assert_eq!(report.changes, ChangesInfo::default());
        assert!(report.causes.iter().all(|c| c.change.is_none()));
    }
}

/// Every service is released all the time: the answer is the same as from the metrics alone.
#[test]
fn where_everything_changes_always_nothing_is_gained() {
    let services = ["catalogue", "front-end", "orders", "payment", "shipping", "user"];
    let releases: Vec<(&str, ChangeKind, i64)> =
        (0..70).flat_map(|i| services.map(|s| (s, ChangeKind::Release, 150 + 300 * i))).collect();
    let (with, without) = (with(slow_payment(), &releases), slow_payment().report());
    assert_eq!(with.verdict.summary, without.verdict.summary);
    assert!((score(&with, "payment") - score(&without, "payment")).abs() < 0.5);
}
