//! How far every series left its own normal behaviour.
//!
//! Six views of a series (mean, median and pulse; raw and with the shared movement taken out), compressed and
//! averaged into one number, its *evidence*; then the level that the same metric reaches without any fault is
//! subtracted. Evidence 0 is normal, 1 a clear shift of a few spreads, 3 a shift of tens of spreads.

mod load;
mod missing;
mod noise;
mod residual;
mod rows;
mod views;

use std::collections::BTreeMap;

pub use load::Load;
pub use rows::Rows;

use rayon::prelude::*;

use crate::frame::{MetricFrame, ServiceIdx};
use crate::metric::{Metric, Unit};
use rows::{Column, prepare};

/// Fewest observed samples a series needs in the baseline to be judged.
pub const MIN_BASELINE_SAMPLES: usize = 4;
/// Fewest observed samples a series needs in the incident to be judged.
pub const MIN_INCIDENT_SAMPLES: usize = 2;

/// The scales below which a change is too small to matter.
#[derive(Clone, Copy, Debug)]
pub struct AnomalyOptions {
    /// Smallest spread, as a share of the series' own median. Range 0–1, default 0.02: nobody is woken by 2 %.
    pub relative_floor: f64,
    /// Smallest spread, as a share of the metric's typical level over all services. Range 0–1, default 0.01: an idle
    /// service that doubles is not a change of the system.
    pub typical_floor: f64,
    /// Smallest spread of the residual on the log scale. Range 0–1, default 0.03 (3 %).
    pub log_floor: f64,
    /// Smallest spread in the metric's own unit, see [`practical_floor`]. Off: only the relative floors hold.
    pub practical_floors: bool,
}

/// Below this spread a change does not matter to anybody, whatever its share of a tiny normal level: 1 ms, 0.5 % of
/// requests, 0.2 requests/s, 10 millicores, 4 MiB, 16 KiB/s, 0.02 events in a window that normally has none (a restart
/// does not happen by chance). 0 where the unit is not known.
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
    /// Whose metric.
    pub service: ServiceIdx,
    /// The called service, for metrics of calls.
    pub peer: Option<ServiceIdx>,
    /// What it measures.
    pub metric: Metric,
    /// Evidence above the noise of the metric; negative for a symptom that fell.
    pub evidence: f64,
    /// What the six views said before the noise was taken off.
    pub before_noise: f64,
}

/// What is unusual in the incident, series by series.
#[derive(Clone, Debug)]
pub struct Anomalies {
    /// In the order of the frame's series; series with too few samples are absent.
    pub series: Vec<SeriesEvidence>,
    /// Evidence, by service, that samples stopped arriving (a dead pod does not report); services without such are absent.
    pub missing: BTreeMap<ServiceIdx, f64>,
    /// The requests that each service served; services whose requests nobody counts are absent.
    pub loads: BTreeMap<ServiceIdx, Load>,
    /// Mean evidence that each metric reaches in fault-free time, cut from the baseline.
    pub noise: BTreeMap<String, f64>,
}

/// Compares the incident rows of a frame with its baseline rows.
///
/// Series with fewer than [`MIN_BASELINE_SAMPLES`] or [`MIN_INCIDENT_SAMPLES`] observed samples yield nothing.
/// Metrics seen by an outside user ([`Side::Outside`]) are left out: they judge the whole and blame nobody.
/// Cost: O(series × samples), three passes (the incident and two pseudo-incidents for the noise).
pub fn detect(frame: &MetricFrame, rows: &Rows, options: &AnomalyOptions) -> Anomalies {
    let columns = prepare(frame, rows);
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
                evidence: above_noise(before_noise, level),
                before_noise,
            })
        })
        .collect();
    Anomalies { series, missing: missing::evidence(&columns, rows), loads: load::loads(&columns, rows), noise }
}

/// What is left above the noise. A thousandth of the evidence survives below it, so that quiet services keep an order.
fn above_noise(evidence: f64, level: f64) -> f64 {
    if evidence > 0.0 { (evidence - level).max(0.0) + 1e-3 * evidence } else { evidence }
}

/// Evidence of every column, `None` where there are too few samples.
fn evidence(columns: &[Column], rows: &Rows, options: &AnomalyOptions) -> Vec<Option<f64>> {
    let scales = views::Scales::new(columns, rows, options);
    let residuals = residual::residuals(columns, rows, &scales);
    columns
        .par_iter()
        .enumerate()
        .map(|(j, column)| {
            let scale = scales.of(j)?;
            let raw = views::Views::new(&column.values, rows, scale.floor);
            let residual = residuals[j]
                .as_ref()
                .map(|r| views::Views::new(r, rows, options.log_floor))
                .filter(|v| v.mean.is_finite())
                .unwrap_or(raw);
            let family = &column.metric.family;
            Some((raw.evidence(family) + residual.evidence(family)) / 2.0)
        })
        .collect()
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
