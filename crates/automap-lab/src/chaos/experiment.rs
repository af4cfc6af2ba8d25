//! The data of a checked experiment. Everything in it is supported by the lab.

use std::time::Duration;

use automap_chaos::injection::Role;

use crate::change::Change;
use crate::effect::Effect;
use crate::plan::GATEWAY;
use crate::surroundings::{Place, Surroundings};

/// One experiment, complete and supported.
#[derive(Clone, Debug, PartialEq)]
pub struct Experiment {
    /// `NetworkChaos`, `StressChaos`, …
    pub kind: &'static str,
    /// `delay`, `pod-kill`, …; for kinds without an action the stressor or fault in use (`cpu`, `abort`).
    pub action: String,
    /// `metadata.name`.
    pub name: String,
    /// Selects the pods.
    pub selector: Selector,
    /// How many of them.
    pub mode: Mode,
    /// Duration; `None` only for one-shot faults.
    pub duration: Option<Duration>,
    /// The fault.
    pub fault: Fault,
    /// Its role in the incident to be diagnosed.
    pub role: Role,
    /// The `spec` as it was in the file, for the ledger.
    pub spec: serde_json::Value,
}

impl Experiment {
    /// The true cause below or beside the services, if there is one: its name and kind in an answer, and another name that also counts: the node that
    /// a neighbour uses up, the service behind the gateway that more users come through, the consumer that stopped reading its queue.
    pub fn beneath(&self) -> Option<(String, &'static str, Option<String>)> {
        match &self.fault {
            Fault::Change { change: Change::NodeLoad(load) } => {
                let node = format!("node/{}", load.node);
                Some(match &load.pod {
                    Some(pod) => (format!("{}/{}", pod.namespace, pod.name), "neighbour", Some(node)),
                    None => (node, "node", None),
                })
            }
            Fault::Change { change: Change::Traffic { .. } } => {
                let entrance = GATEWAY.calls.first().map(|callee| (*callee).to_owned());
                Some((Place::Gateway.answer_name(), Place::Gateway.entity_kind(), entrance))
            }
            Fault::Placed { effects } => {
                let (place, effect) = effects.first()?;
                match (place, effect) {
                    // A stopped consumer shows at its queue, in the broker.
                    (Place::Service(consumer), Effect::ConsumerStop) => {
                        Some(("rabbitmq".to_owned(), "broker", Some((*consumer).to_owned())))
                    }
                    (Place::Service(_), _) => None,
                    (place, _) => Some((place.answer_name(), place.entity_kind(), None)),
                }
            }
            _ => None,
        }
    }

    /// The parts beside the shop that a lab needs for it.
    pub fn needs(&self) -> Surroundings {
        let Fault::Placed { effects } = &self.fault else { return Surroundings::default() };
        effects.iter().map(|(place, _)| place.needs()).fold(Surroundings::default(), Surroundings::and)
    }
}

/// What happens to the selected pods.
#[derive(Clone, Debug, PartialEq)]
pub enum Fault {
    /// Packets that leave a pod are delayed, lost, cut off or throttled.
    Network {
        /// What happens to the packets. Its `peers` are set when the pods are known.
        effect: Effect,
        /// Which outgoing packets are affected: those of the selected pods (`to`), of the target (`from`), or both.
        direction: Direction,
        /// The other end; `None` means every peer.
        target: Option<Peer>,
    },
    /// Effects in the application's process.
    Application {
        /// What to apply.
        effects: Vec<Effect>,
    },
    /// Both processes are killed and a new pod takes over.
    PodKill,
    /// Both processes are down for the duration.
    PodFailure,
    /// One container's process is killed; the pod stays.
    ContainerKill {
        /// Container names.
        containers: Vec<String>,
    },
    /// Effects at fixed places, which depend on the kind.
    Placed {
        /// What to apply, and where; the first is the true cause.
        effects: Vec<(Place, Effect)>,
    },
    /// An operator changes something.
    Change {
        /// The change.
        change: Change,
    },
}

impl Fault {
    /// Whether it has no duration and ends when the killed pod is ready again.
    pub fn is_one_shot(&self) -> bool {
        matches!(self, Self::PodKill | Self::ContainerKill { .. })
    }
}

/// The other end of a network fault.
#[derive(Clone, Debug, PartialEq)]
pub struct Peer {
    /// Selects the pods.
    pub selector: Selector,
    /// How many of them.
    pub mode: Mode,
}

/// The direction of the affected packets, from the point of view of the selected pods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the selected pods to the target.
    To,
    /// From the target to the selected pods.
    From,
    /// Both ways.
    Both,
}

/// Which pods an experiment may hit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selector {
    /// Namespaces; empty: the experiment's own.
    pub namespaces: Vec<String>,
    /// Labels that must all match, as `(key, value)`.
    pub labels: Vec<(String, String)>,
}

/// How many of the pods that match are hit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Mode {
    /// One, at random.
    One,
    /// All.
    All,
    /// This many, at random.
    Fixed(usize),
    /// This share, rounded down.
    FixedPercent(f64),
    /// A random share up to this one, rounded down.
    RandomMaxPercent(f64),
}
