//! The running watcher as the API and the MCP server see it: one trait, and the values that pass through it. It names no transport, and no
//! part of the watcher; [`crate::live_system::LiveSystem`] implements it, and tests have an implementation of their own.

mod coverage;
mod drill;
mod experiment;
mod metrics;
pub mod questions;
mod request;
mod status;

use std::sync::Arc;

use automap_core::compare::Comparison;
use automap_core::dossier::{Dossier, ServiceDossier};
use automap_core::explain::Explanation;
use automap_core::incident::Incident;
use automap_core::profile::ProfileTable;
use automap_core::report::Report;
use automap_core::service_map::ServiceMap;
use automap_core::slo::SloStatus;
use automap_core::time::Interval;
use tokio::sync::broadcast;

use crate::alerts::AlertGroup;
use crate::alerts::matching::AlertTargets;
use crate::mutes::{ListedMute, MuteError, MuteRequest};
use crate::store::{ChangeFate, Mute, StoreError, ToldChange};
use crate::watcher::TargetStatus;

pub use coverage::{MissingSignal, TargetCoverage};
pub use drill::{Drill, DrillInPlace, DrillStage, Drills};
pub use experiment::{Experiment, ExperimentSource, period_beside};
pub use metrics::{SystemMetrics, TargetMetrics};
pub use request::{CompareRequest, DiagnoseRequest, EmptyPeriod, EngineName, Period};
pub(crate) use status::latest;
pub use status::{IncidentChange, ServiceLevels, ServiceStatus};

/// The running watcher. Every method may block; callers run them on threads that may block, a bounded number at once. A method that panics is
/// answered with an error and affects no other caller.
pub trait System: Send + Sync + 'static {
    /// Every target of the configuration and its state, by name. Must not wait for a source, because probes depend on it.
    fn targets(&self) -> Vec<TargetStatus>;

    /// The latest report of a target, whether or not there is an incident; `None` before the first.
    fn latest_report(&self, target: &str) -> Option<Arc<Report>>;

    /// The services of a target as last observed, by name.
    ///
    /// # Errors
    /// [`SystemError::NotFound`] for an unknown target.
    fn services(&self, target: &str) -> Result<Vec<ServiceStatus>, SystemError>;

    /// The state of a target's objectives.
    ///
    /// # Errors
    /// [`SystemError::NotFound`] for an unknown target.
    fn slos(&self, target: &str) -> Result<Arc<Vec<SloStatus>>, SystemError>;

    /// The profiles of a target's services as last computed.
    ///
    /// # Errors
    /// [`SystemError::NotFound`] for an unknown target, or before the first profile.
    fn profiles(&self, target: &str) -> Result<ProfileTable, SystemError>;

    /// Fetches the metrics of a target and diagnoses them now. Takes seconds.
    ///
    /// # Errors
    /// [`SystemError`] when the request is not valid, or the source does not answer.
    fn diagnose(&self, request: &DiagnoseRequest) -> Result<Report, SystemError>;

    /// The service map of an incident. Fetches the incident's metrics again; takes seconds.
    ///
    /// # Errors
    /// [`SystemError::NotFound`] when there is no such incident; [`SystemError::Refused`] when its metrics are gone.
    fn service_map(&self, incident: &str) -> Result<ServiceMap, SystemError>;

    /// Everything that a page about an incident shows: its report, the map, how it spread, the series. The report is the one that the incident
    /// carries. Fetches the incident's metrics again; takes seconds.
    ///
    /// # Errors
    /// As [`Self::service_map`].
    fn dossier(&self, incident: &str) -> Result<Arc<Dossier>, SystemError>;

    /// Who calls whom now, with what is wrong. Must not wait for a source.
    ///
    /// # Errors
    /// [`SystemError::NotFound`] for an unknown target, or before the first diagnosis.
    fn latest_map(&self, target: &str) -> Result<Arc<ServiceMap>, SystemError>;

    /// What one service shows now, and in the hour before. Takes seconds.
    ///
    /// # Errors
    /// [`SystemError::NotFound`] for an unknown target or service; else as [`Self::diagnose`].
    fn service_dossier(&self, target: &str, service: &str) -> Result<ServiceDossier, SystemError>;

    /// What differs between two periods. Takes seconds.
    ///
    /// # Errors
    /// As [`Self::diagnose`].
    fn compare(&self, request: &CompareRequest) -> Result<Comparison, SystemError>;

    /// Why a service ranks where it ranks in an incident. Fetches the incident's metrics again; takes seconds.
    ///
    /// # Errors
    /// [`SystemError::NotFound`] when there is no such incident or service.
    fn explain(&self, incident: &str, service: &str) -> Result<Explanation, SystemError>;

    /// The targets that alerts from outside are matched with, before their sender is answered.
    fn alert_targets(&self) -> AlertTargets;

    /// Keeps the alerts of a group, so that they outlive this process, and firing ones for as long again where they are repeated. Done before the
    /// sender is answered.
    ///
    /// # Errors
    /// [`SystemError::Unavailable`] when the store does not answer; the sender must send them again.
    fn keep_alerts(&self, group: &AlertGroup) -> Result<(), SystemError>;

    /// Receives alerts from outside, already parsed, bounded, cleared of repetitions and matched with targets.
    ///
    /// # Errors
    /// The caller can only log them, because the sender was answered before.
    fn alert(&self, group: &AlertGroup) -> Result<(), SystemError>;

    /// Stores reported changes, so that they outlive this process; returns what became of each. Done before the sender is answered.
    ///
    /// # Errors
    /// [`SystemError::Unavailable`] when the store does not answer; the sender must send them again.
    fn tell_changes(&self, changes: &[ToldChange]) -> Result<Vec<ChangeFate>, SystemError>;

    /// Records that the user `by` confirmed `service` as the cause. Returns the incident as it is now.
    ///
    /// # Errors
    /// [`SystemError::NotFound`] when there is no such incident; [`SystemError::Refused`] when its report names no such service.
    fn confirm(&self, incident: &str, service: &str, by: &str) -> Result<Incident, SystemError>;

    /// Adds a note of the user `by` to an incident's timeline. Returns the incident as it is now.
    ///
    /// # Errors
    /// [`SystemError::NotFound`] when there is no such incident; [`SystemError::Refused`] when it holds as many notes as are kept.
    fn note(&self, incident: &str, text: &str, by: &str) -> Result<Incident, SystemError>;

    /// The metrics of an incident as a capture, in the windows of its report. Takes seconds.
    ///
    /// # Errors
    /// As [`Self::service_map`].
    fn capture(&self, incident: &str) -> Result<Vec<u8>, SystemError>;

    /// Which signals each service of a target delivers, what is missing, and what each answer cost. Takes seconds.
    ///
    /// # Errors
    /// [`SystemError::NotFound`] for an unknown target; else as [`Self::diagnose`].
    fn coverage(&self, target: &str) -> Result<TargetCoverage, SystemError>;

    /// The experiments that were in place at some time of a period, in the order they began.
    ///
    /// # Errors
    /// As [`Self::experiments`], without an incident.
    fn experiments_during(&self, period: Interval) -> Result<Vec<Experiment>, SystemError>;

    /// The experiments that ran during an incident and in the minutes before it.
    ///
    /// # Errors
    /// [`SystemError::NotFound`] when there is no such incident; [`SystemError::Refused`] when no source of experiments is known;
    /// [`SystemError::Unavailable`] when it cannot be read.
    fn experiments(&self, incident: &str) -> Result<Vec<Experiment>, SystemError>;

    /// Where faults may be injected from here; `None` everywhere but in a demo.
    fn drill_stage(&self) -> Option<&dyn DrillStage> {
        None
    }

    /// The mutes that apply now or later.
    fn mutes(&self) -> Vec<ListedMute>;

    /// Mutes incidents as the user `by` asks.
    ///
    /// # Errors
    /// [`SystemError::Refused`] when the request is not valid; [`SystemError::Unavailable`] when the store does not answer.
    fn add_mute(&self, request: &MuteRequest, by: &str) -> Result<Mute, SystemError>;

    /// Ends a mute before its time.
    ///
    /// # Errors
    /// [`SystemError::NotFound`] when there is no such mute or it has ended; [`SystemError::Refused`] when it is a window or a silence.
    fn end_mute(&self, id: &str) -> Result<(), SystemError>;

    /// Changes of incidents from now on.
    fn subscribe(&self) -> broadcast::Receiver<IncidentChange>;

    /// Counters since the start.
    fn metrics(&self) -> SystemMetrics;
}

/// Why the watcher could not fulfil a request. The texts are the same for the API and for MCP.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SystemError {
    /// The named thing does not exist.
    #[error("there is no {what} {name:?}")]
    NotFound {
        /// `target`, `incident`, `service`, `mute` or `drill`.
        what: &'static str,
        /// The name in the request.
        name: String,
    },
    /// The request is not valid, or cannot be answered from the data.
    #[error("{message}")]
    Refused {
        /// What is wrong, for the user.
        message: String,
        /// What to try next.
        next: String,
    },
    /// A source or database does not answer.
    #[error("{place}: {message}")]
    Unavailable {
        /// Which one, without credentials.
        place: String,
        /// What happened.
        message: String,
    },
}

/// The database's own text may contain paths and addresses, so it is left out. It is in the log already, since renewing a lease fails as well.
impl From<StoreError> for SystemError {
    fn from(_: StoreError) -> Self {
        Self::Unavailable { place: "the store".into(), message: "it does not answer; see automap's log".into() }
    }
}

impl From<MuteError> for SystemError {
    fn from(error: MuteError) -> Self {
        match error {
            MuteError::Refused { message, next } => Self::Refused { message, next },
            MuteError::Store(error) => error.into(),
        }
    }
}
