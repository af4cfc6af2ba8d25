//! How automap itself does: for Prometheus, and for whoever restarts it.

use std::fmt::Write;

use automap_core::incident::IncidentState;
use automap_core::time::Timestamp;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::Api;
use crate::store::IncidentFilter;
use crate::watcher::State as Watching;

/// One line each would be a sample; label values are names of targets, which the configuration restricts to letters, digits and dashes.
pub(super) async fn metrics(State(api): State<Api>) -> Response {
    let mut out = String::new();
    let mut family = |name: &str, kind: &str, help: &str, samples: &[(String, f64)]| {
        let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
        for (labels, value) in samples {
            let _ = writeln!(out, "{name}{labels} {value}");
        }
    };
    let all = api.board.all();
    let of = |value: &dyn Fn(&crate::watcher::TargetStatus) -> f64| -> Vec<(String, f64)> {
        all.iter().map(|s| (format!("{{target=\"{}\"}}", s.status.target), value(&s.status))).collect()
    };
    let version = concat!("{version=\"", env!("CARGO_PKG_VERSION"), "\"}");
    family("automap_build_info", "gauge", "The version that runs.", &[(version.to_owned(), 1.0)]);
    family("automap_ticks_total", "counter", "Looks at a target.", &of(&|s| s.ticks as f64));
    family("automap_ticks_failed_total", "counter", "Looks whose source failed.", &of(&|s| s.ticks_failed as f64));
    family("automap_ticks_late_total", "counter", "Looks that began late.", &of(&|s| s.ticks_late as f64));
    family("automap_target_services", "gauge", "Services in a target's metrics.", &of(&|s| s.services as f64));
    let seen = |s: &crate::watcher::TargetStatus| s.looked.map_or(f64::NAN, Timestamp::seconds);
    family(
        "automap_target_looked_timestamp_seconds",
        "gauge",
        "When a target was looked at last with success.",
        &of(&seen),
    );
    let up = |s: &crate::watcher::TargetStatus| f64::from(u8::from(s.state == Watching::Watching));
    family("automap_target_watching", "gauge", "1 while a target is watched without restriction.", &of(&up));
    family("automap_target_signs", "gauge", "Indicators out of their range now.", &of(&|s| s.signs.len() as f64));
    let open = vec![IncidentState::Open, IncidentState::Recovering];
    match api.store.list(&IncidentFilter { states: open, ..IncidentFilter::default() }) {
        Ok(open) => {
            let count = |t: &str| open.iter().filter(|i| i.target == t).count() as f64;
            family("automap_incidents_open", "gauge", "Incidents that go on.", &of(&|s| count(&s.target)));
            family("automap_store_up", "gauge", "1 while the store answers.", &[(String::new(), 1.0)]);
        }
        Err(_) => family("automap_store_up", "gauge", "1 while the store answers.", &[(String::new(), 0.0)]),
    }
    if let Some(bytes) = resident_bytes() {
        family("process_resident_memory_bytes", "gauge", "Memory in use.", &[(String::new(), bytes)]);
    }
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], out).into_response()
}

pub(super) async fn healthz() -> &'static str {
    "ok\n"
}

/// Ready when every target was looked at once and the store answers.
pub(super) async fn readyz(State(api): State<Api>) -> Response {
    let waiting: Vec<String> = api
        .board
        .all()
        .into_iter()
        .filter(|s| matches!(s.status.state, Watching::Starting | Watching::Failing))
        .map(|s| s.status.target)
        .collect();
    let answers = api.store.get("readyz").is_ok();
    match (answers, waiting.is_empty() && !api.board.all().is_empty()) {
        (true, true) => "ready\n".into_response(),
        (false, _) => (StatusCode::SERVICE_UNAVAILABLE, "the store does not answer\n").into_response(),
        (true, false) => {
            let text = format!("not looked at: {}\n", waiting.join(", "));
            (StatusCode::SERVICE_UNAVAILABLE, text).into_response()
        }
    }
}

fn resident_bytes() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:"))?;
    line.split_whitespace().next()?.parse::<f64>().ok().map(|kib| kib * 1024.0)
}
