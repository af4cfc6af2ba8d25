//! One diagnosis, and its outputs, computed on demand.

use std::sync::Arc;

use automap_core::dossier::{self, Dossier};
use automap_core::explain::{self, Explanation};
use automap_core::graph::{MetricType, learn_for_incident};
use automap_core::observation;
use automap_core::rank::Engine;
use automap_core::rank::metric_weights::ConfirmedCase;
use automap_core::report::Report;
use automap_core::{Analysis, DiagnoseOptions, analyse_with_history};
use automap_render::map::{SvgOptions, Theme, svg};
use automap_render::{TextOptions, Zone, explain_text, html, json, markdown, notebook, notebook_series, text};
use pyo3::prelude::*;

use crate::columns::{Column, Columns};
use crate::error::Failure;
use crate::input::Observation;

/// Options of a diagnosis with this engine.
pub(crate) fn options(engine: &str) -> Result<DiagnoseOptions, Failure> {
    let known = Engine::ALL.into_iter().find(|known| known.as_str() == engine);
    let engine = known.ok_or_else(|| {
        let names = Engine::ALL.map(Engine::as_str).join(" and ");
        Failure::at(
            "engine",
            format!("there is no engine '{}'; there are {names}", automap_core::text::shown(engine, 60)),
        )
    })?;
    Ok(DiagnoseOptions { engine, ..DiagnoseOptions::default() })
}

/// From an observation to an answer. `confirmed` are earlier incidents, for engine `automap`, as returned by `Diagnosis.confirmed`.
#[pyfunction]
pub(crate) fn diagnose(
    py: Python<'_>,
    observation: &Observation,
    engine: &str,
    confirmed: Vec<String>,
) -> PyResult<Diagnosis> {
    let options = options(engine)?;
    let case = |text: &String| serde_json::from_str(text).map_err(|e| Failure::at("confirmed", e));
    let history: Vec<ConfirmedCase> = confirmed.iter().map(case).collect::<Result<_, Failure>>()?;
    let seen = Arc::clone(&observation.0);
    Ok(py.detach(|| {
        let analysis = analyse_with_history(&seen, &options, &history).map_err(|e| Failure::at(&seen.source, e))?;
        let dossier = dossier::of_analysis(&seen, &analysis, &options.verdict);
        Ok::<_, Failure>(Diagnosis { seen, analysis, options, dossier })
    })?)
}

/// An answer, with its input.
#[pyclass(frozen, module = "automap._automap")]
#[derive(Debug)]
pub(crate) struct Diagnosis {
    seen: Arc<observation::Observation>,
    analysis: Analysis,
    options: DiagnoseOptions,
    dossier: Dossier,
}

impl Diagnosis {
    fn report(&self) -> &Report {
        &self.dossier.report
    }

    fn explanation(&self, service: &str) -> Result<Explanation, Failure> {
        explain::explain(&self.seen, &self.analysis, &self.options, service).map_err(Failure::new)
    }

    fn of_service(&self, service: &str) -> Result<dossier::ServiceDossier, Failure> {
        let found = dossier::of_service(&self.seen, &self.analysis, self.report(), service);
        found.ok_or_else(|| self.unknown(service))
    }

    /// The error for a name that is not a service.
    fn unknown(&self, service: &str) -> Failure {
        match self.explanation(service) {
            Err(failure) => failure,
            Ok(_) => Failure::new(format!("{} has no metrics of its own", automap_core::text::shown(service, 60))),
        }
    }
}

/// One edge of a behaviour graph: cause, effect, and the share of each metric type in it.
type Behaviour = (String, String, Vec<(String, f64)>);

fn written(value: &impl serde::Serialize) -> Result<String, Failure> {
    json(value).map_err(Failure::new)
}

#[pymethods]
impl Diagnosis {
    /// The report, byte for byte as `automap diagnose -o json` prints it.
    fn json(&self) -> PyResult<String> {
        Ok(written(self.report())?)
    }

    /// The report for a terminal, times in UTC.
    fn text(&self, verbose: bool) -> String {
        text(self.report(), &TextOptions { verbose, ..TextOptions::default() })
    }

    /// The incident page, times in UTC.
    fn html(&self, py: Python<'_>) -> String {
        py.detach(|| html(&self.dossier, Zone::UTC))
    }

    /// The same as Markdown.
    fn markdown(&self) -> String {
        markdown(&self.dossier, Zone::UTC)
    }

    /// Answer and map, for a notebook.
    fn notebook(&self, py: Python<'_>) -> String {
        py.detach(|| notebook(&self.dossier, Zone::UTC))
    }

    /// The service map as SVG.
    fn map_svg(&self, py: Python<'_>) -> String {
        py.detach(|| svg(&self.dossier.map, &SvgOptions { theme: Theme::Light, embedded: false }))
    }

    /// The series of one service, for a notebook.
    fn series_html(&self, service: &str) -> PyResult<String> {
        Ok(notebook_series(&self.of_service(service)?, Zone::UTC))
    }

    /// The same as JSON.
    fn series_json(&self, service: &str) -> PyResult<String> {
        Ok(written(&self.of_service(service)?)?)
    }

    /// Why a service ranks where it ranks, as `automap explain -o json` prints it.
    fn explanation_json(&self, py: Python<'_>, service: &str) -> PyResult<String> {
        Ok(py.detach(|| written(&self.explanation(service)?))?)
    }

    /// The same for a terminal, times in UTC.
    fn explanation_text(&self, py: Python<'_>, service: &str) -> PyResult<String> {
        Ok(py.detach(|| Ok::<_, Failure>(explain_text(&self.explanation(service)?, &TextOptions::default())))?)
    }

    /// Every candidate, most likely first.
    fn causes(&self) -> Columns {
        let report = self.report();
        let causes = &report.causes;
        let summaries = |c: &automap_core::report::Cause| {
            c.evidence.iter().map(|e| e.summary.as_str()).collect::<Vec<_>>().join("; ")
        };
        Columns::new([
            ("rank", Column::Count(causes.iter().map(|c| i64::try_from(c.rank).ok()).collect())),
            ("service", Column::Text(causes.iter().map(|c| Some(c.service.clone())).collect())),
            ("confidence", Column::Number(causes.iter().map(|c| Some(c.confidence)).collect())),
            ("score", Column::Number(causes.iter().map(|c| Some(c.score)).collect())),
            ("named", Column::Flag(causes.iter().map(|c| report.verdict.names(&c.service)).collect())),
            ("onset", Column::Time { ms: causes.iter().map(|c| c.onset.map(|t| t.ms())).collect(), is_utc: true }),
            ("path", Column::Text(causes.iter().map(|c| Some(c.path.join(" → "))).collect())),
            ("evidence", Column::Text(causes.iter().map(|c| Some(summaries(c))).collect())),
        ])
    }

    /// The behaviour graph of the baseline (`normal`) or the incident: cause, effect, and the share of each metric type in the edge.
    fn behaviour(&self, py: Python<'_>, is_normal: bool) -> Vec<Behaviour> {
        py.detach(|| {
            let (rows, options) = (&self.analysis.windows.rows, &self.options.automap.graph);
            let graphs = learn_for_incident(&self.analysis.frame, rows, &self.seen.calls, options);
            let learnt = if is_normal { &graphs.normal } else { &graphs.incident };
            let shares = |weights: &[f64]| {
                let all = MetricType::ALL.into_iter().zip(weights).filter(|(_, weight)| **weight > 0.0);
                all.map(|(metric, weight)| (metric.as_str().to_owned(), *weight)).collect()
            };
            let graph = learnt.graph.weights();
            graph.edges().map(|(from, to, weights)| (from.to_owned(), to.to_owned(), shares(weights))).collect()
        })
    }

    /// The services with their role in this incident, as JSON: the nodes of the map.
    fn nodes_json(&self) -> PyResult<String> {
        Ok(written(&self.dossier.map.nodes)?)
    }

    /// This incident as an example to learn from, once its cause is known. Only engine `automap` learns.
    fn confirmed(&self, id: &str, service: &str) -> PyResult<String> {
        if self.options.engine != Engine::Automap {
            return Err(
                Failure::at("engine", "engine evidence learns no weights; diagnose with engine='automap'").into()
            );
        }
        let case = self.analysis.confirmed(id, service, &self.options.automap);
        let case = case.ok_or_else(|| self.unknown(service))?;
        Ok(written(&case)?)
    }
}
