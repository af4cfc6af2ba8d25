//! A saved report, shown like a recording: it has its incident, its map and its series, but no metrics.

use std::collections::BTreeMap;
use std::sync::Arc;

use automap_core::dossier::Dossier;
use automap_core::incident::Incident;
use automap_core::time::Interval;
use tokio::sync::broadcast;

use super::{Data, MAX_BEHIND, RecordedSystem, incidents};
use crate::dossiers::Dossiers;
use crate::snapshots::Observed;
use crate::store::IncidentStore;
use crate::store::memory::MemoryStore;
use crate::system::SystemError;

impl RecordedSystem {
    /// Shows a saved report under the name `target`: with the incident that was saved with it, else with the one that it is about.
    ///
    /// # Errors
    /// [`SystemError::Refused`] if its windows are empty, or the incident is not valid.
    pub fn of_saved(
        target: &str,
        incident: Option<Incident>,
        dossier: Dossier,
        store: &Arc<MemoryStore>,
    ) -> Result<Self, SystemError> {
        let windows = &dossier.report.windows;
        let span = Interval::new(windows.baseline_start.min(windows.incident_start), windows.incident_end);
        let span = span.ok_or_else(|| refused("the incident of this report ends before it begins".to_owned()))?;
        let report = dossier.report.clone();
        let incident = incident.or_else(|| incidents::of_report(target, span.end, &report));
        let target = incident.as_ref().map_or(target, |incident| incident.target.as_str()).to_owned();
        if let Some(mut incident) = incident {
            incident.report = Some(report.clone());
            store.restore(&incident).map_err(|e| refused(e.to_string()))?;
        }
        Ok(Self {
            target,
            source: report.source.clone(),
            span,
            report: Arc::new(report),
            map: Arc::new(dossier.map.clone()),
            data: Data::Saved(Arc::new(dossier)),
            store: Arc::clone(store),
            experiments: Vec::new(),
            dossiers: Dossiers::default(),
            changes: broadcast::Sender::new(MAX_BEHIND),
        })
    }
}

/// The services of its map; their levels are not known.
pub(super) fn services(dossier: &Dossier) -> BTreeMap<String, Observed> {
    dossier.map.nodes.iter().map(|node| (node.service.clone(), Observed::default())).collect()
}

/// The error for a request that needs metrics.
pub(super) fn without_metrics() -> SystemError {
    let message = "a saved report holds no metrics".to_owned();
    let next = "open the capture of the incident: `automap capture` or \"Download the capture\" saves it".to_owned();
    SystemError::Refused { message, next }
}

fn refused(message: String) -> SystemError {
    SystemError::Refused { message, next: "save the report anew".to_owned() }
}
