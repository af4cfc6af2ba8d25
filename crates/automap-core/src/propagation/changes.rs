//! What every service showed, and when that began.

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

/// From a change to the sample that shows it: one step until it is scraped, one until the next sample of the axis.
const STEPS_TO_SEE: i64 = 2;

/// When a change began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OnsetSpan {
    /// The first sample that shows it.
    pub at: Timestamp,
    /// It began later than this, in 90 of 100 cases together with `latest`.
    pub earliest: Timestamp,
    /// It began no later than this.
    pub latest: Timestamp,
}

/// One clear change.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ClearChange {
    /// Which series shows it.
    pub source: ChangeSource,
    /// Evidence above noise.
    pub evidence: f64,
    /// When it began; `None` where no sharp beginning was found.
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
    /// Its clearest change of all; what its callers see of it counts as far as the ranking held it against the service.
    pub clearest: Option<ClearChange>,
    /// Its change that says most about a cause, by how early the kind stands in the chain of causes inside a service.
    pub as_cause: Option<ClearChange>,
    /// Its own latency or errors, whichever rose more clearly.
    pub symptom: Option<ClearChange>,
    /// Its requests, else its bytes over the network.
    pub load: Option<ClearChange>,
}

/// The clear changes of all services.
#[derive(Clone, Debug, PartialEq)]
pub struct ClearChanges {
    /// By service; services without any clear change are absent.
    pub by_service: BTreeMap<ServiceIdx, ServiceChanges>,
    /// Onsets of all clear series, by position in [`Anomalies::series`].
    pub onsets: BTreeMap<usize, OnsetSpan>,
}

impl ClearChanges {
    /// What a service showed; nothing for one without a clear change.
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
            onset: onset_of_silence(frame, windows, service),
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
    // The same change as others see it counts a little less than as the service sees it.
    let seen = |s: &SeriesEvidence| {
        let held = ranked.and_then(|r| part_evidence(s, r)).filter(|e| *e >= options.clear)?;
        Some(0.99 * held.min(s.evidence))
    };
    let clearest = strongest(&|s| if own(s) { Some(s.evidence) } else { seen(s) });
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

/// Which part of a candidate's score a series belongs to; `None` where it speaks of somebody else.
fn part_source(s: &SeriesEvidence, me: ServiceIdx) -> Option<PartSource> {
    match (s.metric.side, &s.metric.family) {
        (Side::Client, Family::NetworkGap) if s.service == me || s.peer == Some(me) => Some(PartSource::NetworkGap),
        (Side::Client, family) if s.peer == Some(me) && family.is_symptom() => {
            Some(PartSource::SeenByCallers(family.clone()))
        }
        (Side::Own, family) if s.service == me => Some(PartSource::Own(family.clone())),
        _ => None,
    }
}

fn part_evidence(s: &SeriesEvidence, candidate: &RankedService) -> Option<f64> {
    let source = part_source(s, candidate.service)?;
    Some(candidate.parts.iter().find(|p| p.source == source)?.evidence)
}

/// How diagnostic_weight a series is for a candidate, by the kind of evidence and what the ranking left of it; `None` where it speaks of somebody
/// else.
pub(crate) fn diagnostic_weight(s: &SeriesEvidence, candidate: &RankedService) -> Option<f64> {
    let source = part_source(s, candidate.service)?;
    let part = part_evidence(s, candidate)?;
    Some(causal_weight(&source) * part.max(0.0).min(s.evidence) + 1e-3 * s.evidence)
}

/// The smallest spread of a series that matters, in its unit: 2 % of its normal level, and what its unit makes worth noticing.
pub(crate) fn smallest_spread(series: &Series, baseline: &[usize]) -> f64 {
    let normal: Vec<f64> = baseline.iter().map(|&i| series.values[i]).collect();
    (0.02 * median(&normal).abs()).max(practical_floor(series.metric.unit)).max(1e-12)
}

/// Normal time, then everything up to the incident's end. A baseline after the incident comes first all the same: what counts is
/// normal before changed.
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
    let earliest = t[found.earliest].plus_ms(-STEPS_TO_SEE * frame.step_ms());
    Some(OnsetSpan { at: t[found.row], earliest, latest: t[found.latest] })
}

/// The first two samples in a row that none of a service's series, whichever lost most, delivers. Rates outlive their service by the
/// look-back.
fn onset_of_silence(frame: &MetricFrame, windows: &Windows, service: ServiceIdx) -> Option<OnsetSpan> {
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
    let lead = STEPS_TO_SEE + LOOK_BACK_STEPS as i64;
    Some(OnsetSpan { at, earliest: at.plus_ms(-lead * frame.step_ms()), latest: at })
}
