//! Objectives from files that others wrote, and the questions that are asked about them.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use automap_core::slo::{Objective, SloState};
use automap_sources::slo::{Indicator, Slo, SloReader, parse};
use support::{NOW, Reply, Server};

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

fn events(slo: &Slo) -> [&str; 2] {
    match &slo.indicator {
        Indicator::Events { bad, all } => [bad, all],
        Indicator::Ratio { bad } => [bad, ""],
        other => unreachable!("{other:?}"),
    }
}

#[test]
fn three_formats_say_the_same_things() {
    let open = parse(OPEN_SLO, "a.yaml").unwrap();
    let all = "sum(increase(http_requests_total[$WINDOW]))";
    let good = r#"increase((sum(http_requests_total{code!~"5.."}))[$WINDOW:])"#;
    assert_eq!(events(&open[0]), [format!("({all}) - ({good})").as_str(), all]);
    let Objective { slo, service, target, period_ms } = &open[0].objective;
    assert_eq!((open.len(), slo.as_str(), service.as_str()), (1, "checkout-ok", "front-end"));
    assert_eq!((*target, *period_ms), (0.995, 28 * 86_400_000));

    let sloth = parse(SLOTH, "b.yaml").unwrap();
    assert_eq!(sloth[0].objective.slo, "myservice-requests-availability");
    assert_eq!(
        events(&sloth[0]),
        [r#"sum(rate(http_requests_total{code=~"(5..|429)"}[$WINDOW]))"#, "sum(rate(http_requests_total[$WINDOW]))"]
    );
    assert_eq!((sloth[1].objective.service.as_str(), events(&sloth[1])[0]), ("other", r#"my_ratio{w="$WINDOW"}"#));

    let pyrra = parse(PYRRA, "c.yaml").unwrap();
    let all = r#"sum(increase(http_seconds_count{job="api"}[$WINDOW]))"#;
    let good = r#"sum(increase(http_seconds_bucket{job="api",le="0.3"}[$WINDOW]))"#;
    assert_eq!(events(&pyrra[0]), [format!("{all} - {good}").as_str(), all]);
    assert_eq!(pyrra[0].objective.period_ms, 28 * 86_400_000);
}

#[test]
fn what_is_wrong_is_named_with_its_place() {
    for (text, told) in [
        ("kind: Deployment\napiVersion: apps/v1", "f.yaml: 'apps/v1' 'Deployment' is none of OpenSLO"),
        ("a: [", "f.yaml:"),
        (
            &SLOTH.replace("objective: 99.9", "objective: 0.999e3"),
            "document 1: slos[0].objective is 999: write percent",
        ),
        (
            &SLOTH.replace("[{{.window}}]))\n        total", "[5m]))\n        total"),
            "slos[0].sli.events.error_query has no",
        ),
        (&PYRRA.replace("latency:", "bool_gauge:"), "f.yaml: spec.indicator has neither ratio nor latency"),
        (&PYRRA.replace("4w", "4y"), "spec.window: '4y' is not a period"),
        (&OPEN_SLO.replace("name: requests", "name: others"), "no SLI 'requests' stands in this file"),
    ] {
        let error = parse(text, "f.yaml").unwrap_err().to_string();
        assert!(error.starts_with("f.yaml") && error.contains(told), "{text}\n{error}");
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
        // Availability is well, of latency 30 of 100 are slow.
        _ => vector(&[("part", "0", "0"), ("part", "1", "100"), ("part", "2", "30"), ("part", "3", "100")]),
    });
    let own = Indicator::Events { bad: "nonsense[$WINDOW]".into(), all: "x".into() };
    let slos =
        vec![slo("ok", Indicator::Availability), slo("fast", Indicator::Latency { under_ms: 300.0 }), slo("own", own)];
    let mut reader = SloReader::new("shop", slos);
    let counted = reader.read(&server.client(), NOW, Some(NOW.plus_ms(-600_000))).unwrap();
    let states: Vec<SloState> = counted.statuses.iter().map(|s| s.state).collect();
    assert_eq!(states, [SloState::Met, SloState::Burning, SloState::Unknown]);
    assert!(counted.statuses[2].unknown_because.as_ref().unwrap().contains("parse error"));
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

    // A minute later only what has changed enough is asked for again.
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
    assert!(
        counted.statuses[1]
            .unknown_because
            .as_ref()
            .unwrap()
            .contains("no preset counts requests in the namespace shop")
    );
}
