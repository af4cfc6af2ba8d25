//! A Deployment: which version of a service should run, how many pods of it, and the ReplicaSets of all versions so far.
//!
//! As in Kubernetes, a change alters only the desired state; [`next_steps`] lists the steps that bring the pods there, one at a time and without a
//! moment in which fewer pods are ready than wanted (`maxSurge: 1`, `maxUnavailable: 0`). ReplicaSets of former versions stay with no pods, so that a
//! roll-back can use them again. Left out: progress deadlines (a version that never gets ready waits forever) and pausing.

use super::container::seconds_since_1970;
use super::{images, names};
use crate::behaviour::Behaviour;
use crate::kubelet::{DeploymentReading, ReplicaSetReading};
use crate::plan::{Component, MAX_REPLICAS};
use crate::stores::Stores;
use automap_core::random::Rng;

/// `revisionHistoryLimit` of every Deployment, minus the one in use.
const OLD_REPLICA_SETS_MAX: usize = 10;

/// One version of a Deployment's pods.
#[derive(Clone, Debug)]
pub(super) struct ReplicaSet {
    pub(super) name: String,
    pub(super) created_s: f64,
    /// Incremented by every roll-out and roll-back.
    revision: u64,
    /// The tag of the image.
    pub(super) version: String,
    pub(super) image: String,
    pub(super) behaviour: Behaviour,
}

/// Why the desired state cannot be changed in this way.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(super) enum DeploymentError {
    #[error("{service} runs {version} already; a release needs another version")]
    SameVersion { service: &'static str, version: String },
    #[error("{service} has no earlier version to go back to; `automap lab release {service} --version v2` makes one")]
    NoEarlierVersion { service: &'static str },
    #[error(
        "{service} keeps its records in its pod, and a second pod would have others; the lab releases and scales services only"
    )]
    Stateful { service: &'static str },
    #[error("{replicas} pods of {service} are too many; the lab has room for 0 to {MAX_REPLICAS}")]
    TooMany { service: &'static str, replicas: u32 },
    #[error("{version:?} is no version; use letters, digits, dots, dashes and underscores, at most 128")]
    BadVersion { version: String },
}

/// A Deployment with the history of its versions.
#[derive(Debug)]
pub(super) struct Deployment {
    pub(super) component: &'static Component,
    pub(super) replicas: u32,
    created_s: f64,
    generation: u64,
    observed_generation: u64,
    /// The one in use is last; a roll-back moves an earlier one to the end.
    replica_sets: Vec<ReplicaSet>,
}

impl Deployment {
    pub(super) fn new(component: &'static Component, stores: Stores, rng: &mut Rng) -> Self {
        let now = seconds_since_1970();
        let image = stores.server(component.name).map_or_else(|| images::original(component.name), images::of_server);
        let version = image.rsplit_once(':').map(|(_, tag)| tag.to_owned()).unwrap_or_default();
        let name = names::replica_set(component.name, rng);
        let first = ReplicaSet { name, created_s: now, revision: 1, version, image, behaviour: Behaviour::default() };
        let replica_sets = vec![first];
        Self { component, replicas: 1, created_s: now, generation: 1, observed_generation: 1, replica_sets }
    }

    /// The ReplicaSet whose pods should run.
    pub(super) fn current(&self) -> Option<&ReplicaSet> {
        self.replica_sets.last()
    }

    /// Switches to another version.
    pub(super) fn release(
        &mut self,
        version: &str,
        behaviour: Behaviour,
        rng: &mut Rng,
    ) -> Result<(), DeploymentError> {
        let service = self.component.name;
        self.check_stateless()?;
        if !is_tag(version) {
            return Err(DeploymentError::BadVersion { version: version.to_owned() });
        }
        if self.current().is_some_and(|r| r.version == version) {
            return Err(DeploymentError::SameVersion { service, version: version.to_owned() });
        }
        let image = images::of_version(service, version);
        let revision = self.next_revision();
        // The same template gives the same ReplicaSet, as in Kubernetes.
        let again = self.replica_sets.iter().position(|r| r.version == version && r.behaviour == behaviour);
        let mut next = match again {
            Some(i) => self.replica_sets.remove(i),
            None => ReplicaSet {
                name: names::replica_set(service, rng),
                created_s: seconds_since_1970(),
                revision,
                version: version.to_owned(),
                image,
                behaviour,
            },
        };
        next.revision = revision;
        self.replica_sets.push(next);
        let surplus = self.replica_sets.len().saturating_sub(OLD_REPLICA_SETS_MAX + 1);
        self.replica_sets.drain(..surplus);
        self.generation += 1;
        Ok(())
    }

    /// Switches back to the version before this one. Returns its tag.
    pub(super) fn roll_back(&mut self) -> Result<String, DeploymentError> {
        let service = self.component.name;
        let former = self.replica_sets.len().checked_sub(2).ok_or(DeploymentError::NoEarlierVersion { service })?;
        let mut back = self.replica_sets.remove(former);
        back.revision = self.next_revision();
        let version = back.version.clone();
        self.replica_sets.push(back);
        self.generation += 1;
        Ok(version)
    }

    /// Sets the number of pods. Returns the previous number.
    pub(super) fn scale(&mut self, replicas: u32) -> Result<u32, DeploymentError> {
        let service = self.component.name;
        if replicas > MAX_REPLICAS {
            return Err(DeploymentError::TooMany { service, replicas });
        }
        if replicas > 1 {
            self.check_stateless()?;
        }
        let before = self.replicas;
        if before != replicas {
            self.replicas = replicas;
            self.generation += 1;
        }
        Ok(before)
    }

    /// Marks the desired state as observed by the controller.
    pub(super) fn observe(&mut self) {
        self.observed_generation = self.generation;
    }

    fn check_stateless(&self) -> Result<(), DeploymentError> {
        let stateful = self.component.role != crate::plan::Role::Service;
        if stateful { Err(DeploymentError::Stateful { service: self.component.name }) } else { Ok(()) }
    }

    fn next_revision(&self) -> u64 {
        self.replica_sets.iter().map(|r| r.revision).max().unwrap_or_default() + 1
    }

    /// What kube-state-metrics reports about it, given its pods.
    pub(super) fn reading(&self, pods: &[PodState]) -> DeploymentReading {
        let current = self.current().map(|r| r.name.as_str()).unwrap_or_default();
        let of = |name: &str| pods.iter().filter(|p| !p.is_leaving && p.replica_set == name).count() as u32;
        let has_old = pods.iter().any(|p| !p.is_leaving && p.replica_set != current);
        let replica_set = |r: &ReplicaSet| ReplicaSetReading {
            name: r.name.clone(),
            created_s: r.created_s,
            replicas: if r.name == current && !has_old { self.replicas } else { of(&r.name) },
        };
        DeploymentReading {
            name: self.component.name.to_owned(),
            created_s: self.created_s,
            generation: self.generation,
            observed_generation: self.observed_generation,
            replicas: self.replicas,
            replicas_updated: of(current),
            replicas_present: pods.iter().filter(|p| !p.is_leaving).count() as u32,
            replicas_available: pods.iter().filter(|p| !p.is_leaving && p.is_ready).count() as u32,
            replica_sets: self.replica_sets.iter().map(replica_set).collect(),
        }
    }
}

/// Whether this is a valid tag of a container image.
fn is_tag(version: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'.' || b == b'-' || b == b'_';
    (1..=128).contains(&version.len()) && version.bytes().all(plain) && !version.starts_with(['.', '-'])
}

/// A pod as its Deployment sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PodState {
    pub(super) name: String,
    pub(super) replica_set: String,
    pub(super) is_ready: bool,
    /// Terminating: it gets no new requests and ends soon.
    pub(super) is_leaving: bool,
}

/// What the controller does next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Start a pod of the current ReplicaSet.
    Start,
    /// Stop a pod.
    Stop(String),
}

/// The steps towards the desired state; empty when it is reached or a pod must get ready first.
///
/// Example for one wanted pod and a new version: start the new pod (two then), wait until it is ready, stop the old one.
pub(super) fn next_steps(current: &str, replicas: u32, pods: &[PodState]) -> Vec<Step> {
    let wanted = replicas as usize;
    let (new, old): (Vec<&PodState>, Vec<&PodState>) =
        pods.iter().filter(|p| !p.is_leaving).partition(|p| p.replica_set == current);
    let surge = if old.is_empty() { 0 } else { 1 };
    let mut steps = Vec::new();
    let room = (wanted + surge).saturating_sub(new.len() + old.len());
    let missing = wanted.saturating_sub(new.len());
    steps.extend(std::iter::repeat_n(Step::Start, room.min(missing)));
    let mut ready = new.iter().chain(&old).filter(|p| p.is_ready).count();
    for pod in &old {
        if !pod.is_ready || ready > wanted {
            ready -= usize::from(pod.is_ready);
            steps.push(Step::Stop(pod.name.clone()));
        }
    }
    if old.is_empty() && new.len() > wanted {
        let mut surplus = new.clone();
        // The youngest are stopped first, and those that are not ready before all others.
        surplus.reverse();
        surplus.sort_by_key(|p| p.is_ready);
        steps.extend(surplus.iter().take(new.len() - wanted).map(|p| Step::Stop(p.name.clone())));
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::component;

    fn pod(name: &str, replica_set: &str, is_ready: bool) -> PodState {
        PodState { name: name.to_owned(), replica_set: replica_set.to_owned(), is_ready, is_leaving: false }
    }

    fn stop(name: &str) -> Step {
        Step::Stop(name.to_owned())
    }

    #[test]
    fn the_old_pod_goes_when_the_new_one_is_ready() {
        let (old, starting, ready) = (pod("a", "v1", true), pod("b", "v2", false), pod("b", "v2", true));
        assert_eq!(next_steps("v1", 1, std::slice::from_ref(&old)), []);
        assert_eq!(next_steps("v2", 1, std::slice::from_ref(&old)), [Step::Start]);
        assert_eq!(next_steps("v2", 1, &[old.clone(), starting]), []);
        assert_eq!(next_steps("v2", 1, &[old.clone(), ready.clone()]), [stop("a")]);
        let leaving = PodState { is_leaving: true, ..old };
        assert_eq!(next_steps("v2", 1, &[leaving, ready]), []);
    }

    #[test]
    fn several_pods_are_replaced_one_after_the_other() {
        let v1 = |n: &str| pod(n, "v1", true);
        let v2 = |n: &str, ready| pod(n, "v2", ready);
        assert_eq!(next_steps("v2", 2, &[v1("a"), v1("b")]), [Step::Start]);
        assert_eq!(next_steps("v2", 2, &[v1("a"), v1("b"), v2("c", true)]), [stop("a")]);
        assert_eq!(next_steps("v2", 2, &[v1("b"), v2("c", true)]), [Step::Start]);
        assert_eq!(next_steps("v2", 2, &[v1("b"), v2("c", true), v2("d", false)]), []);
        assert_eq!(next_steps("v2", 2, &[v1("b"), v2("c", true), v2("d", true)]), [stop("b")]);
        let broken = pod("b", "v1", false);
        assert_eq!(next_steps("v2", 1, &[broken]), [Step::Start, stop("b")], "nobody misses a pod that is not ready");
    }

    #[test]
    fn scaling_starts_all_at_once_and_stops_the_youngest() {
        let one = [pod("a", "v1", true)];
        assert_eq!(next_steps("v1", 3, &one), [Step::Start, Step::Start]);
        let three = [pod("a", "v1", true), pod("b", "v1", false), pod("c", "v1", true)];
        assert_eq!(next_steps("v1", 1, &three), [stop("b"), stop("c")]);
        assert_eq!(next_steps("v1", 0, &one), [stop("a")]);
    }

    #[test]
    fn a_roll_back_uses_the_replica_set_of_before_and_scaling_does_not_touch_it() {
        let mut rng = Rng::new(1);
        let mut orders = Deployment::new(component("orders").unwrap(), Stores::StandIn, &mut rng);
        let first = orders.current().unwrap().clone();
        assert_eq!(orders.roll_back(), Err(DeploymentError::NoEarlierVersion { service: "orders" }));
        let slow = Behaviour { slow_ms: 200.0, ..Behaviour::default() };
        orders.release("v2", slow, &mut rng).unwrap();
        let second = orders.current().unwrap().clone();
        assert_ne!(second.name, first.name);
        assert_eq!((second.image.as_str(), second.behaviour), ("docker.io/weaveworksdemos/orders:v2", slow));
        assert!(orders.release("v2", slow, &mut rng).is_err());

        let pods = [pod("a", &first.name, true), pod("b", &second.name, false)];
        let reading = orders.reading(&pods);
        assert_eq!((reading.generation, reading.observed_generation, reading.replicas_updated), (2, 1, 1));
        let replicas: Vec<u32> = reading.replica_sets.iter().map(|r| r.replicas).collect();
        assert_eq!(replicas, [1, 1], "both while the new one starts");

        assert_eq!(orders.roll_back().unwrap(), first.version);
        assert_eq!(orders.current().unwrap().name, first.name);
        assert_eq!(orders.scale(2), Ok(1));
        orders.observe();
        let reading = orders.reading(&[pod("c", &first.name, true)]);
        assert_eq!((reading.generation, reading.observed_generation), (4, 4));
        let replicas = |name: &str| reading.replica_sets.iter().find(|r| r.name == name).map(|r| r.replicas);
        assert_eq!((replicas(&first.name), replicas(&second.name)), (Some(2), Some(0)));
    }

    #[test]
    fn stores_and_odd_versions_are_refused() {
        let mut rng = Rng::new(1);
        let mut store = Deployment::new(component("carts-db").unwrap(), Stores::StandIn, &mut rng);
        let stateful = DeploymentError::Stateful { service: "carts-db" };
        assert_eq!(store.release("v2", Behaviour::default(), &mut rng).unwrap_err(), stateful);
        assert_eq!(store.scale(2).unwrap_err(), stateful);
        let mut user = Deployment::new(component("user").unwrap(), Stores::StandIn, &mut rng);
        assert!(matches!(user.release("v 2", Behaviour::default(), &mut rng), Err(DeploymentError::BadVersion { .. })));
        assert!(matches!(user.scale(MAX_REPLICAS + 1), Err(DeploymentError::TooMany { .. })));
    }
}
