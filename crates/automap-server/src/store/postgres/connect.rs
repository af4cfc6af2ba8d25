//! Reaching the server: address, TLS, limits. The password stays inside.

use std::error::Error as _;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use automap_sources::bounded::read_file;
use postgres::config::Host;
use postgres::{Client, Config};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::store::StoreError;

/// A bundle of authorities is never larger; a wrong path may be.
const MAX_PEM_BYTES: u64 = 4 << 20;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long data may stay unacknowledged before the connection counts as broken.
const SILENCE: Duration = Duration::from_secs(20);
/// A statement that takes longer is ended by the server.
const STATEMENT_TIMEOUT: &str = "-c statement_timeout=60s";

/// Where the database is.
pub(super) struct Server {
    config: Config,
    tls: ClientConfig,
    place: String,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("place", &self.place).finish_non_exhaustive()
    }
}

impl Server {
    pub(super) fn new(url: &str, ca_file: Option<&Path>) -> Result<Self, StoreError> {
        let fail = |message: String| StoreError::Database { place: "PostgreSQL".to_owned(), message };
        // The parser's message quotes parts of the address.
        let no_address = |_| fail("the address is not of the form postgresql://user@host/database".to_owned());
        let mut config = Config::from_str(url).map_err(no_address)?;
        let options = config.get_options().map_or(STATEMENT_TIMEOUT.to_owned(), |o| format!("{STATEMENT_TIMEOUT} {o}"));
        config.options(&options).connect_timeout(CONNECT_TIMEOUT).tcp_user_timeout(SILENCE).application_name("automap");
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
        Ok(Self { config, tls, place })
    }

    pub(super) fn connect(&self) -> Result<Client, StoreError> {
        let fail = |e: postgres::Error| StoreError::Database { place: self.place.clone(), message: say(&e) };
        self.config.connect(MakeRustlsConnect::new(self.tls.clone())).map_err(fail)
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

/// The error with its reason, which the library leaves to the source.
pub(super) fn say(error: &postgres::Error) -> String {
    match (error.as_db_error(), error.source()) {
        (Some(db), _) => format!("{} ({})", db.message(), db.code().code()),
        (None, Some(source)) => format!("{error}: {source}"),
        (None, None) => error.to_string(),
    }
}
