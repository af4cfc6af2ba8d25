//! The same metrics in other forms: other units, names with dots, native histograms.

mod exposition;

use std::path::PathBuf;

use automap_core::slo::{Objective, SloState};
use automap_core::time::Timestamp;
use automap_sources::prometheus::{
    Client, ClientOptions, Fetched, ObserveOptions, OfferState, Presets, catalogue, observe,
};
use automap_sources::slo::{Indicator, Slo, SloReader};

use crate::presets::{about, fetch, tells_the_same, value, window};
use exposition::Exposition;

use crate::presets_world::{Real, Series, istio_sidecars, systems};

fn text_of(preset: &str) -> String {
    systems().into_iter().find(|system| system.preset == preset).unwrap().series.text()
}

#[test]
fn each_service_may_have_its_own_unit() {
    let (of, second) = (text_of("otel-span-metrics"), "duration_seconds");
    // The data holds milliseconds, so that the same numbers as seconds are a thousand times as long.
    let line = |line: &str| match line.contains(r#"service_name="orders""#) {
        true => format!("{}\n", line.replace("duration_milliseconds", second)),
        false => format!("{line}\n"),
    };
    let mixed = Series::from_text(&of.lines().filter(|l| *l != "# EOF").map(line).collect::<String>());
    let Some(server) = Real::start("units", &mixed) else { return };
    let seen = fetch(&server.client()).unwrap().observation;
    for (service, ms) in [("front-end", 80.0), ("orders", 40_000.0)] {
        let mean = value(&seen, service, "latency_ms", None);
        assert!(about(mean, ms), "{service}: {mean:?}");
        let p95 = value(&seen, service, "latency_p95_ms", None).unwrap();
        assert!((ms / 2.0..=ms * 2.0).contains(&p95), "{service}: {p95}");
    }
}

#[test]
fn a_histogram_that_the_server_cannot_evaluate_is_named() {
    let series = Series::default()
        .counter(r#"http_server_request_duration_seconds{k8s_namespace_name="shop",service_name="orders"}"#, 3.0);
    let Some(server) = Real::start("unread", &series) else { return };
    let error = fetch(&server.client()).unwrap_err().to_string();
    for piece in ["http_server_request_duration_seconds is there without _bucket", "native", "Prometheus 3"] {
        assert!(error.contains(piece), "{error}");
    }
    // Another namespace has it, and the error suggests it.
    let elsewhere = observe(&server.client(), &window("shopp"), &|_| {}).unwrap_err().to_string();
    assert!(elsewhere.contains("did you mean \"shop\"?"), "{elsewhere}");
}

const DOTS: &str = r#"presets:
  - preset: dots
    title: Names with dots
    namespace_label: k8s.namespace.name
    detect: 'shop.requests_total{"k8s.namespace.name"=$NS}'
    service: [service.name]
    served:
      requests: '{"shop.requests_total","k8s.namespace.name"=$NS}'
      failed: '{"shop.requests_total","k8s.namespace.name"=$NS,"http.code"=~"5.."}'
"#;

#[test]
fn an_older_server_is_told_apart_from_an_empty_one() {
    let Some(server) = Real::start("older", &Series::from_text(text_of("linkerd").trim_end_matches("# EOF\n"))) else {
        return;
    };
    let presets = Presets::default().with("dots.yaml", DOTS).unwrap();
    let client = Client::new(ClientOptions { presets, ..server.options() }).unwrap();
    let Fetched { observation: seen, presets, .. } = fetch(&client).unwrap();
    assert_eq!(presets.iter().map(|p| p.name.as_str()).collect::<Vec<_>>(), ["linkerd"]);
    let refused: Vec<&str> =
        seen.notes.iter().filter(|n| n.code == "query_failed").map(|n| n.message.as_str()).collect();
    if client.instant(r#"{"a.b"="c"}"#, seen.frame.times()[0]).is_err() {
        // The user's own preset, and none of ours.
        assert_eq!(refused.len(), 1, "{refused:?}");
        assert!(refused[0].contains("Names with dots") && refused[0].contains("from version 3 on"), "{refused:?}");
    } else {
        assert!(refused.is_empty(), "{refused:?}");
    }
    let offers = catalogue(&client, &window("shop")).unwrap();
    assert_eq!(offers.iter().find(|o| o.preset == "otel-http-dots").unwrap().state, OfferState::Absent);
}

/// A Prometheus of version 3: its path is in `PROMETHEUS_3`.
fn prometheus_3() -> PathBuf {
    std::env::var_os("PROMETHEUS_3")
        .map(PathBuf::from)
        .ok_or("PROMETHEUS_3 is not set; run make test-prometheus3")
        .unwrap()
}

/// The window over what was scraped, which ended just now.
fn scraped(end: Timestamp) -> ObserveOptions {
    ObserveOptions {
        scrape_interval_ms: Some(15_000),
        ..ObserveOptions::new("shop", end.plus_ms(-1_500_000), end, end)
    }
}

const NATIVE: &str = "convert_classic_histograms_to_nhcb: true, always_scrape_classic_histograms: false";

#[test]
#[ignore = "needs Prometheus 3: make test-prometheus3"]
fn native_histograms_tell_what_classic_ones_tell() {
    let program = prometheus_3();
    for preset in ["otel-http", "otel-span-metrics", "linkerd"] {
        let exposition = Exposition::start(&text_of(preset));
        let server = Real::scraping(&program, exposition.port, NATIVE);
        let end = exposition.wait();
        let seen = observe(&server.client(), &scraped(end), &|_| {}).unwrap().observation;
        tells_the_same(preset, &seen, preset != "otel-span-metrics");
        assert!(seen.notes.iter().any(|n| n.code == "native_histograms"), "{preset}: {:?}", seen.notes);
        let offers = catalogue(&server.client(), &scraped(end)).unwrap();
        assert!(offers.iter().find(|o| o.preset == preset).unwrap().covers.contains("native histograms"));

        // No bucket needs to end at the limit: all took 40 ms, in a bucket from 20 to 80 ms.
        let slo = |under_ms| {
            let objective = Objective { slo: "x".into(), service: "orders".into(), target: 0.99, period_ms: 3_600_000 };
            Slo { objective, indicator: Indicator::Latency { under_ms } }
        };
        let slos = [10.0, 50.0, 300.0].map(slo).to_vec();
        let readings = SloReader::new("shop", slos).read(&server.client(), end, None).unwrap();
        for (status, burn) in readings.statuses.iter().zip([100.0, 50.0, 0.0]) {
            assert!(about(status.burn_5m, burn), "{preset}: {status:?}");
        }
        assert_eq!(readings.statuses[2].state, SloState::Met);
    }
}

#[test]
#[ignore = "needs Prometheus 3: make test-prometheus3"]
fn calls_of_side_cars_are_timed_by_native_histograms() {
    let program = prometheus_3();
    let exposition = Exposition::start(&istio_sidecars().series.text());
    let server = Real::scraping(&program, exposition.port, NATIVE);
    let seen = observe(&server.client(), &scraped(exposition.wait()), &|_| {}).unwrap().observation;
    for (service, metric, peer) in [
        ("orders", "latency_ms", None),
        ("front-end", "client_latency_ms", Some("orders")),
        ("front-end", "served_latency_ms", Some("orders")),
    ] {
        let found = value(&seen, service, metric, peer);
        assert!(about(found, 40.0), "{metric}: {found:?}");
    }
    let p95 = value(&seen, "orders", "latency_p95_ms", None).unwrap();
    assert!((20.0..=80.0).contains(&p95), "{p95}");
}

#[test]
#[ignore = "needs Prometheus 3: make test-prometheus3"]
fn names_with_dots_tell_what_underscores_tell() {
    let program = prometheus_3();
    for settings in ["honor_timestamps: true", NATIVE] {
        let exposition = Exposition::start(&exposition::with_dots(&text_of("otel-http")));
        let server = Real::scraping(&program, exposition.port, settings);
        let fetched = observe(&server.client(), &scraped(exposition.wait()), &|_| {}).unwrap();
        assert_eq!(fetched.presets.iter().map(|p| p.name.as_str()).collect::<Vec<_>>(), ["otel-http-dots"]);
        tells_the_same("otel-http-dots", &fetched.observation, true);
    }
}
