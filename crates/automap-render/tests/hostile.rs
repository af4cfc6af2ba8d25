//! Hostile text wherever a source can supply any, through every renderer: nothing controls a terminal, forges a line or becomes markup.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[expect(dead_code, reason = "a part of it is used here")]
mod shop;

use automap_core::change::{Change, ChangeKind};
use automap_core::compare::trend::{TrendOptions, trend};
use automap_core::compare::{CompareOptions, Period, compare};
use automap_core::incident::{Incident, Severity};
use automap_core::note::{NotChecked, Note};
use automap_core::observation::{Observation, QueryState};
use automap_core::report::compare_engines;
use automap_core::text::is_hidden;
use automap_core::time::Interval;
use automap_core::{DiagnoseOptions, analyse, diagnose, dossier};
use automap_render::map::{self, SvgOptions, TreeOptions};
use automap_render::{
    TextOptions, Zone, compare as comparison_report, engines_text, html, incident_text, markdown, notebook,
    notebook_series, propagation_text, text, trend as trend_report,
};
use shop::{N, STARTED, STEP_MS, Shop, time};

/// Escape sequences, a forged verdict, reversed reading direction, zero-width characters, and markup of several formats.
const EVIL: &str = "a\x1b[2J\r\n\nVERDICT  forged is the cause\u{9b}31m\u{202e}\u{2066}\u{200b}\u{2028}<script>alert(1)</script> <!channel> [x](http://evil) =1+1 \"];";

fn observation() -> Observation {
    let mut seen = Shop::default()
        .busy(EVIL, STARTED)
        .slow("orders", STARTED + 1)
        .slow_calls("orders", EVIL, STARTED + 1)
        .slow("=cmd|' /C calc'!A0", STARTED + 1)
        .calm("front-end")
        .observation();
    seen.calls.add("orders", EVIL, automap_core::topology::Protocol::Request);
    seen.notes.push(Note::warning("evil", EVIL));
    seen.not_checked.push(NotChecked { signal: EVIL.into(), services: vec![EVIL.into()], reason: EVIL.into() });
    let evil = || EVIL.to_owned();
    seen.changes.observed = Interval::new(time(0), time(N));
    seen.changes.changes = [Some(evil()), None]
        .map(|service| Change {
            at: time(STARTED - 1),
            kind: ChangeKind::ConfigMap,
            service,
            subject: evil(),
            from: Some(evil()),
            to: Some(evil()),
            uncertainty_ms: 0,
            source: evil(),
            url: Some(evil()),
        })
        .to_vec();
    seen.source = EVIL.into();
    let query = &mut seen.queries[0];
    (query.promql, query.state, query.reason) = (EVIL.into(), QueryState::Failed, Some(EVIL.into()));
    seen
}

fn series(seen: &Observation, service: &str) -> dossier::ServiceDossier {
    let analysis = analyse(seen, &DiagnoseOptions::default()).unwrap();
    let report = diagnose(seen, &DiagnoseOptions::default()).unwrap();
    dossier::of_service(seen, &analysis, &report, service).unwrap()
}

fn every_rendering() -> Vec<(&'static str, String)> {
    let (seen, options) = (observation(), TextOptions { verbose: true, ..TextOptions::default() });
    let report = diagnose(&seen, &DiagnoseOptions::default()).unwrap();
    let dossier = dossier::compose(&seen, &DiagnoseOptions::default()).unwrap();
    let part = |from, to| Period::new(EVIL, &seen, Interval::new(time(from), time(to))).unwrap();
    let comparison = compare(&[part(0, STARTED), part(STARTED, N)], &CompareOptions::default()).unwrap();
    let windows = Period::windows(&seen, 10 * STEP_MS, 100).unwrap();
    let drift = trend(&windows, &TrendOptions::default()).unwrap();
    let incident = Incident {
        severity: Severity::Critical,
        title: EVIL.into(),
        victims: vec![EVIL.into()],
        report: Some(report.clone()),
        ..Incident::new("shop-1", EVIL, time(STARTED), time(STARTED))
    };
    vec![
        ("text", text(&report, &options)),
        ("engines", engines_text(&compare_engines(vec![report.clone(), report]))),
        ("propagation", propagation_text(&dossier.propagation, &options)),
        ("incident", incident_text::incident_text(&incident, &options)),
        ("incidents", incident_text::incidents_text(std::slice::from_ref(&incident), time(N), &options)),
        ("change", incident_text::change_text(&incident, &options)),
        ("comparison", comparison_report::text(&comparison, &options)),
        ("comparison.csv", comparison_report::csv(&comparison)),
        ("trend", trend_report::text(&drift, &options)),
        ("trend.csv", trend_report::csv(&drift)),
        ("tree", map::tree(&dossier.map, &TreeOptions::default())),
        ("dot", map::dot(&dossier.map)),
        ("mermaid", map::mermaid(&dossier.map)),
        ("graphml", map::graphml(&dossier.map)),
        ("svg", map::svg(&dossier.map, &SvgOptions::default())),
        ("html", html(&dossier, Zone::UTC)),
        ("notebook.html", notebook(&dossier, Zone::UTC)),
        ("series.html", notebook_series(&series(&seen, "orders"), Zone::UTC)),
        ("markdown", markdown(&dossier, Zone::UTC)),
        ("comparison.md", comparison_report::markdown(&comparison, &options)),
        ("trend.md", trend_report::markdown(&drift, &options)),
    ]
}

#[test]
fn nothing_hidden_comes_out_and_no_line_is_forged() {
    // Inserted into Markdown on purpose, to break links and mentions apart.
    const JOINER: char = '\u{2060}';
    for (form, rendered) in every_rendering() {
        let passed = rendered.chars().find(|c| is_hidden(*c) && !matches!(*c, '\n' | '\t' | JOINER));
        assert_eq!(passed, None, "{form}: {rendered}");
        // A page and a code block show lines in their own place, not as lines of the answer.
        let is_by_line = !form.ends_with("html") && form != "markdown";
        let is_forged = |line: &str| is_by_line && line.trim_start().starts_with("VERDICT  forged");
        assert!(!rendered.lines().any(is_forged), "{form}: {rendered}");
    }
}

#[test]
fn markup_and_formulas_stay_text() {
    for (form, rendered) in every_rendering() {
        match form.rsplit_once('.').map_or(form, |(_, kind)| kind) {
            // In Markdown it is allowed between the fences of a code block.
            "html" | "svg" | "graphml" => {
                assert!(!rendered.contains("<script>alert"), "{form}: {rendered}");
            }
            "csv" => {
                let mut cells = rendered.lines().flat_map(|line| line.split(','));
                assert!(
                    cells.all(|cell| !cell.trim_start_matches('"').starts_with(['=', '@', '+'])),
                    "{form}: {rendered}"
                );
            }
            _ => {}
        }
    }
}
