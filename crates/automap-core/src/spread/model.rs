//! How a fault spread, as plain data. Times are RFC 3339 in UTC; `null` is "not observed", never zero.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::onset::LEVEL;
pub use crate::propagation::{Channel, HopState};
use crate::report::{Evidence, VerdictKind, WindowInfo};
use crate::time::{Timestamp, as_rfc3339};

/// Version of [`Propagation`]'s schema.
pub const PROPAGATION_SCHEMA_VERSION: u32 = 1;

/// How a fault spread from its cause to the services that noticed it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Propagation {
    /// Version of this schema.
    pub schema_version: u32,
    /// What the diagnosis says.
    pub verdict: VerdictKind,
    /// The service that the spread is traced from: the first of the ranking, or the requested one. `null` when there is no incident.
    pub cause: Option<String>,
    /// One sentence: how much of the incident the cause accounts for.
    pub summary: String,
    /// What was compared with what.
    pub windows: WindowInfo,
    /// Share of cases in which a change really began inside its interval, such as 0.9.
    pub interval_level: f64,
    /// Services with a clear change, earliest onset first, those without an onset last; ties by name.
    pub services: Vec<ChangedService>,
    /// From cause to effect, one for each service that the cause accounts for, and the unmeasured ones in between; nearest the
    /// cause first.
    pub hops: Vec<Hop>,
    /// From the cause to what users notice; if users notice nothing, to the ends of the chains.
    pub paths: Vec<SpreadPath>,
    /// Counter-evidence, one sentence each: contradicting orders and changes that it does not account for.
    pub against: Vec<String>,
    /// Services that stayed normal, by name.
    pub calm: Vec<String>,
    /// Services of which nothing could be judged, by name.
    pub unobserved: Vec<String>,
}

impl Propagation {
    /// For an incident whose metrics are gone: nothing is traced, and no service is called calm.
    pub fn untraced(verdict: VerdictKind, windows: WindowInfo) -> Self {
        Self {
            schema_version: PROPAGATION_SCHEMA_VERSION,
            verdict,
            cause: None,
            summary: "the metrics are gone: how it spread cannot be traced".to_owned(),
            windows,
            interval_level: LEVEL,
            services: Vec::new(),
            hops: Vec::new(),
            paths: Vec::new(),
            against: Vec::new(),
            calm: Vec::new(),
            unobserved: Vec::new(),
        }
    }
}

/// When a change began, with its uncertainty.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OnsetInterval {
    /// The first sample that shows it.
    #[serde(with = "as_rfc3339")]
    #[schemars(schema_with = "as_rfc3339::schema")]
    pub at: Timestamp,
    /// It began later than this.
    #[serde(with = "as_rfc3339")]
    #[schemars(schema_with = "as_rfc3339::schema")]
    pub earliest: Timestamp,
    /// It began no later than this.
    #[serde(with = "as_rfc3339")]
    #[schemars(schema_with = "as_rfc3339::schema")]
    pub latest: Timestamp,
}

/// A service with a clear change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ChangedService {
    /// Its name.
    pub service: String,
    /// Its role in this incident.
    pub role: SpreadRole,
    /// Place in the ranking, from 1; `null` if it is not ranked.
    pub rank: Option<usize>,
    /// When its clearest change began; `null` if no sharp onset was found.
    pub onset: Option<OnsetInterval>,
    /// Its clearest change.
    pub change: Evidence,
    /// The neighbour over which the cause accounts for it; `null` for the cause and for what stays unexplained.
    pub explained_by: Option<String>,
    /// The share of its own symptom that the ranking attributed to that neighbour, 0 to 1; `null` if the ranking attributed none.
    pub explained_share: Option<f64>,
}

/// The role of a service in an incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SpreadRole {
    /// The service that the spread is traced from.
    Cause,
    /// The cause accounts for its change.
    Victim,
    /// It changed, and the cause does not account for it.
    Unexplained,
}

/// One step of the spread.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Hop {
    /// The service nearer to the cause.
    pub from: String,
    /// The affected service.
    pub to: String,
    /// What travels.
    pub channel: Channel,
    /// What the onsets imply about the order.
    pub state: HopState,
    /// When `from` changed: its own symptom if it has one, else its clearest change. `null` if not observed.
    pub from_onset: Option<OnsetInterval>,
    /// When the effect showed at `to`. `null` if not observed.
    pub to_onset: Option<OnsetInterval>,
    /// Seconds from the one onset to the other; negative: the effect was observed first. `null` unless both were observed.
    pub lag_s: Option<f64>,
    /// Smallest lag that both intervals allow.
    pub lag_min_s: Option<f64>,
    /// Largest lag that both intervals allow.
    pub lag_max_s: Option<f64>,
    /// By how many seconds the effect is clearly before its cause; `null` unless `state` is `contradictory`.
    pub too_early_s: Option<f64>,
    /// Evidence on the call itself, measured at the caller; `null` if calls are not measured individually or show nothing.
    pub shown_by: Option<Evidence>,
    /// The same as text.
    pub summary: String,
}

/// A chain of hops.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SpreadPath {
    /// From the cause to the service at the end.
    pub services: Vec<String>,
    /// Positions in [`Propagation::hops`], one fewer than services.
    pub hops: Vec<usize>,
    /// `contradictory` if any hop is, else `unobserved` if any is, else `simultaneous` if any is.
    pub state: HopState,
}
