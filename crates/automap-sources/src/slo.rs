//! Service-level objectives: reads them from OpenSLO, Sloth and Pyrra files, and counts their events on a Prometheus server.
//!
//! Of a file, the name, the target and the expressions for bad and all events are read. Alerts, annotations and recording rules in it
//! are left out: burn rates and alerts follow from [`automap_core::slo`].

mod formats;
mod open_slo;
mod pyrra;
mod query;
mod request_source;
mod sloth;

use automap_core::slo::Objective;

pub use formats::{SloFileError, parse};
pub use query::{MAX_OBJECTIVES, SloReader, SloReadings};

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
    /// Requests of a service that failed, as the first preset counts them that knows the service.
    Availability,
    /// Requests of a service that took longer, likewise.
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
