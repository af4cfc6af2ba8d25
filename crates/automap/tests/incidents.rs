//! Exporting incidents from one store and importing them into another.

use std::path::Path;
use std::process::{Command, Output};

const INCIDENT: &str = r#"{"schema_version":1,"id":"shop-1","target":"shop","state":"closed","severity":"warning","revision":3,
"onset":"2026-11-25T14:03:15Z","opened":"2026-11-25T14:05:00Z","updated":"2026-11-25T14:20:00Z","closed":"2026-11-25T14:20:00Z",
"title":"payment","cause":null,"symptoms":[],"victims":[],"slos":[],"alerts":[],"reopened":0,"confirmed":null,"timeline":[],"report":null}"#;

fn automap(data: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_automap")).args(args).env("XDG_DATA_HOME", data).output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn what_is_exported_can_be_imported_elsewhere() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().to_owned();
    let file = |name: &str| data.join(name).display().to_string();
    let nothing = automap(&data, &["incidents", "export", "-"]);
    assert!(!nothing.status.success() && said(&nothing).contains("there is no store"));
    let line = INCIDENT.replace('\n', "");
    std::fs::write(file("in.jsonl"), format!("{line}\n\n{}\n", line.replace("shop", "other"))).unwrap();
    let imported = automap(&data, &["incidents", "import", &file("in.jsonl")]);
    assert!(said(&imported).contains("2 incidents imported, 0 were already stored"), "{}", said(&imported));
    let exported = automap(&data, &["incidents", "export", &file("out.jsonl"), "--target", "shop"]);
    assert!(said(&exported).contains("1 incidents written to"), "{}", said(&exported));
    let again = automap(&data, &["incidents", "export", &file("out.jsonl")]);
    assert!(!again.status.success() && said(&again).contains("exists"), "no file is lost");
    let all = automap(&data, &["incidents", "export", "-"]);
    assert_eq!(String::from_utf8(all.stdout).unwrap().lines().count(), 2);
    let elsewhere = ["incidents", "import", &file("out.jsonl"), "--store", &file("other.db")];
    assert!(said(&automap(&data, &elsewhere)).contains("1 incidents imported"));
    assert!(said(&automap(&data, &elsewhere)).contains("1 were already stored"));
    std::fs::write(file("bad.jsonl"), format!("{line}\nno\n")).unwrap();
    let bad = automap(&data, &["incidents", "import", &file("bad.jsonl")]);
    assert!(!bad.status.success() && said(&bad).contains("line 2 is no incident"), "{}", said(&bad));
}

/// Stored incidents become a page: with the stored report, from a store and from a file, and in every format.
#[test]
fn a_kept_incident_becomes_a_page() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().to_owned();
    let file = |name: &str| data.join(name).display().to_string();
    let answer = automap(&data, &["demo", "-o", "json"]);
    let report = String::from_utf8(answer.stdout).unwrap();
    let incident =
        INCIDENT.replace('\n', "").replace("\"report\":null", &format!("\"report\":{}", report.replace('\n', "")));
    std::fs::write(file("in.jsonl"), incident).unwrap();
    assert!(automap(&data, &["incidents", "import", &file("in.jsonl")]).status.success());

    let html = automap(&data, &["report", "shop-1", "-o", "html"]);
    let page = String::from_utf8(html.stdout.clone()).unwrap();
    assert!(page.contains("payment") && page.contains("made of the report alone"), "{}", said(&html));
    assert!(said(&html).contains("without the metrics"), "{}", said(&html));
    for (form, expected) in [("text", "payment"), ("svg", "<svg"), ("markdown", "# "), ("json", "\"charts\": []")] {
        let made = automap(&data, &["report", "shop-1", "-o", form]);
        let text = String::from_utf8(made.stdout.clone()).unwrap();
        assert!(made.status.success() && text.contains(expected), "{form}: {text} {}", said(&made));
    }
    let unknown = automap(&data, &["report", "shop-9", "-o", "html"]);
    assert!(said(&unknown).contains("no incident of that id in"), "{}", said(&unknown));
    let elsewhere = automap(&data, &["report", "shop-1", "-o", "html", "--store", &file("gone.db")]);
    assert!(said(&elsewhere).contains("does not exist"), "{}", said(&elsewhere));

    // The same from files: what `report -o json`, `diagnose -o json` and `incidents show -o json` save.
    let saved = automap(&data, &["report", "shop-1", "-o", "json", "-f", &file("page.json")]);
    assert!(saved.status.success(), "{}", said(&saved));
    std::fs::write(file("report.json"), &report).unwrap();
    std::fs::write(file("incident.json"), automap(&data, &["incidents", "show", "shop-1", "-o", "json"]).stdout)
        .unwrap();
    for name in ["page.json", "report.json", "incident.json"] {
        let made = automap(&data, &["report", &file(name), "-o", "text"]);
        assert!(String::from_utf8_lossy(&made.stdout).contains("payment"), "{name}: {}", said(&made));
    }
    std::fs::write(file("other.json"), "{}").unwrap();
    let other = automap(&data, &["report", &file("other.json"), "-o", "text"]);
    assert!(said(&other).contains("other.json: it is JSON, but neither a report nor an incident"), "{}", said(&other));
}
