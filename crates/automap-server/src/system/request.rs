//! Requests that the API and MCP can make of the watcher. The source of the metrics is part of the configuration; a request cannot name one.

use automap_core::rank::Engine;
use automap_core::time::{Interval, Timestamp, as_rfc3339};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What to diagnose.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DiagnoseRequest {
    /// A target of the configuration.
    pub target: String,
    /// When the incident began; left out: automap finds the onset.
    #[serde(default, with = "as_rfc3339::option", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub incident_start: Option<Timestamp>,
    /// The baseline, a period without the fault; left out: the time before the incident.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline: Option<Period>,
    /// The engine; left out: `evidence`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engine: Option<EngineName>,
}

impl DiagnoseRequest {
    /// The requested engine.
    pub fn engine(&self) -> Engine {
        match self.engine {
            Some(EngineName::Automap) => Engine::Automap,
            Some(EngineName::Evidence) | None => Engine::Evidence,
        }
    }
}

/// A span of time: the start is included, the end is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Period {
    /// The start.
    #[serde(with = "as_rfc3339")]
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub start: Timestamp,
    /// The end.
    #[serde(with = "as_rfc3339")]
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub end: Timestamp,
}

/// A period that ends before it starts, or when it starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the start {} is not before the end {}", start.rfc3339(), end.rfc3339())]
pub struct EmptyPeriod {
    start: Timestamp,
    end: Timestamp,
}

impl Period {
    /// A period with a start before its end.
    ///
    /// ```
    /// use automap_core::time::Timestamp;
    /// use automap_server::system::Period;
    ///
    /// let (noon, later) = (Timestamp::from_ms(43_200_000), Timestamp::from_ms(43_260_000));
    /// assert_eq!(Period::new(noon, later)?.end, later);
    /// let error = Period::new(later, noon).unwrap_err().to_string();
    /// assert_eq!(error, "the start 1970-01-01T12:01:00Z is not before the end 1970-01-01T12:00:00Z");
    /// # Ok::<(), automap_server::system::EmptyPeriod>(())
    /// ```
    ///
    /// # Errors
    /// [`EmptyPeriod`] for any other.
    pub fn new(start: Timestamp, end: Timestamp) -> Result<Self, EmptyPeriod> {
        Self { start, end }.check()
    }

    /// The period itself, if its start is before its end.
    ///
    /// # Errors
    /// [`EmptyPeriod`] otherwise.
    pub fn check(self) -> Result<Self, EmptyPeriod> {
        let Self { start, end } = self;
        if start < end { Ok(self) } else { Err(EmptyPeriod { start, end }) }
    }
}

impl From<Period> for Interval {
    fn from(Period { start, end }: Period) -> Self {
        Self { start, end }
    }
}

/// The engines by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EngineName {
    /// Evidence of every series, explained away along the calls.
    Evidence,
    /// A behaviour graph and a random walk.
    Automap,
}

/// Two periods of a target to compare.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CompareRequest {
    /// A target of the configuration.
    pub target: String,
    /// The earlier period, the reference.
    pub before: Period,
    /// The later period.
    pub after: Period,
}
