//! The data of one small chart: points, normal range, windows, onset.
//!
//! Decides what is shown of a series (how many points, which range); renderers draw it.

mod thin;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::anomaly::practical_floor;
use crate::frame::Series;
use crate::metric::{CLIENT_LATENCY_MS, Metric, NETWORK_GAP_MS, SERVED_LATENCY_MS, Unit};
use crate::quantity::change;
use crate::report::evidence::Facts;
use crate::stats::{mad, median};
use crate::time::{Interval, Timestamp};

/// Maximum number of points per line; a longer series keeps the extremes and the gaps of each stretch.
pub const MAX_POINTS: usize = 300;
/// Half the width of the normal band, in spreads: two samples in a row outside are an onset (`onset::of_series` uses the
/// same).
const BAND_SPREADS: f64 = 4.0;
/// Samples further apart than this many usual steps have a gap between them.
const HOLE_STEPS: i64 = 3;

/// One series, or the two ends of one call, ready to draw.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Chart {
    /// Why it is shown.
    pub role: ChartRole,
    /// Who measured it.
    pub service: String,
    /// The called service, for metrics of calls.
    pub peer: Option<String>,
    /// The metric's name.
    pub metric: Metric,
    /// The same in words: `p95 latency`.
    pub title: String,
    /// What happened, with its unit: `74.1 → 376 ms`.
    pub change: String,
    /// Unit of all values, such as `ms`, `ratio` or `bytes/s`; empty if the source does not specify one.
    pub unit: Unit,
    /// One line; two if a call is measured at both ends (`at the caller`, `at the callee`). Never empty.
    pub lines: Vec<ChartLine>,
    /// First and last timestamp of the data, the same for all charts of a page.
    pub span: ChartSpan,
    /// The baseline.
    pub baseline: ChartSpan,
    /// The incident.
    pub incident: ChartSpan,
    /// When the first line left its normal band, milliseconds since the epoch; `null` if it did not.
    pub onset_ms: Option<i64>,
    /// Normal range of the first line; `null` if the baseline has no sample.
    pub normal: Option<NormalBand>,
    /// An expression that shows the metric, if the source has one.
    pub query: Option<String>,
}

/// Why a series is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ChartRole {
    /// Evidence of the named service.
    Cause,
    /// Evidence of a service that may be the cause.
    Candidate,
    /// What users notice.
    Symptom,
    /// Evidence of a victim.
    Victim,
    /// A metric of the named service that did not change: it distinguishes kinds of faults.
    Unchanged,
    /// Nothing happened; this series came closest, or is what users would notice first.
    Calm,
}

/// One line of a chart.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ChartLine {
    /// What distinguishes it from the other line; empty if there is only one.
    pub label: String,
    /// In time order, at most [`MAX_POINTS`].
    pub points: Vec<ChartPoint>,
    /// Samples of the series, observed or not, before thinning.
    pub samples: usize,
    /// Samples that were not observed.
    pub gaps: usize,
}

/// One point.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ChartPoint {
    /// Milliseconds since the epoch.
    pub at_ms: i64,
    /// In the chart's unit; `null` is a gap.
    pub value: Option<f64>,
}

/// A span of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ChartSpan {
    /// First timestamp inside, milliseconds since the epoch.
    pub start_ms: i64,
    /// First timestamp outside.
    pub end_ms: i64,
}

/// The normal range of a series in the baseline.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NormalBand {
    /// Median of the baseline.
    pub median: f64,
    /// Four spreads below.
    pub low: f64,
    /// Four spreads above.
    pub high: f64,
}

impl From<Interval> for ChartSpan {
    fn from(i: Interval) -> Self {
        Self { start_ms: i.start.ms(), end_ms: i.end.ms() }
    }
}

/// Collects the chart data of a series. A network gap is shown by its two ends, which say more than their difference.
/// O(samples).
pub(crate) fn chart(facts: &Facts<'_>, series: &Series, role: ChartRole, query: Option<String>) -> Chart {
    let (first, second, title) = ends(facts, series);
    let unit = first.metric.unit;
    let name = |s| facts.frame.service(s).to_owned();
    let (from, to) = facts.levels(first);
    let label = |text: &str| if second.is_some() { text.to_owned() } else { String::new() };
    let times = facts.frame.times();
    let hole_ms = HOLE_STEPS * facts.frame.step_ms();
    let mut lines = vec![line(times, &first.values, hole_ms, label("at the caller"))];
    lines.extend(second.map(|s| line(times, &s.values, hole_ms, label("at the callee"))));
    Chart {
        role,
        service: name(first.service),
        peer: first.peer.map(name),
        metric: series.metric.clone(),
        title,
        change: change(from, to, unit),
        unit,
        lines,
        span: facts.frame.span().into(),
        baseline: facts.windows.baseline.into(),
        incident: facts.windows.incident.into(),
        onset_ms: facts.onset(first).map(|row| times[row].ms()),
        normal: normal_band(&first.values, &facts.windows.rows.baseline, unit),
        query,
    }
}

/// Caller's and callee's latency for a network gap; otherwise the series alone.
fn ends<'a>(facts: &Facts<'a>, series: &'a Series) -> (&'a Series, Option<&'a Series>, String) {
    let side = |name: &str| facts.frame.get(series.service, name, series.peer);
    if series.metric.name == NETWORK_GAP_MS
        && let (Some(caller), Some(callee)) = (side(CLIENT_LATENCY_MS), side(SERVED_LATENCY_MS))
    {
        return (caller, Some(callee), "latency at both ends".to_owned());
    }
    (series, None, series.metric.words())
}

fn line(times: &[Timestamp], values: &[f64], hole_ms: i64, label: String) -> ChartLine {
    let points: Vec<ChartPoint> = times
        .iter()
        .zip(values)
        .map(|(t, v)| ChartPoint { at_ms: t.ms(), value: v.is_finite().then_some(*v) })
        .collect();
    let gaps = points.iter().filter(|p| p.value.is_none()).count();
    ChartLine {
        label,
        samples: points.len(),
        gaps,
        points: thin::thin(&thin::open_holes(&points, hole_ms), MAX_POINTS),
    }
}

/// The normal band; leaving it is an onset. A share is clamped to 0 to 1, and quantities that cannot be negative to at
/// least 0.
fn normal_band(values: &[f64], baseline: &[usize], unit: Unit) -> Option<NormalBand> {
    let normal: Vec<f64> = baseline.iter().map(|&i| values[i]).collect();
    let centre = median(&normal);
    if !centre.is_finite() {
        return None;
    }
    let floor = (0.02 * centre.abs()).max(practical_floor(unit)).max(1e-12);
    let half = BAND_SPREADS * mad(&normal, centre).max(floor);
    let never_negative = normal.iter().all(|v| v.is_nan() || *v >= 0.0);
    let low = if never_negative { (centre - half).max(0.0) } else { centre - half };
    let high = if unit == Unit::Ratio && centre <= 1.0 { (centre + half).min(1.0) } else { centre + half };
    Some(NormalBand { median: centre, low, high })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::onset;

    #[test]
    fn the_band_is_the_one_whose_leaving_is_an_onset() {
        // Median 10, absolute deviations 1: 1.4826 spreads of the deviation, four of them.
        let mut values = vec![9.0, 11.0, 9.0, 11.0, 10.0, 10.0, 9.0, 11.0, 10.0, 10.0];
        let baseline: Vec<usize> = (0..10).collect();
        let band = normal_band(&values, &baseline, Unit::Unknown).unwrap();
        assert_eq!(band.median, 10.0);
        let floor = 0.02 * 10.0;
        values.extend([band.high - 1e-9; 2]);
        assert_eq!(onset::of_series(&values, &baseline, 10, floor), None, "still inside");
        values.extend([band.high + 1e-9; 2]);
        assert_eq!(onset::of_series(&values, &baseline, 10, floor), Some(12), "outside");
    }

    #[test]
    fn a_band_stays_where_values_can_be() {
        let quiet = normal_band(&[0.0; 8], &[0, 1, 2, 3, 4, 5], Unit::Ratio).unwrap();
        assert_eq!((quiet.low, quiet.high), (0.0, 0.02), "four practical floors of half a percent, not below zero");
        let full = normal_band(&[1.0; 8], &[0, 1, 2, 3, 4, 5], Unit::Ratio).unwrap();
        assert_eq!(full.high, 1.0);
        assert_eq!(normal_band(&[f64::NAN; 8], &[0, 1, 2], Unit::Ms), None, "nothing observed, no band");
    }
}
