//! The types of the attribution: what users feel, and where it arises.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::frame::ServiceIdx;
use crate::metric::Family;

/// What users feel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ImpactKind {
    /// They wait longer.
    Waiting,
    /// More of their requests fail.
    Failing,
}

impl ImpactKind {
    /// The symptom that shows it.
    pub fn family(self) -> Family {
        match self {
            Self::Waiting => Family::Latency,
            Self::Failing => Family::Error,
        }
    }

    /// As in "91 % of the added waiting".
    pub fn words(self) -> &'static str {
        match self {
            Self::Waiting => "the added waiting",
            Self::Failing => "the added failures",
        }
    }
}

/// Where an impact arises.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// In the service: its code, its resources, or an untimed dependency that it waits for.
    Service(ServiceIdx),
    /// Between the two ends of a call.
    Network {
        /// The caller.
        caller: ServiceIdx,
        /// The callee.
        callee: ServiceIdx,
    },
    /// The caller makes more calls per request than before.
    MoreCalls {
        /// The caller.
        caller: ServiceIdx,
        /// The callee.
        callee: ServiceIdx,
    },
    /// Calls fail at the caller, but the callee does not record them.
    Refused {
        /// The caller.
        caller: ServiceIdx,
        /// The callee.
        callee: ServiceIdx,
    },
}

impl Place {
    /// The service that it is in, or the two that it is between.
    pub fn ends(self) -> Vec<ServiceIdx> {
        match self {
            Self::Service(service) => vec![service],
            Self::Network { caller, callee } | Self::Refused { caller, callee } => vec![callee, caller],
            Self::MoreCalls { caller, .. } => vec![caller],
        }
    }
}
