//! Measures how far every series deviates from its own normal behaviour.
//!
//! Six views of a series (mean, median and pulse; raw and with the shared movement removed) are compressed and averaged into one number, its
//! *evidence*; then the level that the same metric reaches without any fault is subtracted. Evidence of 0 is normal, 1 a clear shift of a few
//! spreads, 3 a shift of tens of spreads. Which service caused the shift is decided elsewhere.
//!
//! Worked example: a latency with median and mean 10 ms and a spread of 1 ms rises to 30 ms. Mean, median and pulse of the
//! raw series all shift by 20 spreads, which is `ln(1 + 20) = 3.0`; the evidence is the mean of this and the same value for the residual, minus
//! the metric's noise.

mod load;
mod missing;
mod noise;
mod residual;
mod rows;
mod saturation;
mod shape;
mod views;

use std::collections::{BTreeMap, BTreeSet};

pub use load::Load;
pub use rows::Rows;

use rayon::prelude::*;

use crate::frame::{MetricFrame, ServiceIdx};
use crate::metric::{Metric, Unit};
use rows::{Column, prepare};
use views::{Picked, Scales, Usual};

/// Evidence from which a change is clear: a few spreads.
pub const CLEAR: f64 = 1.0;
/// Fewest observed samples a series needs in the baseline to be judged.
pub const MIN_BASELINE_SAMPLES: usize = 4;
/// Fewest observed samples a series needs in the incident to be judged.
pub const MIN_INCIDENT_SAMPLES: usize = 2;

/// The scales below which a change is too small to matter.
#[derive(Clone, Copy, Debug)]
pub struct AnomalyOptions {
    /// Smallest spread, as a share of the series' own median. Range 0–1, default 0.02.
    pub relative_floor: f64,
    /// Smallest spread, as a share of the metric's typical level over all services. Range 0–1, default 0.01: a doubling at an idle service does
    /// not matter to the system.
    pub typical_floor: f64,
    /// Smallest spread of the residual on the log scale. Range 0–1, default 0.03 (3 %).
    pub log_floor: f64,
    /// Whether the spread has a smallest value in the metric's own unit, see [`practical_floor`].
    pub practical_floors: bool,
}

/// The smallest spread that matters in practice, in the given unit; 0 if the unit is unknown.
///
/// A tenfold rise from 0.1 ms to 1 ms does not matter to users. Counts have a tiny floor of 0.02 events, since a restart does not happen by
/// chance.
///
/// ```
/// use automap_core::anomaly::practical_floor;
/// use automap_core::metric::Unit;
///
/// assert_eq!(practical_floor(Unit::Ms), 1.0);
/// assert_eq!(practical_floor(Unit::Ratio), 0.005, "half a percent of the requests");
/// ```
pub fn practical_floor(unit: Unit) -> f64 {
    match unit {
        Unit::Ms => 1.0,
        Unit::S => 1e-3,
        Unit::Ratio => 5e-3,
        Unit::PerS => 0.2,
        Unit::Bytes => 4.0 * 1024.0 * 1024.0,
        Unit::BytesPerS => 16.0 * 1024.0,
        Unit::Cores => 0.01,
        Unit::Count => 0.02,
        Unit::Unknown => 0.0,
    }
}

impl Default for AnomalyOptions {
    fn default() -> Self {
        Self { relative_floor: 0.02, typical_floor: 0.01, log_floor: 0.03, practical_floors: true }
    }
}

/// The evidence of one series.
#[derive(Clone, Debug)]
pub struct SeriesEvidence {
    /// Position in [`MetricFrame::series`].
    pub series: usize,
    /// The service of the metric.
    pub service: ServiceIdx,
    /// The called service, for metrics of calls.
    pub peer: Option<ServiceIdx>,
    /// What it measures.
    pub metric: Metric,
    /// Evidence above the metric's noise; negative for a symptom that fell.
    pub evidence: f64,
    /// Evidence before the noise was subtracted.
    pub before_noise: f64,
}

/// The evidence of all series.
#[derive(Clone, Debug)]
pub struct Anomalies {
    /// In the order of the frame's series; series with too few samples are absent.
    pub series: Vec<SeriesEvidence>,
    /// Evidence by service that samples stopped arriving, since a dead pod does not report. Services without it are absent.
    pub missing: BTreeMap<ServiceIdx, f64>,
    /// Running services whose requests are now only partly measured: samples are lost in transit, not in the services.
    pub partly_lost: BTreeSet<ServiceIdx>,
    /// Request rates by service; services without such a metric are absent.
    pub loads: BTreeMap<ServiceIdx, Load>,
    /// Mean evidence that each metric reaches without a fault, measured within the baseline.
    pub noise: BTreeMap<String, f64>,
}

impl Anomalies {
    /// Evidence of the clearest symptom of any service, measured on any side; 0 without one.
    pub fn clearest_symptom(&self) -> f64 {
        self.series.iter().filter(|s| s.metric.family.is_symptom()).map(|s| s.evidence).fold(0.0, f64::max)
    }
}

/// Compares the incident rows of a frame with its baseline rows.
///
/// Series with fewer than [`MIN_BASELINE_SAMPLES`] or [`MIN_INCIDENT_SAMPLES`] observed samples are skipped. Metrics measured by an outside user
/// ([`crate::metric::Side::Outside`]) are left out, since they concern the whole system, not a single service.
/// Cost: O(series × samples), three passes (the incident and two pseudo-incidents for the noise).
///
/// ```
/// use automap_core::anomaly::{AnomalyOptions, Rows, detect};
/// use automap_core::frame::{RawSeries, assemble};
/// use automap_core::time::Timestamp;
///
/// // Six services; the latency of the first one is five times as high from row 60 on.
/// let times: Vec<Timestamp> = (0..80).map(|i| Timestamp::from_ms(i * 1_000)).collect();
/// let value = |service: usize, row: usize| {
///     let wave = 1.0 + 0.05 * ((row * 7 + service * 13) % 11) as f64;
///     10.0 * wave * if service == 0 && row >= 60 { 5.0 } else { 1.0 }
/// };
/// let series = (0..6).map(|s| RawSeries {
///     service: format!("s{s}"),
///     metric: "latency_ms".into(),
///     peer: None,
///     points: times.iter().enumerate().map(|(row, t)| (*t, value(s, row))).collect(),
/// });
/// let (frame, _) = assemble(series.collect(), times.clone())?;
/// let found = detect(&frame, &Rows::split(&frame, 60), &AnomalyOptions::default());
/// assert!(found.series[0].evidence > 1.5 && found.series[1].evidence < 0.3);
/// # Ok::<(), automap_core::frame::FrameError>(())
/// ```
pub fn detect(frame: &MetricFrame, rows: &Rows, options: &AnomalyOptions) -> Anomalies {
    let mut columns = prepare(frame, rows);
    load::explain_beyond_baseline(&mut columns, rows);
    let raw = evidence(&columns, rows, options);
    let noise = noise::levels(&columns, rows, options);
    let series = columns
        .iter()
        .zip(raw)
        .filter_map(|(column, e)| {
            let before_noise = e?;
            let level = noise.get(column.metric.name.as_str()).copied().unwrap_or(0.0);
            Some(SeriesEvidence {
                series: column.series,
                service: column.service,
                peer: column.peer,
                metric: column.metric.clone(),
                evidence: above_noise(before_noise, level) * saturation::near_its_limit(column, rows),
                before_noise,
            })
        })
        .collect();
    Anomalies {
        series,
        missing: missing::evidence(&columns, rows),
        partly_lost: missing::partly_lost(&columns, rows),
        loads: load::loads(&columns, rows),
        noise,
    }
}

/// The evidence above the noise. A thousandth of it always remains, so that quiet services have an order.
fn above_noise(evidence: f64, level: f64) -> f64 {
    if evidence > 0.0 { (evidence - level).max(0.0) + 1e-3 * evidence } else { evidence }
}

/// Evidence of every column; `None` if it has too few samples.
fn evidence(columns: &[Column], rows: &Rows, options: &AnomalyOptions) -> Vec<Option<f64>> {
    let usual: Vec<Option<Usual>> =
        columns.par_iter().map_init(Picked::default, |picked, column| Usual::of(column, rows, picked)).collect();
    let scales = Scales::new(columns, &usual, options);
    let residuals = residual::views(columns, rows, (&usual, &scales), options.log_floor);
    let of = |j: usize| {
        let (scale, family) = (scales.of(j)?, &columns[j].metric.family);
        let raw = usual[j]?.shape?.views(scale.floor);
        let residual = residuals[j].filter(|v| v.mean.is_finite()).unwrap_or(raw);
        Some((raw.evidence(family) + residual.evidence(family)) / 2.0)
    };
    (0..columns.len()).into_par_iter().map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{RawSeries, assemble};
    use crate::time::Timestamp;

    /// Six services, one metric each; the last 20 of 80 samples of the first one are `factor` times as high.
    fn frame(metric: &str, factor: f64, offset: f64, scale: f64) -> MetricFrame {
        let times: Vec<_> = (0..80).map(|i| Timestamp::from_ms(i * 1000)).collect();
        let raw = (0..6)
            .map(|s| RawSeries {
                service: format!("s{s}"),
                metric: metric.into(),
                peer: None,
                points: times
                    .iter()
                    .enumerate()
                    .map(|(i, t)| {
                        let wave = 1.0 + 0.05 * ((i * 7 + s * 13) % 11) as f64;
                        let fault = if s == 0 && i >= 60 { factor } else { 1.0 };
                        (*t, offset + scale * wave * fault)
                    })
                    .collect(),
            })
            .collect();
        assemble(raw, times).unwrap().0
    }

    fn first(frame: &MetricFrame) -> f64 {
        detect(frame, &Rows::split(frame, 60), &AnomalyOptions::default()).series[0].evidence
    }

    #[test]
    fn a_rise_is_evidence_and_a_fall_of_a_symptom_is_not() {
        assert!(first(&frame("latency_ms", 5.0, 0.0, 10.0)) > 1.5);
        assert!(first(&frame("latency_ms", 0.2, 0.0, 10.0)) <= 0.0);
        assert!(first(&frame("cpu_cores", 0.2, 0.0, 10.0)) > 0.5, "a starved processor counts both ways");
    }

    #[test]
    fn the_unit_does_not_matter() {
        let ms = first(&frame("latency", 3.0, 0.0, 10.0));
        let seconds = first(&frame("latency", 3.0, 0.0, 0.01));
        assert!((ms - seconds).abs() < 1e-9);
    }

    #[test]
    fn a_tenfold_rise_below_a_millisecond_is_nothing() {
        assert!(first(&frame("latency_ms", 10.0, 0.0, 0.01)) < 1.0);
        assert!(first(&frame("latency", 10.0, 0.0, 0.01)) > 2.0, "unless the unit is not known");
    }

    #[test]
    fn constant_everywhere_is_no_evidence() {
        let quiet = frame("cpu_cores", 1.0, 3.0, 0.0);
        let found = detect(&quiet, &Rows::split(&quiet, 60), &AnomalyOptions::default());
        assert!(found.series.iter().all(|s| s.evidence == 0.0));
    }

    #[test]
    fn quiet_services_stay_near_zero() {
        let frame = frame("latency_ms", 5.0, 0.0, 10.0);
        let found = detect(&frame, &Rows::split(&frame, 60), &AnomalyOptions::default());
        assert!(found.series[1..].iter().all(|s| s.evidence < 0.3), "{:?}", found.series);
    }
}
