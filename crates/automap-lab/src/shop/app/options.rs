//! Options of an application.

use std::net::Ipv4Addr;
use std::path::PathBuf;

use crate::behaviour::Behaviour;
use crate::plan::Ports;
use crate::stores::Stores;

/// Options of an application.
#[derive(Clone, Debug)]
pub struct AppOptions {
    /// Which component it is.
    pub name: String,
    /// The ports of all components.
    pub ports: Ports,
    /// The pod's own address.
    pub ip: Ipv4Addr,
    /// How this version differs from a good one.
    pub behaviour: Behaviour,
    /// Seed of its jitter.
    pub seed: u64,
    /// Whether it looks up the names of its callees.
    pub dns: bool,
    /// What runs in the pods of stores and broker.
    pub stores: Stores,
    /// Where a store keeps its files.
    pub data_dir: PathBuf,
}
