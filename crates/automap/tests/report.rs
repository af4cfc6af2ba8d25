//! The report for programs: its schema is published, its keys are present, and it can be replayed.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use automap_chaos::injection::Injection;
use serde_json::{Value, json};

const DIR: &str = env!("CARGO_MANIFEST_DIR");

fn automap(args: &[&str]) -> Vec<u8> {
    let output = Command::new(env!("CARGO_BIN_EXE_automap")).args(args).output().unwrap();
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

fn report(args: &[&str]) -> Value {
    serde_json::from_slice(&automap(args)).unwrap()
}

#[test]
fn the_published_schema_is_that_of_the_program() {
    let published = std::fs::read(Path::new(DIR).join("../../docs/report.schema.json")).unwrap();
    assert!(published == automap(&["schema"]), "run `automap schema > docs/report.schema.json`");
}

#[test]
fn the_demo_names_what_was_injected_and_every_required_key_is_there() {
    let report = report(&["demo", "-o", "json"]);
    assert_eq!(report["verdict"]["service"], "payment");
    assert_eq!((&report["schema_version"], &report["verdict"]["level"]), (&4.into(), &"high".into()));
    let schema: Value = serde_json::from_slice(&automap(&["schema"])).unwrap();
    let has = |value: &Value, required: &Value| {
        for key in required.as_array().unwrap() {
            assert!(value.get(key.as_str().unwrap()).is_some(), "{key} is missing in {value}");
        }
    };
    has(&report, &schema["required"]);
    has(&report["verdict"], &schema["$defs"]["Verdict"]["required"]);
    report["causes"].as_array().unwrap().iter().for_each(|c| has(c, &schema["$defs"]["Cause"]["required"]));
    for key in ["schema_version", "verdict", "windows", "causes", "victims", "not_checked", "notes", "queries"] {
        assert!(report.get(key).is_some(), "{key}");
    }
    let text = String::from_utf8(automap(&["demo"])).unwrap();
    assert!(text.ends_with("the answer is right\n"), "{text}");
}

/// Every capture of the drill, diagnosed again. The expected verdicts are in `expected.json`
/// (`AUTOMAP_BLESS=1 cargo test -p automap --test integration report::` rewrites it); the required ones hold regardless of its content.
#[test]
fn the_drill_replays() {
    let dir = Path::new(DIR).join("tests/captures");
    let mut answers = BTreeMap::new();
    let mut names: Vec<_> = std::fs::read_dir(&dir).unwrap().map(|e| e.unwrap().path()).collect();
    names.retain(|p| p.extension().is_some_and(|e| e == "parquet"));
    for capture in names {
        let name = capture.file_stem().unwrap().to_str().unwrap().to_owned();
        let injected = std::fs::read_to_string(capture.with_extension("json")).unwrap();
        let injected: Vec<Injection> = serde_json::from_str(&injected).unwrap();
        let ask = ["diagnose", "-o", "json", "--capture", capture.to_str().unwrap()];
        let answer = automap(&ask);
        assert!(answer == automap(&ask), "{name}: two runs, two answers");
        let report: Value = serde_json::from_slice(&answer).unwrap();
        let causes = report["causes"].as_array().unwrap();
        let hit = |c: &&Value| injected.iter().flat_map(|i| &i.targets).any(|t| c["service"] == *t.service);
        let rank = causes.iter().find(hit).map(|c| c["rank"].clone());
        if injected.is_empty() {
            assert_ne!(report["verdict"]["kind"], "cause", "{name}: a cause was named in quiet time");
        } else {
            assert!(rank.as_ref().is_some_and(|r| r.as_u64() <= Some(3)), "{name}: the truth is at {rank:?}");
        }
        let verdict = &report["verdict"];
        answers.insert(
            name,
            json!({"verdict": verdict["kind"], "first": causes.first().map(|c| &c["service"]), "rank_of_truth": rank}),
        );
    }
    assert!(!answers.is_empty(), "no captures in {}", dir.display());
    let file = dir.join("expected.json");
    if std::env::var_os("AUTOMAP_BLESS").is_some() {
        std::fs::write(&file, serde_json::to_string_pretty(&answers).unwrap() + "\n").unwrap();
    }
    let expected: BTreeMap<String, Value> = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    assert_eq!(answers, expected);
}

/// The onset printed in the report can be passed as an option: clock times are on the day of the data, spans count from its end.
#[test]
fn times_without_a_date_are_of_the_day_of_the_data() {
    let capture = format!("{DIR}/tests/captures/delay-payment.parquet");
    for start in ["00:57:26", "-32s"] {
        let given =
            ["diagnose", "--capture", &capture, "--onset-tolerance", "0s", "-o", "json", "--incident-start", start];
        assert_eq!(report(&given)["windows"]["incident_start"], "2026-11-24T00:57:26Z", "{start}");
    }
}

/// A recording shorter than the time that the watcher needs to learn says so, and not that nothing happened.
#[test]
fn a_replay_that_could_judge_nothing_says_so() {
    let capture = format!("{DIR}/tests/captures/delay-payment.parquet");
    let output =
        Command::new(env!("CARGO_BIN_EXE_automap")).args(["replay", &capture, "--learn", "10m"]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("polls could be judged: learning what is normal needs 300 samples"), "{said}");
    assert_eq!(output.status.code(), Some(4), "{said}");
}

/// No victim begins before its cause, and what is subtracted adds up.
#[test]
fn onsets_and_sums_do_not_contradict_each_other() {
    let report = report(&["demo", "-o", "json"]);
    let onset = |v: &Value| v["onset"].as_str().unwrap().to_owned();
    let cause = onset(&report["causes"][0]);
    for victim in report["victims"].as_array().unwrap() {
        assert!(victim["evidence"].as_array().unwrap().iter().all(|e| onset(e) >= cause), "{victim}");
    }
    assert!(cause.as_str() >= report["windows"]["incident_start"].as_str().unwrap());
}

/// An alert that fires 20 s late: the data shows it, and an explicit option still gets what was requested.
#[test]
fn a_late_start_is_moved_and_told_unless_one_insists() {
    let capture = format!("{DIR}/tests/captures/delay-payment.parquet");
    let late = ["diagnose", "--capture", &capture, "--incident-start", "2026-11-24T00:57:46Z", "-o", "json"];
    let moved = report(&[&late[..], &["--onset-tolerance", "1m"]].concat());
    let insisted = report(&[&late[..], &["--onset-tolerance", "0s"]].concat());
    assert_eq!(insisted["windows"]["incident_start_is"], "given");
    assert_eq!(insisted["windows"]["incident_start"], "2026-11-24T00:57:46Z");
    assert_eq!(moved["windows"]["incident_start_is"], "moved");
    assert_eq!(moved["verdict"]["service"], "payment");
    let notes = moved["notes"].as_array().unwrap();
    let message = notes.iter().find(|n| n["code"] == "onset_moved").unwrap()["message"].as_str().unwrap();
    assert!(
        message.contains("the given start is 2026-11-24T00:57:46Z") && message.contains("set the onset tolerance to 0"),
        "{message}"
    );
}
