//! Chaos Mesh experiments, read from the very files a cluster takes.
//!
//! `parse` turns a (multi-document) YAML file into checked [`Experiment`]s; [`Experiment::resolve`] picks the pods and
//! says what happens to each of them. Nothing here touches a process: the supervisor carries the orders out.
//!
//! Left out, each with an error that names the field: kinds that the lab cannot make real (TimeChaos, DNSChaos,
//! JVMChaos, KernelChaos, Schedule, Workflow, …), external targets, selectors other than namespaces and labels.
//! Nothing in a file is ever ignored: an experiment that would mean less here than on a cluster is refused.

mod experiment;
mod fields;
mod injection_plan;
mod kinds;
mod pick;
mod quantity;
mod read;
mod selector_fields;

pub use experiment::{Direction, Experiment, Fault, Mode, Peer, Selector};
pub use fields::ChaosError;
pub use injection_plan::{InjectionPlan, InjectionStep, PlanError};
pub use read::{KINDS, parse};

#[cfg(test)]
mod tests;
