//! Which part of a service is affected: its requests counted by pod, node, version, route and other labels, before and during an incident.
//!
//! A source counts ([`Breakdown`]); [`judge`](judge::judge) decides for each label whether the rise is concentrated on some of its values, is spread
//! evenly, or cannot be located. Which services are broken down, and the wording, is left to the report.

pub mod judge;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::text::{clean_name, shown};
use crate::time::Interval;

/// Most values of one label; a label with more is of no use to people.
pub const MAX_VALUES: usize = 200;

/// A label that distinguishes the requests of one service, in the order of the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Label {
    /// The pod that served it.
    Pod,
    /// The node of that pod.
    Node,
    /// The zone of that node.
    Zone,
    /// The version of that pod, or its image.
    Version,
    /// The status of the answer.
    ResponseCode,
    /// The status of gRPC.
    GrpcStatus,
    /// Why a proxy answered instead of the service.
    ResponseFlag,
    /// The caller.
    Caller,
    /// The method, such as `POST`.
    Method,
    /// The route, as a pattern and not as a path.
    Route,
}

impl Label {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Pod,
        Self::Node,
        Self::Zone,
        Self::Version,
        Self::ResponseCode,
        Self::GrpcStatus,
        Self::ResponseFlag,
        Self::Caller,
        Self::Method,
        Self::Route,
    ];

    /// The word for one value, and for several.
    pub fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Pod => ("pod", "pods"),
            Self::Node => ("node", "nodes"),
            Self::Zone => ("zone", "zones"),
            Self::Version => ("version", "versions"),
            Self::ResponseCode => ("response code", "response codes"),
            Self::GrpcStatus => ("gRPC status", "gRPC statuses"),
            Self::ResponseFlag => ("response flag", "response flags"),
            Self::Caller => ("caller", "callers"),
            Self::Method => ("method", "methods"),
            Self::Route => ("route", "routes"),
        }
    }

    /// The name in files and JSON.
    pub fn key(self) -> &'static str {
        match self {
            Self::Pod => "pod",
            Self::Node => "node",
            Self::Zone => "zone",
            Self::Version => "version",
            Self::ResponseCode => "response_code",
            Self::GrpcStatus => "grpc_status",
            Self::ResponseFlag => "response_flag",
            Self::Caller => "caller",
            Self::Method => "method",
            Self::Route => "route",
        }
    }

    /// Whether it is the outcome of a request, so that every failure has it and no other request does.
    pub fn is_outcome(self) -> bool {
        matches!(self, Self::ResponseCode | Self::GrpcStatus | Self::ResponseFlag)
    }
}

/// What rose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// Failed requests among all.
    Failures,
    /// Milliseconds of response time among all requests.
    Latency,
    /// Cores in use, among pods.
    Cpu,
    /// Periods in which a limit throttled the CPU, among all periods.
    Throttling,
    /// Bytes in use, among pods.
    Memory,
    /// Restarts a second, among pods.
    Restarts,
}

impl Measure {
    /// Whether its base is pods, not countable events.
    pub fn is_of_pods(self) -> bool {
        matches!(self, Self::Cpu | Self::Memory | Self::Restarts)
    }
}

/// The counts of one value in one window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Counts {
    /// Requests, periods or pods.
    pub base: f64,
    /// The measured amount: failures, milliseconds, cores.
    pub amount: f64,
}

impl Counts {
    /// Whether both numbers can be added up.
    fn is_usable(self) -> bool {
        [self.base, self.amount].iter().all(|x| x.is_finite() && *x >= 0.0)
    }

    /// Amount per unit of the base; `None` without a base.
    pub fn level(self) -> Option<f64> {
        (self.base > 0.0).then(|| self.amount / self.base)
    }
}

/// One value of a label.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ValueCounts {
    /// The value; empty if the label is absent.
    pub value: String,
    /// In the baseline; `None` if it was absent.
    pub before: Option<Counts>,
    /// In the incident; `None` if it was absent.
    pub during: Option<Counts>,
}

/// The counts by one label.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ByLabel {
    /// The label.
    pub label: Label,
    /// Its values, ordered.
    pub values: Vec<ValueCounts>,
}

/// A label by which nothing could be counted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct UnseenLabel {
    /// The label.
    pub label: Label,
    /// Why.
    pub reason: String,
}

/// One measure of one service, counted by its labels in both windows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Breakdown {
    /// The service.
    pub service: String,
    /// What was counted.
    pub measure: Measure,
    /// The window taken as normal.
    pub baseline: Interval,
    /// The window of the incident.
    pub incident: Interval,
    /// The labels that the series have.
    pub labels: Vec<ByLabel>,
    /// The labels that they lack.
    pub unseen: Vec<UnseenLabel>,
}

/// Breakdowns of an observation.
const MAX_BREAKDOWNS: usize = 16;
/// Longest reason, in characters.
const MAX_REASON_CHARS: usize = 200;

/// The breakdowns of a file, with invalid counts removed, names cleaned, and all lengths bounded. Idempotent.
pub fn bounded(mut all: Vec<Breakdown>) -> Vec<Breakdown> {
    all.truncate(MAX_BREAKDOWNS);
    for one in &mut all {
        one.service = clean_name(&one.service).into_owned();
        one.labels.truncate(Label::ALL.len());
        one.unseen.truncate(Label::ALL.len());
        one.unseen.iter_mut().for_each(|u| u.reason = shown(&u.reason, MAX_REASON_CHARS));
        for by in &mut one.labels {
            by.values.truncate(MAX_VALUES);
            for value in &mut by.values {
                value.value = clean_name(&value.value).into_owned();
                value.before = value.before.filter(|c| c.is_usable());
                value.during = value.during.filter(|c| c.is_usable());
            }
        }
    }
    all
}

/// A service to break down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The service.
    pub service: String,
    /// What rose, the most telling first.
    pub measures: Vec<Measure>,
    /// The window taken as normal.
    pub baseline: Interval,
    /// The window of the incident.
    pub incident: Interval,
}
