//! A busy hour that comes every day, with and without a fault on top, and with earlier days that were not kept.

use automap_core::breakdown::Wanted;
use automap_core::frame::assemble;
use automap_core::observation::Observation;
use automap_core::report::{Report, TimeOfDayFinding, VerdictKind};
use automap_core::second_look::{BrokenDown, SecondLook, SecondLookOptions, look_again};
use automap_core::time_of_day::{CompareWith, DAY_MS, EarlierDay, WantedDay};
use automap_core::{DiagnoseOptions, diagnose};

use crate::shop::Shop;

/// Every service gets more requests, and all of them take longer.
fn busy(shop: Shop) -> Shop {
    let services = ["catalogue", "front-end", "orders", "payment", "shipping", "user"];
    services.into_iter().fold(shop, |shop, s| {
        shop.fault(s, "throughput_rps", None, |v| v * 1.9).fault(s, "cpu_cores", None, |v| v * 1.9).fault(
            s,
            "latency_ms",
            None,
            |v| v * 2.0,
        )
    })
}

/// The same hours, some days before.
fn before(shop: Shop, days_back: u32) -> EarlierDay {
    let by = -i64::from(days_back) * DAY_MS;
    let Shop { mut raw, times } = shop;
    raw.iter_mut().flat_map(|series| &mut series.points).for_each(|(at, _)| *at = at.plus_ms(by));
    EarlierDay::observed(days_back, assemble(raw, times.iter().map(|t| t.plus_ms(by)).collect()).unwrap().0)
}

fn report(shop: Shop, is_given: bool, earlier_days: Vec<EarlierDay>) -> Report {
    let observation = Observation { earlier_days, ..shop.observation(is_given) };
    diagnose(&observation, &DiagnoseOptions::default()).unwrap()
}

fn busy_days() -> Vec<EarlierDay> {
    vec![before(busy(Shop::new()), 1), before(busy(Shop::new()), 7)]
}

#[test]
fn what_moved_in_the_same_way_on_two_days_is_no_incident() {
    let alone = report(busy(Shop::new()), false, Vec::new());
    assert!(!alone.verdict.kind.is_quiet() && alone.time_of_day.is_none(), "{}", alone.verdict.summary);
    let usual = report(busy(Shop::new()), false, busy_days());
    assert_eq!(usual.verdict.kind, VerdictKind::NoIncident, "{}", usual.verdict.summary);
    assert!(usual.verdict.summary.ends_with("; users feel it all the same"), "{}", usual.verdict.summary);
    let told = usual.time_of_day.unwrap();
    assert_eq!(told.finding, TimeOfDayFinding::Usual);
    assert!(
        told.summary.starts_with("usual for this time of day: front-end requests 39.9 → 75.2 /s (yesterday "),
        "{}",
        told.summary
    );
    assert!(usual.causes.is_empty() && usual.symptoms.is_empty());
    assert!(told.series.iter().all(|s| s.is_usual && s.earlier.len() == 2));
}

#[test]
fn users_who_are_failed_every_day_are_failed() {
    let failing = |service: &str, share| busy(Shop::new()).fault(service, "error_ratio", None, move |_| share);
    let of = |service, share| {
        report(
            failing(service, share),
            false,
            vec![before(failing(service, share), 1), before(failing(service, share), 7)],
        )
    };
    let found = of("front-end", 0.2);
    assert!(!found.verdict.kind.is_quiet(), "{}", found.verdict.summary);
    let told = found.time_of_day.unwrap();
    assert_eq!(told.finding, TimeOfDayFinding::Usual);
    assert!(told.summary.contains(": front-end errors 0 → 20 %"), "failures are told first: {}", told.summary);
    assert!(told.summary.ends_with("; the verdict stands, since users are failed"), "{}", told.summary);
    let unfelt = of("shipping", 0.2);
    assert_eq!(unfelt.verdict.kind, VerdictKind::NoIncident, "nobody enters there: {}", unfelt.verdict.summary);
    let few = of("front-end", 0.008);
    assert_eq!(few.verdict.kind, VerdictKind::NoIncident, "less than one in a hundred: {}", few.verdict.summary);
}

#[test]
fn a_fault_in_the_busy_hour_stands_and_the_traffic_is_told_to_be_usual() {
    let slow = |shop: Shop| {
        shop.fault("user", "cpu_cores", None, |v| v + 0.5)
            .fault("user", "latency_ms", None, |v| v * 6.0)
            .fault("orders", "served_latency_ms", Some("user"), |v| v * 6.0)
            .fault("front-end", "served_latency_ms", Some("user"), |v| v * 6.0)
            .slow_chain(&["front-end", "user"], 60.0)
            .slow_chain(&["orders", "user"], 60.0)
    };
    let found = report(slow(busy(Shop::new())), false, busy_days());
    assert_eq!(found.verdict.service.as_deref(), Some("user"), "{}", found.verdict.summary);
    let told = found.time_of_day.unwrap();
    assert_eq!(told.finding, TimeOfDayFinding::TrafficIsUsual, "{}", told.summary);
    assert!(told.summary.contains("; not usual: "), "{}", told.summary);
    // Without them, the requests would be named in addition.
    let without = report(slow(busy(Shop::new())), false, Vec::new());
    assert!(without.verdict.names("front-end") && without.verdict.names("user"), "{}", without.verdict.summary);
    assert!(!found.verdict.names("front-end"), "{}", found.verdict.summary);
}

#[test]
fn what_is_not_observed_is_not_usual() {
    let mut days = busy_days();
    days[1] = EarlierDay::not_observed(7, "the server holds nothing of it");
    let found = report(busy(Shop::new()), false, days);
    assert!(!found.verdict.kind.is_quiet());
    let told = found.time_of_day.unwrap();
    assert_eq!(
        (told.finding, told.summary.as_str()),
        (
            TimeOfDayFinding::TooFewDays,
            "one earlier day observed; not enough to call it usual (a week ago: the server holds nothing of it)"
        )
    );
    // A day that lacks the latency of one service.
    let mut week_ago = busy(Shop::new());
    week_ago.raw.retain(|s| !(s.service == "front-end" && s.metric == "latency_ms"));
    let found = report(busy(Shop::new()), false, vec![before(busy(Shop::new()), 1), before(week_ago, 7)]);
    assert!(!found.verdict.kind.is_quiet(), "{}", found.verdict.summary);
}

#[test]
fn a_calm_day_or_a_given_start_leaves_the_verdict() {
    let calm = vec![before(Shop::new(), 1), before(busy(Shop::new()), 7)];
    let found = report(busy(Shop::new()), false, calm);
    assert!(!found.verdict.kind.is_quiet());
    assert_eq!(found.time_of_day.unwrap().finding, TimeOfDayFinding::Unusual);
    let given = report(busy(Shop::new()), true, busy_days());
    assert_eq!(given.verdict, busy(Shop::new()).report().verdict, "as without earlier days");
    let told = given.time_of_day.unwrap();
    assert!(told.finding == TimeOfDayFinding::Usual && told.summary.contains("the verdict stands"), "{}", told.summary);
}

/// Keeps this many days, and counts the queries.
struct Server {
    day: fn(u32) -> EarlierDay,
    asked: Vec<u32>,
}

impl SecondLook for Server {
    fn break_down(&mut self, _: &[Wanted]) -> BrokenDown {
        BrokenDown::default()
    }

    fn earlier_day(&mut self, wanted: &WantedDay) -> EarlierDay {
        self.asked.push(wanted.days_back);
        (self.day)(wanted.days_back)
    }
}

fn asked(shop: Shop, is_given: bool, compare_with: CompareWith, day: fn(u32) -> EarlierDay) -> (Vec<u32>, VerdictKind) {
    let (mut observation, options) = (shop.observation(is_given), DiagnoseOptions::default());
    let mut server = Server { day, asked: Vec::new() };
    let may_ask = SecondLookOptions { compare_with, ..SecondLookOptions::default() };
    look_again(&mut observation, &options, may_ask, &mut server).unwrap();
    assert_eq!(observation.earlier_days.len(), server.asked.len());
    (server.asked, diagnose(&observation, &options).unwrap().verdict.kind)
}

#[test]
fn days_are_asked_for_where_they_may_tell_something() {
    let same: fn(u32) -> EarlierDay = |days| before(busy(Shop::new()), days);
    let auto = CompareWith::Auto;
    assert_eq!(asked(busy(Shop::new()), false, auto, same), (vec![1, 7], VerdictKind::NoIncident));
    let weekly: fn(u32) -> EarlierDay = |days| before(if days == 1 { Shop::new() } else { busy(Shop::new()) }, days);
    assert_eq!(asked(busy(Shop::new()), false, auto, weekly), (vec![1, 7, 14], VerdictKind::NoIncident), "a Monday");
    let gone: fn(u32) -> EarlierDay = |days| EarlierDay::not_observed(days, "gone");
    assert_eq!(asked(busy(Shop::new()), false, auto, gone).0, [1, 7], "a third day would be gone as well");
    assert_eq!(
        asked(Shop::busy_user(), false, auto, same),
        (vec![], VerdictKind::Cause),
        "a step, the traffic as before"
    );
    let is_silent = |shop, is_given, with| asked(shop, is_given, with, same).0.is_empty();
    assert!(is_silent(busy(Shop::new()), true, auto), "a given start is never overruled");
    assert!(is_silent(busy(Shop::new()), false, CompareWith::None));
    assert!(is_silent(Shop::new(), false, CompareWith::Days([1, 0, 0])), "nothing stands out");
    assert_eq!(asked(Shop::busy_user(), false, CompareWith::Days([2, 3, 0]), same).0, [2, 3]);
}
