//! `automap ui` serves a recording without any other process: its incidents, their data and their map, and it ends on request.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

/// Longest wait for an answer: an analysis in an unoptimised build on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

struct Ui {
    process: Child,
    address: String,
}

impl Ui {
    fn start(arguments: &[&str]) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_automap"))
            .arg("ui")
            .args(arguments)
            .args(["--port", "0"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().trim_start_matches("http://").trim_end_matches('/').to_owned();
        assert!(address.starts_with("127.0.0.1:"), "{line:?}");
        Self { process, address }
    }

    fn get(&self, path: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", self.address).unwrap();
        let mut reply = String::new();
        stream.read_to_string(&mut reply).unwrap();
        let (head, body) = reply.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
    }

    fn json(&self, path: &str) -> Value {
        let (status, body) = self.get(path);
        assert_eq!(status, 200, "{path}: {body}");
        serde_json::from_str(&body).unwrap()
    }
}

impl Drop for Ui {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn a_recording_is_shown_with_its_incident_and_everything_about_it() {
    let ui = Ui::start(&[]);
    let incidents = ui.json("/api/v1/incidents?state=open");
    let incident = &incidents["incidents"][0];
    assert_eq!((&incident["cause"]["service"], &incident["target"]), (&"payment".into(), &"demo".into()));
    let id = incident["id"].as_str().unwrap();
    assert!(id.starts_with("demo-"), "{id}");
    let target = &ui.json("/api/v1/targets")["targets"][0];
    assert_eq!(target["state"], "recorded", "nothing is watched");
    assert!(target["summary"].as_str().unwrap().ends_with(": one incident, open at its end"), "{target}");
    assert_eq!(ui.json("/api/v1/drills")["place"], Value::Null, "nothing can be injected into a recording");

    let dossier = ui.json(&format!("/api/v1/incidents/{id}/dossier"));
    assert!(dossier["charts"].as_array().unwrap().len() > 3);
    assert_eq!(dossier["report"]["verdict"]["service"], "payment");
    let experiments = ui.json(&format!("/api/v1/incidents/{id}/experiments"));
    assert_eq!(experiments["experiments"][0]["places"][0], "payment");
    let near = ui.json(&format!("/api/v1/incidents/{id}/map"));
    let all = ui.json(&format!("/api/v1/incidents/{id}/map?scope=all"));
    let count = |map: &Value| map["placed"]["nodes"].as_array().unwrap().len();
    assert_eq!((count(&all), count(&near) + usize::try_from(near["folded"].as_u64().unwrap()).unwrap()), (14, 14));

    let service = ui.json("/api/v1/targets/demo/services/orders");
    assert_eq!(service["callers"][0], "front-end");
    assert!(service["charts"][0]["lines"][0]["points"].as_array().unwrap().len() > 10);
    assert_eq!(ui.get("/api/v1/targets/demo/services/nobody").0, 404);
    assert_eq!(ui.get("/").0, 200);
}

#[test]
fn a_file_that_is_no_recording_is_named_with_what_is_wrong() {
    let run = Command::new(env!("CARGO_BIN_EXE_automap")).args(["ui", "/nowhere/a.parquet"]).output().unwrap();
    assert_eq!(run.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&run.stderr).contains("/nowhere/a.parquet"));
}

/// A saved report has its incident, its map and its statements about each service; requests that need metrics are refused with advice on how to get
/// them.
#[test]
fn a_saved_report_is_shown_with_nothing_else_running() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("monday.json");
    let made = Command::new(env!("CARGO_BIN_EXE_automap")).args(["demo", "-o", "json"]).output().unwrap();
    std::fs::write(&file, made.stdout).unwrap();
    let ui = Ui::start(&[file.to_str().unwrap()]);
    let incident = &ui.json("/api/v1/incidents")["incidents"][0];
    assert_eq!((&incident["cause"]["service"], &incident["target"]), (&"payment".into(), &"monday".into()));
    let id = incident["id"].as_str().unwrap();
    let dossier = ui.json(&format!("/api/v1/incidents/{id}/dossier"));
    assert_eq!(
        (&dossier["report"]["verdict"]["service"], &dossier["charts"]),
        (&"payment".into(), &serde_json::json!([]))
    );
    let map = ui.json(&format!("/api/v1/incidents/{id}/map?scope=all"));
    assert!(map["placed"]["nodes"].as_array().unwrap().iter().any(|node| node["service"] == "payment"));
    assert_eq!(ui.json("/api/v1/targets/monday/services/payment")["service"], "payment");
    assert_eq!(ui.json("/api/v1/targets/monday")["state"], "recorded", "what came after it nobody knows");
    let (status, refused) = ui.get(&format!("/api/v1/incidents/{id}/capture.parquet"));
    assert!(status == 422 && refused.contains("open the capture"), "{refused}");
}
