//! Words what the same hours of earlier days say about what stands out.
//!
//! [`crate::verdict::time_of_day`] makes the comparison; this module selects and words.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::evidence::round;
use crate::analysis::Analysis;
use crate::frame::Series;
use crate::metric::{Family, Metric, Unit};
use crate::quantity::change;
use crate::time_of_day::{DayMetrics, EarlierDay, Move, day_words};
use crate::verdict::time_of_day::{Compared, ENOUGH_DAYS, Finding, TimeOfDay};
use crate::verdict::{Decision, Lead, time_of_day};

/// Series in a report.
const MAX_SERIES: usize = 8;
/// Series that a sentence mentions.
const MAX_TOLD: usize = 2;

/// What stands out, compared with the same hours of earlier days.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TimeOfDayInfo {
    /// What they say.
    pub finding: Finding,
    /// The days that were queried.
    pub days: Vec<DayInfo>,
    /// The series that carry the verdict, on each of these days; at most 8.
    pub series: Vec<SeriesOnDays>,
    /// One sentence.
    pub summary: String,
}

/// A day that was queried.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DayInfo {
    /// How many days before.
    pub days_back: u32,
    /// Why it was not observed; `null` if it was.
    pub not_observed: Option<String>,
}

/// One series, today and on the earlier days.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SeriesOnDays {
    /// Who measured it.
    pub service: String,
    /// The metric.
    pub metric: Metric,
    /// The called service, for metrics of calls.
    pub peer: Option<String>,
    /// Level in the baseline.
    pub from: f64,
    /// Level in the incident.
    pub to: f64,
    /// Unit of both, such as `ms`; empty if the source does not specify one.
    pub unit: Unit,
    /// Whether it moved in the same way on at least two earlier days.
    pub is_usual: bool,
    /// The same hours of the earlier days, in the order of `days`.
    pub earlier: Vec<LevelsOnDay>,
}

/// Levels at the same hours of an earlier day.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LevelsOnDay {
    /// How many days before.
    pub days_back: u32,
    /// Level at the hours of the baseline; `null` if it was not observed.
    pub from: Option<f64>,
    /// Level at the hours of the incident; `null` if it was not observed.
    pub to: Option<f64>,
}

/// The comparison in a report; `None` if no earlier day was queried, or nothing stands out.
pub(super) fn time_of_day(analysis: &Analysis, lead: &Lead, decision: Decision) -> Option<TimeOfDayInfo> {
    let compared = time_of_day::compare(analysis, lead)?;
    let days = &analysis.earlier_days;
    let day = |day: &EarlierDay| DayInfo {
        days_back: day.days_back,
        not_observed: match &day.metrics {
            DayMetrics::NotObserved(reason) => Some(reason.clone()),
            DayMetrics::Observed(_) => None,
        },
    };
    let days: Vec<DayInfo> = days.iter().map(day).collect();
    let summary = summary(analysis, &compared, &days, decision);
    let series = compared.series.iter().take(MAX_SERIES).map(|s| on_days(analysis, s)).collect();
    Some(TimeOfDayInfo { finding: compared.finding, days, series, summary })
}

fn on_days(analysis: &Analysis, compared: &Compared) -> SeriesOnDays {
    let series = &analysis.frame.series()[compared.series];
    let earlier = analysis.earlier_days.iter().zip(&compared.earlier).map(|(day, moved)| LevelsOnDay {
        days_back: day.days_back,
        from: moved.map(|m| round(m.from)),
        to: moved.map(|m| round(m.to)),
    });
    SeriesOnDays {
        service: analysis.frame.service(series.service).to_owned(),
        metric: series.metric.clone(),
        peer: series.peer.map(|p| analysis.frame.service(p).to_owned()),
        from: round(compared.today.from),
        to: round(compared.today.to),
        unit: series.metric.unit,
        is_usual: compared.is_usual(),
        earlier: earlier.collect(),
    }
}

fn summary(analysis: &Analysis, compared: &TimeOfDay, days: &[DayInfo], decision: Decision) -> String {
    let (mut usual, mut unusual): (Vec<&Compared>, Vec<&Compared>) = compared.series.iter().partition(|s| s.is_usual());
    // Failures must not hide behind "4 more".
    let is_other = |s: &&Compared| analysis.frame.series()[s.series].metric.family != Family::Error;
    usual.sort_by_key(is_other);
    unusual.sort_by_key(is_other);
    let told = |some: &[&Compared]| {
        let mut parts: Vec<String> = some.iter().take(MAX_TOLD).map(|s| sentence(analysis, s)).collect();
        if some.len() > MAX_TOLD {
            parts.push(format!("{} more", some.len() - MAX_TOLD));
        }
        parts.join("; ")
    };
    match compared.finding {
        Finding::Usual if decision == Decision::Usual => format!("usual for this time of day: {}", told(&usual)),
        Finding::Usual => {
            let why = match compared.fails_users {
                true => "users are failed",
                false => "the start was given or not all was observed",
            };
            format!("usual for this time of day: {}; the verdict stands, since {why}", told(&usual))
        }
        Finding::TrafficIsUsual => {
            let traffic: Vec<&Compared> = usual.into_iter().filter(|s| s.is_traffic(analysis)).collect();
            format!("the traffic is usual for this time of day: {}; not usual: {}", told(&traffic), told(&unusual))
        }
        Finding::Unusual => format!("not usual for this time of day: {}", told(&unusual)),
        Finding::TooFewDays => too_few(days),
    }
}

/// `front-end requests 212 → 388 /s (yesterday 205 → 379 /s, a week ago not observed)`.
fn sentence(analysis: &Analysis, compared: &Compared) -> String {
    let series = &analysis.frame.series()[compared.series];
    let levels = |Move { from, to }: Move| change(Some(from), Some(to), series.metric.unit);
    let day = |(day, moved): (&EarlierDay, &Option<Move>)| {
        let words = moved.map_or_else(|| "not observed".to_owned(), levels);
        format!("{} {words}", day_words(day.days_back))
    };
    let days: Vec<String> = analysis.earlier_days.iter().zip(&compared.earlier).map(day).collect();
    format!("{} {} ({})", subject(analysis, series), levels(compared.today), days.join(", "))
}

fn subject(analysis: &Analysis, series: &Series) -> String {
    let (service, words) = (analysis.frame.service(series.service), series.metric.words());
    match series.peer {
        Some(peer) => format!("{service}→{} {words}", analysis.frame.service(peer)),
        None => format!("{service} {words}"),
    }
}

/// `one earlier day observed; not enough to call it usual (a week ago: the server holds nothing of it)`.
fn too_few(days: &[DayInfo]) -> String {
    let observed = days.iter().filter(|d| d.not_observed.is_none()).count();
    let count = if observed == 0 { "no earlier day observed" } else { "one earlier day observed" };
    let reason = |d: &DayInfo| Some(format!("{}: {}", day_words(d.days_back), d.not_observed.as_ref()?));
    let reasons: Vec<String> = days.iter().filter_map(reason).collect();
    let reasons = if reasons.is_empty() { String::new() } else { format!(" ({})", reasons.join("; ")) };
    debug_assert!(observed < ENOUGH_DAYS);
    format!("{count}; not enough to call it usual{reasons}")
}
