//! `automap sim` beyond captures: the same incident through a real Prometheus, an endpoint to scrape, the comparison with recordings.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::prometheus::Prometheus;

fn automap(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_automap")).args(args).output().unwrap()
}

fn text(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn messages(args: &[&str]) -> String {
    let output = automap(args);
    assert_eq!(output.status.code(), Some(2), "{args:?}");
    String::from_utf8(output.stderr).unwrap()
}

fn report(args: &[&str]) -> Value {
    serde_json::from_str(&text(&automap(&[&["diagnose", "-o", "json"], args].concat()))).unwrap()
}

/// The services named by a report, and the kind of fault of each.
fn named(report: &Value) -> Vec<(String, String)> {
    let causes = report["verdict"]["causes"].as_array().unwrap().iter();
    causes.map(|cause| (cause["services"].to_string(), cause["mechanism"].to_string())).collect()
}

/// The services named from a capture are the same as from a Prometheus with the samples of the same incident.
#[test]
fn a_prometheus_of_the_samples_gives_the_answer_of_the_capture() {
    const SPEC: [&str; 8] = ["--incidents", "4", "--systems", "2", "--services", "8..12", "--seed", "3"];
    let dir = tempfile::tempdir().unwrap();
    let captures = dir.path().join("captures");
    text(&automap(&[&["sim", captures.to_str().unwrap()], &SPEC[..]].concat()));
    let mut right = 0;
    for incident in 1..=4 {
        let samples = dir.path().join("samples.txt");
        let number = incident.to_string();
        let args = ["sim", "--openmetrics", samples.to_str().unwrap(), "--force", "--incident", number.as_str()];
        text(&automap(&[&args, &SPEC[..]].concat()));
        let Some(server) = Prometheus::backfilled("sim", &fs::read_to_string(&samples).unwrap()) else { return };
        let capture = captures.join(format!("system-{:02}/incident-{incident:04}.parquet", (incident - 1) % 2 + 1));
        let of_capture = report(&[capture.to_str().unwrap()]);
        let of_server = report(&[
            "--prometheus",
            &server.url(),
            "--namespace",
            "sim",
            "--scrape-interval",
            "5s",
            "--from",
            "2025-11-24T00:00:00Z",
            "--to",
            "2025-11-24T00:20:00Z",
        ]);
        assert_eq!(named(&of_capture), named(&of_server), "incident {incident}");
        let truth: Value = serde_json::from_str(&fs::read_to_string(capture.with_extension("json")).unwrap()).unwrap();
        let places: Vec<&Value> = truth.as_array().unwrap().iter().filter_map(|i| i.pointer("/truth/entity")).collect();
        let is_right =
            |(services, _): &(String, String)| places.iter().any(|place| services.contains(&place.to_string()));
        right += usize::from(named(&of_server).iter().any(is_right));
    }
    assert!(right > 0, "no true cause was named at all, so nothing was compared");
}

/// A process that ends with the test.
struct Running(std::process::Child);

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail only if there is nothing left to end.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn an_endpoint_follows_the_clock_of_the_system() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_automap"))
        .args(["sim", "--serve", "127.0.0.1:0", "--speed", "100", "--services", "5", "--minutes", "6"])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let _running = Running(child);
    let address = lines.map_while(Result::ok).find_map(|line| {
        let address = line.split("http://").nth(1)?.strip_suffix("/metrics")?;
        Some(address.to_owned())
    });
    let scrape = || {
        let mut stream = TcpStream::connect(address.as_ref().unwrap()).unwrap();
        stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("application/openmetrics-text"), "{answer}");
        assert!(answer.ends_with("# EOF\n"));
        let served = answer.lines().filter(|l| l.starts_with("istio_requests_total{reporter=\"destination\""));
        served.map(|l| l.rsplit(' ').next().unwrap().parse::<f64>().unwrap()).sum::<f64>()
    };
    let begun = std::time::Instant::now();
    let (first, mut later) = (scrape(), 0.0);
    while later <= first && begun.elapsed().as_secs() < 30 {
        later = scrape();
    }
    assert!(later > first, "{first} and then {later}");
}

#[test]
fn simulated_and_recorded_incidents_stand_side_by_side() {
    let recorded = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/captures");
    let spec = ["--incidents", "8", "--systems", "2", "--services", "6..8", "--minutes", "8"];
    let table = text(&automap(&[&["sim", "--compare", recorded.to_str().unwrap()], &spec[..]].concat()));
    for measure in ["coefficient of variation", "kurtosis of differences", "autocorrelation, lag 12", "samples missing"]
    {
        assert!(table.contains(measure), "{table}");
    }
    assert!(table.contains("8 simulated and"), "{table}");
}

#[test]
fn chains_and_what_users_felt_are_scored() {
    let spec = "incidents=8,systems=2,services=6..8,minutes=8,double=0.5";
    let all: Value = serde_json::from_str(&text(&automap(&["eval", "--sim", spec, "-o", "json"]))).unwrap();
    let evidence = &all["engines"]["evidence"];
    let (paths, sets) = (&evidence["macro"]["named_paths"], &evidence["macro"]["named_sets"]);
    assert!(paths["hits"].as_u64() <= paths["of"].as_u64() && paths["of"].as_u64() <= sets["recall"]["hits"].as_u64());
    let cases = |name: &str| evidence["by_felt"][name]["cases"].as_u64().unwrap_or(0);
    assert_eq!(Some(cases("felt by users") + cases("not felt by users")), evidence["macro"]["cases"].as_u64());
}

#[test]
fn wrong_wishes_are_told_by_their_options() {
    assert!(messages(&["sim"]).contains("--openmetrics"));
    let large = messages(&["sim", "x", "--incidents", "100000", "--services", "1000"]);
    assert!(large.contains("incidents 100000") && large.contains("services 1000"), "{large}");
    assert!(messages(&["sim", "--openmetrics", "-", "--incident", "101"]).contains("--incidents 100"));
    assert!(messages(&["sim", "--benchmark", "x", "--seed", "2"]).contains("--seed"));
    assert!(messages(&["eval", "--sim", "minutes=5"]).contains("minutes: '5'"));
}
