//! Certificate and key from files. Renewed files are used for the next connection; half-written ones are not.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use ring::digest::{SHA256, digest};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::config::TlsFiles;
use crate::auth::secret::{SecretError, read, unusable};

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
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
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
