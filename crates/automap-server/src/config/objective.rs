//! Objectives as they are written in the configuration.

use std::path::{Path, PathBuf};

use automap_core::slo::{DEFAULT_PERIOD_MS, Objective};
use automap_sources::bounded::read_text_file;
use automap_sources::slo::{Indicator, MAX_OBJECTIVES, Slo, SloFileError, parse};
use serde::Deserialize;

use super::duration::ConfigDuration;

/// Largest file of objectives, in bytes.
const MAX_BYTES: u64 = 1 << 20;

/// An objective of a service.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ObjectiveConfig {
    /// Its name in incidents and messages.
    pub name: String,
    /// The service whose requests are counted.
    pub service: String,
    /// Percent of the requests that must not fail.
    #[serde(default)]
    pub availability: Option<f64>,
    /// Percent of the requests that must be fast enough.
    #[serde(default)]
    pub latency: Option<LatencyTarget>,
    /// The period of the budget.
    #[serde(default = "period")]
    pub period: ConfigDuration,
}

/// What share of requests has to be how fast.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LatencyTarget {
    /// Milliseconds.
    pub under_ms: f64,
    /// Percent of the requests.
    pub target: f64,
}

const fn period() -> ConfigDuration {
    ConfigDuration::from_ms(DEFAULT_PERIOD_MS)
}

impl ObjectiveConfig {
    /// As the reader of counts expects it.
    ///
    /// # Errors
    /// The key that is wrong, and why.
    pub fn slo(&self) -> Result<Slo, (String, String)> {
        let wrong = |key: &str, reason: &str| Err((key.to_owned(), reason.to_owned()));
        if self.name.is_empty() || self.service.is_empty() {
            return wrong("name", "an objective has a name and a service");
        }
        let (key, percent, indicator) = match (self.availability, self.latency) {
            (Some(percent), None) => ("availability", percent, Indicator::Availability),
            (None, Some(LatencyTarget { under_ms, target })) if under_ms > 0.0 && under_ms.is_finite() => {
                ("latency.target", target, Indicator::Latency { under_ms })
            }
            (None, Some(_)) => return wrong("latency.under_ms", "write milliseconds, such as 300"),
            _ => return wrong("availability", "give one of availability and latency; two objectives have two names"),
        };
        if !(percent > 0.0 && percent < 100.0) {
            return wrong(key, "write percent between 0 and 100, such as 99.9");
        }
        if self.period.ms() < 3_600_000 {
            return wrong("period", "write an hour at least; 30d is usual");
        }
        let objective = Objective {
            slo: self.name.clone(),
            service: self.service.clone(),
            target: percent / 100.0,
            period_ms: self.period.ms(),
        };
        Ok(Slo { objective, indicator })
    }
}

/// Objectives of the configuration and of files; the former were checked already.
///
/// # Errors
/// [`SloFileError`] for a file that cannot be read or used, for two objectives of one name, and for too many.
pub(super) fn all(written: &[ObjectiveConfig], files: &[PathBuf]) -> Result<Vec<Slo>, SloFileError> {
    let fail = |place: &Path, reason: String| SloFileError { place: place.display().to_string(), reason };
    let mut slos: Vec<Slo> = written.iter().filter_map(|o| o.slo().ok()).collect();
    for path in files {
        let text = read_text_file(path, MAX_BYTES).map_err(|e| fail(path, e.reason.to_string()))?;
        slos.extend(parse(&text, &path.display().to_string())?);
    }
    let named = |i: usize| slos[..i].iter().any(|s| s.objective.slo == slos[i].objective.slo);
    if let Some(i) = (0..slos.len()).find(|i| named(*i)) {
        let name = &slos[i].objective.slo;
        return Err(SloFileError { place: "slos".to_owned(), reason: format!("two objectives are called '{name}'") });
    }
    if slos.len() > MAX_OBJECTIVES {
        let reason = format!("{} objectives of one target are more than {MAX_OBJECTIVES}", slos.len());
        return Err(SloFileError { place: "slos".to_owned(), reason });
    }
    Ok(slos)
}
