//! When the incident ended, and the other incidents that users felt in the same data.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Symptom;
use super::evidence::{Facts, round};
use super::model::Evidence;
use crate::analysis::Analysis;
use crate::course::{Plan, Stretch};
use crate::frame::MetricFrame;
use crate::quantity::change;
use crate::time::{Interval, Timestamp, as_rfc3339};

/// Other incidents in a report, the nearest to this one.
const MAX_OTHERS: usize = 10;

/// The course of events around the incident.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CourseInfo {
    /// Since when users no longer feel the incident; `null` while it goes on, if its end was given, and if users felt nothing.
    #[serde(default, with = "as_rfc3339::option")]
    #[schemars(schema_with = "as_rfc3339::option::schema")]
    pub over_since: Option<Timestamp>,
    /// Incidents before this one that users felt, in order of time: at most the last ten.
    pub earlier: Vec<OtherIncident>,
    /// Incidents after this one, in order of time: at most the first ten.
    pub later: Vec<OtherIncident>,
    /// Share of the time before the incident in which others disturbed the system, 0–1. It is left out of the baseline.
    pub disturbed_share: f64,
}

/// Another stretch of time in which users felt something, besides the incident of the report.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OtherIncident {
    /// Its first bad sample.
    #[serde(with = "as_rfc3339")]
    #[schemars(schema_with = "as_rfc3339::schema")]
    pub start: Timestamp,
    /// Its end, excluded.
    #[serde(with = "as_rfc3339")]
    #[schemars(schema_with = "as_rfc3339::schema")]
    pub end: Timestamp,
    /// Its worst symptom; `null` if no single metric stood out.
    pub symptom: Option<Symptom>,
}

impl OtherIncident {
    /// From start to end.
    pub fn span(&self) -> Interval {
        Interval { start: self.start, end: self.end }
    }
}

/// The course in a report.
pub(super) fn course(analysis: &Analysis) -> CourseInfo {
    let (frame, plan) = (&analysis.frame, &analysis.plan);
    let start = analysis.windows.incident.start;
    let all = plan.others.iter().map(|s| other(frame, s));
    let (mut earlier, mut later): (Vec<_>, Vec<_>) = all.partition(|o| o.start < start);
    earlier.drain(..earlier.len().saturating_sub(MAX_OTHERS));
    later.truncate(MAX_OTHERS);
    CourseInfo {
        over_since: plan.over_since,
        earlier,
        later,
        disturbed_share: round(plan.disturbed_share(frame, start)),
    }
}

fn other(frame: &MetricFrame, stretch: &Stretch) -> OtherIncident {
    let times = frame.times();
    let end = times.get(stretch.rows.end).copied().unwrap_or(frame.span().end);
    let symptom = stretch.symptom.map(|s| symptom(frame, s, times[stretch.rows.start]));
    OtherIncident { start: times[stretch.rows.start], end, symptom }
}

/// The felt symptom of the incident itself, for reports in which no series is clear enough to be a symptom.
pub(super) fn felt(facts: &Facts<'_>, plan: &Plan) -> Option<Symptom> {
    let current = plan.current.as_ref()?;
    current.symptom.map(|s| symptom(facts.frame, s, facts.frame.times()[current.rows.start]))
}

fn symptom(frame: &MetricFrame, (index, from, to): (usize, f64, f64), onset: Timestamp) -> Symptom {
    let series = &frame.series()[index];
    let service = frame.service(series.service).to_owned();
    let (metric, unit) = (series.metric.clone(), series.metric.unit);
    let peer = series.peer.map(|p| frame.service(p).to_owned());
    let observed = |v: f64| v.is_finite().then_some(v);
    let place = peer.as_ref().map_or_else(String::new, |p| format!("{service}→{p} "));
    let summary = format!("{place}{} {}", metric.words(), change(observed(from), observed(to), unit));
    let seen_by = service.clone();
    let evidence = Evidence {
        metric,
        seen_by,
        peer,
        from: observed(from),
        to: observed(to),
        unit,
        strength: 0.0,
        onset: Some(onset),
        summary,
    };
    Symptom { service, evidence }
}
