//! Confirming the causes of past incidents, and what the engine learns from them.

use std::path::Path;
use std::process::{Command, Output};

const DIR: &str = env!("CARGO_MANIFEST_DIR");

fn capture(name: &str) -> String {
    Path::new(DIR).join("tests/captures").join(name).with_extension("parquet").display().to_string()
}

fn automap(data: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_automap")).args(args).env("XDG_DATA_HOME", data).output().unwrap()
}

fn out(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn weights(data: &Path, name: &str) -> Option<String> {
    let report = out(&automap(data, &["diagnose", "--engine", "automap", "-o", "json", "--capture", &capture(name)]));
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    let notes = report["notes"].as_array().unwrap();
    notes.iter().find(|n| n["code"] == "learnt_weights").map(|n| n["message"].as_str().unwrap().to_owned())
}

#[test]
fn a_confirmed_incident_teaches_later_ones_and_no_earlier_one() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("memory");
    // The drill injected into payment first, then into catalogue.
    let (first, second) = ("delay-payment", "cpu-catalogue");
    assert_eq!(weights(&data, second), None, "nothing is known yet, and nothing is written by asking");
    assert!(!data.exists());
    automap(&data, &["confirm", &capture(second), "catalogue"]);
    assert_eq!(weights(&data, first), None, "a later incident teaches nothing");
    assert_eq!(weights(&data, second), None, "nor does an incident teach itself");
    automap(&data, &["confirm", &capture(first), "payment"]);
    let learnt = weights(&data, second).unwrap();
    assert!(learnt.starts_with("metric weights learnt from 1 earlier incident(s): "), "{learnt}");
    let without = ["diagnose", "--engine", "automap", "--no-history", "-v", "--capture", &capture(second)];
    assert!(!out(&automap(&data, &without)).contains("learnt"));
}

#[test]
fn what_is_remembered_can_be_listed_corrected_and_forgotten() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().to_owned();
    assert_eq!(out(&automap(&data, &["confirm", "--list"])).lines().count(), 1);
    automap(&data, &["confirm", &capture("memory-carts"), "orders", "--id", "monday"]);
    let corrected = automap(&data, &["confirm", &capture("memory-carts"), "carts", "--id", "monday"]);
    assert!(String::from_utf8_lossy(&corrected.stderr).contains("monday: carts (was orders) is confirmed"));
    let list = out(&automap(&data, &["confirm", "--list"]));
    assert!(list.lines().count() == 2 && list.contains("monday") && list.contains("carts"), "{list}");
    out(&automap(&data, &["confirm", "--forget", "monday"]));
    let again = automap(&data, &["confirm", "--forget", "monday"]);
    assert_eq!(again.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&again.stderr).contains("no confirmed incident is named monday"));
}

/// Two captures are called `incident`, in different folders.
#[test]
fn a_file_of_the_same_name_does_not_overwrite_another_incident() {
    let dir = tempfile::tempdir().unwrap();
    let named = |folder: &str, name: &str| {
        let to = dir.path().join(folder);
        std::fs::create_dir_all(&to).unwrap();
        std::fs::copy(capture(name), to.join("incident.parquet")).unwrap();
        to.join("incident.parquet").display().to_string()
    };
    let (monday, tuesday) = (named("monday", "delay-payment"), named("tuesday", "cpu-catalogue"));
    let data = dir.path().join("data");
    out(&automap(&data, &["confirm", &monday, "orders"]));
    let corrected = automap(&data, &["confirm", &monday, "payment"]);
    assert!(String::from_utf8_lossy(&corrected.stderr).contains("incident: payment (was orders) is confirmed"));
    let other = automap(&data, &["confirm", &tuesday, "catalogue"]);
    assert_eq!(other.status.code(), Some(2));
    let error = String::from_utf8_lossy(&other.stderr).into_owned();
    assert!(error.contains("incident is the name of another confirmed incident") && error.contains("--id"), "{error}");
    out(&automap(&data, &["confirm", &tuesday, "catalogue", "--id", "tuesday"]));
    let list = out(&automap(&data, &["confirm", "--list"]));
    assert!(list.lines().count() == 3 && list.contains("payment") && list.contains("catalogue"), "{list}");
}

#[test]
fn bad_input_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().to_owned();
    let unknown = automap(&data, &["confirm", &capture("memory-carts"), "cart"]);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("cart is not among the services of"));
    let missing = ["diagnose", "--engine", "automap", "--store", "/nowhere/a.db", "--capture", &capture("quiet-1")];
    let missing = automap(&data, &missing);
    assert!(String::from_utf8_lossy(&missing.stderr).contains("/nowhere/a.db does not exist"));
    std::fs::create_dir_all(data.join("automap")).unwrap();
    std::fs::write(data.join("automap/automap.db"), "this is no database, but a file of some length").unwrap();
    let broken = automap(&data, &["confirm", "--list"]);
    assert_eq!(broken.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&broken.stderr).contains("automap.db"));
}
