//! Turns statistics into items of evidence: what changed for a service, from which level to which, since when, and who observed it.

use super::Evidence;
use crate::anomaly::{Anomalies, SeriesEvidence};
use crate::frame::{MetricFrame, Series, ServiceIdx};
use crate::metric::{CLIENT_LATENCY_MS, Family, MISSING_RATIO, Metric, NETWORK_GAP_MS, SERVED_LATENCY_MS, Side, Unit};
use crate::onset;
use crate::propagation::{diagnostic_weight, smallest_spread};
use crate::quantity::{change, value};
use crate::rank::{PartSource, RankedService};
use crate::stats::{Level, mean};
use crate::windows::Windows;

/// Evidence below this is not worth a line.
const WORTH_A_LINE: f64 = 0.5;
/// Lines for one candidate.
const MAX_LINES: usize = 6;
/// Rows before the incident's start at which an onset may already show (an alert fires late).
const EARLY_ROWS: usize = 3;

/// The data that every sentence is made from.
pub(crate) struct Facts<'a> {
    pub(crate) frame: &'a MetricFrame,
    pub(crate) anomalies: &'a Anomalies,
    pub(crate) windows: &'a Windows,
}

impl Facts<'_> {
    /// Evidence for a candidate, highest diagnostic_weight first, one line per family and place.
    pub(crate) fn for_candidate(&self, candidate: &RankedService) -> Vec<Evidence> {
        let mut found: Vec<(f64, &SeriesEvidence)> = self
            .anomalies
            .series
            .iter()
            .filter_map(|s| Some((diagnostic_weight(s, candidate)?, s)))
            .filter(|(_, s)| s.evidence >= WORTH_A_LINE)
            .collect();
        found.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.series.cmp(&b.1.series)));
        let mut shown: Vec<(&Family, ServiceIdx, Option<ServiceIdx>)> = Vec::new();
        let mut lines: Vec<Evidence> = Vec::new();
        for (_, s) in found {
            let place = (&s.metric.family, s.service, s.peer);
            if !shown.contains(&place) {
                shown.push(place);
                lines.push(self.line(s));
            }
        }
        lines.extend(self.missing(candidate));
        // A gap includes everything that the caller's latency of the same calls shows.
        let gaps: Vec<_> = lines.iter().filter(|l| l.metric.name == NETWORK_GAP_MS).map(|l| l.peer.clone()).collect();
        lines.retain(|l| l.metric.name != CLIENT_LATENCY_MS || !gaps.contains(&l.peer));
        lines.truncate(MAX_LINES);
        lines
    }

    /// One change as data and as a sentence.
    pub(crate) fn line(&self, s: &SeriesEvidence) -> Evidence {
        let series = &self.frame.series()[s.series];
        let (from, to) = self.levels(series);
        let summary = if s.metric.name == NETWORK_GAP_MS { self.gap_sentence(series) } else { None };
        let summary =
            summary.unwrap_or_else(|| format!("{} {}", self.subject(series), change(from, to, s.metric.unit)));
        Evidence {
            metric: s.metric.clone(),
            seen_by: self.frame.service(s.service).to_owned(),
            peer: s.peer.map(|p| self.frame.service(p).to_owned()),
            from,
            to,
            unit: s.metric.unit,
            strength: round(s.evidence),
            onset: self.onset(series).map(|row| self.frame.times()[row]),
            summary,
        }
    }

    /// Level in the baseline and in the incident: medians; means where only they moved (a pulse).
    pub(crate) fn levels(&self, series: &Series) -> (Option<f64>, Option<f64>) {
        let rows = &self.windows.rows;
        let (normal, incident) = (series.values_at(&rows.baseline), series.values_at(&rows.incident));
        let level = Level::telling(&normal, &incident);
        (observed(level.of(&normal)), observed(level.of(&incident)))
    }

    /// Means in the baseline and in the incident, over the samples in which the other series was observed too.
    fn means(&self, series: &Series, other: &Series) -> (Option<f64>, Option<f64>) {
        let both = |i: &&usize| !other.values[**i].is_nan();
        let of = |rows: &[usize]| mean(&rows.iter().filter(both).map(|&i| series.values[i]).collect::<Vec<_>>());
        (observed(of(&self.windows.rows.baseline)), observed(of(&self.windows.rows.incident)))
    }

    /// The row at which the series left its normal band, not before the incident's start: rates blur the last few samples.
    pub(crate) fn onset(&self, series: &Series) -> Option<usize> {
        let start = *self.windows.rows.incident.first()?;
        let floor = smallest_spread(series, &self.windows.rows.baseline);
        let from = start.saturating_sub(EARLY_ROWS);
        onset::of_series(&series.values, &self.windows.rows.baseline, from, floor).map(|row| row.max(start))
    }

    fn subject(&self, series: &Series) -> String {
        let words = series.metric.words();
        match series.peer {
            Some(peer) => format!("{}→{} {words}", self.frame.service(series.service), self.frame.service(peer)),
            None => words,
        }
    }

    /// `orders→payment latency 4 → 312 ms at the caller, 3 → 3 ms at the callee: 308 ms more between them`.
    fn gap_sentence(&self, gap: &Series) -> Option<String> {
        let side = |name: &str| self.frame.get(gap.service, name, gap.peer);
        let (at_caller, at_callee) = (side(CLIENT_LATENCY_MS)?, side(SERVED_LATENCY_MS)?);
        let medians = (self.levels(at_caller), self.levels(at_callee), self.levels(gap));
        // Medians need not add up; if they do not, use means over the same samples, which do.
        let (caller, callee, (from, to)) = match add_up(medians) {
            true => medians,
            false => (self.means(at_caller, gap), self.means(at_callee, gap), self.means(gap, gap)),
        };
        let (rise, lost) = (caller.1? - caller.0?, to? - from?);
        let verdict = if lost > 0.5 * rise { ", network and not code" } else { "" };
        Some(format!(
            "{}→{} latency {} at the caller, {} at the callee: {} more between them{verdict}",
            self.frame.service(gap.service),
            self.frame.service(gap.peer?),
            change(caller.0, caller.1, gap.metric.unit),
            change(callee.0, callee.1, gap.metric.unit),
            value(lost, gap.metric.unit),
        ))
    }

    pub(crate) fn missing(&self, candidate: &RankedService) -> Option<Evidence> {
        let part = candidate.parts.iter().find(|p| p.source == PartSource::Missing && p.evidence >= WORTH_A_LINE)?;
        let own = self.frame.series().iter().filter(|s| s.service == candidate.service && s.metric.side == Side::Own);
        let share = |s: &Series, rows: &[usize]| {
            rows.iter().filter(|&&i| s.values[i].is_nan()).count() as f64 / rows.len() as f64
        };
        let rows = &self.windows.rows;
        let (from, to) = own
            .map(|s| (share(s, &rows.baseline), share(s, &rows.incident)))
            .max_by(|a, b| (a.1 - a.0).total_cmp(&(b.1 - b.0)))?;
        Some(Evidence {
            metric: Metric::parse(MISSING_RATIO),
            seen_by: self.frame.service(candidate.service).to_owned(),
            peer: None,
            from: Some(from),
            to: Some(to),
            unit: Unit::Ratio,
            strength: round(part.evidence),
            onset: None,
            summary: format!("samples missing {}", change(Some(from), Some(to), Unit::Ratio)),
        })
    }
}

/// Level before and in the incident; `None` if it was not observed.
type Levels = (Option<f64>, Option<f64>);

/// Whether the rise at the caller minus the rise at the callee equals the rise of the gap, to a tenth of it.
fn add_up((caller, callee, gap): (Levels, Levels, Levels)) -> bool {
    let rise = |(from, to): Levels| Some(to? - from?);
    let (Some(caller), Some(callee), Some(gap)) = (rise(caller), rise(callee), rise(gap)) else { return true };
    (caller - callee - gap).abs() <= 0.1 * gap.abs()
}

fn observed(v: f64) -> Option<f64> {
    v.is_finite().then_some(v)
}

/// Rounds to three decimals: enough for a reader, and stable if sums differ in their last bits.
pub(crate) fn round(v: f64) -> f64 {
    (v * 1e3).round() / 1e3
}
