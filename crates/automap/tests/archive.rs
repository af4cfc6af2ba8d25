//! Incidents in an archive: added from a store, from lines and from captures, listed, counted and found again.

use std::path::Path;
use std::process::{Command, Output};

const INCIDENT: &str = r#"{"schema_version":1,"id":"shop-1","target":"shop","state":"closed","severity":"warning","revision":3,
"onset":"2026-10-25T14:03:15Z","opened":"2026-10-25T14:05:00Z","updated":"2026-10-25T14:20:00Z","closed":"2026-10-25T14:20:00Z",
"title":"carts","cause":{"service":"carts","mechanism":"cpu","confidence":0.9},"symptoms":[],"victims":[],"slos":[],"alerts":[],"reopened":0,
"confirmed":"carts","timeline":[],"report":null}"#;

fn automap(data: &Path, args: &[&str]) -> Output {
    let args = args.iter().chain(&["--utc"][..usize::from(args[1] != "add" && args[0] == "archive")]);
    Command::new(env!("CARGO_BIN_EXE_automap")).args(args).env("XDG_DATA_HOME", data).output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn answer(data: &Path, args: &[&str]) -> String {
    let output = automap(data, args);
    assert!(output.status.success(), "{args:?}: {}", said(&output));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn incidents_of_a_store_of_lines_and_of_captures_become_one_archive() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().to_owned();
    let file = |name: &str| data.join(name).display().to_string();
    let archive = file("archive");
    let absent = automap(&data, &["archive", "list", &archive]);
    assert!(!absent.status.success() && said(&absent).contains("there is no archive in"), "{}", said(&absent));

    let line = INCIDENT.replace('\n', "");
    let open = line.replace("shop-1", "shop-2").replace("\"closed\",\"severity\"", "\"open\",\"severity\"");
    std::fs::write(file("in.jsonl"), format!("{line}\n{open}\n")).unwrap();
    assert!(automap(&data, &["incidents", "import", &file("in.jsonl")]).status.success());
    let added = automap(&data, &["archive", "add", &archive]);
    assert!(said(&added).contains("1 incidents are new in"), "only closed ones: {}", said(&added));
    let again = automap(&data, &["archive", "add", &archive, &file("in.jsonl")]);
    assert!(
        said(&again).contains("0 incidents are new") && said(&again).contains("1 were there already"),
        "{}",
        said(&again)
    );
    let capture = "tests/captures/delay-payment.parquet";
    let added = automap(&data, &["archive", "add", &archive, "--target", "lab", capture]);
    assert!(said(&added).contains("1 incidents are new in"), "{}", said(&added));

    let list = answer(&data, &["archive", "list", &archive]);
    assert!(
        list.contains("carts (confirmed)") && list.contains("payment") && list.ends_with("2 incidents\n"),
        "{list}"
    );
    let one = answer(&data, &["archive", "list", &archive, "--to", "2026-10-26", "--cause", "carts", "-o", "json"]);
    let rows: serde_json::Value = serde_json::from_str(&one).unwrap();
    assert_eq!((rows.as_array().map(Vec::len), &rows[0]["id"]), (Some(1), &"shop-1".into()));
    let history = answer(&data, &["archive", "history", &archive]);
    assert!(
        history.contains("carts 1") && history.contains("1: 1 named rightly") && history.contains("all"),
        "{history}"
    );

    let similar = answer(&data, &["archive", "similar", &archive, capture]);
    assert!(
        similar.contains("1.00") && similar.contains("payment") && similar.ends_with("among 1 incidents\n"),
        "{similar}"
    );
    let shown = answer(&data, &["archive", "show", &archive, "shop-1"]);
    assert!(shown.starts_with("shop-1\ncarts\n"), "{shown}");
    for (args, words) in [
        (["similar", "shop-1"], "has no diagnosis"),
        (["similar", "nobody"], "there is no incident 'nobody'"),
        (["show", "x"], "there is no incident 'x'"),
    ] {
        let refused = automap(&data, &["archive", args[0], &archive, args[1]]);
        assert!(!refused.status.success() && said(&refused).contains(words), "{}", said(&refused));
    }
}
