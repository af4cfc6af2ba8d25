//! Every preset on a real Prometheus, with series that have its system's labels and pitfalls.

use automap_core::observation::Observation;
use automap_core::slo::{Objective, SloState};
use automap_core::time::Timestamp;
use automap_sources::prometheus::{
    Client, ClientOptions, Fetched, ObserveOptions, OfferState, Presets, SourceError, catalogue, explain_queries,
    observe,
};
use automap_sources::slo::{Indicator, Slo, SloReader, parse};

use crate::presets_world::{LENGTH_S, Real, START_S, Series, System, istio_sidecars, systems};

/// This many seconds after the start of the data.
fn at(s: i64) -> Timestamp {
    Timestamp::from_ms((START_S + s) * 1000)
}

pub(crate) fn window(namespace: &str) -> ObserveOptions {
    let now = at(LENGTH_S);
    ObserveOptions { scrape_interval_ms: Some(15_000), ..ObserveOptions::new(namespace, at(120), now, now) }
}

pub(crate) fn fetch(client: &Client) -> Result<Fetched, SourceError> {
    observe(client, &window("shop"), &|_| {})
}

/// The typical value of a metric; `None` where there is no such series.
pub(crate) fn value(seen: &Observation, service: &str, metric: &str, peer: Option<&str>) -> Option<f64> {
    let (service, peer) = (seen.frame.find(service)?, peer.map(|p| seen.frame.find(p)));
    let is_it = |s: &&automap_core::frame::Series| {
        s.service == service && s.metric.name == metric && peer.is_none_or(|p| s.peer == p)
    };
    let mut values: Vec<f64> =
        seen.frame.series().iter().find(is_it)?.values.iter().copied().filter(|v| !v.is_nan()).collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

pub(crate) fn about(found: Option<f64>, expected: f64) -> bool {
    found.is_some_and(|v| (v - expected).abs() <= 1e-3 * expected.max(1.0))
}

/// The values of the shop common to every system.
pub(crate) fn tells_the_same(preset: &str, seen: &Observation, has_calls: bool) {
    for (service, rps, failed, ms) in [("front-end", 10.0, 0.0, 80.0), ("orders", 4.0, 0.25, 40.0)] {
        for (metric, expected) in [("throughput_rps", rps), ("error_ratio", failed), ("latency_ms", ms)] {
            let found = value(seen, service, metric, None);
            assert!(about(found, expected), "{preset}: {service} {metric} is {found:?}, not {expected}");
        }
        let p95 = value(seen, service, "latency_p95_ms", None).unwrap();
        assert!((ms / 2.0..=ms * 2.0).contains(&p95), "{preset}: {service} p95 {p95}");
    }
    let callees = seen.calls.edges().filter(|(caller, ..)| *caller == "front-end").map(|e| e.1);
    let callees: Vec<_> = callees.filter(|callee| !callee.starts_with("external/")).collect();
    assert_eq!(callees, if has_calls { vec!["orders"] } else { vec![] }, "{preset}");
    if has_calls {
        for (metric, expected) in [("client_rps", 4.0), ("client_error_ratio", 0.25)] {
            let found = value(seen, "front-end", metric, Some("orders"));
            assert!(about(found, expected), "{preset}: {metric} is {found:?}, not {expected}");
        }
    }
}

#[test]
fn every_system_tells_the_same_of_the_same_shop() {
    for System { preset, series, has_calls } in systems() {
        let Some(server) = Real::start(preset, &series) else { return };
        let Fetched { observation: seen, presets, .. } = fetch(&server.client()).unwrap();
        // One of them also calls an external host.
        let found = presets.iter().map(|p| p.name.as_str()).filter(|name| !name.ends_with("-egress"));
        assert_eq!(found.collect::<Vec<_>>(), [preset]);
        tells_the_same(preset, &seen, has_calls);
        // Queries that the server rejects or that find nothing are reported; here all find something.
        assert!(seen.notes.iter().all(|n| n.code != "query_failed"), "{preset}: {:?}", seen.notes);
        let named = |c: &str| seen.not_checked.iter().any(|n| n.reason.contains(c));
        assert!(!named("Istio side-cars"), "{preset}: nobody misses a mesh where another system measures");
    }
}

/// An objective of 99 percent for `orders`, with every fourth request failing and each taking 40 ms.
fn objective(indicator: Indicator) -> Slo {
    let objective = Objective { slo: "x".into(), service: "orders".into(), target: 0.99, period_ms: 3_600_000 };
    Slo { objective, indicator }
}

/// Prometheus is the only complete parser of its language, so it checks the expressions itself.
#[test]
fn prometheus_takes_every_built_in_expression() {
    let Some(server) = Real::start("expressions", &Series::default().counter("up", 1.0)) else { return };
    // A name that must be escaped, as a string literal and as a pattern.
    let queries = explain_queries(&window(r#"a.b"c\d"#), &Presets::default());
    assert!(queries.len() > 50, "{}", queries.len());
    // Quoted labels are supported by Prometheus 3 only.
    let is_v3 = server.client().instant(r#"{"a.b"="c"}"#, at(0)).is_ok();
    let needs_v3 = |purpose: &str| purpose.contains("-dots") || purpose.contains("labels with dots");
    let queries: Vec<_> = queries.into_iter().filter(|q| is_v3 || !needs_v3(&q.purpose)).collect();
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

/// Samples of a counter every 15 s.
fn counter(text: &mut String, series: &str, value: impl Fn(i64) -> Option<f64>) {
    for t in (0..=LENGTH_S).step_by(15) {
        if let Some(value) = value(t) {
            text.push_str(&format!("{series} {value} {}\n", START_S + t));
        }
    }
}

/// Twenty routes with counters from earlier failures: every twentieth request failed long ago. Each route is counted by two pods; the second is
/// replaced after twenty minutes. One route, with a hundredth of the requests, fails completely in the last ten minutes.
fn routes() -> Series {
    let mut text = String::new();
    for route in 0..20 {
        let rps = if route == 3 { 0.2 } else { 1.0 };
        let fails_from = if route == 3 { 1200 } else { LENGTH_S };
        for (pod, from, to) in [("a", 0, LENGTH_S), ("b", 0, 1200), ("c", 1215, LENGTH_S)] {
            for code in ["200", "500"] {
                let labels = format!(r#"job="web",route="/{route}",pod="{pod}",code="{code}""#);
                let before = if pod == "c" {
                    0.0
                } else if code == "200" {
                    95e4
                } else {
                    5e4
                };
                let grown = move |t: i64| {
                    let (good, bad) = (t.min(fails_from).max(from), t.max(fails_from).max(from));
                    if code == "200" { rps * (good - from) as f64 } else { rps * (bad - fails_from.max(from)) as f64 }
                };
                counter(&mut text, &format!("requests_total{{{labels}}}"), |t| {
                    (from..=to).contains(&t).then(|| before + grown(t))
                });
            }
        }
        for (le, factor) in [("0.5", 0.5), ("1.0", 1.0), ("+Inf", 1.0)] {
            counter(&mut text, &format!(r#"seconds_bucket{{job="web",route="/{route}",le="{le}"}}"#), |t| {
                Some(factor * t as f64)
            });
        }
        counter(&mut text, &format!(r#"seconds_count{{job="web",route="/{route}"}}"#), |t| Some(t as f64));
    }
    Series::from_text(&text)
}

fn open_slo(name: &str, bad: &str, total: &str) -> String {
    format!(
        "apiVersion: openslo/v1\nkind: SLO\nmetadata: {{name: {name}}}\nspec:\n  indicator:\n    spec:\n      ratioMetric:\n        \
         bad: {{metricSource: {{spec: {{query: '{bad}'}}}}}}\n        total: {{metricSource: {{spec: {{query: '{total}'}}}}}}\n  \
         timeWindow: [{{duration: 1d}}]\n  objectives: [{{target: 0.99}}]\n---\n"
    )
}

fn pyrra(name: &str, indicator: &str) -> String {
    format!(
        "apiVersion: pyrra.dev/v1alpha1\nkind: ServiceLevelObjective\nmetadata: {{name: {name}}}\nspec:\n  target: '99'\n  window: 1d\n  \
         indicator: {indicator}\n---\n"
    )
}

#[test]
fn objectives_of_files_count_what_happened() {
    let Some(server) = Real::start("slo-files", &routes()) else { return };
    let errors = r#"{errors: {metric: 'requests_total{code=~"5.."}'}, total: {metric: 'requests_total'}"#;
    let within = |le: &str| {
        format!(
            r#"{{latency: {{success: {{metric: 'seconds_bucket{{le="{le}"}}'}}, total: {{metric: 'seconds_count'}}}}}}"#
        )
    };
    let all = "sum(requests_total)";
    let sloth = "version: prometheus/v1\nservice: web\nslos:\n  - name: mixed\n    objective: 99\n    sli: {raw: {error_ratio_query: \
                 'sum(rate(requests_total{code=\"500\"}[{{.window}}])) / sum(rate(requests_total[{{ .window }}]))'}}\n";
    let file = [
        open_slo("pods", r#"sum(requests_total{code=~"5..",route!="/3"})"#, r#"sum(requests_total{route!="/3"})"#),
        open_slo("routes", r#"sum by (route) (requests_total{code=~"5.."})"#, "sum by (route) (requests_total)"),
        open_slo("no-such-metric", "sum(request_errors_total)", all),
        open_slo("no-such-label", r#"sum(requests_total{status=~"5.."})"#, all),
        open_slo("other-labels", r#"sum by (code) (requests_total{code=~"5.."})"#, all),
        open_slo("never-yet", r#"sum(requests_total{code="503"})"#, all),
        pyrra("grouped", &format!("{{ratio: {errors}, grouping: [route]}}}}")),
        pyrra("whole", &format!("{{ratio: {errors}}}}}")),
        pyrra("second", &within("1")),
        pyrra("half", &within("0.50")),
        pyrra("no-such-bound", &within("0.7")),
        pyrra("gauge", r#"{bool_gauge: {metric: 'requests_total{route="/none"}'}}"#),
        sloth.to_owned(),
    ]
    .concat();
    let readings =
        SloReader::new("shop", parse(&file, "f.yaml").unwrap()).read(&server.client(), at(LENGTH_S), None).unwrap();
    let of = |name: &str| readings.statuses.iter().find(|s| s.slo == name).unwrap();
    let state = |name: &str| (of(name).state, of(name).group.as_deref());
    // A replaced pod is not a failure, however many requests of its predecessor had failed.
    assert_eq!(state("pods"), (SloState::Met, None), "{:?}", of("pods"));
    assert!(about(of("pods").budget_left, 1.0) && about(of("pods").burn_5m, 0.0), "{:?}", of("pods"));
    // A small route that fails completely is visible if events are counted by route, and only then.
    for name in ["routes", "grouped"] {
        assert_eq!(state(name), (SloState::Burning, Some(r#"{route="/3"}"#)), "{:?}", of(name));
        assert!(about(of(name).burn_5m, 100.0), "{:?}", of(name));
    }
    for name in ["whole", "web-mixed"] {
        assert_eq!(state(name), (SloState::Met, None), "{:?}", of(name));
        let burn = of(name).burn_5m.unwrap();
        assert!((0.9..1.2).contains(&burn), "0.2 of 19.2 requests a second fail: {burn}");
    }
    let named: Vec<&str> = readings.burning.iter().map(|(impact, _)| impact.slo.as_str()).collect();
    assert_eq!(named, [r#"routes{route="/3"}"#, r#"grouped{route="/3"}"#, "half"]);
    // `1` is `1.0`, and `0.50` is `0.5`.
    assert_eq!((state("second").0, state("half").0), (SloState::Met, SloState::Burning));
    assert!(about(of("half").burn_5m, 50.0), "{:?}", of("half"));
    // No failure with this code so far is different from no such label or metric.
    assert_eq!(state("never-yet").0, SloState::Met);
    for (name, reason) in [
        ("no-such-metric", "no series matches request_errors_total"),
        ("no-such-label", r#"no series matches requests_total{status!=""}"#),
        ("other-labels", "sum both over the same labels"),
        ("no-such-bound", r#"no series matches seconds_bucket{le="0.7"}"#),
        ("gauge", "no event was counted"),
    ] {
        let because = of(name).unknown_because.clone().unwrap_or_default();
        assert!(of(name).state == SloState::Unknown && because.contains(reason), "{name}: {:?}", of(name));
    }
}

#[test]
fn slices_and_thresholds_are_judged_in_time() {
    let Some(server) = Real::start("slo-slices", &routes()) else { return };
    let on_route = |slo: String| slo.replace("requests_total", r#"requests_total{route="/3"}"#);
    let slices = on_route(open_slo("slices", "sum by (code) (requests_total)", "sum(requests_total)"))
        .replace(r#"sum by (code) (requests_total{route="/3"})"#, r#"sum(requests_total{route="/3",code="500"})"#)
        .replace(
            "  objectives: [{target: 0.99}]",
            "  budgetingMethod: Timeslices\n  objectives: [{target: 0.9, timeSliceTarget: 0.5, timeSliceWindow: 1m}]",
        );
    let query = r#"sum(rate(requests_total{code="500"}[1m]))"#;
    let threshold = format!(
        "apiVersion: openslo/v1\nkind: SLO\nmetadata: {{name: threshold}}\nspec:\n  indicator: {{spec: {{thresholdMetric: {{metricSource: \
         {{spec: {{query: '{query}'}}}}}}}}}}\n  timeWindow: [{{duration: 1d}}]\n  objectives: [{{op: lt, value: 0.1, target: 0.9}}]\n"
    );
    let slos = parse(&format!("{slices}{threshold}"), "f.yaml").unwrap();
    let readings = SloReader::new("shop", slos).read(&server.client(), at(LENGTH_S), None).unwrap();
    for status in &readings.statuses {
        // The last ten minutes of thirty are bad, and the whole of the last five.
        assert!(about(status.burn_5m, 10.0), "{status:?}");
        let half_hour = status.burn_30m.unwrap();
        assert!((3.0..3.8).contains(&half_hour), "{status:?}");
    }
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
    // Other metrics know other namespaces, so this one is misspelt rather than unlabelled.
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
