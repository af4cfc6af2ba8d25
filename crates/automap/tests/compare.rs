//! `automap compare` and `automap trend` on the recorded incidents and on generated tables.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use automap_chaos::injection::Injection;
use automap_core::compare::model::SeriesComparison;
use automap_core::compare::trend::{Direction, Trend};
use automap_render::compare::ComparisonReport;

const DIR: &str = env!("CARGO_MANIFEST_DIR");

fn run(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_automap")).args(args).env("TZ", "UTC").output().unwrap()
}

fn said(args: &[&str]) -> String {
    let output = run(args);
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn captures(keep: impl Fn(&str) -> bool) -> Vec<PathBuf> {
    let files = std::fs::read_dir(Path::new(DIR).join("tests/captures")).unwrap().map(|e| e.unwrap().path());
    let is_wanted =
        |p: &PathBuf| p.extension().is_some_and(|e| e == "parquet") && keep(p.file_stem().unwrap().to_str().unwrap());
    let mut captures: Vec<PathBuf> = files.filter(is_wanted).collect();
    captures.sort();
    captures
}

fn compared(args: &[&str]) -> ComparisonReport {
    let args = [&["compare", "-o", "json"], args].concat();
    let json = said(&args);
    assert_eq!(json, said(&args), "{args:?}: two runs, two answers");
    serde_json::from_str(&json).unwrap()
}

#[test]
fn the_broken_service_or_who_waits_for_it_differs_between_the_windows_of_an_incident() {
    let captures = captures(|name| !name.starts_with("quiet"));
    assert!(captures.len() >= 10);
    let mut found = 0;
    for path in &captures {
        let file = path.to_str().unwrap();
        let report = compared(&[&format!("{file}@baseline"), &format!("{file}@incident")]);
        let ledger: Vec<Injection> =
            serde_json::from_slice(&std::fs::read(path.with_extension("json")).unwrap()).unwrap();
        let is_broken = |service: &str| ledger.iter().flat_map(|i| &i.targets).any(|t| t.service == service);
        let findings = report.comparison.series.iter().filter(|s| s.verdict.is_finding());
        let near = findings.filter(|s| is_broken(&s.service) || s.peer.as_deref().is_some_and(is_broken));
        found += usize::from(near.count() > 0);
    }
    // A container that is replaced within seconds causes a burst but no different level: a comparison is not a diagnosis.
    assert!(found + 4 >= captures.len(), "{found} of {}", captures.len());
}

#[test]
fn quiet_periods_are_the_same() {
    let quiet = captures(|name| name.starts_with("quiet"));
    assert!(quiet.len() >= 2);
    let files: Vec<&str> = quiet.iter().map(|p| p.to_str().unwrap()).collect();
    let report = compared(&files);
    assert!(report.summary.starts_with("nothing differs"), "{}", report.summary);
    assert!(run(&[&["compare", "--exit-code"], &files[..]].concat()).status.success());
}

/// The fault fills a third of the second recording: the medians are similar, and yet the output must not suggest that nothing differs.
#[test]
fn an_incident_inside_a_period_is_told() {
    let [quiet, fault] = ["quiet-1", "delay-payment"].map(|name| captures(|n| n == name).remove(0));
    let report = compared(&[quiet.to_str().unwrap(), fault.to_str().unwrap()]);
    let told = report.comparison.notes.iter().find(|n| n.code == "incident_in_period").unwrap();
    assert!(
        told.message.starts_with("delay-payment.parquet holds an incident that users felt, 2026-11-24T00:57:"),
        "{}",
        told.message
    );
    assert!(report.summary.starts_with("not told apart: "), "{}", report.summary);
}

#[test]
fn every_form_says_the_same_and_the_exit_code_tells() {
    let path = captures(|name| name == "delay-payment").remove(0);
    let file = path.to_str().unwrap();
    let periods = [format!("{file}@baseline"), format!("{file}@incident")];
    let ask = |more: &[&str]| said(&[&["compare", &periods[0], &periods[1], "--utc"], more].concat());
    let text = ask(&[]);
    let report = compared(&[&periods[0], &periods[1]]);
    assert!(text.starts_with(&report.summary), "{text}");
    assert!(ask(&["-o", "markdown"]).starts_with(&format!("**{}**", report.summary)), "{}", ask(&["-o", "markdown"]));
    let csv = ask(&["-o", "csv"]);
    assert_eq!(csv.lines().count(), 1 + report.comparison.series.len());
    let status = run(&["compare", &periods[0], &periods[1], "--exit-code"]).status;
    assert_eq!(status.code(), Some(1));
    // Periods of one capture are named by their times.
    let span = |i: usize| {
        let p = &report.comparison.periods[i];
        format!("{}..{}", p.start, p.end)
    };
    let by_time = compared(&["--capture", file, &span(0), &span(1)]);
    assert_eq!(by_time.comparison.series, renamed(&report, &by_time));
}

/// One report's series with the names of the other's periods.
fn renamed(report: &ComparisonReport, names: &ComparisonReport) -> Vec<SeriesComparison> {
    let mut series = report.comparison.series.clone();
    for s in &mut series {
        s.differences[0].period.clone_from(&names.comparison.periods[1].name);
    }
    series
}

#[test]
fn what_cannot_be_compared_is_an_error_with_its_code() {
    let path = captures(|name| name == "delay-payment").remove(0);
    let file = path.to_str().unwrap();
    for (args, code, words) in [
        (vec!["compare", file], 2, "give at least two"),
        (vec!["compare", "10:00..11:00", "11:00..12:00"], 2, "of what?"),
        (vec!["compare", file, "nowhere.parquet"], 2, "nowhere.parquet"),
        (
            vec!["compare", "--capture", file, "2020-01-01T00:00:00Z..2020-01-01T01:00:00Z", "baseline"],
            4,
            "no sample lies",
        ),
        (vec!["compare", file, file, "--false-discovery", "2"], 2, "between 0 and 1"),
        (vec!["trend"], 2, "no metrics to analyse"),
        (vec!["trend", file, file], 4, "no series has 6 windows"),
    ] {
        let output = run(&args);
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{args:?}: {error}");
        assert!(error.contains(words), "{args:?}: {error}");
    }
}

#[test]
fn a_leak_is_found_in_a_table() {
    let dir = tempfile::tempdir().unwrap();
    let table = dir.path().join("day.csv");
    let mut text = "time,carts_memory_bytes,user_memory_bytes\n".to_owned();
    for i in 0..240 {
        let noise = f64::from(i * 7 % 13) * 1e6;
        text += &format!("{},{},{}\n", 1_700_000_000 + 60 * i, 4e8 + 3e6 * f64::from(i) + noise, 4e8 + noise);
    }
    std::fs::write(&table, text).unwrap();
    let ask = ["trend", "--csv", table.to_str().unwrap(), "--window", "10m"];
    let trend: Trend = serde_json::from_str(&said(&[&ask[..], &["-o", "json"]].concat())).unwrap();
    assert_eq!(trend.windows.len(), 24);
    let directions: Vec<(&str, Direction)> = trend.series.iter().map(|s| (s.service.as_str(), s.direction)).collect();
    assert_eq!(directions, [("carts", Direction::Rising), ("user", Direction::Steady)]);
    let per_hour = trend.series[0].per_hour.unwrap();
    assert!((per_hour / 180e6 - 1.0).abs() < 0.02, "{per_hour}");
    let shown = said(&ask);
    assert!(shown.starts_with("carts memory rises") && shown.contains("PER HOUR"), "{shown}");
    assert_eq!(run(&[&ask[..], &["--exit-code"]].concat()).status.code(), Some(1));
}
