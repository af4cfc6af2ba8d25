//! Labelled incidents: compares engines on a folder of them, and writes folders of simulated ones.

use std::fmt::Display;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use automap_eval::dataset::{self, Dataset};
use automap_eval::engine::{Engine, Question};
use automap_eval::evaluate::onset::OnsetHint;
use automap_eval::evaluate::summary::summarise;
use automap_eval::evaluate::{Settings, evaluate as evaluate_all};
use automap_render::json;
use automap_sim::incident::{Incident, draw};
use automap_sim::several::{Numbered, Several};
use automap_sources::capture;
use pyo3::prelude::*;
use rayon::prelude::*;
use serde::Deserialize;

use crate::error::Failure;
use crate::input::Observation;

/// The questions and the engines.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Choices {
    engines: Vec<String>,
    /// How late the given start is, in milliseconds; `null` if engines are given none.
    onsets_ms: Vec<Option<i64>>,
    uses_known_calls: bool,
    quiet: bool,
    cases: bool,
    seed: u64,
}

/// Scores engines on a folder of labelled incidents; the summary as `automap eval -o json` prints it.
#[pyfunction]
pub(crate) fn evaluate(py: Python<'_>, dir: PathBuf, choices: &str) -> PyResult<String> {
    let choices: Choices = serde_json::from_str(choices).map_err(Failure::new)?;
    Ok(py.detach(|| scored(&dir, &choices))?)
}

fn scored(dir: &Path, choices: &Choices) -> Result<String, Failure> {
    let settings = Settings {
        engines: choices.engines.iter().map(|name| engine(name)).collect::<Result<_, _>>()?,
        onsets: choices.onsets_ms.iter().map(|late| onset(*late)).collect(),
        uses_known_calls: choices.uses_known_calls,
        includes_quiet_periods: choices.quiet,
        lists_cases: choices.cases,
        seed: choices.seed,
    };
    let dataset = Dataset::open(dir).map_err(|e| at(&e.path, e.reason))?;
    let name = dir.display().to_string();
    if dataset.incidents().next().is_none() && !choices.quiet {
        return Err(Failure::at(name, "nothing was broken there; quiet=True asks about fault-free time"));
    }
    let outcomes = evaluate_all(&dataset, &settings, &mut |_| {});
    json(&summarise(&name, &settings, &outcomes)).map_err(Failure::new)
}

fn engine(name: &str) -> Result<Engine, Failure> {
    let all = Engine::all();
    let found = all.iter().position(|engine| engine.as_str() == name);
    found.map(|at| all[at]).ok_or_else(|| {
        let names: Vec<&str> = all.iter().map(|engine| engine.as_str()).collect();
        let shown = automap_core::text::shown(name, 60);
        Failure::at("engines", format!("there is no engine '{shown}'; there are {}", names.join(", ")))
    })
}

fn onset(late_ms: Option<i64>) -> OnsetHint {
    match late_ms {
        None => OnsetHint::Unknown,
        Some(0) => OnsetHint::Exact,
        Some(ms) => OnsetHint::Shifted(ms),
    }
}

/// The services, and the metrics as `(service, indicator)`, most likely cause first. Both are empty if nothing is wrong.
type Ranks = (Vec<String>, Vec<(String, String)>);

/// The answer of an engine, built-in or published, for one incident.
#[pyfunction]
pub(crate) fn answer(py: Python<'_>, observation: &Observation, engine_name: &str, seed: u64) -> PyResult<Ranks> {
    let engine = engine(engine_name)?;
    let seen = Arc::clone(&observation.0);
    Ok(py.detach(|| {
        let question = Question { observation: &seen, entry: None, seed };
        let answer = engine.answer(&question).map_err(|e| Failure::at(&seen.source, e))?;
        Ok::<_, Failure>((answer.services, answer.metrics))
    })?)
}

/// The name of a metric without unit and percentile, as used by [`answer`].
#[pyfunction]
pub(crate) fn indicator(metric: &str) -> String {
    dataset::indicator(metric).to_owned()
}

/// Writes simulated incidents like `automap sim`, and returns the captures with the faults injected into each, as JSON.
#[pyfunction]
pub(crate) fn simulate(py: Python<'_>, dir: PathBuf, spec: &str) -> PyResult<Vec<(PathBuf, String)>> {
    let spec: Several = serde_json::from_str(spec).map_err(Failure::new)?;
    Ok(py.detach(|| simulated(&dir, &spec))?)
}

fn simulated(dir: &Path, spec: &Several) -> Result<Vec<(PathBuf, String)>, Failure> {
    spec.check().map_err(Failure::new)?;
    if fs::read_dir(dir).is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(at(dir, "it is not empty; give a new folder, or remove what is in it"));
    }
    let all: Vec<Numbered> = spec.incidents().collect();
    for one in &all {
        let folder = dir.join(one.folder());
        fs::create_dir_all(&folder).map_err(|e| at(&folder, e))?;
    }
    let made = all.par_iter().map(|one| {
        let path = dir.join(one.folder()).join(one.file());
        written(&path, &draw(&one.options).map_err(Failure::new)?)
    });
    made.collect()
}

fn at(path: &Path, error: impl Display) -> Failure {
    Failure::at(path.display().to_string(), error)
}

fn written(path: &Path, incident: &Incident) -> Result<(PathBuf, String), Failure> {
    capture::write(path, &incident.observation).map_err(Failure::new)?;
    let truth = path.with_extension("json");
    let text = json(&incident.injected).map_err(Failure::new)?;
    fs::write(&truth, &text).map_err(|e| at(&truth, e))?;
    Ok((path.to_owned(), text))
}
