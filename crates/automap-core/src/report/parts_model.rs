//! The shape of what is said of the parts of a cause. Times are RFC 3339 in UTC; `null` is "not observed", never zero.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::breakdown::judge::Finding;
use crate::breakdown::{Label, Measure, UnseenLabel};
use crate::time::{Timestamp, as_rfc3339};

/// Which part of a cause what rose sits on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Parts {
    /// What rose.
    pub measure: Measure,
    /// Start of the time taken as normal.
    #[serde(with = "as_rfc3339")]
    #[schemars(schema_with = "as_rfc3339::schema")]
    pub baseline_start: Timestamp,
    /// Its end.
    #[serde(with = "as_rfc3339")]
    #[schemars(schema_with = "as_rfc3339::schema")]
    pub baseline_end: Timestamp,
    /// Start of what was counted of the incident.
    #[serde(with = "as_rfc3339")]
    #[schemars(schema_with = "as_rfc3339::schema")]
    pub incident_start: Timestamp,
    /// Its end.
    #[serde(with = "as_rfc3339")]
    #[schemars(schema_with = "as_rfc3339::schema")]
    pub incident_end: Timestamp,
    /// What each label says that the series have.
    pub labels: Vec<LabelParts>,
    /// Labels that they lack.
    pub unseen: Vec<UnseenLabel>,
    /// One sentence.
    pub summary: String,
}

impl Parts {
    /// Whether it says anything: where there is one pod, one caller and one of all else, there is nothing to choose from.
    pub fn tells(&self) -> bool {
        self.labels.iter().any(|label| label.values > 1)
    }
}

/// What one label says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LabelParts {
    /// The label.
    pub label: Label,
    /// What it says.
    pub finding: Finding,
    /// How many values there were in the incident.
    pub values: usize,
    /// The values that the rise sits on, else those with most of it: at most 5.
    pub listed: Vec<ValuePart>,
    /// The same in words.
    pub summary: String,
}

/// What one value has of a rise.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ValuePart {
    /// The value; empty for what bears no such label.
    pub value: String,
    /// Its part of the rise. The parts of all values add up to 1.
    pub share_of_rise: f64,
    /// Its part of the requests in the incident (of the pods, for CPU, memory and restarts), 0 to 1.
    pub share_of_requests: f64,
    /// Its level in the baseline; `null` where it had none.
    pub from: Option<f64>,
    /// Its level in the incident; `null` where it had none.
    pub to: Option<f64>,
}
