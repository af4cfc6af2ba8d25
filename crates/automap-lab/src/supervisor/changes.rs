//! Carries out an operator's changes, and reverts them.
//!
//! A change alters the desired state; `rollout` brings the pods there. Each change records the state before it and how to restore it, so that a drill
//! leaves nothing behind.

use automap_chaos::injection::ChangeMade;

use super::autoscaler::Autoscaler;
use super::config_map::Former;
use super::deployment::DeploymentError;
use super::lab_state::{LabState, SharedState};
use super::log::log;
use super::nodes;
use super::settings;
use super::undo::Undo;
use crate::behaviour::Behaviour;
use crate::change::{Autoscale, Change, LoadPod};

/// Most users per second.
const RATE_PER_S_MAX: f64 = 1000.0;

/// Why a change was refused. Nothing has been changed then.
#[derive(Debug, thiserror::Error)]
pub(super) enum ChangeError {
    #[error(transparent)]
    Deployment(#[from] DeploymentError),
    #[error("{0}")]
    Setting(String),
    #[error("{service} has an autoscaler already; it decides about the number of pods")]
    Autoscaled { service: String },
    #[error("{service} has no autoscaler; `automap lab autoscale {service} --max 3` makes one")]
    NotAutoscaled { service: String },
    #[error("no node {node:?}; there are {}", crate::plan::NODES.join(", "))]
    NoNode { node: String },
    #[error("no service {service:?} in the shop")]
    NoService { service: String },
    #[error("the rate must be 0 to {RATE_PER_S_MAX} users per second")]
    Rate,
    #[error("an autoscaler needs a floor of at least 1 pod, a ceiling not below it, and a target above 0 %")]
    Autoscaler,
}

/// What was changed, and how to revert it.
#[derive(Clone, Debug)]
pub(super) struct Made {
    /// The entry for a log of changes; `None` if not the system changed but only its load.
    pub(super) change: Option<ChangeMade>,
    pub(super) undo: Undo,
}

/// Alters the desired state.
///
/// # Arguments
/// - `id`: the ledger's id, by which a load is found again.
pub(super) async fn make(
    shared: &SharedState,
    id: &str,
    service: &'static str,
    change: &Change,
) -> Result<Made, ChangeError> {
    let made = match change {
        Change::Release { version, behaviour } => release(&mut shared.state(), service, version, *behaviour)?,
        Change::RollBack => {
            let mut state = shared.state();
            let deployment = state.deployment(service).ok_or_else(|| no_service(service))?;
            let before = deployment.current().map(|r| r.version.clone()).unwrap_or_default();
            let after = deployment.roll_back()?;
            Made { change: record("rollback", service, before, after), undo: Undo::Nothing }
        }
        Change::Scale { replicas } => {
            let mut state = shared.state();
            if state.autoscalers.iter().any(|a| a.service == service) {
                return Err(ChangeError::Autoscaled { service: service.to_owned() });
            }
            let deployment = state.deployment(service).ok_or_else(|| no_service(service))?;
            let before = deployment.scale(*replicas)?;
            let undo = Undo::Scale { service, replicas: before };
            Made { change: record("scaled", service, before.to_string(), replicas.to_string()), undo }
        }
        Change::Config { settings } => {
            let wanted: Former = settings.iter().map(|(k, v)| (k.clone(), Some(v.clone()))).collect();
            let (change, former) = set(&mut shared.state(), service, &wanted)?;
            settings::tell(shared, service, None, &[]).await;
            Made { change, undo: Undo::Settings { service, former } }
        }
        Change::Autoscale(spec) => autoscale(&mut shared.state(), service, *spec)?,
        Change::NodeLoad(load) => {
            let started = nodes::start_load(&mut shared.state(), id, load);
            let node = started.ok_or_else(|| ChangeError::NoNode { node: load.node.clone() })?;
            let job = |p: &LoadPod| record("job", node, String::new(), format!("{}/{}", p.namespace, p.name));
            Made { change: load.pod.as_ref().and_then(job), undo: Undo::NodeLoad { id: id.to_owned() } }
        }
        Change::NoAutoscaler => {
            let mut state = shared.state();
            let before = state.autoscalers.len();
            state.autoscalers.retain(|a| a.service != service);
            if state.autoscalers.len() == before {
                return Err(ChangeError::NotAutoscaled { service: service.to_owned() });
            }
            Made { change: record("autoscaled", service, "on".to_owned(), "off".to_owned()), undo: Undo::Nothing }
        }
        Change::Traffic { rate_per_s } => {
            if !(0.0..=RATE_PER_S_MAX).contains(rate_per_s) {
                return Err(ChangeError::Rate);
            }
            let mut state = shared.state();
            let before = state.load_rate_per_s;
            state.load_rate_per_s = (*rate_per_s > 0.0).then_some(*rate_per_s);
            Made { change: None, undo: Undo::Traffic { rate_per_s: before } }
        }
    };
    Ok(made)
}

fn release(
    state: &mut LabState,
    service: &'static str,
    version: &str,
    behaviour: Behaviour,
) -> Result<Made, ChangeError> {
    let deployment = state.deployments.iter_mut().find(|d| d.component.name == service);
    let deployment = deployment.ok_or_else(|| no_service(service))?;
    let before = deployment.current().map(|r| r.version.clone()).unwrap_or_default();
    deployment.release(version, behaviour, &mut state.rng)?;
    let undo = Undo::RollBack { service, version: version.to_owned() };
    Ok(Made { change: record("release", service, before, version.to_owned()), undo })
}

/// Reverts a change. Anything that was changed again meanwhile stays.
pub(super) async fn take_back(shared: &SharedState, undo: &Undo) {
    match undo {
        Undo::RollBack { service, version } => {
            let mut state = shared.state();
            let Some(deployment) = state.deployment(service) else { return };
            if deployment.current().is_some_and(|r| r.version == *version) {
                log_refusal(deployment.roll_back().map(drop));
            }
        }
        Undo::Scale { service, replicas } => {
            if let Some(deployment) = shared.state().deployment(service) {
                log_refusal(deployment.scale(*replicas).map(drop));
            }
        }
        Undo::Settings { service, former } => {
            let removed: Vec<String> = former.iter().filter(|(_, v)| v.is_none()).map(|(k, _)| k.clone()).collect();
            let set = set(&mut shared.state(), service, former);
            if let Err(problem) = set {
                log(&format!("the settings of {service} could not be taken back: {problem}"));
            }
            settings::tell(shared, service, None, &removed).await;
        }
        Undo::Autoscaler { service, replicas } => {
            let mut state = shared.state();
            state.autoscalers.retain(|a| a.service != *service);
            if let Some(deployment) = state.deployment(service) {
                log_refusal(deployment.scale(*replicas).map(drop));
            }
        }
        Undo::Traffic { rate_per_s } => shared.state().load_rate_per_s = *rate_per_s,
        Undo::NodeLoad { id } => nodes::stop_load(&mut shared.state(), id),
        Undo::Nothing => {}
    }
}

/// Whether a later change of a service replaces an earlier one.
pub(super) fn supersedes(change: &Change, service: &str, earlier: &Undo) -> bool {
    match (change, earlier) {
        (Change::Release { .. } | Change::RollBack, Undo::RollBack { service: of, .. })
        | (Change::Scale { .. }, Undo::Scale { service: of, .. })
        | (Change::Autoscale(_) | Change::NoAutoscaler, Undo::Autoscaler { service: of, .. }) => *of == service,
        (Change::Config { settings }, Undo::Settings { service: of, former }) => {
            *of == service && former.keys().all(|name| settings.contains_key(name))
        }
        (Change::Traffic { .. }, Undo::Traffic { .. }) => true,
        _ => false,
    }
}

fn set(state: &mut LabState, service: &str, wanted: &Former) -> Result<(Option<ChangeMade>, Former), ChangeError> {
    state.resource_version += 1;
    let version = state.resource_version;
    let map = state.config_maps.get_mut(service).ok_or_else(|| no_service(service))?;
    let before = map.words(wanted);
    let former = map.set(wanted, version).map_err(ChangeError::Setting)?;
    Ok((record("config_map", service, before, map.words(wanted)), former))
}

fn autoscale(state: &mut LabState, service: &'static str, spec: Autoscale) -> Result<Made, ChangeError> {
    if state.autoscalers.iter().any(|a| a.service == service) {
        return Err(ChangeError::Autoscaled { service: service.to_owned() });
    }
    let is_sane = spec.min_replicas >= 1 && spec.max_replicas >= spec.min_replicas && spec.target_cpu_percent > 0.0;
    if !is_sane {
        return Err(ChangeError::Autoscaler);
    }
    let deployment = state.deployment(service).ok_or_else(|| no_service(service))?;
    let before = deployment.replicas;
    // Refuses services that cannot be scaled, before the autoscaler tries.
    deployment.scale(spec.max_replicas)?;
    deployment.scale(before.clamp(spec.min_replicas, spec.max_replicas))?;
    state.autoscalers.push(Autoscaler::new(service, spec, before));
    let range = format!("{} to {}", spec.min_replicas, spec.max_replicas);
    let undo = Undo::Autoscaler { service, replicas: before };
    Ok(Made { change: record("autoscaled", service, before.to_string(), range), undo })
}

fn record(kind: &str, service: &str, before: String, after: String) -> Option<ChangeMade> {
    Some(ChangeMade { kind: kind.to_owned(), service: service.to_owned(), before, after })
}

fn no_service(service: &str) -> ChangeError {
    ChangeError::NoService { service: service.to_owned() }
}

fn log_refusal(result: Result<(), DeploymentError>) {
    if let Err(problem) = result {
        log(&format!("a change could not be taken back: {problem}"));
    }
}
