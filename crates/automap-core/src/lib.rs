//! Root-cause localisation for microservices, as pure functions.
//!
//! ```text
//!  Prometheus ┐                                                          ┌ text · JSON
//!  capture    ┼▶ RawSeries ▶ MetricFrame ▶ Anomalies ▶ Ranking ▶ Report ─┤
//!  CSV        ┘    sources      frame        anomaly     rank     report └ …
//! ```
//!
//! Values only move right. Nothing here reads a file, a clock, the environment or a network, and nothing knows
//! what was really injected: the same observation and options give the same report, to the byte.

pub mod anomaly;
pub mod frame;
pub mod metric;
pub mod note;
pub mod observation;
pub mod onset;
pub mod rank;
pub mod stats;
pub mod time;
pub mod topology;
pub mod windows;
