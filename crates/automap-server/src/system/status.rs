//! What the watcher reports about services and incidents, besides whole reports.

use automap_core::frame::Series;
use automap_core::incident::{Incident, IncidentState, IndicatorChange, Severity};
use automap_core::metric::{Family, Side, Unit};
use automap_core::time::{Timestamp, as_rfc3339};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The state of a service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ServiceStatus {
    /// Its name.
    pub service: String,
    /// Its metrics with at least one observed value, by name.
    pub metrics: Vec<String>,
    /// What its users notice now; empty when they notice nothing.
    pub signs: Vec<IndicatorChange>,
    /// What it shows at the end of the data.
    #[serde(default)]
    pub levels: ServiceLevels,
    /// Whether any of its own metrics has a value at the end of the data: of one that has none nobody can say how it is.
    #[serde(default)]
    pub is_seen: bool,
}

/// What a service shows at the end of the data; `null` where its last samples are missing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ServiceLevels {
    /// Requests per second.
    pub requests_per_s: Option<f64>,
    /// Share of requests that fail, 0 to 1.
    pub error_ratio: Option<f64>,
    /// Mean time to answer, in milliseconds.
    pub latency_ms: Option<f64>,
}

/// Samples at the end of the data of which the latest one counts: one scrape may be late.
const RECENT: usize = 4;

impl ServiceLevels {
    /// Takes over the service's own value from a series. Of several series of one kind, the first counts: frames have the mean latency before
    /// percentiles.
    pub(crate) fn take(&mut self, series: &Series) {
        let level = match (&series.metric.family, series.metric.unit) {
            _ if series.metric.side != Side::Own || series.peer.is_some() => return,
            (Family::Throughput, _) => &mut self.requests_per_s,
            (Family::Error, Unit::Ratio) => &mut self.error_ratio,
            (Family::Latency, Unit::Ms) => &mut self.latency_ms,
            _ => return,
        };
        *level = level.or(latest(series));
    }
}

/// The value of a series at the end of the data; `None` if its last samples are missing.
pub(crate) fn latest(series: &Series) -> Option<f64> {
    series.values.iter().rev().take(RECENT).copied().find(|value| value.is_finite())
}

/// An incident changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct IncidentChange {
    /// The incident's id.
    pub id: String,
    /// Its target.
    pub target: String,
    /// Its state now.
    pub state: IncidentState,
    /// Its severity now.
    pub severity: Severity,
    /// Its revision.
    pub revision: u64,
    /// One line for people.
    pub title: String,
    /// When it changed.
    #[serde(with = "as_rfc3339")]
    #[schemars(with = "String")]
    pub at: Timestamp,
}

impl IncidentChange {
    /// The latest change of an incident, as listeners receive it.
    pub fn of(incident: &Incident) -> Self {
        Self {
            id: incident.id.clone(),
            target: incident.target.clone(),
            state: incident.state,
            severity: incident.severity,
            revision: incident.revision,
            title: incident.title.clone(),
            at: incident.updated,
        }
    }
}

#[cfg(test)]
mod tests {
    use automap_core::frame::{RawSeries, assemble};

    use super::*;

    #[test]
    fn the_latest_sample_counts_unless_the_last_ones_are_missing() {
        let times: Vec<Timestamp> = (0..10).map(|i| Timestamp::from_ms(i * 15_000)).collect();
        let raw = |metric: &str, peer: Option<&str>, samples: usize| RawSeries {
            service: "web".into(),
            metric: metric.into(),
            peer: peer.map(Into::into),
            points: times.iter().take(samples).enumerate().map(|(i, t)| (*t, i as f64)).collect(),
        };
        let series = vec![
            raw("latency_ms", None, 10),
            raw("latency_p95_ms", None, 9),
            raw("error_ratio", None, 7),
            raw("throughput_rps", None, 6),
            raw("client_latency_ms", Some("db"), 10),
        ];
        let (frame, _) = assemble(series, times).unwrap();
        let mut levels = ServiceLevels::default();
        frame.series().iter().for_each(|series| levels.take(series));
        assert_eq!(levels, ServiceLevels { requests_per_s: None, error_ratio: Some(6.0), latency_ms: Some(9.0) });
    }
}
