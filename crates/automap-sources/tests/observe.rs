//! Whole observations of a fake Prometheus: missing data is reported, hostile data does no harm.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use automap_core::change::ChangeLog;
use automap_core::observation::QueryState;
use automap_core::second_look::SecondLook;
use automap_core::time::Timestamp;
use automap_core::time_of_day::WantedDay;
use automap_core::topology::Protocol;
use automap_sources::capture;
use automap_sources::prometheus::{
    Again, ErrorClass, Fetched, ObserveOptions, PlannedQuery, Presets, SourceError, Tail, explain_queries, observe,
    observe_incrementally,
};

use crate::support::shop::{Shop, call};
use crate::support::{NOW, Reply, Server};

/// Requests of one diagnosis with Istio, cAdvisor and kube-state-metrics, whatever the number of services: README and docs state it.
const BUDGET: u64 = 25;

/// Requests for the signals of one more preset.
const MOST_OF_A_PRESET: usize = 12;

fn hour(namespace: &str) -> ObserveOptions {
    ObserveOptions::new(namespace, NOW.plus_ms(-3_600_000), NOW, NOW)
}

fn fetch(shop: Shop, options: &ObserveOptions) -> Result<Fetched, SourceError> {
    let server = Server::start(move |request| shop.answer(request));
    observe(&server.client(), options, &|_| {})
}

fn message(shop: Shop, options: &ObserveOptions) -> String {
    fetch(shop, options).unwrap_err().to_string()
}

const EMPTY: &str = r#"{"status":"success","data":{"resultType":"matrix","result":[]}}"#;

fn matrix(labels: &str) -> Reply {
    // Ten minutes ago, on the grid of any step.
    let at_s = NOW.ms() / 60_000 * 60 - 600;
    let row = format!(r#"{{"metric":{{{labels}}},"values":[[{at_s},"1"]]}}"#);
    Reply::new(200, format!(r#"{{"status":"success","data":{{"resultType":"matrix","result":[{row}]}}}}"#))
}

#[test]
fn a_healthy_shop_is_seen_whole() {
    let shop = Shop::of(3);
    let server = Server::start(move |request| shop.answer(request));
    let steps = std::cell::RefCell::new(Vec::new());
    let fetched = observe(&server.client(), &hour("shop"), &|p| steps.borrow_mut().push((p.done, p.total))).unwrap();
    let seen = fetched.observation;

    assert_eq!(seen.frame.services(), ["s0", "s1", "s2", "store"]);
    assert_eq!(seen.frame.step_ms(), 15_000);
    assert!(seen.frame.times().iter().all(|t| t.ms() % 15_000 == 0 && *t <= NOW.plus_ms(-30_000)));
    let of = |service: &str| {
        let idx = seen.frame.find(service);
        seen.frame.series().iter().filter(move |s| Some(s.service) == idx).map(|s| s.metric.name.as_str())
    };
    assert_eq!(
        of("s0").collect::<Vec<_>>().join(" "),
        "certificate_expired client_error_ratio client_latency_ms client_rps cpu_cores cpu_throttled_ratio error_ratio hung_up_ratio \
         latency_ms latency_p95_ms memory_bytes network_in_bytes_per_s network_out_bytes_per_s not_ready pods_started proxy_cpu_cores restarts \
         served_latency_ms tcp_bytes_per_s tcp_connections_per_s tcp_failures_per_s throughput_rps"
    );
    let edges: Vec<_> = seen.calls.edges().collect();
    let expected = [("s0", "s1", Protocol::Request), ("s0", "store", Protocol::Tcp), ("s1", "s2", Protocol::Request)];
    assert_eq!(edges, expected);
    assert!(seen.notes.iter().any(|n| n.code == "entry_services" && n.message.ends_with(": s0")));
    let missing: Vec<String> = seen.not_checked.iter().map(|n| format!("{}: {}", n.signal, n.reason)).collect();
    assert_eq!(
        missing,
        [
            "disk_read_bytes_per_s, disk_write_bytes_per_s: container_fs_* is absent: no container touched a disk, or this runtime does not tell",
            "latency: TCP only: bytes and connections are seen, no requests",
        ]
    );
    assert_eq!(seen.not_checked[1].services, ["store"]);
    let steps = steps.into_inner();
    assert!(steps.windows(2).all(|w| w[0].0 < w[1].0) && steps.last().is_some_and(|(done, total)| done == total));
}

#[test]
fn three_hundred_services_cost_as_many_requests_as_three() {
    let short = ObserveOptions::new("shop", NOW.plus_ms(-300_000), NOW, NOW);
    for services in [3, 300] {
        let fetched = fetch(Shop::of(services), &short).unwrap();
        assert_eq!(fetched.observation.frame.services().len(), services + 1);
        assert_eq!(fetched.stats.requests, BUDGET);
        let mute = Shop::of(services).instead("/targets", Reply::new(404, "no such page"));
        assert_eq!(
            fetch(mute, &hour("shop")).unwrap().stats.requests,
            BUDGET,
            "samples are counted where no targets are told"
        );
    }
}

/// One preset finds much, another little; none may exceed the cost stated in the docs.
#[test]
fn a_further_preset_costs_a_few_requests() {
    let planned = explain_queries(&hour("shop"), &Presets::default());
    let mut by_preset: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for query in &planned {
        let preset = query.purpose.split_once("(preset ").map(|(_, name)| name.trim_end_matches(')'));
        if let Some(preset) = preset.filter(|_| !query.purpose.starts_with("look for")) {
            by_preset.entry(preset).or_default().insert(&query.promql);
        }
    }
    assert!(by_preset.len() > 5, "{by_preset:?}");
    let most = by_preset.values().map(BTreeSet::len).max();
    assert!(most <= Some(MOST_OF_A_PRESET), "{most:?}");
}

#[test]
fn the_order_of_answers_does_not_matter() {
    let bytes = |delay: fn(usize) -> u64| {
        let shop = Shop::of(4);
        let server = Server::start(move |request| {
            let mut reply = shop.answer(request);
            reply.delay = std::time::Duration::from_millis(delay(request.query().len()));
            reply
        });
        let mut seen = observe(&server.client(), &hour("shop"), &|_| {}).unwrap().observation;
        seen.source.clear();
        capture::to_bytes(&seen).unwrap()
    };
    assert_eq!(bytes(|length| length as u64 % 23), bytes(|length| 23 - length as u64 % 23));
}

#[test]
fn an_unknown_namespace_names_its_neighbours() {
    let text = message(Shop::of(3), &hour("sockshop"));
    assert!(text.contains("did you mean \"sock-shop\"? It has: kube-system, shop, sock-shop"), "{text}");
    let text = message(Shop::of(3), &hour("payments"));
    assert!(text.contains("no metrics of namespace \"payments\"") && text.contains("; it has: kube-system"), "{text}");
}

#[test]
fn a_namespace_that_is_listed_but_not_answered_is_a_contradiction() {
    let shop = Shop::of(3);
    // Queries for this namespace get nothing; the list of namespaces still contains it.
    let server = Server::start(move |request| match request.query().contains("\"sock-shop\"") {
        true => Reply::new(200, EMPTY),
        false => shop.answer(request),
    });
    let error = observe(&server.client(), &hour("sock-shop"), &|_| {}).unwrap_err();
    assert_eq!(error.class(), ErrorClass::NotEnoughData);
    let text = error.to_string();
    assert!(text.contains("lists namespace \"sock-shop\" in this window") && !text.contains("did you mean"), "{text}");
}

#[test]
fn a_hostile_name_stays_a_name() {
    let name = "a\"} or vector(1) or x{b=\"\\\n.*$NS";
    let shop = Shop::of(3);
    let server = Server::start(move |request| shop.answer(request));
    let error = observe(&server.client(), &hour(name), &|_| {}).unwrap_err();
    assert_eq!(error.class(), ErrorClass::Usage);
    let literal = r#"namespace="a\"} or vector(1) or x{b=\"\\\n.*$NS""#;
    let probes: Vec<_> = server.requests().into_iter().filter(|r| r.query().contains("vector(1)")).collect();
    // Istio, cAdvisor, kube-state-metrics, all others together, native histograms, and those that nothing reads.
    assert_eq!(probes.len(), 6);
    assert!(probes.iter().all(|r| r.query().contains(literal)), "{probes:?}");
}

#[test]
fn a_missing_label_says_what_is_expected() {
    let text = message(Shop::of(3).instead("count by (job, reporter,", matrix(r#""job":"istio""#)), &hour("shop"));
    assert!(text.contains("lack the label reporter (expected: source or destination)"), "{text}");

    let no_workload = Shop::of(3).instead("latency_bucket", matrix("")).instead("_bucket{", matrix(r#""app":"x""#));
    let seen = fetch(no_workload, &hour("shop")).unwrap().observation;
    let p95 = seen.not_checked.iter().find(|n| n.signal == "latency_p95_ms").unwrap();
    assert_eq!(p95.reason, "the 1 series lack the label destination_workload");
}

#[test]
fn a_server_without_any_known_metric_says_so() {
    let text = message(Shop::of(3).instead("count by", Reply::new(200, EMPTY)), &hour("shop"));
    assert!(text.contains("none of istio_requests_total (Istio side-cars)"), "{text}");
}

#[test]
fn a_window_before_the_retention_is_told() {
    let server = Server::start(|request| {
        let early = request.path.ends_with("query_range");
        if early { Reply::new(200, EMPTY) } else { Shop::of(3).answer(request) }
    });
    let old = ObserveOptions::new("shop", NOW.plus_ms(-90_000_000), NOW.plus_ms(-86_400_000), NOW);
    let error = observe(&server.client(), &old, &|_| {}).unwrap_err();
    assert!(error.to_string().contains("but there are some now; the server's retention may be shorter"), "{error}");
    assert_eq!(error.class(), ErrorClass::NotEnoughData);
}

#[test]
fn data_that_begins_late_is_told_and_the_axis_begins_with_it() {
    let mut shop = Shop::of(3);
    shop.since_s = NOW.seconds() - 1800.0;
    let seen = fetch(shop, &hour("shop")).unwrap().observation;
    assert!(seen.frame.times()[0] >= NOW.plus_ms(-1_800_000));
    let note = seen.notes.iter().find(|n| n.code == "data_begins_late").unwrap();
    assert!(note.message.starts_with("no data before 20"), "{}", note.message);
}

#[test]
fn too_few_points_are_refused_before_and_after_fetching() {
    let short = ObserveOptions::new("shop", NOW.plus_ms(-60_000), NOW, NOW);
    let text = message(Shop::of(3), &short);
    assert!(text.contains("8 are needed (one every 15 s); widen the window"), "{text}");

    let mut young = Shop::of(3);
    young.since_s = NOW.seconds() - 90.0;
    let text = message(young, &hour("shop"));
    assert!(text.contains("instant(s) between") && text.contains("8 are needed"), "{text}");
}

#[test]
fn one_failing_signal_is_a_note_and_not_the_end() {
    let broken = Reply::new(422, r#"{"status":"error","errorType":"execution","error":"too many samples"}"#);
    let seen = fetch(Shop::of(3).instead("working_set", broken), &hour("shop")).unwrap().observation;
    assert!(seen.notes.iter().any(|n| n.code == "query_failed" && n.message.contains("memory_bytes failed")));
    let gone = seen.not_checked.iter().find(|n| n.signal == "memory_bytes").unwrap();
    assert!(gone.reason.starts_with("the server refuses so large a query: execution"), "{}", gone.reason);
    let [record] = &seen.unanswered().collect::<Vec<_>>()[..] else { panic!("{:?}", seen.queries) };
    assert_eq!((record.signal.as_str(), record.state), ("memory_bytes", QueryState::Refused));
    assert!(record.reason.as_deref().is_some_and(|r| r.starts_with("execution: too many samples")), "{record:?}");
}

#[test]
fn changes_that_are_refused_or_partly_answered_are_a_state_and_never_fail_a_diagnosis() {
    let refused = Reply::new(422, r#"{"status":"error","errorType":"execution","error":"too many samples"}"#);
    let shop = Shop::of(3).instead("kube_configmap_metadata_resource_version", refused);
    let seen = fetch(shop, &hour("shop")).unwrap().observation;
    assert_eq!(seen.changes, ChangeLog::default());
    let gap = seen.not_checked.iter().find(|n| n.signal == "changes").unwrap();
    assert!(gap.reason.starts_with("the server refuses so large a query: execution"), "{}", gap.reason);
    let [record] = &seen.unanswered().collect::<Vec<_>>()[..] else { panic!("{:?}", seen.queries) };
    assert_eq!((record.signal.as_str(), record.state), ("changes", QueryState::Refused));

    let mut shop = Shop::of(3);
    shop.warnings = r#"["store eu-1 is down"]"#;
    let seen = fetch(shop, &hour("shop")).unwrap().observation;
    assert_eq!(seen.changes.observed, None, "what is not there may be hidden");
    let gap = seen.not_checked.iter().find(|n| n.signal == "changes").unwrap();
    assert_eq!(gap.reason, "the server's answers are incomplete: store eu-1 is down");
}

/// Queries are sent once a minute: what the last ones failed to read is not checked in the polls between them either.
#[test]
fn changes_that_a_watcher_could_not_read_are_not_checked_until_they_are_read() {
    let fails = Arc::new(AtomicBool::new(false));
    let state = Arc::clone(&fails);
    let server = Server::start(move |request| match state.load(Ordering::SeqCst) {
        true => {
            Shop::of(3).instead("kube_configmap_metadata_resource_version", Reply::new(503, "gone")).answer(request)
        }
        false => Shop::of(3).answer(request),
    });
    let mut tail = Tail::default();
    let mut poll = |after_s: i64| {
        let now = NOW.plus_ms(after_s * 1000);
        let options = ObserveOptions::new("shop", now.plus_ms(-3_600_000), now, now);
        let seen = observe_incrementally(&mut tail, &server.client(), &options, &|_| {}).unwrap().observation;
        let gap = seen.not_checked.into_iter().find(|n| n.signal == "changes").map(|n| n.reason);
        (gap, seen.changes.observed.unwrap().end)
    };
    let (gap, observed_until) = poll(0);
    assert_eq!(gap, None);
    fails.store(true, Ordering::SeqCst);
    for after_s in [60, 65, 115, 120, 125] {
        let (gap, end) = poll(after_s);
        assert!(gap.is_some_and(|reason| reason.starts_with("the query failed: ")), "{after_s}");
        assert_eq!(end, observed_until, "{after_s}");
    }
    fails.store(false, Ordering::SeqCst);
    for after_s in [180, 185] {
        let (gap, end) = poll(after_s);
        assert_eq!(gap, None, "{after_s}");
        assert!(end > observed_until, "{after_s}");
    }
}

#[test]
fn queries_that_fail_alike_share_a_remark() {
    let refused = Reply::new(422, r#"{"status":"error","errorType":"execution","error":"no such function"}"#);
    let seen = fetch(Shop::of(3).instead("sum by (pod)", refused), &hour("shop")).unwrap().observation;
    let failed: Vec<&str> =
        seen.notes.iter().filter(|n| n.code == "query_failed").map(|n| n.message.as_str()).collect();
    assert_eq!(failed.len(), 1, "{failed:?}");
    assert!(failed[0].contains("cpu_cores") && failed[0].contains("memory_bytes"), "{failed:?}");
    assert!(seen.unanswered().all(|q| q.state == QueryState::Failed));
}

/// Whether there are requests is unknown if the server does not answer.
#[test]
fn an_exporter_that_cannot_be_looked_for_leaves_its_signals_unanswered() {
    let limit =
        Reply::new(422, r#"{"status":"error","errorType":"422","error":"cannot select more than 100 samples"}"#);
    let shop = Shop::of(3).instead("istio_requests_total|istio_tcp_connections_opened_total", limit);
    let seen = fetch(shop, &hour("shop")).unwrap().observation;
    let refused: Vec<&str> = seen.unanswered().map(|q| q.signal.as_str()).collect();
    assert!(refused.contains(&"throughput_rps") && refused.contains(&"client_error_ratio"), "{refused:?}");
    assert!(seen.unanswered().all(|q| q.state == QueryState::Refused && q.reason.is_some()));
}

#[test]
fn an_exporter_that_is_absent_costs_its_signals_only() {
    let seen = fetch(Shop::of(3).instead("kube_pod", Reply::new(200, EMPTY)), &hour("shop")).unwrap().observation;
    let gone = &seen.not_checked[0];
    assert_eq!(gone.signal, "restarts and readiness of pods");
    assert_eq!(gone.reason, "no kube-state-metrics metrics for this namespace");
    assert!(seen.notes.iter().any(|n| n.code == "pod_names"));
    assert_eq!(seen.frame.services(), ["s0", "s1", "s2", "store"], "names of pods do where owners are unknown");
}

#[test]
fn a_server_down_or_failing_throughout_is_an_error() {
    let down = Reply::new(502, "bad gateway");
    let error = fetch(Shop::of(3).instead("", down.clone()), &hour("shop")).unwrap_err();
    assert_eq!(error.class(), ErrorClass::Unreachable);
    assert!(error.to_string().contains("502: bad gateway"), "{error}");
    let error = fetch(Shop::of(3).instead("sum by", down), &hour("shop")).unwrap_err();
    assert!(error.to_string().contains("502: bad gateway"), "{error}");
}

#[test]
fn warnings_make_a_signal_partial() {
    let mut shop = Shop::of(3);
    shop.warnings = r#"["store eu-1 is down"]"#;
    let seen = fetch(shop, &hour("shop")).unwrap().observation;
    let told: Vec<&str> = seen.notes.iter().filter(|n| n.code == "partial_data").map(|n| n.message.as_str()).collect();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].ends_with(" answers: store eu-1 is down"), "{told:?}");
    assert!(seen.queries.iter().all(|q| q.is_unanswered() && q.reason.as_deref() == Some("store eu-1 is down")));
}

#[test]
fn not_a_number_is_a_gap_and_infinity_is_told() {
    let mut shop = Shop::of(3);
    shop.value = "NaN";
    let text = message(shop, &hour("shop"));
    assert!(text.starts_with("none of ") && text.contains(" signals delivered anything"), "{text}");

    let mut shop = Shop::of(3);
    shop.value = "+Inf";
    let seen = fetch(shop, &hour("shop")).unwrap().observation;
    assert!(seen.notes.iter().any(|n| n.code == "infinite"));
    assert!(seen.frame.series().iter().flat_map(|s| s.values.iter()).all(|v| v.is_nan()));
}

#[test]
fn refused_connections_reach_the_workload_behind_the_service() {
    let rows = [("a", "2"), ("b", "8")].map(|(kind, value)| {
        let labels = match kind {
            "a" => call("s0", "s1-v2", "shop", "api"),
            _ => call("s0", "unknown", "unknown", "api"),
        };
        let points: Vec<String> =
            (0..300).map(|i| format!("[{},\"{value}\"]", NOW.seconds() - 40.0 - f64::from(i) * 15.0)).collect();
        (labels, points.into_iter().rev().collect::<Vec<_>>().join(","))
    });
    let row = |part: &str, (labels, points): &(String, String)| {
        format!(r#"{{"metric":{{"part":"{part}",{labels}}},"values":[{points}]}}"#)
    };
    // All calls in part 0, the failed ones in part 1, those with a known outcome in part 2.
    let result =
        [row("0", &rows[0]), row("0", &rows[1]), row("1", &rows[1]), row("2", &rows[0]), row("2", &rows[1])].join(",");
    let reply =
        Reply::new(200, format!(r#"{{"status":"success","data":{{"resultType":"matrix","result":[{result}]}}}}"#));
    let shop = Shop::of(2)
        .instead(r#"istio_requests_total{reporter="source",source_workload_namespace="shop",pod!=""}"#, reply);
    let seen = fetch(shop, &hour("shop")).unwrap().observation;
    let workload = seen.frame.find("s1-v2");
    let errors =
        seen.frame.series().iter().find(|s| s.metric.name == "client_error_ratio" && s.peer == workload).unwrap();
    let known: Vec<f64> = errors.values.iter().copied().filter(|v| !v.is_nan()).collect();
    assert!(!known.is_empty() && known.iter().all(|v| *v == 0.8), "{known:?}");
}

#[test]
fn without_targets_the_samples_are_counted() {
    let server = Server::start(|request| match &request.path {
        path if path.contains("targets") => Reply::new(404, "404 page not found"),
        _ if request.query().contains("max(count_over_time") => Reply::new(
            200,
            r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1,"20"]}]}}"#,
        ),
        _ => Shop::of(3).answer(request),
    });
    let seen = observe(&server.client(), &hour("shop"), &|_| {}).unwrap().observation;
    assert_eq!(seen.frame.step_ms(), 30_000);
    assert!(seen.queries[0].promql.contains("[120s]"), "{}", seen.queries[0].promql);
    assert!(seen.notes.iter().any(|n| n.code == "scrape_interval"));
}

#[test]
fn queries_can_be_read_before_anything_is_sent() {
    let mut options = hour("shop");
    options.scrape_interval_ms = Some(60_000);
    let planned = explain_queries(&options, &Presets::default());
    let ours = |q: &&PlannedQuery| {
        // Queries that only some servers need replace others.
        !q.purpose.contains("native histograms")
            && !q.purpose.contains("labels with dots")
            && !q.purpose.contains("nodes")
            && (!q.purpose.contains("preset ")
                || ["istio-sidecar", "kubernetes-resources"].iter().any(|p| q.purpose.contains(p)))
    };
    // Namespaces are queried only if ours is unknown, and four signals of whole pods only if no container is known; the two requests for native
    // histograms and for names with dots are excluded above, as are those for nodes, which need placed pods.
    assert_eq!(planned.iter().filter(ours).count() as u64, BUDGET + 5 - 2);
    assert!(planned.iter().any(|q| q.purpose
        == "throughput_rps, error_ratio, hung_up_ratio, certificate_expired (preset istio-sidecar)"
        && q.promql.contains("[240s]")));
    let backwards = ObserveOptions::new("shop", NOW, Timestamp::from_ms(0), NOW);
    assert!(message(Shop::of(3), &backwards).contains("window: it ends before it starts"));
}

/// Requests for one earlier day with Istio, cAdvisor and kube-state-metrics: docs state one more, for nodes, for which this server has no data.
const BUDGET_OF_A_DAY: u64 = 15;

#[test]
fn an_earlier_day_stays_within_its_budget_and_a_partial_one_is_not_observed() {
    let day = |shop: Shop| {
        let server = Server::start(move |request| shop.answer(request));
        let (client, mut tail) = (server.client(), Tail::default());
        let seen = observe_incrementally(&mut tail, &client, &hour("shop"), &|_| {}).unwrap().observation;
        let mut again = Again::new(&tail, &client, "shop");
        let day = again.earlier_day(&WantedDay::beside(&seen.frame, 1, 0));
        (day, again.stats().requests, seen)
    };
    let (whole, requests, seen) = day(Shop::of(3));
    let frame = whole.frame().unwrap();
    assert_eq!((requests, frame.services()), (BUDGET_OF_A_DAY, seen.frame.services()));
    assert_eq!(frame.times()[0], seen.frame.times()[0].plus_ms(-86_400_000));
    let (partial, ..) = day(Shop { warnings: r#"["store eu is down"]"#, ..Shop::of(3) });
    assert!(partial.frame().is_none(), "a part would look calm");
}
