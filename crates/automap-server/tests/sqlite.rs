//! What holds for the file alone: versions, several processes, what is given back.

mod common;

use automap_core::time::Interval;
use automap_server::store::sqlite::SqliteStore;
use automap_server::store::{
    ConfirmedCaseStore, IncidentFilter, IncidentStore, MaintenanceStore, ProfileStore, Retention, StoreError,
};
use common::{Folder, at, closed, incident};
use rusqlite::Connection;

#[test]
fn a_file_of_version_1_is_brought_up_with_its_cases() {
    let folder = Folder::new("version-1");
    let path = folder.join("a.db");
    let old = Connection::open(&path).unwrap();
    old.execute_batch(
        "CREATE TABLE confirmed (id TEXT PRIMARY KEY, started_ms INTEGER NOT NULL, cause TEXT NOT NULL,
         anomaly TEXT NOT NULL, precision TEXT NOT NULL) STRICT;
         INSERT INTO confirmed VALUES ('monday', 7, 'carts', '{\"services\":[],\"edges\":[]}', '[0,0,0,0,0,0,0]');
         PRAGMA user_version = 1;",
    )
    .unwrap();
    drop(old);
    let store = SqliteStore::open(&path).unwrap();
    assert_eq!(store.confirmed().unwrap()[0].cause, "carts");
    store.put(&incident("a"), &[], at(0)).unwrap();
    drop(store);
    let raw = Connection::open(&path).unwrap();
    assert_eq!(raw.pragma_query_value(None, "user_version", |r| r.get::<_, i64>(0)).unwrap(), 3);
    assert_eq!(raw.pragma_query_value(None, "journal_mode", |r| r.get::<_, String>(0)).unwrap(), "wal");
    raw.pragma_update(None, "user_version", 4).unwrap();
    drop(raw);
    let refused = SqliteStore::open(&path).unwrap_err();
    assert!(matches!(refused, StoreError::TooNew { found: 4, known: 3, .. }), "{refused}");
    let none = SqliteStore::open(&folder.join("no/such/folder.db")).unwrap_err();
    assert!(none.to_string().contains("folder.db"), "{none}");
}

#[test]
fn two_that_write_the_same_file_do_not_lose_each_others_changes() {
    let folder = Folder::new("two");
    let path = folder.join("a.db");
    let stores = [SqliteStore::open(&path).unwrap(), SqliteStore::open(&path).unwrap()];
    common::two_change_one([&stores[0], &stores[1]]);
}

#[test]
fn what_is_forgotten_is_given_back() {
    let folder = Folder::new("vacuum");
    let path = folder.join("a.db");
    let store = SqliteStore::open(&path).unwrap();
    for i in 0..200 {
        let mut one = closed(&incident(&format!("i{i:03}")), at(60));
        (one.revision, one.opened) = (1, at(i));
        one.timeline[0].text = "x".repeat(20_000);
        store.put(&one, &[], at(60)).unwrap();
    }
    let size = || std::fs::metadata(&path).unwrap().len();
    store.vacuum().unwrap();
    let full = size();
    let max_bytes = full / 2;
    let pruned = store.prune(at(100), Retention { keep_days: 365, max_bytes }).unwrap();
    assert!(pruned.bytes <= max_bytes && pruned.incidents >= 100 && pruned.incidents <= 140, "{pruned:?}");
    store.vacuum().unwrap();
    assert!(size() <= max_bytes && size() > full / 4, "{} of {full}", size());
    let left = store.list(&IncidentFilter::default()).unwrap();
    assert_eq!((left[0].id.as_str(), left.len() as u64), ("i199", 200 - pruned.incidents), "the oldest went");
}

#[test]
fn a_row_that_is_damaged_is_named() {
    let folder = Folder::new("damaged");
    let path = folder.join("a.db");
    let store = SqliteStore::open(&path).unwrap();
    store.put(&incident("a"), &[], at(0)).unwrap();
    store.put_profile("shop", Interval::new(at(0), at(1)).unwrap(), "{}").unwrap();
    Connection::open(&path).unwrap().execute("UPDATE incidents SET body = '{'", []).unwrap();
    let error = store.get("a").unwrap_err().to_string();
    assert!(error.contains("a.db") && error.contains("incident a cannot be read"), "{error}");
}
