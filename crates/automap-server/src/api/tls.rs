//! Certificate and key from files. At the start both must be usable, or automap does not start. A renewed pair is used from the next connection on,
//! without a restart; while the new files are unusable (half written, no match, expired) the previous pair stays in use, and the log, `/metrics` and
//! `/readyz` report it.

mod validity;

use std::sync::Arc;
use std::time::{Duration, Instant};

use automap_core::time::Timestamp;
use parking_lot::Mutex;
use ring::digest::{SHA256, digest as sha256};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tracing::{info, warn};

use crate::api::config::TlsFiles;
use crate::secret::watched::{SecretError, read, unusable};

/// How often the files are checked for changes.
const CHECK_EVERY: Duration = Duration::from_secs(10);
/// Most certificates of a chain.
const MAX_CHAIN: usize = 16;

/// The certificate in use.
pub(crate) struct Tls {
    files: TlsFiles,
    clock: fn() -> Timestamp,
    current: Mutex<Current>,
}

struct Current {
    /// When the files were last checked.
    checked: Instant,
    /// Digest of both files as they were when they were last loaded.
    digest: Vec<u8>,
    /// Digest of the files that could not be used, so that they are reported once; empty while there are none.
    refused: Vec<u8>,
    usable: Usable,
}

/// The state of the certificate, for `/metrics` and `/readyz`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TlsStatus {
    /// Until when the certificate in use is valid, if that can be read.
    pub(crate) expires: Option<Timestamp>,
    /// Whether the files hold another pair that cannot be used, or none.
    pub(crate) is_reload_refused: bool,
    /// Whether the certificate in use has expired.
    pub(crate) is_expired: bool,
}

/// A pair that can be used.
struct Usable {
    acceptor: TlsAcceptor,
    expires: Option<Timestamp>,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").field("files", &self.files).finish_non_exhaustive()
    }
}

impl Tls {
    /// Reads both files. `clock` is used to check whether the certificate is still valid.
    ///
    /// # Errors
    /// [`SecretError`] names the file that is missing, unreadable or unusable.
    pub(crate) fn open(files: &TlsFiles, now: Instant, clock: fn() -> Timestamp) -> Result<Self, SecretError> {
        let loaded = load(files)?;
        let usable = usable(files, &loaded, clock())?;
        let current = Current { checked: now, digest: loaded.digest, refused: Vec::new(), usable };
        Ok(Self { files: files.clone(), clock, current: Mutex::new(current) })
    }

    /// The acceptor for the next connection. Reads the files at most every ten seconds.
    pub(crate) fn acceptor(&self, now: Instant) -> TlsAcceptor {
        let mut current = self.current.lock();
        self.refresh(&mut current, now);
        current.usable.acceptor.clone()
    }

    /// The state of the certificate. Reads the files as [`Tls::acceptor`] does.
    pub(crate) fn status(&self, now: Instant) -> TlsStatus {
        let mut current = self.current.lock();
        self.refresh(&mut current, now);
        let expires = current.usable.expires;
        TlsStatus {
            expires,
            is_reload_refused: !current.refused.is_empty(),
            is_expired: expires.is_some_and(|end| end <= (self.clock)()),
        }
    }

    fn refresh(&self, current: &mut Current, now: Instant) {
        if now.saturating_duration_since(current.checked) < CHECK_EVERY {
            return;
        }
        current.checked = now;
        let (digest, result) = match load(&self.files) {
            Ok(loaded) if loaded.digest == current.digest => {
                // The files again hold the pair that stayed in use.
                current.refused.clear();
                return;
            }
            Ok(loaded) => {
                let result = usable(&self.files, &loaded, (self.clock)());
                (loaded.digest, result)
            }
            Err(error) => (error.to_string().into_bytes(), Err(error)),
        };
        match result {
            Ok(usable) => {
                info!(target: "tls", file = %self.files.cert_file.display(), "the certificate was renewed");
                (current.digest, current.usable) = (digest, usable);
                current.refused.clear();
            }
            Err(error) if current.refused != digest => {
                warn!(target: "tls", %error, "the certificate cannot be renewed; the one before it stays in use");
                current.refused = digest;
            }
            Err(_) => {}
        }
    }
}

/// Both files, and a digest that changes with either.
struct Loaded {
    digest: Vec<u8>,
    cert: Vec<u8>,
    key: Vec<u8>,
}

fn load(files: &TlsFiles) -> Result<Loaded, SecretError> {
    let (cert, key) = (read(&files.cert_file)?, read(&files.key_file)?);
    let digest = [sha256(&SHA256, &cert), sha256(&SHA256, &key)].iter().flat_map(|d| d.as_ref().to_vec()).collect();
    Ok(Loaded { digest, cert, key })
}

fn usable(files: &TlsFiles, loaded: &Loaded, now: Timestamp) -> Result<Usable, SecretError> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&loaded.cert).take(MAX_CHAIN).collect();
    let chain = chain.map_err(|e| unusable(&files.cert_file, e.to_string()))?;
    let Some(own) = chain.first() else {
        return Err(unusable(&files.cert_file, "it holds no PEM certificate".to_owned()));
    };
    let expires = validity::not_after(own);
    if let Some(end) = expires.filter(|end| *end <= now) {
        return Err(unusable(&files.cert_file, format!("the certificate expired at {}", end.rfc3339())));
    }
    let key = PrivateKeyDer::from_pem_slice(&loaded.key).map_err(|e| unusable(&files.key_file, e.to_string()))?;
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key));
    let mut config = config.map_err(|e| {
        unusable(&files.cert_file, format!("the certificate and the key do not match or cannot be used: {e}"))
    })?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Usable { acceptor: TlsAcceptor::from(Arc::new(config)), expires })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use tokio_rustls::TlsConnector;
    use tokio_rustls::rustls::pki_types::ServerName;
    use tokio_rustls::rustls::{ClientConfig, RootCertStore};

    use super::*;

    const OLD: [&str; 2] =
        [include_str!("../../tests/fixtures/tls-old.crt"), include_str!("../../tests/fixtures/tls-old.key")];
    const NEW: [&str; 2] =
        [include_str!("../../tests/fixtures/tls-new.crt"), include_str!("../../tests/fixtures/tls-new.key")];

    /// 2026-12-01, and after the end of both certificates.
    fn today() -> Timestamp {
        Timestamp::from_ms(1_796_083_200_000)
    }
    fn in_200_years() -> Timestamp {
        Timestamp::from_ms(8_000_000_000_000)
    }

    fn write(files: &TlsFiles, pair: [&str; 2]) {
        std::fs::write(&files.cert_file, pair[0]).unwrap();
        std::fs::write(&files.key_file, pair[1]).unwrap();
    }

    fn files(dir: &tempfile::TempDir) -> TlsFiles {
        TlsFiles { cert_file: dir.path().join("server-crt"), key_file: dir.path().join("server-key") }
    }

    /// Whether a client that trusts this certificate alone is served.
    async fn serves(tls: &Tls, now: Instant, certificate: &str) -> bool {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()).unwrap();
        let client = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let (ours, theirs) = tokio::io::duplex(64 * 1024);
        let name = ServerName::try_from("localhost").unwrap();
        let connector = TlsConnector::from(Arc::new(client));
        let (served, connected) = tokio::join!(tls.acceptor(now).accept(ours), connector.connect(name, theirs));
        served.is_ok() && connected.is_ok()
    }

    #[tokio::test]
    async fn a_renewed_certificate_is_served_and_a_half_written_one_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let files = files(&dir);
        write(&files, OLD);
        let start = Instant::now();
        let tls = Tls::open(&files, start, today).unwrap();
        assert!(serves(&tls, start, OLD[0]).await && !serves(&tls, start, NEW[0]).await);
        write(&files, [NEW[0], OLD[1]]);
        assert!(serves(&tls, start + CHECK_EVERY, OLD[0]).await, "certificate and key do not match yet");
        write(&files, NEW);
        assert!(serves(&tls, start + CHECK_EVERY, OLD[0]).await, "the files are not read for every connection");
        assert!(serves(&tls, start + CHECK_EVERY * 2, NEW[0]).await);
    }

    #[tokio::test]
    async fn a_replacement_that_cannot_be_used_is_told_until_there_is_a_better_one() {
        let dir = tempfile::tempdir().unwrap();
        let files = files(&dir);
        write(&files, OLD);
        let start = Instant::now();
        let tls = Tls::open(&files, start, today).unwrap();
        let mut later = start;
        let mut refused = |change: &dyn Fn()| {
            change();
            later += CHECK_EVERY;
            tls.status(later).is_reload_refused
        };
        assert!(!refused(&|| ()));
        assert!(refused(&|| std::fs::write(&files.cert_file, "nonsense").unwrap()));
        assert!(refused(&|| write(&files, [OLD[0], NEW[1]])));
        assert!(!refused(&|| write(&files, OLD)), "the pair in use is there again");
        assert!(refused(&|| std::fs::remove_file(&files.key_file).unwrap()));
        assert!(refused(&|| ()), "and stays told");
        assert!(!refused(&|| write(&files, NEW)));
        assert!(serves(&tls, later, NEW[0]).await);
    }

    #[test]
    fn an_expired_certificate_does_not_start_and_one_that_expires_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let files = files(&dir);
        write(&files, OLD);
        let error = Tls::open(&files, Instant::now(), in_200_years).unwrap_err().to_string();
        assert!(error.contains("server-crt") && error.contains("expired at 2126-11-02"), "{error}");
        let mut tls = Tls::open(&files, Instant::now(), today).unwrap();
        assert!(!tls.status(Instant::now()).is_expired);
        tls.clock = in_200_years;
        assert!(tls.status(Instant::now()).is_expired);
    }

    #[test]
    fn an_unusable_file_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let files = files(&dir);
        let error = |pair: [&str; 2]| {
            write(&files, pair);
            Tls::open(&files, Instant::now(), today).unwrap_err().to_string()
        };
        assert!(error(["", OLD[1]]).contains("server-crt"));
        assert!(error([OLD[0], "nonsense"]).contains("server-key"));
        assert!(error([OLD[0], NEW[1]]).contains("do not match"));
        let missing = TlsFiles { cert_file: Path::new("/no/such").into(), key_file: Path::new("/no/such").into() };
        assert!(Tls::open(&missing, Instant::now(), today).unwrap_err().to_string().contains("/no/such"));
    }
}
