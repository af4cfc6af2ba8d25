//! `automap graph` on the capture of the demo: every output format can be parsed.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

const DEMO: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/demo.parquet");

fn automap(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_automap")).arg("graph").args(args).output().unwrap()
}

fn graph(args: &[&str]) -> Vec<u8> {
    let output = automap(&[&["--capture", DEMO], args].concat());
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

fn text(args: &[&str]) -> String {
    String::from_utf8(graph(args)).unwrap()
}

/// The elements of an XML text by name; panics unless every element is closed, every attribute quoted and every `&` an entity.
fn elements(xml: &str) -> Vec<String> {
    let mut open: Vec<String> = Vec::new();
    let mut all = Vec::new();
    let mut rest = xml;
    while let Some(start) = rest.find('<') {
        entities(&rest[..start]);
        let end = rest.find('>').unwrap();
        let tag = &rest[start + 1..end];
        rest = &rest[end + 1..];
        if tag.starts_with('?') {
            continue;
        }
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop().as_deref(), Some(name));
            continue;
        }
        assert_eq!(tag.matches('"').count() % 2, 0, "<{tag}>");
        entities(tag);
        let name: String = tag.chars().take_while(|c| !c.is_whitespace() && *c != '/').collect();
        if !tag.ends_with('/') {
            open.push(name.clone());
        }
        all.push(name);
    }
    assert_eq!((open, rest.trim()), (Vec::new(), ""));
    all
}

fn entities(text: &str) {
    for after in text.split('&').skip(1) {
        let name = after.split(';').next().unwrap();
        assert!(["amp", "lt", "gt", "quot", "#39"].contains(&name), "&{name}");
    }
}

fn count(names: &[String], wanted: &str) -> usize {
    names.iter().filter(|n| *n == wanted).count()
}

#[test]
fn the_tree_marks_the_cause_below_its_callers() {
    let tree = text(&[]);
    let lines: Vec<&str> = tree.lines().collect();
    let place = |start: &str| lines.iter().position(|l| l.contains(start)).unwrap_or_else(|| panic!("{start}: {tree}"));
    assert!(lines[0].starts_with("cause: payment (network)"), "{tree}");
    assert!(
        place("front-end  victim") < place("orders  victim") && place("orders  victim") < place("payment  ◀ CAUSE")
    );
    assert!(lines[place("payment  ◀ CAUSE")].contains("┣━ ") || lines[place("payment  ◀ CAUSE")].contains("┗━ "));
    assert!(!tree.contains('\x1b'), "no colours into a pipe");
    assert!(text(&["--color", "always"]).contains("\x1b[1;31m"));
}

/// The picture in the README: written by `automap graph crates/automap/assets/demo.parquet --file docs/demo-map.svg --force`.
#[test]
fn the_picture_in_the_readme_is_current() {
    let committed = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/demo-map.svg");
    assert_eq!(text(&["-o", "svg"]), std::fs::read_to_string(committed).unwrap());
}

#[test]
fn json_holds_the_whole_map() {
    let map: Value = serde_json::from_slice(&graph(&["-o", "json"])).unwrap();
    assert_eq!((&map["schema_version"], &map["kind"]), (&1.into(), &"anomaly".into()));
    let nodes = map["nodes"].as_array().unwrap();
    let causes: Vec<&Value> = nodes.iter().filter(|n| n["role"] == "cause").collect();
    assert_eq!(causes.len(), 1);
    assert_eq!(causes[0]["service"], "payment");
    let names: Vec<&Value> = nodes.iter().map(|n| &n["service"]).collect();
    let edges = map["edges"].as_array().unwrap();
    assert!(edges.iter().all(|e| names.contains(&&e["from"]) && names.contains(&&e["to"])));
    assert!(edges.iter().any(|e| e["from"] == "orders" && e["to"] == "payment" && e["on_path"] == true));
}

#[test]
fn normal_time_blames_nobody() {
    let map: Value = serde_json::from_slice(&graph(&["-o", "json", "--kind", "normal"])).unwrap();
    assert_eq!(map["kind"], "normal");
    assert!(map["nodes"].as_array().unwrap().iter().all(|n| n["role"] == "normal" || n["role"] == "unobserved"));
    assert!(map["edges"].as_array().unwrap().iter().all(|e| e["on_path"] == false));
}

#[test]
fn svg_is_well_formed_and_needs_nothing() {
    let svg = text(&["-o", "svg"]);
    let names = elements(&svg);
    let map: Value = serde_json::from_slice(&graph(&["-o", "json"])).unwrap();
    assert_eq!(svg.matches("class=\"am-node am-").count(), map["nodes"].as_array().unwrap().len());
    assert_eq!(svg.matches("class=\"am-edge am-").count(), map["edges"].as_array().unwrap().len());
    assert_eq!((count(&names, "script"), count(&names, "image"), svg.contains("url(")), (0, 0, false));
    assert_eq!(svg.matches("http").count(), 1, "only the name space");
}

#[test]
fn graphml_is_well_formed() {
    let names = elements(&text(&["-o", "graphml"]));
    let map: Value = serde_json::from_slice(&graph(&["-o", "json"])).unwrap();
    assert_eq!(count(&names, "node"), map["nodes"].as_array().unwrap().len());
    assert_eq!(count(&names, "edge"), map["edges"].as_array().unwrap().len());
}

#[test]
fn dot_is_a_graph_of_statements() {
    let dot = text(&["-o", "dot"]);
    let body = dot.strip_prefix("digraph automap {\n").unwrap().strip_suffix("}\n").unwrap();
    let mut open = 0_i32;
    for line in body.lines() {
        // Outside strings: balanced brackets, and every statement ends.
        let mut quoted = false;
        let mut before = ' ';
        let bare: String = line
            .chars()
            .filter(|c| {
                let escaped = before == '\\';
                before = if escaped { ' ' } else { *c };
                let is_quote = *c == '"' && !escaped;
                quoted ^= is_quote;
                !quoted && !is_quote
            })
            .collect();
        assert!(!quoted, "{line}");
        open += bare.matches('[').count() as i32 - bare.matches(']').count() as i32;
        assert!(open == 1 || (open == 0 && bare.ends_with("];")), "{line}");
    }
    assert_eq!(open, 0);
    assert!(body.contains("  \"orders\" -> \"payment\" [") && body.contains("shape=octagon"));
}

#[test]
fn mermaid_draws_the_same_services() {
    let chart = text(&["-o", "mermaid"]);
    let map: Value = serde_json::from_slice(&graph(&["-o", "json"])).unwrap();
    let is_node = |l: &&str| l.starts_with("  n") && l.contains("(\"") || l.contains("{{\"");
    assert_eq!(chart.lines().filter(is_node).count(), map["nodes"].as_array().unwrap().len());
    assert!(chart.contains("\nflowchart LR\n") && chart.contains(":::cause") && chart.contains(" ==> "), "{chart}");
}

#[test]
fn a_file_gets_the_form_of_its_name() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str| {
        let path = dir.path().join(name);
        assert_eq!(graph(&["--file", path.to_str().unwrap()]), b"", "data goes to the file alone");
        std::fs::read(path).unwrap()
    };
    let png = write("map.png");
    let side = |at: usize| u32::from_be_bytes(png[at..at + 4].try_into().unwrap());
    assert_eq!(&png[..8], b"\x89PNG\r\n\x1a\n");
    assert!((1000..6000).contains(&side(16)) && (400..4000).contains(&side(20)), "{} × {}", side(16), side(20));
    assert_eq!(write("map.svg"), graph(&["-o", "svg"]));
    assert_eq!(write("map.mmd"), graph(&["-o", "mermaid"]));
    assert_eq!(write("map.txt"), graph(&[]));
}

#[test]
fn a_name_that_tells_no_form_is_refused_with_advice() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("map.pdf");
    let output = automap(&["--capture", DEMO, "--file", path.to_str().unwrap()]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(said.contains("map.pdf") && said.contains(".svg") && said.contains("-o"), "{said}");
    assert!(!path.exists());
}

#[test]
fn a_file_that_cannot_be_written_is_named() {
    let output = automap(&["--capture", DEMO, "--file", "/nowhere/at/all/map.svg"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8(output.stderr).unwrap().contains("/nowhere/at/all/map.svg"));
}

/// Two services of a table, one with a hostile name, and a fault at it.
fn hostile_table(dir: &Path) -> PathBuf {
    let name = "\"\"]-->x<script>&\"\"'";
    let mut csv = format!("time,\"{name}_latency_ms\",shop_latency_ms\n");
    for i in 0..90_u32 {
        let slow = if i >= 60 { 400 } else { 0 };
        csv += &format!("{},{},{}\n", 1_700_000_000 + 5 * i, 20 + i * 7 % 5 + slow, 30 + i * 3 % 7);
    }
    let path = dir.join("hostile.csv");
    std::fs::write(&path, csv).unwrap();
    path
}

#[test]
fn a_hostile_name_is_text_in_every_form() {
    let dir = tempfile::tempdir().unwrap();
    let table = hostile_table(dir.path());
    let form = |form: &str| {
        let output = automap(&["--csv", table.to_str().unwrap(), "--separator", "_", "-o", form]);
        assert!(output.status.success(), "{form}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(form("json").contains("]-->x<script>&"), "the name arrives");
    for xml in [form("svg"), form("graphml")] {
        assert_eq!(count(&elements(&xml), "script"), 0, "{xml}");
        assert!(xml.contains("&lt;script&gt;"), "{xml}");
    }
    let chart = form("mermaid");
    assert!(!chart.contains("<script") && !chart.contains("]-->"), "{chart}");
    assert!(form("dot").contains("\"\\\"]-->x<script>"), "the quote is escaped");
}

/// `shop` calls `stock`, but only according to a file.
#[test]
fn calls_of_a_file_are_edges_that_nobody_observed() {
    let dir = tempfile::tempdir().unwrap();
    let table = dir.path().join("table.csv");
    let mut csv = "time,shop_latency_ms,stock_latency_ms\n".to_owned();
    for i in 0..90_u32 {
        let slow = if i >= 60 { 400 } else { 0 };
        csv += &format!("{},{},{}\n", 1_700_000_000 + 5 * i, 30 + i * 3 % 7 + slow, 20 + i * 7 % 5 + slow);
    }
    std::fs::write(&table, csv).unwrap();
    let calls = dir.path().join("calls.txt");
    let ask = |text: &str| {
        std::fs::write(&calls, text).unwrap();
        automap(&["--csv", table.to_str().unwrap(), "--calls", calls.to_str().unwrap(), "-o", "json"])
    };
    let output = ask("# who calls whom\nshop,stock\nshop,ghost\n");
    let map: Value = serde_json::from_slice(&output.stdout).unwrap();
    let edges: Vec<(&Value, &Value, &Value, &Value)> = map["edges"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| (&e["from"], &e["to"], &e["observed"], &e["asserted"]))
        .collect();
    let said = |to: &'static str| (Value::from("shop"), Value::from(to), Value::from(false), Value::from(true));
    let want = [said("ghost"), said("stock")];
    assert_eq!(edges, want.iter().map(|(a, b, c, d)| (a, b, c, d)).collect::<Vec<_>>());
    let cause = map["nodes"].as_array().unwrap().iter().find(|n| n["role"] == "cause").unwrap();
    assert_eq!(cause["service"], "stock", "the caller's latency is explained by the callee's");
    let output = ask("shop stock\n");
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(error.contains("calls.txt: line 1: 'shop stock' is not a call"), "{error}");
}
