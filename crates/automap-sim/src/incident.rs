//! One labelled recording: a system, a fault (or none), what metrics show of it, and what a perfect answer says.
//!
//! *Example.* `draw(&IncidentOptions { seed: 7, ..IncidentOptions::default() })` is always the same quarter of an hour of the same system with the same fault.

use automap_chaos::injection::{ChangeMade, Injection, Role, Target, Truth};
use automap_chaos::kinds;
use automap_core::change::{Change, ChangeKind, ChangeLog};
use automap_core::frame::FrameError;
use automap_core::observation::Observation;
use automap_core::random::Rng;
use automap_core::time::Interval;
use serde::Serialize;
use serde_json::json;

use crate::chance::{between, happens};
use crate::fault::{self, Fault, Kind, Place};
use crate::fleet::{Recording, RunOptions, run};
use crate::observation::{START, observe, time};
use crate::plan::{Plan, PlanOptions};

/// Users feel a fault where they wait this much longer on average, or this share of their requests fails more.
const FELT: (f64, f64) = (1.1, 0.005);
/// Fewer requests than this, before or during it, do not tell.
const ENOUGH_REQUESTS: f64 = 500.0;

/// What an incident is drawn from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct IncidentOptions {
    /// The system.
    pub plan: PlanOptions,
    /// How it is run; its seed is drawn from `seed`.
    pub run: RunOptions,
    /// Share of recordings without a fault.
    pub quiet: f64,
    /// Share of recordings with something beside that hurts nobody.
    pub decoys: f64,
    /// How long a fault is in place, in seconds; it lasts to the end of the recording.
    pub fault_s: f64,
    /// The same seed, the same incident.
    pub seed: u64,
}

impl Default for IncidentOptions {
    fn default() -> Self {
        let run = RunOptions::default();
        Self { plan: PlanOptions::default(), run, quiet: 0.15, decoys: 0.25, fault_s: 240.0, seed: 0 }
    }
}

/// One recording.
#[derive(Clone, Debug)]
pub struct Incident {
    /// What a diagnosis may see.
    pub observation: Observation,
    /// What was injected, decoys included; empty in a quiet one.
    pub injected: Vec<Injection>,
    /// How users fared.
    pub felt: Felt,
}

/// How users fared before and during a fault.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Felt {
    /// What they waited on average, in ms.
    pub latency_ms: (f64, f64),
    /// Share of their requests that failed.
    pub error_ratio: (f64, f64),
    /// How many they made.
    pub requests: (f64, f64),
}

impl Felt {
    /// Whether they noticed; `false` too where they made too few requests to tell.
    pub fn is_felt(&self) -> bool {
        let is_enough = self.requests.0.min(self.requests.1) >= ENOUGH_REQUESTS;
        is_enough && self.is_worse()
    }

    fn is_worse(&self) -> bool {
        self.latency_ms.1 > FELT.0 * self.latency_ms.0 || self.error_ratio.1 - self.error_ratio.0 > FELT.1
    }

    fn of(recording: &Recording, from_s: f64, to_s: f64) -> Self {
        let (before, during) = (recording.users.between(0.0, from_s), recording.users.between(from_s, to_s));
        Self {
            latency_ms: (before.duration_ms / before.count.max(1.0), during.duration_ms / during.count.max(1.0)),
            error_ratio: (before.errors / before.count.max(1.0), during.errors / during.count.max(1.0)),
            requests: (before.count, during.count),
        }
    }
}

/// Draws one.
///
/// # Errors
/// [`FrameError`] when there are more cells than a frame takes.
pub fn draw(options: &IncidentOptions) -> Result<Incident, FrameError> {
    let plan = Plan::draw(&options.plan);
    let mut rng = Rng::named(options.seed, "incident");
    let length_s = options.run.length_s;
    let from_s = length_s - options.fault_s - between(&mut rng, 0.0, 20.0);
    let mut faults = Vec::new();
    if !happens(&mut rng, options.quiet) {
        faults.push(fault::any(&plan, (from_s, length_s), &mut rng));
    }
    if happens(&mut rng, options.decoys) {
        let at = from_s + between(&mut rng, -60.0, 30.0);
        faults.extend(Fault::draw(Kind::ReleaseHarmless, &plan, (at, length_s), &mut rng));
    }
    record(&plan, &faults, from_s, &RunOptions { seed: rng.bits(), ..options.run })
}

/// Runs a system with these faults; `from_s` is where "before" ends for the users.
///
/// # Errors
/// [`FrameError`] when there are more cells than a frame takes.
pub fn record(plan: &Plan, faults: &[Fault], from_s: f64, run_options: &RunOptions) -> Result<Incident, FrameError> {
    let recording = run(plan, faults, run_options);
    let felt = Felt::of(&recording, from_s, run_options.length_s);
    let mut observation = observe(plan, &recording, run_options.scrape_s, run_options.length_s)?;
    observation.changes = changes(plan, faults, run_options.length_s);
    let injected = faults.iter().map(|fault| injection(plan, fault, &felt)).collect();
    Ok(Incident { observation, injected, felt })
}

fn changes(plan: &Plan, faults: &[Fault], length_s: f64) -> ChangeLog {
    let change = |fault: &Fault| {
        let service = fault.place_name(plan);
        let (kind, subject) = match fault.kind {
            Kind::ConfigTimeout => (ChangeKind::ConfigMap, format!("config map {service}-config")),
            _ => (ChangeKind::Release, format!("deployment {service}")),
        };
        let is_release = kind == ChangeKind::Release;
        Change {
            at: time(fault.from_s),
            kind,
            service: Some(service),
            subject,
            from: is_release.then(|| "1.4.2".to_owned()),
            to: is_release.then(|| "1.4.3".to_owned()),
            uncertainty_ms: if is_release { 0 } else { 60_000 },
            source: if is_release { "kube_replicaset_created" } else { "kube_configmap_metadata_resource_version" }
                .to_owned(),
            url: None,
        }
    };
    let made = faults.iter().filter(|f| f.kind.is_change()).map(change).collect();
    let observed = Interval { start: START.plus_ms(-3_600_000), end: time(length_s) };
    ChangeLog::new(observed, Vec::new(), made)
}

fn injection(plan: &Plan, fault: &Fault, felt: &Felt) -> Injection {
    let (kind, action) = fault.kind.words();
    let place = fault.place_name(plan);
    let entity_kind = match fault.place {
        Place::Service(i) => plan.services[i].kind.word(),
        Place::Node(_) => "node",
    };
    let suffering: Vec<&str> = match fault.place {
        Place::Service(i) => plan.callers_of(i).into_iter().map(|c| plan.services[c].name.as_str()).collect(),
        Place::Node(n) => plan.services.iter().filter(|s| s.node == n).map(|s| s.name.as_str()).collect(),
    };
    let change = fault.kind.is_change().then(|| ChangeMade {
        kind: if kind == "Release" { "release" } else { "config" }.to_owned(),
        service: place.clone(),
        before: "1.4.2".to_owned(),
        after: "1.4.3".to_owned(),
    });
    let (from, to) = (time(fault.from_s), time(fault.to_s));
    Injection {
        id: format!("{kind}-{action}-{place}"),
        kind: kind.to_owned(),
        action: action.to_owned(),
        experiment: format!("{action}-{place}"),
        targets: vec![Target { pod: String::new(), service: place.clone(), container: None }],
        peers: Vec::new(),
        expected_metric: kinds::expected_metric(kind, action).unwrap_or_default().to_owned(),
        from: from.to_string(),
        from_ms: from.ms(),
        to: Some(to.to_string()),
        to_ms: Some(to.ms()),
        spec: json!({
            "strength": fault.strength,
            "may_suffer": suffering,
            "users_feel_it": fault.kind.role() == Role::Cause && felt.is_felt(),
            "users": felt,
        }),
        role: fault.kind.role(),
        truth: (fault.kind.role() == Role::Cause).then(|| Truth {
            entity_kind: entity_kind.to_owned(),
            entity: place,
            mechanism: kinds::mechanism(kind, action).unwrap_or_default().to_owned(),
            change,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A small system, eight minutes, with a fault of a kind for the last three.
    fn with(kind: Option<Kind>) -> Incident {
        let plan = Plan::draw(&PlanOptions { services: 10, users_per_s: 20.0, seed: 3 });
        let mut rng = Rng::new(5);
        let fault = kind.and_then(|kind| Fault::draw(kind, &plan, (300.0, 480.0), &mut rng));
        let faults: Vec<Fault> = fault.into_iter().map(|f| Fault { strength: 0.9, ..f }).collect();
        let options = RunOptions { length_s: 480.0, seed: 1, ..RunOptions::default() };
        record(&plan, &faults, 300.0, &options).unwrap()
    }

    #[test]
    fn users_feel_what_hurts_and_nothing_else() {
        let quiet = with(None);
        assert!(!quiet.felt.is_felt(), "{:?}", quiet.felt);
        assert!(quiet.felt.error_ratio.0 < 0.02 && quiet.felt.latency_ms.0 > 1.0, "{:?}", quiet.felt);
        let harmless = with(Some(Kind::ReleaseHarmless));
        assert!(!harmless.felt.is_felt(), "{:?}", harmless.felt);
        assert_eq!((harmless.injected[0].role, harmless.observation.changes.changes.len()), (Role::Decoy, 1));
        for kind in [Kind::Delay, Kind::SlowCode, Kind::Errors, Kind::ReleaseFail, Kind::Outage, Kind::Partition] {
            let hurt = with(Some(kind));
            assert!(hurt.felt.is_felt(), "{kind:?}: {:?}", hurt.felt);
        }
    }

    #[test]
    fn the_same_seed_is_the_same_incident() {
        let options = IncidentOptions {
            plan: PlanOptions { services: 8, ..PlanOptions::default() },
            run: RunOptions { length_s: 200.0, ..RunOptions::default() },
            fault_s: 60.0,
            ..IncidentOptions::default()
        };
        let values = |seed| {
            let incident = draw(&IncidentOptions { seed, ..options }).unwrap();
            let bits = incident.observation.frame.series().iter().flat_map(|s| s.values.iter().map(|v| v.to_bits()));
            (bits.collect::<Vec<u64>>(), incident.injected)
        };
        assert_eq!(values(4), values(4));
        assert_ne!(values(4).0, values(5).0);
    }
}
