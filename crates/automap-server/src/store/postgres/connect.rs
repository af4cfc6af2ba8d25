//! Reaching the server: address, TLS, limits. The password stays inside.

use std::error::Error as _;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use automap_sources::bounded::read_file;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tokio_postgres::Config;
use tokio_postgres::config::Host;
use tokio_postgres_rustls::MakeRustlsConnect;

use super::session::{CallError, Client};
use crate::store::StoreError;

/// A bundle of authorities is never larger; a wrong path may be.
const MAX_PEM_BYTES: u64 = 4 << 20;

/// How long the server may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadlines {
    /// For everything that one call of the store does: to wait for the connection, to make it if there is none, to ask and to be answered.
    pub call: Duration,
    /// For one step of the upkeep: the tables brought up to date, old entries deleted, space returned.
    pub upkeep: Duration,
}

impl Default for Deadlines {
    /// 5 s for a call, so that a stop ends in time, and 60 s for a step of the upkeep.
    fn default() -> Self {
        Self { call: Duration::from_secs(5), upkeep: Duration::from_secs(60) }
    }
}

/// Where the database is.
pub(super) struct Server {
    config: Config,
    tls: ClientConfig,
    place: String,
    deadlines: Deadlines,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("place", &self.place).finish_non_exhaustive()
    }
}

impl Server {
    pub(super) fn new(url: &str, ca_file: Option<&Path>, deadlines: Deadlines) -> Result<Self, StoreError> {
        let fail = |message: String| StoreError::Database { place: "PostgreSQL".to_owned(), message };
        // The parser's message quotes parts of the address.
        let no_address = |_| fail("the address is not of the form postgresql://user@host/database".to_owned());
        let mut config = Config::from_str(url).map_err(no_address)?;
        // With several hosts, the second is tried in time if the first is gone.
        config.connect_timeout(deadlines.call / 2).tcp_user_timeout(deadlines.call).application_name("automap");
        let hosts: Vec<String> = config.get_hosts().iter().map(host).collect();
        let place = format!("PostgreSQL {}/{}", hosts.join(","), config.get_dbname().unwrap_or_default());
        let mut roots = RootCertStore::empty();
        match ca_file {
            None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
            Some(path) => {
                let unusable = |e: &dyn std::fmt::Display| fail(format!("ca_file {}: {e}", path.display()));
                let pem = read_file(path, MAX_PEM_BYTES).map_err(|e| unusable(&e.reason))?;
                for certificate in CertificateDer::pem_slice_iter(&pem) {
                    let certificate = certificate.map_err(|e| unusable(&e))?;
                    roots.add(certificate).map_err(|e| unusable(&e))?;
                }
            }
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let tls = tls.map_err(|e| fail(e.to_string()))?.with_root_certificates(roots).with_no_client_auth();
        Ok(Self { config, tls, place, deadlines })
    }

    /// Connects until `deadline`. The server ends a statement that takes longer than `statement`, and a transaction that is idle for so long: its
    /// locks would outlive a lost client.
    pub(super) fn connect(&self, deadline: Instant, statement: Duration) -> Result<Client, CallError> {
        let limit_ms = statement.as_millis();
        let limits = format!("-c statement_timeout={limit_ms} -c idle_in_transaction_session_timeout={limit_ms}");
        let mut config = self.config.clone();
        config.options(self.config.get_options().map_or(limits.clone(), |own| format!("{limits} {own}")));
        Client::connect(&config, MakeRustlsConnect::new(self.tls.clone()), deadline)
    }

    pub(super) fn deadlines(&self) -> Deadlines {
        self.deadlines
    }

    /// The error for a call that got no result, with the place.
    pub(super) fn failed(&self, error: &CallError, waited: Duration) -> StoreError {
        let message = match error {
            CallError::Sql(error) => say(error),
            CallError::System(error) => error.to_string(),
            CallError::Silent => return self.silent("gave no answer", waited),
        };
        StoreError::Database { place: self.place.clone(), message }
    }

    /// The error for a server that was waited for in vain.
    pub(super) fn silent(&self, what: &str, waited: Duration) -> StoreError {
        let message = format!(
            "{what} within {waited:?}; see whether the server, and a proxy or firewall before it, are up: `psql` with the address of \
             store.postgres must get an answer"
        );
        StoreError::Database { place: self.place.clone(), message }
    }

    pub(super) fn place(&self) -> &str {
        &self.place
    }
}

fn host(host: &Host) -> String {
    match host {
        Host::Tcp(name) => name.clone(),
        #[cfg(unix)]
        Host::Unix(path) => path.display().to_string(),
    }
}

/// The error with its reason, which the library puts into `source`.
fn say(error: &tokio_postgres::Error) -> String {
    match (error.as_db_error(), error.source()) {
        (Some(db), _) => format!("{} ({})", db.message(), db.code().code()),
        (None, Some(source)) => format!("{error}: {source}"),
        (None, None) => error.to_string(),
    }
}
