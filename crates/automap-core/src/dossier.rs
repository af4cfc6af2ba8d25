//! Everything that an incident page shows: the report, the map, the spread and the charts, as plain data.
//!
//! The page's renderers take only a [`Dossier`], so they need neither the observation nor the analysis.

mod select;

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::analysis::Analysis;
use crate::chart::Chart;
use crate::diagnose::{DiagnoseError, DiagnoseOptions, analyse};
use crate::note::Note;
use crate::observation::Observation;
use crate::report::evidence::Facts;
use crate::report::{self, ListedChange, Report};
use crate::service_map::{self, MapKind, ServiceMap};
use crate::spread::{Propagation, propagation};
use crate::verdict::VerdictOptions;

/// Version of this schema.
pub const DOSSIER_SCHEMA_VERSION: u32 = 1;

/// One incident, ready to be printed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Dossier {
    /// Version of this schema.
    pub schema_version: u32,
    /// The version of the program that made it, such as `0.1.0`.
    pub automap_version: String,
    /// The answer.
    pub report: Report,
    /// The service map, with the roles of this incident, and the learnt edges if the engine learnt a graph.
    pub map: ServiceMap,
    /// How it spread from the cause to the services that noticed it; empty without an incident.
    pub propagation: Propagation,
    /// The series behind the answer, at most [`MAX_CHARTS`]: the cause's, then what users notice, then the victims'.
    pub charts: Vec<Chart>,
}

/// One service of a dossier's system, ready to be shown: all its series, and those of its calls.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ServiceDossier {
    /// The service.
    pub service: String,
    /// The services that call it, by name.
    pub callers: Vec<String>,
    /// The services that it calls, by name.
    pub callees: Vec<String>,
    /// Its series: first what its users feel, then its other own series, then its calls; at most [`MAX_SERVICE_CHARTS`].
    pub charts: Vec<Chart>,
    /// Series beyond that number.
    pub omitted: usize,
    /// Its changes, in time order.
    pub changes: Vec<ListedChange>,
}

pub use select::{MAX_CHARTS, MAX_SERVICE_CHARTS};

/// From an observation to everything that a page shows.
///
/// # Errors
/// Same as for [`crate::diagnose::diagnose`].
pub fn compose(observation: &Observation, options: &DiagnoseOptions) -> Result<Dossier, DiagnoseError> {
    Ok(of_analysis(observation, &analyse(observation, options)?, &options.verdict))
}

/// The same, from an existing analysis.
pub fn of_analysis(observation: &Observation, analysis: &Analysis, options: &VerdictOptions) -> Dossier {
    of_report(observation, analysis, report::compose(observation, analysis, options), options)
}

/// The same, for an existing report: the report stays unchanged, and the rest is made for it.
pub fn of_report(observation: &Observation, analysis: &Analysis, report: Report, options: &VerdictOptions) -> Dossier {
    let facts = Facts { frame: &analysis.frame, anomalies: &analysis.anomalies, windows: &analysis.windows };
    Dossier {
        schema_version: DOSSIER_SCHEMA_VERSION,
        automap_version: env!("CARGO_PKG_VERSION").to_owned(),
        map: match &analysis.automap {
            Some(learnt) => service_map::with_graphs(observation, &report, &learnt.graphs, MapKind::Anomaly),
            None => service_map::compose(observation, &report, MapKind::Anomaly, &[]),
        },
        propagation: propagation(observation, analysis, options),
        charts: select::charts(&facts, observation, &report),
        report,
    }
}

/// The same, for a report whose metrics are gone: without series and without a trace, and the map has only what the report names. A note of the
/// report says so.
pub fn of_report_alone(mut report: Report) -> Dossier {
    let note = "made of the report alone, without its metrics: there are no series, and the map has only what the report names";
    report.notes.push(Note::info("report_alone", note));
    Dossier {
        schema_version: DOSSIER_SCHEMA_VERSION,
        automap_version: env!("CARGO_PKG_VERSION").to_owned(),
        map: service_map::of_report(&report),
        propagation: Propagation::untraced(report.verdict.kind, report.windows.clone()),
        charts: Vec::new(),
        report,
    }
}

impl Dossier {
    /// One of its services, from the data of the dossier: its series, and the calls and changes around it. `None` for an unknown service.
    pub fn service(&self, service: &str) -> Option<ServiceDossier> {
        self.map.nodes.iter().find(|node| node.service == service)?;
        let calls = || self.map.edges.iter().filter(|e| (e.observed || e.asserted) && e.from != e.to);
        let is_of = |chart: &&Chart| chart.service == service || chart.peer.as_deref() == Some(service);
        Some(ServiceDossier {
            service: service.to_owned(),
            callers: calls().filter(|e| e.to == service).map(|e| e.from.clone()).collect(),
            callees: calls().filter(|e| e.from == service).map(|e| e.to.clone()).collect(),
            charts: self.charts.iter().filter(is_of).cloned().collect(),
            omitted: 0,
            changes: changes_of(&self.report, service),
        })
    }
}

fn changes_of(report: &Report, service: &str) -> Vec<ListedChange> {
    let of = |listed: &&ListedChange| listed.change.service.as_deref() == Some(service);
    report.changes.listed.iter().filter(of).cloned().collect()
}

/// One service; `None` if it is in neither the metrics nor the calls. O(series of the frame).
pub fn of_service(
    observation: &Observation,
    analysis: &Analysis,
    report: &Report,
    service: &str,
) -> Option<ServiceDossier> {
    if !observation.services().any(|known| known == service) {
        return None;
    }
    let facts = Facts { frame: &analysis.frame, anomalies: &analysis.anomalies, windows: &analysis.windows };
    let (charts, omitted) = select::service_charts(&facts, observation, report, service);
    let calls = &observation.calls;
    let callees: BTreeSet<&str> = calls.callees(service).filter(|callee| *callee != service).collect();
    let callers: BTreeSet<&str> =
        calls.edges().filter(|(from, to, _)| *to == service && *from != service).map(|(from, ..)| from).collect();
    let names = |names: BTreeSet<&str>| names.into_iter().map(ToOwned::to_owned).collect();
    Some(ServiceDossier {
        service: service.to_owned(),
        callers: names(callers),
        callees: names(callees),
        charts,
        omitted,
        changes: changes_of(report, service),
    })
}
