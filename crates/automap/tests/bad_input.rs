//! Error messages and exit codes for users and scripts, through the real program. The messages for every misbehaviour of a server are tested in
//! `automap-sources`; here they must reach the user.

use std::process::{Command, Output};
use tempfile::TempPath;

use automap_core::time::WindowHint;
use automap_sources::capture;
use automap_sources::table::{self, TableOptions};
use serde_json::Value;

use crate::support::shop::Shop;
use crate::support::{NOW, Reply, Server};

/// The recorded incident that is built into the program.
const DEMO: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/demo.parquet");

fn automap(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_automap")).args(args).env("TZ", "UTC").output().unwrap()
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Runs and expects an exit code and a complete message; `{url}` in it stands for the server.
fn fails(args: &[&str], expected: i32, message: &str) {
    let output = automap(args);
    let said = stderr(&output);
    assert_eq!((code(&output), said.trim_end()), (expected, format!("error: {message}").as_str()), "{args:?}");
    assert!(output.stdout.is_empty(), "{args:?} printed data beside an error");
}

/// A file with a name that ends in `name`; it is removed on drop.
fn file(name: &str, content: &[u8]) -> TempPath {
    let path = tempfile::Builder::new().suffix(name).tempfile().unwrap().into_temp_path();
    std::fs::write(&path, content).unwrap();
    path
}

fn hour() -> [String; 4] {
    ["--from".into(), NOW.plus_ms(-3_600_000).rfc3339(), "--to".into(), NOW.rfc3339()]
}

/// `diagnose` of the last hour before [`NOW`] with a fake server.
fn diagnose(server: &Server, more: &[&str]) -> Output {
    let hour = hour();
    let mut args = vec!["diagnose", "--prometheus", &server.url, "--namespace", "shop", "-o", "json"];
    args.extend(hour.iter().map(String::as_str));
    args.extend(more);
    automap(&args)
}

#[test]
fn a_server_in_a_bad_mood() {
    for (reply, expected, part) in [
        (Reply::new(401, ""), 3, "401: the server wants credentials"),
        (Reply::new(403, ""), 3, "403: these credentials may not query here"),
        (Reply::new(404, "<html>not found</html>"), 3, "prefix"),
        (Reply::new(503, "Service Unavailable"), 3, "starting"),
        (Reply::new(200, "<html>Sign in</html>"), 3, "the answer is a web page"),
        (Reply::new(200, r#"{"status":"success","data":{"res"#), 3, "the answer breaks off"),
        (
            Reply::new(200, r#"{"status":"success","data":{"resultType":"vector","result":[]}}"#),
            4,
            "has no metrics that automap knows",
        ),
    ] {
        let (status, body) = (reply.status, String::from_utf8_lossy(&reply.body).into_owned());
        let server = Server::start(move |_| reply.clone());
        let output = diagnose(&server, &[]);
        assert_eq!(code(&output), expected, "{status} {body}: {}", stderr(&output));
        assert!(stderr(&output).contains(part), "{status} {body}: {}", stderr(&output));
    }
}

#[test]
fn nobody_listens() {
    let args = ["diagnose", "--prometheus", "http://127.0.0.1:1", "-n", "shop"];
    fails(
        &args,
        3,
        "http://127.0.0.1:1: connection refused; is Prometheus listening there, is the port-forward still running?",
    );
}

#[test]
fn a_wrong_namespace_is_answered_with_the_nearest() {
    let shop = Shop::of(3);
    let server = Server::start(move |request| shop.answer(request));
    let hour = hour();
    let mut args = vec!["diagnose", "--prometheus", &server.url, "--namespace", "shpo"];
    args.extend(hour.iter().map(String::as_str));
    let output = automap(&args);
    assert_eq!(code(&output), 2);
    let said = stderr(&output);
    assert!(said.contains(r#"no metrics of namespace "shpo""#) && said.contains(r#"did you mean "shop"?"#), "{said}");
}

#[test]
fn windows_that_make_no_comparison() {
    let shop = Shop::of(3);
    let server = Server::start(move |request| shop.answer(request));
    let (start, early) = (NOW.plus_ms(-600_000).rfc3339(), NOW.plus_ms(-3_570_000).rfc3339());
    let overlap = format!("{}..{}", NOW.plus_ms(-3_000_000).rfc3339(), NOW.plus_ms(-300_000).rfc3339());
    for (more, part) in [
        (
            vec!["--incident-start", start.as_str(), "--baseline", overlap.as_str()],
            "the baseline overlaps the incident",
        ),
        (vec!["--incident-start", early.as_str()], "the baseline window holds"),
        (vec!["--incident-start", "2001-01-01T00:00:00Z"], "outside the data"),
    ] {
        let output = diagnose(&server, &more);
        assert_eq!(code(&output), 4, "{more:?}: {}", stderr(&output));
        assert!(stderr(&output).contains(part), "{more:?}: {}", stderr(&output));
    }
}

#[test]
fn data_that_is_partial_or_too_old_or_absurd() {
    let warned = Shop { warnings: r#"["store-2 is unreachable"]"#, ..Shop::of(3) };
    let server = Server::start(move |request| warned.answer(request));
    let output = diagnose(&server, &[]);
    assert_eq!(code(&output), 4, "what was answered in part is not called calm: {}", stderr(&output));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["verdict"]["kind"], "cannot_tell");
    assert!(report["notes"].to_string().contains("store-2 is unreachable"), "{}", report["notes"]);

    let young = Shop { since_s: NOW.seconds() + 1e6, ..Shop::of(3) };
    let server = Server::start(move |request| young.answer(request));
    let output = diagnose(&server, &[]);
    assert_eq!(code(&output), 4, "{}", stderr(&output));
    assert!(stderr(&output).contains("retention"), "{}", stderr(&output));

    for value in ["NaN", "+Inf"] {
        let absurd = Shop { value, ..Shop::of(3) };
        let server = Server::start(move |request| absurd.answer(request));
        let output = diagnose(&server, &[]);
        assert_eq!(code(&output), 4, "{value}: {}", stderr(&output));
        assert_eq!(stderr(&output).lines().count(), 1, "{value}: {}", stderr(&output));
    }
}

#[test]
fn live_and_capture_print_the_same_bytes() {
    let shop = Shop::of(6);
    let server = Server::start(move |request| shop.answer(request));
    let capture = file("same.parquet", b"");
    let path = capture.to_str().unwrap();
    let hour = hour();
    let mut args = vec!["capture", "--force", "--prometheus", &server.url, "--namespace", "shop", path];
    args.extend(hour.iter().map(String::as_str));
    let output = automap(&args);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    for form in ["json", "text"] {
        let mut args = vec!["diagnose", "-v", "-o", form, "--prometheus", &server.url, "--namespace", "shop"];
        args.extend(hour.iter().map(String::as_str));
        let live = automap(&args);
        let replayed = automap(&["diagnose", "-v", "-o", form, "--capture", path]);
        assert_eq!(String::from_utf8_lossy(&live.stdout), String::from_utf8_lossy(&replayed.stdout));
        assert!(!live.stdout.is_empty(), "{}", stderr(&live));
    }
}

#[test]
fn files_that_are_not_what_they_should_be() {
    let whole = std::fs::read(DEMO).unwrap();
    for (name, content, option, part) in [
        ("cut.parquet", &whole[..whole.len() / 2], "--capture", "is not a complete Parquet file"),
        ("text.parquet", &b"time,a_cpu\n1,2\n"[..], "--capture", "is not a complete Parquet file"),
        ("text.csv", b"time,a_cpu\n1,2\n2,much\n", "--capture", "much"),
        ("empty.csv", b"", "--csv", "is empty; expected a header with time"),
        ("twice.csv", b"time,a_cpu\n1,1\n1,2\n", "--csv", "line 2 and line 3 have the same time"),
        ("cut.csv", b"time,a_cpu,b_cpu\n1,1,1\n2,1\n", "--csv", "line 3"),
        ("word.csv", b"time,a_cpu\n1,1\n2,much\n", "--csv", "much"),
    ] {
        let path = file(name, content);
        let output = automap(&["diagnose", option, path.to_str().unwrap()]);
        assert_eq!(code(&output), 2, "{name}: {}", stderr(&output));
        assert!(stderr(&output).contains(part), "{name}: {}", stderr(&output));
        assert_eq!(stderr(&output).lines().count(), 1, "{name}: {}", stderr(&output));
    }
}

/// A capture from an automap without checksums, which would find the flipped bit before the decoder.
fn without_checksum(mut capture: Vec<u8>) -> Vec<u8> {
    let at = |bytes: &[u8], word: &[u8]| bytes.windows(word.len()).position(|w| w == word).unwrap();
    let block = at(&capture, b"AMAPCRC1");
    capture.drain(block..block + 12);
    let word = at(&capture, b"has_checksum");
    capture[word + 2] = b'd';
    capture
}

/// A capture with one flipped bit that makes the Parquet decoder panic.
fn capture_that_the_decoder_panics_on() -> Vec<u8> {
    let path = file("small.csv", &table(|s, row| format!("{}", s + row)));
    let observation = table::read(&path, WindowHint::default(), &TableOptions::default()).unwrap();
    let whole = without_checksum(capture::to_bytes(&observation).unwrap());
    let flipped = |at: usize, bit: u8| {
        let mut bytes = whole.clone();
        bytes[at] ^= 1 << bit;
        bytes
    };
    let panics = |bytes: &Vec<u8>| {
        capture::from_bytes(bytes).is_err_and(|e| e.to_string().contains("contradicts its own lengths"))
    };
    (0..whole.len())
        .flat_map(|at| (0..8).map(move |bit| (at, bit)))
        .map(|(at, bit)| flipped(at, bit))
        .find(panics)
        .unwrap()
}

#[test]
fn a_page_that_the_decoder_panics_on_is_an_error_without_a_panic_message() {
    let path = file("page.parquet", &capture_that_the_decoder_panics_on());
    let output = automap(&["diagnose", "--capture", path.to_str().unwrap()]);
    assert_eq!(code(&output), 2, "{}", stderr(&output));
    assert!(stderr(&output).contains("contradicts its own lengths"), "{}", stderr(&output));
    assert_eq!(stderr(&output).lines().count(), 1, "{}", stderr(&output));
}

/// Forty samples of three services; `cell` gives the value of a service at a row.
fn table(cell: impl Fn(usize, usize) -> String) -> Vec<u8> {
    let mut text = "time,a_latency_ms,b_latency_ms,c_cpu_cores,total\n".to_owned();
    for row in 0..40 {
        let cells: Vec<String> = (0..3).map(|service| cell(service, row)).collect();
        text += &format!("{},{},1\n", 1_700_000_000 + row * 5, cells.join(","));
    }
    text.into_bytes()
}

#[test]
fn odd_tables_are_answered_with_remarks() {
    type Cell = fn(usize, usize) -> String;
    let cases: [(&str, Cell, &str); 3] = [
        ("constant", |_, _| "5".into(), "not_enough_evidence"),
        ("gaps", |s, row| if s == 1 || row % 7 == 0 { "NaN".into() } else { "5".into() }, "not_enough_evidence"),
        ("one-window", |s, row| if s == 2 && row < 30 { String::new() } else { "5".into() }, "not_enough_evidence"),
    ];
    for (name, cell, verdict) in cases {
        let path = file(&format!("{name}.csv"), &table(cell));
        let start = ["--incident-start", "1700000150"];
        let output = automap(&[&["diagnose", "-o", "json", "--csv", path.to_str().unwrap()], &start[..]].concat());
        assert_eq!(code(&output), 0, "{name}: {}", stderr(&output));
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(report["verdict"]["kind"], verdict, "{name}");
        assert!(
            report["notes"].to_string().contains("total"),
            "{name}: the unknown column is reported: {}",
            report["notes"]
        );
    }
}

#[test]
fn the_order_of_rows_does_not_matter() {
    let sorted = String::from_utf8(table(|s, row| format!("{}", 5 + (row * 7 + s) % 3))).unwrap();
    let (header, rows) = sorted.split_once('\n').unwrap();
    let turned = format!("{header}\n{}\n", rows.lines().rev().collect::<Vec<_>>().join("\n"));
    let verdict = |content: &str| {
        let path = file("order.csv", content.as_bytes());
        let output =
            automap(&["diagnose", "-o", "json", "--csv", path.to_str().unwrap(), "--incident-start", "1700000150"]);
        assert_eq!(code(&output), 0, "{}", stderr(&output));
        let mut report: Value = serde_json::from_slice(&output.stdout).unwrap();
        // The source is the name of a temporary file.
        report["source"].take();
        (report["notes"].take(), report)
    };
    let ((_, report), (notes, same)) = (verdict(&sorted), verdict(&turned));
    assert_eq!(report, same);
    assert!(notes.to_string().contains("sorted"), "{notes}");
}

#[test]
fn a_signal_that_is_missing_everywhere_is_told() {
    let empty = Reply::new(200, r#"{"status":"success","data":{"resultType":"matrix","result":[]}}"#);
    let shop = Shop::of(3).instead("container_memory_working_set_bytes", empty);
    let server = Server::start(move |request| shop.answer(request));
    let output = diagnose(&server, &[]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(report["not_checked"].to_string().contains("memory_bytes"), "{}", report["not_checked"]);
}

#[test]
fn the_command_line_itself() {
    let no_source = "no metrics to analyse: give a capture file, --prometheus URL or --csv FILE \
                     (`automap demo` needs none of them)";
    fails(&["diagnose"], 2, no_source);
    let no_namespace = "--namespace is missing: which namespace do the services run in?";
    fails(&["diagnose", "--prometheus", "http://127.0.0.1:1"], 2, no_namespace);
    fails(&["capture", "x.parquet"], 2, "--prometheus is missing: which server has the metrics?");
    let exists = format!("{DEMO} exists; give another name, or --force to replace it");
    fails(&["capture", "--prometheus", "http://127.0.0.1:1", DEMO], 2, &exists);
    let output = automap(&["diagnose", "--capture", DEMO, "--incident-start", "noonish"]);
    assert_eq!(code(&output), 2);
    assert!(stderr(&output).contains("'noonish' is not a time"), "{}", stderr(&output));
    assert_eq!(code(&automap(&["diagnose", "--capture", DEMO, "--exit-code"])), 1);
    assert_eq!(code(&automap(&["diagnose", "--capture", DEMO])), 0);
}
