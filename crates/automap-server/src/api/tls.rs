//! Certificate and key from files. Renewed files are used for the next connection; half-written ones are not.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use ring::digest::{SHA256, digest};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::config::TlsFiles;
use crate::secret::watched::{SecretError, read, unusable};

/// How often the files are looked at.
const LOOK_AGAIN: Duration = Duration::from_secs(10);
/// Most certificates of a chain.
const MAX_CHAIN: usize = 16;

/// The present certificate.
pub(crate) struct Tls {
    files: TlsFiles,
    state: Mutex<State>,
}

struct State {
    looked: Instant,
    /// Of both files, as they were when they were last read.
    seen: Vec<u8>,
    acceptor: TlsAcceptor,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").field("files", &self.files).finish_non_exhaustive()
    }
}

impl Tls {
    pub(crate) fn open(files: &TlsFiles, now: Instant) -> Result<Self, SecretError> {
        let Loaded { seen, cert, key } = load(files)?;
        let state = State { looked: now, seen, acceptor: acceptor(files, &cert, &key)? };
        Ok(Self { files: files.clone(), state: Mutex::new(state) })
    }

    /// For the next connection. Reads the files every ten seconds at most.
    pub(crate) fn acceptor(&self, now: Instant) -> TlsAcceptor {
        let mut state = self.state.lock();
        if now.saturating_duration_since(state.looked) >= LOOK_AGAIN {
            state.looked = now;
            if let Ok(Loaded { seen, cert, key }) = load(&self.files)
                && seen != state.seen
                && let Ok(acceptor) = acceptor(&self.files, &cert, &key)
            {
                (state.seen, state.acceptor) = (seen, acceptor);
            }
        }
        state.acceptor.clone()
    }
}

/// Both files as they are, and what tells whether they changed.
struct Loaded {
    seen: Vec<u8>,
    cert: Vec<u8>,
    key: Vec<u8>,
}

fn load(files: &TlsFiles) -> Result<Loaded, SecretError> {
    let (cert, key) = (read(&files.cert_file)?, read(&files.key_file)?);
    let seen = [digest(&SHA256, &cert), digest(&SHA256, &key)].iter().flat_map(|d| d.as_ref().to_vec()).collect();
    Ok(Loaded { seen, cert, key })
}

fn acceptor(files: &TlsFiles, cert: &[u8], key: &[u8]) -> Result<TlsAcceptor, SecretError> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(cert).take(MAX_CHAIN).collect();
    let chain = chain.map_err(|e| unusable(&files.cert_file, e.to_string()))?;
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|e| unusable(&files.key_file, e.to_string()))?;
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key));
    let mut config =
        config.map_err(|e| unusable(&files.cert_file, format!("certificate and key do not serve: {e}")))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use tokio_rustls::TlsConnector;
    use tokio_rustls::rustls::pki_types::ServerName;
    use tokio_rustls::rustls::{ClientConfig, RootCertStore};

    use super::*;

    const OLD: [&str; 2] =
        [include_str!("../../tests/fixtures/tls-old.crt"), include_str!("../../tests/fixtures/tls-old.key")];
    const NEW: [&str; 2] =
        [include_str!("../../tests/fixtures/tls-new.crt"), include_str!("../../tests/fixtures/tls-new.key")];

    fn write(files: &TlsFiles, pair: [&str; 2]) {
        std::fs::write(&files.cert_file, pair[0]).unwrap();
        std::fs::write(&files.key_file, pair[1]).unwrap();
    }

    fn path(name: &str) -> PathBuf {
        std::env::temp_dir().join(format!("automap-tls-{}-{name}", std::process::id()))
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
        let files = TlsFiles { cert_file: path("crt"), key_file: path("key") };
        write(&files, OLD);
        let start = Instant::now();
        let tls = Tls::open(&files, start).unwrap();
        assert!(serves(&tls, start, OLD[0]).await && !serves(&tls, start, NEW[0]).await);
        write(&files, [NEW[0], OLD[1]]);
        assert!(serves(&tls, start + LOOK_AGAIN, OLD[0]).await, "certificate and key do not fit each other yet");
        write(&files, NEW);
        assert!(serves(&tls, start + LOOK_AGAIN, OLD[0]).await, "it is not looked at on every connection");
        assert!(serves(&tls, start + LOOK_AGAIN * 2, NEW[0]).await);
    }

    #[test]
    fn what_does_not_serve_is_named() {
        let error = |pair: [&str; 2]| {
            let files = TlsFiles { cert_file: path("bad-crt"), key_file: path("bad-key") };
            write(&files, pair);
            Tls::open(&files, Instant::now()).unwrap_err().to_string()
        };
        assert!(error(["", OLD[1]]).contains("bad-crt"));
        assert!(error([OLD[0], "nonsense"]).contains("bad-key"));
        assert!(error([OLD[0], NEW[1]]).contains("do not serve"));
        let missing = TlsFiles { cert_file: Path::new("/no/such").into(), key_file: Path::new("/no/such").into() };
        assert!(Tls::open(&missing, Instant::now()).unwrap_err().to_string().contains("/no/such"));
    }
}
