//! Carrying out experiments: put every order in place, write the ledger, take everything back in time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use automap_chaos::kinds::expected_metric;

use super::applied::Applied;
use super::world::{Shared, World};
use crate::chaos::{self, ChaosError, Experiment, Order, ResolveError, Resolved};
use crate::control::protocol::{FaultStatus, Phase};
use crate::ledger::{self, Injection, Target};

/// What was killed is ready again within this, or the ledger notes the end without it.
const RECOVERY_WITHIN: Duration = Duration::from_secs(120);
const RECOVERY_POLL: Duration = Duration::from_millis(100);
/// Experiments in place at a time.
const ACTIVE_MAX: usize = 50;

/// Why experiments were refused. Nothing of the file is in place then, but for [`Self::NotTaken`]: what stands before it
/// in the file stays.
#[derive(Debug, thiserror::Error)]
pub(super) enum InjectError {
    #[error(transparent)]
    Chaos(#[from] ChaosError),
    #[error("{file}: {source}")]
    Resolve { file: String, source: ResolveError },
    #[error("{0}: an experiment of that name is in place; wait until it has ended, or rename this one")]
    InPlace(String),
    #[error("{file}: two experiments are named {experiment}; the ledger tells them apart by name: rename one")]
    Twice { file: String, experiment: String },
    #[error("the lab is not ready yet; see `automap lab status`")]
    NotReady,
    #[error("{ACTIVE_MAX} experiments are in place; wait until one has ended")]
    TooMany,
    #[error("{experiment}: {service} did not take the effect: {problem}")]
    NotTaken { experiment: String, service: &'static str, problem: String },
}

/// An experiment in place.
#[derive(Clone, Debug)]
pub(super) struct Active {
    pub(super) injection: Injection,
    ends: Option<Instant>,
    applied: Vec<Applied>,
    held: Vec<&'static str>,
}

impl Active {
    pub(super) fn status(&self) -> FaultStatus {
        FaultStatus {
            id: self.injection.id.clone(),
            experiment: self.injection.experiment.clone(),
            what: format!("{} {}", self.injection.kind, self.injection.action),
            services: self.injection.targets.iter().map(|t| t.service.clone()).collect(),
            left_s: self.ends.map(|t| t.saturating_duration_since(Instant::now()).as_secs()),
        }
    }
}

/// Puts all experiments of a file in place.
pub(super) async fn inject(shared: &Arc<Shared>, file: &str, yaml: &str) -> Result<Vec<Injection>, InjectError> {
    let planned = plan_all(shared, file, yaml)?;
    let mut injections = Vec::new();
    for (experiment, resolved) in planned {
        let active = put_in_place(shared, &experiment, resolved).await?;
        injections.push(active.injection.clone());
        tokio::spawn(see_through(Arc::clone(shared), active, experiment.duration));
    }
    Ok(injections)
}

/// Checks everything before anything happens.
fn plan_all(shared: &Shared, file: &str, yaml: &str) -> Result<Vec<(Experiment, Resolved)>, InjectError> {
    let experiments = chaos::parse(file, yaml)?;
    let mut world = shared.world();
    if world.phase != Phase::Ready {
        return Err(InjectError::NotReady);
    }
    if world.active.len() + experiments.len() > ACTIVE_MAX {
        return Err(InjectError::TooMany);
    }
    let in_place = |e: &&Experiment| world.active.iter().any(|a| a.injection.experiment == e.name);
    if let Some(twice) = experiments.iter().find(in_place) {
        return Err(InjectError::InPlace(twice.name.clone()));
    }
    let mut planned: Vec<(Experiment, Resolved)> = Vec::new();
    for experiment in experiments {
        if planned.iter().any(|(before, _)| before.name == experiment.name) {
            return Err(InjectError::Twice { file: file.to_owned(), experiment: experiment.name });
        }
        let resolved = experiment.resolve(&mut || world.rng.bits());
        let resolved = resolved.map_err(|source| InjectError::Resolve { file: file.to_owned(), source })?;
        planned.push((experiment, resolved));
    }
    Ok(planned)
}

async fn put_in_place(
    shared: &Arc<Shared>,
    experiment: &Experiment,
    resolved: Resolved,
) -> Result<Active, InjectError> {
    let began = jiff::Timestamp::now();
    let id = format!("{}-{}", experiment.name, began.as_millisecond());
    let mut active = Active {
        injection: injection(&mut shared.world(), id, began, experiment, &resolved),
        ends: experiment.duration.map(|d| Instant::now() + d),
        applied: Vec::new(),
        held: Vec::new(),
    };
    for (n, order) in resolved.orders.into_iter().enumerate() {
        if let Err((service, problem)) = carry_out(shared, &mut active, n, order).await {
            take_back(shared, &active).await;
            return Err(InjectError::NotTaken { experiment: experiment.name.clone(), service, problem });
        }
    }
    let mut world = shared.world();
    append(&mut world, &active.injection);
    world.active.push(active.clone());
    Ok(active)
}

fn injection(
    world: &mut World,
    id: String,
    began: jiff::Timestamp,
    experiment: &Experiment,
    resolved: &Resolved,
) -> Injection {
    let containers = |service: &'static str| match &experiment.fault {
        chaos::Fault::ContainerKill { containers } => containers.iter().cloned().map(Some).collect(),
        chaos::Fault::Application { .. } => vec![Some(service.to_owned())],
        _ => vec![None],
    };
    let mut targets = Vec::new();
    for service in &resolved.targets {
        let pod = world.pod(service).map(|p| p.name.clone()).unwrap_or_default();
        let target = |container| Target { pod: pod.clone(), service: (*service).to_owned(), container };
        targets.extend(containers(service).into_iter().map(target));
    }
    Injection {
        id,
        kind: experiment.kind.to_owned(),
        action: experiment.action.clone(),
        experiment: experiment.name.clone(),
        targets,
        peers: resolved.peers.iter().map(|p| (*p).to_owned()).collect(),
        expected_metric: expected_metric(experiment.kind, &experiment.action).unwrap_or("latency").to_owned(),
        from: format!("{began:.3}"),
        from_ms: began.as_millisecond(),
        to: None,
        to_ms: None,
        spec: experiment.spec.clone(),
    }
}

async fn carry_out(shared: &Shared, active: &mut Active, n: usize, order: Order) -> Result<(), (&'static str, String)> {
    match order {
        Order::Apply { service, effect } => {
            let path = format!("/effects/{}-{n}", active.injection.id);
            let applied = Applied::new(shared, path, service, effect);
            let Some(applied) = applied else { return Err((service, "no such pod".to_owned())) };
            applied.put().await.map_err(|problem| (service, problem))?;
            active.applied.push(applied);
        }
        Order::KillPod { service } => {
            let mut world = shared.world();
            let world = &mut *world;
            if let Some(pod) = world.pods.iter_mut().find(|p| p.component.name == service) {
                pod.replace(&mut world.rng);
            }
        }
        Order::FailPod { service } => {
            active.held.push(service);
            if let Some(pod) = shared.world().pod(service) {
                pod.hold();
            }
        }
        Order::KillContainer { service, container } => {
            if let Some(pod) = shared.world().pod(service) {
                pod.container(&container).kill(None);
            }
        }
    }
    Ok(())
}

/// Waits for the end of an experiment that is in place, and writes it down.
async fn see_through(shared: Arc<Shared>, active: Active, duration: Option<Duration>) {
    match duration {
        Some(duration) => {
            tokio::select! {
                () = tokio::time::sleep(duration) => {}
                () = shared.recover.notified() => {}
            }
            take_back(&shared, &active).await;
        }
        None => wait_ready(&shared, &active).await,
    }
    let mut world = shared.world();
    if let Some(i) = world.active.iter().position(|a| a.injection.id == active.injection.id) {
        let mut injection = world.active.remove(i).injection;
        ledger::end(&mut injection, jiff::Timestamp::now());
        append(&mut world, &injection);
    }
}

async fn take_back(shared: &Shared, active: &Active) {
    for service in &active.held {
        if let Some(pod) = shared.world().pod(service) {
            pod.release();
        }
    }
    for applied in &active.applied {
        if applied.is_there(shared) {
            applied.delete().await;
        }
    }
}

async fn wait_ready(shared: &Shared, active: &Active) {
    let until = Instant::now() + RECOVERY_WITHIN;
    let services: Vec<&str> = active.injection.targets.iter().map(|t| t.service.as_str()).collect();
    loop {
        tokio::time::sleep(RECOVERY_POLL).await;
        let ready = |service: &&str| shared.world().pod(service).is_some_and(|p| p.is_ready());
        if services.iter().all(ready) || Instant::now() > until {
            return;
        }
    }
}

/// A process that was started again lost its effects; those of the pod's network go on.
pub(super) async fn reapply(shared: &Shared, service: &str, sidecar: bool) {
    let lost: Vec<Applied> = {
        let world = shared.world();
        let all = world.active.iter().flat_map(|a| a.applied.iter());
        all.filter(|a| a.service == service && a.sidecar == sidecar && a.outlives_process()).cloned().collect()
    };
    for applied in lost {
        if applied.is_there(shared)
            && let Err(problem) = applied.put().await
        {
            super::log(&format!("effect on {service} is lost after a restart: {problem}"));
        }
    }
}

/// The lab goes down: what is in place ends now.
pub(super) fn end_all(shared: &Shared) {
    let mut world = shared.world();
    world.phase = Phase::Stopping;
    for mut active in std::mem::take(&mut world.active) {
        ledger::end(&mut active.injection, jiff::Timestamp::now());
        append(&mut world, &active.injection);
    }
}

fn append(world: &mut World, injection: &Injection) {
    if let Err(e) = world.ledger.append(injection) {
        super::log(&e.to_string());
    }
}
