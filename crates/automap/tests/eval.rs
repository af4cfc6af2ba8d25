//! `automap eval` on small generated folders, and on the captures of the drill.

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

/// Rows of a table, one a second; the fault begins at `FAULT_ROW`.
const ROWS: usize = 120;
const FAULT_ROW: usize = 90;
const SERVICES: [&str; 5] = ["carts", "catalogue", "front-end", "orders", "user"];

/// A temporary folder, deleted with its content when the test ends.
struct Folder(tempfile::TempDir);

impl std::ops::Deref for Folder {
    type Target = Path;
    fn deref(&self) -> &Path {
        self.0.path()
    }
}

fn folder() -> Folder {
    Folder(tempfile::tempdir().unwrap())
}

/// Three metrics of five services; `broken`'s CPU and latency rise fivefold.
fn table(broken: &str, latency: &str) -> String {
    let columns = SERVICES.map(|s| format!("{s}_cpu,{s}_mem,{s}_{latency}"));
    let mut out = format!("time,{}\n", columns.join(","));
    for row in 0..ROWS {
        write!(out, "{row}").unwrap();
        for (i, service) in SERVICES.iter().enumerate() {
            let wave = |k: usize| 10.0 + ((row * k + i * 5) % 11) as f64 / 10.0;
            let factor = if *service == broken && row >= FAULT_ROW { 5.0 } else { 1.0 };
            write!(out, ",{},{},{}", wave(7) * factor, wave(3), wave(5) * factor).unwrap();
        }
        out.push('\n');
    }
    out
}

/// A labelled incident: the broken service, and the service in the label.
fn incident(root: &Path, case: &str, broken: &str, label: &str) {
    let dir = root.join(case);
    fs::create_dir_all(&dir).unwrap();
    fs::write(dir.join("metrics.csv"), table(broken, "latency")).unwrap();
    let truth = format!(
        r#"{{"service": "{label}", "fault_type": "cpu-hog", "inject_time": {FAULT_ROW}, "root_metric": "{label}_cpu",
            "system": "sock-shop", "entry_service": "front-end"}}"#
    );
    fs::write(dir.join("truth.json"), truth).unwrap();
}

fn eval(dir: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_automap")).arg("eval").arg(dir).args(args).output().unwrap()
}

fn text(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn messages(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn json(dir: &Path, args: &[&str]) -> Value {
    let output = eval(dir, &[args, &["-o", "json"]].concat());
    assert!(output.status.success(), "{}", messages(&output));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn two_sets() -> Folder {
    let root = folder();
    incident(&root, "easy/case_1", "carts", "carts");
    incident(&root, "easy/case_2", "user", "user");
    // The label names a healthy service: a right answer counts as wrong here.
    incident(&root, "mislabelled/case_1", "orders", "catalogue");
    root
}

#[test]
fn engines_are_compared_and_sets_have_equal_weight() {
    let root = two_sets();
    let all = json(&root, &["--engine", "all"]);
    assert_eq!((&all["version"], &all["onset"], &all["topology"]), (&2.into(), &"known".into(), &true.into()));
    assert_eq!(all["engines"].as_object().unwrap().len(), 12);
    for engine in ["evidence", "automap", "baro", "nsigma", "epsilon-diagnosis", "prism", "torai"] {
        let of = &all["engines"][engine];
        assert_eq!(of["sets"]["easy"]["ac1"], 1.0, "{engine}");
        assert_eq!(of["sets"]["mislabelled"]["ac1"], 0.0, "{engine} knows the label");
        assert_eq!((&of["macro"]["ac1"], &of["macro"]["cases"]), (&0.5.into(), &3.into()), "{engine}");
        assert_eq!(of["macro"]["unanswered"], 0, "{engine}");
    }
    let evidence = &all["engines"]["evidence"];
    assert_eq!(evidence["sets"]["easy"]["cases"], 2);
    assert_eq!(evidence["macro"]["chance"]["ac1"], 0.2);
    assert_eq!(evidence["macro"]["ci"]["ac1"], serde_json::json!([0.5, 0.5]));
    assert_eq!(evidence["sets"]["easy"]["metric_level"]["ac1"], 1.0);
    assert_eq!(evidence["fault_kinds"]["cpu-hog"]["cases"], 3);
    assert_eq!(evidence["confidence"]["risk_coverage"][3]["cases"], 3);
    assert_eq!(all["engines"]["baro"]["minus_first"]["ac1"], 0.0);
    // As sets: the named services against the broken ones. Published methods name nothing.
    let named = evidence["confidence"]["named"].as_u64().unwrap();
    let sets = &evidence["macro"]["named_sets"];
    assert_eq!((sets["precision"]["of"].as_u64(), sets["recall"]["of"].as_u64()), (Some(named), Some(3)));
    assert!(sets["exact"]["hits"].as_u64().unwrap() <= 2, "the label of one is wrong: {sets}");
    assert!(all["engines"]["baro"]["macro"]["named_sets"].is_null());
}

#[test]
fn every_case_is_listed_where_somebody_asks() {
    let root = two_sets();
    let all = json(&root, &["--engine", "evidence,baro", "--cases"]);
    let cases = all["engines"]["evidence"]["cases"].as_array().unwrap();
    let of =
        |i: usize| (cases[i]["set"].as_str().unwrap(), cases[i]["case"].as_str().unwrap(), &cases[i]["services"][0]);
    assert_eq!(of(1), ("easy", "case_2", &"user".into()));
    assert_eq!(
        (&cases[1]["rank"], &cases[1]["metric_rank"], &cases[1]["reason"]),
        (&1.into(), &1.into(), &Value::Null)
    );
    assert_eq!((of(2).2, &cases[2]["causes"][0]), (&"orders".into(), &"catalogue".into()), "and its label is another");
    assert_ne!(cases[2]["rank"], 1);
    assert!(json(&root, &[])["engines"]["evidence"].get("cases").is_none());
    let lines = text(&eval(&root, &["--engine", "evidence,baro", "--cases", "-o", "csv"]));
    assert_eq!(lines.lines().count(), 1 + 2 * 3, "{lines}");
    assert!(lines.contains("\nknown,baro,easy,case_1,cpu-hog,carts,1,"), "{lines}");
    assert!(text(&eval(&root, &["--cases"])).contains("easy/case_2"));
}

#[test]
fn two_sets_of_one_system_leave_nothing_to_choose_by() {
    let root = two_sets();
    assert!(json(&root, &["--engine", "evidence,baro"]).get("choice").is_none());
    // Another system: the same table with other names.
    let dir = root.join("trains/case_1");
    fs::create_dir_all(&dir).unwrap();
    let renamed = SERVICES.iter().fold(table("carts", "latency"), |text, s| text.replace(s, &format!("train-{s}")));
    fs::write(dir.join("metrics.csv"), renamed).unwrap();
    let truth = format!(r#"{{"service": "train-carts", "fault_type": "cpu-hog", "inject_time": {FAULT_ROW}}}"#);
    fs::write(dir.join("truth.json"), truth).unwrap();
    let all = json(&root, &["--engine", "evidence,baro"]);
    let choice = &all["choice"];
    assert_eq!(choice["systems"][0]["sets"], serde_json::json!(["easy", "mislabelled"]));
    assert_eq!((&choice["systems"][1]["chosen"], &choice["systems"][1]["ac1"]), (&"evidence".into(), &1.0.into()));
    assert_eq!(choice["regret"], 0.0, "both are as good: {choice}");
}

#[test]
fn the_same_question_gives_the_same_bytes() {
    let root = two_sets();
    let args = ["--engine", "evidence,random,epsilon-diagnosis", "--onset", "known,detected", "--quiet"];
    let timeless = || {
        let mut all = json(&root, &args);
        all["memory_max_mb"] = Value::Null;
        let text = serde_json::to_string_pretty(&all).unwrap();
        text.lines().filter(|l| !l.contains("cpu_s_per_case")).collect::<Vec<_>>().join("\n")
    };
    assert_eq!(timeless(), timeless());
    let seeds =
        ["1", "2", "3", "4"].map(|seed| json(&root, &["--engine", "random", "--seed", seed])["engines"].clone());
    assert!(seeds.iter().any(|s| s["random"]["macro"]["mrr"] != seeds[0]["random"]["macro"]["mrr"]));
}

#[test]
fn onsets_are_known_wrong_or_found() {
    let root = folder();
    incident(&root, "set/case_1", "carts", "carts");
    let all = json(&root, &["--onset", "known,-20s,+10s,detected", "--quiet"]);
    assert_eq!((all["onset"].as_str(), all["other_onsets"].as_array().unwrap().len()), (Some("known"), 3));
    let at = |i: usize| &all["other_onsets"][i];
    assert_eq!((at(0)["onset"].as_str(), at(1)["onset"].as_str()), (Some("-20s"), Some("+10s")));
    for i in 0..3 {
        assert_eq!(at(i)["engines"]["evidence"]["macro"]["ac1"], 1.0, "{}", at(i)["onset"]);
    }
    let found = &at(2)["onset_error"];
    assert_eq!((&found["cases"], &found["not_found"], &found["within_2_steps"]), (&1.into(), &0.into(), &1.0.into()));
    assert_eq!(found["sets"]["set"]["error_steps"]["p50"], found["error_s"]["p50"], "one sample a second");
    // Fault-free time is evaluated if the given onset is right or missing, not if it is wrong.
    let quiet = |of: &Value| of["engines"]["evidence"]["quiet"].clone();
    assert_eq!((&quiet(&all)["stretches"], &quiet(&all)["named"]), (&1.into(), &0.0.into()));
    assert_eq!((&quiet(at(2))["stretches"], &quiet(at(2))["onset_found"]), (&1.into(), &0.0.into()));
    assert!(quiet(at(0)).is_null());
    // Beyond the data there is nothing to compare: a miss with the reason.
    let late = json(&root, &["--onset", "+1h"]);
    let misses = &late["engines"]["evidence"]["misses"];
    assert!(misses[0]["reason"].as_str().unwrap().contains("outside the data"), "{misses}");
}

#[test]
fn calls_are_read_from_beside_the_set_and_can_be_left_out() {
    let root = folder();
    incident(&root, "set/case_1", "carts", "carts");
    // Without a named entry service, only the calls show where users enter.
    let label = root.join("set/case_1/truth.json");
    let unnamed = fs::read_to_string(&label).unwrap().replace(r#", "entry_service": "front-end""#, "");
    fs::write(&label, unnamed).unwrap();
    let reason = |args: &[&str]| {
        let all = json(&root, &[&["--engine", "monitorrank"], args].concat());
        all["engines"]["monitorrank"]["misses"][0]["reason"].as_str().map(ToOwned::to_owned)
    };
    let (graphs, own) = (root.join("graphs.json"), root.join("set/graph.json"));
    assert!(reason(&[]).unwrap().contains("needs a front-end"));
    fs::write(&graphs, r#"{"sock-shop": [["front-end", "carts"], ["front-end", "user"]]}"#).unwrap();
    assert_eq!(reason(&[]), None);
    assert!(reason(&["--topology", "none"]).unwrap().contains("needs a front-end"));
    fs::write(&graphs, r#"{"sock-shop": "no edges"}"#).unwrap();
    assert!(reason(&[]).unwrap().contains("graphs.json"));
    fs::write(&own, r#"[["front-end", "carts"]]"#).unwrap();
    assert_eq!(reason(&[]), None, "the set's own graph comes first");
}

/// The same table, calls and start: `diagnose` and `eval` have the same confidence, also where a trace map shows a client's view of a service.
#[test]
fn what_is_measured_is_what_diagnose_answers() {
    let root = folder();
    incident(&root, "set/case_1", "carts", "carts");
    let case = root.join("set/case_1");
    let table = fs::read_to_string(case.join("metrics.csv")).unwrap().replace("user_", "carts.example.com-remote_");
    fs::write(case.join("metrics.csv"), table).unwrap();
    let calls = r#"[["front-end", "carts"], ["front-end", "carts.example.com-remote"], ["front-end", "orders"]]"#;
    fs::write(root.join("set/graph_low_traffic.json"), calls).unwrap();
    let file = root.join("calls.json");
    fs::write(&file, calls).unwrap();
    let measured = json(&root, &[]);
    let diagnose = Command::new(env!("CARGO_BIN_EXE_automap"))
        .args([
            "diagnose",
            "--incident-start",
            "1970-01-01T00:01:30Z",
            "--onset-tolerance",
            "0s",
            "-o",
            "json",
            "--csv",
        ])
        .arg(case.join("metrics.csv"))
        .arg("--calls")
        .arg(&file)
        .output()
        .unwrap();
    let report: Value = serde_json::from_slice(&diagnose.stdout).unwrap();
    assert_eq!(report["causes"][0]["service"], "carts");
    let curve = &measured["engines"]["evidence"]["confidence"]["risk_coverage"];
    assert_eq!(curve.as_array().unwrap().last().unwrap()["confidence_from"], report["causes"][0]["confidence"]);
}

#[test]
fn rcaeval_folders_are_read() {
    let root = folder();
    for (scenario, broken) in [("carts_cpu", "carts"), ("user_delay", "user")] {
        let dir = root.join("RE1").join(scenario).join("1");
        fs::create_dir_all(&dir).unwrap();
        // Their tables repeat the time at the end.
        let table = table(broken, "latency-90");
        let (header, rows) = table.split_once('\n').unwrap();
        let rows: String = rows.lines().map(|l| format!("{l},{}\n", l.split(',').next().unwrap())).collect();
        fs::write(dir.join("data.csv"), format!("{header},time\n{rows}")).unwrap();
        fs::write(dir.join("inject_time.txt"), format!("{FAULT_ROW}\n")).unwrap();
    }
    let all = json(&root, &["--engine", "evidence,baro"]);
    let of = &all["engines"]["evidence"];
    assert_eq!((&of["sets"]["RE1"]["cases"], &of["sets"]["RE1"]["ac1"]), (&2.into(), &1.0.into()));
    assert_eq!((&of["fault_kinds"]["delay"]["ac1"], &of["fault_kinds"]["cpu"]["ac1"]), (&1.0.into(), &1.0.into()));
    assert_eq!(of["fault_kinds"]["cpu"]["metric_level"]["ac1"], 1.0);
}

#[test]
fn captures_of_the_lab_and_quiet_windows_are_read() {
    let captures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/captures");
    let all = json(&captures, &["--onset", "detected", "--quiet"]);
    let evidence = &all["engines"]["evidence"];
    assert_eq!(evidence["sets"]["captures"]["cases"], 14);
    assert!(evidence["macro"]["ac1"].as_f64().unwrap() >= 0.9, "{}", evidence["macro"]);
    // Fourteen baselines and three windows without a fault.
    let quiet = &evidence["quiet"];
    assert_eq!(quiet["stretches"], 17);
    assert_eq!(all["onset_error"]["cases"], 14);
}

#[test]
fn a_threshold_decides_the_exit_code() {
    let root = two_sets();
    assert_eq!(eval(&root, &["--min-ac1", "0.5"]).status.code(), Some(0));
    let below = eval(&root, &["--min-ac1", "0.6"]);
    assert_eq!(below.status.code(), Some(1));
    assert!(messages(&below).contains("evidence: AC@1 0.500 is below 0.6"), "{}", messages(&below));
    assert!(text(&below).contains("Onset known: 3 incidents of 2 sets"), "the table is printed all the same");
}

#[test]
fn every_output_format_has_the_same_numbers() {
    let root = two_sets();
    let output = |args: &[&str]| text(&eval(&root, &[&["--engine", "evidence,baro", "--only", "easy"], args].concat()));
    let table = output(&[]);
    assert!(table.contains("Onset known: 2 incidents of 1 set, mean over sets"), "{table}");
    let row = table.lines().find(|l| l.trim_start().starts_with("easy")).unwrap();
    assert_eq!(row.split_whitespace().collect::<Vec<_>>()[1..5], ["2", "0.200", "0.600", "1.000"]);
    assert!(!table.contains("cpu-hog") && output(&["-v"]).contains("cpu-hog"));
    let markdown = output(&["-o", "markdown"]);
    assert!(markdown.starts_with("### Onset known") && markdown.contains("| :--"), "{markdown}");
    let csv = output(&["-o", "csv"]);
    let lines: Vec<Vec<&str>> = csv.lines().map(|l| l.split(',').collect()).collect();
    assert!(lines.iter().all(|l| l.len() == lines[0].len()), "{csv}");
    assert!(table.contains("Named causes as sets") && markdown.contains("exact set") && csv.contains("set_exact"));
    let of_baro = lines.iter().find(|l| l[1..5] == ["baro", "macro", "", "service"]).unwrap();
    assert_eq!(of_baro[5..8], ["2", "0", "1"]);
    let file = root.join("result.json");
    let into_file = ["-o", "json", "--file", file.to_str().unwrap()];
    assert_eq!(output(&into_file), "");
    assert!(fs::read_to_string(&file).unwrap().contains("\"macro\""));
    let again = eval(&root, &into_file);
    assert_eq!(again.status.code(), Some(2));
    assert!(messages(&again).contains("exists; give another name, or --force"), "{}", messages(&again));
}

#[test]
fn unreadable_cases_are_misses_and_wrong_arguments_are_errors() {
    let root = two_sets();
    fs::write(root.join("easy/case_1/metrics.csv"), "time,carts_cpu\n1,abc\n").unwrap();
    let table = eval(&root, &[]);
    assert_eq!(table.status.code(), Some(0));
    let text = text(&table);
    assert!(text.contains("Unanswered cases, counted as misses") && text.contains("easy/case_1"), "{text}");
    assert_eq!(json(&root, &[])["engines"]["evidence"]["sets"]["easy"]["ac1"], 0.5);
    let empty = folder();
    let nowhere = empty.join("nowhere");
    for (dir, args, says) in [
        (&*empty, vec![], "contains no labelled incidents"),
        (&*nowhere, vec![], "nowhere"),
        (&*root, vec!["--only", "hard"], "there is no set 'hard'; there are easy, mislabelled"),
        (&*root, vec!["--onset", "soon"], "write known, detected, or a signed span"),
        (&*root, vec!["--engine", "oracle"], "invalid value 'oracle'"),
        (&*root, vec!["--min-ac1", "7"], "is not a share; write a number from 0 to 1"),
    ] {
        let output = eval(dir, &args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(messages(&output).contains(says), "{args:?}: {}", messages(&output));
    }
}
