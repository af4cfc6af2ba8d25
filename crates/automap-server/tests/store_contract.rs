//! The contract of every store: one suite, run over each implementation. A new one adds a line at the end.

use std::time::Duration;

use automap_core::graph::WeightedGraph;
use automap_core::incident::{Incident, IncidentState, Severity};
use automap_core::rank::metric_weights::{ConfirmedCase, EQUAL_WEIGHTS};
use automap_core::time::Interval;
use automap_server::store::{
    Cursor, DeliveryState, Event, IncidentFilter, IncidentStore, LeaseStore, MAX_PAGE, OutboxState, Retention, Store,
    StoreError, transfer,
};

use crate::beside_incidents::{
    a_state_that_is_reported_again_is_no_change_and_one_that_came_back_is, alerts_are_kept_until_they_end_or_expire,
    changes_are_kept_once_and_for_a_while, mutes_are_kept_until_they_end,
};
use crate::common::{self, at, closed, incident, updated, with_report};
use crate::lease_contract::{leases_have_one_holder, replicas_share_targets_and_hand_them_over};

const DAY_S: i64 = 86_400;

pub(crate) fn routes(names: &[&str]) -> Vec<String> {
    names.iter().map(|n| (*n).to_owned()).collect()
}

fn keys(store: &dyn Store, seconds: i64) -> Vec<String> {
    store.due(at(seconds), 100).unwrap().into_iter().map(|m| m.key).collect()
}

fn what_is_put_is_got_back_whole(store: &dyn Store) {
    let first = with_report(incident("a"));
    store.put(&first, &[], at(0)).unwrap();
    assert_eq!(store.get("a").unwrap(), Some(first.clone()));
    let listed = store.list(&IncidentFilter::default()).unwrap();
    assert_eq!((listed.len(), &listed[0].report), (1, &None), "listings leave the reports out");
    assert_eq!(store.get("b").unwrap(), None);
    let second = closed(&first, at(60));
    store.put(&second, &[], at(60)).unwrap();
    assert_eq!(store.get("a").unwrap(), Some(second));
}

fn a_change_must_follow_the_revision_it_is_based_on(store: &dyn Store) {
    let first = incident("a");
    store.put(&first, &routes(&["chat"]), at(0)).unwrap();
    let second = updated(&first, at(1));
    store.put(&second, &routes(&["chat"]), at(1)).unwrap();
    for (wrong, expected) in [(first.clone(), 0), (second.clone(), 1), (updated(&updated(&second, at(2)), at(2)), 3)] {
        match store.put(&wrong, &routes(&["chat"]), at(2)) {
            Err(StoreError::Conflict { id, found: 2, expected: e }) => assert_eq!((id.as_str(), e), ("a", expected)),
            other => panic!("{other:?}"),
        }
    }
    let mut new = incident("b");
    new.revision = 2;
    assert!(matches!(store.put(&new, &[], at(0)), Err(StoreError::Conflict { found: 0, expected: 1, .. })));
    assert_eq!(store.get("a").unwrap(), Some(second));
    assert_eq!(store.deliveries("a").unwrap().len(), 2, "a change that was refused queues nothing");
    let long = incident(&"x".repeat(201));
    assert!(matches!(store.put(&long, &[], at(0)), Err(StoreError::Unfit { .. })));
}

fn refused(result: Result<(), StoreError>) -> bool {
    matches!(result, Err(StoreError::History { id, .. }) if id == "a")
}

/// A closed incident can be confirmed and reopened; nothing else takes its record.
fn history_is_only_added_to(store: &dyn Store) {
    let first = with_report(incident("a"));
    store.put(&first, &routes(&["chat"]), at(0)).unwrap();
    let over = closed(&first, at(60));
    store.put(&over, &[], at(60)).unwrap();
    let next = |change: fn(&mut Incident)| {
        let mut next = updated(&over, at(90));
        change(&mut next);
        next
    };
    for (why, change) in [
        ("opened at another time", next(|i| (i.opened, i.reopened) = (at(80), 1))),
        ("of another target", next(|i| (i.target, i.reopened) = ("other".into(), 1))),
        ("open again without being reopened", next(|i| (i.state, i.closed) = (IncidentState::Open, None))),
        ("without its report", next(|i| i.report = None)),
        ("another onset", next(|i| i.onset = at(-60))),
        ("another severity", next(|i| i.severity = Severity::Critical)),
        ("another cause", next(|i| i.cause = None)),
        ("closed at another time", next(|i| i.closed = Some(at(90)))),
        ("a rewritten timeline", next(|i| i.timeline.truncate(1))),
    ] {
        assert!(refused(store.put(&change, &routes(&["chat"]), at(90))), "{why}");
        assert!(matches!(store.restore(&change), Err(StoreError::History { .. })), "{why}, imported");
    }
    assert_eq!(store.get("a").unwrap(), Some(over.clone()));
    assert_eq!(store.deliveries("a").unwrap().len(), 1, "a change that was refused queues nothing");

    let mut confirmed = updated(&over, at(90));
    confirmed.confirmed = Some("user".into());
    store.put(&confirmed, &[], at(90)).unwrap();
    let mut corrected = updated(&confirmed, at(91));
    corrected.confirmed = Some("carts".into());
    store.put(&corrected, &[], at(91)).unwrap();
    let mut again = updated(&corrected, at(95));
    (again.state, again.closed, again.reopened) = (IncidentState::Open, None, 1);
    let forgetful = Incident { confirmed: None, ..again.clone() };
    assert!(refused(store.put(&forgetful, &[], at(95))), "its confirmation would be lost");
    store.put(&again, &[], at(95)).unwrap();
    assert_eq!(store.get("a").unwrap(), Some(again));
}

/// A file of another installation contains an incident with the same id: both stay as they are, and the rest is imported.
fn an_import_overwrites_no_other_incident(store: &dyn Store) {
    let ours = closed(&incident("a"), at(60));
    store.put(&incident("a"), &[], at(0)).unwrap();
    store.put(&ours, &[], at(60)).unwrap();
    let from = automap_server::store::memory::MemoryStore::default();
    let mut theirs = with_report(incident("a"));
    theirs.opened = at(30);
    for revision in 1..5 {
        theirs.revision = revision;
        from.put(&theirs, &[], at(30)).unwrap();
    }
    from.put(&incident("b"), &[], at(30)).unwrap();
    let mut lines = Vec::new();
    transfer::export(&from, &IncidentFilter::default(), &mut lines).unwrap();
    let done = transfer::import(store, &mut lines.as_slice()).unwrap();
    assert_eq!((done.written, done.known, done.refused), (1, 0, 1));
    assert_eq!(store.get("a").unwrap(), Some(ours));
}

fn listings_filter_and_page(store: &dyn Store) {
    for i in 0..7 {
        let mut one = incident(&format!("i{i}"));
        // Two of them at the same instant: the id decides.
        one.opened = at(i / 2);
        one.target = if i % 2 == 0 { "even".into() } else { "odd".into() };
        if i == 3 {
            one.state = IncidentState::Closed;
            one.cause = None;
            one.confirmed = Some("user'; DROP TABLE incidents".into());
        }
        store.put(&one, &[], at(0)).unwrap();
    }
    let ids =
        |filter: IncidentFilter| -> Vec<String> { store.list(&filter).unwrap().into_iter().map(|i| i.id).collect() };
    let all = IncidentFilter::default;
    assert_eq!(ids(all()), ["i6", "i5", "i4", "i3", "i2", "i1", "i0"]);
    assert_eq!(ids(IncidentFilter { target: Some("odd".into()), ..all() }), ["i5", "i3", "i1"]);
    let states = vec![IncidentState::Closed, IncidentState::Recovering];
    assert_eq!(ids(IncidentFilter { states, ..all() }), ["i3"]);
    let confirmed = Some("user'; DROP TABLE incidents".to_owned());
    assert_eq!(ids(IncidentFilter { cause: confirmed, ..all() }), ["i3"]);
    assert_eq!(ids(IncidentFilter { cause: Some("payment".into()), limit: 2, ..all() }), ["i6", "i5"]);
    assert_eq!(ids(IncidentFilter { since: Some(at(1)), until: Some(at(2)), ..all() }), ["i3", "i2"]);
    let mut pages = Vec::new();
    let mut after = None;
    loop {
        let page = store.list(&IncidentFilter { after, limit: 2, ..all() }).unwrap();
        let Some(last) = page.last() else { break };
        after = Some(Cursor { opened: last.opened, id: last.id.clone() });
        pages.push(page.into_iter().map(|i| i.id).collect::<Vec<_>>());
    }
    let page = |ids: &[&str]| ids.iter().map(|i| (*i).to_owned()).collect::<Vec<_>>();
    assert_eq!(pages, [page(&["i6", "i5"]), page(&["i4", "i3"]), page(&["i2", "i1"]), page(&["i0"])]);
}

fn a_page_has_a_limit(store: &dyn Store) {
    for i in 0..MAX_PAGE + 1 {
        store.put(&incident(&format!("i{i}")), &[], at(0)).unwrap();
    }
    for limit in [0, 100_000] {
        assert_eq!(store.list(&IncidentFilter { limit, ..IncidentFilter::default() }).unwrap().len(), MAX_PAGE);
    }
}

fn one_message_for_each_route_in_order(store: &dyn Store) {
    let first = with_report(incident("a"));
    store.put(&first, &routes(&["chat", "pager", "chat"]), at(0)).unwrap();
    let second = updated(&first, at(1));
    store.put(&second, &routes(&["chat"]), at(1)).unwrap();
    store.put(&incident("b"), &routes(&["chat"]), at(2)).unwrap();
    assert_eq!(store.notified_routes("a").unwrap(), ["chat", "pager"]);
    assert_eq!(keys(store, 2), ["a/1/chat", "a/1/pager", "b/1/chat"], "the second update waits for the first");
    assert_eq!(keys(store, 1), ["a/1/chat", "a/1/pager"], "what is not due is not told");
    assert_eq!(store.due_of("pager", at(2), 9).unwrap().len(), 1);
    assert_eq!(store.due(at(2), 2).unwrap().len(), 2);
    let waiting = store.waiting("chat", "a").unwrap();
    let line: Vec<_> = waiting.iter().map(|w| (w.key.as_str(), w.event)).collect();
    assert_eq!(line, [("a/1/chat", Event::Opened), ("a/2/chat", Event::Updated)]);

    let said = store.message("a/1/chat").unwrap().unwrap();
    assert_eq!((said.event, said.uncertain, &said.incident), (Event::Opened, false, &first));
    store.delivered("a/1/chat", Some("thread-7"), at(3)).unwrap();
    store.delivered("a/1/chat", Some("twice"), at(4)).unwrap();
    assert_eq!(store.message("a/1/chat").unwrap(), None);
    assert_eq!(store.message("a/1/pager").unwrap().unwrap().incident, first, "the other route has its copy still");
    assert_eq!(store.reply("chat", "a").unwrap().as_deref(), Some("thread-7"));
    assert_eq!((store.reply("pager", "a").unwrap(), store.reply("chat", "b").unwrap()), (None, None));
    assert_eq!(keys(store, 3), ["a/1/pager", "a/2/chat", "b/1/chat"]);
    store.delivered("a/2/chat", None, at(5)).unwrap();
    assert_eq!(store.reply("chat", "a").unwrap().as_deref(), Some("thread-7"), "no reply changes nothing");
}

fn messages_are_retried_folded_and_given_up(store: &dyn Store) {
    let first = incident("a");
    store.put(&first, &routes(&["chat"]), at(0)).unwrap();
    store.failed("a/1/chat", "503", Some(at(10))).unwrap();
    assert!(keys(store, 9).is_empty());
    let due = store.due(at(10), 1).unwrap();
    assert_eq!((due[0].attempts, due[0].queued), (1, at(0)));
    store.put(&updated(&first, at(11)), &routes(&["chat"]), at(11)).unwrap();
    store.failed("a/1/chat", "404: no such hook", None).unwrap();
    assert_eq!(keys(store, 11), ["a/2/chat"]);
    store.folded(&["a/2/chat".to_owned(), "a/9/nobody".to_owned()], at(12)).unwrap();
    let became: Vec<_> = store.deliveries("a").unwrap();
    let became: Vec<_> = became.iter().map(|d| (d.state, d.event, d.error.as_deref(), d.message.attempts)).collect();
    let given_up = (DeliveryState::GivenUp, Event::Opened, Some("404: no such hook"), 2);
    assert_eq!(became, [given_up, (DeliveryState::Folded, Event::Updated, None, 0)]);
    assert_eq!(store.outbox().unwrap(), OutboxState { waiting: 0, given_up: 1, oldest: None });
    store.failed("nowhere/1/chat", "x", None).unwrap();
}

fn an_attempt_without_an_outcome_is_remembered(store: &dyn Store) {
    store.put(&incident("a"), &routes(&["chat"]), at(0)).unwrap();
    let uncertain = || store.message("a/1/chat").unwrap().unwrap().uncertain;
    assert!(!uncertain());
    store.attempting("a/1/chat", at(1)).unwrap();
    assert!(uncertain(), "what a crash at this moment leaves behind");
    store.failed("a/1/chat", "503", Some(at(2))).unwrap();
    assert!(!uncertain(), "a refusal is an outcome");
    store.attempting("a/1/chat", at(2)).unwrap();
    store.unsure("a/1/chat", "timed out", Some(at(3))).unwrap();
    assert!(uncertain() && store.waiting("chat", "a").unwrap()[0].uncertain);
    assert_eq!(store.outbox().unwrap(), OutboxState { waiting: 1, given_up: 0, oldest: Some(at(0)) });
}

fn profiles_are_kept_by_period(store: &dyn Store) {
    let period = |a, b| Interval::new(at(a), at(b)).unwrap();
    for (from, to, json) in [(0, 60, "{\"v\":1}"), (60, 120, "{\"v\":2}"), (0, 60, "{\"v\":3}")] {
        store.put_profile("shop", period(from, to), json).unwrap();
    }
    store.put_profile("other", period(0, 60), "[]").unwrap();
    let got = |since, limit| -> Vec<String> {
        store.profiles("shop", at(since), limit).unwrap().into_iter().map(|p| p.json).collect()
    };
    assert_eq!(got(-1, 10), ["{\"v\":2}", "{\"v\":3}"]);
    assert_eq!((got(60, 10), got(-1, 1)), (vec!["{\"v\":2}".to_owned()], vec!["{\"v\":2}".to_owned()]));
    assert_eq!(store.profiles("shop", at(0), 9).unwrap()[0].period, period(60, 120));
    assert!(matches!(store.put_profile("shop", period(0, 60), "{"), Err(StoreError::Unfit { .. })));
}

fn case(id: &str, second: i64, cause: &str) -> ConfirmedCase {
    ConfirmedCase {
        id: id.into(),
        started: at(second),
        cause: cause.into(),
        anomaly: WeightedGraph::default(),
        precision: EQUAL_WEIGHTS,
    }
}

fn confirmed_cases_can_be_corrected_and_forgotten(store: &dyn Store) {
    assert_eq!(store.confirm(&case("b", 60, "user")).unwrap(), None);
    assert_eq!(store.confirm(&case("a", 0, "carts")).unwrap(), None);
    assert_eq!(store.confirm(&case("b", 60, "orders")).unwrap().as_deref(), Some("user"));
    assert_eq!(store.confirmed().unwrap(), [case("a", 0, "carts"), case("b", 60, "orders")]);
    assert!(store.forget("a").unwrap() && !store.forget("a").unwrap());
    assert_eq!(store.confirmed().unwrap().len(), 1);
}

/// Five old incidents: over and sent, over and not sent, open, confirmed, over and given up.
fn old_ones(store: &dyn Store) {
    for id in ["told", "untold", "open", "confirmed", "given-up"] {
        let first = incident(id);
        store.put(&first, &routes(&["chat"]), at(0)).unwrap();
        store.delivered(&format!("{id}/1/chat"), Some("r"), at(0)).unwrap();
        if id == "open" {
            continue;
        }
        let mut last = closed(&first, at(60));
        last.confirmed = (id == "confirmed").then(|| "user".to_owned());
        store.put(&last, &routes(&["chat"]), at(60)).unwrap();
        match id {
            "untold" => {}
            "given-up" => store.failed(&format!("{id}/2/chat"), "410", None).unwrap(),
            _ => store.delivered(&format!("{id}/2/chat"), None, at(61)).unwrap(),
        }
    }
    store.confirm(&case("old", 0, "carts")).unwrap();
    store.put_profile("shop", Interval::new(at(0), at(60)).unwrap(), "{}").unwrap();
}

fn only_what_is_over_and_told_is_pruned_by_age(store: &dyn Store) {
    old_ones(store);
    let keep = Retention { keep_days: 30, max_bytes: u64::MAX };
    let early = store.prune(at(29 * DAY_S), keep).unwrap();
    assert_eq!((early.incidents, early.messages, early.profiles), (0, 0, 0));
    let pruned = store.prune(at(31 * DAY_S), keep).unwrap();
    assert_eq!((pruned.incidents, pruned.profiles), (2, 1));
    only_what_must_stay_is_left(store);
    assert_eq!(store.notified_routes("told").unwrap(), Vec::<String>::new());
    assert_eq!(store.notified_routes("open").unwrap(), ["chat"], "it must hear of the end still");
    assert_eq!(store.deliveries("open").unwrap().len(), 0);
}

fn the_oldest_go_first_when_there_is_too_much(store: &dyn Store) {
    old_ones(store);
    let pruned = store.prune(at(100), Retention { keep_days: 30, max_bytes: 1 }).unwrap();
    assert_eq!((pruned.incidents, pruned.profiles), (2, 0));
    assert!(pruned.bytes > 1, "what must be kept is kept: {pruned:?}");
    only_what_must_stay_is_left(store);
}

fn only_what_must_stay_is_left(store: &dyn Store) {
    let mut left: Vec<String> = store.list(&IncidentFilter::default()).unwrap().into_iter().map(|i| i.id).collect();
    left.sort();
    assert_eq!(left, ["confirmed", "open", "untold"]);
    assert_eq!((store.confirmed().unwrap().len(), keys(store, 60)), (1, vec!["untold/2/chat".to_owned()]));
    assert!(store.message("untold/2/chat").unwrap().is_some());
    store.vacuum().unwrap();
    assert_eq!(store.list(&IncidentFilter::default()).unwrap().len(), 3);
}

fn incidents_move_from_store_to_store(store: &dyn Store) {
    let from = automap_server::store::memory::MemoryStore::default();
    let mut expected = Vec::new();
    for i in 0..MAX_PAGE + 3 {
        let mut one = with_report(incident(&format!("i{i:04}")));
        one.opened = at(i as i64);
        one.severity = Severity::Critical;
        from.put(&one, &[], at(0)).unwrap();
        expected.push(one);
    }
    let mut lines = Vec::new();
    let count = transfer::export(&from, &IncidentFilter::default(), &mut lines).unwrap();
    assert_eq!((count, lines.iter().filter(|b| **b == b'\n').count()), (203, 203));
    store.put(&expected[0], &[], at(0)).unwrap();
    let later = updated(&expected[0], at(9));
    store.put(&later, &[], at(9)).unwrap();
    let done = transfer::import(store, &mut lines.as_slice()).unwrap();
    assert_eq!((done.written, done.known), (202, 1), "what is kept in a later revision stays");
    assert_eq!(store.get("i0000").unwrap(), Some(later));
    assert_eq!(store.get("i0202").unwrap().as_ref(), expected.last());
    assert_eq!(store.outbox().unwrap(), OutboxState::default(), "nobody is told of what is imported");
    let again = transfer::import(store, &mut lines.as_slice()).unwrap();
    assert_eq!((again.written, again.known), (0, 203));
    let broken = transfer::import(store, &mut b"\n{\"id\": 3}\n".as_slice()).unwrap_err();
    assert!(broken.to_string().starts_with("line 2 is no incident: "), "{broken}");
}

fn memory(_: &str) -> (impl Store, impl Sized) {
    (automap_server::store::memory::MemoryStore::default(), ())
}

fn sqlite(name: &str) -> (impl Store, impl Sized) {
    let folder = common::Folder::new(name);
    (automap_server::store::sqlite::SqliteStore::open(&folder.join("a.db")).unwrap(), folder)
}

/// Each name is a function that makes an empty store and the values that must outlive it; for `server`, one test runs all with a schema for each.
macro_rules! contracts {
    ($($store:ident),*; $server:ident: $tests:tt) => { $(contracts!(@ $store $tests);)* contracts!(# $server $tests); };
    (@ $store:ident [$($test:ident),* $(,)?]) => {
        mod $store {
            $(#[test] fn $test() {
                let (store, _kept) = super::$store(stringify!($test));
                super::$test(&store);
            })*
        }
    };
    (# $server:ident [$($test:ident),* $(,)?]) => {
        #[cfg(all(unix, feature = "postgres"))]
        #[test]
        fn $server() {
            let Some(server) = common::postgres::Postgres::start("postgres") else { return };
            $({
                println!("{}", stringify!($test));
                $test(&of_schema(&server, stringify!($test)));
            })*
            beyond_the_contract(&server);
        }
    };
}

#[cfg(all(unix, feature = "postgres"))]
fn of_schema(server: &common::postgres::Postgres, schema: &str) -> automap_server::store::postgres::PostgresStore {
    server.run(&format!("CREATE SCHEMA {schema}"));
    automap_server::store::postgres::PostgresStore::open(&server.url(schema), None).unwrap()
}

/// Two replicas, a broken connection, a later version, and an unreachable server.
#[cfg(all(unix, feature = "postgres"))]
fn beyond_the_contract(server: &common::postgres::Postgres) {
    use automap_server::store::MaintenanceStore;
    use automap_server::store::postgres::PostgresStore;
    let open = |schema: &str| PostgresStore::open(&server.url(schema), None);
    let (one, two) = (of_schema(server, "pair"), open("pair").unwrap());
    common::two_change_one([&one, &two]);
    let ttl = Duration::from_secs(15);
    assert!(one.lease("shop", "a", at(0), ttl).unwrap() && !two.lease("shop", "b", at(14), ttl).unwrap());
    assert!(two.lease("shop", "b", at(15), ttl).unwrap(), "taken over after fifteen seconds");
    crate::lease_contract::sharing_at_the_same_moment_gives_nothing_to_two(&one, &two);

    server.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'automap'");
    let again = (0..3).find_map(|_| one.get("a").ok());
    assert_eq!(again.flatten().map(|i| i.revision), Some(101), "a broken connection is made anew");

    server.run("UPDATE pair.automap_tables SET version = 1000");
    assert!(matches!(open("pair"), Err(StoreError::TooNew { found: 1000, known: 1..1000, .. })));

    // Another program's tables are named in the error, and not touched.
    server.run("CREATE SCHEMA other; CREATE TABLE other.incidents (title TEXT); CREATE TABLE other.orders (a INT)");
    let error = open("other").unwrap_err().to_string();
    assert!(error.contains("tables of another program (schema other, tables incidents)"), "{error}");
    server.run("CREATE SCHEMA odd; CREATE TABLE odd.automap_tables (version TEXT)");
    let error = open("odd").unwrap_err().to_string();
    assert!(error.contains("a table automap_tables of another program (schema odd)"), "{error}");
    let error = open("no_such_schema").unwrap_err().to_string();
    assert!(error.contains("no schema of its search_path"), "{error}");

    // A read-only server.
    let standby = of_schema(server, "standby");
    standby.check_writable().unwrap();
    server.run("ALTER DATABASE postgres SET default_transaction_read_only = on");
    server.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'automap'");
    let refused = (0..3).filter_map(|_| standby.check_writable().err()).last().unwrap().to_string();
    assert!(refused.contains("read-only"), "{refused}");
    assert_eq!(standby.list(&IncidentFilter::default()).unwrap(), []);
    server.run("BEGIN READ WRITE; ALTER DATABASE postgres SET default_transaction_read_only = off; COMMIT");
    server.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'automap'");
    assert!((0..3).any(|_| standby.check_writable().is_ok()), "it recovers by itself");

    let url = "postgresql://me:hidden@127.0.0.1:1/incidents?sslmode=disable";
    let error = PostgresStore::open(url, None).unwrap_err().to_string();
    assert!(error.starts_with("PostgreSQL 127.0.0.1/incidents: ") && !error.contains("hidden"), "{error}");
    let error = PostgresStore::open("postgresql://me:hidden@[", None).unwrap_err().to_string();
    assert!(!error.contains("hidden"), "{error}");
}

contracts! {
    memory, sqlite; postgres_keeps_the_same_promises: [
        what_is_put_is_got_back_whole, a_change_must_follow_the_revision_it_is_based_on, history_is_only_added_to,
        an_import_overwrites_no_other_incident, listings_filter_and_page,
        a_page_has_a_limit, one_message_for_each_route_in_order, messages_are_retried_folded_and_given_up,
        an_attempt_without_an_outcome_is_remembered, leases_have_one_holder, replicas_share_targets_and_hand_them_over, profiles_are_kept_by_period,
        alerts_are_kept_until_they_end_or_expire, changes_are_kept_once_and_for_a_while, a_state_that_is_reported_again_is_no_change_and_one_that_came_back_is, mutes_are_kept_until_they_end, confirmed_cases_can_be_corrected_and_forgotten, only_what_is_over_and_told_is_pruned_by_age,
        the_oldest_go_first_when_there_is_too_much, incidents_move_from_store_to_store,
    ]
}
