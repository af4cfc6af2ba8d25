//! Rules that the compiler cannot check; the reason for each is in `ARCHITECTURE.md`.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::path::{Path, PathBuf};

/// Longest Rust file: beyond it a file holds more than one idea.
const MAX_LINES: usize = 500;

/// Longest line of examples.
const MAX_EXAMPLE: usize = 98;

fn crates() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn rust_files(dir: &Path) -> Vec<PathBuf> {
    let mut out = Vec::new();
    let mut entries: Vec<_> = fs::read_dir(dir).unwrap().map(|e| e.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            out.extend(rust_files(&path));
        } else if path.extension().is_some_and(|e| e == "rs") {
            out.push(path);
        }
    }
    out
}

/// Code lines, without comments and without the test module at the end.
fn code(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).unwrap();
    let code = text.lines().take_while(|l| !l.starts_with("#[cfg(test)]"));
    code.filter(|l| !l.trim_start().starts_with("//")).map(ToOwned::to_owned).collect()
}

/// The core's modules in the order in which its root declares them.
fn core_modules() -> Vec<String> {
    let root = code(&crates().join("automap-core/src/lib.rs"));
    let name = |line: &String| {
        let declared = line.strip_prefix("pub mod ").or_else(|| line.strip_prefix("mod "))?;
        declared.strip_suffix(';').map(ToOwned::to_owned)
    };
    root.iter().filter_map(name).collect()
}

/// The names that a file uses from its own crate's root: `crate::frame::X`, `crate::{anomaly, rank}` and `crate::Analysis` give `frame`, `anomaly`,
/// `rank` and `Analysis`.
fn named_of_root(code: &str) -> Vec<String> {
    let identifier = |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let mut found = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        let is_other_crate = code[..at].ends_with(|c: char| c == '_' || c == '$' || c.is_alphanumeric());
        let rest = &code[at + "crate::".len()..];
        match rest.strip_prefix('{') {
            _ if is_other_crate => {}
            Some(group) => {
                let mut depth = 0;
                let mut start = true;
                for (i, c) in group.char_indices() {
                    match c {
                        '{' => depth += 1,
                        '}' if depth == 0 => break,
                        '}' => depth -= 1,
                        ',' if depth == 0 => start = true,
                        c if start && c.is_alphanumeric() => {
                            found.push(identifier(&group[i..]));
                            start = false;
                        }
                        _ => {}
                    }
                }
            }
            None => found.push(identifier(rest)),
        }
    }
    found
}

/// The root of the core declares its modules in the order of the picture; each imports only from those above it, and
/// never through the root's own re-exports, which would hide the direction.
#[test]
fn imports_inside_the_core_point_up() {
    let src = crates().join("automap-core/src");
    let order = core_modules();
    assert!(order.len() > 20 && order[0] == "time", "the order is read from lib.rs: {order:?}");
    let mut wrong = Vec::new();
    for path in rust_files(&src) {
        let relative = path.strip_prefix(&src).unwrap();
        let module = relative.components().next().unwrap().as_os_str().to_str().unwrap().trim_end_matches(".rs");
        let Some(place) = order.iter().position(|m| m == module) else {
            assert_eq!(module, "lib", "{} is not declared in lib.rs", relative.display());
            continue;
        };
        for name in named_of_root(&code(&path).join("\n")) {
            match order.iter().position(|m| *m == name) {
                Some(other) if other <= place => {}
                Some(_) => wrong.push(format!("{}: {module} imports {name}, which is below it", relative.display())),
                None => wrong.push(format!("{}: {name} is taken from the root", relative.display())),
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn names_of_the_root_are_found_in_every_spelling() {
    let code =
        "use crate::frame::X;\nuse crate::{anomaly, rank::{self, Y}};\nfn f(a: &crate::Analysis) {}\nautomap_crate::no";
    assert_eq!(named_of_root(code), ["frame", "anomaly", "rank", "Analysis"]);
}

#[test]
fn the_core_depends_on_nothing_with_effects() {
    let manifest = fs::read_to_string(crates().join("automap-core/Cargo.toml")).unwrap();
    let dependencies = manifest.split("[dependencies]").nth(1).unwrap().split("\n[").next().unwrap();
    let names: Vec<&str> = dependencies.lines().filter_map(|l| l.split_once(" = ")).map(|(name, _)| name).collect();
    for name in names {
        assert!(
            ["jiff", "rayon", "schemars", "serde", "serde_json", "statrs", "strsim", "thiserror"].contains(&name),
            "automap-core depends on {name}"
        );
    }
}

/// Code that runs beside a cluster has no access to what was injected: neither the lab's ledger nor a cluster's.
#[test]
fn the_server_does_not_know_the_truth() {
    for name in ["automap-core", "automap-render", "automap-sources", "automap-server"] {
        let manifest = fs::read_to_string(crates().join(name).join("Cargo.toml")).unwrap();
        for truth in ["automap-lab", "automap-eval", "automap-chaos", "automap-kubernetes"] {
            assert!(!manifest.contains(truth), "{name} depends on {truth}");
        }
    }
}

#[test]
fn outside_words_stay_outside() {
    let rules: [(&str, &[&str]); 2] = [
        ("automap-core/src", &["istio", "kube", "cadvisor", "prometheus", "chaos", "truth", "ledger", "tokio", "ureq"]),
        ("automap-sources/src", &["chaos", "ground_truth", "ledger", "ranking"]),
    ];
    let mut found = Vec::new();
    for (dir, words) in rules {
        for path in rust_files(&crates().join(dir)) {
            for line in code(&path) {
                let lower = line.to_lowercase();
                for word in words.iter().filter(|w| lower.contains(**w)) {
                    found.push(format!("{}: {word}: {line}", path.display()));
                }
            }
        }
    }
    assert!(found.is_empty(), "{found:#?}");
}

/// A renderer takes a finished, typed value: it cannot reach anything with which it could compute an answer itself.
#[test]
fn renderers_take_finished_values() {
    let forbidden =
        ["analysis", "anomaly", "frame", "graph", "independence", "onset", "rank", "stats", "topology", "windows"];
    let mut wrong = Vec::new();
    for path in rust_files(&crates().join("automap-render/src")) {
        for line in code(&path) {
            for module in forbidden.iter().filter(|m| line.contains(&format!("automap_core::{m}"))) {
                wrong.push(format!("{}: imports {module}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Markup, terminal colours and drawing belong to `automap-render`.
#[test]
fn the_core_renders_nothing() {
    let signs = ["\\x1b[", "<svg", "<html", "</", "digraph", "graph LR", "<?xml"];
    let mut wrong = Vec::new();
    for path in rust_files(&crates().join("automap-core/src")) {
        for line in code(&path) {
            for sign in signs.iter().filter(|s| line.contains(**s)) {
                wrong.push(format!("{}: {sign}: {line}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Help is wrapped at 100 columns or less: an example that is broken over two lines is not copied.
#[test]
fn examples_fit_a_line() {
    let mut long = Vec::new();
    for path in rust_files(&crates().join("automap/src")) {
        let text = fs::read_to_string(&path).unwrap();
        let Some((_, examples)) = text.split_once("EXAMPLES: &str = \"") else { continue };
        let lines = examples.split_once("\";").map_or("", |(examples, _)| examples).lines();
        long.extend(lines.filter(|l| l.chars().count() > MAX_EXAMPLE).map(|l| format!("{}: {l}", path.display())));
    }
    assert!(long.is_empty(), "{long:#?}");
}

#[test]
fn files_hold_one_idea() {
    let long: Vec<String> = rust_files(&crates())
        .into_iter()
        .map(|p| (fs::read_to_string(&p).unwrap().lines().count(), p))
        .filter(|(lines, _)| *lines > MAX_LINES)
        .map(|(lines, p)| format!("{lines} lines: {}", p.display()))
        .collect();
    assert!(long.is_empty(), "{long:#?}");
}

/// The metric table of the core is the only place that spells out a metric's name; presets, which map exporters onto it, may spell it too.
#[test]
fn metric_names_are_spelled_in_the_table_alone() {
    let table = code(&crates().join("automap-core/src/metric/table.rs"));
    let name = |line: &String| line.strip_prefix("pub const ")?.split('"').nth(1).map(|name| format!("\"{name}\""));
    let names: Vec<String> = table.iter().filter_map(name).collect();
    assert!(names.len() > 20 && names.contains(&"\"latency_ms\"".to_owned()), "{names:?}");
    let is_exempt = |path: &Path| {
        let path = path.to_str().unwrap();
        ["/tests/", "/benches/", "/examples/", "tests.rs", "/core/src/metric", "prometheus/presets"]
            .iter()
            .any(|part| path.replace("automap-core", "core").contains(part))
    };
    let mut wrong = Vec::new();
    for path in rust_files(&crates()).iter().filter(|p| !is_exempt(p)) {
        for line in code(path) {
            let spelled = names.iter().find(|name| line.contains(*name));
            wrong.extend(spelled.map(|name| format!("{}: {name}", path.display())));
        }
    }
    assert!(wrong.is_empty(), "use the constants of automap_core::metric: {wrong:#?}");
}

/// The API and language models show the core's messages too, and have no command line.
#[test]
fn the_core_names_no_command_line_flag() {
    let is_flag = |line: &str| {
        line.match_indices("--").any(|(at, _)| line[at + 2..].starts_with(|c: char| c.is_ascii_lowercase()))
    };
    for path in rust_files(&crates().join("automap-core/src")) {
        for line in code(&path).iter().filter(|line| line.contains('"')) {
            assert!(!is_flag(line), "{}: {line}", path.display());
        }
    }
}
