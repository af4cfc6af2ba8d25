//! Reports which signals each service delivers: a cause that no signal shows cannot be found.
//!
//! `doctor`, `discover` and the API show this table. It only states what is there; how to close a gap is up to the sources.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::frame::MetricFrame;
use crate::metric::{Family, Side};
use crate::observation::Observation;
use crate::stats::{finite, median};
use crate::time::Timestamp;

/// Share of observed samples from which a signal counts as present.
const PRESENT: f64 = 0.8;
/// A signal without values for at least this long at the end of the data has stopped.
const STALE_MS: i64 = 300_000;

/// A signal that every service should have, in the order of the table's columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CoverageSignal {
    /// Requests per second.
    Requests,
    /// Share of failed requests.
    Errors,
    /// Time to answer.
    Latency,
    /// What its callers measure.
    Calls,
    /// Processor use.
    Cpu,
    /// Memory in use.
    Memory,
    /// Bytes to and from disks or the network.
    Io,
}

impl CoverageSignal {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Requests, Self::Errors, Self::Latency, Self::Calls, Self::Cpu, Self::Memory, Self::Io];

    /// The word in tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::Errors => "errors",
            Self::Latency => "latency",
            Self::Calls => "calls",
            Self::Cpu => "cpu",
            Self::Memory => "memory",
            Self::Io => "io",
        }
    }

    /// What a diagnosis cannot find without this signal.
    pub fn blind_spot(self) -> &'static str {
        match self {
            Self::Requests => {
                "a change of load cannot be distinguished from a fault, and lost requests are not noticed"
            }
            Self::Errors => "failing requests are not noticed",
            Self::Latency => "slow answers are not noticed",
            Self::Calls => "calls are unknown, so network faults and the path of a fault are not found",
            Self::Cpu => "CPU faults are found only by their symptoms, and named with less confidence",
            Self::Memory => "memory leaks and out-of-memory kills are found only by their symptoms",
            Self::Io => "disk and network faults are found only by their symptoms",
        }
    }

    fn matches(self, family: &Family, side: Side) -> bool {
        match (self, side) {
            (Self::Calls, Side::Client) => true,
            (Self::Calls, _) | (_, Side::Client) => false,
            (Self::Requests, _) => *family == Family::Throughput,
            (Self::Errors, _) => *family == Family::Error,
            (Self::Latency, _) => *family == Family::Latency,
            (Self::Cpu, _) => *family == Family::Cpu,
            (Self::Memory, _) => *family == Family::Memory,
            (Self::Io, _) => matches!(family, Family::Disk | Family::Network),
        }
    }
}

/// How completely a signal is observed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Presence {
    /// In at least 80 % of the samples.
    Present,
    /// With many gaps.
    Sparse,
    /// It has stopped.
    Stale,
    /// Never observed.
    Missing,
}

impl Presence {
    /// The word in tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Present => "present",
            Self::Sparse => "sparse",
            Self::Stale => "stale",
            Self::Missing => "missing",
        }
    }
}

/// The signals of one service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ServiceCoverage {
    /// Its name.
    pub service: String,
    /// In the order of [`CoverageSignal::ALL`].
    pub signals: Vec<Presence>,
    /// Median of its requests per second; `null` if none were counted.
    pub requests_per_s: Option<f64>,
}

/// A signal that services lack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MissingSignal {
    /// Which one.
    pub signal: CoverageSignal,
    /// Services without it; all services if `everywhere`.
    pub services: Vec<String>,
    /// Whether no service has it.
    pub everywhere: bool,
    /// What a diagnosis cannot find without it.
    pub costs: &'static str,
}

/// Returns the signals that some of these services lack, in the order of the columns. O(services).
pub fn missing(services: &[ServiceCoverage]) -> Vec<MissingSignal> {
    let without = |column: usize| -> Vec<String> {
        let lacks = move |s: &&ServiceCoverage| s.signals.get(column) == Some(&Presence::Missing);
        services.iter().filter(lacks).map(|s| s.service.clone()).collect()
    };
    let columns = CoverageSignal::ALL.into_iter().enumerate().map(|(i, signal)| (signal, without(i)));
    let lacking = columns.filter(|(_, lacking)| !lacking.is_empty());
    let told = |(signal, lacking): (CoverageSignal, Vec<String>)| {
        let everywhere = lacking.len() == services.len();
        MissingSignal { signal, services: lacking, everywhere, costs: signal.blind_spot() }
    };
    lacking.map(told).collect()
}

/// Returns the signals of every service of an observation, by name; nodes have different ones and are left out. `now` is the time when the data was
/// fetched. O(series × samples).
///
/// ```
/// use automap_core::coverage::{CoverageSignal, Presence, coverage};
/// use automap_core::frame::{RawSeries, assemble};
/// use automap_core::observation::Observation;
/// use automap_core::time::Timestamp;
/// use automap_core::topology::CallGraph;
///
/// let times: Vec<Timestamp> = (0..20).map(|i| Timestamp::from_ms(i * 5_000)).collect();
/// let points = times.iter().map(|t| (*t, 12.0)).collect();
/// let raw = RawSeries { service: "web".into(), metric: "latency_ms".into(), peer: None, points };
/// let (frame, _) = assemble(vec![raw], times)?;
/// let observation = Observation::new(frame, CallGraph::new(), "an example");
/// let table = coverage(&observation, Timestamp::from_ms(100_000));
/// let latency = CoverageSignal::ALL.iter().position(|s| *s == CoverageSignal::Latency).expect("a signal");
/// assert_eq!(table[0].signals[latency], Presence::Present);
/// assert_eq!(table[0].requests_per_s, None, "requests are not measured");
/// # Ok::<(), automap_core::frame::FrameError>(())
/// ```
pub fn coverage(observation: &Observation, now: Timestamp) -> Vec<ServiceCoverage> {
    let frame = &observation.frame;
    let of = |name: &str| {
        let service = frame.find(name);
        let series = |signal: CoverageSignal| {
            let own = frame.series().iter().filter(move |s| Some(s.service) == service);
            own.filter(move |s| signal.matches(&s.metric.family, s.metric.side))
        };
        let best = |signal| series(signal).map(|s| presence(frame, &s.values, now)).min().unwrap_or(Presence::Missing);
        let requests = series(CoverageSignal::Requests).map(|s| finite(&s.values)).filter(|v| !v.is_empty());
        ServiceCoverage {
            service: name.to_owned(),
            signals: CoverageSignal::ALL.map(best).to_vec(),
            requests_per_s: requests.map(|v| median(&v)).max_by(f64::total_cmp),
        }
    };
    observation.services().map(of).collect()
}

fn presence(frame: &MetricFrame, values: &[f64], now: Timestamp) -> Presence {
    let observed = values.iter().filter(|v| v.is_finite()).count();
    let Some(last) = values.iter().rposition(|v| v.is_finite()) else { return Presence::Missing };
    let end = frame.times().last().copied().unwrap_or(now).min(now);
    match frame.times().get(last) {
        Some(time) if end.ms() - time.ms() > STALE_MS => Presence::Stale,
        _ if (observed as f64) < PRESENT * values.len() as f64 => Presence::Sparse,
        _ => Presence::Present,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{RawSeries, assemble};
    use crate::topology::CallGraph;

    #[test]
    fn signals_are_present_sparse_stale_or_missing() {
        let time = |i: i64| Timestamp::from_ms(i * 15_000);
        let series = |metric: &str, keep: fn(i64) -> bool| RawSeries {
            service: "web".into(),
            metric: metric.into(),
            peer: None,
            points: (0..240).filter(|i| keep(*i)).map(|i| (time(i), 2.0)).collect(),
        };
        let raw = vec![
            series("throughput_rps", |_| true),
            series("latency_ms", |i| i % 3 == 0),
            series("cpu_cores", |i| i < 100),
            series("client_latency_ms", |_| true),
        ];
        let (frame, _) = assemble(raw, (0..240).map(time).collect()).unwrap();
        let observation = Observation::new(frame, CallGraph::new(), "test");
        let table = coverage(&observation, time(240));
        use Presence::{Missing, Present, Sparse, Stale};
        assert_eq!(table[0].signals, [Present, Missing, Sparse, Present, Stale, Missing, Missing]);
        assert_eq!((table.len(), table[0].requests_per_s), (1, Some(2.0)));
    }
}
