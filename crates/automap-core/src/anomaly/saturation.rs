//! Counts a rise in saturation only as far as it approaches the limit.
//!
//! A CPU that goes from 10 % to 40 % deviates by tens of spreads but makes nobody wait. So the evidence of a saturation is weighted by the level
//! that it reached in the incident: 0 below four fifths of the level from which it hurts ([`crate::metric::Metric::hurts_from`]), 1 from that
//! level on, and linear in between.
//!
//! Worked example: a machine's processors hurt from 90 % on. At 72 % a rise counts nothing, at 81 % half, at 95 % all.

use super::rows::{Column, Rows};
use crate::stats::quantile;

/// Share of the level below which a rise does not count.
const HARMLESS: f64 = 0.8;
/// Quantile of the incident's values: a fault that began late in the window fills only its end.
const REACHED: f64 = 0.75;

/// The weight of a column's evidence, 0–1; 1 for everything but saturation.
pub(super) fn near_its_limit(column: &Column, rows: &Rows) -> f64 {
    let Some(hurts_from) = column.metric.hurts_from() else { return 1.0 };
    let reached = quantile(&column.pick(&rows.incident), REACHED);
    let weight = (reached / hurts_from - HARMLESS) / (1.0 - HARMLESS);
    if weight.is_finite() { weight.clamp(0.0, 1.0) } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::super::{AnomalyOptions, Rows, detect};
    use crate::frame::{RawSeries, assemble};
    use crate::time::Timestamp;

    /// Evidence of a machine whose metric rises in the last 20 of 80 samples, beside two that stay.
    fn evidence(metric: &str, before: f64, after: f64) -> f64 {
        let times: Vec<_> = (0..80).map(|i| Timestamp::from_ms(i * 1000)).collect();
        let value = |machine: usize, i: usize| {
            let level = if machine == 0 && i >= 60 { after } else { before };
            level * (1.0 + 0.01 * ((i * 7 + machine * 13) % 11) as f64 - 0.05)
        };
        let raw = (0..3).map(|m| RawSeries {
            service: format!("node/{m}"),
            metric: metric.into(),
            peer: None,
            points: times.iter().enumerate().map(|(i, t)| (*t, value(m, i))).collect(),
        });
        let frame = assemble(raw.collect(), times.clone()).unwrap().0;
        detect(&frame, &Rows::split(&frame, 60), &AnomalyOptions::default()).series[0].evidence
    }

    #[test]
    fn half_of_a_processor_is_as_good_as_none() {
        assert_eq!(evidence("cpu_used_ratio", 0.1, 0.4), 0.0);
        assert!(evidence("cpu_used_ratio", 0.1, 0.97) > 2.0);
        let between = evidence("cpu_used_ratio", 0.1, 0.8);
        assert!(between > 0.5 && between < evidence("cpu_used_ratio", 0.1, 0.9), "{between}");
        assert!(evidence("cpu_used_ratio", 0.97, 0.97) < 0.3, "full as always");
        assert!(evidence("cpu_used_ratio", 0.97, 0.1) <= 0.0, "room is no fault");
    }
}
