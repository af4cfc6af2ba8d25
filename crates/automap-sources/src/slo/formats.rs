//! Which format a document is of, and what is wrong with it.

use serde_json::Value;

use super::{Slo, open_slo, pyrra, sloth};

/// Most documents of one file.
const MAX_DOCUMENTS: usize = 1000;

/// Why a file cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {reason}")]
pub struct SloFileError {
    /// File, and the document in it where there are several.
    pub place: String,
    /// What is wrong, and what is expected.
    pub reason: String,
}

/// Objectives of a file of OpenSLO v1, Sloth (plain or `PrometheusServiceLevel`) or Pyrra (`ServiceLevelObjective`); several documents
/// may be of several formats. Services, data sources and other kinds of OpenSLO are passed over.
///
/// # Errors
/// [`SloFileError`], which names file, document and key.
pub fn parse(text: &str, file: &str) -> Result<Vec<Slo>, SloFileError> {
    let fail = |place: String, reason: String| SloFileError { place, reason };
    let documents: Vec<Value> = serde_saphyr::from_multiple(text).map_err(|e| {
        let place = e.location().map_or_else(|| file.to_owned(), |at| format!("{file}:{}:{}", at.line(), at.column()));
        fail(place, e.without_snippet().to_string().lines().next().unwrap_or_default().to_owned())
    })?;
    if documents.len() > MAX_DOCUMENTS {
        return Err(fail(file.to_owned(), format!("{} documents are more than {MAX_DOCUMENTS}", documents.len())));
    }
    let indicators = open_slo::indicators(&documents);
    let mut slos = Vec::new();
    for (i, document) in documents.iter().enumerate().filter(|(_, d)| !d.is_null()) {
        let place = if documents.len() == 1 { file.to_owned() } else { format!("{file}, document {}", i + 1) };
        let word = |key: &str| document.get(key).and_then(Value::as_str).unwrap_or_default();
        let read = match (word("apiVersion"), word("kind"), word("version")) {
            ("openslo/v1", "SLO", _) => open_slo::read(document, &indicators),
            ("openslo/v1", _, _) => Ok(Vec::new()),
            ("sloth.slok.dev/v1", "PrometheusServiceLevel", _) => sloth::read_resource(document),
            ("pyrra.dev/v1alpha1", "ServiceLevelObjective", _) => pyrra::read(document),
            (_, _, "prometheus/v1") => sloth::read(document),
            (api, kind, _) => Err(format!(
                "'{api}' '{kind}' is none of OpenSLO (apiVersion: openslo/v1), Sloth (version: prometheus/v1, or \
                 kind: PrometheusServiceLevel) and Pyrra (apiVersion: pyrra.dev/v1alpha1)"
            )),
        };
        slos.extend(read.map_err(|reason| fail(place, reason))?);
    }
    Ok(slos)
}

/// The text at a path such as `spec.service`.
pub(super) fn text<'a>(of: &'a Value, path: &str) -> Result<&'a str, String> {
    at(of, path)
        .and_then(Value::as_str)
        .filter(|t| !t.is_empty())
        .ok_or_else(|| format!("{path} is missing or not text"))
}

/// The number at a path; Pyrra writes its as text.
pub(super) fn number(of: &Value, path: &str) -> Result<f64, String> {
    let value = at(of, path).ok_or_else(|| format!("{path} is missing"))?;
    let number = value.as_f64().or_else(|| value.as_str()?.trim().parse().ok());
    number.filter(|n: &f64| n.is_finite()).ok_or_else(|| format!("{path} is not a number"))
}

/// A share from percent, inside 0 to 1.
pub(super) fn share(percent: f64, path: &str) -> Result<f64, String> {
    let share = percent / 100.0;
    if share > 0.0 && share < 1.0 {
        Ok(share)
    } else {
        Err(format!("{path} is {percent}: write percent, such as 99.9"))
    }
}

/// What lies at a path.
pub(super) fn at<'a>(of: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(of, |value, key| value.get(key))
}

/// `28d`, `4w`, `720h` in milliseconds.
pub(super) fn period_ms(text: &str) -> Result<i64, String> {
    const HOUR_MS: i64 = 3_600_000;
    let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (count, unit) = text.split_at(split);
    let hours = match unit {
        "w" => Some(168),
        "d" => Some(24),
        "h" => Some(1),
        _ => None,
    };
    let ms = count.parse::<i64>().ok().zip(hours).and_then(|(n, hours)| n.checked_mul(hours * HOUR_MS));
    ms.filter(|ms| (HOUR_MS..=366 * 24 * HOUR_MS).contains(ms))
        .ok_or_else(|| format!("'{text}' is not a period; write 28d, 4w or 720h"))
}

/// The templates of Sloth and OpenSLO's users for a window's length.
pub(super) fn windowed(query: &str) -> Option<String> {
    let known = ["{{.window}}", "{{ .window }}", "{{window}}", "$__window", "$__interval", "$window"];
    let hit = known.into_iter().find(|k| query.contains(k))?;
    Some(query.replace(hit, "$WINDOW"))
}
