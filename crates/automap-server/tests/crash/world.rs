//! A real Prometheus with an hour of history and an hour of future: `front-end` calls `orders`, and `orders` is ten times as slow in the third minute
//! of every four from now on.

use std::fmt::Write as _;

use super::prometheus::Prometheus;
use super::run::now;

const SCRAPE_S: i64 = 15;
const HOUR_S: i64 = 3600;
/// Upper bounds of the histogram, in milliseconds.
const BOUNDS: [&str; 7] = ["25", "50", "100", "250", "500", "1000", "+Inf"];

/// Starts it. `None` if it is not installed and the test may be skipped.
pub(crate) fn start() -> Option<Prometheus> {
    Prometheus::backfilled("crash", &series(now().ms() / 1000 / SCRAPE_S * SCRAPE_S))
}

fn series(now_s: i64) -> String {
    let mut text = String::new();
    for reporter in ["source", "destination"] {
        call(&mut text, now_s, reporter, "unknown", "front-end", 20.0);
        call(&mut text, now_s, reporter, "front-end", "orders", 10.0);
    }
    text + "# EOF\n"
}

/// The counters of one call as one end reports them.
fn call(text: &mut String, now_s: i64, reporter: &str, from: &str, to: &str, rps: f64) {
    if from == "unknown" && reporter == "source" {
        return;
    }
    let labels = format!(
        r#"reporter="{reporter}",source_workload="{from}",source_workload_namespace="shop",destination_workload="{to}",destination_workload_namespace="shop",destination_service_name="{to}""#
    );
    let steps = -HOUR_S / SCRAPE_S..=HOUR_S / SCRAPE_S;
    let slow_for = |step: i64| -> f64 {
        let seconds = (0..step * SCRAPE_S).filter(|s| (120..180).contains(&(s % 240)));
        seconds.count() as f64
    };
    // Counts of fast (40 ms) and slow (400 ms) requests up to a step; slight variation keeps the normal range from being a point.
    let counts = |step: i64| {
        let slow = rps * slow_for(step.max(0));
        let all = rps * ((step * SCRAPE_S + HOUR_S) as f64 + 0.5 * ((step * 7919) % 7) as f64);
        (all - slow, slow)
    };
    let mut write = |name: &str, value: &dyn Fn(f64, f64) -> f64| {
        for step in steps.clone() {
            let (fast, slow) = counts(step);
            writeln!(text, "{name} {} {}", value(fast, slow), now_s + step * SCRAPE_S).unwrap();
        }
    };
    write(&format!(r#"istio_requests_total{{{labels},response_code="200"}}"#), &|fast, slow| fast + slow);
    for bound in BOUNDS {
        let limit: f64 = bound.parse().unwrap_or(f64::INFINITY);
        write(&format!(r#"istio_request_duration_milliseconds_bucket{{{labels},le="{bound}"}}"#), &|fast, slow| {
            (if limit >= 40.0 { fast } else { 0.0 }) + (if limit >= 400.0 { slow } else { 0.0 })
        });
    }
    write(&format!("istio_request_duration_milliseconds_sum{{{labels}}}"), &|fast, slow| 40.0 * fast + 400.0 * slow);
    write(&format!("istio_request_duration_milliseconds_count{{{labels}}}"), &|fast, slow| fast + slow);
}
