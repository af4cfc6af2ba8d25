//! The store of incidents: one SQLite file, shared by every command, or the PostgreSQL server that a configuration names.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, anyhow, bail};
use automap_server::config::{Config, StoreConfig};
use automap_server::store::Store;
use automap_server::store::sqlite::SqliteStore;
use clap::Args;

/// Which store to use.
#[derive(Args, Clone, Debug)]
pub(crate) struct StoreArgs {
    /// SQLite file of incidents, including confirmed ones [default: automap/automap.db in the user's data folder]
    #[arg(long, value_name = "FILE", help_heading = "Memory")]
    store: Option<PathBuf>,
}

/// The same, for commands that read what a watcher stored.
#[derive(Args, Clone, Debug)]
pub(crate) struct KeptArgs {
    /// Configuration of the watcher: where incidents are stored and who is notified
    #[arg(long, short, value_name = "FILE", conflicts_with = "store", help_heading = "Memory")]
    config: Option<PathBuf>,
    #[command(flatten)]
    store: StoreArgs,
}

/// An open store.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) store: Arc<dyn Store>,
    /// For people.
    pub(crate) place: String,
    /// Locked by the process that watches.
    pub(crate) lock: PathBuf,
}

impl StoreArgs {
    /// Opens the store; creates it if there is none.
    pub(crate) fn open(&self) -> Result<Opened> {
        file(&self.path()?)
    }

    /// Opens the store if there is one. A store named by the user must exist.
    pub(crate) fn open_existing(&self) -> Result<Option<Opened>> {
        let Ok(path) = self.path() else { return Ok(None) };
        existing(&path, self.store.is_some())
    }

    /// The store of a configuration, unless the command line names another.
    pub(crate) fn open_configured(&self, store_config: &StoreConfig) -> Result<Opened> {
        match (&self.store, &store_config.postgres, &store_config.file) {
            (Some(_), _, _) | (None, None, None) => self.open(),
            (None, Some(_), _) => server(store_config),
            (None, None, Some(path)) => file(path),
        }
    }

    fn path(&self) -> Result<PathBuf> {
        if let Some(path) = &self.store {
            return Ok(path.clone());
        }
        let data = std::env::var_os("XDG_DATA_HOME").filter(|v| !v.is_empty()).map(PathBuf::from);
        let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/share"));
        let data = data.or_else(home).ok_or_else(|| anyhow!("XDG_DATA_HOME and HOME are unset; give --store FILE"))?;
        Ok(data.join("automap/automap.db"))
    }
}

impl KeptArgs {
    /// The watcher's configuration, if given.
    pub(crate) fn configuration(&self) -> Result<Option<Config>> {
        self.config.as_deref().map(|path| Ok(Config::read(path)?)).transpose()
    }

    /// Opens the store; creates it if there is none.
    pub(crate) fn open(&self) -> Result<Opened> {
        match self.configuration()? {
            Some(config) => self.store.open_configured(&config.store),
            None => self.store.open(),
        }
    }

    /// Opens an existing store.
    pub(crate) fn open_existing(&self) -> Result<Opened> {
        let opened = match self.configuration()?.map(|c| c.store) {
            Some(store_config) if store_config.postgres.is_some() => Some(server(&store_config)?),
            Some(StoreConfig { file: Some(path), .. }) => existing(&path, true)?,
            _ => self.store.open_existing()?,
        };
        opened.context(
            "there is no store yet: `automap watch` creates one; give --store FILE or --config FILE if yours is elsewhere",
        )
    }
}

fn file(path: &Path) -> Result<Opened> {
    if let Some(dir) = path.parent().filter(|dir| !dir.as_os_str().is_empty()) {
        std::fs::create_dir_all(dir).with_context(|| dir.display().to_string())?;
    }
    let mut lock = path.as_os_str().to_owned();
    lock.push(".lock");
    let store = Arc::new(SqliteStore::open(path)?);
    Ok(Opened { store, place: path.display().to_string(), lock: lock.into() })
}

fn existing(path: &Path, is_named: bool) -> Result<Option<Opened>> {
    match (path.exists(), is_named) {
        (true, _) => Ok(Some(file(path)?)),
        (false, false) => Ok(None),
        (false, true) => bail!("{} does not exist; `automap confirm` and `automap watch` create it", path.display()),
    }
}

#[cfg(feature = "postgres")]
fn server(store_config: &StoreConfig) -> Result<Opened> {
    use automap_server::store::postgres::PostgresStore;
    use automap_sources::secret::ExposeSecret;

    let Some(address) = &store_config.postgres else { bail!("store.postgres names no server") };
    let url = address.read().map_err(|e| anyhow!("store.postgres: {e}"))?;
    let store = PostgresStore::open(url.expose_secret(), store_config.postgres_ca_file.as_deref())?;
    let place = store.place().to_owned();
    Ok(Opened { store: Arc::new(store), place, lock: std::env::temp_dir().join("automap-postgres.lock") })
}

#[cfg(not(feature = "postgres"))]
fn server(_: &StoreConfig) -> Result<Opened> {
    bail!("store.postgres: this automap was built without PostgreSQL; build it with `--features postgres`")
}
