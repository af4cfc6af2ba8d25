//! What a cluster says about chaos experiments, pods and rights, read over its API.
//!
//! [`Cluster`] is the connection; [`watch()`] delivers the news that [`automap_chaos::Recorder`] takes; [`rights`] asks what one may;
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
pub use watch::{Heard, Scope, WatchState, watch};
