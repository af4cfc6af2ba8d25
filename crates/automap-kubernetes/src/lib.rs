//! Reads chaos experiments, pods and access rights from a Kubernetes cluster over its API.
//!
//! [`Cluster`] is the connection; [`watch()`] delivers the events that [`automap_chaos::Recorder`] takes; [`rights`] reviews the user's permissions;
//! [`operate`] is the only part that changes anything: it creates and deletes experiments, for drills.
//!
//! Ground truth passes through here, so no analysis may depend on this crate.

mod cluster;
mod error;
pub mod operate;
mod resource;
pub mod rights;
mod watch;

pub use cluster::{Cluster, ConnectOptions};
pub use error::ClusterError;
pub use resource::{EVENTS, LITMUS_RESULTS, PODS, Resource, VIRTUAL_SERVICES, experiments};
pub use watch::{Scope, WatchMessage, WatchState, watch};
