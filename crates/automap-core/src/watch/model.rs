//! The input and output of a watch: options, the input of one poll, and its outcome.
//!
//! Plain data; the sibling modules make the decisions.

use super::vitals::VitalsOptions;
use crate::diagnose::DiagnoseOptions;
use crate::incident::{Incident, IndicatorChange, Severity, SloImpact};
use crate::observation::Observation;
use crate::report::Report;
use crate::time::Timestamp;
use crate::time_of_day::CompareWith;
use crate::unseen::Unanswered;

/// When an incident opens and closes. All durations are in milliseconds.
#[derive(Clone, Copy, Debug)]
pub struct WatchOptions {
    /// How each poll is diagnosed.
    pub diagnose: DiagnoseOptions,
    /// Which changes of latency, errors and requests users notice.
    pub vitals: VitalsOptions,
    /// Length of "now", the end of the data that is compared with the baseline. Default 30 s; at least three samples.
    pub now_ms: i64,
    /// Which earlier days are requested before an incident opens ([`WatchOutcome::wanted_days`]); the caller must be able to provide them. Default
    /// none.
    pub compare_with: CompareWith,
    /// How long users must notice a change before an incident opens. Default 1 min: the half minute of slow answers of a deployment is over by then.
    pub confirm_ms: i64,
    /// The same if many requests fail. Default 30 s.
    pub confirm_critical_ms: i64,
    /// How long a resource must be abnormal before it opens an incident that no user notices. Default 3 min: pods that start are busy for a
    /// minute or two.
    pub confirm_resource_ms: i64,
    /// Confidence needed to open an incident that no user notices, 0–1. Default 0.9.
    pub resource_confidence: f64,
    /// How many times its normal level a resource must reach to open an incident that no user notices. Default 2.
    pub resource_factor: f64,
    /// How long nothing may be wrong before an incident is closed. Default 2 min.
    pub recover_ms: i64,
    /// A problem that returns within this time after its incident was closed reopens it. Default 10 min.
    pub merge_ms: i64,
    /// Changes within this time of an incident's onset are the same problem, still spreading; later ones may be a separate problem. Default 90 s:
    /// rates need a minute to reach their level.
    pub spread_ms: i64,
    /// How long an open incident is diagnosed again at every poll; after that only its indicators are checked. Default 15 min.
    pub diagnose_ms: i64,
    /// An incident that lasts longer is closed, and its level is accepted as the new normal. Default 6 h.
    pub accept_ms: i64,
    /// Baseline needed before anything is judged. Default 10 min; at least 20 samples.
    pub learn_ms: i64,
    /// The most recent data, which is excluded from the baseline while no incident is open, since one may be starting. Default 2 min.
    pub guard_ms: i64,
    /// Without data newer than this the source counts as stale. Default 90 s.
    pub stale_ms: i64,
}

impl Default for WatchOptions {
    fn default() -> Self {
        Self {
            diagnose: DiagnoseOptions::default(),
            vitals: VitalsOptions::default(),
            now_ms: 30_000,
            compare_with: CompareWith::None,
            confirm_ms: 60_000,
            confirm_critical_ms: 30_000,
            confirm_resource_ms: 180_000,
            resource_confidence: 0.9,
            resource_factor: 2.0,
            recover_ms: 120_000,
            merge_ms: 600_000,
            spread_ms: 90_000,
            diagnose_ms: 900_000,
            accept_ms: 6 * 3_600_000,
            learn_ms: 600_000,
            guard_ms: 120_000,
            stale_ms: 90_000,
        }
    }
}

/// What one poll of a target delivers.
#[derive(Debug)]
pub struct WatchInput<'a> {
    /// Time of the poll.
    pub now: Timestamp,
    /// The metrics up to now, baseline included. Its window hint is ignored.
    pub observation: &'a Observation,
    /// Objectives whose error budget burns too fast now, each with its severity.
    pub slos: &'a [(SloImpact, Severity)],
    /// Names of the objectives of which it is not known whether they burn. They open no incident, and end none.
    pub uncounted: &'a [String],
    /// Alerts of other systems that are firing now.
    pub alerts: &'a [Alert],
}

/// What is reported at a poll whose data cannot be judged.
#[derive(Debug)]
pub struct Reported<'a> {
    /// Time of the poll.
    pub now: Timestamp,
    /// Objectives whose error budget burns too fast now, each with its severity.
    pub slos: &'a [(SloImpact, Severity)],
    /// Alerts of other systems that are firing now.
    pub alerts: &'a [Alert],
    /// Why the data cannot be judged: `the source has been failing since 2026-11-25T14:03:15Z`.
    pub why: &'a str,
    /// Where the data begins; `None` if there is none.
    pub data_since: Option<Timestamp>,
}

/// A firing alert of another system, such as Alertmanager.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alert {
    /// Its `groupKey` or fingerprint.
    pub key: String,
    /// One line of text.
    pub summary: String,
    /// When the problem began according to the alert.
    pub started: Timestamp,
    /// The services that it names, by which it is assigned to an incident; empty if it names none.
    pub services: Vec<String>,
}

/// Whether the data of a poll can be judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WatchHealth {
    /// It can.
    Ready,
    /// There is not enough baseline yet.
    Learning {
        /// Baseline samples so far.
        samples: usize,
        /// Samples needed.
        needed: usize,
    },
    /// The source has no recent data.
    Stale {
        /// Time of the last sample.
        since: Timestamp,
    },
    /// So many services stopped reporting at once that the source must be the cause.
    SourceSilent {
        /// Services that stopped reporting.
        services: usize,
        /// Services that reported just before.
        of: usize,
    },
    /// Some queries for requests were not answered. What is observed may open an incident; what is not observed neither counts as calm nor ends one.
    Partial(Vec<Unanswered>),
}

/// Result of one poll.
#[derive(Debug)]
pub struct WatchOutcome {
    /// Whether the data could be judged.
    pub health: WatchHealth,
    /// The incidents that opened, changed or closed, in their new revisions; empty if nothing worth reporting happened.
    pub changes: Vec<Incident>,
    /// The latest diagnosis, of the most severe incident if several are open; `None` if nothing could be judged.
    pub report: Option<Report>,
    /// Indicators that are out of their normal range now.
    pub signs: Vec<IndicatorChange>,
    /// Share of the remembered time that was excluded from the baseline because of incidents, 0–1; 0 while an incident is open.
    pub disturbed: f64,
    /// Earlier days to query: an incident is due, but may be usual at this hour. Whether it opens is decided when the same input is evaluated again
    /// with these days, observed or not.
    pub wanted_days: Vec<u32>,
}

/// The part of a poll that belongs to one incident.
#[derive(Debug, Default)]
pub(super) struct Share {
    /// Signs that are its own.
    pub(super) signs: Vec<IndicatorChange>,
    pub(super) alerts: Vec<Alert>,
    pub(super) slos: Vec<(SloImpact, Severity)>,
    /// Whether something is wrong that belongs to it.
    pub(super) is_wrong: bool,
    /// Whether something is wrong that may or may not belong to it.
    pub(super) is_unclear: bool,
}
