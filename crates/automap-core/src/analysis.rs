//! What all stages found in one observation: the input of reports, maps, explanations and profiles.
//!
//! Nothing here is worded or rounded; that is left to those that are made from it.

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
    /// What each name stands for, and what runs on what.
    pub entities: Entities,
    /// Which incident was diagnosed, and which others there were.
    pub plan: Plan,
    /// The windows.
    pub windows: Windows,
    /// Services that no other service calls: there users enter. Empty where no calls are known.
    pub entries: Vec<ServiceIdx>,
    /// What was unusual.
    pub anomalies: Anomalies,
    /// What users feel, divided along the calls; empty where calls are not measured.
    pub impacts: Vec<Impact>,
    /// Who accounts for it.
    pub suspects: Suspects,
    /// Who is blamed.
    pub ranking: Ranking,
    /// What was changed before the incident and fits it.
    pub change_fits: BTreeMap<ServiceIdx, ChangeFit>,
    /// Changes just before the onset that replace, add or remove pods.
    pub brought_about: BTreeMap<ServiceIdx, BTreeSet<ChangeKind>>,
    /// Services that changed after users felt something, where calls do not tell how much arises where.
    pub too_late: Vec<ServiceIdx>,
    /// What the AutoMAP engine learnt on its way; `None` for the evidence engine, which learns no graph.
    pub automap: Option<automap::Prepared>,
    /// The same hours of earlier days, with derived series.
    pub earlier_days: Vec<EarlierDay>,
    /// What was not observed.
    pub unseen: Unseen,
    /// Remarks of the stages.
    pub notes: Vec<Note>,
}

impl Analysis {
    /// This incident as a case to learn metric weights from, now that its cause is known; `None` for the evidence engine and for a service
    /// that the frame does not know. `options` are those that the engine ranked with.
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
