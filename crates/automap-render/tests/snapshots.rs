//! The complete output of every renderer for people, for one synthetic incident: the snapshots in `tests/snapshots/` serve as samples.
//!
//! After an intended change, `INSTA_UPDATE=always cargo test -p automap-render --test snapshots` rewrites them; review the difference.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod shop;

use automap_core::change::{Change, ChangeKind, ChangeLog};
use automap_core::compare::trend::{TrendOptions, trend};
use automap_core::compare::{CompareOptions, Period, compare};
use automap_core::incident::{Incident, Severity};
use automap_core::observation::Observation;
use automap_core::rank::Engine;
use automap_core::report::compare_engines;
use automap_core::time::Interval;
use automap_core::{DiagnoseOptions, diagnose, dossier};
use automap_render::{
    TextOptions, Zone, compare as comparison_report, engines_text, explain_text, html, incident_text, map, markdown,
    propagation_text, text, trend as trend_report,
};
use insta::assert_snapshot;
use shop::{N, STARTED, STEP_MS, Shop, time};

/// Payment's processor is busy; orders and front-end wait for it.
fn incident() -> Shop {
    Shop::chain()
        .busy("payment", STARTED)
        .slow("orders", STARTED + 1)
        .slow_calls("orders", "payment", STARTED + 1)
        .slow("front-end", STARTED + 3)
        .slow_calls("front-end", "orders", STARTED + 3)
        .calm("付款")
}

fn in_shanghai() -> TextOptions {
    TextOptions { zone: Zone::from_offset_s(8 * 3600), ..TextOptions::default() }
}

fn verbose() -> TextOptions {
    TextOptions { verbose: true, ..TextOptions::default() }
}

fn halves() -> [Period; 2] {
    let observation = incident().observation();
    let part = |name, from, to| Period::new(name, &observation, Interval::new(time(from), time(to))).unwrap();
    [part("before", 0, STARTED), part("after", STARTED, N)]
}

#[test]
fn report_as_text() {
    let mut observation = incident().observation();
    observation.queries[0].signal = "cpu_cores".into();
    observation.queries[0].promql = "sum by (pod) (rate(container_cpu_usage_seconds_total[1m]))".into();
    let report = diagnose(&observation, &DiagnoseOptions::default()).unwrap();
    assert_snapshot!("report_text", text(&report, &in_shanghai()));
    assert_snapshot!("report_text_verbose", text(&report, &verbose()));
    let coloured = text(&report, &TextOptions { color: true, ..TextOptions::default() });
    assert!(coloured.contains("\x1b[1;31m"), "the verdict stands out");
    let mut calm = Shop::chain().calm("payment").calm("orders").observation();
    calm.hint.incident_start = None;
    let calm = diagnose(&calm, &DiagnoseOptions::default());
    assert_snapshot!("report_text_cannot_tell", text(&calm.unwrap(), &TextOptions::default()));
}

/// Payment was released just before, orders scaled long before, and payment's container crashed afterwards.
fn changed() -> Observation {
    let change = |kind, service: &str, row, from: &str, to: &str| Change {
        at: time(row),
        kind,
        service: Some(service.into()),
        subject: format!("deployment {service}"),
        from: Some(from.into()),
        to: Some(to.into()),
        uncertainty_ms: 0,
        source: "kube_replicaset_created".into(),
        url: None,
    };
    let config = Change {
        service: None,
        subject: "config map shop-settings".into(),
        uncertainty_ms: 60_000,
        from: None,
        to: None,
        source: "kube_configmap_metadata_resource_version".into(),
        ..change(ChangeKind::ConfigMap, "", STARTED - 20, "", "")
    };
    let changes = vec![
        change(ChangeKind::Release, "payment", STARTED - 3, "1.4.2", "1.4.3"),
        change(ChangeKind::Scaled, "orders", STARTED - 30, "1", "3"),
        change(ChangeKind::Crashed, "payment", STARTED + 2, "Running", "Error"),
        config,
    ];
    let mut observation = incident().observation();
    observation.changes = ChangeLog::new(Interval::new(time(0), time(N)).unwrap(), Vec::new(), changes);
    observation
}

#[test]
fn report_with_changes() {
    let dossier = dossier::compose(&changed(), &DiagnoseOptions::default()).unwrap();
    assert_snapshot!("report_text_changes", text(&dossier.report, &TextOptions::default()));
    let of = |page: &str, from: &str, to: &str| {
        page.split(from).nth(1).and_then(|rest| rest.split(to).next()).unwrap().to_owned()
    };
    assert_snapshot!("report_markdown_changes", of(&markdown(&dossier, Zone::UTC), "### Changes", "###"));
    assert_snapshot!("report_html_changes", of(&html(&dossier, Zone::UTC), "<section id=\"changes\">", "</section>"));
}

#[test]
fn report_as_markdown() {
    let dossier = dossier::compose(&incident().observation(), &DiagnoseOptions::default()).unwrap();
    assert_snapshot!("report_markdown", markdown(&dossier, Zone::UTC));
}

#[test]
fn engines_side_by_side() {
    let of = |engine| {
        let options = DiagnoseOptions { engine, ..DiagnoseOptions::default() };
        diagnose(&incident().observation(), &options).unwrap()
    };
    assert_snapshot!("engines", engines_text(&compare_engines(vec![of(Engine::Evidence), of(Engine::Automap)])));
}

#[test]
fn propagation_and_explanation() {
    assert_snapshot!("propagation", propagation_text(&incident().spread(), &in_shanghai()));
    assert_snapshot!("explain_cause", explain_text(&incident().explain("payment"), &TextOptions::default()));
    assert_snapshot!("explain_victim", explain_text(&incident().explain("orders"), &TextOptions::default()));
}

#[test]
fn comparison_and_trend() {
    let comparison = compare(&halves(), &CompareOptions::default()).unwrap();
    assert_snapshot!("compare_text", comparison_report::text(&comparison, &in_shanghai()));
    assert_snapshot!("compare_markdown", comparison_report::markdown(&comparison, &TextOptions::default()));
    let windows = Period::windows(&incident().observation(), 10 * STEP_MS, 100).unwrap();
    let found = trend(&windows, &TrendOptions::default()).unwrap();
    assert_snapshot!("trend_text", trend_report::text(&found, &verbose()));
}

#[test]
fn incident_of_the_watcher() {
    let report = diagnose(&incident().observation(), &DiagnoseOptions::default()).unwrap();
    let opened = time(STARTED + 4);
    let open = Incident {
        severity: Severity::Critical,
        victims: vec!["orders".into(), "front-end".into()],
        report: Some(report),
        ..Incident::new("shop-20231114T221820Z", "shop", time(STARTED), opened)
    };
    assert_snapshot!("incident", incident_text::incident_text(&open, &in_shanghai()));
    assert_snapshot!("incidents", incident_text::incidents_text(&[open], time(N), &TextOptions::default()));
}

#[test]
fn service_map() {
    let dossier = dossier::compose(&incident().observation(), &DiagnoseOptions::default()).unwrap();
    assert_snapshot!("map_dot", map::dot(&dossier.map));
    assert_snapshot!("map_mermaid", map::mermaid(&dossier.map));
    assert_snapshot!("map_tree", map::tree(&dossier.map, &map::TreeOptions::default()));
}

/// Service names from metrics may contain escape sequences, line breaks and marks that reverse text: none of them reaches a terminal.
#[test]
fn hostile_names_send_nothing_to_a_terminal() {
    let name = "pay\x1b[31m\u{202e}\nment";
    let shop = || Shop::default().busy(name, STARTED).slow("orders", STARTED + 1).calm("front-end");
    let options = TextOptions { verbose: true, ..TextOptions::default() };
    let report = diagnose(&shop().observation(), &DiagnoseOptions::default()).unwrap();
    let comparison = compare(&halves(), &CompareOptions::default()).unwrap();
    for text in [
        text(&report, &options),
        engines_text(&compare_engines(vec![report.clone(), report])),
        propagation_text(&shop().spread(), &options),
        explain_text(&shop().explain(&automap_core::text::clean_name(name)), &options),
        comparison_report::text(&comparison, &options),
    ] {
        let is_plain = |c: char| c == '\n' || !(c.is_control() || c == '\u{202e}');
        assert!(text.chars().all(is_plain), "{text:?}");
        assert!(!text.lines().any(|line| line.starts_with("ment")), "a name became a line: {text}");
    }
}
