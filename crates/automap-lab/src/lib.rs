//! A Sock Shop that runs on one machine, faults with real effects, and scores of labelled incidents.

pub mod baselines;
pub mod chaos;
pub mod control;
pub mod dataset;
pub mod effect;
pub mod engine;
pub mod evaluate;
pub mod kubelet;
pub mod ledger;
pub mod load;
pub mod plan;
pub mod prometheus_server;
pub mod score;
pub mod shop;
pub mod supervisor;
