//! Objectives from files written by others, and the queries for them.

use automap_core::slo::{Objective, SloState};
use automap_sources::slo::{Events, Indicator, Part, Slo, SloReader, parse};

use crate::support::{NOW, Reply, Server};

const OPEN_SLO: &str = r#"
apiVersion: openslo/v1
kind: SLO
metadata: {name: checkout-ok}
spec:
  service: front-end
  indicatorRef: requests
  timeWindow: [{duration: 28d, isRolling: true}]
  budgetingMethod: Occurrences
  objectives: [{displayName: good, target: 0.995}]
---
apiVersion: openslo/v1
kind: SLI
metadata: {name: requests}
spec:
  ratioMetric:
    counter: true
    good: {metricSource: {type: Prometheus, spec: {query: 'sum(http_requests_total{code!~"5.."})'}}}
    total: {metricSource: {type: Prometheus, spec: {query: 'sum(increase(http_requests_total[{{.window}}]))'}}}
---
apiVersion: openslo/v1
kind: Service
metadata: {name: front-end}
"#;

const SLOTH: &str = r#"
version: prometheus/v1
service: myservice
slos:
  - name: requests-availability
    objective: 99.9
    sli:
      events:
        error_query: sum(rate(http_requests_total{code=~"(5..|429)"}[{{.window}}]))
        total_query: sum(rate(http_requests_total[{{.window}}]))
    alerting: {name: X, page_alert: {labels: {a: b}}}
---
apiVersion: sloth.slok.dev/v1
kind: PrometheusServiceLevel
metadata: {name: s, namespace: m}
spec:
  service: other
  slos:
    - {name: raw, objective: 99, sli: {raw: {errorRatioQuery: 'my_ratio{w="{{ .window }}"}'}}}
"#;

const PYRRA: &str = r#"
apiVersion: pyrra.dev/v1alpha1
kind: ServiceLevelObjective
metadata: {name: api-latency, labels: {pyrra.dev/service: api}}
spec:
  target: "99"
  window: 4w
  indicator:
    latency:
      success: {metric: 'http_seconds_bucket{job="api",le="0.3"}'}
      total: {metric: 'http_seconds_count{job="api"}'}
"#;

/// The counted events: the part, or the share of bad ones, and all events.
fn events(slo: &Slo) -> [&str; 2] {
    match &slo.indicator {
        Indicator::Events(Events { part: Part::Bad(part) | Part::Good(part), all, .. }) => [part, all],
        Indicator::Ratio(ratio) => [&ratio.bad, ""],
        other => unreachable!("{other:?}"),
    }
}

/// Why the only objective of a file is unknown.
fn unknown(text: &str) -> String {
    match parse(text, "f.yaml").unwrap().as_slice() {
        [Slo { indicator: Indicator::Unknown { because }, .. }] => because.clone(),
        other => unreachable!("{other:?}"),
    }
}

#[test]
fn three_formats_say_the_same_things() {
    let open = parse(OPEN_SLO, "a.yaml").unwrap();
    let all = "sum(increase(http_requests_total[$WINDOW]))";
    let good = r#"sum(increase(http_requests_total{code!~"5.."}[$WINDOW]))"#;
    assert_eq!(events(&open[0]), [good, all]);
    assert!(matches!(&open[0].indicator, Indicator::Events(Events { part: Part::Good(_), .. })));
    let Objective { slo, service, target, period_ms } = &open[0].objective;
    assert_eq!((open.len(), slo.as_str(), service.as_str()), (1, "checkout-ok", "front-end"));
    assert_eq!((*target, *period_ms), (0.995, 28 * 86_400_000));

    let sloth = parse(SLOTH, "b.yaml").unwrap();
    assert_eq!(sloth[0].objective.slo, "myservice-requests-availability");
    assert_eq!(events(&sloth[0]), [r#"sum(increase(http_requests_total{code=~"(5..|429)"}[$WINDOW]))"#, all]);
    assert_eq!((sloth[1].objective.service.as_str(), events(&sloth[1])[0]), ("other", r#"my_ratio{w="$WINDOW"}"#));

    let pyrra = parse(PYRRA, "c.yaml").unwrap();
    let all = r#"sum (increase(http_seconds_count{job="api"}[$WINDOW]))"#;
    let good = r#"sum (increase(http_seconds_bucket{job="api",le="0.3"}[$WINDOW]))"#;
    assert_eq!(events(&pyrra[0]), [good, all]);
    assert_eq!(pyrra[0].objective.period_ms, 28 * 86_400_000);
}

#[test]
fn the_other_forms_are_read() {
    let operator = OPEN_SLO.replace("openslo/v1", "openslo.com/v1");
    assert_eq!(parse(&operator, "f.yaml").unwrap(), parse(OPEN_SLO, "f.yaml").unwrap());
    let item = PYRRA.trim().replace('\n', "\n    ");
    let list = format!("apiVersion: v1\nkind: List\nitems:\n  - {item}\n");
    assert_eq!(parse(&list, "f.yaml").unwrap(), parse(PYRRA, "f.yaml").unwrap());
    let grouped = PYRRA.replace("      total:", "      grouping: [handler, code]\n      total:");
    let [part, _] = &events(&parse(&grouped, "f.yaml").unwrap()[0]).map(str::to_owned);
    assert!(part.starts_with("sum by (handler, code) (increase("), "{part}");
    let native = "    latencyNative: {latency: 200ms, total: {metric: 'seconds{job=\"api\"}'}}\n";
    let native = format!("{}{native}", &PYRRA[..PYRRA.find("    latency:").unwrap()]);
    let all = r#"histogram_count(sum (increase(seconds{job="api"}[$WINDOW])))"#;
    assert_eq!(events(&parse(&native, "f.yaml").unwrap()[0])[1], all);
    for key in ["bool_gauge", "boolGauge"] {
        let gauge = format!("{}    {key}: {{metric: up}}\n", &PYRRA[..PYRRA.find("    latency:").unwrap()]);
        let expected = "1 - sum (sum_over_time(up[$WINDOW])) / sum (count_over_time(up[$WINDOW]))";
        assert_eq!(events(&parse(&gauge, "f.yaml").unwrap()[0])[0], expected);
    }
    let slices = OPEN_SLO
        .replace("Occurrences", "Timeslices")
        .replace("target: 0.995", "target: 0.995, timeSliceTarget: 0.95, timeSliceWindow: 5");
    let slices = parse(&slices, "f.yaml").unwrap();
    let Indicator::Ratio(ratio) = &slices[0].indicator else { unreachable!() };
    assert!(ratio.bad.contains("> bool 0.05)[$WINDOW:$STEP])") && ratio.slice_ms == 300_000, "{ratio:?}");
    let of_mean = OPEN_SLO
        .replace("Occurrences", "RatioTimeslices")
        .replace("target: 0.995", "target: 0.995, timeSliceWindow: 1m");
    assert!(!events(&parse(&of_mean, "f.yaml").unwrap()[0])[0].contains("bool"));
    let a = OPEN_SLO.find("  ratioMetric:").unwrap();
    let b = OPEN_SLO[a..].find("---").unwrap() + a;
    let metric = "  thresholdMetric: {metricSource: {type: Prometheus, spec: {query: 'p99'}}}\n";
    let value =
        format!("{}{metric}{}", &OPEN_SLO[..a], &OPEN_SLO[b..]).replace("target:", "op: lte, value: 0.3, target:");
    let expected = "avg_over_time((((p99\n) >= -Inf) > bool 0.3)[$WINDOW:$STEP])";
    assert_eq!(events(&parse(&value, "f.yaml").unwrap()[0])[0], expected);
}

#[test]
fn what_counts_no_events_is_unknown_and_says_why() {
    let total = "sum(increase(http_requests_total[{{.window}}]))";
    for (text, reason) in [
        (
            OPEN_SLO.replace(total, "increase(sum(http_requests_total)[{{.window}}:])"),
            "SLI requests.ratioMetric.total: the increase of a sum",
        ),
        (OPEN_SLO.replace(total, "job:requests:rate5m"), "job:requests:rate5m is the result of a recording rule"),
        (OPEN_SLO.replace("counter: true", "counter: false"), "the level of a gauge is no number of events"),
        (OPEN_SLO.replace("type: Prometheus", "type: Datadog"), "a query for Datadog"),
        (PYRRA.replace("http_seconds_count{", "job:seconds:rate5m{"), "spec.indicator"),
    ] {
        let because = unknown(&text);
        let is_pyrra = reason == "spec.indicator";
        assert!(because.contains(if is_pyrra { "recording rule" } else { reason }), "{because}");
    }
    let plugin = "version: prometheus/v1\nservice: x\nslos:\n  - {name: z, objective: 99, sli: {plugin: {id: a/b}}}\n";
    assert!(unknown(plugin).contains("the Sloth plugin a/b"));
}

#[test]
fn what_is_wrong_is_named_with_its_place() {
    for (text, told) in [
        ("kind: Deployment\napiVersion: apps/v1", "f.yaml:2:13: apiVersion is none of OpenSLO"),
        ("a: [", "f.yaml:"),
        (
            &SLOTH.replace("objective: 99.9", "objective: 0.999e3"),
            "f.yaml:6:16: slos[0].objective is 999: write percent",
        ),
        (
            &SLOTH.replace("[{{.window}}]))\n        total", "[5m]))\n        total"),
            "f.yaml:9:22: slos[0].sli.events.error_query has no",
        ),
        (&SLOTH.replace("{name: raw, objective: 99,", "{name: raw,"), "f.yaml:19:7: spec.slos[0].objective is missing"),
        (&PYRRA.replace("latency:", "other:"), "f.yaml:9:5: spec.indicator has [other], none of ratio, latency"),
        (&PYRRA.replace("4w", "4y"), "f.yaml:7:11: spec.window is '4y', not a period"),
        (
            &PYRRA.replace("http_seconds_count{job=\"api\"}", "sum(x)"),
            "f.yaml:11:23: spec.indicator.latency.total.metric is 'sum(x)'",
        ),
        (
            &OPEN_SLO.replace("name: requests", "name: others"),
            "f.yaml:7:17: spec.indicatorRef names 'requests', and no",
        ),
        (&OPEN_SLO.replace("openslo/v1\nkind: SLO", "openslo/v1alpha\nkind: SLO"), "apiVersion is 'openslo/v1alpha'"),
        (&OPEN_SLO.replace("Occurrences", "Timeslices"), "spec.objectives[0].timeSliceWindow is missing"),
    ] {
        let error = parse(text, "f.yaml").unwrap_err().to_string();
        assert!(error.starts_with("f.yaml") && error.contains(told), "{text}\n{error}\n{told}");
    }
}

fn slo(name: &str, indicator: Indicator) -> Slo {
    let objective =
        Objective { slo: name.into(), service: "front\"end".into(), target: 0.99, period_ms: 30 * 86_400_000 };
    Slo { objective, indicator }
}

fn vector(rows: &[(&str, &str, &str)]) -> Reply {
    let row = |(label, value, sample): &(&str, &str, &str)| {
        format!(r#"{{"metric":{{"{label}":"{value}"}},"value":[1,"{sample}"]}}"#)
    };
    let rows: Vec<String> = rows.iter().map(row).collect();
    Reply::new(200, format!(r#"{{"status":"success","data":{{"resultType":"vector","result":[{}]}}}}"#, rows.join(",")))
}

#[test]
fn a_burning_budget_is_told_with_what_it_cost_and_a_refused_expression_is_unknown() {
    let server = Server::start(|request| match request.query() {
        q if q.contains("count by (job") => {
            vector(if q.contains("istio_requests_total|") { &[("job", "istio", "1")] } else { &[] })
        }
        q if q.starts_with("group by (le)") => vector(&[("le", "250", "1"), ("le", "500", "1"), ("le", "+Inf", "1")]),
        q if q.contains("nonsense") => {
            Reply::new(400, r#"{"status":"error","errorType":"bad_data","error":"parse error"}"#)
        }
        // Availability is fine; for latency 30 of 100 are slow.
        _ => vector(&[("part", "0", "0"), ("part", "1", "100"), ("part", "2", "30"), ("part", "3", "100")]),
    });
    let own = Events { part: Part::Bad("nonsense[$WINDOW]".into()), all: "x".into(), must_match: Vec::new() };
    let own = Indicator::Events(own);
    let slos =
        vec![slo("ok", Indicator::Availability), slo("fast", Indicator::Latency { under_ms: 300.0 }), slo("own", own)];
    let mut reader = SloReader::new("shop", slos);
    let counted = reader.read(&server.client(), NOW, Some(NOW.plus_ms(-600_000))).unwrap();
    let states: Vec<SloState> = counted.statuses.iter().map(|s| s.state).collect();
    assert_eq!(states, [SloState::Met, SloState::Burning, SloState::Unknown]);
    assert!(counted.statuses[2].unknown_because.as_ref().unwrap().contains("parse error"));
    assert_eq!(counted.uncounted, ["own"]);
    let [(impact, _)] = counted.burning.as_slice() else { unreachable!("{:?}", counted.burning) };
    assert_eq!((impact.slo.as_str(), impact.burn_rate.round()), ("fast", 30.0));
    // Ten minutes at thirty times the sustainable rate.
    assert!((impact.budget_share.unwrap() - 30.0 / (30.0 * 144.0)).abs() < 1e-6, "{:?}", impact.budget_share);

    let asked: Vec<String> = server.requests().iter().map(|r| r.query().to_owned()).collect();
    let five = asked.iter().find(|q| q.contains("[300s]")).unwrap();
    let service = r#"reporter="destination",destination_workload_namespace="shop",destination_workload="front\"end""#;
    for part in [
        format!(
            r#"(sum(increase(istio_requests_total{{{service},response_code=~"5..|0",response_flags!~"(.*,)?(DC|DR|DPE)(,.*)?"}}[300s])) or vector(0))"#
        ),
        format!(r#"sum(increase(istio_requests_total{{{service}}}[300s]))"#),
        format!(r#"sum(increase(istio_request_duration_milliseconds_bucket{{{service},le="500"}}[300s]))"#),
    ] {
        assert!(five.contains(&part), "{part}\nis not in\n{five}");
    }

    // A minute later only the windows that have changed enough are queried again.
    let before = server.requests().len();
    reader.read(&server.client(), NOW.plus_ms(61_000), None).unwrap();
    let again: Vec<String> = server.requests()[before..].iter().map(|r| r.query().to_owned()).collect();
    let windows = ["[300s]", "[1800s]", "[3600s]", "[21600s]", "[2592000s]"];
    let asked = windows.map(|w| again.iter().any(|q| q.contains(w) && !q.contains("nonsense")));
    assert_eq!(asked, [true, true, true, false, false]);
}

#[test]
fn without_events_or_buckets_nothing_is_known() {
    let server = Server::start(|_| vector(&[]));
    let slos = vec![slo("ok", Indicator::Availability), slo("fast", Indicator::Latency { under_ms: 300.0 })];
    let counted = SloReader::new("shop", slos).read(&server.client(), NOW, None).unwrap();
    assert!(counted.statuses.iter().all(|s| s.state == SloState::Unknown) && counted.burning.is_empty());
    assert_eq!(counted.uncounted, ["ok", "fast"]);
    assert!(
        counted.statuses[1]
            .unknown_because
            .as_ref()
            .unwrap()
            .contains("no preset counts requests in the namespace shop")
    );
}
