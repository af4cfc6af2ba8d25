//! Service-level objectives: reads them from OpenSLO, Sloth and Pyrra files, and counts their events on a Prometheus server.
//!
//! Of a file, the name, the target and the expressions for bad and all events are read. Alerts, annotations and recording rules in it
//! are left out: burn rates and alerts follow from [`automap_core::slo`].

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
    /// What is bad, of what.
    pub indicator: Indicator,
}

/// How events are counted. Expressions hold `$WINDOW` where a duration belongs, and `$STEP` where time is looked at in steps. Several
/// series are several groups, of which the worst one counts.
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
    Events(Events),
    /// A share of the file's own.
    Ratio(Ratio),
    /// The file's expressions count nothing that can be relied on.
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
    /// Selectors that must match series before a missing count of `part` is taken for zero: one of each list.
    pub must_match: Vec<Vec<String>>,
}

/// Which events are counted besides all of them.
#[derive(Clone, Debug, PartialEq)]
pub enum Part {
    /// The bad ones.
    Bad(String),
    /// The good ones; the others are bad.
    Good(String),
}

/// A share of events or of time.
#[derive(Clone, Debug, PartialEq)]
pub struct Ratio {
    /// The bad part, 0 to 1.
    pub bad: String,
    /// Shortest step in which time is looked at, in milliseconds.
    pub slice_ms: i64,
    /// As in [`Events`].
    pub must_match: Vec<Vec<String>>,
}
