//! Service profiles: one named, versioned vector per service, for machine learning and for comparing periods.
//!
//! A profile describes behaviour (levels, spreads, evidence, connections) in baseline and incident. It contains no verdict. The sources read
//! and write the files.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::analysis::Analysis;
use crate::anomaly::{MIN_BASELINE_SAMPLES, MIN_INCIDENT_SAMPLES};
use crate::frame::ServiceIdx;
use crate::graph::service_class::{ServiceClass, classes, edge_shares};
use crate::graph::{Congestion, GraphSignals, IncidentGraphs, MetricType};
use crate::metric::Side;
use crate::stats::{finite, mad, median};
use crate::time::{Timestamp, as_rfc3339};
use crate::topology::CallGraph;

/// Version of the dimensions; it changes when one is added, dropped or means something else.
pub const PROFILE_VERSION: u32 = 1;

/// The profiles of all services of one incident.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ProfileTable {
    /// Version of the dimensions.
    pub profile_version: u32,
    /// Start of the baseline.
    #[serde(with = "as_rfc3339")]
    #[schemars(schema_with = "as_rfc3339::schema")]
    pub baseline_start: Timestamp,
    /// Start of the incident.
    #[serde(with = "as_rfc3339")]
    #[schemars(schema_with = "as_rfc3339::schema")]
    pub incident_start: Timestamp,
    /// The meaning of the values, in their order.
    pub dimensions: Vec<Dimension>,
    /// One profile per service, by name.
    pub services: Vec<Profile>,
}

/// One dimension.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Dimension {
    /// Its name: a column of a table.
    pub name: String,
    /// Its meaning.
    pub meaning: String,
}

/// One service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Profile {
    /// Its name.
    pub service: String,
    /// Its class in the baseline (`representational`, `computing`, …); `null` without learnt edges.
    pub class: Option<String>,
    /// Its class in the incident.
    pub incident_class: Option<String>,
    /// The values, in the order of the dimensions; `null` means not observed, never zero.
    pub values: Vec<Option<f64>>,
}

/// The dimensions per metric type, with their meaning.
const BY_TYPE: [(&str, &str); 6] = [
    ("baseline_median", "median in the baseline, in the metric's own unit"),
    ("baseline_spread", "1.4826 times the median absolute deviation in the baseline, same unit"),
    ("incident_median", "median in the incident, same unit"),
    (
        "evidence",
        "strongest evidence that the service's own metrics of this type left normal behaviour, 0 and more, log scale",
    ),
    ("edge_share", "share of this type in what ties the service to others in the baseline, 0 to 1"),
    ("incident_edge_share", "the same in the incident, 0 to 1"),
];

/// The dimensions of a service as a whole.
const WHOLE: [(&str, &str); 4] = [
    ("callers", "services observed calling it"),
    ("callees", "services it was observed calling"),
    ("baseline_missing_ratio", "share of its own samples missing in the baseline, 0 to 1"),
    ("incident_missing_ratio", "share of its own samples missing in the incident, 0 to 1"),
];

/// Profiles of all services of a frame. Cost: O(series × samples · log samples).
pub fn profiles(analysis: &Analysis, graphs: &IncidentGraphs, calls: &CallGraph) -> ProfileTable {
    let of_type = |m: &MetricType| BY_TYPE.map(|(name, meaning)| dimension(&format!("{m}_{name}"), meaning));
    let dimensions =
        MetricType::ALL.iter().flat_map(of_type).chain(WHOLE.map(|(name, meaning)| dimension(name, meaning)));
    let (normal, incident) = (graphs.normal.graph.weights(), graphs.incident.graph.weights());
    let (normal_shares, incident_shares) = (edge_shares(&normal), edge_shares(&incident));
    let (normal_classes, incident_classes) = (classes(&normal), classes(&incident));
    let signals = GraphSignals::of(&analysis.frame, Congestion::default());
    let evidence = crate::rank::automap::evidence_by_type(&analysis.frame, &analysis.anomalies);
    let rows = &analysis.windows.rows;
    let all = analysis.frame.services().iter().enumerate();
    let services = all.filter(|(_, name)| !analysis.entities.is_beneath(name)).map(|(i, name)| {
        let service = ServiceIdx(i);
        let mut values = Vec::new();
        for metric in MetricType::ALL {
            let pick = |rows: &[usize], fewest: usize| {
                let column = signals.get(metric, service)?;
                let observed = finite(&rows.iter().map(|&r| column[r]).collect::<Vec<_>>());
                (observed.len() >= fewest).then_some(observed)
            };
            let baseline = pick(&rows.baseline, MIN_BASELINE_SAMPLES);
            let centre = baseline.as_ref().map(|b| median(b));
            values.push(centre);
            values.push(baseline.as_ref().zip(centre).map(|(b, c)| mad(b, c)));
            values.push(pick(&rows.incident, MIN_INCIDENT_SAMPLES).map(|v| median(&v)));
            values.push(Some(evidence[i][metric as usize]).filter(|e| !e.is_nan()));
            values.push(normal_shares.get(name.as_str()).map(|s| s[metric as usize]));
            values.push(incident_shares.get(name.as_str()).map(|s| s[metric as usize]));
        }
        values.push(Some(calls.edges().filter(|(_, to, _)| to == name).count() as f64));
        values.push(Some(calls.callees(name).count() as f64));
        values.push(missing_ratio(analysis, service, &rows.baseline));
        values.push(missing_ratio(analysis, service, &rows.incident));
        let class = |classes: &BTreeMap<&str, Option<ServiceClass>>| {
            classes.get(name.as_str()).copied().flatten().map(|c| c.as_str().to_owned())
        };
        Profile {
            service: name.clone(),
            class: class(&normal_classes),
            incident_class: class(&incident_classes),
            values: values.into_iter().map(|v| v.filter(|v| v.is_finite())).collect(),
        }
    });
    ProfileTable {
        profile_version: PROFILE_VERSION,
        baseline_start: analysis.windows.baseline.start,
        incident_start: analysis.windows.incident.start,
        services: services.collect(),
        dimensions: dimensions.collect(),
    }
}

fn dimension(name: &str, meaning: &str) -> Dimension {
    Dimension { name: name.to_owned(), meaning: meaning.to_owned() }
}

fn missing_ratio(analysis: &Analysis, service: ServiceIdx, rows: &[usize]) -> Option<f64> {
    let own = analysis.frame.series().iter().filter(|s| s.service == service && s.metric.side == Side::Own);
    let (missing, all) = own.fold((0, 0), |(missing, all), series| {
        (missing + rows.iter().filter(|&&i| series.values[i].is_nan()).count(), all + rows.len())
    });
    (all > 0).then(|| missing as f64 / all as f64)
}
