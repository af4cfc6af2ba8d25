//! Properties of the file store alone: versions, several processes, released space.

use automap_core::time::Interval;
use automap_server::store::sqlite::SqliteStore;
use automap_server::store::{
    ConfirmedCaseStore, IncidentFilter, IncidentStore, MaintenanceStore, ProfileStore, Retention, StoreError,
};
use rusqlite::Connection;

use crate::common::{self, Folder, at, closed, incident};

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
    assert_eq!(raw.pragma_query_value(None, "user_version", |r| r.get::<_, i64>(0)).unwrap(), 6);
    assert_eq!(raw.pragma_query_value(None, "journal_mode", |r| r.get::<_, String>(0)).unwrap(), "wal");
    raw.pragma_update(None, "user_version", 1000).unwrap();
    drop(raw);
    let refused = SqliteStore::open(&path).unwrap_err();
    assert!(matches!(refused, StoreError::TooNew { found: 1000, known: 6, .. }), "{refused}");
    let none = SqliteStore::open(&folder.join("no/such/folder.db")).unwrap_err();
    assert!(none.to_string().contains("folder.db"), "{none}");
}

#[test]
fn another_programs_file_is_named_and_left_as_it_is() {
    let folder = Folder::new("foreign");
    let path = folder.join("notes.db");
    let raw = Connection::open(&path).unwrap();
    raw.execute_batch(
        "CREATE TABLE incidents (title TEXT); CREATE TABLE \"evil\u{1b}[2J\" (a); CREATE TABLE notes (a);",
    )
    .unwrap();
    drop(raw);
    let before = std::fs::read(&path).unwrap();
    let error = SqliteStore::open(&path).unwrap_err();
    let text = error.to_string();
    assert!(matches!(error, StoreError::Foreign { .. }), "{text}");
    assert!(
        text.contains("notes.db is an SQLite database of another program (tables evil[2J, incidents, notes)"),
        "{text:?}"
    );
    assert!(text.contains("--store") && !text.contains('\u{1b}'), "{text:?}");
    assert_eq!(std::fs::read(&path).unwrap(), before, "nothing was changed in it");

    // A mark or a version of another program is enough, even without tables, and even with a table of the same name as ours.
    for (i, batch) in [
        "PRAGMA application_id = 7",
        "PRAGMA user_version = 12",
        "CREATE TABLE confirmed (id TEXT); PRAGMA user_version = 1",
        "CREATE TABLE t0 (a); CREATE TABLE t1 (a); CREATE TABLE t2 (a); CREATE TABLE t3 (a); CREATE TABLE t4 (a); CREATE TABLE t5 (a)",
    ]
    .iter()
    .enumerate()
    {
        let path = folder.join(&format!("{i}.db"));
        Connection::open(&path).unwrap().execute_batch(batch).unwrap();
        let error = SqliteStore::open(&path).unwrap_err();
        assert!(matches!(error, StoreError::Foreign { .. }), "{batch}: {error}");
    }
    let text = folder.file("text.db", &"not a database at all ".repeat(100));
    assert!(SqliteStore::open(&text).unwrap_err().to_string().contains("is not an SQLite database"));
    drop(SqliteStore::open(&folder.file("empty.db", "")).unwrap());
}

#[test]
fn the_file_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new("modes");
    let mode = |name: &str| std::fs::metadata(folder.join(name)).unwrap().permissions().mode() & 0o777;
    let set = |name: &str, mode| std::fs::set_permissions(folder.join(name), PermissionsExt::from_mode(mode)).unwrap();
    let store = SqliteStore::open(&folder.join("a.db")).unwrap();
    store.put(&incident("a"), &[], at(0)).unwrap();
    assert_eq!([mode("a.db"), mode("a.db-wal"), mode("a.db-shm")], [0o600; 3]);
    // Permissions of files from an earlier version are restricted, even while they are in use.
    ["a.db", "a.db-wal", "a.db-shm"].iter().for_each(|name| set(name, 0o644));
    let again = SqliteStore::open(&folder.join("a.db")).unwrap();
    assert_eq!([mode("a.db"), mode("a.db-wal"), mode("a.db-shm")], [0o600; 3]);
    assert_eq!(again.get("a").unwrap(), store.get("a").unwrap());
    drop((store, again));
    // Write permission for a group was given on purpose.
    for (given, kept) in [(0o664, 0o660), (0o640, 0o600), (0o600, 0o600)] {
        set("a.db", given);
        drop(SqliteStore::open(&folder.join("a.db")).unwrap());
        assert_eq!(mode("a.db"), kept);
    }
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
