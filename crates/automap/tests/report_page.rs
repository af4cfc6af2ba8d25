//! The incident page: safe whatever the labels contain, deterministic, suitable for every verdict.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use automap_core::DiagnoseOptions;
use automap_core::chart::MAX_POINTS;
use automap_core::dossier::{self, Dossier, MAX_CHARTS};
use automap_core::frame::{RawSeries, assemble};
use automap_core::note::{NotChecked, Note};
use automap_core::observation::{Observation, QueryRecord, QueryState};
use automap_core::report::VerdictKind;
use automap_core::time::Timestamp;
use automap_core::topology::{CallGraph, Protocol};
use automap_render::Zone;
use automap_render::{html, markdown};
use automap_sources::capture;

const DIR: &str = env!("CARGO_MANIFEST_DIR");

/// Possible contents of a label.
const HOSTILE: [&str; 6] = [
    "<script>alert(1)</script>",
    "\"onmouseover=\"alert(1)",
    "</style><img src=x onerror=alert(1)>",
    "]]><!-- ` ``` | @all [x](javascript:alert(1))",
    "</title></svg></pre>' &lt;\u{202e}\u{0}",
    "http://evil.example/{{7*7}}\n# heading\n- <!channel>",
];

fn captures() -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(Path::new(DIR).join("tests/captures")).unwrap().map(|e| e.unwrap().path()).collect();
    files.retain(|p| p.extension().is_some_and(|e| e == "parquet"));
    files.push(Path::new(DIR).join("assets/demo.parquet"));
    files.sort();
    files
}

fn dossier_of(path: &Path) -> Dossier {
    dossier_from(path, None)
}

/// `start` is a given start of the incident, as a share of the time in the capture.
fn dossier_from(path: &Path, start: Option<f64>) -> Dossier {
    let mut observation = capture::read(path).unwrap();
    let times = observation.frame.times();
    observation.hint.incident_start = start.map(|share| times[(times.len() as f64 * share) as usize]);
    dossier::compose(&observation, &DiagnoseOptions::default()).unwrap()
}

fn dossier_named(name: &str) -> Dossier {
    dossier_of(&Path::new(DIR).join(format!("tests/captures/{name}.parquet")))
}

/// A shop in which every name, note and query is hostile; the second service becomes slow and loses samples.
fn hostile() -> Dossier {
    let times: Vec<Timestamp> = (0..60).map(|i| Timestamp::from_ms(i * 5000)).collect();
    let mut raw = Vec::new();
    for (s, service) in HOSTILE.iter().enumerate() {
        for (metric, normal) in [("latency_ms", 10.0), ("cpu_cores", 0.2), (HOSTILE[3], 1.0)] {
            let points = times.iter().enumerate().filter(|(i, _)| s != 1 || !(50..53).contains(i));
            let value =
                |i: usize| if s <= 1 && i >= 40 { normal * 30.0 } else { normal * (1.0 + 0.01 * (i % 3) as f64) };
            raw.push(RawSeries {
                service: (*service).to_owned(),
                metric: metric.to_owned(),
                peer: None,
                points: points.map(|(i, t)| (*t, value(i))).collect(),
            });
        }
    }
    let mut calls = CallGraph::new();
    for pair in HOSTILE.windows(2) {
        calls.add(pair[0], pair[1], Protocol::Request);
    }
    let query = |signal: &str, promql: &str| QueryRecord {
        signal: signal.to_owned(),
        promql: promql.to_owned(),
        series: 1,
        samples: 60,
        state: QueryState::Complete,
        reason: None,
    };
    let observation = Observation {
        notes: HOSTILE.iter().map(|h| Note::warning("hostile", *h)).collect(),
        not_checked: vec![NotChecked {
            signal: HOSTILE[0].to_owned(),
            services: HOSTILE.iter().map(|h| (*h).to_owned()).collect(),
            reason: HOSTILE[2].to_owned(),
        }],
        queries: vec![query("latency_ms", HOSTILE[2]), query("cpu_cores", HOSTILE[3]), query(HOSTILE[3], HOSTILE[0])],
        ..Observation::new(assemble(raw, times).unwrap().0, calls, HOSTILE[5])
    };
    dossier::compose(&observation, &DiagnoseOptions::default()).unwrap()
}

/// Parses a page as strictly as it is written: known elements and attributes only, quoted values, everything closed. Returns the texts between the
/// tags.
fn read_strictly(page: &str) -> String {
    const ELEMENTS: &str = "html head meta title style body main nav header footer section h1 h2 h3 p b small span a ol ul li dl dt dd div \
        table thead tbody tr th td figure figcaption details summary pre code time svg desc g rect line path circle polygon \
        polyline ellipse text tspan defs marker use symbol";
    const ATTRIBUTES: &str = "lang charset http-equiv content name class id style scope aria-hidden aria-label aria-labelledby \
        aria-describedby role viewBox width height x y x1 y1 x2 y2 cx cy r rx ry d points transform fill stroke text-anchor \
        font-size font-weight dominant-baseline xmlns stroke-width stroke-dasharray href tabindex data-head";
    const VOID: [&str; 1] = ["meta"];
    let (elements, attributes): (BTreeSet<&str>, BTreeSet<&str>) =
        (ELEMENTS.split_whitespace().collect(), ATTRIBUTES.split_whitespace().collect());
    let mut open: Vec<String> = Vec::new();
    let mut texts = String::new();
    let mut rest = page.strip_prefix("<!doctype html>\n").unwrap();
    while let Some(at) = rest.find('<') {
        texts.push_str(&rest[..at]);
        texts.push('\n');
        let end = rest[at..].find('>').unwrap() + at;
        let tag = &rest[at + 1..end];
        rest = &rest[end + 1..];
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop().as_deref(), Some(name), "closed in the wrong order");
            continue;
        }
        let (name, list) = tag.split_once(char::is_whitespace).unwrap_or((tag, ""));
        let (name, list) = (name.trim_end_matches('/'), list.trim_end_matches('/'));
        assert!(elements.contains(name), "unknown element <{tag}>");
        let mut list = list.trim();
        while !list.is_empty() {
            assert!(list.contains("=\""), "no quoted value in <{tag}>");
            let (attribute, after) = list.split_once("=\"").unwrap();
            let (value, after) = after.split_once('"').unwrap();
            assert!(attributes.contains(attribute), "unknown attribute {attribute} in <{tag}>");
            assert!(attribute != "href" || value.starts_with('#'), "a link to elsewhere: {value}");
            assert!(attribute != "style" || value.starts_with("width:"), "{value}");
            list = after.trim_start();
        }
        if !VOID.contains(&name) && !tag.ends_with('/') {
            open.push(name.to_owned());
        }
    }
    assert!(open.is_empty(), "never closed: {open:?}");
    texts + rest
}

/// No NaN, infinity or null as a word.
fn no_odd_numbers(text: &str) {
    for word in text.split(|c: char| !c.is_alphanumeric()) {
        assert!(!["NaN", "nan", "inf", "Infinity", "null"].contains(&word), "{word} in the output");
    }
}

#[test]
fn a_page_of_hostile_labels_is_a_page_of_text() {
    let dossier = hostile();
    assert_eq!(dossier.report.verdict.kind, VerdictKind::Cause, "{:?}", dossier.report.verdict);
    assert!(!dossier.charts.is_empty() && !dossier.report.notes.is_empty() && !dossier.report.queries.is_empty());
    let page = html(&dossier, Zone::UTC);
    let texts = read_strictly(&page);
    assert!(texts.contains("&lt;script&gt;alert(1)&lt;/script&gt;"), "the name is shown, as text");
    let lower = page.to_lowercase();
    for word in ["<script", "url(", "@import", "<link", "<iframe", "javascript:alert(1)\"", "\u{202e}", "\u{0}"] {
        assert!(!lower.contains(word), "{word:?} in the page");
    }
    // The page's own and the map's.
    assert_eq!((lower.matches("<style").count(), lower.matches("</style").count()), (2, 2));
    no_odd_numbers(&texts);
}

#[test]
fn hostile_labels_in_markdown_stay_labels() {
    let text = markdown(&hostile(), Zone::UTC);
    // Outside code nothing may open an element, a link or a mention; inside, the fence is longer than any run.
    let mut fence = String::new();
    for line in text.lines() {
        let ticks: String = line.chars().take_while(|c| *c == '`').collect();
        if ticks.len() >= 3 && (fence.is_empty() || ticks == fence) {
            fence = if fence.is_empty() { ticks } else { String::new() };
            continue;
        }
        if fence.is_empty() && !line.contains('`') {
            for bad in ["<script", "<img", "<!", "](", "@all", "://", "\u{202e}"] {
                assert!(!line.contains(bad), "{bad} in {line}");
            }
            assert!(!line.starts_with("# "), "a label became a heading: {line}");
        }
        if line.starts_with('|') {
            let bars = line.replace("\\|", "").matches('|').count();
            assert_eq!(bars, 6, "a label became a cell: {line}");
        }
    }
    assert!(fence.is_empty(), "a block of code never ends");
    no_odd_numbers(&text);
}

#[test]
fn every_capture_makes_a_sound_page() {
    let zone = Zone::from_offset_s(8 * 3600);
    for path in captures() {
        let name = path.display();
        let dossier = dossier_of(&path);
        let page = html(&dossier, zone);
        no_odd_numbers(&read_strictly(&page));
        assert!(page == html(&dossier_of(&path), zone), "{name}: two runs, two pages");
        assert!(page.len() < 400 * 1024, "{name}: {} bytes", page.len());
        assert!(!dossier.charts.is_empty() && dossier.charts.len() <= MAX_CHARTS, "{name}");
        for line in dossier.charts.iter().flat_map(|c| &c.lines) {
            assert!(line.points.len() <= MAX_POINTS && line.points.iter().any(|p| p.value.is_some()), "{name}");
        }
        let text = markdown(&dossier, zone);
        assert!(text.chars().count() <= 12_000, "{name}: {} characters", text.chars().count());
        for section in text.split("\n### ") {
            assert!(section.chars().count() <= 3000, "{name}: {section}");
        }
        no_odd_numbers(&text);
    }
}

#[test]
fn each_verdict_says_its_own_thing_first() {
    for (name, kind, headline, tone) in [
        ("cpu-catalogue", VerdictKind::Cause, "catalogue", "is-cause"),
        ("io-latency-catalogue-db", VerdictKind::Cause, "catalogue or catalogue-db", "is-cause"),
        ("quiet-2", VerdictKind::NotEnoughEvidence, "Not enough evidence", "is-open"),
        ("quiet-1", VerdictKind::NoIncident, "No incident", "is-calm"),
    ] {
        // A given start means that there was an incident.
        let start = (kind == VerdictKind::NotEnoughEvidence).then_some(0.6);
        let dossier = dossier_from(&Path::new(DIR).join(format!("tests/captures/{name}.parquet")), start);
        assert_eq!(dossier.report.verdict.kind, kind);
        let page = html(&dossier, Zone::UTC);
        assert!(page.contains(&format!("<main class=\"{tone}\">")), "{name}");
        let (first, h1) = (page.find("<h1>").unwrap(), format!("<h1>{headline}"));
        assert!(page[first..].starts_with(&h1) && !page[first + 4..].contains("<h1"), "{name}: one headline");
        assert_eq!(page.contains("id=\"candidates\""), kind != VerdictKind::NoIncident, "{name}");
        let text = markdown(&dossier, Zone::UTC);
        assert!(text.lines().next().unwrap().contains(headline), "{name}: {text}");
    }
}

#[test]
fn the_same_instants_in_every_zone() {
    let dossier = dossier_named("cpu-catalogue");
    let (utc, shanghai) = (html(&dossier, Zone::UTC), html(&dossier, Zone::from_offset_s(28_800)));
    assert!(utc.contains("00:59:30–01:00:04 UTC") && shanghai.contains("08:59:30–09:00:04 UTC+08:00"));
    // The origin of the page is shown in UTC everywhere.
    assert!(utc.contains("2026-11-24T00:59:30Z") && shanghai.contains("2026-11-24T00:59:30Z"));
}

fn report(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_automap")).arg("report").args(args).output().unwrap()
}

#[test]
fn the_command_writes_once_and_says_so() {
    let demo = format!("{DIR}/assets/demo.parquet");
    let dir = tempfile::tempdir().unwrap();
    for (file, start) in
        [("a.html", "<!doctype html>"), ("a.md", "## Most likely cause: payment (network)"), ("a.json", "{")]
    {
        let path = dir.path().join(file);
        let shown = path.to_str().unwrap();
        let ask = ["--capture", &demo, "--utc", "--file", shown];
        let first = report(&ask);
        assert!(first.status.success() && first.stdout.is_empty(), "{file}: {first:?}");
        assert!(String::from_utf8(first.stderr).unwrap().starts_with(&format!("{shown}: payment (network), ")));
        let page = std::fs::read_to_string(&path).unwrap();
        assert!(page.starts_with(start), "{file}: {}", &page[..80]);

        std::fs::write(&path, "mine").unwrap();
        let second = report(&ask);
        assert_eq!(second.status.code(), Some(2));
        assert!(String::from_utf8(second.stderr).unwrap().contains("exists; give another name, or --force"));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "mine", "{file} was overwritten");
        assert!(report(&[&ask[..], &["--force"]].concat()).status.success());
        assert!(std::fs::read_to_string(&path).unwrap() == page, "{file}: two runs, two pages");
    }
}

#[test]
fn the_form_is_what_was_asked_for() {
    let demo = format!("{DIR}/assets/demo.parquet");
    for (args, start) in [
        (vec![], "<!doctype html>"),
        (vec!["-o", "markdown"], "## Most likely cause: payment"),
        (vec!["-o", "json"], "{\n  \"schema_version\": 1,"),
    ] {
        let output = report(&[&["--capture", &demo, "--utc"][..], &args].concat());
        assert!(output.status.success() && output.stderr.is_empty(), "{args:?}: {output:?}");
        assert!(String::from_utf8(output.stdout).unwrap().starts_with(start), "{args:?}");
    }
    let odd = report(&["--capture", &demo, "--file", "incident.pdf"]);
    assert_eq!(odd.status.code(), Some(2));
    assert!(String::from_utf8(odd.stderr).unwrap().contains("unknown ending; use .html, .md, .json"));
    assert!(!Path::new("incident.pdf").exists());
}
