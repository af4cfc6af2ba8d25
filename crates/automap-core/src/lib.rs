//! Root-cause localisation for microservices, as pure functions.
//!
//! ```text
//!  Prometheus ┐
//!  capture    ┼▶ RawSeries ▶ MetricFrame ▶ Anomalies ▶ Ranking ▶ Report ▶ automap-render
//!  CSV        ┘    sources      frame        anomaly     rank     report
//! ```
//!
//! Data flows only left to right. Nothing here reads a file, a clock, the environment or the network, and
//! nothing knows which fault was injected: the same observation and options give the same report, byte for
//! byte. `automap-render` renders reports for terminals, pages and maps.
//!
//! The modules are listed in dependency order: each one imports only from those above it.

pub mod time;
pub mod text;
pub mod note;
pub mod metric;
pub mod quantity;
pub mod random;
pub mod similar;
pub mod stats;
pub mod topology;
pub mod change;
pub mod breakdown;
pub mod entity;
pub mod frame;
pub mod time_of_day;
pub mod observation;
pub mod coverage;
pub mod onset;
pub mod anomaly;
pub mod course;
pub mod unseen;
pub mod windows;
pub mod screening;
pub mod attribution;
pub mod independence;
pub mod graph;
pub mod rank;
mod onset_average;
pub mod analysis;
pub mod profile;
pub mod verdict;
pub mod propagation;
pub mod compare;
pub mod report;
pub mod diagnose;
pub mod second_look;
pub mod spread;
pub mod explain;
pub mod service_map;
pub mod chart;
pub mod dossier;
pub mod incident;
pub mod slo;
pub mod watch;

pub use analysis::Analysis;
pub use diagnose::{DiagnoseError, DiagnoseOptions, analyse, analyse_with_history, diagnose};
