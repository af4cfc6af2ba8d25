//! Finds the clear changes of every service and dates them.
//!
//! A service may change in several ways; which one matters depends on whether it is considered as a cause, a victim, or a source of load, so
//! [`ServiceChanges`] keeps one of each. `trace` connects the changes.

use std::collections::BTreeMap;

use super::PropagationOptions;
use crate::anomaly::{Anomalies, SeriesEvidence, practical_floor};
use crate::frame::{MetricFrame, Series, ServiceIdx};
use crate::metric::{Family, Side};
use crate::onset::{LOOK_BACK_STEPS, interval_of_series};
use crate::rank::{PartSource, RankedService, Ranking};
use crate::stats::median;
use crate::time::Timestamp;
use crate::verdict::causal_weight;
use crate::windows::Windows;

/// Samples between a change and its first visible sample: one until it is scraped, one until the next sample of the axis.
const DETECTION_STEPS: i64 = 2;

/// When a change began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OnsetSpan {
    /// The first sample that shows it.
    pub at: Timestamp,
    /// Lower bound, exclusive. Both bounds together hold in 90 of 100 cases.
    pub earliest: Timestamp,
    /// Upper bound, inclusive.
    pub latest: Timestamp,
}

/// One clear change.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ClearChange {
    /// What shows it.
    pub source: ChangeSource,
    /// Evidence above noise.
    pub evidence: f64,
    /// When it began; `None` if no sharp onset was found.
    pub onset: Option<OnsetSpan>,
}

/// What shows a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeSource {
    /// A position in [`Anomalies::series`].
    Series(usize),
    /// Samples stopped arriving.
    Missing,
}

/// The clear changes of one service.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ServiceChanges {
    /// Its clearest change. Evidence from its callers counts as far as the ranking attributed it to this service.
    pub clearest: Option<ClearChange>,
    /// The most telling change if it is the cause, by how early its kind comes in the causal chain inside a service.
    pub as_cause: Option<ClearChange>,
    /// Its own latency or errors, whichever rose more clearly.
    pub symptom: Option<ClearChange>,
    /// Its request rate or, without one, its network traffic.
    pub load: Option<ClearChange>,
}

/// The clear changes of all services.
#[derive(Clone, Debug, PartialEq)]
pub struct ClearChanges {
    /// By service; services without a clear change are absent.
    pub by_service: BTreeMap<ServiceIdx, ServiceChanges>,
    /// Onsets of all clear series, by position in [`Anomalies::series`].
    pub onsets: BTreeMap<usize, OnsetSpan>,
}

impl ClearChanges {
    /// The changes of one service; all `None` for a service without a clear change.
    pub fn of(&self, service: ServiceIdx) -> ServiceChanges {
        self.by_service.get(&service).copied().unwrap_or_default()
    }
}

/// Finds the clear changes and their onsets. O(clear series × samples).
pub fn find_changes(
    frame: &MetricFrame,
    windows: &Windows,
    anomalies: &Anomalies,
    ranking: &Ranking,
    options: &PropagationOptions,
) -> ClearChanges {
    let rows = compared_rows(windows);
    let clear = anomalies.series.iter().enumerate().filter(|(_, s)| s.evidence >= options.clear);
    let onsets: BTreeMap<usize, OnsetSpan> = clear
        .clone()
        .filter_map(|(i, s)| Some((i, onset(frame, windows, &rows, &frame.series()[s.series])?)))
        .collect();
    let mut by_service: BTreeMap<ServiceIdx, Vec<(usize, &SeriesEvidence)>> = BTreeMap::new();
    for (i, s) in clear {
        by_service.entry(s.service).or_default().push((i, s));
        if let Some(peer) = s.peer {
            by_service.entry(peer).or_default().push((i, s));
        }
    }
    anomalies.missing.iter().filter(|(_, e)| **e >= options.clear).for_each(|(s, _)| {
        by_service.entry(*s).or_default();
    });
    let ranked: BTreeMap<ServiceIdx, &RankedService> = ranking.services.iter().map(|s| (s.service, s)).collect();
    let by_service = by_service.into_iter().map(|(service, found)| {
        let missing = anomalies.missing.get(&service).filter(|e| **e >= options.clear);
        let missing = missing.map(|&evidence| ClearChange {
            source: ChangeSource::Missing,
            evidence,
            onset: onset_of_missing_data(frame, windows, service),
        });
        (service, of_service(service, ranked.get(&service).copied(), &found, missing, &onsets, options))
    });
    ClearChanges { by_service: by_service.filter(|(_, s)| s.clearest.is_some()).collect(), onsets }
}

fn of_service(
    service: ServiceIdx,
    ranked: Option<&RankedService>,
    found: &[(usize, &SeriesEvidence)],
    missing: Option<ClearChange>,
    onsets: &BTreeMap<usize, OnsetSpan>,
    options: &PropagationOptions,
) -> ServiceChanges {
    let signal = |i: usize, s: &SeriesEvidence| ClearChange {
        source: ChangeSource::Series(i),
        evidence: s.evidence,
        onset: onsets.get(&i).copied(),
    };
    let strongest = |weight: &dyn Fn(&SeriesEvidence) -> Option<f64>| {
        let weighed = found.iter().filter_map(|(i, s)| Some((weight(s)?, signal(*i, s))));
        // The first of equals, in the order of the frame.
        weighed.fold(None, |best: Option<(f64, ClearChange)>, next| match best {
            Some(best) if best.0 >= next.0 => Some(best),
            _ => Some(next),
        })
    };
    let own = |s: &SeriesEvidence| s.service == service && s.metric.side == Side::Own;
    let of_family = |wanted: &dyn Fn(&Family) -> bool| {
        strongest(&|s| (own(s) && wanted(&s.metric.family)).then_some(s.evidence)).map(|(_, signal)| signal)
    };
    // A change seen by callers counts slightly less than the same change seen by the service itself.
    let seen_by_callers = |s: &SeriesEvidence| {
        let held = ranked.and_then(|r| part_evidence(s, r)).filter(|e| *e >= options.clear)?;
        Some(0.99 * held.min(s.evidence))
    };
    let clearest = strongest(&|s| if own(s) { Some(s.evidence) } else { seen_by_callers(s) });
    let beyond = |best: Option<(f64, ClearChange)>, weight: f64| match (best, missing) {
        (Some((e, _)), Some(m)) if weight * m.evidence > e => Some(m),
        (Some((_, signal)), _) => Some(signal),
        (None, m) => m,
    };
    let as_cause = strongest(&|s| ranked.and_then(|r| diagnostic_weight(s, r)));
    ServiceChanges {
        clearest: beyond(clearest, 1.0),
        as_cause: beyond(as_cause, causal_weight(&PartSource::Missing)),
        symptom: of_family(&Family::is_symptom),
        load: of_family(&|f| *f == Family::Throughput).or_else(|| of_family(&|f| *f == Family::Network)),
    }
}

/// The part of a candidate's score that a series belongs to; `None` if the series is about another service.
fn part_source(s: &SeriesEvidence, candidate: ServiceIdx) -> Option<PartSource> {
    match (s.metric.side, &s.metric.family) {
        (Side::Client, Family::NetworkGap) if s.service == candidate || s.peer == Some(candidate) => {
            Some(PartSource::NetworkGap)
        }
        (Side::Client, family) if s.peer == Some(candidate) && family.is_symptom() => {
            Some(PartSource::SeenByCallers(family.clone()))
        }
        (Side::Own, family) if s.service == candidate => Some(PartSource::Own(family.clone())),
        _ => None,
    }
}

fn part_evidence(s: &SeriesEvidence, candidate: &RankedService) -> Option<f64> {
    let source = part_source(s, candidate.service)?;
    Some(candidate.parts.iter().find(|p| p.source == source)?.evidence)
}

/// How much a series counts for a candidate: its evidence after explaining away times the causal weight of its kind. `None` if the series is
/// about another service.
pub(crate) fn diagnostic_weight(s: &SeriesEvidence, candidate: &RankedService) -> Option<f64> {
    let source = part_source(s, candidate.service)?;
    let part = part_evidence(s, candidate)?;
    Some(causal_weight(&source) * part.max(0.0).min(s.evidence) + 1e-3 * s.evidence)
}

/// The smallest spread of a series that matters, in its unit: 2 % of its normal level, or its unit's practical floor if that is larger.
pub(crate) fn smallest_spread(series: &Series, baseline: &[usize]) -> f64 {
    (0.02 * median(&series.values_at(baseline)).abs()).max(practical_floor(series.metric.unit)).max(1e-12)
}

/// The rows to date changes in: the baseline, then everything up to the incident's end. A baseline that lies after the incident is put first
/// as well, since the model expects normal before changed samples.
fn compared_rows(windows: &Windows) -> Vec<usize> {
    let (baseline, incident) = (&windows.rows.baseline, &windows.rows.incident);
    let (Some(&first), Some(&last)) = (incident.first(), incident.last()) else { return Vec::new() };
    let from = baseline.last().map_or(first, |b| if *b < first { b + 1 } else { first });
    baseline.iter().copied().chain(from..=last).collect()
}

fn onset(frame: &MetricFrame, windows: &Windows, rows: &[usize], series: &Series) -> Option<OnsetSpan> {
    let baseline = &windows.rows.baseline;
    let rises_only = series.metric.family.rises_only() && !series.metric.is_availability;
    let floor = smallest_spread(series, baseline);
    let found = interval_of_series(&series.values, rows, baseline, floor, rises_only)?;
    let t = frame.times();
    let earliest = t[found.earliest].plus_ms(-DETECTION_STEPS * frame.step_ms());
    Some(OnsetSpan { at: t[found.row], earliest, latest: t[found.latest] })
}

/// The first of two missing samples in a row, in the series of the service that lost most samples. Rates outlive their service by the
/// look-back, so the lower bound is earlier by that much.
fn onset_of_missing_data(frame: &MetricFrame, windows: &Windows, service: ServiceIdx) -> Option<OnsetSpan> {
    let rows = &windows.rows;
    let gaps = |s: &Series, rows: &[usize]| {
        rows.iter().filter(|&&i| s.values[i].is_nan()).count() as f64 / rows.len().max(1) as f64
    };
    let own = frame.series().iter().filter(|s| s.service == service && s.metric.side == Side::Own);
    let silent = own
        .map(|s| (gaps(s, &rows.incident) - gaps(s, &rows.baseline), s))
        .max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.metric.name.cmp(&a.1.metric.name)))?;
    let first = rows.incident.first()?.saturating_sub(LOOK_BACK_STEPS);
    let values = &silent.1.values;
    let row = (first..values.len().saturating_sub(1)).find(|&i| values[i].is_nan() && values[i + 1].is_nan())?;
    let at = frame.times()[row];
    let lead = DETECTION_STEPS + LOOK_BACK_STEPS as i64;
    Some(OnsetSpan { at, earliest: at.plus_ms(-lead * frame.step_ms()), latest: at })
}
