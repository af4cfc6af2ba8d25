//! Certificate and key from files. A renewed pair is used for the next connection, without a restart; while one of the files is only half
//! written, or does not match the other, the previous pair stays in use.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use ring::digest::{SHA256, digest as sha256};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::api::config::TlsFiles;
use crate::secret::watched::{SecretError, read, unusable};

/// How often the files are checked for changes.
const CHECK_EVERY: Duration = Duration::from_secs(10);
/// Most certificates of a chain.
const MAX_CHAIN: usize = 16;

/// The certificate in use.
pub(crate) struct Tls {
    files: TlsFiles,
    current: Mutex<Current>,
}

struct Current {
    /// When the files were last checked.
    checked: Instant,
    /// Digest of both files as they were when they were last loaded.
    digest: Vec<u8>,
    acceptor: TlsAcceptor,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").field("files", &self.files).finish_non_exhaustive()
    }
}

impl Tls {
    pub(crate) fn open(files: &TlsFiles, now: Instant) -> Result<Self, SecretError> {
        let Loaded { digest, cert, key } = load(files)?;
        let current = Current { checked: now, digest, acceptor: acceptor(files, &cert, &key)? };
        Ok(Self { files: files.clone(), current: Mutex::new(current) })
    }

    /// The acceptor for the next connection. Reads the files at most every ten seconds.
    pub(crate) fn acceptor(&self, now: Instant) -> TlsAcceptor {
        let mut current = self.current.lock();
        if now.saturating_duration_since(current.checked) >= CHECK_EVERY {
            current.checked = now;
            if let Ok(Loaded { digest, cert, key }) = load(&self.files)
                && digest != current.digest
                && let Ok(acceptor) = acceptor(&self.files, &cert, &key)
            {
                (current.digest, current.acceptor) = (digest, acceptor);
            }
        }
        current.acceptor.clone()
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

fn acceptor(files: &TlsFiles, cert: &[u8], key: &[u8]) -> Result<TlsAcceptor, SecretError> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(cert).take(MAX_CHAIN).collect();
    let chain = chain.map_err(|e| unusable(&files.cert_file, e.to_string()))?;
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|e| unusable(&files.key_file, e.to_string()))?;
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key));
    let mut config = config.map_err(|e| {
        unusable(&files.cert_file, format!("the certificate and the key do not match or cannot be used: {e}"))
    })?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use tokio_rustls::TlsConnector;
    use tokio_rustls::rustls::pki_types::ServerName;
    use tokio_rustls::rustls::{ClientConfig, RootCertStore};

    use super::*;

    const OLD: [&str; 2] =
        [include_str!("../../../tests/fixtures/tls-old.crt"), include_str!("../../../tests/fixtures/tls-old.key")];
    const NEW: [&str; 2] =
        [include_str!("../../../tests/fixtures/tls-new.crt"), include_str!("../../../tests/fixtures/tls-new.key")];

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
        let tls = Tls::open(&files, start).unwrap();
        assert!(serves(&tls, start, OLD[0]).await && !serves(&tls, start, NEW[0]).await);
        write(&files, [NEW[0], OLD[1]]);
        assert!(serves(&tls, start + CHECK_EVERY, OLD[0]).await, "certificate and key do not match yet");
        write(&files, NEW);
        assert!(serves(&tls, start + CHECK_EVERY, OLD[0]).await, "the files are not read for every connection");
        assert!(serves(&tls, start + CHECK_EVERY * 2, NEW[0]).await);
    }

    #[test]
    fn an_unusable_file_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let files = files(&dir);
        let error = |pair: [&str; 2]| {
            write(&files, pair);
            Tls::open(&files, Instant::now()).unwrap_err().to_string()
        };
        assert!(error(["", OLD[1]]).contains("server-crt"));
        assert!(error([OLD[0], "nonsense"]).contains("server-key"));
        assert!(error([OLD[0], NEW[1]]).contains("do not match"));
        let missing = TlsFiles { cert_file: Path::new("/no/such").into(), key_file: Path::new("/no/such").into() };
        assert!(Tls::open(&missing, Instant::now()).unwrap_err().to_string().contains("/no/such"));
    }
}
