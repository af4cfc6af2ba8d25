//! Rules that the compiler cannot see; each has its reason in `ARCHITECTURE.md`.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::path::{Path, PathBuf};

/// Longest Rust file: beyond it a file holds more than one idea.
const MAX_LINES: usize = 500;

/// Longest line of examples.
const MAX_EXAMPLE: usize = 98;

/// The modules of the core from left to right in the picture; each imports only what stands before it.
const CORE_ORDER: [&str; 23] = [
    "time",
    "note",
    "metric",
    "stats",
    "topology",
    "frame",
    "observation",
    "coverage",
    "onset",
    "anomaly",
    "windows",
    "independence",
    "graph",
    "rank",
    "marginal",
    "profile",
    "verdict",
    "propagation",
    "compare",
    "report",
    "incident",
    "slo",
    "watch",
];

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

#[test]
fn imports_inside_the_core_point_left() {
    let src = crates().join("automap-core/src");
    let mut wrong = Vec::new();
    for path in rust_files(&src) {
        let relative = path.strip_prefix(&src).unwrap();
        let first = relative.components().next().unwrap().as_os_str().to_str().unwrap().trim_end_matches(".rs");
        let Some(place) = CORE_ORDER.iter().position(|m| *m == first) else {
            assert_eq!(first, "lib", "{} has no place in CORE_ORDER", relative.display());
            continue;
        };
        for line in code(&path) {
            for (i, module) in CORE_ORDER.iter().enumerate().skip(place + 1) {
                if line.contains(&format!("crate::{module}::")) {
                    wrong.push(format!("{}: {} imports {} (place {i})", relative.display(), first, module));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_core_depends_on_nothing_with_effects() {
    let manifest = fs::read_to_string(crates().join("automap-core/Cargo.toml")).unwrap();
    let dependencies = manifest.split("[dependencies]").nth(1).unwrap().split("\n[").next().unwrap();
    let names: Vec<&str> = dependencies.lines().filter_map(|l| l.split_once(" = ")).map(|(name, _)| name).collect();
    for name in names {
        assert!(
            ["jiff", "rayon", "schemars", "serde", "serde_json", "statrs", "thiserror"].contains(&name),
            "automap-core depends on {name}"
        );
    }
}

/// What runs beside a cluster never sees what was really injected: neither the lab's ledger nor a cluster's.
#[test]
fn the_server_does_not_know_the_truth() {
    for name in ["automap-core", "automap-sources", "automap-server"] {
        let manifest = fs::read_to_string(crates().join(name).join("Cargo.toml")).unwrap();
        for truth in ["automap-lab", "automap-chaos", "automap-kubernetes"] {
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

#[test]
fn renderers_see_the_report_and_nothing_else() {
    for line in code(&crates().join("automap-core/src/report/text.rs")) {
        if let Some(import) = line.strip_prefix("use crate::") {
            assert!(import.starts_with("note::"), "the text renderer imports {import}");
        }
    }
}

/// Help is wrapped at 100 columns or less: an example that is broken in two is not copied.
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
