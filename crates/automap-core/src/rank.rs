//! Who most likely caused it: two engines, one kind of answer.

pub mod automap;
mod blame;
mod calls;
pub mod evidence;
pub mod metric_weights;
pub mod metrics;
mod suspects;
pub mod walk;

pub use automap::AutomapOptions;
pub use evidence::EvidenceOptions;
pub use metrics::{RankedMetric, rank_metrics};

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::frame::ServiceIdx;
use crate::metric::Family;

/// How causes are ranked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Engine {
    /// Evidence of every series, explained away along the calls, added up. The default: the most accurate one.
    #[default]
    Evidence,
    /// AutoMAP: behaviour graph learnt from data, metric weights, heuristic random walk.
    Automap,
}

impl Engine {
    /// All of them.
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

/// Services from the most to the least likely cause.
#[derive(Clone, Debug)]
pub struct Ranking {
    /// Which engine made it.
    pub engine: Engine,
    /// All services that have at least one judged series; ties are ordered by name.
    pub services: Vec<RankedService>,
}

/// One service's place and how it came about.
#[derive(Clone, Debug)]
pub struct RankedService {
    /// Which service.
    pub service: ServiceIdx,
    /// Engine `evidence`: log evidence that it is the cause, the sum of `parts` times their weights; 0 is nothing, 3 one clear
    /// signal. Engine `automap`: how often the walk visits it, as a multiple of what a walk without any preference would.
    pub score: f64,
    /// Share of belief among all services, 0 to 1 (softmax of the scores, or share of the visits). All shares sum to 1.
    pub share: f64,
    /// What the score is made of.
    pub parts: Vec<Part>,
    /// Why its own symptoms were held against others, strongest first.
    pub explained: Vec<Explained>,
}

/// A kind of evidence for one service.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// Where it comes from.
    pub source: PartSource,
    /// Strength after explaining away, before the weight.
    pub evidence: f64,
    /// How much it counts.
    pub weight: f64,
}

/// Where a part of the score comes from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PartSource {
    /// The service's own metrics of one family.
    Own(Family),
    /// Its callers show a symptom, nobody else does, and the service itself does not (latency or errors).
    SeenByCallers(Family),
    /// The network between the side-cars: the calls that touch this service are slow under way.
    NetworkGap,
    /// Its samples stopped arriving.
    Missing,
}

/// A symptom of a service that another one accounts for.
#[derive(Clone, Debug, PartialEq)]
pub struct Explained {
    /// Latency or error.
    pub family: Family,
    /// The callee that shows it too, or whose calls show it.
    pub by: ServiceIdx,
    /// The callee shows nothing, since nobody measures it; the service may wait for it.
    pub is_unseen: bool,
    /// How much of the symptom it takes away, 0 to 1.
    pub share: f64,
}
