//! Carries out experiments: injects every step of the plan, writes the ledger, and reverts everything in time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use automap_chaos::injection::{Role, Truth};
use automap_chaos::kinds::{expected_metric, mechanism};

use super::active_experiment::ActiveExperiment;
use super::lab_state::{LabState, SharedState};
use super::log::log;
use super::pod::Pod;
use super::process_effect::ProcessEffect;
use super::{changes, settings};
use crate::change::Change;
use crate::chaos::{self, ChaosError, Experiment, InjectionPlan, InjectionStep, PlanError};
use crate::control::protocol::Phase;
use crate::ledger::{self, Injection, Target};
use crate::surroundings::{Place, Surroundings};

/// A killed pod should be ready within this time; its end is recorded after that in any case.
const RECOVERY_WITHIN: Duration = Duration::from_secs(120);
/// A change without a duration is reverted after this time at the latest: longer than any lab runs.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);
const RECOVERY_POLL: Duration = Duration::from_millis(100);
/// Maximum number of experiments at the same time.
const ACTIVE_MAX: usize = 50;

/// Why a file was refused. None of it is in place then, except for [`Self::NotTaken`], where earlier experiments of the file remain.
#[derive(Debug, thiserror::Error)]
pub(super) enum InjectError {
    #[error(transparent)]
    Chaos(#[from] ChaosError),
    #[error("{file}: {source}")]
    Plan { file: String, source: PlanError },
    #[error("{0}: an experiment of that name is in place; wait until it has ended, or rename this one")]
    InPlace(String),
    #[error("{file}: two experiments are named {experiment}; the ledger tells them apart by name: rename one")]
    Twice { file: String, experiment: String },
    #[error("the lab is not ready yet; see `automap lab status`")]
    NotReady,
    #[error("{0} needs what this lab was started without; start one with `automap lab up --with {1}`")]
    Lacks(String, String),
    #[error("{ACTIVE_MAX} experiments are in place; wait until one has ended")]
    TooMany,
    #[error("{experiment}: {service} did not accept the effect: {problem}")]
    NotTaken { experiment: String, service: &'static str, problem: String },
}

/// Injects all experiments of a file.
pub(super) async fn inject(shared: &Arc<SharedState>, file: &str, yaml: &str) -> Result<Vec<Injection>, InjectError> {
    let planned = plan_file(shared, file, yaml)?;
    let mut injections = Vec::new();
    for (experiment, plan) in planned {
        let active = inject_experiment(shared, &experiment, plan).await?;
        injections.push(active.injection.clone());
        tokio::spawn(run_to_its_end(Arc::clone(shared), active, experiment.duration));
    }
    Ok(injections)
}

/// Makes a change by hand: it stays until another replaces it.
pub(super) async fn change(
    shared: &Arc<SharedState>,
    service: &'static str,
    change: &Change,
) -> Result<Injection, InjectError> {
    let (kind, action) = change.kind();
    let experiment = Experiment {
        kind,
        action: action.to_owned(),
        name: format!("{}-{service}", kind.to_lowercase()),
        selector: chaos::Selector::default(),
        mode: chaos::Mode::All,
        duration: None,
        fault: chaos::Fault::Change { change: change.clone() },
        role: if change.is_harmless() { Role::Decoy } else { Role::Cause },
        spec: serde_json::to_value(change).unwrap_or_default(),
    };
    if shared.state().phase != Phase::Ready {
        return Err(InjectError::NotReady);
    }
    let steps = vec![InjectionStep::Change { service, change: change.clone() }];
    let plan = InjectionPlan { targets: vec![service], peers: Vec::new(), steps };
    let active = inject_experiment(shared, &experiment, plan).await?;
    let injection = active.injection.clone();
    let is_earlier = |a: &&ActiveExperiment| a.injection.id != injection.id;
    for earlier in shared.state().active.iter().filter(is_earlier) {
        if earlier.changes.iter().any(|undo| changes::supersedes(change, service, undo)) {
            earlier.superseded.notify_one();
        }
    }
    if matches!(change, Change::RollBack | Change::NoAutoscaler) {
        active.superseded.notify_one();
    }
    tokio::spawn(run_to_its_end(Arc::clone(shared), active, None));
    Ok(injection)
}

/// Checks and plans all experiments of a file before any of them starts.
fn plan_file(shared: &SharedState, file: &str, yaml: &str) -> Result<Vec<(Experiment, InjectionPlan)>, InjectError> {
    let experiments = chaos::parse(file, yaml)?;
    let mut state = shared.state();
    if state.phase != Phase::Ready {
        return Err(InjectError::NotReady);
    }
    if let Some(lacking) = experiments.iter().find(|e| shared.options.with.and(e.needs()) != shared.options.with) {
        return Err(InjectError::Lacks(lacking.name.clone(), needs_words(lacking.needs())));
    }
    if state.active.len() + experiments.len() > ACTIVE_MAX {
        return Err(InjectError::TooMany);
    }
    let in_place = |e: &&Experiment| state.active.iter().any(|a| a.injection.experiment == e.name);
    if let Some(twice) = experiments.iter().find(in_place) {
        return Err(InjectError::InPlace(twice.name.clone()));
    }
    let mut planned: Vec<(Experiment, InjectionPlan)> = Vec::new();
    for experiment in experiments {
        if planned.iter().any(|(before, _)| before.name == experiment.name) {
            return Err(InjectError::Twice { file: file.to_owned(), experiment: experiment.name });
        }
        let plan = experiment.plan_injection(&mut || state.rng.bits());
        let plan = plan.map_err(|source| InjectError::Plan { file: file.to_owned(), source })?;
        planned.push((experiment, plan));
    }
    Ok(planned)
}

async fn inject_experiment(
    shared: &Arc<SharedState>,
    experiment: &Experiment,
    plan: InjectionPlan,
) -> Result<ActiveExperiment, InjectError> {
    let began = jiff::Timestamp::now();
    let id = format!("{}-{}", experiment.name, began.as_millisecond());
    let mut active = ActiveExperiment {
        injection: injection(&mut shared.state(), id, began, experiment, &plan),
        ends: experiment.duration.map(|d| Instant::now() + d),
        effects: Vec::new(),
        pods_down: Vec::new(),
        changes: Vec::new(),
        superseded: Arc::default(),
    };
    for (n, step) in plan.steps.into_iter().enumerate() {
        if let Err((service, problem)) = carry_out(shared, &mut active, n, step).await {
            take_back(shared, &active).await;
            return Err(InjectError::NotTaken { experiment: experiment.name.clone(), service, problem });
        }
    }
    let mut state = shared.state();
    append(&mut state, &active.injection);
    state.active.push(active.clone());
    Ok(active)
}

fn injection(
    state: &mut LabState,
    id: String,
    began: jiff::Timestamp,
    experiment: &Experiment,
    plan: &InjectionPlan,
) -> Injection {
    let containers = |service: &'static str| match &experiment.fault {
        chaos::Fault::ContainerKill { containers } => containers.iter().cloned().map(Some).collect(),
        chaos::Fault::Application { .. } => vec![Some(service.to_owned())],
        _ => vec![None],
    };
    let mut targets = Vec::new();
    let mut peers: Vec<String> = plan.peers.iter().map(|p| (*p).to_owned()).collect();
    let beneath = experiment.beneath();
    let is_beneath = beneath.is_some();
    if let Some((service, _, told_by)) = beneath {
        targets.push(Target { pod: String::new(), service, container: None });
        peers.extend(told_by);
    }
    for service in plan.targets.iter().filter(|_| !is_beneath) {
        for pod in state.pods_of(service) {
            let target = |container| Target { pod: pod.name.clone(), service: (*service).to_owned(), container };
            targets.extend(containers(service).into_iter().map(target));
        }
    }
    Injection {
        id,
        kind: experiment.kind.to_owned(),
        action: experiment.action.clone(),
        experiment: experiment.name.clone(),
        targets,
        peers,
        expected_metric: expected_metric(experiment.kind, &experiment.action).unwrap_or("latency").to_owned(),
        from: format!("{began:.3}"),
        from_ms: began.as_millisecond(),
        to: None,
        to_ms: None,
        spec: experiment.spec.clone(),
        role: experiment.role,
        truth: truth(experiment, plan),
    }
}

/// In the form that `--with` accepts.
fn needs_words(needs: Surroundings) -> String {
    let all = [(needs.gateway, "gateway"), (needs.dns, "dns"), (needs.exporters, "exporters")];
    all.iter().filter(|(is_needed, _)| *is_needed).map(|(_, word)| *word).collect::<Vec<_>>().join(",")
}

/// The perfect answer.
fn truth(experiment: &Experiment, plan: &InjectionPlan) -> Option<Truth> {
    let (entity_kind, entity) = match experiment.beneath() {
        Some((name, kind, _)) => (kind, name),
        None => {
            let service = *plan.targets.first()?;
            (Place::Service(service).entity_kind(), service.to_owned())
        }
    };
    Some(Truth {
        entity_kind: entity_kind.to_owned(),
        entity,
        mechanism: mechanism(experiment.kind, &experiment.action)?.to_owned(),
        change: None,
    })
}

async fn carry_out(
    shared: &SharedState,
    active: &mut ActiveExperiment,
    n: usize,
    step: InjectionStep,
) -> Result<(), (&'static str, String)> {
    match step {
        InjectionStep::Apply { service, effect } => {
            let path = format!("/effects/{}-{n}", active.injection.id);
            let of_pod = |p: &mut Pod| ProcessEffect::new(shared.ports, p, path.clone(), effect.clone());
            let effects: Vec<ProcessEffect> = shared.state().pods_of(service).map(of_pod).collect();
            if effects.is_empty() {
                return Err((service, "it has no pod".to_owned()));
            }
            for effect in effects {
                effect.apply().await.map_err(|problem| (service, problem))?;
                active.effects.push(effect);
            }
        }
        InjectionStep::ApplyBeside { place, effect } => {
            let path = format!("/effects/{}-{n}", active.injection.id);
            let effect = {
                let state = shared.state();
                let pod = state.beside.iter().find(|b| b.place == place);
                pod.map(|pod| ProcessEffect::beside(pod, shared.ports, path, effect))
            };
            let workload = place.workload().0;
            let effect = effect.ok_or_else(|| (workload, "the lab has none".to_owned()))?;
            effect.apply().await.map_err(|problem| (workload, problem))?;
            active.effects.push(effect);
        }
        InjectionStep::KillPod { service } => {
            let state = &mut *shared.state();
            let pods = state.pods.iter_mut().filter(|p| p.component.name == service && p.leaves.is_none());
            pods.for_each(|pod| pod.replace(&mut state.rng));
        }
        InjectionStep::FailPod { service } => {
            for pod in shared.state().pods_of(service) {
                active.pods_down.push(pod.name.clone());
                pod.take_down();
            }
        }
        InjectionStep::KillContainer { service, container } => {
            shared.state().pods_of(service).for_each(|pod| pod.container(&container).kill(None));
        }
        InjectionStep::Change { service, change } => {
            let made = changes::make(shared, &active.injection.id, service, &change).await;
            let made = made.map_err(|e| (service, e.to_string()))?;
            active.changes.push(made.undo);
            if let Some(truth) = &mut active.injection.truth {
                truth.change = made.change;
            }
        }
    }
    Ok(())
}

/// Waits until an experiment ends, reverts its effects, and records the end.
async fn run_to_its_end(shared: Arc<SharedState>, active: ActiveExperiment, duration: Option<Duration>) {
    let is_change = !active.changes.is_empty();
    match duration {
        None if !is_change => wait_ready(&shared, &active).await,
        duration => {
            let is_superseded = tokio::select! {
                () = tokio::time::sleep(duration.unwrap_or(LONGEST)) => false,
                () = shared.recover.notified() => false,
                () = active.superseded.notified() => true,
            };
            if !is_superseded {
                take_back(&shared, &active).await;
            }
        }
    }
    let mut state = shared.state();
    if let Some(i) = state.active.iter().position(|a| a.injection.id == active.injection.id) {
        let mut injection = state.active.remove(i).injection;
        ledger::end(&mut injection, jiff::Timestamp::now());
        append(&mut state, &injection);
    }
}

async fn take_back(shared: &SharedState, active: &ActiveExperiment) {
    for change in active.changes.iter().rev() {
        changes::take_back(shared, change).await;
    }
    for name in &active.pods_down {
        if let Some(pod) = shared.state().pod(name) {
            pod.bring_up();
        }
    }
    for effect in &active.effects {
        if is_pod_there(shared, effect) {
            effect.end().await;
        }
    }
}

async fn wait_ready(shared: &SharedState, active: &ActiveExperiment) {
    let until = Instant::now() + RECOVERY_WITHIN;
    let services: Vec<&str> = active.injection.targets.iter().map(|t| t.service.as_str()).collect();
    loop {
        tokio::time::sleep(RECOVERY_POLL).await;
        let ready = |service: &&str| {
            let mut state = shared.state();
            let mut pods = state.pods_of(service).peekable();
            pods.peek().is_some() && pods.all(|p| p.is_ready())
        };
        if services.iter().all(ready) || Instant::now() > until {
            return;
        }
    }
}

/// Applies network effects again after a restart of the process: it lost them, but on a cluster they would persist.
pub(super) async fn reapply(shared: &SharedState, pod: &str, is_in_sidecar: bool) {
    let service = shared.state().pod(pod).map(|p| {
        if !is_in_sidecar {
            // A new process knows nothing about its node.
            p.told = None;
        }
        p.component.name
    });
    if let Some(service) = service.filter(|_| !is_in_sidecar) {
        settings::tell(shared, service, Some(pod), &[]).await;
    }
    let lost: Vec<ProcessEffect> = {
        let state = shared.state();
        let all = state.active.iter().flat_map(|a| a.effects.iter());
        all.filter(|a| a.pod == pod && a.is_in_sidecar == is_in_sidecar && a.outlives_process()).cloned().collect()
    };
    for effect in &lost {
        if is_pod_there(shared, effect)
            && let Err(problem) = effect.apply().await
        {
            log(&format!("effect on {pod} is lost after a restart: {problem}"));
        }
    }
}

/// Records the end of all experiments when the lab stops.
pub(super) fn end_all(shared: &SharedState) {
    let mut state = shared.state();
    state.phase = Phase::Stopping;
    for mut active in std::mem::take(&mut state.active) {
        ledger::end(&mut active.injection, jiff::Timestamp::now());
        append(&mut state, &active.injection);
    }
}

fn append(state: &mut LabState, injection: &Injection) {
    if let Err(e) = state.ledger.append(injection) {
        log(&e.to_string());
    }
}

/// Whether the pod in which an effect was started still exists and has not been replaced.
fn is_pod_there(shared: &SharedState, effect: &ProcessEffect) -> bool {
    shared.state().has_pod(&effect.pod)
}
