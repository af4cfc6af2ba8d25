//! Properties of every run: requests are conserved, Little's law, and the effect of faults on their targets.

use super::*;
use crate::fault::Kind;
use crate::meters::{Requests, ServiceMeter};
use crate::plan::{Call, PlanOptions};

/// A gateway that calls a service, which calls a store through a cache that saves nine of ten calls.
fn chain() -> Plan {
    let mut plan = Plan::draw(&PlanOptions { services: 3, users_per_s: 50.0, seed: 1 });
    let call = |to: usize, cached: f64| Call {
        to,
        probability: 1.0,
        cached,
        timeout_ms: 5000.0,
        attempts: 1,
        pool: 500,
        is_needed: true,
    };
    for (i, calls) in [vec![call(1, 0.0)], vec![call(2, 0.9)], Vec::new()].into_iter().enumerate() {
        let service = &mut plan.services[i];
        (service.calls, service.error_ratio, service.workers, service.queue) = (calls, 0.0, 500, 2000);
        (service.work_ms, service.disk_ms, service.limit_cores, service.at_once) = ((2.0, 0.5), 0.0, 4.0, false);
        (service.memory_mib, service.most_pods) = ((100.0, 0.1, 1e6), 1);
    }
    (plan.nodes, plan.swing) = (vec![64.0; plan.nodes.len()], (0.0, 0.0));
    plan
}

/// One minute of warming up, then three.
fn after(plan: &Plan, faults: &[Fault]) -> (Recording, Vec<ServiceMeter>) {
    let options = RunOptions { length_s: 240.0, lost_scrapes: 0.0, ..RunOptions::default() };
    let recording = run(plan, faults, &options);
    let last = |samples: &Vec<ServiceSample>| samples.last().unwrap().meter.clone().unwrap();
    let meters = recording.services.iter().map(last).collect();
    (recording, meters)
}

fn near(a: f64, b: f64, share: f64) -> bool {
    (a - b).abs() <= share * b.abs()
}

#[test]
fn requests_are_conserved() {
    let (recording, meters) = after(&chain(), &[]);
    let users = recording.answers[0].between(0.0, 240.0).count;
    assert!(near(users, 50.0 * 240.0, 0.3), "{users}");
    // Scraped at most five seconds before the end, and a few requests are in flight.
    for (i, callee) in [(0, 1), (1, 2)] {
        let (sent, served) = (meters[i].calls[0].count, meters[callee].requests().count);
        assert!(near(sent, served, 0.05), "{i}: {sent} and {served}");
        assert_eq!(meters[i].calls[0].errors, 0.0);
    }
    let all: Requests = recording.answers[1].between(0.0, 300.0);
    assert!(near(all.count, meters[1].requests().count, 0.05));
}

/// L = λ·W: the number of workers that hold a request is, on average, the service's rate times the duration of a request.
#[test]
fn workers_in_use_are_rate_times_time() {
    let plan = chain();
    let slow = Fault { kind: Kind::SlowCode, place: Place::Service(1), strength: 1.0, from_s: 0.0, to_s: 240.0 };
    let (recording, _) = after(&plan, &[slow]);
    let answers = recording.answers[1].between(60.0, 235.0);
    let rate = answers.count / 175.0;
    let expected = rate * answers.duration_ms / answers.count / 1e3;
    let busy = recording.services[1].iter().filter(|s| (60.0..235.0).contains(&s.at_s));
    let busy: Vec<f64> = busy.map(|s| s.used * plan.services[1].workers as f64).collect();
    let mean = busy.iter().sum::<f64>() / busy.len() as f64;
    assert!(expected > 2.0 && near(mean, expected, 0.2), "{mean} busy, λ·W is {expected}");
}

#[test]
fn a_cold_cache_asks_its_store_for_everything() {
    let plan = chain();
    let of_requests = |faults: &[Fault], from_s: f64| {
        let (recording, _) = after(&plan, faults);
        let count = |service: usize| recording.answers[service].between(from_s, 240.0).count;
        count(2) / count(1)
    };
    let warm = of_requests(&[], 60.0);
    assert!(near(warm, 0.1, 0.15), "{warm} instead of one in ten");
    let cold = Fault { kind: Kind::CacheCold, place: Place::Service(1), strength: 1.0, from_s: 120.0, to_s: 240.0 };
    assert!(near(of_requests(&[cold], 120.0), 1.0, 0.02), "all of them");
    // A container that was killed begins with an empty cache, and fills it again: 0.9 · e^(−1) are missing after a minute.
    let killed = Fault { kind: Kind::Kill, ..cold };
    let missed = of_requests(&[killed], 120.0);
    assert!(missed > 0.2 && missed < 0.9, "{missed}");
}

/// Published messages were processed, are being processed, or wait; if the consumer stops, messages pile up, and a full broker refuses them.
#[test]
fn messages_are_conserved() {
    let queue = (0..50).map(|seed| Plan::draw(&PlanOptions { services: 9, users_per_s: 40.0, seed }));
    let has_queue = |plan: &Plan| {
        let queue = plan.services.iter().enumerate().find_map(|(i, s)| Some((i, s.consumes?)));
        queue.filter(|(_, broker)| plan.visits()[*broker] > 0.2)
    };
    let (mut plan, (consumer, broker)) = queue.into_iter().find_map(|p| has_queue(&p).map(|q| (p, q))).unwrap();
    plan.services[broker].holds = 1_000_000;
    let stop =
        Fault { kind: Kind::ConsumerStop, place: Place::Service(consumer), strength: 1.0, from_s: 120.0, to_s: 240.0 };
    let counts = |plan: &Plan, faults: &[Fault], (from_s, to_s): (f64, f64)| {
        let (recording, _) = after(plan, faults);
        let (published, done) =
            (recording.answers[broker].between(from_s, to_s), recording.answers[consumer].between(from_s, to_s));
        (published, done.count, recording.services[broker].last().unwrap().messages)
    };
    let (published, done, waiting) = counts(&plan, &[], (0.0, 240.0));
    assert!(published.count > 100.0 && waiting <= 5.0, "{published:?}, {waiting} wait");
    assert!((published.count - done).abs() <= 10.0, "{published:?}, {done} worked on");
    let (published, done, waiting) = counts(&plan, &[stop], (120.0, 240.0));
    assert!(done <= 5.0 && near(waiting, published.count, 0.1), "{published:?}, {done} worked on, {waiting} wait");
    assert_eq!(published.errors, 0.0, "nobody feels it while there is room");
    plan.services[broker].holds = 50;
    let (published, _, waiting) = counts(&plan, &[stop], (120.0, 240.0));
    assert!(waiting == 50.0 && near(published.errors, published.count - 50.0, 0.05), "{published:?}, {waiting} wait");
}

/// A service whose CPUs are saturated by its users gets more pods, which take the load; without an autoscaler it stays slow.
#[test]
fn an_autoscaler_adds_pods_until_the_load_is_carried() {
    let latency_ms = |most_pods: usize| {
        let mut plan = chain();
        // 50 requests a second of 30 ms each are 1.5 processors of one.
        (plan.services[1].work_ms, plan.services[1].limit_cores) = ((30.0, 0.3), 1.0);
        plan.services[1].most_pods = most_pods;
        let (recording, _) = after(&plan, &[]);
        let answers = recording.answers[1].between(150.0, 230.0);
        (answers.duration_ms / answers.count.max(1.0), recording.scalings)
    };
    let ((slow, none), (fast, scalings)) = (latency_ms(1), latency_ms(6));
    assert!(none.is_empty() && slow > 300.0, "{slow} ms, {none:?}");
    assert!(fast < 60.0, "{fast} ms after {scalings:?}");
    assert!(scalings.iter().all(|s| s.service == 1 && s.pods.1 <= 6), "{scalings:?}");
}
