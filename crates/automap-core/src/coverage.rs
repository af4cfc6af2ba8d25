//! What can be seen of every service: the ground that a diagnosis stands on. A signal that is missing is evidence that cannot be found.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::frame::{MetricFrame, ServiceIdx};
use crate::metric::{Family, Side};
use crate::stats::{finite, median};
use crate::time::Timestamp;

/// Share of its instants that a signal needs to count as present.
const PRESENT: f64 = 0.8;
/// A signal without values for so long at the end has stopped.
const STALE_MS: i64 = 300_000;

/// What is looked for, in the order of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CoverageSignal {
    /// Requests per second.
    Requests,
    /// Share of failed requests.
    Errors,
    /// Time to answer.
    Latency,
    /// What the callers measure.
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

    /// What a diagnosis cannot find without it.
    pub fn blind_spot(self) -> &'static str {
        match self {
            Self::Requests => "load cannot be told from a fault, and lost requests are not noticed",
            Self::Errors => "failing requests are not noticed",
            Self::Latency => "slow answers are not noticed",
            Self::Calls => "who calls whom is not known, so a slow network and the way of a fault are not found",
            Self::Cpu => "processor faults are found by their symptoms only, and named with less confidence",
            Self::Memory => "leaks and kills for memory are found by their symptoms only",
            Self::Io => "disk and network faults are found by their symptoms only",
        }
    }

    fn is(self, family: &Family, side: Side) -> bool {
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

/// How much of a signal is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Presence {
    /// Nearly everywhere.
    Present,
    /// With many gaps.
    Sparse,
    /// Not any more.
    Stale,
    /// Never.
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

/// One service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ServiceCoverage {
    /// Its name.
    pub service: String,
    /// In the order of [`CoverageSignal::ALL`].
    pub signals: Vec<Presence>,
    /// Median of its requests per second; `null` where none were counted.
    pub requests_per_s: Option<f64>,
}

/// What is seen of every service of a frame, by name. `now` is when it was fetched.
pub fn coverage(frame: &MetricFrame, now: Timestamp) -> Vec<ServiceCoverage> {
    let of = |(i, name): (usize, &String)| {
        let series = |signal: CoverageSignal| {
            let own = frame.series().iter().filter(move |s| s.service == ServiceIdx(i));
            own.filter(move |s| signal.is(&s.metric.family, s.metric.side))
        };
        let best = |signal| series(signal).map(|s| presence(frame, &s.values, now)).min().unwrap_or(Presence::Missing);
        let requests = series(CoverageSignal::Requests).map(|s| finite(&s.values)).filter(|v| !v.is_empty());
        ServiceCoverage {
            service: name.clone(),
            signals: CoverageSignal::ALL.map(best).to_vec(),
            requests_per_s: requests.map(|v| median(&v)).max_by(f64::total_cmp),
        }
    };
    frame.services().iter().enumerate().map(of).collect()
}

fn presence(frame: &MetricFrame, values: &[f64], now: Timestamp) -> Presence {
    let seen = values.iter().filter(|v| v.is_finite()).count();
    let Some(last) = values.iter().rposition(|v| v.is_finite()) else { return Presence::Missing };
    let end = frame.times().last().copied().unwrap_or(now).min(now);
    match frame.times().get(last) {
        Some(time) if end.ms() - time.ms() > STALE_MS => Presence::Stale,
        _ if (seen as f64) < PRESENT * values.len() as f64 => Presence::Sparse,
        _ => Presence::Present,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{RawSeries, assemble};

    #[test]
    fn every_signal_is_there_thin_gone_or_never_was() {
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
        let seen = coverage(&frame, time(240));
        use Presence::{Missing, Present, Sparse, Stale};
        assert_eq!(seen[0].signals, [Present, Missing, Sparse, Present, Stale, Missing, Missing]);
        assert_eq!((seen.len(), seen[0].requests_per_s), (1, Some(2.0)));
    }
}
