//! Determines the format of a document, and reports what is wrong with it.

use serde_json::Value;

use super::fields::{Wrong, at, list};
use super::open_slo::References;
use super::{Slo, open_slo, pyrra, sloth};
use crate::key_position::{self, Position};

/// Most documents of one file.
const MAX_DOCUMENTS: usize = 1000;

/// Why a file cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {reason}")]
pub struct SloFileError {
    /// File, line and column.
    pub place: String,
    /// What is wrong, and what is expected.
    pub reason: String,
}

/// Objectives of a file of OpenSLO v1, Sloth (plain or `PrometheusServiceLevel`) or Pyrra (`ServiceLevelObjective`); documents may have different
/// formats, and a Kubernetes `List` holds several in one. Services, data sources and other kinds of OpenSLO are skipped. An objective whose
/// expressions cannot be counted is [`super::Indicator::Unknown`].
///
/// # Errors
/// [`SloFileError`], which names file, line and key.
pub fn parse(text: &str, file: &str) -> Result<Vec<Slo>, SloFileError> {
    let fail = |place: String, reason: String| SloFileError { place, reason };
    let documents: Vec<Value> = serde_saphyr::from_multiple(text).map_err(|e| {
        let place = e.location().map_or_else(|| file.to_owned(), |at| format!("{file}:{}:{}", at.line(), at.column()));
        fail(place, e.without_snippet().to_string().lines().next().unwrap_or_default().to_owned())
    })?;
    if documents.len() > MAX_DOCUMENTS {
        return Err(fail(file.to_owned(), format!("{} documents are more than {MAX_DOCUMENTS}", documents.len())));
    }
    let resources = resources(&documents);
    let references = References::of(resources.iter().map(|r| r.value));
    let mut slos = Vec::new();
    for resource in &resources {
        slos.extend(read(resource.value, &references).map_err(|wrong| {
            let wrong = resource.locate(wrong);
            let place = match key_position::find(text, resource.document, &wrong.key) {
                Some(Position { line, column }) => format!("{file}:{line}:{column}"),
                None if documents.len() > 1 => format!("{file}, document {}", resource.document + 1),
                None => file.to_owned(),
            };
            fail(place, format!("{} {}", wrong.key, wrong.reason).trim().to_owned())
        })?);
    }
    Ok(slos)
}

/// A document, or an item of a list.
struct Resource<'a> {
    value: &'a Value,
    document: usize,
    item: Option<usize>,
}

impl Resource<'_> {
    /// The key relative to the whole document.
    fn locate(&self, wrong: Wrong) -> Wrong {
        let wrong = match self.item {
            Some(item) => wrong.inside(&format!("items[{item}]")),
            None => wrong,
        };
        Wrong { key: wrong.key.trim_end_matches('.').to_owned(), ..wrong }
    }
}

fn resources(documents: &[Value]) -> Vec<Resource<'_>> {
    let mut all = Vec::new();
    for (document, value) in documents.iter().enumerate().filter(|(_, d)| !d.is_null()) {
        match (at(value, "kind").and_then(Value::as_str), list(value, "items")) {
            (Some(kind), Ok(items)) if kind.ends_with("List") => {
                let item = |(i, value)| Resource { value, document, item: Some(i) };
                all.extend(items.iter().enumerate().map(item));
            }
            _ => all.push(Resource { value, document, item: None }),
        }
    }
    all
}

fn read(document: &Value, references: &References<'_>) -> Result<Vec<Slo>, Wrong> {
    let word = |key: &str| document.get(key).and_then(Value::as_str).unwrap_or_default();
    match (word("apiVersion"), word("kind"), word("version")) {
        ("openslo/v1" | "openslo.com/v1", "SLO", _) => open_slo::read(document, references),
        ("openslo/v1" | "openslo.com/v1", _, _) => Ok(Vec::new()),
        ("sloth.slok.dev/v1", "PrometheusServiceLevel", _) => sloth::read_resource(document),
        ("pyrra.dev/v1alpha1", "ServiceLevelObjective", _) => pyrra::read(document),
        (_, _, "prometheus/v1") => sloth::read(document),
        (api, _, _) if api.starts_with("openslo") => {
            Err(Wrong::new("apiVersion", format!("is '{api}': only openslo/v1 and openslo.com/v1 are read")))
        }
        (api, kind, version) => {
            let found: Vec<&str> = [api, kind, version].into_iter().filter(|w| !w.is_empty()).collect();
            let key = if api.is_empty() && !version.is_empty() { "version" } else { "apiVersion" };
            Err(Wrong::new(
                key,
                format!(
                    "is none of OpenSLO (openslo/v1), Sloth (version: prometheus/v1, or sloth.slok.dev/v1) and Pyrra \
                     (pyrra.dev/v1alpha1); found '{}'",
                    found.join(" ")
                ),
            ))
        }
    }
}
