//! How often is an answer right? Labelled incidents, one question for every engine, and the scores of their answers.
//!
//! [`dataset`] reads incidents whose cause is known, [`engine`] puts the same question to our engines and to the [`baselines`] of others,
//! [`evaluate`] asks them all, and [`score`] says how far the answers can be trusted. This crate sees the ground truth, so nothing that
//! analyses may depend on it.

pub mod baselines;
pub mod dataset;
pub mod engine;
pub mod evaluate;
pub mod score;
