//! `automap explain` on the recorded incidents: it answers for every service, deterministically, and agrees with the report.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use automap_chaos::injection::Injection;
use automap_core::explain::{Explanation, Standing};
use automap_core::report::Report;
use automap_core::spread::{ChangedService, HopState, OnsetInterval, Propagation, SpreadRole};

const DIR: &str = env!("CARGO_MANIFEST_DIR");

fn run(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_automap")).args(args).env("TZ", "UTC").output().unwrap()
}

fn said(args: &[&str]) -> String {
    let output = run(args);
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn capture(name: &str) -> String {
    Path::new(DIR).join(format!("tests/captures/{name}.parquet")).to_str().unwrap().to_owned()
}

fn captures() -> Vec<PathBuf> {
    let files = std::fs::read_dir(Path::new(DIR).join("tests/captures")).unwrap().map(|e| e.unwrap().path());
    let mut captures: Vec<PathBuf> = files.filter(|p| p.extension().is_some_and(|e| e == "parquet")).collect();
    captures.sort();
    assert!(!captures.is_empty());
    captures
}

#[test]
fn the_spread_of_every_capture_fits_its_report() {
    for path in captures() {
        let file = path.to_str().unwrap();
        let ask = ["explain", "--capture", file, "-o", "json"];
        let json = said(&ask);
        assert_eq!(json, said(&ask), "{file}: two runs, two answers");
        let spread: Propagation = serde_json::from_str(&json).unwrap();
        let report: Report = serde_json::from_str(&said(&["diagnose", "--capture", file, "-o", "json"])).unwrap();
        assert_eq!((spread.verdict, &spread.windows), (report.verdict.kind, &report.windows), "{file}");
        assert_eq!(spread.cause, report.causes.first().map(|c| c.service.clone()), "{file}");
        for hop in &spread.hops {
            assert_eq!(hop.too_early_s.is_some(), hop.state == HopState::Contradictory, "{file}: {hop:?}");
            assert_eq!(hop.lag_s.is_none(), hop.state == HopState::Unobserved, "{file}: {hop:?}");
        }
        for path in &spread.paths {
            assert_eq!(path.services.len(), path.hops.len() + 1, "{file}");
            assert_eq!(path.services.first(), spread.cause.as_ref(), "{file}");
        }
        for service in &spread.services {
            let holds = |o: &&OnsetInterval| o.earliest.ms() < o.at.ms() && o.at.ms() <= o.latest.ms();
            let onset = service.onset.iter().find(|o| !holds(o));
            assert!(onset.is_none(), "{file}: {service:?}");
            assert_eq!(service.role == SpreadRole::Victim, service.explained_by.is_some(), "{file}: {service:?}");
        }
    }
}

/// The delay began at 00:57:22.7 at the network of payment, and nothing else was injected.
#[test]
fn a_delay_of_payment_reaches_the_front_end_over_orders() {
    let file = capture("delay-payment");
    let text = said(&["explain", "--capture", &file, "--utc"]);
    for part in [
        "payment accounts for both other services that changed",
        "payment ◆ cause",
        "orders ◀ payment 99 %",
        "front-end ◀ orders 100 %",
        "payment → orders: at the same time (−4 to 4 s later); orders→payment latency at the caller",
    ] {
        assert!(text.contains(part), "{part:?} is missing in\n{text}");
    }
    assert!(!text.contains("AGAINST") && !text.contains("NaN"), "{text}");
}

/// Nine of ten intervals contain the true injection. Half a second is allowed for an injection to take effect.
#[test]
fn the_interval_of_the_culprit_holds_the_injection() {
    const GRANTED_MS: i64 = 500;
    let (mut held, mut all) = (0, Vec::new());
    for path in captures() {
        let injected: Vec<Injection> =
            serde_json::from_str(&std::fs::read_to_string(path.with_extension("json")).unwrap()).unwrap();
        let spread: Propagation =
            serde_json::from_str(&said(&["explain", "--capture", path.to_str().unwrap(), "-o", "json"])).unwrap();
        let Some(injection) = injected.first() else { continue };
        let is_target = |s: &&ChangedService| injection.targets.iter().any(|t| t.service == s.service);
        if let Some(onset) = spread.services.iter().find(is_target).and_then(|s| s.onset.as_ref()) {
            let (at, earliest, latest) = (injection.from_ms, onset.earliest.ms(), onset.latest.ms());
            held += usize::from(earliest <= at + GRANTED_MS && at <= latest);
            all.push((path, earliest - at, latest - at));
        }
    }
    assert!(all.len() >= 10 && 10 * held >= 9 * all.len(), "{held} of {}: {all:#?}", all.len());
}

#[test]
fn every_service_of_an_incident_can_be_explained() {
    let file = capture("partition-carts");
    let spread: Propagation = serde_json::from_str(&said(&["explain", "--capture", &file, "-o", "json"])).unwrap();
    let services = spread.services.iter().map(|s| &s.service).chain(&spread.calm).chain(&spread.unobserved);
    let mut ranks = Vec::new();
    for service in services {
        let explanation: Explanation =
            serde_json::from_str(&said(&["explain", service, "--capture", &file, "-o", "json"])).unwrap();
        assert_eq!(&explanation.service, service);
        assert_eq!(explanation.standing == Standing::Cause, *service == "carts");
        assert!(!explanation.conditions.is_empty() && !explanation.changes.is_empty(), "{service}");
        let text = said(&["explain", service, "--capture", &file, "--utc"]);
        assert!(text.starts_with(&service.to_uppercase()) && !text.contains("NaN"), "{text}");
        ranks.push(explanation.rank.unwrap());
    }
    ranks.sort_unstable();
    assert_eq!(ranks, (1..=ranks.len()).collect::<Vec<_>>(), "every place of the ranking once");
}

#[test]
fn the_victim_is_told_when_it_would_be_the_cause() {
    let text = said(&["explain", "orders", "--capture", &capture("delay-payment"), "--utc"]);
    for part in [
        "orders is a victim of payment",
        "explained away: 99 % of its latency",
        "its score would have to rise from",
        "it would have to account for a part of what users feel: the network of payment accounts for",
    ] {
        assert!(text.contains(part), "{part:?} is missing in\n{text}");
    }
}

#[test]
fn an_unknown_service_gets_the_nearest_names_and_code_2() {
    let output = run(&["explain", "paymnt", "--capture", &capture("delay-payment")]);
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(
        (output.status.code(), message.as_str()),
        (Some(2), "error: no service is called paymnt; did you mean payment?\n")
    );
    assert!(output.stdout.is_empty());
}
