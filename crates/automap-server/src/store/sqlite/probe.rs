//! Whether the file can be written. A read-only file system and a full disk let everything be read, and even small writes succeed on a full
//! disk while the write-ahead log has room: after a write that failed, the probe is as large as an incident with its report.

use std::path::Path;
use std::sync::atomic::Ordering;

use rusqlite::ErrorCode;
use rusqlite::params;

use super::{SqliteStore, Trouble};
use crate::store::StoreError;

/// Space that must be left on the disk.
const MIN_FREE_BYTES: u64 = 1 << 20;
/// What is written after a write that failed: a large incident.
const LARGE_BYTES: usize = 256 << 10;

impl SqliteStore {
    /// Writes and commits one row.
    pub(super) fn probe(&self) -> Result<(), StoreError> {
        if let Some(free) = free_bytes(&self.path).filter(|free| *free < MIN_FREE_BYTES) {
            let message = format!("only {} KiB are left on its disk", free >> 10);
            return Err(StoreError::Database { place: self.path.display().to_string(), message });
        }
        let has_failed = self.has_write_failed.load(Ordering::Acquire);
        if has_failed {
            self.write_probe(&"x".repeat(LARGE_BYTES))?;
            self.has_write_failed.store(false, Ordering::Release);
        }
        self.write_probe("")
    }

    fn write_probe(&self, text: &str) -> Result<(), StoreError> {
        self.write(|t| {
            // A different text each time: unchanged data is not written.
            t.prepare_cached(
                "INSERT INTO leases (target, holder, until_ms) VALUES ('#writable', ?1 || 'a', 0) ON CONFLICT (target) DO UPDATE SET
                 holder = CASE leases.holder WHEN ?1 || 'a' THEN ?1 || 'b' ELSE ?1 || 'a' END",
            )?
            .execute(params![text])?;
            Ok(())
        })
    }

    /// Remembers whether a write failed for a reason that will affect the next one as well.
    pub(super) fn note_write<T>(&self, result: &Result<T, Trouble>) {
        use ErrorCode::{CannotOpen, DiskFull, PermissionDenied, ReadOnly, SystemIoFailure};
        if let Err(Trouble::Sql(error)) = result
            && matches!(
                error.sqlite_error_code(),
                Some(CannotOpen | DiskFull | PermissionDenied | ReadOnly | SystemIoFailure)
            )
        {
            self.has_write_failed.store(true, Ordering::Release);
        }
    }
}

/// The free bytes for this user on the disk of a file; `None` if the system does not say.
fn free_bytes(path: &Path) -> Option<u64> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let disk = rustix::fs::statvfs(folder).ok()?;
    Some(disk.f_bavail.saturating_mul(disk.f_frsize))
}

#[cfg(test)]
mod tests {
    use automap_core::time::Timestamp;

    use super::*;
    use crate::store::{AlertStore, IncidentFilter, IncidentStore, LeaseStore, MaintenanceStore, ProfileStore};

    fn pragma(store: &SqliteStore, name: &str, value: i64) {
        store.connection().pragma_update(None, name, value).unwrap();
    }

    /// A profile too large for what is left.
    fn write(store: &SqliteStore) -> Result<(), StoreError> {
        let period = automap_core::time::Interval::new(Timestamp::from_ms(0), Timestamp::from_ms(1)).unwrap();
        store.put_profile("shop", period, &format!("\"{}\"", "x".repeat(300 << 10)))
    }

    #[test]
    fn a_full_disk_is_told_after_a_write_failed_and_seen_to_be_over() {
        let dir = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&dir.path().join("a.db")).unwrap();
        store.check_writable().unwrap();
        let pages = store.connection().pragma_query_value(None, "page_count", |row| row.get::<_, i64>(0)).unwrap();
        pragma(&store, "max_page_count", pages);
        assert!(write(&store).unwrap_err().to_string().contains("full"));
        for _ in 0..2 {
            assert!(store.check_writable().unwrap_err().to_string().contains("full"), "and stays told");
        }
        // A small write that still fits does not change that.
        assert!(store.lease("shop", "a", Timestamp::from_ms(0), std::time::Duration::from_secs(1)).unwrap());
        assert!(store.check_writable().is_err());
        assert_eq!(store.list(&IncidentFilter::default()).unwrap(), [], "it can be read");
        pragma(&store, "max_page_count", 1 << 20);
        store.check_writable().unwrap();
        write(&store).unwrap();
    }

    #[test]
    fn a_read_only_store_is_told_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&dir.path().join("a.db")).unwrap();
        store.check_writable().unwrap();
        pragma(&store, "query_only", 1);
        assert!(store.check_writable().is_err());
        assert_eq!(store.firing_alerts("shop", Timestamp::from_ms(0)).unwrap(), []);
        pragma(&store, "query_only", 0);
        store.check_writable().unwrap();
    }
}
