//! Injected faults: the kind, the place, the strength and the time; and the name of the truth in a ledger.
//!
//! A fault changes what a service, a node or the users do ([`Effect`]); the metrics follow from the queues. Strengths are drawn relative to the place
//! (a delay as a multiple of the service's usual time), so that some faults are obvious and some are hardly felt: whether users felt one is measured,
//! not assumed.

use automap_chaos::injection::Role;
use automap_core::entity::EntityKind;
use automap_core::random::Rng;

use crate::chance::between;
use crate::plan::Plan;

/// What the fault is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Another process in the pod takes its CPUs.
    Cpu,
    /// Memory grows until the container is killed.
    Memory,
    /// The pod is killed once.
    Kill,
    /// The pod is down.
    Outage,
    /// Its packets are delayed.
    Delay,
    /// Its packets are lost.
    Loss,
    /// It is unreachable.
    Partition,
    /// Every request takes longer.
    SlowCode,
    /// Requests fail.
    Errors,
    /// A new version is slow.
    ReleaseSlow,
    /// A new version fails.
    ReleaseFail,
    /// A setting makes it time out its calls too early.
    ConfigTimeout,
    /// Its cache is emptied.
    CacheCold,
    /// A transaction holds a lock that many commands need.
    Lock,
    /// Another client holds nearly all connections.
    Connections,
    /// It takes no messages from its broker.
    ConsumerStop,
    /// Processes outside the pods take a node's CPUs.
    NodeCpu,
    /// Processes outside the pods keep a node's disk busy.
    NodeDisk,
    /// More users come.
    Traffic,
    /// A new version with the same behaviour.
    ReleaseHarmless,
    /// One pod more than is needed.
    ScaledUp,
}

/// The place of a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// At a service, by index.
    Service(usize),
    /// At a node, by index.
    Node(usize),
}

/// A fault.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fault {
    /// Its kind.
    pub kind: Kind,
    /// Its place.
    pub place: Place,
    /// 0 is hardly felt, 1 is obvious.
    pub strength: f64,
    /// Start, in seconds since the start of the recording.
    pub from_s: f64,
    /// End.
    pub to_s: f64,
}

/// The effect of active faults on a service.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Effect {
    /// Additional threads in the pod that want a CPU.
    pub(crate) hogs: f64,
    /// Factor on the CPU time of a request.
    pub(crate) work: f64,
    /// Additional time of a request without a CPU, in ms.
    pub(crate) extra_ms: f64,
    /// Share of requests that fail at once.
    pub(crate) fails: f64,
    /// Added to each direction, in ms.
    pub(crate) delay_ms: f64,
    /// Share of packets that are lost.
    pub(crate) loss: f64,
    /// Whether nothing gets through.
    pub(crate) is_cut_off: bool,
    /// Factor on the timeouts of its calls.
    pub(crate) timeout: f64,
    /// Memory that is not freed, in MiB a second.
    pub(crate) leak_mib_per_s: f64,
    /// Share of its requests that need a lock, and how long it is held, in ms.
    pub(crate) lock: (f64, f64),
    /// Share of its workers held by another client.
    pub(crate) taken: f64,
    /// Share of its cache's content that is gone.
    pub(crate) cold: f64,
    /// Whether it takes no messages.
    pub(crate) is_idle: bool,
}

impl Effect {
    /// No effect.
    pub(crate) const NONE: Self = Self {
        hogs: 0.0,
        work: 1.0,
        extra_ms: 0.0,
        fails: 0.0,
        delay_ms: 0.0,
        loss: 0.0,
        is_cut_off: false,
        timeout: 1.0,
        leak_mib_per_s: 0.0,
        lock: (0.0, 0.0),
        taken: 0.0,
        cold: 0.0,
        is_idle: false,
    };
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 21] = [
        Self::Cpu,
        Self::Memory,
        Self::Kill,
        Self::Outage,
        Self::Delay,
        Self::Loss,
        Self::Partition,
        Self::SlowCode,
        Self::Errors,
        Self::ReleaseSlow,
        Self::ReleaseFail,
        Self::ConfigTimeout,
        Self::CacheCold,
        Self::Lock,
        Self::Connections,
        Self::ConsumerStop,
        Self::NodeCpu,
        Self::NodeDisk,
        Self::Traffic,
        Self::ReleaseHarmless,
        Self::ScaledUp,
    ];
    /// Kinds that do no harm.
    pub const DECOYS: [Self; 2] = [Self::ReleaseHarmless, Self::ScaledUp];

    /// Kind and action in the ledger's terms.
    pub fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Cpu => ("StressChaos", "cpu"),
            Self::Memory => ("StressChaos", "memory"),
            Self::Kill => ("PodChaos", "pod-kill"),
            Self::Outage => ("PodChaos", "pod-failure"),
            Self::Delay => ("NetworkChaos", "delay"),
            Self::Loss => ("NetworkChaos", "loss"),
            Self::Partition => ("NetworkChaos", "partition"),
            Self::SlowCode => ("HTTPChaos", "delay"),
            Self::Errors => ("HTTPChaos", "abort"),
            Self::ReleaseSlow => ("Release", "slow"),
            Self::ReleaseFail => ("Release", "fail"),
            Self::ConfigTimeout => ("ConfigChange", "settings"),
            Self::CacheCold => ("CacheFlush", "flush"),
            Self::Lock => ("StoreLock", "lock"),
            Self::Connections => ("StoreConnections", "connections"),
            Self::ConsumerStop => ("ConsumerStop", "stop"),
            Self::NodeCpu => ("NodeStress", "cpu"),
            Self::NodeDisk => ("NodeStress", "disk"),
            Self::Traffic => ("Traffic", "surge"),
            Self::ReleaseHarmless => ("Release", "harmless"),
            Self::ScaledUp => ("Scale", "up"),
        }
    }

    /// Whether it should be found, or does no harm.
    pub fn role(self) -> Role {
        if Self::DECOYS.contains(&self) { Role::Decoy } else { Role::Cause }
    }

    /// Whether it should be found.
    pub fn is_cause(self) -> bool {
        self.role() == Role::Cause
    }

    /// Whether it is a change such as operators make.
    pub fn is_change(self) -> bool {
        self.is_release() || matches!(self, Self::ConfigTimeout | Self::ScaledUp)
    }

    /// Whether it deploys another version.
    pub fn is_release(self) -> bool {
        matches!(self, Self::ReleaseSlow | Self::ReleaseFail | Self::ReleaseHarmless)
    }

    /// Possible places: services by index, if a user's request visits them.
    pub fn places(self, plan: &Plan) -> Vec<Place> {
        let visits = plan.visits();
        let is_used = |i: &usize| visits[*i] >= 0.05;
        let services = |fits: &dyn Fn(usize) -> bool| -> Vec<Place> {
            (1..plan.services.len()).filter(is_used).filter(|i| fits(*i)).map(Place::Service).collect()
        };
        let is_store = |i: usize| plan.services[i].kind == EntityKind::Store;
        match self {
            Self::Traffic => vec![Place::Service(0)],
            Self::NodeCpu => (0..plan.nodes.len()).map(Place::Node).collect(),
            Self::NodeDisk => {
                let has_disk = |node: &usize| plan.services.iter().any(|s| s.node == *node && s.disk_ms > 0.0);
                (0..plan.nodes.len()).filter(has_disk).map(Place::Node).collect()
            }
            Self::Lock | Self::Connections => services(&is_store),
            Self::ScaledUp => services(&|i| plan.services[i].kind == EntityKind::Service),
            Self::ConsumerStop => services(&|i| plan.services[i].consumes.is_some()),
            Self::CacheCold => services(&|i| plan.services[i].calls.iter().any(|call| call.cached > 0.0)),
            Self::ConfigTimeout => services(&|i| plan.services[i].calls.iter().any(|call| call.is_needed)),
            Self::SlowCode | Self::Errors | Self::ReleaseSlow | Self::ReleaseFail | Self::ReleaseHarmless => {
                services(&|i| plan.services[i].has_side_car() || plan.services[i].consumes.is_some())
            }
            _ => services(&|_| true),
        }
    }
}

impl Fault {
    /// Draws a fault of a kind; `None` if the plan has no place for it.
    pub fn draw(kind: Kind, plan: &Plan, (from_s, to_s): (f64, f64), rng: &mut Rng) -> Option<Self> {
        let places = kind.places(plan);
        let place = *places.get(rng.below(places.len()))?;
        Some(Self { kind, place, strength: rng.unit(), from_s, to_s })
    }

    /// The place's name in a frame.
    pub fn place_name(&self, plan: &Plan) -> String {
        match self.place {
            Place::Service(i) => plan.services[i].name.clone(),
            Place::Node(n) => plan.node_name(n),
        }
    }

    /// Its effect on the service at its place. `usual_ms`: the usual time of a request there.
    pub(crate) fn effect(&self, usual_ms: f64, plan: &Plan) -> Effect {
        let Place::Service(i) = self.place else { return Effect::NONE };
        let service = &plan.services[i];
        let grows = |from: f64, to: f64| from * (to / from).powf(self.strength);
        match self.kind {
            Kind::Cpu => Effect { hogs: service.limit_cores.ceil() * grows(2.0, 10.0), ..Effect::NONE },
            Kind::Memory => {
                let room = service.memory_mib.2 - service.memory_mib.0;
                Effect { leak_mib_per_s: room / grows(150.0, 30.0), ..Effect::NONE }
            }
            Kind::Delay => Effect { delay_ms: grows(0.4, 4.0) * usual_ms.max(10.0), ..Effect::NONE },
            Kind::Loss => Effect { loss: grows(0.08, 0.5), ..Effect::NONE },
            Kind::Partition => Effect { is_cut_off: true, ..Effect::NONE },
            Kind::SlowCode => Effect { extra_ms: grows(0.8, 8.0) * usual_ms.max(8.0), ..Effect::NONE },
            Kind::Errors | Kind::ReleaseFail => Effect { fails: grows(0.08, 0.8), ..Effect::NONE },
            Kind::ReleaseSlow => {
                Effect { work: grows(2.0, 6.0), extra_ms: grows(0.5, 4.0) * usual_ms.max(8.0), ..Effect::NONE }
            }
            Kind::ConfigTimeout => {
                let longest = service.calls.iter().map(|call| call.timeout_ms).fold(1.0, f64::max);
                Effect { timeout: grows(1.2, 0.4) * usual_ms.max(1.0) / longest, ..Effect::NONE }
            }
            Kind::ConsumerStop => Effect { is_idle: true, ..Effect::NONE },
            Kind::CacheCold => Effect { cold: grows(0.3, 1.0), ..Effect::NONE },
            Kind::Lock => Effect { lock: (grows(0.15, 0.9), grows(10.0, 60.0) * usual_ms.max(4.0)), ..Effect::NONE },
            Kind::Connections => Effect { taken: grows(0.85, 1.0), ..Effect::NONE },
            _ => Effect::NONE,
        }
    }

    /// Additional threads that want a CPU of the node.
    pub(crate) fn node_hogs(&self, cores: f64) -> f64 {
        if self.kind == Kind::NodeCpu { cores * (1.2 + 5.0 * self.strength) } else { 0.0 }
    }

    /// Share of the node's disk that it takes.
    pub(crate) fn disk_taken(&self) -> f64 {
        if self.kind == Kind::NodeDisk { 0.85 + 0.14 * self.strength } else { 0.0 }
    }

    /// Factor on users' requests.
    pub(crate) fn users(&self) -> f64 {
        if self.kind == Kind::Traffic { 2.5 + 4.0 * self.strength } else { 1.0 }
    }

    /// Whether it is active.
    pub(crate) fn is_on(&self, s: f64) -> bool {
        (self.from_s..self.to_s).contains(&s)
    }
}

/// A fault of any kind that the plan has a place for, all equally likely.
pub fn any(plan: &Plan, window: (f64, f64), rng: &mut Rng) -> Fault {
    loop {
        let kind = Kind::ALL[rng.below(Kind::ALL.len() - Kind::DECOYS.len())];
        if let Some(fault) = Fault::draw(kind, plan, window, rng) {
            return Fault { strength: between(rng, 0.1, 1.0), ..fault };
        }
    }
}

#[cfg(test)]
mod tests {
    use automap_chaos::kinds;

    use super::*;
    use crate::plan::PlanOptions;

    #[test]
    fn the_ledger_knows_every_kind() {
        for kind in Kind::ALL {
            let (word, action) = kind.words();
            assert!(kinds::mechanism(word, action).is_some(), "{kind:?}");
            assert!(kinds::expected_metric(word, action).is_some(), "{kind:?}");
            assert_eq!(kind.is_change(), kinds::is_change(word), "{kind:?}");
        }
    }

    #[test]
    fn faults_are_where_they_can_be() {
        let plan = Plan::draw(&PlanOptions::default());
        for kind in Kind::ALL {
            for place in kind.places(&plan) {
                let fault = Fault { kind, place, strength: 0.5, from_s: 10.0, to_s: 20.0 };
                assert!(fault.is_on(10.0) && !fault.is_on(20.0));
                if let (Kind::Lock, Place::Service(i)) = (kind, place) {
                    assert_eq!(plan.services[i].kind, EntityKind::Store);
                }
            }
        }
        let mut rng = Rng::new(1);
        let drawn: Vec<Fault> = (0..200).map(|_| any(&plan, (0.0, 1.0), &mut rng)).collect();
        assert!(drawn.iter().all(|f| f.kind.role() == Role::Cause && f.strength >= 0.1));
        let possible = Kind::ALL[..19].iter().filter(|kind| !kind.places(&plan).is_empty());
        assert!(possible.clone().count() >= 17 && possible.clone().all(|kind| drawn.iter().any(|f| f.kind == *kind)));
    }
}
