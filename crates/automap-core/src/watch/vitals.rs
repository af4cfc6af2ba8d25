//! What the requests of every service feel now, beside what they felt in normal time.
//!
//! A relative baseline and a practical size, both: 2 ms instead of 1 wake nobody, neither do 300 ms that are there every evening. Indicators that
//! rest on a handful of requests say nothing.

use std::collections::BTreeMap;

use crate::frame::{MetricFrame, Series, ServiceIdx};
use crate::incident::{Indicator, IndicatorChange};
use crate::metric::{Family, Side, Unit};
use crate::stats::{finite, mean, median};

/// When an indicator counts as out of its normal range.
#[derive(Clone, Copy, Debug)]
pub struct VitalsOptions {
    /// Fewest requests in the last moments for errors and latency of a service to mean anything. Default 20.
    pub min_requests: f64,
    /// Rise of the share of failed requests above the high end of normal, 0 to 1. Default 0.01: one in a hundred.
    pub error_rise: f64,
    /// Rise of the time to answer above the high end of normal, as a share of the usual one. Default 0.5: half as long again.
    pub latency_rise: f64,
    /// And in milliseconds, where the unit is known. Default 20.
    pub latency_rise_ms: f64,
    /// A service that serves less than this share of its steady requests, while the system is asked as before, has lost them. Default 0.05.
    pub requests_left: f64,
}

impl Default for VitalsOptions {
    fn default() -> Self {
        Self { min_requests: 20.0, error_rise: 0.01, latency_rise: 0.5, latency_rise_ms: 20.0, requests_left: 0.05 }
    }
}

/// The range of one indicator in normal time.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Range {
    low: f64,
    middle: f64,
    high: f64,
}

/// How the indicators of all services were in normal time. Small: three numbers for each.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NormalRanges {
    ranges: BTreeMap<(String, String), Range>,
    /// Requests per second over all services.
    load: f64,
}

/// Fewest samples that make a range.
const MIN_SAMPLES: usize = 6;
/// Share of samples below the low end and above the high end of a range: what comes every hour is normal.
const TAIL: f64 = 0.01;
/// A load whose low end is below this share of its middle is not steady: it may well be zero at any time.
const STEADY: f64 = 0.3;
/// The system is asked as before when it gets at least this share of its requests.
const ASKED_AS_BEFORE: f64 = 0.5;

impl NormalRanges {
    /// Reads the ranges from rows of normal time; an indicator with fewer than six samples has none. O(series × rows · log rows).
    pub fn of(frame: &MetricFrame, rows: &[usize]) -> Self {
        let mut ranges = BTreeMap::new();
        for series in indicators(frame) {
            let mut values = finite(&pick(series, rows));
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

    /// Whether nothing is known of normal time.
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// The indicators that are out of their range over the last rows, the worst first.
    pub fn signs(&self, frame: &MetricFrame, recent: &[usize], options: &VitalsOptions) -> Vec<IndicatorChange> {
        let asked = load(frame, recent) >= ASKED_AS_BEFORE * self.load;
        let mut found: Vec<(f64, IndicatorChange)> = Vec::new();
        for series in indicators(frame) {
            let service = frame.service(series.service);
            let Some(normal) = self.ranges.get(&(service.to_owned(), series.metric.name.clone())) else { continue };
            let values = finite(&pick(series, recent));
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
                    steady && many && asked && to <= options.requests_left * normal.middle
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

/// One sign for each service and indicator; quantiles and mean of one latency are one.
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
        metric: series.metric.name.clone(),
        from: normal.middle,
        to,
        unit: series.metric.unit.as_str().to_owned(),
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

/// The series that say what requests feel: the service's own errors, latency and requests.
fn indicators(frame: &MetricFrame) -> impl Iterator<Item = &Series> {
    frame.series().iter().filter(|s| {
        let is_load = s.metric.family == Family::Throughput && s.metric.unit == Unit::PerS;
        let is_error = s.metric.family == Family::Error && s.metric.unit == Unit::Ratio && !s.metric.is_availability;
        let is_felt = is_error || is_load || s.metric.family == Family::Latency;
        s.metric.side == Side::Own && s.peer.is_none() && is_felt
    })
}

/// Whether a service answered enough requests for its errors and latency to mean something; one whose requests nobody counts is given the benefit.
fn enough(frame: &MetricFrame, service: ServiceIdx, rows: &[usize], options: &VitalsOptions) -> bool {
    let loads: Vec<&Series> = indicators(frame).filter(|s| s.service == service && is_load(s)).collect();
    let served = |s: &&Series| mean(&finite(&pick(s, rows))) * seconds(frame, rows);
    loads.is_empty() || loads.iter().map(served).any(|n| n >= options.min_requests)
}

fn is_load(series: &Series) -> bool {
    series.metric.family == Family::Throughput
}

/// Requests per second over all services; 0 where nobody counts.
fn load(frame: &MetricFrame, rows: &[usize]) -> f64 {
    let each = indicators(frame).filter(|s| is_load(s)).map(|s| mean(&finite(&pick(s, rows))));
    each.filter(|v| !v.is_nan()).sum()
}

/// The time that some rows stand for.
fn seconds(frame: &MetricFrame, rows: &[usize]) -> f64 {
    rows.len() as f64 * frame.step_ms() as f64 / 1e3
}

fn pick(series: &Series, rows: &[usize]) -> Vec<f64> {
    rows.iter().map(|&i| series.values[i]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{RawSeries, assemble};
    use crate::time::Timestamp;

    /// 30 samples of normal time and 6 of now, 5 s apart.
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
    fn what_users_feel_and_what_they_do_not() {
        let load = |service| (service, "throughput_rps", 10.0, 10.0);
        let slow = ("web".to_owned(), Indicator::Latency);
        assert_eq!(signs(&[load("web"), ("web", "latency_ms", 100.0, 160.0)]), std::slice::from_ref(&slow));
        assert_eq!(signs(&[load("web"), ("web", "latency_ms", 100.0, 140.0)]), [], "not half as long again");
        assert_eq!(signs(&[load("web"), ("web", "latency_ms", 2.0, 8.0)]), [], "nobody feels 6 ms");
        assert_eq!(signs(&[load("web"), ("web", "error_ratio", 0.0, 0.02)]), [("web".to_owned(), Indicator::Errors)]);
        assert_eq!(signs(&[load("web"), ("web", "error_ratio", 0.05, 0.055)]), []);
        let both = [load("web"), ("web", "latency_ms", 100.0, 900.0), ("web", "latency_p95_ms", 200.0, 900.0)];
        assert_eq!(signs(&both), [slow], "one latency");
    }

    #[test]
    fn a_handful_of_requests_says_nothing() {
        let idle = ("cron", "throughput_rps", 0.01, 0.01);
        assert_eq!(signs(&[idle, ("cron", "error_ratio", 0.0, 1.0), ("cron", "latency_ms", 5.0, 900.0)]), []);
        assert_eq!(
            signs(&[("db", "latency_ms", 50.0, 900.0)]),
            [("db".to_owned(), Indicator::Latency)],
            "nobody counts"
        );
    }

    #[test]
    fn lost_requests_are_lost_only_while_others_get_theirs() {
        let (web, orders) = (("web", "throughput_rps", 50.0, 50.0), ("orders", "throughput_rps", 10.0, 0.0));
        assert_eq!(signs(&[web, orders]), [("orders".to_owned(), Indicator::Requests)]);
        assert_eq!(signs(&[("web", "throughput_rps", 50.0, 0.0), orders]), [], "nobody asks any more: it is night");
        let silent = ("orders", "throughput_rps", 10.0, f64::NAN);
        assert_eq!(signs(&[web, silent]).len(), 0, "a gap is not a zero");
    }
}
