//! Where metrics come from: a Prometheus server, a capture file, a plain table.
//!
//! Every source ends in the same [`automap_core::observation::Observation`]. What a source could not see is part of it:
//! gaps stay gaps, and a missing signal is reported with its reason. An `Err` means that no answer is possible.
//!
//! ```text
//!  prometheus::observe(&client, &options, &progress) ┐
//!  capture::read(path)                               ┼▶ Observation ─▶ automap_core::diagnose
//!  table::read(path, hint, &options)                 ┘
//! ```
//!
//! Names of Prometheus, Istio and Kubernetes end here; nothing here knows how causes are found.

pub mod bounded;
pub mod calls_file;
pub mod capture;
pub mod change_form;
mod decoder;
pub mod grafana;
pub mod http;
pub mod key_position;
mod parquet_bounds;
pub mod parquet_columns;
mod parquet_form;
pub mod parquet_rows;
pub mod profile_table;
pub mod prometheus;
pub mod secret;
pub mod slo;
pub mod table;
pub mod time_zone;
pub mod typed_time;
pub mod whole_file;
