//! Service-level objectives: reads them from OpenSLO, Sloth and Pyrra files, and counts their events on a Prometheus server.
//!
//! The name, the target and the expressions for bad and all events are read from a file. Its alerts, annotations and recording rules are ignored:
//! burn rates and alerts follow from [`automap_core::slo`].

mod expression;
mod fields;
mod formats;
mod groups;
mod growth;
mod indicators;
mod lexer;
mod open_slo;
mod pyrra;
mod query;
mod request_source;
mod sloth;
mod window_template;

use automap_core::slo::Objective;

pub use formats::{SloFileError, parse};
pub use query::{MAX_OBJECTIVES, SloReader, SloReadings};

/// An objective and how its events are counted.
#[derive(Clone, Debug, PartialEq)]
pub struct Slo {
    /// Name, service, target, period.
    pub objective: Objective,
    /// How bad and all events are counted.
    pub indicator: Indicator,
}

/// How events are counted. Expressions contain `$WINDOW` in place of a duration, and `$STEP` for the step in which time is sampled. Several series
/// are several groups, of which the worst one counts.
#[derive(Clone, Debug, PartialEq)]
pub enum Indicator {
    /// Failed requests of a service, as counted by the first preset that knows the service.
    Availability,
    /// Requests of a service that took too long, likewise.
    Latency {
        /// In milliseconds; rounded up to the next bound of the histogram's buckets.
        under_ms: f64,
    },
    /// Counts defined by the file.
    Events(Events),
    /// A share defined by the file.
    Ratio(Ratio),
    /// The file's expressions do not count events reliably.
    Unknown {
        /// Which expression, and why.
        because: String,
    },
}

/// Two counts.
#[derive(Clone, Debug, PartialEq)]
pub struct Events {
    /// Some of the events.
    pub part: Part,
    /// All events of the window.
    pub all: String,
    /// Selectors that must match series before a missing count of `part` is taken as zero: one of each list.
    pub must_match: Vec<Vec<String>>,
}

/// Which events are counted in addition to all of them.
#[derive(Clone, Debug, PartialEq)]
pub enum Part {
    /// The bad events.
    Bad(String),
    /// The good events; the others are bad.
    Good(String),
}

/// A share of events or of time.
#[derive(Clone, Debug, PartialEq)]
pub struct Ratio {
    /// The bad part, 0 to 1.
    pub bad: String,
    /// Shortest step in which time is sampled, in milliseconds.
    pub slice_ms: i64,
    /// As for [`Events`].
    pub must_match: Vec<Vec<String>>,
}
