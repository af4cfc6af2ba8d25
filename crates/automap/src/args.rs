//! Options shared by several verbs, one file per group: data source, time range, output.
//!
//! A flag means the same everywhere: same letter, same value. `cli/reference.rs` checks that over the whole command line.

#[cfg(feature = "kubernetes")]
pub(crate) mod cluster;
pub(crate) mod engine;
pub(crate) mod file;
pub(crate) mod input;
#[cfg(feature = "server")]
pub(crate) mod kept_hours;
pub(crate) mod output;
pub(crate) mod parse;
pub(crate) mod prometheus;
#[cfg(feature = "chaos")]
pub(crate) mod scorecard;
pub(crate) mod table;
#[cfg(feature = "server")]
pub(crate) mod target;
pub(crate) mod time;
pub(crate) mod told;
pub(crate) mod whole;
