//! Turns an experiment into a plan: the pods that are hit, and what is done to each of them.
//!
//! Reports at this point problems that a cluster would notice only during injection, such as a volume that the pod does not have.

use super::experiment::{Direction, Experiment, Fault, Peer};
use super::pick;
use crate::change::Change;
use crate::effect::Effect;
use crate::plan::{self, Component, SIDECAR};
use crate::surroundings::Place;

/// What is done to one component's pod.
#[derive(Clone, Debug, PartialEq)]
pub enum InjectionStep {
    /// An effect in one of its two processes, until the experiment ends.
    Apply {
        /// The component.
        service: &'static str,
        /// What to apply.
        effect: Effect,
    },
    /// An effect beside the shop, until the experiment ends.
    ApplyBeside {
        /// Where.
        place: Place,
        /// What to apply.
        effect: Effect,
    },
    /// Kill both processes; a new pod takes over.
    KillPod {
        /// The component.
        service: &'static str,
    },
    /// Keep both processes down until the experiment ends.
    FailPod {
        /// The component.
        service: &'static str,
    },
    /// Kill one container's process.
    KillContainer {
        /// The component.
        service: &'static str,
        /// The container.
        container: String,
    },
    /// Change a component's desired state.
    Change {
        /// The component.
        service: &'static str,
        /// The change.
        change: Change,
    },
}

/// The pods that are hit, and how.
#[derive(Clone, Debug, PartialEq)]
pub struct InjectionPlan {
    /// The components chosen by selector and mode. They are the root cause.
    pub targets: Vec<&'static str>,
    /// The other ends of a network fault; empty means every peer.
    pub peers: Vec<&'static str>,
    /// One step for each pod and effect.
    pub steps: Vec<InjectionStep>,
}

/// Why an experiment would have no effect.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum PlanError {
    /// The selector matches nothing.
    #[error(
        "{experiment}: {field} matches no pod, so nothing would be injected; the shop's pods live in namespace \
         sock-shop and carry the label name=<service>"
    )]
    NoPod {
        /// Name of the experiment.
        experiment: String,
        /// The selector's path.
        field: &'static str,
    },
    /// The mode rounds down to no pod at all.
    #[error("{experiment}: the mode selects none of {available} pods, so nothing would be injected")]
    NoneChosen {
        /// Name of the experiment.
        experiment: String,
        /// How many pods match.
        available: usize,
    },
    /// The target lacks what the fault needs.
    #[error("{experiment}: {problem}")]
    Impossible {
        /// Name of the experiment.
        experiment: String,
        /// What is missing.
        problem: String,
    },
}

/// Mount paths of the stores' and the broker's volumes, as in the original images.
const VOLUMES: [(&str, &str); 6] = [
    ("carts-db", "/data/db"),
    ("catalogue-db", "/var/lib/mysql"),
    ("orders-db", "/data/db"),
    ("rabbitmq", "/var/lib/rabbitmq"),
    ("session-db", "/data"),
    ("user-db", "/data/db"),
];

impl Experiment {
    /// Chooses the pods and lists the steps of the injection. `random` decides where the mode leaves a choice.
    ///
    /// # Errors
    /// When nothing would be injected. On a cluster, such an experiment runs without any effect or message.
    pub fn plan_injection(&self, random: &mut impl FnMut() -> u64) -> Result<InjectionPlan, PlanError> {
        if let Fault::Placed { effects } = &self.fault {
            return Ok(placed(effects));
        }
        let own = Peer { selector: self.selector.clone(), mode: self.mode };
        let targets = self.pick(&own, "spec.selector", random)?;
        let mut peers = Vec::new();
        if let Fault::Network { target: Some(target), .. } = &self.fault {
            peers = self.pick(target, "spec.target.selector", random)?;
        }
        let names = |components: &[&'static Component]| components.iter().map(|c| c.name).collect::<Vec<_>>();
        let (target_names, peer_names) = (names(&targets), names(&peers));
        let steps = self.steps(&targets, &target_names, &peer_names)?;
        Ok(InjectionPlan { targets: target_names, peers: peer_names, steps })
    }

    fn pick(
        &self,
        peer: &Peer,
        field: &'static str,
        random: &mut impl FnMut() -> u64,
    ) -> Result<Vec<&'static Component>, PlanError> {
        let matching = pick::matching(&peer.selector);
        if matching.is_empty() {
            return Err(PlanError::NoPod { experiment: self.name.clone(), field });
        }
        let picked = pick::choose(&matching, peer.mode, random);
        if picked.is_empty() {
            return Err(PlanError::NoneChosen { experiment: self.name.clone(), available: matching.len() });
        }
        Ok(picked)
    }

    fn steps(
        &self,
        targets: &[&'static Component],
        target_names: &[&'static str],
        peer_names: &[&'static str],
    ) -> Result<Vec<InjectionStep>, PlanError> {
        let mut steps = Vec::new();
        match &self.fault {
            Fault::Network { effect, direction, .. } => {
                if *direction != Direction::From {
                    steps.extend(network_steps(effect, target_names, peer_names));
                }
                if *direction != Direction::To {
                    steps.extend(network_steps(effect, peer_names, target_names));
                }
            }
            Fault::Placed { effects } => steps.extend(placed(effects).steps),
            Fault::PodKill => steps.extend(target_names.iter().map(|service| InjectionStep::KillPod { service })),
            Fault::PodFailure => steps.extend(target_names.iter().map(|service| InjectionStep::FailPod { service })),
            Fault::ContainerKill { containers } => {
                for target in targets {
                    steps.extend(self.container_kills(target, containers)?);
                }
            }
            Fault::Change { change } if matches!(change, Change::NodeLoad(_)) => {
                // A single load, no matter how many pods are on the node.
                steps
                    .extend(target_names.first().map(|s| InjectionStep::Change { service: s, change: change.clone() }));
            }
            Fault::Change { change } => {
                steps.extend(
                    target_names.iter().map(|service| InjectionStep::Change { service, change: change.clone() }),
                );
            }
            Fault::Application { effects } => {
                for target in targets {
                    self.check_application(target, effects)?;
                    steps.extend(
                        effects.iter().map(|e| InjectionStep::Apply { service: target.name, effect: e.clone() }),
                    );
                }
            }
        }
        Ok(steps)
    }

    fn container_kills(&self, target: &Component, containers: &[String]) -> Result<Vec<InjectionStep>, PlanError> {
        let Some(target) = plan::component(target.name) else { return Ok(Vec::new()) };
        match containers.iter().find(|c| *c != target.name && *c != SIDECAR) {
            Some(other) => Err(self.impossible(format!(
                "pod {} has no container {other:?}; its containers are {} and {}",
                target.name, target.name, SIDECAR
            ))),
            None => {
                let kill = |c: &String| InjectionStep::KillContainer { service: target.name, container: c.clone() };
                Ok(containers.iter().map(kill).collect())
            }
        }
    }

    /// Checks for problems that a cluster would notice only during the injection.
    fn check_application(&self, target: &Component, effects: &[Effect]) -> Result<(), PlanError> {
        let field = |key: &str| self.spec.get(key);
        let named =
            field("containerNames").and_then(|v| v.as_array()).map(|list| list.iter().any(|c| c == target.name));
        if named == Some(false) {
            return Err(self.impossible(format!(
                "containerNames does not name the container {} of pod {}",
                target.name, target.name
            )));
        }
        for effect in effects {
            match effect {
                Effect::IoLatency { .. } => {
                    let path = field("volumePath").and_then(|v| v.as_str()).unwrap_or_default();
                    self.check_volume(target, path.trim_end_matches('/'))?;
                }
                Effect::HttpAbort { .. } | Effect::HttpDelay { .. } => {
                    let port = field("port").and_then(serde_json::Value::as_u64);
                    let http = target.role == plan::Role::Service;
                    if !http || port != Some(u64::from(target.service_port)) {
                        let what =
                            if http { format!("on port {}", target.service_port) } else { "not at all".to_owned() };
                        return Err(self.impossible(format!("{} serves HTTP {what}", target.name)));
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn check_volume(&self, target: &Component, path: &str) -> Result<(), PlanError> {
        match VOLUMES.iter().find(|(name, _)| *name == target.name) {
            Some((_, volume)) if *volume == path => Ok(()),
            Some((_, volume)) => {
                Err(self.impossible(format!("{} has no volume at {path}; its volume is {volume}", target.name)))
            }
            None => Err(self.impossible(format!(
                "{} has no volume; pods with one: {}",
                target.name,
                VOLUMES.map(|(n, _)| n).join(", ")
            ))),
        }
    }

    fn impossible(&self, problem: String) -> PlanError {
        PlanError::Impossible { experiment: self.name.clone(), problem }
    }
}

/// The first place is the one that is hit; only a service of the shop is a target.
fn placed(effects: &[(Place, Effect)]) -> InjectionPlan {
    let target = effects.first().and_then(|(place, _)| if let Place::Service(s) = place { Some(*s) } else { None });
    let step = |(place, effect): &(Place, Effect)| match place {
        Place::Service(service) => InjectionStep::Apply { service, effect: effect.clone() },
        place => InjectionStep::ApplyBeside { place: *place, effect: effect.clone() },
    };
    InjectionPlan {
        targets: target.into_iter().collect(),
        peers: Vec::new(),
        steps: effects.iter().map(step).collect(),
    }
}

fn network_steps(effect: &Effect, from: &[&'static str], to: &[&'static str]) -> Vec<InjectionStep> {
    let peers = (!to.is_empty()).then(|| to.iter().map(|s| (*s).to_owned()).collect());
    from.iter().map(|service| InjectionStep::Apply { service, effect: with_peers(effect.clone(), &peers) }).collect()
}

fn with_peers(mut effect: Effect, only: &Option<Vec<String>>) -> Effect {
    match &mut effect {
        Effect::NetworkDelay { peers, .. }
        | Effect::NetworkLoss { peers, .. }
        | Effect::NetworkPartition { peers }
        | Effect::NetworkBandwidth { peers, .. } => peers.clone_from(only),
        _ => {}
    }
    effect
}
