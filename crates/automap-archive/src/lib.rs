//! Incidents of months and years in a folder of Parquet files: stored, listed, counted, and searched for similar ones.
//!
//! A watcher's store holds the incidents of some months and is pruned; the archive keeps them. The folder is partitioned as in Hive, so that DuckDB,
//! pandas, polars, ClickHouse and Spark read it as one table with the columns `target` and `month`:
//!
//! ```text
//! DIR/incidents/target=shop/month=2026-11/incidents.parquet   one row for each incident, the whole record as JSON in `document`
//! DIR/evidence/target=shop/month=2026-11/evidence.parquet     one row for each metric that changed in it, at its candidates and victims
//! DIR/captures/target=shop/month=2026-11/<id>.parquet         the metrics of the incident, where they were given
//! ```
//!
//! [`Archive::add`] rewrites the months that it adds to, whole files at a time and under a lock. [`Archive::incidents`] and [`Archive::evidence`]
//! read only the required partitions and columns. Pure functions work on their results: [`history`] and [`similar`].
//!
//! Left out: a query engine, since a year of a busy system is a few thousand rows, which are read in milliseconds, and users who want SQL open the
//! folder with DuckDB; and object stores, since a folder that is mounted or synchronised from one works like any other.

mod error;
mod evidence_table;
mod folder;
pub mod history;
mod incident_table;
mod merge;
mod partition;
mod row;
pub mod similar;
mod table;

pub use error::ArchiveError;
pub use evidence_table::of as changes;
pub use folder::{Added, Archive, Filter, LeftOut};
pub use row::{Change, Row};
