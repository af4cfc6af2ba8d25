//! Reads Chaos Mesh experiments from the same files that a cluster takes, and plans how the lab carries them out.
//!
//! [`parse`] turns a YAML file of one or more documents into checked [`Experiment`]s. [`Experiment::plan_injection`] chooses the pods and lists what
//! happens to each. No process is touched here; the supervisor carries the plan out. The lab's own kinds describe changes such as releases.
//!
//! Not supported, each with an error that names the field: kinds that the lab cannot imitate (TimeChaos, DNSChaos, JVMChaos, KernelChaos,
//! Schedule, Workflow, …), external targets, and selectors other than namespaces and labels. Nothing in a file is silently ignored: an
//! experiment that would do less here than on a cluster is refused.

mod changes;
mod experiment;
mod fields;
mod injection_plan;
mod kinds;
mod pick;
mod places;
pub(crate) mod quantity;
mod read;
mod selector_fields;

pub use changes::CHANGE_KINDS;
pub use experiment::{Direction, Experiment, Fault, Mode, Peer, Selector};
pub use fields::ChaosError;
pub use injection_plan::{InjectionPlan, InjectionStep, PlanError};
pub use places::PLACE_KINDS;
pub use read::{KINDS, parse};

#[cfg(test)]
mod tests;
