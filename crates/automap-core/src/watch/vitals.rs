//! Checks what users notice of every service: errors, latency and requests now, compared with their normal ranges.
//!
//! An indicator counts as abnormal only if it leaves the range of its own baseline *and* moves by a size that matters in practice: 2 ms
//! instead of 1 ms is no incident, nor are 300 ms that occur every evening. Services with only a handful of requests are skipped. Causes are not
//! decided here.
//!
//! Worked example: a latency whose 1st, 50th and 99th percentile over the baseline are 80, 100 and 120 ms. With the default options it is
//! abnormal from 120 + max(0.5 · 100, 20) = 170 ms on.

use std::collections::BTreeMap;

use crate::frame::{MetricFrame, Series, ServiceIdx};
use crate::incident::{Indicator, IndicatorChange};
use crate::metric::{Family, Side, Unit};
use crate::stats::{finite, mean, median};

/// When an indicator counts as out of its normal range.
#[derive(Clone, Copy, Debug)]
pub struct VitalsOptions {
    /// Fewest requests within "now" for a service's errors and latency to be judged. Default 20.
    pub min_requests: f64,
    /// How far the share of failed requests must exceed its normal range, 0–1. Default 0.01: one request in a hundred.
    pub error_rise: f64,
    /// How far the latency must exceed its normal range, as a share of its usual level. Default 0.5.
    pub latency_rise: f64,
    /// The same in milliseconds, if the unit is known; both must hold. Default 20.
    pub latency_rise_ms: f64,
    /// A service with steady traffic that serves less than this share of it, while the load of the whole system is unchanged, has lost its requests.
    /// Default 0.05.
    pub requests_left: f64,
}

impl Default for VitalsOptions {
    fn default() -> Self {
        Self { min_requests: 20.0, error_rise: 0.01, latency_rise: 0.5, latency_rise_ms: 20.0, requests_left: 0.05 }
    }
}

/// Range of one indicator over the baseline: 1st, 50th and 99th percentile.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Range {
    low: f64,
    middle: f64,
    high: f64,
}

/// The normal ranges of all indicators of all services: three numbers each, so that an open incident can keep them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NormalRanges {
    ranges: BTreeMap<(String, String), Range>,
    /// Requests per second over all services.
    load: f64,
}

/// Fewest samples for a range.
const MIN_SAMPLES: usize = 6;
/// Share of samples outside the range at each end, so that rare but regular peaks are normal.
const TAIL: f64 = 0.01;
/// Traffic whose low end is below this share of its median is not steady and may drop to zero by chance.
const STEADY: f64 = 0.3;
/// The load of the system counts as unchanged while it gets at least this share of its usual requests.
const MIN_SYSTEM_LOAD: f64 = 0.5;

impl NormalRanges {
    /// Computes the ranges from baseline rows. Indicators with fewer than six samples have none. O(series × rows · log rows).
    pub fn of(frame: &MetricFrame, rows: &[usize]) -> Self {
        let mut ranges = BTreeMap::new();
        for series in indicators(frame) {
            let mut values = finite(&series.values_at(rows));
            if values.len() < MIN_SAMPLES {
                continue;
            }
            values.sort_by(f64::total_cmp);
            let at = |share: f64| values[((values.len() - 1) as f64 * share).round() as usize];
            let range = Range { low: at(TAIL), middle: at(0.5), high: at(1.0 - TAIL) };
            ranges.insert((frame.service(series.service).to_owned(), series.metric.name.clone()), range);
        }
        Self { ranges, load: load(frame, rows) }
    }

    /// The usual levels recorded in the symptoms of an incident, without a range, if the data does not reach back to the time before it.
    pub(super) fn of_symptoms<'a>(symptoms: impl Iterator<Item = &'a IndicatorChange>) -> Self {
        let range = |s: &IndicatorChange| {
            let level = Range { low: s.from, middle: s.from, high: s.from };
            ((s.service.clone(), s.metric.name.clone()), level)
        };
        Self { ranges: symptoms.map(range).collect(), load: 0.0 }
    }

    /// Whether no range is known.
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// The indicators that are out of their normal range in the `recent` rows, worst first; one per service and kind.
    ///
    /// An indicator that is observed in less than half of these rows is skipped: a gap is never taken for a zero.
    pub fn signs(&self, frame: &MetricFrame, recent: &[usize], options: &VitalsOptions) -> Vec<IndicatorChange> {
        let is_used = load(frame, recent) >= MIN_SYSTEM_LOAD * self.load;
        let mut found: Vec<(f64, IndicatorChange)> = Vec::new();
        for series in indicators(frame) {
            let service = frame.service(series.service);
            let Some(normal) = self.ranges.get(&(service.to_owned(), series.metric.name.clone())) else { continue };
            let values = finite(&series.values_at(recent));
            let indicator = match series.metric.family {
                Family::Error => Indicator::Errors,
                Family::Latency => Indicator::Latency,
                _ => Indicator::Requests,
            };
            let few = indicator != Indicator::Requests && !enough(frame, series.service, recent, options);
            if few || 2 * values.len() < recent.len() {
                continue;
            }
            let to = median(&values);
            let is_out = match indicator {
                Indicator::Errors => to >= normal.high + options.error_rise,
                Indicator::Latency => {
                    let least = if series.metric.unit == Unit::Ms { options.latency_rise_ms } else { 0.0 };
                    to - normal.high >= (options.latency_rise * normal.middle).max(least)
                }
                Indicator::Requests => {
                    let steady = normal.middle > 0.0 && normal.low >= STEADY * normal.middle;
                    let many = normal.middle * seconds(frame, recent) >= options.min_requests;
                    steady && many && is_used && to <= options.requests_left * normal.middle
                }
            };
            if is_out {
                found.push((badness(indicator, normal, to), sign(series, service, indicator, normal, to)));
            }
        }
        found.sort_by(|a, b| {
            b.0.total_cmp(&a.0).then_with(|| (&a.1.service, &a.1.metric).cmp(&(&b.1.service, &b.1.metric)))
        });
        worst_of_each(found.into_iter().map(|(_, sign)| sign))
    }
}

/// Keeps the first of each service and kind: quantiles and mean of one latency are one finding.
fn worst_of_each(sorted: impl Iterator<Item = IndicatorChange>) -> Vec<IndicatorChange> {
    let mut kept: Vec<IndicatorChange> = Vec::new();
    for sign in sorted {
        if !kept.iter().any(|k| k.service == sign.service && k.indicator == sign.indicator) {
            kept.push(sign);
        }
    }
    kept
}

fn sign(series: &Series, service: &str, indicator: Indicator, normal: &Range, to: f64) -> IndicatorChange {
    IndicatorChange {
        service: service.to_owned(),
        indicator,
        metric: series.metric.clone(),
        from: normal.middle,
        to,
        unit: series.metric.unit,
    }
}

/// Orders signs of different kinds: failed requests before lost ones before slow ones, then by size.
fn badness(indicator: Indicator, normal: &Range, to: f64) -> f64 {
    match indicator {
        Indicator::Errors => 2e6 + to,
        Indicator::Requests => 1e6 + normal.middle,
        Indicator::Latency => (to / normal.middle.max(1e-9)).min(9e5),
    }
}

/// The series that users notice: a service's own errors, latency and request rate.
fn indicators(frame: &MetricFrame) -> impl Iterator<Item = &Series> {
    frame.series().iter().filter(|s| {
        let is_load = s.metric.family == Family::Throughput && s.metric.unit == Unit::PerS;
        let is_error = s.metric.family == Family::Error && s.metric.unit == Unit::Ratio && !s.metric.is_availability;
        let is_noticed = is_error || is_load || s.metric.family == Family::Latency;
        s.metric.side == Side::Own && s.peer.is_none() && is_noticed
    })
}

/// Whether a service served enough requests for its errors and latency to be judged; true if its requests are not counted.
fn enough(frame: &MetricFrame, service: ServiceIdx, rows: &[usize], options: &VitalsOptions) -> bool {
    let loads: Vec<&Series> = indicators(frame).filter(|s| s.service == service && is_load(s)).collect();
    let served = |s: &&Series| mean(&finite(&s.values_at(rows))) * seconds(frame, rows);
    loads.is_empty() || loads.iter().map(served).any(|n| n >= options.min_requests)
}

fn is_load(series: &Series) -> bool {
    series.metric.family == Family::Throughput
}

/// Requests per second over all services; 0 if none are counted.
fn load(frame: &MetricFrame, rows: &[usize]) -> f64 {
    let each = indicators(frame).filter(|s| is_load(s)).map(|s| mean(&finite(&s.values_at(rows))));
    each.filter(|v| !v.is_nan()).sum()
}

/// The time that a number of rows covers, in seconds.
fn seconds(frame: &MetricFrame, rows: &[usize]) -> f64 {
    rows.len() as f64 * frame.step_ms() as f64 / 1e3
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{RawSeries, assemble};
    use crate::time::Timestamp;

    /// 30 samples of the baseline and 6 of now, 5 s apart.
    fn frame(series: &[(&str, &str, f64, f64)]) -> MetricFrame {
        let times: Vec<_> = (0..36).map(|i| Timestamp::from_ms(i * 5000)).collect();
        let raw = |(service, metric, before, now): &(&str, &str, f64, f64)| RawSeries {
            service: (*service).into(),
            metric: (*metric).into(),
            peer: None,
            points: times.iter().enumerate().map(|(i, t)| (*t, if i < 30 { *before } else { *now })).collect(),
        };
        assemble(series.iter().map(raw).collect(), times.clone()).unwrap().0
    }

    fn signs(series: &[(&str, &str, f64, f64)]) -> Vec<(String, Indicator)> {
        let (frame, normal, now) = (frame(series), (0..30).collect::<Vec<_>>(), (30..36).collect::<Vec<_>>());
        let found = NormalRanges::of(&frame, &normal).signs(&frame, &now, &VitalsOptions::default());
        found.into_iter().map(|s| (s.service, s.indicator)).collect()
    }

    #[test]
    fn changes_that_users_notice_and_changes_that_they_do_not() {
        let load = |service| (service, "throughput_rps", 10.0, 10.0);
        let slow = ("web".to_owned(), Indicator::Latency);
        assert_eq!(signs(&[load("web"), ("web", "latency_ms", 100.0, 160.0)]), std::slice::from_ref(&slow));
        assert_eq!(signs(&[load("web"), ("web", "latency_ms", 100.0, 140.0)]), [], "not half as long again");
        assert_eq!(signs(&[load("web"), ("web", "latency_ms", 2.0, 8.0)]), [], "6 ms are not noticed");
        assert_eq!(signs(&[load("web"), ("web", "error_ratio", 0.0, 0.02)]), [("web".to_owned(), Indicator::Errors)]);
        assert_eq!(signs(&[load("web"), ("web", "error_ratio", 0.05, 0.055)]), []);
        let both = [load("web"), ("web", "latency_ms", 100.0, 900.0), ("web", "latency_p95_ms", 200.0, 900.0)];
        assert_eq!(signs(&both), [slow], "one latency");
    }

    #[test]
    fn services_with_few_requests_are_not_judged() {
        let idle = ("cron", "throughput_rps", 0.01, 0.01);
        assert_eq!(signs(&[idle, ("cron", "error_ratio", 0.0, 1.0), ("cron", "latency_ms", 5.0, 900.0)]), []);
        assert_eq!(
            signs(&[("db", "latency_ms", 50.0, 900.0)]),
            [("db".to_owned(), Indicator::Latency)],
            "requests are not counted"
        );
    }

    #[test]
    fn requests_count_as_lost_only_while_other_services_get_theirs() {
        let (web, orders) = (("web", "throughput_rps", 50.0, 50.0), ("orders", "throughput_rps", 10.0, 0.0));
        assert_eq!(signs(&[web, orders]), [("orders".to_owned(), Indicator::Requests)]);
        assert_eq!(signs(&[("web", "throughput_rps", 50.0, 0.0), orders]), [], "the whole system is idle");
        let silent = ("orders", "throughput_rps", 10.0, f64::NAN);
        assert_eq!(signs(&[web, silent]).len(), 0, "a gap is not a zero");
    }
}
