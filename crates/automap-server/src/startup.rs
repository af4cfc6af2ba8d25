//! Start-up checks that need no network, so that `config check` finds errors before `serve` does.
//!
//! Runs the same code that starts the service (addresses, certificates, tokens, objectives), on a store in memory, and drops the result. It does not
//! check whether servers answer, credentials are right or ports are free: that depends on the moment.

use std::sync::Arc;

use crate::api::{ApiError, App, Dependencies};
use crate::config::{Config, StoreConfig};
use crate::live_system::{LiveSystem, SetupError};
#[cfg(feature = "postgres")]
use crate::secret::ExposeSecret;
use crate::store::Store;
use crate::store::memory::MemoryStore;
use crate::watcher::{Clock, SystemClock};

/// Why the service would not start.
#[derive(Debug, thiserror::Error)]
pub enum StartupError {
    /// The watcher: targets, objectives, certificates.
    #[error(transparent)]
    Watcher(#[from] SetupError),
    /// The API: tokens, passwords, keys, certificates.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// The address of the PostgreSQL server.
    #[error("store.postgres: {0}")]
    Postgres(String),
}

/// Checks a configuration as `serve` does when it starts.
///
/// # Errors
/// [`StartupError`], for the first thing that start-up would refuse.
pub fn check(config: &Config) -> Result<(), StartupError> {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
    let system = Arc::new(LiveSystem::new(config, &store)?);
    App::open(config.api.clone(), Dependencies { system, store, clock: || SystemClock.now() })?;
    check_postgres(&config.store).map_err(StartupError::Postgres)
}

#[cfg(feature = "postgres")]
fn check_postgres(store_config: &StoreConfig) -> Result<(), String> {
    let Some(address) = &store_config.postgres else { return Ok(()) };
    let url = address.read().map_err(|e| e.to_string())?;
    crate::store::postgres::check_address(url.expose_secret(), store_config.postgres_ca_file.as_deref())
        .map_err(|e| e.to_string())
}

#[cfg(not(feature = "postgres"))]
fn check_postgres(store_config: &StoreConfig) -> Result<(), String> {
    match &store_config.postgres {
        Some(_) => Err("this automap was built without PostgreSQL; build it with `--features postgres`".to_owned()),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn refused(more: &str) -> String {
        let target = "targets: [{name: shop, namespace: shop, prometheus: {url: 'http://p:9090'}}]\n";
        let config = Config::parse(&format!("{target}{more}"), Path::new("automap.yaml")).unwrap();
        check(&config).map_or_else(|e| e.to_string(), |()| String::new())
    }

    #[test]
    fn what_start_up_refuses_is_found_by_the_check() {
        assert_eq!(refused(""), "");
        let nothing = check(&Config::default()).unwrap_err().to_string();
        assert!(nothing.contains("no target"), "{nothing}");
        for (more, part) in [
            ("api: {auth: {tokens: [{name: bot, role: viewer, from: {file: /nowhere/token}}]}}", "/nowhere/token"),
            ("api: {tls: {cert_file: /nowhere/cert, key_file: /nowhere/key}}", "/nowhere/cert"),
            ("store: {postgres: {env: AUTOMAP_NO_SUCH_VARIABLE}}", "store.postgres"),
        ] {
            let error = refused(more);
            assert!(error.contains(part), "{more}: {error}");
        }
    }
}
