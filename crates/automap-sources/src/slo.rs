//! Service-level objectives: from files that others wrote, and their counts from a Prometheus.
//!
//! OpenSLO v1, Sloth and Pyrra are read as far as they say the same thing: a name, a target, and how bad and all events are counted. What
//! they say of alerts, annotations and rules is theirs.

mod formats;
mod open_slo;
mod pyrra;
mod query;
mod sloth;

use automap_core::slo::Objective;

pub use formats::{SloFileError, parse};
pub use query::{Counted, MAX_OBJECTIVES, Reader};

/// An objective and how its events are counted.
#[derive(Clone, Debug, PartialEq)]
pub struct Slo {
    /// Name, service, target, period.
    pub objective: Objective,
    /// What is bad, of what.
    pub indicator: Indicator,
}

/// How events are counted. Expressions hold `$WINDOW` where a duration belongs and give one number.
#[derive(Clone, Debug, PartialEq)]
pub enum Indicator {
    /// Requests of a service that failed, as Istio's side-cars count them.
    Availability,
    /// Requests of a service that took longer, as Istio's side-cars count them.
    Latency {
        /// In milliseconds; raised to the next bound of the histogram's buckets.
        under_ms: f64,
    },
    /// Counts of the file's own.
    Events {
        /// Bad events of the window.
        bad: String,
        /// All of them.
        all: String,
    },
    /// A share of the file's own.
    Ratio {
        /// Bad events as a share of all, 0 to 1.
        bad: String,
    },
}
