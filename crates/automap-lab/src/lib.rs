//! A Sock Shop that runs on one machine, faults with real effects, and scores of labelled incidents.

pub mod effect;
pub mod load;
pub mod plan;
pub mod shop;
