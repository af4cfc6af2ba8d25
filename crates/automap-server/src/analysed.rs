//! Answers derived from an analysis, whether the metrics come from a server or from a recording. Nothing is fetched here.

use automap_core::dossier::{self, Dossier, ServiceDossier};
use automap_core::explain::{self, Explanation};
use automap_core::graph::{GraphOptions, learn_for_incident};
use automap_core::incident::Incident;
use automap_core::observation::Observation;
use automap_core::report::{self, Report};
use automap_core::service_map::{MapKind, ServiceMap, with_graphs};
use automap_core::{Analysis, DiagnoseOptions};
use automap_sources::capture::{self, CaptureError};

use crate::system::SystemError;

/// An observation and its analysis.
#[derive(Debug)]
pub(crate) struct Analysed {
    pub(crate) observation: Observation,
    pub(crate) analysis: Analysis,
    /// The options of the analysis.
    pub(crate) options: DiagnoseOptions,
}

impl Analysed {
    /// The answer.
    pub(crate) fn report(&self) -> Report {
        report::compose(&self.observation, &self.analysis, &self.options.verdict)
    }

    /// The service map, with what the behaviour graph adds to the calls.
    pub(crate) fn service_map(&self) -> ServiceMap {
        let Self { observation, analysis, .. } = self;
        let rows = &analysis.windows.rows;
        let graphs = learn_for_incident(&analysis.frame, rows, &observation.calls, &GraphOptions::default());
        with_graphs(observation, &self.report(), &graphs, MapKind::Anomaly)
    }

    /// Everything that a page about an incident shows. The incident's own report, if any, is used.
    pub(crate) fn dossier(&self, incident: &Incident) -> Dossier {
        let report = incident.report.clone().unwrap_or_else(|| self.report());
        dossier::of_report(&self.observation, &self.analysis, report, &self.options.verdict)
    }

    /// The metrics as a capture file.
    pub(crate) fn capture(&self) -> Result<Vec<u8>, SystemError> {
        let refused = |error: CaptureError| SystemError::Refused {
            message: error.to_string(),
            next: "use `automap capture` on the command line".to_owned(),
        };
        capture::to_bytes(&self.observation).map_err(refused)
    }

    /// What one service shows.
    pub(crate) fn service_dossier(&self, report: &Report, service: &str) -> Result<ServiceDossier, SystemError> {
        dossier::of_service(&self.observation, &self.analysis, report, service).ok_or_else(|| no_service(service))
    }

    /// Why a service ranks where it ranks.
    pub(crate) fn explain(&self, service: &str) -> Result<Explanation, SystemError> {
        explain::explain(&self.observation, &self.analysis, &self.options, service).map_err(|_| no_service(service))
    }
}

fn no_service(name: &str) -> SystemError {
    SystemError::NotFound { what: "service", name: name.to_owned() }
}
