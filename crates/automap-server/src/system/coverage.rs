//! The coverage of a target: which signals every service delivers, and what cannot be diagnosed without the missing ones.

use automap_core::coverage::{self, CoverageSignal, ServiceCoverage};
use automap_core::note::{NotChecked, Note};
use automap_core::observation::{Observation, QueryRecord};
use automap_core::time::{Timestamp, as_rfc3339};
use schemars::JsonSchema;
use serde::Serialize;

/// What is seen of a target.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct TargetCoverage {
    /// The target.
    pub target: String,
    /// Where its metrics come from, without credentials.
    pub source: String,
    /// First sample of the data that is judged.
    #[serde(with = "as_rfc3339")]
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub from: Timestamp,
    /// Last sample of it.
    #[serde(with = "as_rfc3339")]
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub to: Timestamp,
    /// Seconds between two samples.
    pub step_s: f64,
    /// The columns of every service's `signals`.
    pub signals: Vec<CoverageSignal>,
    /// The services, by name.
    pub services: Vec<ServiceCoverage>,
    /// Signals that are missing somewhere.
    pub missing: Vec<MissingSignal>,
    /// What could not be read, with the reason.
    pub not_checked: Vec<NotChecked>,
    /// Remarks on the data.
    pub notes: Vec<Note>,
    /// The queries, with the size of each answer.
    pub queries: Vec<QueryRecord>,
}

/// A signal that services lack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct MissingSignal {
    /// Which one.
    pub signal: CoverageSignal,
    /// Services without it; all of them where `everywhere`.
    pub services: Vec<String>,
    /// Whether no service has it.
    pub everywhere: bool,
    /// What a diagnosis cannot find without it.
    pub costs: &'static str,
    /// How to get it.
    pub remedy: &'static str,
}

impl TargetCoverage {
    /// From an observation of a target; `now` is when it was fetched.
    pub fn of(target: &str, observation: &Observation, now: Timestamp) -> Self {
        let services = coverage::coverage(observation, now);
        let span = observation.frame.span();
        Self {
            target: target.to_owned(),
            source: observation.source.clone(),
            from: span.start,
            to: span.end,
            step_s: observation.frame.step_ms() as f64 / 1000.0,
            signals: CoverageSignal::ALL.to_vec(),
            missing: MissingSignal::of(&services),
            services,
            not_checked: observation.not_checked.clone(),
            notes: observation.notes.clone(),
            queries: observation.queries.clone(),
        }
    }
}

impl MissingSignal {
    /// The signals that some of these services lack, in the order of the columns.
    pub fn of(services: &[ServiceCoverage]) -> Vec<Self> {
        let with_remedy = |lack: coverage::MissingSignal| Self {
            signal: lack.signal,
            services: lack.services,
            everywhere: lack.everywhere,
            costs: lack.costs,
            remedy: remedy(lack.signal),
        };
        coverage::missing(services).into_iter().map(with_remedy).collect()
    }
}

/// Where a signal usually comes from.
fn remedy(signal: CoverageSignal) -> &'static str {
    match signal {
        CoverageSignal::Requests | CoverageSignal::Errors | CoverageSignal::Latency => {
            "let a mesh, OpenTelemetry or the service itself count its requests; metrics under other names need a preset (`automap config presets` \
             prints examples)"
        }
        CoverageSignal::Calls => {
            "let a mesh, Cilium Hubble or OpenTelemetry's clients measure calls; without them, name who calls whom (`--calls FILE`)"
        }
        CoverageSignal::Cpu | CoverageSignal::Memory | CoverageSignal::Io => {
            "scrape the kubelet's /metrics/cadvisor on every node"
        }
    }
}

#[cfg(test)]
mod tests {
    use automap_core::coverage::Presence;

    use super::*;

    #[test]
    fn what_is_missing_somewhere_is_not_missing_everywhere() {
        let service = |name: &str, first: Presence| ServiceCoverage {
            service: name.into(),
            signals: std::iter::once(first).chain([Presence::Present; 6]).collect(),
            requests_per_s: None,
        };
        let some = MissingSignal::of(&[service("a", Presence::Missing), service("b", Presence::Sparse)]);
        let expected = MissingSignal {
            signal: CoverageSignal::Requests,
            services: vec!["a".into()],
            everywhere: false,
            costs: CoverageSignal::Requests.blind_spot(),
            remedy: remedy(CoverageSignal::Requests),
        };
        assert_eq!(some, [expected]);
        assert!(MissingSignal::of(&[service("a", Presence::Missing)])[0].everywhere);
    }
}
