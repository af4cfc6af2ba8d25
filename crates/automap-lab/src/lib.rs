//! A Sock Shop that runs on one machine, load for it, and Chaos Mesh faults with real effects.
//!
//! It exists so that a diagnosis can be tried and tested without a cluster: real processes, a real Prometheus, and a ledger of what was really
//! injected. Linux only, because it ties processes to their parent and reads `/proc`.
//!
//! [`control`] starts and drives a lab, [`supervisor`] is the process behind it, [`shop`] the applications and side-cars, [`kubelet`] the metrics
//! about their containers, [`stores`] and [`mesh`] the real servers and proxies that can replace the stand-ins, [`load`] the simulated users, [`chaos`] reads
//! experiments and [`ledger`] records them. [`soak`] compares a watcher's incidents with the ledger.

pub mod behaviour;
pub mod change;
pub mod chaos;
pub mod control;
pub mod effect;
pub mod kubelet;
pub mod ledger;
pub mod load;
pub mod mesh;
pub mod plan;
pub mod programs;
pub mod prometheus_server;
pub mod shop;
pub mod soak;
pub mod stores;
pub mod supervisor;
pub mod surroundings;
