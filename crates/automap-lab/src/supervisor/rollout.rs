//! The controllers that bring the pods to the desired state of their Deployments, and publish which pods are ready.
//!
//! They run at every tick of the supervisor: start and stop pods, remove those that have ended, and write the addresses when they change.
//! `deployment` decides the steps; they are carried out here.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::Instant;

use super::deployment::{self, PodState, Step};
use super::lab_state::LabState;
use super::log::log;
use super::pod::{Place, Pod};
use crate::plan::{COMPONENTS, SLOTS, node_of};
use crate::shop::endpoints::Table;

/// One round of all controllers.
pub(super) fn reconcile(state: &mut LabState) {
    drop_those_that_left(state);
    autoscale(state);
    for i in 0..state.deployments.len() {
        let Some(deployment) = state.deployments.get_mut(i) else { return };
        deployment.observe();
        let service = deployment.component.name;
        let (Some(current), replicas) = (deployment.current().cloned(), deployment.replicas) else { continue };
        for step in deployment::next_steps(&current.name, replicas, &states(&state.pods, service)) {
            match step {
                Step::Start => start(state, service),
                Step::Stop(name) => state.pods.iter_mut().filter(|p| p.name == name).for_each(Pod::leave),
            }
        }
    }
}

/// Lets the autoscalers set how many pods are wanted.
fn autoscale(state: &mut LabState) {
    let now = Instant::now();
    for scaler in &mut state.autoscalers {
        let of_service = state.pods.iter().filter(|p| p.component.name == scaler.service && p.leaves.is_none());
        let pods: Vec<&Pod> = of_service.collect();
        let uses: Vec<f64> = pods.iter().filter(|p| p.is_ready()).filter_map(|p| p.app_use_percent()).collect();
        let mean = (!uses.is_empty()).then(|| uses.iter().sum::<f64>() / uses.len() as f64);
        let deployment = state.deployments.iter_mut().find(|d| d.component.name == scaler.service);
        if let (Some(wanted), Some(deployment)) = (scaler.decide(now, pods.len() as u32, mean), deployment)
            && let Err(problem) = deployment.scale(wanted)
        {
            log(&format!("the autoscaler of {}: {problem}", scaler.service));
        }
    }
}

/// Whether the pods of a service match the desired state of its Deployment.
pub(super) fn is_settled(state: &LabState, service: &str) -> bool {
    let Some(deployment) = state.deployments.iter().find(|d| d.component.name == service) else { return true };
    let current = deployment.current().map(|r| r.name.as_str()).unwrap_or_default();
    let pods = states(&state.pods, service);
    pods.len() == deployment.replicas as usize && pods.iter().all(|p| p.replica_set == current && !p.is_leaving)
}

/// The pods of a service, in the order of their start.
pub(super) fn states(pods: &[Pod], service: &str) -> Vec<PodState> {
    pods.iter().filter(|p| p.component.name == service).map(Pod::state).collect()
}

fn start(state: &mut LabState, service: &str) {
    let Some(deployment) = state.deployments.iter().find(|d| d.component.name == service) else { return };
    let (Some(version), component) = (deployment.current().cloned(), deployment.component) else { return };
    let of_service = || state.pods.iter().filter(|p| p.component.name == service);
    let Some(slot) = (0..SLOTS).find(|slot| of_service().all(|p| p.place.slot != *slot)) else { return };
    let of_version = states(&state.pods, service).iter().filter(|p| p.replica_set == version.name).count();
    let place = Place { slot, node: node_of(component, of_version) };
    let pod = Pod::scheduled(component, &version, place, &mut state.rng);
    // Pods are ordered by service, and so are status and metrics.
    let order = |p: &Pod| COMPONENTS.iter().position(|c| c.name == p.component.name);
    let at = state.pods.iter().position(|p| order(p) > order(&pod)).unwrap_or(state.pods.len());
    state.pods.insert(at, pod);
}

fn drop_those_that_left(state: &mut LabState) {
    let now = Instant::now();
    let gone = |p: &Pod| p.leaves.is_some_and(|at| at <= now);
    state.pods.iter_mut().filter(|p| gone(p)).for_each(Pod::take_down);
    state.pods.retain(|p| !gone(p));
}

/// The addresses of every service: its ready pods or, if none is ready, those that may become so, which refuse connections.
pub(super) fn endpoints(pods: &[Pod]) -> Table {
    let mut table: BTreeMap<String, Vec<Ipv4Addr>> =
        COMPONENTS.iter().map(|c| (c.name.to_owned(), Vec::new())).collect();
    for is_ready in [true, false] {
        for (service, addresses) in &mut table {
            if addresses.is_empty() {
                let of_service = pods.iter().filter(|p| p.component.name == service && p.leaves.is_none());
                addresses.extend(of_service.filter(|p| p.is_ready() == is_ready).map(Pod::ip));
            }
        }
    }
    table
}
