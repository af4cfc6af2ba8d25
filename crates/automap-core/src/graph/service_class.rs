//! Classifies services by the metrics that connect them with others, as AutoMAP does (Ma et al., WWW 2020).
//!
//! Used for profiles and as half of the similarity of two graphs. Worked example: a service whose edges are supported 40 % by latency, 30 % by
//! memory and 30 % by I/O is *storage*, because memory and I/O count together.

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::MetricType::{self, Availability, Congestion, Cpu, Io, Latency, Memory, Throughput};
use super::{ByType, WeightedGraph};

/// The five classes of AutoMAP: R, C, N, S, E.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ServiceClass {
    /// Connected by latency: what users see.
    Representational,
    /// Connected by processor use.
    Computing,
    /// Connected by throughput and congestion.
    Networking,
    /// Connected by memory and I/O.
    Storage,
    /// Connected by availability: depends on its surroundings.
    Environmental,
}

impl ServiceClass {
    const ALL: [Self; 5] =
        [Self::Representational, Self::Computing, Self::Networking, Self::Storage, Self::Environmental];

    /// The word used in files and reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Representational => "representational",
            Self::Computing => "computing",
            Self::Networking => "networking",
            Self::Storage => "storage",
            Self::Environmental => "environmental",
        }
    }

    fn types(self) -> &'static [MetricType] {
        match self {
            Self::Representational => &[Latency],
            Self::Computing => &[Cpu],
            Self::Networking => &[Throughput, Congestion],
            Self::Storage => &[Io, Memory],
            Self::Environmental => &[Availability],
        }
    }

    /// The class with the largest share; `None` if all shares are 0. Of equal ones the first in the order above.
    pub fn of(shares: &ByType) -> Option<Self> {
        let mass = |class: Self| class.types().iter().map(|t| shares[*t as usize]).sum::<f64>();
        let mut best = None;
        for class in Self::ALL {
            if mass(class) > best.map_or(0.0, |(m, _)| m) {
                best = Some((mass(class), class));
            }
        }
        best.map(|(_, class)| class)
    }
}

impl fmt::Display for ServiceClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Share of each metric type in a service's edges, `p_k = Σ_j (W_ijk + W_jik) / Σ_jk (…)`. Sums to 1; all 0 for a service without edges.
/// O(edges).
pub fn edge_shares(graph: &WeightedGraph) -> BTreeMap<&str, ByType> {
    let share = |sums: ByType| {
        let all: f64 = sums.iter().sum();
        if all > 0.0 { sums.map(|s| s / all) } else { sums }
    };
    graph.touching().into_iter().map(|(service, sums)| (service, share(sums))).collect()
}

/// The class of every service of a graph; `None` for services without edges.
pub fn classes(graph: &WeightedGraph) -> BTreeMap<&str, Option<ServiceClass>> {
    edge_shares(graph).into_iter().map(|(service, shares)| (service, ServiceClass::of(&shares))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dominant_metrics_name_the_class() {
        let mut shares = ByType::default();
        assert_eq!(ServiceClass::of(&shares), None);
        shares[Latency as usize] = 0.4;
        shares[Memory as usize] = 0.3;
        assert_eq!(ServiceClass::of(&shares), Some(ServiceClass::Representational));
        shares[Io as usize] = 0.3;
        assert_eq!(ServiceClass::of(&shares), Some(ServiceClass::Storage), "memory and I/O together");
    }
}
