//! A Sock Shop that runs on one machine, load for it, and Chaos Mesh faults with real effects.

pub mod chaos;
pub mod control;
pub mod effect;
pub mod kubelet;
pub mod ledger;
pub mod load;
pub mod plan;
pub mod prometheus_server;
pub mod shop;
pub mod soak;
pub mod supervisor;
