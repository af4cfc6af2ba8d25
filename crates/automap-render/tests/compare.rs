//! Periods compared and trends: a step, a drift and a vanished series are found with their size; equal periods and autocorrelated noise are not, at
//! the promised rate; names and order do not matter.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use automap_core::compare::model::{EdgeKind, SeriesComparison, SeriesVerdict, ShapeKind};
use automap_core::compare::trend::{Direction, TrendOptions, trend};
use automap_core::compare::{CompareError, CompareOptions, Comparison, Period, compare};
use automap_core::frame::{RawSeries, assemble};
use automap_core::graph::MetricType;
use automap_core::observation::Observation;
use automap_core::random::Rng;
use automap_core::time::{Interval, Timestamp, WindowHint};
use automap_core::topology::CallGraph;
use automap_render::{compare as comparison_report, trend as trend_report};

const STEP_MS: i64 = 5000;

fn at(i: usize) -> Timestamp {
    Timestamp::from_ms(1_700_000_000_000 + STEP_MS * i as i64)
}

/// `samples` instants of series `(service, metric, values)`.
fn observation(samples: usize, series: &[(&str, &str, Vec<f64>)]) -> Observation {
    let times: Vec<Timestamp> = (0..samples).map(at).collect();
    let raw = series.iter().map(|(service, metric, values)| RawSeries {
        service: (*service).to_owned(),
        metric: (*metric).to_owned(),
        peer: None,
        points: times.iter().copied().zip(values.iter().copied()).collect(),
    });
    let (frame, notes) = assemble(raw.collect(), times.clone()).unwrap();
    let hint = WindowHint::default();
    let source = "test".to_owned();
    Observation { hint, notes, ..Observation::new(frame, CallGraph::new(), source) }
}

/// The two halves of an observation.
fn halves(observation: &Observation, samples: usize) -> [Period; 2] {
    let part = |name, from, to| Period::new(name, observation, Interval::new(at(from), at(to))).unwrap();
    [part("a", 0, samples / 2), part("b", samples / 2, samples)]
}

fn compared(periods: &[Period]) -> Comparison {
    compare(periods, &CompareOptions::default()).unwrap()
}

fn of<'a>(comparison: &'a Comparison, service: &str, metric: &str) -> &'a SeriesComparison {
    comparison.series.iter().find(|s| s.service == service && s.metric == metric).unwrap()
}

/// A first-order autoregression around `level`, similar to a rate over a window of several samples.
fn noise(random: &mut Rng, samples: usize, level: f64, phi: f64) -> Vec<f64> {
    let mut now = 0.0;
    let mut next = || {
        now = phi * now + random.normal();
        level + now
    };
    (0..50).for_each(|_| _ = next());
    (0..samples).map(|_| next()).collect()
}

#[test]
fn a_step_is_found_with_its_size_and_time() {
    let mut random = Rng::new(1);
    let mut slow = noise(&mut random, 80, 100.0, 0.3);
    slow[40..].iter_mut().for_each(|v| *v += 50.0);
    let calm = noise(&mut random, 80, 100.0, 0.3);
    let observation = observation(80, &[("payment", "latency_ms", slow), ("user", "latency_ms", calm)]);
    let comparison = compared(&halves(&observation, 80));
    let found = of(&comparison, "payment", "latency_ms");
    let difference = &found.differences[0];
    assert_eq!((found.verdict, comparison.services[0].service.as_str()), (SeriesVerdict::Differs, "payment"));
    let moved = difference.to.unwrap() - difference.from.unwrap();
    assert!((45.0..55.0).contains(&moved), "{moved}");
    assert_eq!((difference.superiority, difference.delta), (Some(1.0), Some(1.0)));
    assert!(difference.q_value.unwrap() < 0.01);
    assert_eq!(of(&comparison, "user", "latency_ms").verdict, SeriesVerdict::Same);
    assert!(comparison_report::summary(&comparison).starts_with("payment differs most: latency"));
}

#[test]
fn three_periods_tell_a_drift_from_a_step() {
    let mut random = Rng::new(2);
    let calm = noise(&mut random, 120, 100.0, 0.0);
    let drift = calm.iter().enumerate().map(|(i, v)| v + 0.06 * i as f64).collect();
    let step = calm.iter().enumerate().map(|(i, v)| v + if i < 60 { 0.0 } else { 8.0 }).collect();
    let observation = observation(120, &[("a", "memory_bytes", drift), ("b", "memory_bytes", step)]);
    let part =
        |i: usize| Period::new(&i.to_string(), &observation, Interval::new(at(40 * i), at(40 * i + 40))).unwrap();
    // As memory, these levels are far below any relevant change, so the practical floors are switched off.
    let floors = automap_core::anomaly::AnomalyOptions { practical_floors: false, ..Default::default() };
    let options = CompareOptions { floors, ..CompareOptions::default() };
    let comparison = compare(&[part(0), part(1), part(2)], &options).unwrap();
    let shape = |service| of(&comparison, service, "memory_bytes").shape.clone().unwrap();
    assert_eq!(shape("a").kind, ShapeKind::Drift, "{:?}", shape("a"));
    assert_eq!(shape("b").kind, ShapeKind::Step, "{:?}", shape("b"));
    assert_eq!(shape("b").at, Some(at(60)));
    let per_hour = shape("a").slope_per_hour.unwrap();
    assert!((per_hour / (0.06 * 3600.0 / 5.0) - 1.0).abs() < 0.2, "{per_hour}");
}

#[test]
fn what_vanished_is_told_and_what_was_not_comparable_is_no_finding() {
    let mut random = Rng::new(3);
    let until = |mut values: Vec<f64>| {
        values[30..].fill(f64::NAN);
        values
    };
    let mut series = |seen_to_the_end| {
        let values = noise(&mut random, 60, 10.0, 0.0);
        if seen_to_the_end { values } else { until(values) }
    };
    let observation = observation(
        60,
        &[
            ("a", "latency_ms", series(false)),
            ("b", "latency_ms", series(true)),
            ("a", "disk_read_bytes_per_s", series(false)),
            ("b", "disk_read_bytes_per_s", series(false)),
            ("a", "cpu_cores", series(true)),
        ],
    );
    let comparison = compared(&halves(&observation, 60));
    assert_eq!(of(&comparison, "a", "latency_ms").verdict, SeriesVerdict::OnlyInA);
    for service in ["a", "b"] {
        assert_eq!(of(&comparison, service, "disk_read_bytes_per_s").verdict, SeriesVerdict::NotComparable);
    }
    assert_eq!((comparison.counts.only_in_a, comparison.counts.not_comparable), (1, 2));
    let differ: Vec<&str> =
        comparison.services.iter().filter(|s| s.verdict.is_finding()).map(|s| s.service.as_str()).collect();
    assert_eq!(differ, ["a"]);
    assert!(comparison.notes.iter().any(|n| n.code == "metric_absent" && n.message.contains("disk_read_bytes_per_s")));
}

/// 60 pairs of periods without any difference, 30 series each, for series without memory, with short and with long memory; with and without bursts.
#[test]
fn autocorrelated_noise_is_no_difference() {
    let mut random = Rng::new(4);
    let services: Vec<String> = (0..30).map(|s| format!("s{s}")).collect();
    let mut told = Vec::new();
    for (phi, samples, has_bursts) in
        [(0.0, 60, false), (0.66, 60, false), (0.66, 160, false), (0.9, 160, false), (0.5, 120, true)]
    {
        let one = |random: &mut Rng| {
            let values = noise(random, samples, 0.0, phi);
            // The exponential of twice a normal value is an occasional burst.
            values
                .into_iter()
                .map(|v| if has_bursts { 10.0 * (2.0 * v).exp() } else { 100.0 + v })
                .collect::<Vec<f64>>()
        };
        let with_finding = (0..60).filter(|_| {
            let series: Vec<(&str, &str, Vec<f64>)> =
                services.iter().map(|s| (s.as_str(), "latency_ms", one(&mut random))).collect();
            let observation = observation(samples, &series);
            compared(&halves(&observation, samples)).counts.differs > 0
        });
        told.push((phi, samples, has_bursts, with_finding.count()));
    }
    // 5 % of 60 is 3; seven or more would occur once in thirty times.
    assert!(told.iter().all(|(.., found)| *found <= 6), "quiet pairs with a difference, of 60: {told:?}");
    println!("quiet pairs with a difference, of 60: {told:?}");
}

#[test]
fn a_dependence_that_breaks_is_a_vanished_link() {
    let mut random = Rng::new(9);
    let (one, other) = (noise(&mut random, 200, 100.0, 0.0), noise(&mut random, 200, 100.0, 0.0));
    let follows = (0..200).map(|i| if i < 100 { one[i] + 0.2 * other[i] } else { other[i] }).collect();
    let rest = noise(&mut random, 200, 100.0, 0.0);
    let series = [("a", "cpu_cores", one), ("b", "cpu_cores", follows), ("c", "cpu_cores", rest)];
    let comparison = compared(&halves(&observation(200, &series), 200));
    let edges: Vec<_> =
        comparison.edges.iter().map(|e| (e.kind, e.from.as_str(), e.to.as_str(), e.metric, e.verdict)).collect();
    assert_eq!(edges, [(EdgeKind::Learnt, "a", "b", Some(MetricType::Cpu), SeriesVerdict::OnlyInA)]);
    let text = comparison_report::text(&comparison, &Default::default());
    assert!(text.contains("vanished in b: a – b (cpu)"), "{text}");
}

#[test]
fn the_order_of_series_does_not_matter_and_units_do_not() {
    let mut random = Rng::new(6);
    let mut series: Vec<(&str, &str, Vec<f64>)> =
        ["a", "b", "c", "d"].map(|s| (s, "orders_queue", noise(&mut random, 80, 500.0, 0.5))).to_vec();
    series[1].2[40..].iter_mut().for_each(|v| *v += 80.0);
    let plain = compared(&halves(&observation(80, &series), 80));
    assert_eq!(of(&plain, "b", "orders_queue").verdict, SeriesVerdict::Differs);
    series.reverse();
    let reversed = compared(&halves(&observation(80, &series), 80));
    assert_eq!(comparison_report::json(&plain).unwrap(), comparison_report::json(&reversed).unwrap());
    // A power of two is an exact change of units.
    series.iter_mut().for_each(|(_, _, values)| values.iter_mut().for_each(|v| *v *= 1024.0));
    let scaled = compared(&halves(&observation(80, &series), 80));
    for (p, s) in plain.series.iter().zip(&scaled.series) {
        assert_eq!((&p.service, p.verdict), (&s.service, s.verdict));
        assert_eq!(p.differences[0].p_value, s.differences[0].p_value);
        assert!((p.differences[0].shift.unwrap() - s.differences[0].shift.unwrap()).abs() < 1e-9);
    }
}

#[test]
fn too_little_is_a_verdict_or_an_error_that_names_the_place() {
    let few = observation(8, &[("a", "latency_ms", vec![1.0; 8])]);
    let comparison = compared(&halves(&few, 8));
    assert_eq!(comparison.counts.too_few_samples, 1);
    assert!(comparison_report::summary(&comparison).starts_with("nothing can be judged"));
    assert!(!comparison_report::json(&comparison).unwrap().contains("NaN"));
    let one = &halves(&few, 8)[..1];
    assert_eq!(compare(one, &CompareOptions::default()).unwrap_err(), CompareError::Periods(1));
    let outside = Interval::new(at(100), at(200));
    let error = Period::new("later", &few, outside).unwrap_err().to_string();
    assert!(error.contains("no sample lies in the period later"), "{error}");
}

fn windows(values: Vec<f64>, per_window: usize) -> Vec<Period> {
    let observation = observation(values.len(), &[("a", "queue_depth", values)]);
    Period::windows(&observation, STEP_MS * per_window as i64, 100).unwrap()
}

#[test]
fn a_leak_has_a_slope_and_noise_has_none() {
    let mut random = Rng::new(7);
    let calm = noise(&mut random, 240, 1000.0, 0.5);
    let leak = calm.iter().enumerate().map(|(i, v)| v + 0.2 * i as f64).collect();
    let found = trend(&windows(leak, 10), &TrendOptions::default()).unwrap();
    let series = &found.series[0];
    assert_eq!((series.direction, series.windows), (Direction::Rising, 24));
    // 0.2 a sample of 5 s is 144 an hour.
    let (low, high) = (series.per_hour_low.unwrap(), series.per_hour_high.unwrap());
    assert!(low < 144.0 && 144.0 < high && high - low < 30.0, "{low}..{high}");
    let none = trend(&windows(calm, 10), &TrendOptions::default()).unwrap();
    assert_eq!(none.series[0].direction, Direction::Steady);
    assert!(trend_report::summary(&none).starts_with("no trend"), "{}", trend_report::summary(&none));
}

/// Two thirds of the windows at 1000, the rest at 1400: no slope describes that.
#[test]
fn a_step_is_told_as_a_step_and_not_as_a_trend() {
    let mut random = Rng::new(9);
    let stepped = noise(&mut random, 240, 1000.0, 0.3)
        .into_iter()
        .enumerate()
        .map(|(i, v)| v + if i < 160 { 0.0 } else { 400.0 });
    let found = trend(&windows(stepped.collect(), 10), &TrendOptions::default()).unwrap();
    let series = &found.series[0];
    let step = series.step.as_ref().unwrap();
    assert_eq!((series.direction, step.at), (Direction::Steady, at(160)));
    let summary = trend_report::summary(&found);
    assert!(summary.starts_with("no slow trend, but a step at "), "{summary}");
}

/// The 95 % interval contains the true slope of 0.2 a sample nearly that often, and trendless persistent noise is seldom called a trend.
#[test]
fn intervals_cover_and_false_trends_are_rare() {
    let mut random = Rng::new(8);
    let (mut covered, mut false_trends) = (0, 0);
    const RUNS: usize = 200;
    for _ in 0..RUNS {
        let calm = noise(&mut random, 240, 1000.0, 0.6);
        let rising: Vec<f64> = calm.iter().enumerate().map(|(i, v)| v + 0.2 * i as f64).collect();
        let slope = &trend(&windows(rising, 10), &TrendOptions::default()).unwrap().series[0];
        let inside = slope.per_hour_low.unwrap() <= 144.0 && 144.0 <= slope.per_hour_high.unwrap();
        covered += usize::from(inside);
        let quiet = trend(&windows(calm, 10), &TrendOptions::default()).unwrap();
        false_trends += usize::from(quiet.series[0].direction.is_finding());
    }
    assert!(covered >= RUNS * 90 / 100, "covered {covered} of {RUNS}");
    assert!(false_trends <= RUNS * 8 / 100, "{false_trends} false trends of {RUNS}");
}

#[test]
fn few_windows_are_no_trend() {
    let found = trend(&windows((0..40).map(f64::from).collect(), 10), &TrendOptions::default()).unwrap();
    assert_eq!(found.series[0].direction, Direction::TooFewWindows);
    let many = observation(300, &[("a", "queue_depth", vec![1.0; 300])]);
    let error = Period::windows(&many, STEP_MS, 100).unwrap_err();
    assert_eq!(error, CompareError::TooManyWindows { windows: 300, most: 100 });
}
