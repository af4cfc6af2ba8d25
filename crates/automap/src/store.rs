//! What automap remembers: one SQLite file. Confirmed incidents for now; incidents and profiles of watch mode will share it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use automap_core::rank::metric_weights::ConfirmedCase;
use automap_core::time::Timestamp;
use clap::Args;
use rusqlite::{Connection, OptionalExtension, params};

/// Version of the tables; a file of a later one is refused, an earlier one brought up.
const VERSION: i64 = 1;
/// How long to wait for another process that writes.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Confirmed incidents that are read, the latest ones.
const MAX_CONFIRMED: i64 = 1000;

/// Where the memory is.
#[derive(Args, Clone, Debug)]
pub(crate) struct StoreArgs {
    /// The SQLite file that holds confirmed incidents [default: automap/automap.db in the user's data folder]
    #[arg(long, value_name = "FILE", help_heading = "Memory")]
    store: Option<PathBuf>,
}

impl StoreArgs {
    /// Opens the store, made anew where there is none.
    pub(crate) fn open(&self) -> Result<Store> {
        let path = self.path()?;
        if let Some(dir) = path.parent().filter(|dir| !dir.as_os_str().is_empty()) {
            std::fs::create_dir_all(dir).with_context(|| dir.display().to_string())?;
        }
        Store::open(&path)
    }

    /// Opens the store if there is one. One that was asked for by name must exist.
    pub(crate) fn open_existing(&self) -> Result<Option<Store>> {
        let Ok(path) = self.path() else { return Ok(None) };
        match (path.exists(), &self.store) {
            (true, _) => Store::open(&path).map(Some),
            (false, None) => Ok(None),
            (false, Some(path)) => {
                bail!("{} does not exist; `automap confirm` makes it", path.display())
            }
        }
    }

    fn path(&self) -> Result<PathBuf> {
        if let Some(path) = &self.store {
            return Ok(path.clone());
        }
        let data = std::env::var_os("XDG_DATA_HOME").filter(|v| !v.is_empty()).map(PathBuf::from);
        let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/share"));
        let data = data.or_else(home).ok_or_else(|| anyhow!("no data folder is known; give --store FILE"))?;
        Ok(data.join("automap/automap.db"))
    }
}

/// Id, start in milliseconds, cause, anomaly graph and precisions as JSON.
type Row = (String, i64, String, String, String);

/// The open file.
#[derive(Debug)]
pub(crate) struct Store {
    connection: Connection,
    path: PathBuf,
}

impl Store {
    /// Opens or makes the file and brings its tables up to date.
    fn open(path: &Path) -> Result<Self> {
        let opened = || -> rusqlite::Result<(Connection, i64)> {
            let connection = Connection::open(path)?;
            connection.busy_timeout(BUSY_TIMEOUT)?;
            connection.pragma_update(None, "journal_mode", "WAL")?;
            let version = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
            Ok((connection, version))
        };
        let (connection, version) = opened().with_context(|| path.display().to_string())?;
        if version > VERSION {
            bail!("{} is of a later automap (tables {version}, known {VERSION}); use that one", path.display());
        }
        let store = Self { connection, path: path.to_owned() };
        if version < 1 {
            store.migrate().with_context(|| path.display().to_string())?;
        }
        Ok(store)
    }

    fn migrate(&self) -> rusqlite::Result<()> {
        self.connection.execute_batch(
            "BEGIN IMMEDIATE;
             CREATE TABLE IF NOT EXISTS confirmed (
                 id TEXT PRIMARY KEY, started_ms INTEGER NOT NULL, cause TEXT NOT NULL,
                 anomaly TEXT NOT NULL, precision TEXT NOT NULL
             ) STRICT;
             PRAGMA user_version = 1;
             COMMIT;",
        )
    }

    /// Keeps a confirmed incident. Returns the cause that was confirmed for it before.
    pub(crate) fn confirm(&self, case: &ConfirmedCase) -> Result<Option<String>> {
        let before = || -> rusqlite::Result<Option<String>> {
            let transaction = self.connection.unchecked_transaction()?;
            let before = transaction
                .query_row("SELECT cause FROM confirmed WHERE id = ?1", [&case.id], |row| row.get(0))
                .optional()?;
            let json = |value: Result<String, serde_json::Error>| {
                value.map_err(|e| rusqlite::Error::ToSqlConversionFailure(Box::new(e)))
            };
            transaction.execute(
                "INSERT OR REPLACE INTO confirmed (id, started_ms, cause, anomaly, precision) VALUES (?1, ?2, ?3, ?4, ?5)",
                params![
                    case.id,
                    case.started.ms(),
                    case.cause,
                    json(serde_json::to_string(&case.anomaly))?,
                    json(serde_json::to_string(&case.precision))?
                ],
            )?;
            transaction.commit()?;
            Ok(before)
        };
        before().with_context(|| self.path.display().to_string())
    }

    /// Forgets one; whether it was there.
    pub(crate) fn forget(&self, id: &str) -> Result<bool> {
        let gone = self.connection.execute("DELETE FROM confirmed WHERE id = ?1", [id]);
        Ok(gone.with_context(|| self.path.display().to_string())? > 0)
    }

    /// All confirmed incidents, the earliest first; the latest thousand of them.
    pub(crate) fn confirmed(&self) -> Result<Vec<ConfirmedCase>> {
        let rows = || -> rusqlite::Result<Vec<Row>> {
            let mut query = self.connection.prepare(
                "SELECT id, started_ms, cause, anomaly, precision FROM
                 (SELECT * FROM confirmed ORDER BY started_ms DESC, id LIMIT ?1) ORDER BY started_ms, id",
            )?;
            let rows = query.query_map([MAX_CONFIRMED], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?))
            })?;
            rows.collect()
        };
        let rows = rows().with_context(|| self.path.display().to_string())?;
        let case = |(id, started, cause, anomaly, precision): Row| {
            let place = || format!("{}: incident {id}", self.path.display());
            Ok(ConfirmedCase {
                anomaly: serde_json::from_str(&anomaly).with_context(place)?,
                precision: serde_json::from_str(&precision).with_context(place)?,
                started: Timestamp::from_ms(started),
                cause,
                id,
            })
        };
        rows.into_iter().map(case).collect()
    }

    /// Where it lies.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}
