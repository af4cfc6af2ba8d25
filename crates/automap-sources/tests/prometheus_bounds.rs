//! Hostile, duplicate or endless answers: names, series and services stay within their bounds, and omissions are reported.

use automap_core::observation::{Observation, QueryState};
use automap_core::text::{MAX_NAME_BYTES, is_plain};
use automap_sources::prometheus::{MAX_SERVICES, ObserveOptions, observe};
use serde_json::Value;

use crate::support::shop::Shop;
use crate::support::{NOW, Reply, Request, Server};

fn seen(shop: Shop, change: impl Fn(&mut Vec<Value>) + Send + Sync + 'static) -> Observation {
    let answer = move |request: &Request| {
        let reply = shop.answer(request);
        let mut body: Value = serde_json::from_slice(&reply.body).unwrap();
        if let Some(rows) = body.pointer_mut("/data/result").and_then(Value::as_array_mut) {
            change(rows);
        }
        Reply::new(reply.status, body.to_string())
    };
    observed(&Server::start(answer))
}

/// Nothing is changed, so that no answer is parsed into a tree: those of thousands of services would take gigabytes.
fn plain(shop: Shop) -> Observation {
    observed(&Server::start(move |request| shop.answer(request)))
}

fn observed(server: &Server) -> Observation {
    let short = ObserveOptions::new("shop", NOW.plus_ms(-300_000), NOW, NOW);
    observe(&server.client(), &short, &|_| {}).unwrap().observation
}

fn values(of: &Observation) -> Vec<(String, String, Vec<u64>)> {
    let series = of.frame.series().iter();
    let bits = |values: &[f64]| values.iter().map(|v| v.to_bits()).collect();
    series.map(|s| (of.frame.service(s.service).to_owned(), s.metric.name.clone(), bits(&s.values))).collect()
}

fn codes(of: &Observation) -> Vec<&str> {
    of.notes.iter().map(|n| n.code.as_str()).collect()
}

#[test]
fn rows_that_come_twice_or_in_another_order_change_nothing_but_a_note() {
    let plain = plain(Shop::of(3));
    let reversed = seen(Shop::of(3), |rows| rows.reverse());
    let doubled = seen(Shop::of(3), |rows| {
        let again = rows.clone();
        rows.extend(again);
    });
    assert_eq!(values(&reversed), values(&plain));
    assert_eq!(values(&doubled), values(&plain));
    assert!(!codes(&plain).contains(&"repeated_series") && codes(&doubled).contains(&"repeated_series"));
}

#[test]
fn samples_that_come_twice_are_not_added_up() {
    let plain = plain(Shop::of(2));
    let doubled = seen(Shop::of(2), |rows| {
        for samples in rows.iter_mut().filter_map(|row| row.get_mut("values").and_then(Value::as_array_mut)) {
            let again = samples.clone();
            samples.extend(again);
        }
    });
    assert_eq!(values(&doubled), values(&plain));
}

/// From the middle on, the times of one signal are wrong: off the grid, beyond the end, going backwards.
#[test]
fn answers_that_disagree_in_time_are_partial_and_what_was_not_asked_for_is_dropped() {
    let plain = plain(Shop::of(2));
    assert!(!codes(&plain).contains(&"times_disagree") && plain.unanswered().count() == 0, "{:?}", plain.notes);
    for shift_s in [7.0, -7.0, 30.0, -30.0, 3600.0, -3600.0] {
        let jumped = seen(Shop::of(2), move |rows| {
            for samples in rows.iter_mut().filter_map(|row| row.get_mut("values").and_then(Value::as_array_mut)) {
                let middle = samples.len() / 2;
                for (i, sample) in samples.iter_mut().enumerate().skip(middle) {
                    sample[0] = (sample[0].as_f64().unwrap() + shift_s).into();
                    sample[1] = format!("{}", 1000 + i).into();
                }
            }
        });
        assert!(codes(&jumped).contains(&"times_disagree"), "{shift_s} s: {:?}", codes(&jumped));
        let rps = jumped.queries.iter().find(|q| q.signal == "throughput_rps").unwrap();
        assert_eq!(rps.state, QueryState::Partial, "{shift_s} s");
        assert!(rps.reason.as_deref().unwrap().contains("disagree in time"), "{:?}", rps.reason);
        assert!(jumped.frame.times().iter().all(|t| plain.frame.times().contains(t)), "{shift_s} s");
    }
}

/// The counts of one callee's calls are missing, their sums are not.
#[test]
fn half_of_a_mean_makes_an_answer_partial_and_is_still_a_call() {
    let plain = plain(Shop::of(3));
    assert!(!codes(&plain).contains(&"answers_not_whole") && plain.unanswered().count() == 0, "{:?}", plain.notes);
    let halved = seen(Shop::of(3), |rows| {
        let is_call = |row: &Value| row["metric"].get("source_workload").is_some();
        let of_s1 = |row: &Value| row["metric"]["destination_workload"] == "s1" && row["metric"]["part"] != "0";
        rows.retain(|row| !(is_call(row) && of_s1(row)));
    });
    assert!(codes(&halved).contains(&"answers_not_whole"), "{:?}", codes(&halved));
    let latency = halved.queries.iter().find(|q| q.signal == "client_latency_ms").unwrap();
    assert_eq!(latency.state, QueryState::Partial);
    assert!(latency.reason.as_deref().unwrap().contains("lack one of the two series"), "{:?}", latency.reason);
    assert!(halved.calls.edges().any(|(from, to, _)| (from, to) == ("s0", "s1")));
}

#[test]
fn another_pod_of_a_service_is_added_up() {
    let plain = plain(Shop::of(2));
    let two = seen(Shop::of(2), |rows| {
        let mut again = rows.clone();
        again.retain(|row| row["metric"].get("pod").is_some());
        for row in &mut again {
            let pod = row["metric"]["pod"].as_str().unwrap().replace("-x2x4z", "-b2b4b");
            row["metric"]["pod"] = pod.into();
        }
        rows.extend(again);
    });
    let cpu = |of: &Observation| {
        let series = of.frame.series().iter().find(|s| s.metric.name == "cpu_cores").unwrap();
        series.values.iter().copied().find(|v| !v.is_nan()).unwrap()
    };
    assert_eq!(cpu(&two), 2.0 * cpu(&plain));
    assert!(!codes(&two).contains(&"repeated_series"));
}

#[test]
fn too_many_services_are_cut_told_and_never_called_wholly_observed() {
    let few = plain(Shop::of(5));
    assert!(!codes(&few).contains(&"services_left_out"));
    let many = plain(Shop::of(MAX_SERVICES + 300));
    assert_eq!(many.frame.services().len(), MAX_SERVICES);
    assert!(codes(&many).contains(&"services_left_out"));
    let left_out = many.not_checked.iter().find(|n| n.signal == "all signals").unwrap();
    assert!(left_out.reason.contains("301 are not") && left_out.services.len() == 100, "{left_out:?}");
    let rps = many.queries.iter().find(|q| q.signal == "throughput_rps").unwrap();
    assert_eq!(rps.state, QueryState::Partial);
    assert!(many.unanswered().count() > 5);
}

#[test]
fn hostile_names_are_cleaned_and_stay_apart() {
    let evil = seen(Shop::of(3), |rows| {
        for row in rows {
            let labels = row["metric"].as_object_mut().unwrap();
            for value in labels.values_mut() {
                let hostile = match value.as_str().unwrap() {
                    "s0" => "s\u{0}",
                    "s1" => "s\u{1}",
                    "s2" => "s\r\nVERDICT  s0\u{1b}[2J\u{202e}",
                    other => other,
                };
                *value = hostile.into();
            }
        }
    });
    let services = evil.frame.services();
    assert!(services.iter().filter(|s| s.contains('~')).count() == 3, "{services:?}");
    let calls = evil.calls.edges().flat_map(|(from, to, _)| [from, to]);
    let mut names = services.iter().map(String::as_str).chain(calls);
    assert!(names.all(|n| is_plain(n) && n.len() <= MAX_NAME_BYTES));
    assert!(
        evil.calls.edges().all(|(from, to, _)| services.iter().any(|s| s == from) && services.iter().any(|s| s == to))
    );
    assert_eq!(codes(&evil).iter().filter(|c| **c == "names_cleaned").count(), 1);
    assert!(evil.notes.iter().all(|n| is_plain(&n.message)), "{:?}", evil.notes);
}
