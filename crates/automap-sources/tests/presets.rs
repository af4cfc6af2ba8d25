//! Every preset on a real Prometheus, with series that have its system's labels and traps.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod presets_world;

use automap_core::observation::Observation;
use automap_core::slo::{Objective, SloState};
use automap_core::time::Timestamp;
use automap_sources::prometheus::{
    Client, ClientOptions, Fetched, ObserveOptions, OfferState, Presets, SourceError, catalogue, explain_queries,
    observe,
};
use automap_sources::slo::{Indicator, Slo, SloReader};
use presets_world::{LENGTH_S, Real, START_S, Series, System, istio_sidecars, systems};

/// So many seconds after the start of the data.
fn at(s: i64) -> Timestamp {
    Timestamp::from_ms((START_S + s) * 1000)
}

fn window(namespace: &str) -> ObserveOptions {
    let now = at(LENGTH_S);
    ObserveOptions { scrape_interval_ms: Some(15_000), ..ObserveOptions::new(namespace, at(120), now, now) }
}

fn fetch(client: &Client) -> Result<Fetched, SourceError> {
    observe(client, &window("shop"), &|_| {})
}

/// The typical value of a metric; `None` where there is no such series.
fn value(seen: &Observation, service: &str, metric: &str, peer: Option<&str>) -> Option<f64> {
    let (service, peer) = (seen.frame.find(service)?, peer.map(|p| seen.frame.find(p)));
    let is_it = |s: &&automap_core::frame::Series| {
        s.service == service && s.metric.name == metric && peer.is_none_or(|p| s.peer == p)
    };
    let mut values: Vec<f64> =
        seen.frame.series().iter().find(is_it)?.values.iter().copied().filter(|v| !v.is_nan()).collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

fn about(found: Option<f64>, expected: f64) -> bool {
    found.is_some_and(|v| (v - expected).abs() <= 1e-3 * expected.max(1.0))
}

#[test]
fn every_system_tells_the_same_of_the_same_shop() {
    for System { preset, series, has_calls } in systems() {
        let Some(server) = Real::start(preset, &series) else { return };
        let Fetched { observation: seen, presets, .. } = fetch(&server.client()).unwrap();
        let found: Vec<&str> = presets.iter().map(|p| p.name.as_str()).collect();
        assert_eq!(found, [preset]);
        for (service, rps, failed, ms) in [("front-end", 10.0, 0.0, 80.0), ("orders", 4.0, 0.25, 40.0)] {
            for (metric, expected) in [("throughput_rps", rps), ("error_ratio", failed), ("latency_ms", ms)] {
                let found = value(&seen, service, metric, None);
                assert!(about(found, expected), "{preset}: {service} {metric} is {found:?}, not {expected}");
            }
            let p95 = value(&seen, service, "latency_p95_ms", None).unwrap();
            assert!((ms / 2.0..=ms * 2.0).contains(&p95), "{preset}: {service} p95 {p95}");
        }
        let callees: Vec<_> = seen.calls.edges().filter(|(caller, ..)| *caller == "front-end").map(|e| e.1).collect();
        assert_eq!(callees, if has_calls { vec!["orders"] } else { vec![] }, "{preset}");
        if has_calls {
            for (metric, expected) in [("client_rps", 4.0), ("client_error_ratio", 0.25)] {
                let found = value(&seen, "front-end", metric, Some("orders"));
                assert!(about(found, expected), "{preset}: {metric} is {found:?}, not {expected}");
            }
        }
        // Queries that the server refuses or that find nothing are told; here all find something.
        assert!(seen.notes.iter().all(|n| n.code != "query_failed"), "{preset}: {:?}", seen.notes);
        let named = |c: &str| seen.not_checked.iter().any(|n| n.reason.contains(c));
        assert!(!named("Istio side-cars"), "{preset}: nobody misses a mesh where another system measures");
    }
}

/// An objective of 99 percent for `orders`, of which every fourth request fails and each takes 40 ms.
fn objective(indicator: Indicator) -> Slo {
    let objective = Objective { slo: "x".into(), service: "orders".into(), target: 0.99, period_ms: 3_600_000 };
    Slo { objective, indicator }
}

/// Prometheus is the only complete parser of its language, so it judges the expressions itself.
#[test]
fn prometheus_takes_every_built_in_expression() {
    let Some(server) = Real::start("expressions", &Series::default().counter("up", 1.0)) else { return };
    // A name that has to be escaped, as a string literal and as a pattern.
    let queries = explain_queries(&window(r#"a.b"c\d"#), &Presets::default());
    assert!(queries.len() > 50, "{}", queries.len());
    let client = server.client();
    let refused: Vec<String> = queries
        .iter()
        .filter_map(|q| Some(format!("{}: {}", q.purpose, client.instant(&q.promql, at(LENGTH_S)).err()?)))
        .collect();
    assert!(refused.is_empty(), "{refused:#?}");
}

#[test]
fn objectives_are_counted_with_every_preset() {
    for System { preset, series, .. } in systems().into_iter().chain([istio_sidecars()]) {
        let Some(server) = Real::start(&format!("slo-{preset}"), &series) else { return };
        // Buckets end at 20 ms and 80 ms: 300 ms is beyond both.
        let limits = [10.0, 50.0, 300.0].map(|under_ms| Indicator::Latency { under_ms });
        let slos = [Indicator::Availability].into_iter().chain(limits).map(objective).collect();
        let readings = SloReader::new("shop", slos).read(&server.client(), at(LENGTH_S), None).unwrap();
        let [availability, slow, fast, beyond] = readings.statuses.as_slice() else { unreachable!() };
        // A quarter of the requests is 25 times what the budget allows, all of them 100 times.
        for (status, burn) in [(availability, 25.0), (slow, 100.0), (fast, 0.0)] {
            assert!(about(status.burn_5m, burn), "{preset}: {status:?}");
        }
        assert_eq!((availability.state, fast.state), (SloState::Burning, SloState::Met), "{preset}");
        let reason = beyond.unknown_because.as_deref().unwrap_or_default();
        assert!(reason.contains("_bucket of this service has no bound from 300 ms on"), "{preset}: {reason}");
    }
}

#[test]
fn each_service_is_counted_by_the_first_preset_that_knows_it() {
    let all = systems();
    let of = |preset: &str| all.iter().find(|s| s.preset == preset).unwrap().series.text();
    // Linkerd comes before Sock Shop's own metrics, but knows only the front end here.
    let linkerd: String =
        of("linkerd").lines().filter(|l| l.contains(r#"deployment="front-end""#)).map(|l| format!("{l}\n")).collect();
    let both = Series::from_text(&format!("{linkerd}{}", of("sock-shop").trim_end_matches("# EOF\n")));
    let Some(server) = Real::start("slo-both", &both) else { return };
    let mut slos = vec![objective(Indicator::Availability), objective(Indicator::Availability)];
    slos[1].objective.service = "front-end".into();
    let readings = SloReader::new("shop", slos).read(&server.client(), at(LENGTH_S), None).unwrap();
    assert!(about(readings.statuses[0].burn_5m, 25.0), "{:?}", readings.statuses[0]);
    assert!(about(readings.statuses[1].burn_5m, 0.0), "{:?}", readings.statuses[1]);
}

#[test]
fn bytes_between_pods_are_calls_where_no_proxy_is() {
    let flow = |kind: &str| {
        format!(
            r#"beyla_network_flow_bytes_total{{job="beyla",k8s_src_namespace="shop",k8s_src_owner_name="orders",k8s_dst_namespace="shop",k8s_dst_owner_name="orders-db",k8s_dst_owner_type="{kind}"}}"#
        )
    };
    let series = Series::default().counter(&flow("Deployment"), 500.0).counter(&flow("Service"), 500.0);
    let Some(server) = Real::start("flows", &series) else { return };
    let seen = fetch(&server.client()).unwrap().observation;
    assert!(about(value(&seen, "orders", "tcp_bytes_per_s", Some("orders-db")), 500.0));
    assert_eq!(seen.calls.edges().map(|(a, b, _)| (a, b)).collect::<Vec<_>>(), [("orders", "orders-db")]);
}

#[test]
fn a_series_without_a_namespace_counts_where_nobody_knows_it_better() {
    let all = systems();
    let of = |preset: &str| all.iter().find(|s| s.preset == preset).unwrap().series.clone();
    let nameless = of("otel-span-metrics");
    let join = |a: &Series, b: &str| {
        // promtool takes one text; the end mark belongs at its end.
        Series::from_text(&format!("{}{b}", a.text().trim_end_matches("# EOF\n")))
    };
    let Some(alone) = Real::start("alone", &nameless) else { return };
    let fetched = fetch(&alone.client()).unwrap();
    assert!(fetched.observation.notes.iter().any(|n| n.code == "no_namespace"));

    let both = join(&nameless, of("linkerd").text().trim_end_matches("# EOF\n"));
    let both = Real::start("both", &both).unwrap();
    let names: Vec<String> = fetch(&both.client()).unwrap().presets.into_iter().map(|p| p.name).collect();
    assert_eq!(names, ["linkerd"]);
    // Others know other namespaces, so this one is mistyped rather than unlabelled.
    let error = observe(&both.client(), &window("shopp"), &|_| {}).unwrap_err().to_string();
    assert!(error.contains("did you mean \"shop\"?"), "{error}");

    let offers = catalogue(&both.client(), &window("other")).unwrap();
    let state = |preset: &str| offers.iter().find(|o| o.preset == preset).unwrap().state.clone();
    assert_eq!(state("linkerd"), OfferState::Elsewhere(vec!["shop".into()]));
    assert!(matches!(state("otel-span-metrics"), OfferState::WithoutNamespace { series: 5, .. }));
    assert_eq!(state("envoy"), OfferState::Absent);
}

const MINE: &str = r"presets:
  - preset: mine
    title: Mine
    namespace_label: ns
    detect: my_requests_total{ns=$NS}
    service: app
    served: {requests: 'my_requests_total{ns=$NS}', failed: 'my_requests_total{ns=$NS,ok=\x22no\x22}'}
    signals: {memory_bytes: 'my_memory_bytes{ns=$NS}'}
";

#[test]
fn a_preset_of_ones_own_is_believed_first_and_a_broken_one_hides_nothing() {
    let series = Series::default()
        .counter(r#"my_requests_total{ns="shop",app="web",ok="yes"}"#, 3.0)
        .counter(r#"my_requests_total{ns="shop",app="web",ok="no"}"#, 1.0)
        .counter(r#"my_memory_bytes{ns="shop",app="web"}"#, 0.0)
        .counter(
            r#"response_total{direction="inbound",namespace="shop",deployment="web",classification="success"}"#,
            9.0,
        );
    let Some(server) = Real::start("mine", &series) else { return };
    let text = MINE.replace(r"\x22", "\"");
    let broken = text.replace("preset: mine", "preset: broken").replace("{ns=$NS}\n", "{ns=~$NS,x=~\"(\"}\n");
    let presets = Presets::default().with("mine.yaml", &text).unwrap().with("broken.yaml", &broken).unwrap();
    let client = Client::new(ClientOptions { presets, ..server.options() }).unwrap();
    let Fetched { observation: seen, presets, .. } = fetch(&client).unwrap();
    let names: Vec<&str> = presets.iter().map(|p| p.name.as_str()).collect();
    assert_eq!(names, ["mine", "linkerd"]);
    assert!(about(value(&seen, "web", "throughput_rps", None), 4.0));
    assert!(about(value(&seen, "web", "error_ratio", None), 0.25));
    assert!(about(value(&seen, "web", "memory_bytes", None), 1000.0));
    assert!(seen.notes.iter().any(|n| n.code == "query_failed" && n.message.contains("Mine")), "{:?}", seen.notes);
}
