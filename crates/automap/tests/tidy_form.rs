//! The form of the code, for every crate: short files, short functions, no large import cycles. Tests are not measured.
//!
//! The counters read rustfmt's output, so they need no parser: a function ends at the first closing brace with the indent of its
//! `fn`. `CONTRIBUTING.md` says why the limits exist.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Longest production file, in lines.
const MAX_FILE: usize = 400;
/// Longest function, in lines, signature and closing brace included.
const MAX_FUNCTION: usize = 60;
/// Maximum number of files in an import cycle: a parent and two children.
const MAX_CIRCLE: usize = 3;

/// Functions that may be longer, each with its reason.
const LONG_FUNCTIONS: [(&str, &str); 1] = [
    ("automap-render/src/map/sample.rs", "generated"), // one table of sample values
];

fn crates() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Every production file: its name below `crates/`, and its lines without the test module at the end.
fn production_files() -> Vec<(String, Vec<String>)> {
    fn collect(dir: &Path, out: &mut Vec<PathBuf>) {
        for path in fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()) {
            match path.is_dir() {
                true if path.file_name().is_some_and(|name| name == "tests") => {}
                true => collect(&path, out),
                false if path.extension().is_some_and(|e| e == "rs") && !path.ends_with("tests.rs") => out.push(path),
                false => {}
            }
        }
    }
    let mut paths = Vec::new();
    for krate in fs::read_dir(crates()).unwrap() {
        collect(&krate.unwrap().path().join("src"), &mut paths);
    }
    paths.sort();
    let read = |path: &PathBuf| {
        let text = fs::read_to_string(path).unwrap();
        let lines = text.lines().take_while(|line| !line.starts_with("#[cfg(test)]")).map(ToOwned::to_owned);
        (path.strip_prefix(crates()).unwrap().display().to_string(), lines.collect())
    };
    paths.iter().map(read).collect()
}

#[test]
fn production_files_are_short() {
    let long: Vec<String> = production_files()
        .into_iter()
        .filter(|(_, lines)| lines.len() > MAX_FILE)
        .map(|(name, lines)| format!("{name}: {} lines", lines.len()))
        .collect();
    assert!(long.is_empty(), "longer than {MAX_FILE} lines: {long:#?}");
}

/// Name and length of every function with a body.
fn functions(lines: &[String]) -> Vec<(String, usize)> {
    let mut out = Vec::new();
    for (start, line) in lines.iter().enumerate() {
        let trimmed = line.trim_start();
        let indent = line.len() - trimmed.len();
        let Some(name) = function_name(trimmed) else { continue };
        let Some(body) = (start..lines.len()).find(|i| lines[*i].ends_with(['{', ';', '}'])) else { continue };
        if !lines[body].ends_with('{') {
            // A declaration, or a body on the same line.
            continue;
        }
        let closing = format!("{}}}", " ".repeat(indent));
        let end = (body..lines.len()).find(|i| lines[*i].starts_with(&closing)).unwrap_or(lines.len() - 1);
        out.push((name, end - start + 1));
    }
    out
}

fn function_name(line: &str) -> Option<String> {
    let (before, after) = line.split_once("fn ")?;
    let is_qualifier =
        |word: &str| ["const", "async", "unsafe", "extern", "\"C\""].contains(&word) || word.starts_with("pub");
    let is_function = before.split_whitespace().all(|w| is_qualifier(w) || w == "crate)" || w.ends_with(')'));
    let name: String = after.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    (is_function && !name.is_empty()).then_some(name)
}

#[test]
fn functions_are_short() {
    let mut long = Vec::new();
    for (file, lines) in production_files() {
        for (name, length) in functions(&lines).into_iter().filter(|(_, length)| *length > MAX_FUNCTION) {
            if !LONG_FUNCTIONS.contains(&(file.as_str(), name.as_str())) {
                long.push(format!("{file}: {name}: {length} lines"));
            }
        }
    }
    assert!(long.is_empty(), "longer than {MAX_FUNCTION} lines: {long:#?}");
}

#[test]
fn functions_are_measured_to_their_closing_brace() {
    let code = "impl A {\n    pub(crate) fn long(\n        a: u8,\n    ) -> u8 {\n        if a > 1 {\n        }\n    }\n\n    \
                fn declared(&self);\n    fn short() -> u8 { 1 }\n}\nlet f = |x| x;\nasync fn last() {\n}";
    let lines: Vec<String> = code.lines().map(ToOwned::to_owned).collect();
    assert_eq!(functions(&lines), [("long".to_owned(), 6), ("last".to_owned(), 2)]);
}

/// Cargo does not discover tests in these crates (`autotests = false`), so a file that is not declared would never run.
#[test]
fn every_test_file_is_part_of_a_program() {
    let mut forgotten = Vec::new();
    for krate in fs::read_dir(crates()).unwrap().map(|entry| entry.unwrap().path()) {
        let manifest = fs::read_to_string(krate.join("Cargo.toml")).unwrap();
        let Ok(program) = fs::read_to_string(krate.join("tests/main.rs")) else { continue };
        for path in fs::read_dir(krate.join("tests")).unwrap().map(|entry| entry.unwrap().path()) {
            let name = path.file_stem().unwrap().to_str().unwrap();
            let is_test = path.extension().is_some_and(|e| e == "rs") && name != "main";
            let is_named =
                program.contains(&format!("mod {name};")) || manifest.contains(&format!("name = \"{name}\""));
            if is_test && !is_named {
                forgotten.push(path.display().to_string());
            }
        }
    }
    assert!(forgotten.is_empty(), "neither in tests/main.rs nor a [[test]] of Cargo.toml: {forgotten:#?}");
}

/// A module by its path below the crate's root: `["notify", "receiver"]`.
type Module = Vec<String>;

/// The paths of a `use` tree: `a::{b, c::d}` gives `a::b` and `a::c::d`.
fn expand(tree: &str) -> Vec<String> {
    let Some((prefix, group)) = tree.split_once('{') else { return vec![tree.trim().to_owned()] };
    let group = &group[..group.rfind('}').unwrap_or(group.len())];
    let (mut depth, mut start, mut parts) = (0, 0, Vec::new());
    for (i, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&group[start..i]);
                start = i + 1;
            }
            _ => {}
        }
    }
    parts.push(&group[start..]);
    let branches = parts.into_iter().filter(|part| !part.trim().is_empty());
    branches.flat_map(|part| expand(&format!("{}{}", prefix.trim(), part.trim()))).collect()
}

/// The file of the same crate that a path refers to; `None` for other crates and for the root, which only re-exports.
fn file_of(path: &str, of: &Module, files: &BTreeSet<Module>) -> Option<Module> {
    let mut segments: Vec<&str> = path.split("::").map(str::trim).collect();
    let mut base: Module = match segments.first()? {
        &"crate" => Module::new(),
        &("super" | "self") => of.clone(),
        first if files.contains(&[of.as_slice(), &[(*first).to_owned()]].concat()) => of.clone(),
        _ => return None,
    };
    while matches!(segments.first(), Some(&("super" | "self" | "crate"))) {
        if segments.remove(0) == "super" {
            base.pop();
        }
    }
    base.extend(segments.into_iter().map(|s| s.split_whitespace().next().unwrap_or_default().to_owned()));
    (1..=base.len()).rev().map(|n| base[..n].to_vec()).find(|module| files.contains(module))
}

/// Imports between the files of a crate. A re-export forwards a name and uses nothing, so it does not count.
fn imports(files: &BTreeMap<Module, Vec<String>>) -> BTreeMap<Module, BTreeSet<Module>> {
    let names: BTreeSet<Module> = files.keys().cloned().collect();
    let of_file = |(module, lines): (&Module, &Vec<String>)| {
        let code: Vec<&str> = lines.iter().map(|l| l.trim_start()).filter(|l| !l.starts_with("//")).collect();
        let code = format!("\n{}", code.join("\n"));
        let trees = code.split("\nuse ").skip(1).filter_map(|rest| rest.split_once(';')).map(|(tree, _)| tree);
        let found = trees.flat_map(expand).filter_map(|path| file_of(&path, module, &names));
        (module.clone(), found.filter(|other| other != module).collect())
    };
    files.iter().map(of_file).collect()
}

fn reachable(from: &Module, edges: &BTreeMap<Module, BTreeSet<Module>>) -> BTreeSet<Module> {
    let (mut seen, mut left) = (BTreeSet::new(), vec![from.clone()]);
    while let Some(module) = left.pop() {
        for next in edges.get(&module).into_iter().flatten() {
            if seen.insert(next.clone()) {
                left.push(next.clone());
            }
        }
    }
    seen
}

/// Groups of files that import each other, directly or through others.
fn circles(edges: &BTreeMap<Module, BTreeSet<Module>>) -> BTreeSet<BTreeSet<Module>> {
    let reach: BTreeMap<&Module, BTreeSet<Module>> = edges.keys().map(|m| (m, reachable(m, edges))).collect();
    let circle = |m: &Module| reach[m].iter().filter(|other| reach[*other].contains(m)).cloned().collect();
    edges.keys().map(circle).filter(|circle: &BTreeSet<Module>| !circle.is_empty()).collect()
}

#[test]
fn no_more_than_three_files_import_each_other() {
    let mut by_crate: BTreeMap<String, BTreeMap<Module, Vec<String>>> = BTreeMap::new();
    for (name, lines) in production_files() {
        let (krate, path) = name.split_once("/src/").unwrap();
        let module: Module =
            path.trim_end_matches(".rs").trim_end_matches("/mod").split('/').map(str::to_owned).collect();
        if !["lib", "main"].contains(&module[0].as_str()) {
            by_crate.entry(krate.to_owned()).or_default().insert(module, lines);
        }
    }
    let mut large = Vec::new();
    for (krate, files) in by_crate {
        for circle in circles(&imports(&files)).into_iter().filter(|circle| circle.len() > MAX_CIRCLE) {
            let names: Vec<String> = circle.iter().map(|module| module.join("/")).collect();
            large.push(format!("{krate}: {}", names.join(" ")));
        }
    }
    assert!(large.is_empty(), "{large:#?}");
}

#[test]
fn circles_are_found_in_every_spelling_of_an_import() {
    let module = |name: &str| name.split('/').map(str::to_owned).collect::<Module>();
    let file = |name: &str, code: &str| (module(name), code.lines().map(ToOwned::to_owned).collect::<Vec<_>>());
    let files = BTreeMap::from([
        file("a", "mod b;\nuse b::f;\npub use c::g;\nuse std::fs;"),
        file("a/b", "use super::c::{self, X as Y};\n// use crate::d::Z;"),
        file("a/c", "use crate::{a::T, e::{U, V}};"),
        file("d", "use crate::a::T;"),
        file("e", ""),
    ]);
    let expected = BTreeSet::from([["a", "a/b", "a/c"].map(module).into_iter().collect::<BTreeSet<_>>()]);
    assert_eq!(circles(&imports(&files)), expected);
}
