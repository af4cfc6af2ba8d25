//! Finds slow changes: one level per window, and a robust slope over many windows.
//!
//! Each window contributes the median of each series. The slope is Theil–Sen's, its significance Mann–Kendall's, corrected for autocorrelation.
//! A trend must be significant over all series *and* large enough to matter.
//!
//! Worked example: eight hourly levels of a memory, 100, 102, …, 114 MiB, rise by 2 MiB an hour. All 28 pairs rise, p = 0.0008. The change over
//! seven hours is 14 MiB, 3.5 of the smallest spreads of 4 MiB: rising, and doubling after 57 hours.

mod model;
mod step;

use std::collections::{BTreeMap, BTreeSet};

use statrs::distribution::{ContinuousCDF, Normal};

pub use model::{Direction, Projection, SCHEMA_VERSION, SeriesTrend, Trend, TrendStep, TrendWindow};

use super::{CompareError, Period, SeriesKey, metric_of};
use crate::anomaly::{AnomalyOptions, practical_floor};
use crate::metric::Unit;
use crate::note::Note;
use crate::stats::{
    TheilSen, false_discovery_rates, finite, hamed_rao_inflation, mad, mann_kendall, median, persistence, theil_sen,
};

/// Fewest windows with a level: below it even a steady rise could be chance.
pub const MIN_WINDOWS: usize = 6;
/// Most windows. The slopes of all pairs are kept in memory, 8 bytes each.
pub const MAX_WINDOWS: usize = 2_000;
/// Share of a window's samples that must be observed for it to have a level.
const MIN_OBSERVED: f64 = 0.5;
/// How far ahead trends are projected, as a multiple of the observed time.
const PROJECTION_SPANS: f64 = 10.0;
const HOUR_MS: f64 = 3_600_000.0;

/// Criteria for a trend.
#[derive(Clone, Copy, Debug)]
pub struct TrendOptions {
    /// Accepted share of false findings among the findings; the slopes' confidence intervals have one minus this as their level. Range 0–1,
    /// default 0.05.
    pub false_discovery: f64,
    /// Smallest change over all windows, in spreads around the line, which are at least the smallest spread that matters. Default 2.
    pub min_change: f64,
    /// The smallest spreads that matter.
    pub floors: AnomalyOptions,
}

impl Default for TrendOptions {
    fn default() -> Self {
        Self { false_discovery: 0.05, min_change: 2.0, floors: AnomalyOptions::default() }
    }
}

/// Computes the trend of every series over a number of windows. Missing windows are gaps, since slopes are over time, not position. Cost:
/// O(series × windows²), memory O(windows²).
///
/// Significance is Mann–Kendall's with the variance of Hamed & Rao (1998). Their estimate of the autocorrelation, lag by lag, is far
/// too low on a few dozen windows: the test would reject a quarter of trendless series with persistence 0.6. Here it is that of a first-order
/// autoregression, corrected for the fitted line.
///
/// # Errors
/// [`CompareError::TooManyWindows`] beyond [`MAX_WINDOWS`]. Too few windows are not an error but a direction per series.
pub fn trend(windows: &[Period], options: &TrendOptions) -> Result<Trend, CompareError> {
    if windows.len() > MAX_WINDOWS {
        return Err(CompareError::TooManyWindows { windows: windows.len(), most: MAX_WINDOWS });
    }
    let mut windows: Vec<&Period> = windows.iter().collect();
    windows.sort_by_key(|w| (w.window.start, w.window.end));
    let keys: BTreeSet<&SeriesKey> = windows.iter().flat_map(|w| w.keys()).collect();
    let hours: Vec<f64> = windows.iter().map(|w| middle_ms(w, windows[0]) / HOUR_MS).collect();
    let levels: BTreeMap<&SeriesKey, Vec<f64>> =
        keys.into_iter().map(|key| (key, windows.iter().map(|w| level(w, key)).collect())).collect();
    let typical = typical_levels(&levels);
    let mut series: Vec<SeriesTrend> = levels
        .iter()
        .map(|(key, levels)| {
            let floor = floor(metric_of(key).unit, typical.get(key.metric.as_str()).copied(), &options.floors);
            let mut found = of_series(key, &hours, levels, &floor, options);
            found.step = step_of(&found, &hours, levels, &floor, &windows);
            found
        })
        .collect();
    decide(&mut series, options);
    series.sort_by(|a, b| {
        let moves = |s: &SeriesTrend| s.direction.is_finding();
        let size = |s: &SeriesTrend| s.change_spreads.map_or(-1.0, f64::abs);
        let name = |s: &SeriesTrend| (s.service.clone(), s.metric.clone(), s.peer.clone());
        moves(b).cmp(&moves(a)).then(size(b).total_cmp(&size(a))).then_with(|| name(a).cmp(&name(b)))
    });
    let mut notes: Vec<Note> = windows.iter().flat_map(|w| w.notes.iter().cloned()).collect();
    notes.sort();
    notes.dedup();
    let sources: BTreeSet<String> = windows.iter().map(|w| w.source.clone()).collect();
    Ok(Trend {
        schema_version: SCHEMA_VERSION,
        sources: sources.into_iter().collect(),
        windows: windows.iter().map(|w| window(w)).collect(),
        false_discovery: options.false_discovery,
        min_change: options.min_change,
        series,
        notes,
    })
}

fn middle_ms(window: &Period, first: &Period) -> f64 {
    (window.window.start.ms() + window.window.end.ms()) as f64 / 2.0 - first.window.start.ms() as f64
}

fn window(period: &Period) -> TrendWindow {
    TrendWindow { start: period.window.start, end: period.window.end, samples: period.times.len() }
}

/// Median of a window; `NaN` if less than half of it is observed.
fn level(window: &Period, key: &SeriesKey) -> f64 {
    let Some(values) = window.series.get(key) else { return f64::NAN };
    let enough = finite(values).len() as f64 >= MIN_OBSERVED * values.len() as f64;
    if enough { median(values) } else { f64::NAN }
}

/// Median over services of each metric's level, without services at zero.
fn typical_levels<'a>(levels: &BTreeMap<&'a SeriesKey, Vec<f64>>) -> BTreeMap<&'a str, f64> {
    let mut by_metric: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for (key, levels) in levels {
        let level = median(levels).abs();
        if level > 0.0 {
            by_metric.entry(&key.metric).or_default().push(level);
        }
    }
    by_metric.into_iter().map(|(metric, levels)| (metric, median(&levels))).collect()
}

/// The smallest spread that matters, as a function of the level.
fn floor(unit: Unit, typical: Option<f64>, options: &AnomalyOptions) -> impl Fn(f64) -> f64 {
    let practical = if options.practical_floors { practical_floor(unit) } else { 0.0 };
    let fixed = (options.typical_floor * typical.unwrap_or(0.0)).max(practical).max(f64::MIN_POSITIVE);
    let relative = options.relative_floor;
    move |level: f64| fixed.max(relative * level.abs())
}

fn of_series(
    key: &SeriesKey,
    hours: &[f64],
    levels: &[f64],
    floor: &dyn Fn(f64) -> f64,
    options: &TrendOptions,
) -> SeriesTrend {
    let metric = metric_of(key);
    let observed = finite(levels).len();
    let mut out = SeriesTrend {
        service: key.service.clone(),
        metric: metric.clone(),
        peer: key.peer.clone(),
        unit: metric.unit,
        direction: Direction::TooFewWindows,
        level: (observed > 0).then(|| median(levels)),
        windows: observed,
        per_hour: None,
        per_hour_low: None,
        per_hour_high: None,
        per_day: None,
        percent_per_day: None,
        first: None,
        last: None,
        change_spreads: None,
        p_value: None,
        q_value: None,
        projection: None,
        step: None,
        levels: levels.iter().map(|v| (!v.is_nan()).then_some(*v)).collect(),
    };
    let (Some(test), Some(line)) = (mann_kendall(levels).filter(|_| observed >= MIN_WINDOWS), theil_sen(hours, levels))
    else {
        return out;
    };
    let residuals: Vec<f64> = hours.iter().zip(levels).map(|(x, y)| y - line.slope * x).collect();
    let phi = persistence(&[&residuals], 2);
    let inflation = hamed_rao_inflation(observed, (1..).map(|lag| phi.powi(lag)));
    let (low, high) = interval(&line, test.variance * inflation, options.false_discovery);
    let level = median(levels);
    let spread = mad(&residuals, median(&residuals)).max(floor(level));
    let (from, to) = ends(hours, levels);
    let at = |hour: f64| line.intercept + line.slope * hour;
    out.per_hour = Some(line.slope);
    (out.per_hour_low, out.per_hour_high) = (Some(low), Some(high));
    out.per_day = Some(24.0 * line.slope);
    out.percent_per_day = (level != 0.0).then(|| 2400.0 * line.slope / level.abs()).filter(|p| p.is_finite());
    (out.first, out.last) = (Some(at(from)), Some(at(to)));
    out.change_spreads = Some((line.slope * (to - from) / spread).clamp(-1e6, 1e6));
    out.p_value = Some(test.p_value(inflation));
    out.projection = projection(&line, at(to), to - from);
    out
}

/// The step of a series whose line is known.
fn step_of(
    series: &SeriesTrend,
    hours: &[f64],
    levels: &[f64],
    floor: &dyn Fn(f64) -> f64,
    windows: &[&Period],
) -> Option<TrendStep> {
    let line = theil_sen(hours, levels).filter(|_| series.per_hour.is_some())?;
    let residuals = hours.iter().zip(levels).filter(|(_, v)| !v.is_nan());
    let line_error = residuals.map(|(h, v)| (v - line.intercept - line.slope * h).powi(2)).sum();
    let (at, from, to) = step::step(levels, line_error, floor(median(levels)))?;
    Some(TrendStep { at: windows[at].window.start, from, to })
}

/// First and last hour with a level.
fn ends(hours: &[f64], levels: &[f64]) -> (f64, f64) {
    let mut observed = hours.iter().zip(levels).filter(|(_, v)| !v.is_nan()).map(|(h, _)| *h);
    let first = observed.next().unwrap_or(0.0);
    (first, observed.next_back().unwrap_or(first))
}

fn interval(line: &TheilSen, variance: f64, miss: f64) -> (f64, f64) {
    line.interval(variance, Normal::standard().inverse_cdf(1.0 - miss.clamp(1e-6, 0.5) / 2.0))
}

/// When a rising level doubles or a falling one reaches zero; `None` if that is too far ahead.
fn projection(line: &TheilSen, last: f64, span: f64) -> Option<Projection> {
    if last <= 0.0 || line.slope == 0.0 {
        return None;
    }
    let hours = last / line.slope.abs();
    let to = if line.slope > 0.0 { 2.0 * last } else { 0.0 };
    (hours <= PROJECTION_SPANS * span).then_some(Projection { to, in_hours: hours })
}

/// Computes the q-values and decides the directions. A projection is kept only for a trend.
fn decide(series: &mut [SeriesTrend], options: &TrendOptions) {
    let p: Vec<f64> = series.iter().map(|s| s.p_value.unwrap_or(f64::NAN)).collect();
    for (s, q) in series.iter_mut().zip(false_discovery_rates(&p)) {
        let (Some(slope), Some(change)) = (s.per_hour, s.change_spreads) else { continue };
        s.q_value = Some(q);
        let moves = q <= options.false_discovery && change.abs() >= options.min_change;
        let moves = moves && s.step.is_none();
        s.direction = match moves {
            true if slope > 0.0 => Direction::Rising,
            true => Direction::Falling,
            false => Direction::Steady,
        };
        if !moves {
            s.projection = None;
        }
    }
}
