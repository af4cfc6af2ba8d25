//! The ledger as a user runs it: the real program, and a flag file that changes.

use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(60);

fn turn(flags: &Path, variant: &str) {
    let flag = json!({"state": "ENABLED", "defaultVariant": variant, "variants": {"on": true, "off": false}});
    std::fs::write(flags, json!({"flags": {"paymentFailure": flag}}).to_string()).unwrap();
}

fn listed(ledger: &Path) -> Vec<Value> {
    let program = env!("CARGO_BIN_EXE_automap");
    let out = Command::new(program).args(["chaos", "list", "-o", "json", "--ledger"]).arg(ledger).output().unwrap();
    serde_json::from_slice(&out.stdout).unwrap_or_default()
}

fn wait(ledger: &Path, state: &str) -> Value {
    let until = Instant::now() + PATIENCE;
    loop {
        if let Some(entry) = listed(ledger).into_iter().find(|e| e["state"] == state) {
            return entry;
        }
        assert!(Instant::now() < until, "nothing is {state}: {:?}", listed(ledger));
        sleep(Duration::from_millis(200));
    }
}

#[test]
fn a_flag_that_is_turned_on_and_off_is_in_the_ledger() {
    let dir = tempfile::tempdir().unwrap();
    let (flags, ledger) = (dir.path().join("demo.flagd.json"), dir.path().join("chaos.jsonl"));
    turn(&flags, "on");
    let mut recorder = Command::new(env!("CARGO_BIN_EXE_automap"))
        .args(["chaos", "record", "--no-cluster", "--flags"])
        .arg(&flags)
        .arg("--ledger")
        .arg(&ledger)
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let on = wait(&ledger, "running");
    // Half a file, as an editor may leave it for a moment, ends nothing.
    std::fs::write(&flags, "{").unwrap();
    sleep(Duration::from_secs(6));
    assert_eq!(listed(&ledger)[0]["state"], "running");
    turn(&flags, "off");
    let off = wait(&ledger, "injected");
    assert_eq!((&off["targets"][0]["service"], &off["started"]), (&json!("payment"), &on["started"]));
    let interrupted = Command::new("kill").args(["-INT", &recorder.id().to_string()]).status().unwrap();
    assert!(interrupted.success() && recorder.wait().unwrap().success());
}
