//! Ranks services by how likely they caused the incident.
//!
//! Two engines give the same kind of answer. [`evidence`] adds up how far each service's metrics deviate from normal, after symptoms were explained
//! away along the calls (`explain_away`, `callee_fit`). [`automap`] runs a random walk over a behaviour graph learnt from the data ([`walk`],
//! [`metric_weights`]). [`metrics`] ranks the metrics within the services. [`suspects`] weighs the evidence by what users feel, where calls are
//! measured, and [`change_fit`] by earlier changes; [`open_calls`] finds suspects that may wait for an unobserved callee. [`crate::verdict`] decides
//! whether a cause may be named at all.

pub mod automap;
mod callee_fit;
mod calls;
pub mod change_fit;
pub mod evidence;
mod explain_away;
pub mod hosts;
mod resolvers;
mod surges;
pub mod metric_weights;
pub mod metrics;
pub mod open_calls;
pub(crate) mod scaling;
pub mod suspects;
pub mod walk;

pub use automap::AutomapOptions;
pub use evidence::EvidenceOptions;
pub use metrics::{RankedMetric, rank_metrics};

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::attribution::ImpactKind;
use crate::frame::ServiceIdx;
use crate::metric::Family;

/// How causes are ranked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Engine {
    /// The sum of the evidence of every series, explained away along the calls. The default, since it is more accurate.
    #[default]
    Evidence,
    /// AutoMAP (Ma et al., WWW 2020): a random walk over a behaviour graph learnt from the data.
    Automap,
}

impl Engine {
    /// Both engines.
    pub const ALL: [Self; 2] = [Self::Evidence, Self::Automap];

    /// The word used on the command line and in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Evidence => "evidence",
            Self::Automap => "automap",
        }
    }
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Services, from the most to the least likely cause.
#[derive(Clone, Debug)]
pub struct Ranking {
    /// Which engine made it.
    pub engine: Engine,
    /// All services with at least one judged series; ties are ordered by name.
    pub services: Vec<RankedService>,
}

/// A service in a ranking, and how its score was computed.
#[derive(Clone, Debug)]
pub struct RankedService {
    /// Which service.
    pub service: ServiceIdx,
    /// Engine `evidence`: log evidence that it is the cause, the sum of `parts` times their weights; 0 is none, 3 is one clear
    /// signal. Engine `automap`: how often the walk visits it, as a multiple of what a walk without any preference would.
    pub score: f64,
    /// Share among all services, 0–1: softmax of the scores, or share of the visits. All shares sum to 1.
    pub share: f64,
    /// What the score is made of.
    pub parts: Vec<Part>,
    /// Symptoms of this service that were attributed to others, the largest share first.
    pub explained: Vec<Explained>,
}

/// A kind of evidence for one service.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// Where it comes from.
    pub source: PartSource,
    /// Evidence after explaining away, before weighting.
    pub evidence: f64,
    /// Weight of the evidence in the score.
    pub weight: f64,
}

/// Where a part of the score comes from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PartSource {
    /// The service's own metrics of one family.
    Own(Family),
    /// Latency or errors that only its callers show, not the service itself.
    SeenByCallers(Family),
    /// The network: calls from and to this service take longer than both ends account for.
    NetworkGap,
    /// Its samples stopped arriving.
    Missing,
    /// It accounts for a part of what users feel.
    Felt(ImpactKind),
    /// It was changed shortly before the onset.
    Change,
}

/// A symptom of a service that another service accounts for.
#[derive(Clone, Debug, PartialEq)]
pub struct Explained {
    /// Latency or errors.
    pub family: Family,
    /// The callee that shows the symptom too, or whose calls show it.
    pub by: ServiceIdx,
    /// The callee is not measured, so the service may be waiting for it.
    pub is_unseen: bool,
    /// Share of the symptom that is taken away, 0–1.
    pub share: f64,
}
