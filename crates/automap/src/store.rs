//! Where automap's memory is: one SQLite file, the same for `confirm` and for the server.

use std::path::PathBuf;

use anyhow::{Context, Result, anyhow, bail};
use automap_server::store::sqlite::SqliteStore;
use clap::Args;

/// Where the memory is.
#[derive(Args, Clone, Debug)]
pub(crate) struct StoreArgs {
    /// The SQLite file that holds confirmed incidents [default: automap/automap.db in the user's data folder]
    #[arg(long, value_name = "FILE", help_heading = "Memory")]
    store: Option<PathBuf>,
}

impl StoreArgs {
    /// Opens the store, made anew where there is none.
    pub(crate) fn open(&self) -> Result<SqliteStore> {
        let path = self.path()?;
        if let Some(dir) = path.parent().filter(|dir| !dir.as_os_str().is_empty()) {
            std::fs::create_dir_all(dir).with_context(|| dir.display().to_string())?;
        }
        Ok(SqliteStore::open(&path)?)
    }

    /// Opens the store if there is one. One that was asked for by name must exist.
    pub(crate) fn open_existing(&self) -> Result<Option<SqliteStore>> {
        let Ok(path) = self.path() else { return Ok(None) };
        match (path.exists(), &self.store) {
            (true, _) => Ok(Some(SqliteStore::open(&path)?)),
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
