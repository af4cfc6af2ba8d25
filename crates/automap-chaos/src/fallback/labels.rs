//! Reads a file of faults written by hand, by a script or by another tool.

use automap_core::time::Timestamp;
use serde::Deserialize;

use crate::entry::{Entry, Source, State, Target};
use crate::kinds;

/// Most faults of one file.
pub const MAX_FAULTS: usize = 10_000;

/// Why a labels file cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum LabelsError {
    /// Not in the form of a labels file.
    #[error("{0}; a labels file is a list `faults:` of name, services, from, to (see docs/chaos.md)")]
    Shape(String),
    /// A fault is contradictory.
    #[error("fault {number} ({name}): {problem}")]
    Fault {
        /// Counted from 1.
        number: usize,
        /// Its name.
        name: String,
        /// What is wrong with it.
        problem: String,
    },
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    faults: Vec<Fault>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Fault {
    name: String,
    services: Vec<String>,
    from: String,
    to: Option<String>,
    #[serde(default)]
    kind: String,
    #[serde(default)]
    action: String,
    #[serde(default)]
    namespace: String,
    expected_metric: Option<String>,
}

/// Reads `faults: [{name, services, from, to?, kind?, action?, namespace?, expected_metric?}]`, YAML or JSON, times as RFC 3339.
///
/// # Errors
/// Names the line, or the fault and what is wrong with it.
pub fn read(yaml: &str) -> Result<Vec<Entry>, LabelsError> {
    let file: File = serde_saphyr::from_str(yaml).map_err(|e| LabelsError::Shape(e.without_snippet().to_string()))?;
    if file.faults.len() > MAX_FAULTS {
        return Err(LabelsError::Shape(format!("{} faults are more than {MAX_FAULTS}", file.faults.len())));
    }
    file.faults.into_iter().enumerate().map(|(i, fault)| entry(i + 1, fault)).collect()
}

fn entry(number: usize, fault: Fault) -> Result<Entry, LabelsError> {
    let wrong = |problem: String| LabelsError::Fault { number, name: fault.name.clone(), problem };
    let at = |key: &str, text: &str| {
        let problem = || wrong(format!("{key} {text:?} is not a time; write 2026-03-01T14:05:00Z"));
        Timestamp::parse_rfc3339(text).ok_or_else(problem)
    };
    let from = at("from", &fault.from)?;
    let to = fault.to.as_deref().map(|to| at("to", to)).transpose()?;
    if to.is_some_and(|to| to < from) {
        return Err(wrong("it ends before it begins".to_owned()));
    }
    let mut entry = Entry::new(
        &format!("{}@{}", fault.name, from.rfc3339()),
        &fault.kind,
        &fault.namespace,
        &fault.name,
        Source::LabelsFile,
    );
    entry.targets = fault.services.iter().map(|s| Target::of_service(&fault.namespace, s, Some(from), to)).collect();
    entry.expected_metric =
        fault.expected_metric.or_else(|| kinds::expected_metric(&fault.kind, &fault.action).map(ToOwned::to_owned));
    entry.action = fault.action;
    (entry.started, entry.ended) = (Some(from), to);
    entry.state = match (entry.targets.is_empty(), to) {
        (true, _) => State::NothingInjected,
        (false, Some(_)) => State::Injected,
        (false, None) => State::Running,
    };
    Ok(entry)
}
