//! The results of all stages for one observation: the input of reports, maps, explanations and profiles.
//!
//! Nothing here is worded or rounded; that is left to the modules that use it.

use std::collections::{BTreeMap, BTreeSet};

use crate::anomaly::Anomalies;
use crate::attribution::Impact;
use crate::change::ChangeKind;
use crate::course::Plan;
use crate::entity::Entities;
use crate::frame::{MetricFrame, ServiceIdx};
use crate::note::Note;
use crate::rank::change_fit::ChangeFit;
use crate::rank::metric_weights::ConfirmedCase;
use crate::rank::suspects::Suspects;
use crate::rank::{AutomapOptions, Ranking, automap};
use crate::time_of_day::EarlierDay;
use crate::unseen::Unseen;
use crate::windows::Windows;

/// The results of all stages for one observation.
#[derive(Debug)]
pub struct Analysis {
    /// The frame that was analysed, with derived series.
    pub frame: MetricFrame,
    /// What each name stands for, and which service runs on which node.
    pub entities: Entities,
    /// Which incident was diagnosed, and which others there were.
    pub plan: Plan,
    /// The windows.
    pub windows: Windows,
    /// The entry services: those that no other service calls. Empty if no calls are known.
    pub entries: Vec<ServiceIdx>,
    /// The evidence of all series.
    pub anomalies: Anomalies,
    /// What users feel, attributed along the calls; empty if calls are not measured.
    pub impacts: Vec<Impact>,
    /// The services that account for it.
    pub suspects: Suspects,
    /// The services, ranked.
    pub ranking: Ranking,
    /// The changes before the incident that fit its onset, by service.
    pub change_fits: BTreeMap<ServiceIdx, ChangeFit>,
    /// Kinds of change just before the onset that replace, add or remove pods, by service.
    pub brought_about: BTreeMap<ServiceIdx, BTreeSet<ChangeKind>>,
    /// Services that changed only after users felt something; empty if measured calls show how much arises where.
    pub too_late: Vec<ServiceIdx>,
    /// The graphs that the AutoMAP engine learnt; `None` for the evidence engine, which learns no graph.
    pub automap: Option<automap::Prepared>,
    /// The same hours of earlier days, with derived series.
    pub earlier_days: Vec<EarlierDay>,
    /// What was not observed.
    pub unseen: Unseen,
    /// Notes of the stages.
    pub notes: Vec<Note>,
}

impl Analysis {
    /// This incident, with its confirmed cause, as a case to learn metric weights from; `None` for the evidence engine and for a service
    /// that is not in the frame. `options` are those that the engine ranked with.
    pub fn confirmed(&self, id: &str, cause: &str, options: &AutomapOptions) -> Option<ConfirmedCase> {
        let prepared = self.automap.as_ref()?;
        self.frame.find(cause)?;
        Some(ConfirmedCase {
            id: id.to_owned(),
            started: self.windows.incident.start,
            cause: cause.to_owned(),
            anomaly: prepared.anomaly.clone(),
            precision: automap::precision(prepared, &self.frame, options, cause),
        })
    }
}
