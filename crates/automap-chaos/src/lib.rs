//! A ledger of the faults that were injected, built from the cluster's records of chaos experiments, and the scoring against it.
//!
//! [`ledger::Ledger`] takes watch events and returns [`Entry`]s; [`file`](mod@file) stores those as JSON lines; [`fallback`] creates entries from
//! sources that provide less; [`score`] compares answers with them. Pure: no clock, no network, no files. This is the answer key, so the analysis
//! must never import it.

pub mod cases;
pub mod entry;
pub mod fallback;
pub mod file;
pub mod injection;
pub mod kinds;
pub mod ledger;
mod object;
pub mod pods;
pub mod recorder;
mod record_id;
mod records;
pub mod score;

pub use entry::{Entry, Parent, Source, State, Target};
pub use ledger::{Ledger, LedgerOptions, WatchEvent};
pub use recorder::Recorder;
