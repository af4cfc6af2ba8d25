//! Compares periods of time, and finds slow changes over many of them.
//!
//! Two questions besides the diagnosis: which services and metrics changed ([`compare()`]: yesterday against today, before against after a
//! release, one capture against another), and which get worse slowly ([`trend::trend`]). Neither names a cause, since a victim changes as much
//! as the cause.
//!
//! A series differs if the difference is significant *and* large enough to matter. Significance is that of Mann–Whitney or of Yuen's trimmed
//! means (ranks alone cannot distinguish a jump of a hundred spreads from one of two), on effective samples, with the false discovery rate
//! controlled over all series. Size is measured in floored spreads of the reference and by the probability that a later value is larger. A
//! series that exists in only one period is a finding of its own, never a zero. A metric that one period has for no service at all was not
//! collected there, which is no finding.
//!
//! Worked example: a latency with median 100 ms and a spread of 5 ms rises to 130 ms. The shift is 6 spreads (at least 2 needed), every later
//! value is larger (Cliff's delta 1, at least 0.33 needed), and with 20 effective samples on each side p < 0.001: it differs.

mod edges;
mod judge;
pub mod model;
mod period;
mod services;
mod shape;
pub mod trend;

use std::collections::{BTreeMap, BTreeSet};

pub use model::Comparison;
pub use period::{INCIDENT_IN_PERIOD, Period, SeriesKey};

use crate::metric::Metric;
use crate::note::Note;
use judge::{Judge, Later};
use model::{Counts, PeriodInfo, SCHEMA_VERSION, SeriesComparison, SeriesVerdict};

/// Most periods in one comparison. More columns would be unreadable; [`trend`] takes more.
pub const MAX_PERIODS: usize = 12;

/// Criteria for a difference.
#[derive(Clone, Copy, Debug)]
pub struct CompareOptions {
    /// Accepted share of false findings among the findings. Range 0–1, default 0.05.
    pub false_discovery: f64,
    /// Smallest change of the level, in floored spreads of the reference. Default 2.
    pub min_shift: f64,
    /// Smallest Cliff's delta: 0.33 is a *medium* difference, 67 of 100 later values are larger (Romano et al. 2006). Range 0–1.
    pub min_delta: f64,
    /// The smallest spreads that matter.
    pub floors: crate::anomaly::AnomalyOptions,
}

impl Default for CompareOptions {
    fn default() -> Self {
        Self {
            false_discovery: 0.05,
            min_shift: 2.0,
            min_delta: 0.33,
            floors: crate::anomaly::AnomalyOptions::default(),
        }
    }
}

/// Why a comparison is impossible.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CompareError {
    /// Fewer than two periods, or more than [`MAX_PERIODS`].
    #[error("{0} period(s) to compare: 2 to {MAX_PERIODS} are possible")]
    Periods(usize),
    /// No sample lies inside the period.
    #[error(
        "no sample lies in the period {name} ({from} to {to}): the data of {source_name} is from {first} to {last}"
    )]
    OutsideData {
        /// The period as the user named it.
        name: String,
        /// Its start.
        from: String,
        /// Its end.
        to: String,
        /// The source of the data.
        source_name: String,
        /// Start of the data.
        first: String,
        /// End of the data.
        last: String,
    },
    /// The windows are too short for the length of the data.
    #[error("{windows} windows, at most {most} are possible: use a longer window")]
    TooManyWindows {
        /// Windows asked for.
        windows: usize,
        /// Windows possible.
        most: usize,
    },
}

/// Compares every later period with the first one. Cost: O(periods × series × samples · log samples), and for each period
/// that of [`crate::graph::learn`].
///
/// The order of services and of later periods does not affect the findings; equal input gives equal output.
///
/// # Errors
/// [`CompareError::Periods`] for fewer than two or too many periods. Too few samples are not an error but a verdict per series.
///
/// ```
/// use automap_core::compare::model::SeriesVerdict;
/// use automap_core::compare::{CompareOptions, Period, compare};
/// use automap_core::frame::{RawSeries, assemble};
/// use automap_core::observation::Observation;
/// use automap_core::random::Rng;
/// use automap_core::time::{Interval, Timestamp, WindowHint};
/// use automap_core::topology::CallGraph;
///
/// // A latency of 100 ms, and of 150 ms in the second half.
/// let times: Vec<Timestamp> = (0..120).map(|i| Timestamp::from_ms(i * 5_000)).collect();
/// let mut rng = Rng::new(1);
/// let points = (0..120).map(|i| (times[i], if i < 60 { 100.0 } else { 150.0 } + 5.0 * rng.normal())).collect();
/// let raw = RawSeries { service: "web".into(), metric: "latency_ms".into(), peer: None, points };
/// let (frame, notes) = assemble(vec![raw], times.clone())?;
/// let observation = Observation { notes, ..Observation::new(frame, CallGraph::new(), "example") };
/// let half = |name, from: usize, to: i64| {
///     Period::new(name, &observation, Interval::new(times[from], Timestamp::from_ms(to * 5_000)))
/// };
/// let comparison = compare(&[half("before", 0, 60)?, half("after", 60, 120)?], &CompareOptions::default())?;
/// assert_eq!(comparison.series[0].verdict, SeriesVerdict::Differs);
/// assert!((comparison.series[0].differences[0].to.expect("observed") - 150.0).abs() < 3.0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn compare(periods: &[Period], options: &CompareOptions) -> Result<Comparison, CompareError> {
    let Some((reference, later)) = periods.split_first().filter(|(_, l)| !l.is_empty() && l.len() < MAX_PERIODS) else {
        return Err(CompareError::Periods(periods.len()));
    };
    let keys: BTreeSet<&SeriesKey> = periods.iter().flat_map(Period::keys).collect();
    let judge = Judge::new(reference, options);
    let compared: Vec<Later<'_>> = later.iter().map(Later::of).collect();
    let mut series: Vec<SeriesComparison> =
        keys.into_iter().map(|key| judge.series(key, reference, &compared)).collect();
    judge::control_false_discoveries(&mut series, options);
    for s in series.iter_mut().filter(|s| s.verdict == SeriesVerdict::Differs) {
        s.shape = shape::of_periods(periods, s, &judge);
    }
    let services = services::differences(periods, &series);
    let edges = edges::differences(reference, later);
    let counts = counts(&series);
    series.sort_by(judge::by_weight);
    Ok(Comparison {
        schema_version: SCHEMA_VERSION,
        periods: periods.iter().map(info).collect(),
        false_discovery: options.false_discovery,
        min_shift: options.min_shift,
        min_delta: options.min_delta,
        counts,
        services,
        series,
        edges,
        notes: notes(periods),
    })
}

fn info(period: &Period) -> PeriodInfo {
    PeriodInfo {
        name: period.name.clone(),
        source: period.source.clone(),
        start: period.window.start,
        end: period.window.end,
        samples: period.times.len(),
        step_s: period.step_ms as f64 / 1e3,
        services: period.services.len(),
        series: period.keys().count(),
    }
}

fn counts(series: &[SeriesComparison]) -> Counts {
    let count = |verdict| series.iter().filter(|s| s.verdict == verdict).count();
    Counts {
        series: series.len(),
        differs: count(SeriesVerdict::Differs),
        same: count(SeriesVerdict::Same),
        too_few_samples: count(SeriesVerdict::TooFewSamples),
        only_in_a: count(SeriesVerdict::OnlyInA),
        only_in_b: count(SeriesVerdict::OnlyInB),
        not_comparable: count(SeriesVerdict::NotComparable),
    }
}

/// Notes on the periods. A metric that a period lacks for all services was not collected there, which is noted once, not per service.
fn notes(periods: &[Period]) -> Vec<Note> {
    let mut notes: Vec<Note> = periods.iter().flat_map(|p| p.notes.iter().cloned()).collect();
    let by_period: Vec<BTreeSet<&str>> = periods.iter().map(Period::metrics).collect();
    let mut absent: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for metric in by_period.iter().flatten().collect::<BTreeSet<_>>() {
        for (period, _) in periods.iter().zip(&by_period).filter(|(_, known)| !known.contains(metric)) {
            absent.entry(&period.name).or_default().push(metric);
        }
    }
    for (period, metrics) in absent {
        let text = format!("{period} has no {} of any service: were they collected?", metrics.join(", "));
        notes.push(Note::warning("metric_absent", text));
    }
    let steps: BTreeSet<i64> = periods.iter().map(|p| p.step_ms).collect();
    if steps.len() > 1 {
        let steps: Vec<String> = periods.iter().map(|p| format!("{} {} s", p.name, p.step_ms as f64 / 1e3)).collect();
        let text = format!("the periods are sampled differently: {}", steps.join(", "));
        notes.push(Note::warning("different_steps", text));
    }
    notes.sort();
    notes.dedup();
    notes
}

/// What a key's metric means.
fn metric_of(key: &SeriesKey) -> Metric {
    Metric::parse(&key.metric)
}
