//! What every store must do, whatever the database.

use automap_core::incident::{Incident, IncidentState, NamedCause};
use automap_core::time::Timestamp;

use super::{Cursor, IncidentFilter, MemoryStore, SqliteStore, Store, StoreError};

fn t(s: i64) -> Timestamp {
    Timestamp::from_ms(1_763_906_595_000 + s * 1000)
}

fn incident(id: &str, opened: i64) -> Incident {
    Incident { revision: 1, ..Incident::new(id, "shop", t(opened), t(opened)) }
}

fn routes(names: &[&str]) -> Vec<String> {
    names.iter().map(|n| (*n).to_owned()).collect()
}

fn keys(store: &dyn Store, at: i64) -> Vec<String> {
    store.due(t(at), 10).unwrap().into_iter().map(|m| m.key).collect()
}

/// Each store in turn, empty.
fn each(check: impl Fn(&dyn Store)) {
    check(&MemoryStore::default());
    let dir =
        std::env::temp_dir().join(format!("automap-store-{}-{:?}", std::process::id(), std::thread::current().id()));
    std::fs::create_dir_all(&dir).unwrap();
    check(&SqliteStore::open(&dir.join("automap.db")).unwrap());
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn revisions_follow_one_another() {
    each(|store| {
        let first = incident("a", 0);
        store.put(&first, &[], t(0)).unwrap();
        assert_eq!(store.get("a").unwrap(), Some(first.clone()));
        let conflict = store.put(&first, &routes(&["chat"]), t(1)).unwrap_err();
        assert!(matches!(conflict, StoreError::Conflict { found: 1, expected: 0, .. }), "{conflict}");
        assert_eq!(keys(store, 9), [""; 0], "a refused change tells nobody");
        let second = Incident { revision: 2, confirmed: Some("db".into()), ..first };
        store.put(&second, &[], t(2)).unwrap();
        assert_eq!(store.get("a").unwrap(), Some(second));
        assert_eq!(store.get("b").unwrap(), None);
    });
}

#[test]
fn listings_filter_and_turn_pages() {
    each(|store| {
        for (id, opened) in [("a", 0), ("b", 10), ("c", 10), ("d", 20)] {
            store.put(&incident(id, opened), &[], t(opened)).unwrap();
        }
        let cause = Some(NamedCause { service: "db".into(), mechanism: None, confidence: 0.9 });
        let closed =
            Incident { revision: 2, state: IncidentState::Closed, closed: Some(t(30)), cause, ..incident("b", 10) };
        store.put(&closed, &[], t(30)).unwrap();
        let ids = |filter: IncidentFilter| -> Vec<String> {
            store.list(&filter).unwrap().into_iter().map(|i| i.id).collect()
        };
        let all = IncidentFilter::default;
        assert_eq!(ids(all()), ["d", "c", "b", "a"]);
        assert_eq!(ids(IncidentFilter { limit: 2, ..all() }), ["d", "c"]);
        let after = Some(Cursor { opened: t(10), id: "c".into() });
        assert_eq!(ids(IncidentFilter { after, ..all() }), ["b", "a"]);
        assert_eq!(ids(IncidentFilter { states: vec![IncidentState::Closed], ..all() }), ["b"]);
        assert_eq!(ids(IncidentFilter { cause: Some("db".into()), ..all() }), ["b"]);
        assert_eq!(ids(IncidentFilter { since: Some(t(10)), until: Some(t(20)), ..all() }), ["c", "b"]);
        assert_eq!(ids(IncidentFilter { target: Some("' OR 1=1 --".into()), ..all() }), [""; 0]);
    });
}

#[test]
fn messages_go_out_in_order_once_and_are_never_lost() {
    each(|store| {
        let mut one = incident("a", 0);
        store.put(&one, &routes(&["chat", "page"]), t(0)).unwrap();
        one.revision = 2;
        store.put(&one, &routes(&["chat"]), t(1)).unwrap();
        assert_eq!(keys(store, 1), ["a/1/chat", "a/1/page"], "the second waits for the first");
        store.failed("a/1/chat", "refused", Some(t(60))).unwrap();
        assert_eq!(keys(store, 1), ["a/1/page"], "a first that waits holds up the second");
        assert_eq!(store.due(t(60), 10).unwrap()[0].attempts, 1);
        store.delivered("a/1/chat", Some("thread-7"), t(61)).unwrap();
        assert_eq!(store.reply("chat", "a").unwrap().as_deref(), Some("thread-7"));
        assert_eq!(store.reply("page", "a").unwrap(), None);
        assert_eq!(keys(store, 61), ["a/1/page", "a/2/chat"]);
        store.failed("a/1/page", "404", None).unwrap();
        store.delivered("a/2/chat", None, t(62)).unwrap();
        assert_eq!(keys(store, 99), [""; 0]);
        assert_eq!(store.reply("chat", "a").unwrap().as_deref(), Some("thread-7"), "no reply replaces none");
    });
}

/// A file of its own for tests of SQLite.
fn file(name: &str) -> std::path::PathBuf {
    let dir = std::env::temp_dir().join(format!("automap-sqlite-{name}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&dir);
    std::fs::create_dir_all(&dir).unwrap();
    dir.join("automap.db")
}

#[test]
fn a_file_of_the_first_version_is_brought_up_and_one_of_a_later_refused() {
    let path = file("versions");
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection
        .execute_batch(
            "CREATE TABLE confirmed (id TEXT PRIMARY KEY, started_ms INTEGER NOT NULL, cause TEXT NOT NULL,
             anomaly TEXT NOT NULL, precision TEXT NOT NULL) STRICT; PRAGMA user_version = 1;",
        )
        .unwrap();
    drop(connection);
    let store = SqliteStore::open(&path).unwrap();
    store.put(&incident("a", 0), &[], t(0)).unwrap();
    assert_eq!(store.confirmed().unwrap().len(), 0);
    drop(store);
    assert!(SqliteStore::open(&path).unwrap().get("a").unwrap().is_some(), "it is on the disk");
    rusqlite::Connection::open(&path).unwrap().execute_batch("PRAGMA user_version = 99").unwrap();
    let error = SqliteStore::open(&path).unwrap_err();
    assert!(matches!(error, StoreError::TooNew { found: 99, .. }) && error.to_string().contains("use that one"));
    std::fs::remove_dir_all(path.parent().unwrap()).unwrap();
}

#[test]
fn old_incidents_are_forgotten_but_no_open_one_and_no_undelivered_message() {
    let path = file("retention");
    let store = SqliteStore::open(&path).unwrap();
    let close = |id: &str, at: i64, routes: &[String]| {
        store.put(&incident(id, at), &[], t(at)).unwrap();
        let title = "x".repeat(20_000);
        let closed =
            Incident { revision: 2, state: IncidentState::Closed, closed: Some(t(at + 5)), title, ..incident(id, at) };
        store.put(&closed, routes, t(at + 5)).unwrap();
    };
    store.put(&incident("open", 0), &[], t(0)).unwrap();
    close("told", 1, &[]);
    close("untold", 2, &routes(&["chat"]));
    assert_eq!(store.forget_before(t(100)).unwrap(), 1);
    let left: Vec<String> = store.list(&IncidentFilter::default()).unwrap().into_iter().map(|i| i.id).collect();
    assert_eq!(left, ["untold", "open"]);
    (0..40).for_each(|i| close(&format!("n{i:02}"), 200 + i, &[]));
    assert!(store.shrink_to(400_000).unwrap() > 10);
    assert!(std::fs::metadata(&path).unwrap().len() <= 400_000);
    assert!(store.get("n39").unwrap().is_some() && store.get("n00").unwrap().is_none(), "the oldest go first");
    std::fs::remove_dir_all(path.parent().unwrap()).unwrap();
}
