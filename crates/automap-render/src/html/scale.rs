//! The axes of a chart: round numbers on the left, round clock times below. `chart_svg` draws on them.

use automap_core::chart::Chart;
use automap_core::metric::Unit;
use automap_core::quantity::display_unit;
use automap_core::time::Timestamp;

use crate::clock::Zone;

/// Maps values to pixels, with the positions of the labelled lines.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ValueAxis {
    /// Value at the bottom.
    pub(crate) low: f64,
    /// Value at the top.
    pub(crate) high: f64,
    /// Values and their labels, from the bottom, in `unit`.
    pub(crate) ticks: Vec<(f64, String)>,
    /// The unit of the labels.
    pub(crate) unit: &'static str,
}

/// Target number of ticks on the value axis.
const VALUE_TICKS: f64 = 3.0;
/// Most steps of the time axis: there is room for one label more.
const TIME_STEPS: i64 = 4;
/// A series that varies by less than this share of its height is drawn without zero, or its movement would not be visible.
const FLAT_SHARE: f64 = 0.3;
/// The normal band extends the axis at most to this many times the largest value.
const BAND_LIMIT: f64 = 2.5;

/// If the next round number is more than this many steps above the highest value, it is not shown.
const FAR_ABOVE: f64 = 0.4;
/// Steps left free above the highest value in that case.
const HEADROOM: f64 = 0.1;

impl ValueAxis {
    /// Covers every value and the normal band; starts at zero unless the series hardly moves.
    pub(crate) fn of(chart: &Chart) -> Self {
        let values = || chart.lines.iter().flat_map(|l| l.points.iter().filter_map(|p| p.value));
        let (mut low, mut high) = values().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
        if !low.is_finite() || !high.is_finite() {
            (low, high) = (0.0, 1.0);
        }
        if let Some(band) = chart.normal {
            let limit = if high > 0.0 { BAND_LIMIT * high } else { f64::INFINITY };
            high = high.max(band.high.min(limit));
            low = low.min(band.low.max(low - (high - low)));
        }
        if low > 0.0 && high - low >= FLAT_SHARE * high {
            low = 0.0;
        }
        if high - low <= 1e-12 * high.abs().max(low.abs()) || high <= low {
            (low, high) = (low.min(0.0), if high > 0.0 { high * 1.2 } else { 1.0 });
        }
        Self::round(low, high, chart.unit)
    }

    /// Widens the range to round numbers in the unit that is displayed.
    fn round(low: f64, high: f64, unit: Unit) -> Self {
        let (factor, word) = display_unit(unit, high.abs().max(low.abs()));
        let step = round_step((high - low) * factor / VALUE_TICKS);
        let first = (low * factor / step).floor();
        let last = (high * factor / step).ceil();
        let count = (last - first).clamp(1.0, 12.0) as usize;
        let ticks: Vec<f64> = (0..=count).map(|i| (first + i as f64) * step).collect();
        // A round number far above the highest value would only compress the line.
        let above = ticks[count] - high * factor;
        let (shown, top) = if above > FAR_ABOVE * step && count > 1 {
            (count, high * factor + HEADROOM * step)
        } else {
            (count + 1, ticks[count])
        };
        let digits = (-step.log10().floor()).clamp(0.0, 6.0) as usize;
        let label = |v: f64| match v {
            v if v.abs() < 1e-9 * step => "0".to_owned(),
            v if v.abs() >= 1e6 => format!("{v:.1e}"),
            v => format!("{v:.digits$}"),
        };
        Self {
            low: ticks[0] / factor,
            high: top / factor,
            ticks: ticks.iter().take(shown).map(|v| (v / factor, label(*v))).collect(),
            unit: word,
        }
    }
}

/// 1, 2 or 5 times a power of ten, at least `at_least`.
fn round_step(at_least: f64) -> f64 {
    let at_least = if at_least.is_finite() && at_least > 0.0 { at_least } else { 1.0 };
    let power = 10f64.powf(at_least.log10().floor());
    let times = [1.0, 2.0, 5.0, 10.0].into_iter().find(|t| t * power >= at_least * (1.0 - 1e-9)).unwrap_or(10.0);
    times * power
}

/// Times with a label on an axis from `start_ms` to `end_ms`: round in the reader's zone, at most five.
/// `14:03:15` if seconds matter, `14:03` if not, `11-23` over days.
pub(crate) fn time_ticks(start_ms: i64, end_ms: i64, zone: Zone) -> Vec<(i64, String)> {
    const STEPS_S: [i64; 24] = [
        1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1200, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400,
        172_800, 432_000, 864_000, 2_592_000,
    ];
    let offset_ms = zone.offset_ms();
    let (from, to) = (start_ms.saturating_add(offset_ms), end_ms.saturating_add(offset_ms));
    let length = to.saturating_sub(from).max(1);
    let fits = |s: &&i64| length / (**s * 1000) <= TIME_STEPS;
    let step = STEPS_S.iter().find(fits).map_or(length / TIME_STEPS + 1, |s| s * 1000);
    let first = from.div_euclid(step) + i64::from(from.rem_euclid(step) != 0);
    let last = to.div_euclid(step);
    let label = |at: Timestamp| match step {
        0..60_000 => zone.clock(at),
        60_000..86_400_000 => zone.clock(at).chars().take("14:03".len()).collect(),
        _ => zone.month_and_day(at),
    };
    let tick = |i: i64| (i * step - offset_ms, label(Timestamp::from_ms(i * step - offset_ms)));
    (first..=last).take(TIME_STEPS as usize + 1).map(tick).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(low: f64, high: f64, unit: Unit) -> String {
        let axis = ValueAxis::round(low, high, unit);
        let numbers: Vec<String> = axis.ticks.into_iter().map(|t| t.1).collect();
        format!("{} {}", numbers.join(" "), axis.unit)
    }

    #[test]
    fn value_ticks_are_round_in_the_unit_people_read() {
        assert_eq!(labels(0.0, 376.0, Unit::Ms), "0 200 400 ms");
        assert_eq!(labels(0.0, 0.02, Unit::Ratio), "0 1 2 %");
        assert_eq!(labels(0.0, 0.29, Unit::Cores), "0 100 200 300 millicores");
        assert_eq!(labels(0.0, 1.02, Unit::Ratio), "0 50 100 %", "no 150 % for a little more than all");
        assert_eq!(labels(40.0 * 1048576.0, 41.0 * 1048576.0, Unit::Bytes), "40.0 40.5 41.0 MiB");
        assert_eq!(labels(-0.5, 1.0, Unit::Count), "-0.5 0 0.5 1.0 ");
        assert_eq!(labels(0.0, 3e7, Unit::Unknown), "0 1.0e7 2.0e7 3.0e7 ");
    }

    #[test]
    fn steps_are_one_two_or_five() {
        for (at_least, step) in [(1.0, 1.0), (1.1, 2.0), (4.0, 5.0), (60.0, 100.0), (0.03, 0.05), (f64::NAN, 1.0)] {
            assert!((round_step(at_least) - step).abs() < 1e-9, "{at_least}");
        }
    }

    #[test]
    fn time_ticks_are_round_in_the_readers_zone() {
        // 00:57:26 to 00:59:00: 94 s, a tick every 20 s.
        let ticks = time_ticks(3_446_000, 3_540_000, Zone::UTC);
        let words: Vec<&str> = ticks.iter().map(|t| t.1.as_str()).collect();
        assert_eq!(words, ["00:57:40", "00:58:00", "00:58:20", "00:58:40", "00:59:00"]);
        assert_eq!(ticks[0].0, 3_460_000);
        // In a zone offset by half an hour, half past is a round time: 18:30 UTC is midnight in India.
        let india = time_ticks(64_800_000, 108_000_000, Zone::from_offset_s(19_800));
        assert_eq!(india[0], (66_600_000, "00:00".to_owned()));
        let week = time_ticks(0, 604_800_000, Zone::UTC);
        assert_eq!(week.iter().map(|t| t.1.as_str()).collect::<Vec<_>>(), ["01-01", "01-03", "01-05", "01-07"]);
    }
}
