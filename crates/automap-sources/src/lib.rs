//! Sources of metrics: a Prometheus server, a capture file, a plain table.
//!
//! Every source produces the same [`automap_core::observation::Observation`]. It also states what the source could not observe: gaps stay gaps, and a
//! missing signal is reported with its reason. An `Err` means that no result is possible.
//!
//! ```text
//!  prometheus::observe(&client, &options, &progress) ┐
//!  capture::read(path)                               ┼▶ Observation ─▶ automap_core::diagnose
//!  table::read(path, hint, &options)                 ┘
//! ```
//!
//! Names specific to Prometheus, Istio and Kubernetes do not leave this crate; nothing here depends on how causes are found.

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
