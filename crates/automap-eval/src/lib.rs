//! Measures how often the answer is right: runs engines on incidents whose cause is known and scores their rankings.
//!
//! [`dataset`] reads labelled incidents, [`engine`] gives the same question to the built-in engines and to the published [`baselines`], [`evaluate`]
//! runs every combination and summarises the results, and [`score`] defines the accuracy measures and their uncertainty. [`likeness`] compares the
//! metrics of two data sets, and [`truth_table`] writes the truth of many incidents as Parquet.
//!
//! This crate sees the ground truth. Nothing that analyses an incident may depend on it, or the answer could leak into a ranking.

pub mod baselines;
pub mod dataset;
pub mod engine;
pub mod evaluate;
pub mod likeness;
pub mod score;
pub mod truth_table;
