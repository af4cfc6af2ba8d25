//! The documentation's links are valid, and its index is complete. Addresses on the web are not followed: tests need no network.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// Every Markdown file of the repository, without generated ones.
fn pages() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() && name != "target" && name != "node_modules" && !name.starts_with('.') {
                folders.push(path);
            } else if name.ends_with(".md") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// Targets of links and pictures, and the anchors of the headings.
struct Page {
    links: Vec<String>,
    anchors: Vec<String>,
}

fn read(path: &Path) -> Page {
    let text = fs::read_to_string(path).unwrap();
    let (mut links, mut anchors, mut heading) = (Vec::new(), Vec::new(), None::<String>);
    for event in Parser::new_ext(&text, Options::ENABLE_TABLES) {
        match event {
            Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => links.push(dest_url.to_string()),
            Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
            Event::End(TagEnd::Heading(_)) => anchors.extend(heading.take().map(|h| anchor(&h))),
            Event::Text(text) | Event::Code(text) => {
                if let Some(heading) = &mut heading {
                    heading.push_str(&text);
                }
            }
            _ => {}
        }
    }
    Page { links, anchors }
}

/// As GitHub creates it: lower case, spaces become dashes, punctuation is removed.
fn anchor(heading: &str) -> String {
    let kept = heading.to_lowercase();
    kept.chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
        .map(|c| if c == ' ' { '-' } else { c })
        .collect()
}

#[test]
fn every_relative_link_leads_somewhere() {
    let pages: BTreeMap<PathBuf, Page> = pages().into_iter().map(|p| (p.clone(), read(&p))).collect();
    assert!(pages.len() > 10, "the pages are found: {}", pages.len());
    let mut dead = Vec::new();
    for (path, page) in &pages {
        for link in page.links.iter().filter(|l| !l.contains("://") && !l.starts_with("mailto:")) {
            let (file, fragment) = link.split_once('#').unwrap_or((link, ""));
            let target = if file.is_empty() { path.clone() } else { path.parent().unwrap().join(file) };
            let Ok(target) = target.canonicalize() else {
                dead.push(format!("{}: {link}", path.display()));
                continue;
            };
            let anchors = pages.get(&target).map(|p| &p.anchors);
            if !fragment.is_empty() && anchors.is_some_and(|a| !a.iter().any(|a| a == fragment)) {
                dead.push(format!("{}: {link} (no such heading)", path.display()));
            }
        }
    }
    assert!(dead.is_empty(), "{dead:#?}");
}

#[test]
fn the_index_lists_every_page() {
    let docs = root().join("docs");
    let listed: Vec<PathBuf> =
        read(&docs.join("README.md")).links.iter().filter_map(|l| docs.join(l).canonicalize().ok()).collect();
    let is_missing = |p: &PathBuf| p.starts_with(&docs) && *p != docs.join("README.md") && !listed.contains(p);
    let missing: Vec<PathBuf> = pages().into_iter().filter(is_missing).collect();
    assert!(missing.is_empty(), "{missing:#?}");
}

/// A file of a crate is written as `automap-core/src/metric/table.rs`; a placeholder, as in `receiver/<name>.rs`, ends the path.
#[test]
fn files_that_the_maps_name_exist() {
    let is_path = |code: &str| code.starts_with("automap") && code.contains("/");
    let mut named = Vec::new();
    for page in ["ARCHITECTURE.md", "CONTRIBUTING.md"] {
        let text = fs::read_to_string(root().join(page)).unwrap();
        for event in Parser::new_ext(&text, Options::ENABLE_TABLES) {
            if let Event::Code(code) = event
                && is_path(&code)
            {
                named.push(format!("crates/{}", code.split('<').next().unwrap()));
            }
        }
    }
    assert!(named.len() > 20, "the paths are found: {}", named.len());
    let missing: Vec<&String> = named.iter().filter(|path| !root().join(path).exists()).collect();
    assert!(missing.is_empty(), "{missing:#?}");
}

#[test]
fn anchors_are_those_of_the_web_page() {
    assert_eq!(anchor("Where would I …?"), "where-would-i-");
    assert_eq!(anchor("`automap eval` and AC@k"), "automap-eval-and-ack");
}
