//! Of more than a thousand services, details are queried only for those that requests point to, and a diagnosis names the same cause as with all of
//! them.

use std::time::Duration;

use automap_core::observation::QueryState;
use automap_core::report::Report;
use automap_core::screening::{MAX_SUSPECTS, MAX_UNSCREENED};
use automap_core::time::WindowHint;
use automap_core::{DiagnoseOptions, diagnose};
use automap_sources::prometheus::{
    Client, ClientOptions, Fetched, ObserveOptions, Tail, observe, observe_incrementally,
};

use crate::large_world::{Fault, Large, POINTS, STEP_S, onset};
use crate::support::{self, NOW, Server};

fn options(screen_above: Option<usize>) -> ObserveOptions {
    let hint = WindowHint { incident_start: Some(onset()), ..WindowHint::default() };
    ObserveOptions {
        hint,
        scrape_interval_ms: Some(STEP_S * 1000),
        changes: false,
        screen_above,
        ..ObserveOptions::new("shop", NOW.plus_ms(-STEP_S * 1000 * POINTS), NOW, NOW)
    }
}

fn seen(services: usize, fault: Fault, screen_above: Option<usize>) -> Fetched {
    let large = Large { services, fault };
    let server = Server::start(move |request| large.answer(request));
    observe(&client(&server), &options(screen_above), &|_| {}).unwrap()
}

/// A client that waits for a slow machine.
fn client(server: &Server) -> Client {
    Client::new(ClientOptions { timeout: Duration::from_secs(300), ..support::options(&server.url) }).unwrap()
}

fn report(fetched: &Fetched) -> Report {
    diagnose(&fetched.observation, &DiagnoseOptions::default()).unwrap()
}

/// Services whose CPU is known.
fn with_cpu(fetched: &Fetched) -> Vec<&str> {
    let frame = &fetched.observation.frame;
    let series = frame.series().iter().filter(|s| s.metric.name == "cpu_cores");
    series.map(|s| frame.service(s.service)).collect()
}

/// 900 services with 90 stores and the workloads that these call: 1,080 workloads.
const MANY: usize = 900;

/// Requests and megabytes of everything, and of suspects only, for the first fault: the docs state them.
const COST: [(u64, u64); 2] = [(21, 17), (21, 10)];

/// The fault, and a workload with a CPU that must be known.
const FAULTS: [(Fault, &str); 4] = [
    (Fault::Busy(700), "s700"),
    (Fault::Failing(311), "s311"),
    (Fault::BusyStore(640), "s640-store"),
    (Fault::BusyBehindStore(640), "s640-disk"),
];

#[test]
fn the_same_cause_is_named_from_a_fraction_of_the_bytes() {
    for (fault, asked) in FAULTS {
        let (all, screened) = (seen(MANY, fault, None), seen(MANY, fault, Some(MAX_UNSCREENED)));
        let (of_all, of_some) = (report(&all), report(&screened));
        let named =
            |report: &Report| (report.verdict.kind, report.verdict.service.clone(), report.verdict.mechanism.clone());
        assert_eq!(named(&of_some), named(&of_all), "{fault:?}");
        let first = |report: &Report| report.causes[0].service.clone();
        assert_eq!(first(&of_some), first(&of_all), "{fault:?}");
        let with_cpu = with_cpu(&screened);
        assert!(with_cpu.contains(&asked), "{fault:?}: {with_cpu:?}");
        assert!(with_cpu.len() <= MAX_SUSPECTS, "{}", with_cpu.len());
        let cost = [&all, &screened].map(|fetched| (fetched.stats.requests, fetched.stats.bytes / 1_000_000));
        assert!(fault != FAULTS[0].0 || cost == COST, "{cost:?}");
        assert!(screened.stats.bytes * 10 < all.stats.bytes * 7, "{fault:?}: {cost:?}");
        assert_eq!(screened.stats.requests, all.stats.requests, "one group of names");
    }
}

#[test]
fn what_was_not_asked_is_told_with_its_remedy_and_is_never_whole() {
    let screened = seen(MANY, Fault::Busy(700), Some(MAX_UNSCREENED));
    let cpu = screened.observation.queries.iter().find(|q| q.signal == "cpu_cores").unwrap();
    assert_eq!(cpu.state, QueryState::Screened);
    assert!(cpu.reason.as_deref().unwrap().contains("are screened out"), "{cpu:?}");
    assert!(!cpu.promql.contains("s700"), "the query for all: {}", cpu.promql);
    assert_eq!(screened.observation.queries.iter().filter(|q| q.signal == "cpu_cores").count(), 1);
    let latency = screened.observation.queries.iter().find(|q| q.signal == "latency_ms").unwrap();
    assert_eq!(latency.state, QueryState::Complete, "all were asked for their requests");
    let report = report(&screened);
    let gap = report.not_checked.iter().find(|n| n.reason.contains("screened out")).unwrap();
    for words in ["not asked", "more than 1000", "--full", "--namespace"] {
        assert!(gap.reason.contains(words), "{words}: {}", gap.reason);
    }
    assert_eq!(gap.services.len(), 100, "the first ones are named");
    assert!(report.not_checked.iter().all(|n| !n.reason.contains("no container of this name")), "they were not asked");
}

#[test]
fn few_services_are_asked_as_before() {
    let asked = |screen_above| {
        let large = Large { services: 40, fault: Fault::Busy(30) };
        let server = Server::start(move |request| large.answer(request));
        let fetched = observe(&client(&server), &options(screen_above), &|_| {}).unwrap();
        let mut queries: Vec<String> = server.requests().iter().map(|r| r.query().to_owned()).collect();
        queries.sort();
        (queries, fetched.stats, report(&fetched).verdict)
    };
    let (whole, screened) = (asked(None), asked(Some(MAX_UNSCREENED)));
    assert_eq!(whole, screened);
}

#[test]
fn a_list_of_suspects_that_is_too_long_says_so() {
    let calm = seen(MANY, Fault::Nothing, Some(MAX_UNSCREENED));
    assert!(with_cpu(&calm).len() < MAX_SUSPECTS / 3, "nothing points anywhere: {}", with_cpu(&calm).len());
    let cpu = calm.observation.queries.iter().find(|q| q.signal == "cpu_cores").unwrap();
    assert_eq!(cpu.state, QueryState::Screened, "whether or not anybody was asked");
    let crowd = seen(MANY, Fault::Everywhere, Some(MAX_UNSCREENED));
    let gap = crowd.observation.not_checked.iter().find(|n| n.reason.contains("too long")).unwrap();
    assert!(gap.reason.contains("the 300 nearest"), "{}", gap.reason);
    assert_eq!(with_cpu(&crowd).len(), MAX_SUSPECTS);
}

#[test]
fn a_watcher_that_chose_once_asks_for_what_is_new_only() {
    let large = Large { services: MANY, fault: Fault::Busy(700) };
    let server = Server::start(move |request| large.answer(request));
    let (client, mut tail) = (client(&server), Tail::default());
    let mut look = |back_s: i64| {
        let now = NOW.plus_ms(-back_s * 1000);
        let ours = ObserveOptions {
            hint: WindowHint::default(),
            from: now.plus_ms(-STEP_S * 1000 * POINTS),
            to: now,
            now,
            ..options(Some(MAX_UNSCREENED))
        };
        observe_incrementally(&mut tail, &client, &ours, &|_| {}).unwrap()
    };
    let (first, second) = (look(STEP_S), look(0));
    let [before, after] = [&first, &second].map(with_cpu);
    assert!(before.iter().all(|service| after.contains(service)), "who was chosen stays");
    assert!(second.stats.bytes * 3 < first.stats.bytes, "{:?} after {:?}", second.stats, first.stats);
}
