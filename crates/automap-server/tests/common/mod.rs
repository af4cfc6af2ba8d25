//! Shared by several tests: an incident, a temporary folder, a receiver that records.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "each test file uses a part of it, and a test may panic"
)]
#![allow(clippy::allow_attributes, reason = "what is used differs from file to file, so `expect` cannot hold")]

pub(crate) mod arrived;
pub(crate) mod config;
pub(crate) mod daemon;
#[cfg(all(unix, feature = "postgres"))]
pub(crate) mod postgres;
pub(crate) mod server;

use std::path::{Path, PathBuf};

use automap_core::incident::{
    INCIDENT_SCHEMA_VERSION, Incident, IncidentState, Indicator, IndicatorChange, NamedCause, Severity, SloImpact,
    TimelineKind,
};
use automap_core::metric::Unit;
use automap_core::time::Timestamp;
use automap_server::store::{Store, StoreError};

/// 2026-11-25T14:03:15Z.
pub(crate) const T0: Timestamp = Timestamp::from_ms(1_795_615_395_000);

/// This number of seconds later.
pub(crate) fn at(seconds: i64) -> Timestamp {
    T0.plus_ms(seconds * 1000)
}

/// An open incident at revision 1.
pub(crate) fn incident(id: &str) -> Incident {
    let mut incident = Incident {
        schema_version: INCIDENT_SCHEMA_VERSION,
        id: id.to_owned(),
        target: "sock-shop".into(),
        state: IncidentState::Open,
        severity: Severity::Warning,
        revision: 1,
        onset: T0,
        opened: T0,
        updated: T0,
        closed: None,
        title: "payment (network): front-end p95 latency 74.1 → 376 ms".into(),
        cause: Some(NamedCause {
            service: "payment".into(),
            mechanism: Some("network".into()),
            confidence: 0.86,
            change: None,
        }),
        symptoms: vec![IndicatorChange {
            service: "front-end".into(),
            indicator: Indicator::Latency,
            metric: "latency_p95_ms".into(),
            from: 74.1,
            to: 376.0,
            unit: Unit::Ms,
        }],
        victims: vec!["orders".into(), "front-end".into()],
        slos: vec![SloImpact {
            slo: "checkout".into(),
            service: "front-end".into(),
            burn_rate: 14.4,
            budget_share: Some(0.031),
        }],
        slos_omitted: 0,
        alerts: Vec::new(),
        alerts_omitted: 0,
        reopened: 0,
        owner: None,
        confirmed: None,
        muted: None,
        timeline: Vec::new(),
        report: None,
    };
    incident.add_entry(T0, TimelineKind::Opened, "front-end p95 latency left its range");
    incident
}

/// The next revision, in the same state.
pub(crate) fn updated(before: &Incident, now: Timestamp) -> Incident {
    let mut next = before.clone();
    next.revision += 1;
    next.updated = now;
    next.add_entry(now, TimelineKind::Verdict, format!("revision {}", next.revision));
    next
}

/// The next revision, closed.
pub(crate) fn closed(before: &Incident, now: Timestamp) -> Incident {
    let mut next = updated(before, now);
    next.state = IncidentState::Closed;
    next.closed = Some(now);
    next
}

/// With a small report of four candidates.
pub(crate) fn with_report(mut incident: Incident) -> Incident {
    incident.report = Some(report());
    incident
}

fn report() -> automap_core::report::Report {
    let cause = |rank: usize, service: &str, confidence: f64| {
        serde_json::json!({"rank": rank, "service": service, "score": 4.0, "confidence": confidence, "onset": null, "evidence": [],
            "path": ["front-end", service], "counter_evidence": []})
    };
    serde_json::from_value(serde_json::json!({
        "schema_version": 2, "source": "test", "engine": "evidence",
        "verdict": {"kind": "cause", "service": "payment", "mechanism": "network", "confidence": 0.86, "level": "high",
            "summary": "payment is the cause."},
        "windows": {"baseline_start": "2026-11-25T13:03:15Z", "baseline_end": "2026-11-25T14:03:15Z", "baseline_samples": 240,
            "incident_start": "2026-11-25T14:03:15Z", "incident_end": "2026-11-25T14:08:15Z", "incident_samples": 20,
            "incident_start_is": "detected", "step_s": 15.0},
        "symptoms": [], "coverage": {"services": 14, "services_judged": 12, "series_judged": 80, "series": 90},
        "causes": [cause(1, "payment", 0.86), cause(2, "orders", 0.07), cause(3, "user", 0.03), cause(4, "carts", 0.01)],
        "victims": [], "not_checked": [], "notes": [], "next": [], "queries": []
    }))
    .unwrap()
}

/// Changes one incident from two handles concurrently, fifty times each; every change must be there in the end.
pub(crate) fn two_change_one(stores: [&dyn Store; 2]) {
    stores[0].put(&incident("a"), &[], at(0)).unwrap();
    let change = |store: &dyn Store| {
        let mut done = 0;
        while done < 50 {
            let next = updated(&store.get("a").unwrap().unwrap(), at(done));
            match store.put(&next, &["chat".to_owned()], at(done)) {
                Ok(()) => done += 1,
                refused => assert!(matches!(refused, Err(StoreError::Conflict { .. })), "{refused:?}"),
            }
        }
    };
    std::thread::scope(|scope| stores.map(|store| scope.spawn(move || change(store))).map(|t| t.join().unwrap()));
    assert_eq!(stores[1].get("a").unwrap().unwrap().revision, 101);
    assert_eq!(stores[0].outbox().unwrap().waiting, 100);
}

/// Handles a missing tool. On a developer's machine the test prints a message and is skipped; under CI, where the tool must be installed, it fails: a
/// test that is always skipped protects nothing.
pub(crate) fn skip_without(tool: &str, remedy: &str) {
    assert!(std::env::var_os("CI").is_none(), "{tool} is not installed, and under CI it must be: {remedy}");
    eprintln!("SKIPPED: {tool} is not installed: {remedy}");
}

/// A temporary directory of one test, removed when the test ends.
#[derive(Debug)]
pub(crate) struct Folder(tempfile::TempDir);

impl Folder {
    pub(crate) fn new(name: &str) -> Self {
        Self(tempfile::Builder::new().prefix(&format!("automap-server-{name}-")).tempdir().unwrap())
    }

    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// A file in it, such as a secret.
    pub(crate) fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.join(name);
        std::fs::write(&path, text).unwrap();
        path
    }
}
