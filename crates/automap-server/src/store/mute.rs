//! A mute as it is stored: made over the API or the command line, unlike the ones that the configuration holds.

use automap_core::time::{Timestamp, as_rfc3339};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A time in which nobody is notified of some incidents. They are recorded all the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Mute {
    /// `mute-20261129T020000Z`, with a number behind it where several began in that second.
    pub id: String,
    /// Patterns of targets; empty: all. `*` stands for any characters.
    pub targets: Vec<String>,
    /// Patterns of the cause; while none is named, all services with symptoms must match. Empty: all.
    pub services: Vec<String>,
    /// When it begins.
    #[serde(with = "as_rfc3339")]
    #[schemars(schema_with = "as_rfc3339::schema")]
    pub from: Timestamp,
    /// When it ends.
    #[serde(with = "as_rfc3339")]
    #[schemars(schema_with = "as_rfc3339::schema")]
    pub until: Timestamp,
    /// Why, in the words of whoever made it.
    pub reason: String,
    /// Who made it.
    pub by: String,
}
