//! The crate's files import in one direction only. A large import cycle cannot be read, tested or moved in parts; this test finds one before a
//! reviewer has to. It reads the `use` lines and paths of the production code as text, which is exact enough for this crate's style.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Maximum number of files in an import cycle. Two or three that form one unit may import each other.
const MAX_CIRCLE: usize = 3;

/// Modules by path, such as `api::routes::alerts`, and the modules that each imports.
type Imports = BTreeMap<String, BTreeSet<String>>;

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|e| e.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// The code of every module, without its comments and tests.
fn modules() -> BTreeMap<String, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let module = |path: &Path| {
        let name = path.strip_prefix(&root).unwrap().with_extension("");
        name.to_str().unwrap().replace('/', "::")
    };
    let code = |path: &Path| {
        let text = fs::read_to_string(path).unwrap();
        let production = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
        production.lines().filter(|l| !l.trim_start().starts_with("//")).collect::<Vec<_>>().join(" ")
    };
    files(&root).iter().filter(|path| !path.ends_with("lib.rs")).map(|path| (module(path), code(path))).collect()
}

/// The paths of a `use` tree: `crate::a::{b, c::d}` is `crate::a::b` and `crate::a::c::d`.
fn expand(tree: &str) -> Vec<String> {
    let Some((prefix, rest)) = tree.split_once('{') else { return vec![tree.trim().to_owned()] };
    let inside = rest.rsplit_once('}').map_or(rest, |(inside, _)| inside);
    let mut depth = 0;
    let parts = inside.split(|c| {
        depth += i32::from(c == '{') - i32::from(c == '}');
        c == ',' && depth == 0
    });
    parts
        .filter(|part| !part.trim().is_empty())
        .flat_map(|part| expand(&format!("{}{}", prefix.trim(), part.trim())))
        .collect()
}

/// The module that a path in `module` refers to, if it is another one of this crate.
fn target(path: &str, module: &str, known: &BTreeMap<String, String>) -> Option<String> {
    let mut base: Vec<&str> = module.split("::").collect();
    let mut rest: Vec<&str> = path.split("::").map(str::trim).collect();
    if rest.first() == Some(&"crate") {
        rest.remove(0);
        base.clear();
    }
    while rest.first() == Some(&"super") {
        rest.remove(0);
        base.pop();
    }
    base.extend(rest);
    while !base.is_empty() && !known.contains_key(&base.join("::")) {
        base.pop();
    }
    let found = base.join("::");
    (!found.is_empty() && found != module).then_some(found)
}

/// Whether the code uses a child module by its bare name, as in `child::function()`.
fn names_child(code: &str, child: &str) -> bool {
    code.match_indices(&format!("{child}::")).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        before.is_none_or(|c| !c.is_alphanumeric() && c != '_' && c != ':')
    })
}

fn imports() -> Imports {
    let modules = modules();
    let of = |(module, code): (&String, &String)| {
        let uses = code.split("use ").skip(1).filter_map(|u| u.split(';').next()).flat_map(expand);
        let is_path_char = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
        let inline = code.split(|c: char| !is_path_char(c)).map(ToOwned::to_owned);
        let paths = uses.chain(inline).filter(|p| p.starts_with("crate::") || p.starts_with("super::"));
        let children = modules.keys().filter(|other| {
            let child = other.strip_prefix(module).and_then(|rest| rest.strip_prefix("::"));
            child.is_some_and(|child| !child.contains("::") && names_child(code, child))
        });
        (module.clone(), paths.filter_map(|p| target(&p, module, &modules)).chain(children.cloned()).collect())
    };
    modules.iter().map(of).collect()
}

fn reachable(from: &str, imports: &Imports) -> BTreeSet<String> {
    let (mut found, mut open) = (BTreeSet::new(), vec![from.to_owned()]);
    while let Some(module) = open.pop() {
        for next in imports.get(&module).into_iter().flatten() {
            if found.insert(next.clone()) {
                open.push(next.clone());
            }
        }
    }
    found
}

#[test]
fn no_circle_of_imports_spans_more_than_three_files() {
    let imports = imports();
    let reach: BTreeMap<&str, BTreeSet<String>> =
        imports.keys().map(|module| (module.as_str(), reachable(module, &imports))).collect();
    for (module, reached) in &reach {
        let circle: Vec<&String> =
            reached.iter().filter(|other| reach.get(other.as_str()).is_some_and(|r| r.contains(*module))).collect();
        assert!(circle.len() <= MAX_CIRCLE, "{module} is in a circle of imports: {circle:?}");
    }
}

/// From the transport to the system: a layer may import only layers to its right, and itself.
#[test]
fn the_api_imports_one_way() {
    const LAYERS: [&[&str]; 5] = [
        &["api::server"],
        &["api::routes", "api::openapi"],
        &["api::middleware", "api::background"],
        &["api::app"],
        &["api::http", "api::limits", "api::state", "api::config", "api::error"],
    ];
    let layer = |module: &str| {
        LAYERS.iter().position(|names| names.iter().any(|n| module == *n || module.starts_with(&format!("{n}::"))))
    };
    for (module, imported) in &imports() {
        for other in imported {
            if let (Some(own), Some(theirs)) = (layer(module), layer(other)) {
                assert!(own <= theirs, "{module} imports {other}, which lies to its left");
            }
            let is_below = ["system", "alerts", "auth", "live_system", "snapshots", "mcp", "store", "watcher"]
                .iter()
                .any(|n| module == n || module.starts_with(&format!("{n}::")));
            assert!(
                !(is_below && other.starts_with("api")),
                "{module} imports {other}; only the daemon may know the API"
            );
        }
    }
}

#[test]
fn the_reader_of_imports_understands_nested_uses() {
    assert_eq!(
        expand("crate::a::{b, c::{D, e}, F}"),
        ["crate::a::b", "crate::a::c::D", "crate::a::c::e", "crate::a::F"]
    );
    let imports = imports();
    assert!(imports["api::routes::alerts"].contains("api::app") && imports["daemon"].contains("daemon::event"));
}
