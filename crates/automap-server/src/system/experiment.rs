//! Chaos experiments that ran while an incident was open. They are only shown beside the incident: no diagnosis sees them, since in a real incident
//! nobody has injected the fault.

use std::fmt::Debug;

use automap_core::incident::Incident;
use automap_core::time::{Interval, Timestamp, as_rfc3339};
use schemars::JsonSchema;
use serde::Serialize;

/// Experiments that ended at most this long before an incident are shown with it: a fault may take effect late.
const BEFORE_ONSET_MS: i64 = 5 * 60_000;

/// A fault that somebody injected on purpose.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Experiment {
    /// Its name, with its namespace where it has one.
    pub name: String,
    /// What it does: `NetworkChaos delay`.
    pub fault: String,
    /// The services or machines that it hit; empty where that is not known.
    pub places: Vec<String>,
    /// In place since.
    #[serde(with = "as_rfc3339::option")]
    #[schemars(schema_with = "as_rfc3339::option::schema")]
    pub started: Option<Timestamp>,
    /// Ended at; `null` while it goes on.
    #[serde(with = "as_rfc3339::option")]
    #[schemars(schema_with = "as_rfc3339::option::schema")]
    pub ended: Option<Timestamp>,
}

/// A source of experiments.
pub trait ExperimentSource: Debug + Send + Sync {
    /// Those that were in place at some time of a period, in the order they began. May block.
    ///
    /// # Errors
    /// Why it cannot be read, for people.
    fn during(&self, period: Interval) -> Result<Vec<Experiment>, String>;
}

/// The period in which experiments are shown beside an incident: from five minutes before its onset to its end.
pub fn period_beside(incident: &Incident, now: Timestamp) -> Interval {
    let start = incident.onset.plus_ms(-BEFORE_ONSET_MS);
    Interval { start, end: incident.closed.unwrap_or(now).max(start.plus_ms(1)) }
}
