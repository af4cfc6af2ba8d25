//! End-to-end scenarios: a small shop with one fault each, and the required content of the report.

use automap_core::entity::{Entity, EntityKind};
use automap_core::frame::RawSeries;
use automap_core::note::NotChecked;
use automap_core::observation::{Observation, QueryRecord, QueryState};
use automap_core::report::{Doubt, Report, VerdictKind};
use automap_core::topology::Protocol;
use automap_core::windows::OnsetSource;
use automap_core::{DiagnoseError, DiagnoseOptions, diagnose};
use serde_json::to_string as json;

use crate::shop::{CALLS, FAULT_AT, Shop, wobble};

#[test]
fn a_network_delay_that_the_callee_cannot_see_is_found_through_the_gap() {
    let report = Shop::new().slow_chain(&["front-end", "orders", "payment"], 300.0).report();
    assert_eq!(report.verdict.service.as_deref(), Some("payment"), "{:#?}", report.causes);
    assert_eq!(report.verdict.mechanism.as_deref(), Some("network"));
    assert_eq!(report.causes[0].evidence[0].metric, "network_gap_ms");
    assert_eq!(report.causes[0].path, ["front-end", "orders", "payment"]);
    let victims: Vec<_> = report.victims.iter().map(|v| (v.service.as_str(), v.explained_by.as_str())).collect();
    assert_eq!(victims, [("orders", "payment"), ("front-end", "orders")]);
    assert!(report.causes[0].counter_evidence.iter().any(|c| c.text.contains("CPU")), "{:?}", report.causes[0]);
}

#[test]
fn a_busy_cpu_is_distinguished_from_its_victims() {
    let shop = Shop::busy_user();
    let report = shop.report();
    assert_eq!(report.verdict.service.as_deref(), Some("user"));
    assert_eq!(report.verdict.mechanism.as_deref(), Some("cpu"));
}

#[test]
fn a_dead_pod_is_recognised_by_missing_samples_and_its_callers_errors() {
    let without_answers = |cpu_cores: fn(f64) -> f64| {
        let gone = |_| f64::NAN;
        let shop =
            Shop::new().fault("catalogue", "latency_ms", None, gone).fault("catalogue", "throughput_rps", None, gone);
        shop.fault("catalogue", "cpu_cores", None, cpu_cores)
            .fault("front-end", "client_error_ratio", Some("catalogue"), |_| 1.0)
            .fault("front-end", "error_ratio", None, |_| 0.6)
            .report()
    };
    let dead = without_answers(|_| f64::NAN);
    assert_eq!(dead.verdict.service.as_deref(), Some("catalogue"));
    assert_eq!(dead.victims[0].service, "front-end");
    assert_eq!(dead.verdict.mechanism.as_deref(), Some("stopped reporting"));
    let stale = without_answers(|_| 0.02);
    assert_eq!(stale.verdict.mechanism.as_deref(), Some("stopped reporting"), "the last value, repeated");
    let isolated = without_answers(|v| v * 0.2);
    assert_eq!(isolated.verdict.service.as_deref(), Some("catalogue"));
    assert_eq!(isolated.verdict.mechanism.as_deref(), Some("unreachable"));
}

#[test]
fn quiet_time_has_no_cause_and_a_given_start_always_gets_a_ranking() {
    let report = diagnose(&Shop::new().observation(false), &DiagnoseOptions::default()).unwrap();
    assert_eq!(report.verdict.kind, VerdictKind::NoIncident, "{:#?}", report.causes.first());
    assert_eq!(report.verdict.is_felt, Some(false));
    assert!(report.causes.is_empty() && report.victims.is_empty());
    let given = Shop::new().report();
    assert_eq!(given.verdict.kind, VerdictKind::NotEnoughEvidence);
    assert!(!given.causes.is_empty() && given.verdict.causes.is_empty());
}

/// catalogue waits for catalogue-db over TCP, without measured latency; the store takes slightly longer for each command than before.
fn with_untimed_store(shop: Shop, commands: f64) -> Report {
    let mut shop = shop;
    let points = shop.times.iter().enumerate().map(|(i, t)| {
        let level = if i >= FAULT_AT { 4.0 * commands } else { 4.0 };
        (*t, level * (1.0 + 0.2 * (wobble(77, i) - 0.5)))
    });
    let points = points.collect();
    shop.raw.push(RawSeries { service: "catalogue-db".into(), metric: "command_ms".into(), peer: None, points });
    let mut observation = shop.observation(true);
    observation.calls.add("catalogue", "catalogue-db", Protocol::Tcp);
    observation.entities.describe("catalogue-db", Entity::of(EntityKind::Store));
    diagnose(&observation, &DiagnoseOptions::default()).unwrap()
}

#[test]
fn a_network_that_is_at_fault_delays_untimed_calls_too() {
    // The wait of catalogue for its store goes through the same network as its answers to front-end.
    let slow = || {
        Shop::new().fault("catalogue", "latency_ms", None, |v| v + 200.0).fault(
            "front-end",
            "served_latency_ms",
            Some("catalogue"),
            |v| v + 200.0,
        )
    };
    let network = with_untimed_store(slow().slow_chain(&["front-end", "catalogue"], 300.0), 1.3);
    assert_eq!(network.verdict.causes.len(), 1, "{:#?}", network.verdict);
    assert_eq!(network.verdict.service.as_deref(), Some("catalogue"), "{:#?}", network.causes);
    // Without any evidence at the network it is the store that moved.
    let store = with_untimed_store(slow().slow_chain(&["front-end", "catalogue"], 200.0), 4.0);
    assert_eq!(store.verdict.service.as_deref(), Some("catalogue-db"), "{:#?}", store.causes);
}

/// The same quiet shop without error counts for front-end and its calls.
#[test]
fn what_users_feel_must_be_observed_before_it_is_called_calm() {
    let mut shop = Shop::new();
    shop.raw.retain(|r| !(r.service == "front-end" && r.metric.ends_with("error_ratio")));
    let report = diagnose(&shop.observation(false), &DiagnoseOptions::default()).unwrap();
    assert_eq!(report.verdict.kind, VerdictKind::CannotTell);
    assert!(report.verdict.summary.contains("errors of front-end"), "{}", report.verdict.summary);
    assert!(report.not_checked.iter().any(|n| n.signal == "error" && n.services == ["front-end"]));
}

/// The same quiet shop, read from a server that refuses, fails or answers in part.
#[test]
fn what_was_not_wholly_answered_is_not_called_calm() {
    let with = |signal: &str, state| {
        let mut observation = Shop::new().observation(false);
        let reason = Some("query processing would load too many samples".to_owned());
        let signal = signal.to_owned();
        observation.queries =
            vec![QueryRecord { signal, promql: "x".to_owned(), series: 0, samples: 0, state, reason }];
        diagnose(&observation, &DiagnoseOptions::default()).unwrap()
    };
    for (signal, state, words, remedy) in [
        ("error_ratio", QueryState::Refused, "the server refused the queries for errors", "ask for less"),
        ("latency_ms", QueryState::Partial, "the server's answers for latency are incomplete", "warning"),
        ("throughput_rps", QueryState::Failed, "the queries for the number of requests failed", "the error"),
    ] {
        let report = with(signal, state);
        assert_eq!((report.verdict.kind, report.verdict.is_felt), (VerdictKind::CannotTell, None), "{signal}");
        assert!(report.verdict.summary.contains(words), "{}", report.verdict.summary);
        assert!(report.next[0].text.contains(remedy), "{:?}", report.next);
    }
    let resource = with("cpu_cores", QueryState::Failed);
    assert_eq!(resource.verdict.kind, VerdictKind::NoIncident, "{}", resource.verdict.summary);
}

/// Catalogue takes 80 ms longer and waits for a database whose latency is not measured.
fn slow_store() -> Shop {
    Shop::new()
        .fault("catalogue", "latency_ms", None, |v| v + 80.0)
        .fault("front-end", "served_latency_ms", Some("catalogue"), |v| v + 80.0)
        .slow_chain(&["front-end", "catalogue"], 80.0)
}

fn with_store(shop: Shop) -> Report {
    let mut observation = shop.observation(true);
    observation.calls.add("catalogue", "catalogue-db", Protocol::Tcp);
    diagnose(&observation, &DiagnoseOptions::default()).unwrap()
}

#[test]
fn a_slow_store_is_named_with_its_caller_or_alone_where_its_resources_moved() {
    let store = |shop: Shop, cpu: &dyn Fn(f64) -> f64| {
        let mut shop = shop;
        let mut points: Vec<_> = shop.times.iter().map(|t| (*t, 0.05)).collect();
        points.iter_mut().enumerate().for_each(|(i, p)| p.1 += 0.005 * wobble(99, i));
        points[FAULT_AT..].iter_mut().for_each(|p| p.1 = cpu(p.1));
        shop.raw.push(RawSeries { service: "catalogue-db".into(), metric: "cpu_cores".into(), peer: None, points });
        with_store(shop)
    };
    let pair = store(slow_store(), &|v| v);
    assert!(pair.verdict.names("catalogue") && pair.verdict.names("catalogue-db"), "{:#?}", pair.verdict);
    assert_eq!(pair.verdict.causes.len(), 1, "a pair is one cause");
    assert_eq!(pair.verdict.service.as_deref(), Some(pair.causes[0].service.as_str()));
    assert!(pair.causes[0].accounts_for[0].summary.contains("of the added waiting at front-end"));
    assert_eq!(pair.causes[0].accounts_for[0].or.as_deref(), Some(pair.causes[1].service.as_str()));
    let alone = store(slow_store(), &|v| v + 0.8);
    assert_eq!(alone.verdict.service.as_deref(), Some("catalogue-db"), "{:#?} {:#?}", alone.verdict, alone.causes);
    assert_eq!(alone.verdict.causes[0].services.len(), 1);
}

#[test]
fn two_faults_at_once_are_both_named() {
    let shop = slow_store().slow_chain(&["front-end", "orders", "payment"], 90.0);
    let report = shop.report();
    let named: Vec<_> = report.verdict.causes.iter().map(|c| c.summary.as_str()).collect();
    assert_eq!(named.len(), 2, "{:#?}", report.verdict);
    assert!(report.verdict.names("catalogue") && report.verdict.names("payment"), "{named:?}");
    let shares: f64 = report.causes.iter().flat_map(|c| &c.accounts_for).map(|a| a.share).sum();
    assert!((0.95..=1.01).contains(&shares), "{shares}");
}

/// Payment's network costs 300 ms; catalogue's processor costs 24 ms, which alone would be twice the usual latency for users. Front-end piles up
/// work.
#[test]
fn a_clear_fault_beside_a_much_larger_one_is_named_and_its_callers_backlog_is_not() {
    let shop = Shop::new()
        .slow_chain(&["front-end", "orders", "payment"], 300.0)
        .slow_chain(&["front-end", "catalogue"], 24.0)
        .fault("catalogue", "latency_ms", None, |v| v + 24.0)
        .fault("catalogue", "cpu_cores", None, |v| v + 0.5)
        .fault("front-end", "served_latency_ms", Some("catalogue"), |v| v + 24.0)
        .fault("front-end", "latency_ms", None, |v| v + 20.0)
        .fault("front-end", "memory_bytes", None, |v| v * 4.0);
    let report = shop.report();
    let named: Vec<_> = report.verdict.causes.iter().map(|c| c.services.join(" or ")).collect();
    assert_eq!(named, ["payment", "catalogue"], "{:#?} {:#?}", report.verdict, report.causes);
}

/// Payment accounts for most of the waiting, and front-end for a remainder without any evidence of its own, as on a machine that is short of
/// processor time.
#[test]
fn a_rest_without_evidence_does_not_hide_what_accounts_for_most() {
    let shop = Shop::new()
        .slow_chain(&["front-end", "orders", "payment"], 60.0)
        .fault("front-end", "latency_ms", None, |v| v + 16.0)
        .fault("payment", "cpu_cores", None, |v| v * 8.0);
    let report = shop.report();
    assert_eq!(report.verdict.kind, VerdictKind::Cause, "{:#?} {:#?}", report.verdict, report.causes);
    assert_eq!(report.verdict.causes.len(), 1, "{:#?}", report.verdict);
    assert!(report.verdict.names("payment"));
    let share = report.causes[0].accounts_for[0].share;
    assert!((0.6..0.85).contains(&share), "it says how much: {share}");
}

/// Catalogue was scaled out: its memory tripled, without any effect on users. Payment is slightly slow on the network.
#[test]
fn what_nobody_feels_is_not_the_cause_of_what_they_feel() {
    let shop = Shop::new()
        .fault("catalogue", "memory_bytes", None, |v| v * 3.0)
        .fault("catalogue", "cpu_cores", None, |v| v * 3.0)
        .slow_chain(&["front-end", "orders", "payment"], 20.0);
    let report = shop.report();
    assert_eq!(report.verdict.service.as_deref(), Some("payment"), "{:#?}", report.verdict);
    assert_eq!(report.also_changed[0].service, "catalogue");
    assert!(!report.verdict.names("catalogue"));
}

#[test]
fn services_that_were_not_looked_at_are_not_called_calm() {
    let mut observation = Shop::new().observation(false);
    let told = |observation: &_| diagnose(observation, &DiagnoseOptions::default()).unwrap().verdict.summary;
    assert_eq!(told(&observation), "no incident: nothing left its normal behaviour");
    observation.not_checked = vec![NotChecked::not_looked_at(Vec::new(), "there are at least 2500 services")];
    let words = "no incident: of what was looked at, which is not all, nothing left its normal behaviour";
    assert_eq!(told(&observation), words);
}

/// A campaign or a cache: a service inside gets more requests, nothing waits and nothing fails. With fewer users it would be lost requests.
#[test]
fn more_requests_that_users_do_not_feel_are_no_incident() {
    let campaign = |service: &'static str| {
        let shop = Shop::new().fault(service, "throughput_rps", None, |v| 3.0 * v);
        let caller = CALLS.iter().find(|(_, callee)| *callee == service).map(|(caller, _)| *caller);
        match caller {
            Some(caller) => shop.fault(caller, "client_rps", Some(service), |v| 3.0 * v),
            None => shop,
        }
    };
    let detected = |shop: Shop| diagnose(&shop.observation(false), &DiagnoseOptions::default()).unwrap();
    let report = detected(campaign("catalogue"));
    assert_eq!(report.verdict.kind, VerdictKind::NoIncident, "{}", report.verdict.summary);
    assert_eq!(report.verdict.summary, "no incident: only the requests to catalogue changed, which users do not feel");
    assert_eq!(report.also_changed[0].service, "catalogue");
    assert!(report.also_changed[0].evidence[0].summary.starts_with("requests"), "{:?}", report.also_changed);
    assert!(!campaign("catalogue").report().causes.is_empty(), "a given start is always answered");
    assert_ne!(detected(campaign("front-end")).verdict.kind, VerdictKind::NoIncident, "users came or went");
    let busy = campaign("catalogue").fault("catalogue", "cpu_cores", None, |v| 20.0 * v);
    assert_eq!(detected(busy).verdict.kind, VerdictKind::Cause, "more than its load explains");
}

/// Istio without reporter=source: the network to payment makes orders slow, as its own code would.
#[test]
fn the_network_that_no_caller_reports_is_not_taken_for_own_time() {
    let one_sided = |mut shop: Shop| {
        shop.raw.retain(|r| r.metric != "client_latency_ms");
        shop
    };
    let delay = || Shop::new().slow_chain(&["front-end", "orders", "payment"], 300.0);
    let report = one_sided(delay()).report();
    assert_eq!(report.verdict.kind, VerdictKind::NotEnoughEvidence, "{}", report.verdict.summary);
    assert!(report.impacts[0].summary.contains("front-end"), "{:?}", report.impacts);
    assert_eq!(report.causes[0].service, "orders");
    let doubts: Vec<&str> = report.causes[0].counter_evidence.iter().map(|c| c.text.as_str()).collect();
    let expected = "it may be the network to payment, shipping, user: these calls are reported by the callee alone";
    assert!(doubts.contains(&expected), "{doubts:?}");
    let busy = one_sided(delay().fault("orders", "cpu_cores", None, |v| 10.0 * v)).report();
    assert_eq!(busy.verdict.service.as_deref(), Some("orders"), "its processor tells: {}", busy.verdict.summary);
    let slow = delay().fault("orders", "served_latency_ms", Some("payment"), |v| v + 300.0);
    let slow = one_sided(slow.fault("payment", "latency_ms", None, |v| v + 300.0)).report();
    assert_eq!(slow.verdict.service.as_deref(), Some("payment"), "{}", slow.verdict.summary);
}

/// Calls are not measured; front-end is slow from the start, and the memory of payment grows a minute later.
#[test]
fn what_begins_after_the_pain_is_not_named() {
    let shop = |from: usize| {
        let mut shop = Shop::new().fault("front-end", "latency_ms", None, |v| v + 15.0);
        shop.raw.retain(|r| r.peer.is_none());
        let memory = shop.raw.iter_mut().find(|r| r.service == "payment" && r.metric == "memory_bytes").unwrap();
        memory.points[from..].iter_mut().for_each(|(_, v)| *v *= 4.0);
        shop
    };
    let (together, later) = (shop(FAULT_AT).report(), shop(FAULT_AT + 12).report());
    assert_eq!(together.verdict.service.as_deref(), Some("payment"), "{:#?}", together.causes);
    assert_eq!(later.verdict.kind, VerdictKind::NotEnoughEvidence, "{:#?}", later.causes);
    let doubts: Vec<&str> = later.causes.iter().flat_map(|c| &c.counter_evidence).map(|c| c.text.as_str()).collect();
    assert!(doubts.iter().any(|d| d.contains("later than the first symptom")), "{doubts:?}");
}

#[test]
fn without_a_start_the_onset_is_found() {
    let shop = Shop::new().slow_chain(&["front-end", "orders", "payment"], 300.0);
    let start = shop.times[FAULT_AT];
    let report = diagnose(&shop.observation(false), &DiagnoseOptions::default()).unwrap();
    assert_eq!(report.windows.incident_start, start);
    assert_eq!(report.windows.incident_start_is, OnsetSource::Detected);
    assert_eq!(report.verdict.service.as_deref(), Some("payment"));
}

#[test]
fn the_order_of_the_input_does_not_change_a_byte() {
    let shop = || Shop::new().slow_chain(&["front-end", "orders", "payment"], 300.0);
    let mut turned = shop();
    turned.raw.reverse();
    turned.raw.iter_mut().for_each(|r| r.points.reverse());
    assert_eq!(json(&shop().report()).unwrap(), json(&turned.report()).unwrap());
}

#[test]
fn everything_constant_is_no_incident_and_no_panic() {
    let mut shop = Shop::new();
    shop.raw.iter_mut().for_each(|r| r.points.iter_mut().for_each(|p| p.1 = 7.0));
    assert_eq!(shop.report().verdict.kind, VerdictKind::NotEnoughEvidence, "the start was given");
}

#[test]
fn a_service_in_only_one_window_does_not_disturb() {
    let mut shop = Shop::new().slow_chain(&["front-end", "orders", "payment"], 300.0);
    for r in shop.raw.iter_mut().filter(|r| r.service == "shipping" || r.peer.as_deref() == Some("shipping")) {
        r.points.truncate(FAULT_AT);
    }
    for r in shop.raw.iter_mut().filter(|r| r.service == "user") {
        r.points.drain(..FAULT_AT);
    }
    let report = shop.report();
    assert!(report.causes.iter().take(2).any(|c| c.service == "payment"), "{:#?}", report.causes);
}

#[test]
fn only_gaps_are_a_clear_error() {
    let mut shop = Shop::new();
    shop.raw.iter_mut().for_each(|r| r.points.iter_mut().for_each(|p| p.1 = f64::NAN));
    let error = diagnose(&shop.observation(true), &DiagnoseOptions::default()).unwrap_err();
    assert!(matches!(error, DiagnoseError::NothingToJudge { series: 66, .. }), "{error}");
    assert_eq!(error.to_string(), "none of the 66 series has enough samples in both windows (60 + 30 samples)");
}

#[test]
fn the_report_has_the_answer_in_words() {
    let report = Shop::new()
        .slow_chain(&["front-end", "orders", "payment"], 300.0)
        .fault("front-end", "served_latency_ms", Some("orders"), |v| v + 300.0)
        .report();
    assert!(report.symptoms[0].evidence.summary.starts_with("latency (mean) 12"), "{report:#?}");
    assert_eq!(report.verdict.summary, "payment (network)");
    assert!(report.causes[0].evidence[0].summary.contains("network and not code"), "{report:#?}");
}

/// Catalogue is slow and front-end waits for it.
fn slow_catalogue() -> Shop {
    let slow = |v: f64| v + 80.0;
    Shop::new()
        .fault("catalogue", "latency_ms", None, slow)
        .fault("front-end", "served_latency_ms", Some("catalogue"), slow)
        .fault("front-end", "client_latency_ms", Some("catalogue"), slow)
        .fault("front-end", "latency_ms", None, slow)
}

const OF_REQUESTS: [&str; 7] = [
    "latency_ms",
    "error_ratio",
    "throughput_rps",
    "client_latency_ms",
    "served_latency_ms",
    "client_error_ratio",
    "client_rps",
];

/// The queries: `state_of` gives the result for each signal.
fn asked(mut observation: Observation, state_of: impl Fn(&str) -> QueryState) -> Report {
    let query = |signal: &str| QueryRecord {
        signal: signal.to_owned(),
        promql: "x".to_owned(),
        series: 1,
        samples: 90,
        state: state_of(signal),
        reason: None,
    };
    observation.queries = OF_REQUESTS.map(query).into();
    diagnose(&observation, &DiagnoseOptions::default()).unwrap()
}

fn without_catalogue(shop: &mut Shop) {
    let about = |r: &RawSeries| r.service == "catalogue" || r.peer.as_deref() == Some("catalogue");
    shop.raw.retain(|r| !about(r));
}

#[test]
fn a_caller_whose_callee_was_not_observed_is_not_named() {
    for state in [QueryState::Partial, QueryState::Failed, QueryState::Refused] {
        let mut shop = slow_catalogue();
        without_catalogue(&mut shop);
        let report = asked(shop.observation(true), |signal| match signal.contains("latency") {
            true => state,
            false => QueryState::Complete,
        });
        assert_eq!(report.verdict.kind, VerdictKind::NotEnoughEvidence, "{state:?}: {}", report.verdict.summary);
        assert!(report.verdict.summary.contains("catalogue"), "{}", report.verdict.summary);
        assert!(
            report.verdict.causes.is_empty() && report.causes[0].service == "front-end",
            "still the first candidate"
        );
        let doubts: Vec<&Doubt> = report.causes[0].counter_evidence.iter().map(|e| &e.doubt).collect();
        let hidden = |d: &&Doubt| matches!(d, Doubt::UnobservedCallees { callees, queries } if callees.contains(&"catalogue".to_owned()) && queries[0].state == state);
        assert!(doubts.iter().any(hidden), "{doubts:?}");
        assert!(!report.next[0].text.contains("wait for more samples"), "the remedy comes first: {:?}", report.next);
    }
}

#[test]
fn a_callee_that_was_seen_in_whole_answers_is_named_as_without_queries() {
    let plain = slow_catalogue().report();
    assert_eq!(plain.verdict.service.as_deref(), Some("catalogue"), "{}", plain.verdict.summary);
    let own_is_whole = |signal: &str| match signal.starts_with("served") {
        true => QueryState::Failed,
        false => QueryState::Complete,
    };
    for state_of in [|_: &str| QueryState::Complete, |_: &str| QueryState::Partial, own_is_whole] {
        let report = asked(slow_catalogue().observation(true), state_of);
        assert_eq!(report.verdict, plain.verdict, "catalogue calls nobody, so nothing could exonerate it");
    }
    let mut front_end = Shop::new().fault("front-end", "latency_ms", None, |v| v + 80.0);
    front_end = front_end.fault("front-end", "cpu_cores", None, |v| v * 8.0);
    let whole = asked(front_end.observation(true), own_is_whole);
    assert_eq!(whole.verdict.service.as_deref(), Some("front-end"), "its callees were seen, and calm");
}

#[test]
fn a_caller_is_not_named_where_calls_may_be_missing() {
    let front_end = || {
        let slow = Shop::new().fault("front-end", "latency_ms", None, |v| v + 80.0);
        slow.fault("front-end", "cpu_cores", None, |v| v * 8.0).observation(true)
    };
    let calls = |signal: &str| signal.starts_with("client") || signal.starts_with("served");
    for state in [QueryState::Partial, QueryState::Failed] {
        let report = asked(front_end(), |signal| if calls(signal) { state } else { QueryState::Complete });
        assert_eq!(report.verdict.kind, VerdictKind::NotEnoughEvidence, "{}", report.verdict.summary);
        assert!(report.verdict.summary.contains("whom front-end calls"), "{}", report.verdict.summary);
    }
    let whole = asked(front_end(), |_| QueryState::Complete);
    assert_eq!(whole.verdict, diagnose(&front_end(), &DiagnoseOptions::default()).unwrap().verdict);
    assert_eq!(whole.verdict.service.as_deref(), Some("front-end"));
}
