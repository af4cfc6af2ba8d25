//! The data model of the parts of a cause. Times are RFC 3339 in UTC; `null` is "not observed", never zero.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::breakdown::judge::Finding;
use crate::breakdown::{Label, Measure, UnseenLabel};
use crate::time::{Timestamp, as_rfc3339};

/// The parts of a cause on which a rise is concentrated.
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
    /// Start of the counted part of the incident.
    #[serde(with = "as_rfc3339")]
    #[schemars(schema_with = "as_rfc3339::schema")]
    pub incident_start: Timestamp,
    /// Its end.
    #[serde(with = "as_rfc3339")]
    #[schemars(schema_with = "as_rfc3339::schema")]
    pub incident_end: Timestamp,
    /// The finding for each label that the series have.
    pub labels: Vec<LabelParts>,
    /// Labels that the series lack.
    pub unseen: Vec<UnseenLabel>,
    /// One sentence.
    pub summary: String,
}

impl Parts {
    /// Whether it is informative: with one pod, one caller and one of everything else, there is nothing to choose from.
    pub fn tells(&self) -> bool {
        self.labels.iter().any(|label| label.values > 1)
    }
}

/// The finding for one label.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LabelParts {
    /// The label.
    pub label: Label,
    /// What it says.
    pub finding: Finding,
    /// How many values there were in the incident.
    pub values: usize,
    /// The values on which the rise is concentrated, else those with most of it: at most 5.
    pub listed: Vec<ValuePart>,
    /// The same in words.
    pub summary: String,
}

/// The share of one value in a rise.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ValuePart {
    /// The value; empty if the label is absent.
    pub value: String,
    /// Its share of the rise. The shares of all values add up to 1.
    pub share_of_rise: f64,
    /// Its share of the requests in the incident (of the pods, for CPU, memory and restarts), 0 to 1.
    pub share_of_requests: f64,
    /// Its level in the baseline; `null` if it had none.
    pub from: Option<f64>,
    /// Its level in the incident; `null` if it had none.
    pub to: Option<f64>,
}
