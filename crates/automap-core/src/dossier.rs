//! Everything that an incident page shows: the report, the map, the spread and the charts, as plain data.
//!
//! The page's renderers take a [`Dossier`] and nothing else, so that they need neither the observation nor the analysis.

mod select;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::analysis::Analysis;
use crate::chart::Chart;
use crate::diagnose::{DiagnoseError, DiagnoseOptions, analyse};
use crate::observation::Observation;
use crate::report::evidence::Facts;
use crate::report::{self, Report};
use crate::service_map::{self, MapKind, ServiceMap};
use crate::spread::{Propagation, propagation};
use crate::verdict::VerdictOptions;

/// Version of this shape.
pub const DOSSIER_SCHEMA_VERSION: u32 = 1;

/// One incident, ready to be printed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Dossier {
    /// Version of this shape.
    pub schema_version: u32,
    /// The program that made it, such as `0.1.0`.
    pub automap_version: String,
    /// The answer.
    pub report: Report,
    /// Who calls whom, with the roles of this incident; with what the data connects where the engine learnt it.
    pub map: ServiceMap,
    /// How it spread from the cause to those who noticed it; empty where there is no incident.
    pub propagation: Propagation,
    /// The series behind the answer, at most [`MAX_CHARTS`]: the cause's, then what users notice, then the victims'.
    pub charts: Vec<Chart>,
}

pub use select::MAX_CHARTS;

/// From an observation to everything that a page shows.
///
/// # Errors
/// As [`crate::diagnose::diagnose`].
pub fn compose(observation: &Observation, options: &DiagnoseOptions) -> Result<Dossier, DiagnoseError> {
    Ok(of_analysis(observation, &analyse(observation, options)?, &options.verdict))
}

/// The same, where the analysis is already there.
pub fn of_analysis(observation: &Observation, analysis: &Analysis, options: &VerdictOptions) -> Dossier {
    let report = report::compose(observation, analysis, options);
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
