//! A fake watcher: it answers with fixed values, and tests can block it or make it panic.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use automap_core::compare::Comparison;
use automap_core::dossier::{DOSSIER_SCHEMA_VERSION, Dossier, ServiceDossier};
use automap_core::explain::Explanation;
use automap_core::incident::{INCIDENT_SCHEMA_VERSION, Incident, IncidentState, NamedCause, Severity, TimelineKind};
use automap_core::metric::Unit;
use automap_core::profile::{PROFILE_VERSION, ProfileTable};
use automap_core::rank::Engine;
use automap_core::report::{
    Cause, ChangesInfo, CourseInfo, Coverage, Evidence, Level, Report, SCHEMA_VERSION, Verdict, VerdictKind, WindowInfo,
};
use automap_core::service_map::ServiceMap;
use automap_core::slo::{self, DEFAULT_PERIOD_MS, EventCounts, Objective, SloStatus};
use automap_core::spread::{PROPAGATION_SCHEMA_VERSION, Propagation};
use automap_core::time::{Interval, Timestamp};
use automap_core::windows::OnsetSource;
use automap_server::alerts::AlertGroup;
use automap_server::alerts::matching::{AlertTarget, AlertTargets};
use automap_server::live_system::note;
use automap_server::mutes::{self, Known, ListedMute, MuteOrigin, MuteRequest};
use automap_server::store::{AlertStore, ChangeFate, ChangeStore, IncidentStore, Mute, MuteStore, ToldChange};
use automap_server::system::{
    CompareRequest, DiagnoseRequest, Drill, DrillInPlace, DrillStage, Experiment, IncidentChange, ServiceLevels,
    ServiceStatus, System, SystemError, SystemMetrics, TargetCoverage, TargetMetrics,
};
use automap_server::watcher::{State, TargetStatus};
use tokio::sync::broadcast;

use automap_server::store::memory::MemoryStore;

/// 2025-11-23T14:03:15Z
pub(crate) const NOW: Timestamp = Timestamp::from_ms(1_763_906_595_000);

/// Longest time that a diagnosis is held.
const MAX_HOLD: Duration = Duration::from_secs(30);

pub(crate) struct FakeSystem {
    pub(crate) store: Arc<MemoryStore>,
    pub(crate) changes: broadcast::Sender<IncidentChange>,
    pub(crate) alerts: Mutex<Vec<AlertGroup>>,
    /// The groups that were kept, repetitions included.
    pub(crate) kept_alerts: Mutex<Vec<AlertGroup>>,
    pub(crate) diagnosed: AtomicUsize,
    pub(crate) panics: AtomicBool,
    /// Whether the source of every target answers, that of `bank` included.
    pub(crate) reachable: AtomicBool,
    stage: FakeStage,
    /// Whether diagnoses and alerts wait to be released.
    held: Mutex<bool>,
    let_go: Condvar,
}

impl FakeSystem {
    pub(crate) fn new(store: Arc<MemoryStore>) -> Self {
        Self {
            store,
            changes: broadcast::Sender::new(16),
            alerts: Mutex::default(),
            kept_alerts: Mutex::default(),
            diagnosed: AtomicUsize::new(0),
            panics: AtomicBool::new(false),
            reachable: AtomicBool::new(false),
            stage: FakeStage::default(),
            held: Mutex::new(false),
            let_go: Condvar::new(),
        }
    }

    pub(crate) fn hold(&self) {
        *self.held.lock().unwrap() = true;
    }

    pub(crate) fn let_go(&self) {
        *self.held.lock().unwrap() = false;
        self.let_go.notify_all();
    }

    fn wait(&self) {
        // Bounded, so that a test that fails while it holds does not hang.
        drop(self.let_go.wait_timeout_while(self.held.lock().unwrap(), MAX_HOLD, |held| *held).unwrap());
    }

    fn incident(&self, id: &str) -> Result<Incident, SystemError> {
        let found = self.store.get(id).unwrap();
        found.ok_or_else(|| SystemError::NotFound { what: "incident", name: id.to_owned() })
    }

    fn known(&self, target: &str) -> Result<(), SystemError> {
        let found = self.targets().iter().any(|t| t.target == target);
        if found { Ok(()) } else { Err(SystemError::NotFound { what: "target", name: target.to_owned() }) }
    }
}

impl System for FakeSystem {
    fn targets(&self) -> Vec<TargetStatus> {
        assert!(!self.panics.load(Ordering::SeqCst), "on purpose");
        let target = |name: &str, state: State| TargetStatus {
            source: "http://prometheus:9090".into(),
            last_success: (state == State::Watching).then_some(NOW),
            services: (state == State::Watching).then_some(14),
            state,
            ..TargetStatus::new(name)
        };
        vec![target("shop", State::Watching), target("bank", State::Starting)]
    }

    fn latest_report(&self, target: &str) -> Option<Arc<Report>> {
        (target == "shop").then(|| Arc::new(report()))
    }

    fn services(&self, target: &str) -> Result<Vec<ServiceStatus>, SystemError> {
        self.known(target)?;
        let levels = ServiceLevels { latency_ms: Some(48.0), ..ServiceLevels::default() };
        Ok(vec![ServiceStatus {
            service: "orders".into(),
            metrics: vec!["latency_ms".into()],
            signs: Vec::new(),
            levels,
            is_seen: true,
        }])
    }

    fn slos(&self, target: &str) -> Result<Arc<Vec<SloStatus>>, SystemError> {
        self.known(target)?;
        let objective =
            Objective { slo: "checkout".into(), service: "orders".into(), target: 0.999, period_ms: DEFAULT_PERIOD_MS };
        Ok(Arc::new(vec![slo::status(&objective, &[None; 4], Some(EventCounts { bad: 1.0, all: 4000.0 }))]))
    }

    fn profiles(&self, target: &str) -> Result<ProfileTable, SystemError> {
        self.known(target)?;
        Ok(ProfileTable {
            profile_version: PROFILE_VERSION,
            baseline_start: NOW,
            incident_start: NOW,
            dimensions: Vec::new(),
            services: Vec::new(),
        })
    }

    fn diagnose(&self, request: &DiagnoseRequest) -> Result<Report, SystemError> {
        self.wait();
        self.diagnosed.fetch_add(1, Ordering::SeqCst);
        match request.target.as_str() {
            "shop" => Ok(report()),
            _ if self.reachable.load(Ordering::SeqCst) => Ok(report()),
            _ => Err(SystemError::Unavailable { place: "http://prometheus:9090".into(), message: "refused".into() }),
        }
    }

    fn service_map(&self, incident: &str) -> Result<ServiceMap, SystemError> {
        self.incident(incident)?;
        Ok(from_json(SERVICE_MAP))
    }

    fn dossier(&self, incident: &str) -> Result<Arc<Dossier>, SystemError> {
        let report = self.incident(incident)?.report.unwrap();
        let propagation = Propagation {
            schema_version: PROPAGATION_SCHEMA_VERSION,
            verdict: report.verdict.kind,
            cause: report.verdict.service.clone(),
            summary: String::new(),
            windows: report.windows.clone(),
            interval_level: 0.9,
            services: Vec::new(),
            hops: Vec::new(),
            paths: Vec::new(),
            against: Vec::new(),
            calm: Vec::new(),
            unobserved: Vec::new(),
        };
        Ok(Arc::new(Dossier {
            schema_version: DOSSIER_SCHEMA_VERSION,
            automap_version: "0.1.0".to_owned(),
            map: from_json(SERVICE_MAP),
            charts: Vec::new(),
            propagation,
            report,
        }))
    }

    fn latest_map(&self, target: &str) -> Result<Arc<ServiceMap>, SystemError> {
        self.known(target)?;
        Ok(Arc::new(from_json(SERVICE_MAP)))
    }

    fn service_dossier(&self, target: &str, service: &str) -> Result<ServiceDossier, SystemError> {
        self.known(target)?;
        match service {
            "payment" => Ok(ServiceDossier {
                service: service.to_owned(),
                callers: vec!["orders".to_owned()],
                callees: Vec::new(),
                charts: Vec::new(),
                omitted: 0,
                changes: Vec::new(),
            }),
            _ => Err(SystemError::NotFound { what: "service", name: service.to_owned() }),
        }
    }

    fn compare(&self, request: &CompareRequest) -> Result<Comparison, SystemError> {
        let mut comparison: Comparison = from_json(COMPARISON);
        comparison.periods[0].source = request.target.clone();
        Ok(comparison)
    }

    fn explain(&self, incident: &str, service: &str) -> Result<Explanation, SystemError> {
        self.incident(incident)?;
        match service {
            "payment" => Ok(from_json(EXPLANATION)),
            _ => Err(SystemError::NotFound { what: "service", name: service.to_owned() }),
        }
    }

    fn keep_alerts(&self, group: &AlertGroup) -> Result<(), SystemError> {
        self.store.put_alerts(&[], NOW)?;
        self.kept_alerts.lock().unwrap().push(group.clone());
        Ok(())
    }

    fn alert_targets(&self) -> AlertTargets {
        let target =
            |name: &str, namespace: &str| AlertTarget { name: name.into(), namespace: namespace.into(), cluster: None };
        AlertTargets::new(vec![target("shop", "sock-shop"), target("bank", "bank")])
    }

    fn alert(&self, group: &AlertGroup) -> Result<(), SystemError> {
        self.wait();
        self.alerts.lock().unwrap().push(group.clone());
        Ok(())
    }

    fn tell_changes(&self, changes: &[ToldChange]) -> Result<Vec<ChangeFate>, SystemError> {
        Ok(self.store.put_changes(changes, NOW)?)
    }

    fn confirm(&self, incident: &str, service: &str, by: &str) -> Result<Incident, SystemError> {
        let mut incident = self.incident(incident)?;
        if service == "nobody" {
            return Err(SystemError::Refused {
                message: "no such service".into(),
                next: "name one of its report".into(),
            });
        }
        incident.confirmed = Some(service.to_owned());
        incident.revision += 1;
        incident.add_entry(NOW, TimelineKind::Confirmed, format!("{by} says {service}"));
        self.store.put(&incident, &[], NOW).unwrap();
        let _ = self.changes.send(IncidentChange::of(&incident));
        Ok(incident)
    }

    fn note(&self, incident: &str, text: &str, by: &str) -> Result<Incident, SystemError> {
        note(&*self.store, (incident, text, by), NOW)
    }

    fn capture(&self, incident: &str) -> Result<Vec<u8>, SystemError> {
        self.incident(incident).map(|_| b"PAR1".to_vec())
    }

    fn coverage(&self, target: &str) -> Result<TargetCoverage, SystemError> {
        self.known(target)?;
        Ok(TargetCoverage {
            target: target.to_owned(),
            source: "http://prometheus:9090".into(),
            from: NOW.plus_ms(-3_600_000),
            to: NOW,
            step_s: 15.0,
            signals: Vec::new(),
            services: Vec::new(),
            missing: Vec::new(),
            not_checked: Vec::new(),
            notes: Vec::new(),
            queries: Vec::new(),
        })
    }

    fn experiments(&self, incident: &str) -> Result<Vec<Experiment>, SystemError> {
        self.incident(incident)?;
        self.experiments_during(Interval { start: NOW, end: NOW.plus_ms(1) })
    }

    fn experiments_during(&self, _: Interval) -> Result<Vec<Experiment>, SystemError> {
        Ok(vec![Experiment {
            name: "sock-shop/delay-payment".into(),
            fault: "NetworkChaos delay".into(),
            places: vec!["payment".into()],
            started: Some(NOW),
            ended: None,
        }])
    }

    fn drill_stage(&self) -> Option<&dyn DrillStage> {
        Some(&self.stage)
    }

    fn mutes(&self) -> Vec<ListedMute> {
        let listed = |mute: Mute| ListedMute { is_active: true, origin: MuteOrigin::Store, mute };
        self.store.mutes(NOW).unwrap().into_iter().map(listed).collect()
    }

    fn add_mute(&self, request: &MuteRequest, by: &str) -> Result<Mute, SystemError> {
        Ok(mutes::add(&*self.store, request, &Known::default(), by, NOW)?)
    }

    fn end_mute(&self, id: &str) -> Result<(), SystemError> {
        let is_ended = self.store.end_mute(id, NOW)?;
        is_ended.then_some(()).ok_or_else(|| SystemError::NotFound { what: "mute", name: id.to_owned() })
    }

    fn subscribe(&self) -> broadcast::Receiver<IncidentChange> {
        self.changes.subscribe()
    }

    fn metrics(&self) -> SystemMetrics {
        SystemMetrics {
            targets: vec![TargetMetrics { target: "shop".into(), queries: 12, ..TargetMetrics::default() }],
            incidents: vec![(IncidentState::Open, 1)],
            outbox: Some(3),
            given_up: Some(0),
        }
    }
}

/// A place with one fault, which stays until it is ended.
#[derive(Debug)]
pub(crate) struct FakeStage {
    drills: Vec<Drill>,
    in_place: Mutex<Vec<DrillInPlace>>,
}

impl Default for FakeStage {
    fn default() -> Self {
        let (name, fault) = ("delay-payment".to_owned(), "NetworkChaos delay".to_owned());
        let drill = Drill { name, fault, places: vec!["payment".to_owned()], lasts_s: Some(45.0) };
        Self { drills: vec![drill], in_place: Mutex::default() }
    }
}

impl DrillStage for FakeStage {
    fn place(&self) -> &str {
        "a fake"
    }

    fn drills(&self) -> &[Drill] {
        &self.drills
    }

    fn in_place(&self) -> Result<Vec<DrillInPlace>, String> {
        Ok(self.in_place.lock().unwrap().clone())
    }

    fn start(&self, drill: &Drill) -> Result<(), String> {
        let Drill { name, fault, places, lasts_s: left_s } = drill.clone();
        self.in_place.lock().unwrap().push(DrillInPlace { name, fault, places, left_s });
        Ok(())
    }

    fn end(&self) -> Result<(), String> {
        self.in_place.lock().unwrap().clear();
        Ok(())
    }
}

const SERVICE_MAP: &str = include_str!("../fixtures/service-map.json");
const COMPARISON: &str = include_str!("../fixtures/comparison.json");
const EXPLANATION: &str = include_str!("../fixtures/explanation.json");

fn from_json<T: serde::de::DeserializeOwned>(text: &str) -> T {
    serde_json::from_str(text).unwrap()
}

pub(crate) fn report() -> Report {
    let evidence = Evidence {
        metric: "latency_p95_ms".into(),
        seen_by: "orders".into(),
        peer: Some("payment".into()),
        from: Some(4.0),
        to: Some(312.0),
        unit: Unit::Ms,
        strength: 3.1,
        onset: Some(NOW),
        summary: "orders→payment latency 4 → 312 ms".into(),
    };
    Report {
        schema_version: SCHEMA_VERSION,
        source: "http://prometheus:9090".into(),
        engine: Engine::Evidence,
        verdict: Verdict {
            kind: VerdictKind::Cause,
            service: Some("payment".into()),
            causes: Vec::new(),
            is_felt: Some(true),
            mechanism: Some("network".into()),
            confidence: 0.86,
            level: Level::High,
            summary: "payment (network)".into(),
        },
        windows: WindowInfo {
            baseline_start: NOW.plus_ms(-600_000),
            baseline_end: NOW,
            baseline_samples: 40,
            incident_start: NOW,
            incident_end: NOW.plus_ms(300_000),
            incident_samples: 20,
            incident_start_is: OnsetSource::Detected,
            step_s: 15.0,
        },
        course: CourseInfo::default(),
        symptoms: Vec::new(),
        coverage: Coverage { services: 14, services_judged: 12, series_judged: 90, series: 100 },
        impacts: Vec::new(),
        changes: ChangesInfo::default(),
        also_changed: Vec::new(),
        time_of_day: None,
        causes: vec![Cause {
            rank: 1,
            service: "payment".into(),
            kind: automap_core::report::EntityKind::Service,
            holds_up: Vec::new(),
            score: 9.0,
            confidence: 0.86,
            change: None,
            parts: Vec::new(),
            onset: Some(NOW),
            accounts_for: Vec::new(),
            evidence: vec![evidence],
            path: vec!["front-end".into(), "orders".into(), "payment".into()],
            counter_evidence: Vec::new(),
        }],
        victims: Vec::new(),
        not_checked: Vec::new(),
        notes: Vec::new(),
        next: Vec::new(),
        queries: Vec::new(),
    }
}

/// The `n`-th incident, opened `n` minutes after [`NOW`].
pub(crate) fn incident(n: i64, target: &str, state: IncidentState) -> Incident {
    let opened = NOW.plus_ms(n * 60_000);
    let mut incident = Incident {
        schema_version: INCIDENT_SCHEMA_VERSION,
        id: format!("{target}-{n}"),
        target: target.into(),
        state,
        severity: Severity::Warning,
        revision: 1,
        onset: opened.plus_ms(-30_000),
        opened,
        updated: opened,
        closed: (state == IncidentState::Closed).then(|| opened.plus_ms(60_000)),
        title: "payment (network): front-end p95 latency 74.1 → 376 ms".into(),
        cause: Some(NamedCause {
            service: "payment".into(),
            mechanism: Some("network".into()),
            confidence: 0.86,
            change: None,
        }),
        symptoms: Vec::new(),
        victims: vec!["orders".into()],
        slos: Vec::new(),
        slos_omitted: 0,
        alerts: Vec::new(),
        alerts_omitted: 0,
        reopened: 0,
        owner: None,
        confirmed: None,
        muted: None,
        timeline: Vec::new(),
        report: Some(report()),
    };
    incident.add_entry(opened, TimelineKind::Opened, "opened");
    incident
}
