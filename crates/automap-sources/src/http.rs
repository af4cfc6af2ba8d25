//! What all HTTP clients of automap share: agent settings, bounded reading, certificates from PEM files, and `Retry-After`.
//!
//! Redirects are never followed: they lead to login pages at best, and at worst carry credentials elsewhere. Every request has a total timeout. Each
//! client decides for itself what a status means and how often to retry.

use std::path::{Path, PathBuf};
use std::time::Duration;

use ureq::Agent;
use ureq::config::ConfigBuilder;
use ureq::tls::{Certificate, ClientCert, PemItem, PrivateKey, RootCerts, TlsConfig, parse_pem};
use ureq::typestate::AgentScope;

use crate::bounded;

/// No certificate bundle is larger; the file at a wrong path may be.
const MAX_PEM_BYTES: u64 = 4 << 20;
const USER_AGENT: &str = concat!("automap/", env!("CARGO_PKG_VERSION"));

/// Why a file with certificates or keys cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {reason}", file.display())]
pub struct PemError {
    /// The file.
    pub file: PathBuf,
    /// What is wrong with it.
    pub reason: String,
}

impl PemError {
    /// An error about a file.
    pub fn new(file: &Path, reason: impl Into<String>) -> Self {
        Self { file: file.to_owned(), reason: reason.into() }
    }
}

/// The settings of an agent: no redirects, this timeout from connecting to the last byte, these certificates. Clients add what else they need (a
/// proxy, statuses as values) to the builder.
pub fn agent_config(tls: TlsConfig, timeout: Duration) -> ConfigBuilder<AgentScope> {
    Agent::config_builder().tls_config(tls).max_redirects(0).timeout_global(Some(timeout)).user_agent(USER_AGENT)
}

/// The response body at an address, at most this many bytes of it; sends a bearer token if one is given.
///
/// # Errors
/// When nothing responds, with a status other than success, or with a longer body.
pub fn get(agent: &Agent, url: &str, token: Option<&str>, most_bytes: u64) -> Result<Vec<u8>, ureq::Error> {
    let mut request = agent.get(url);
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    request.call()?.body_mut().with_config().limit(most_bytes).read_to_vec()
}

/// Trust in the certificate authorities of a PEM file, or in the web's if none is given.
///
/// # Errors
/// [`PemError`], as for [`authorities`].
pub fn trusting(ca_file: Option<&Path>) -> Result<TlsConfig, PemError> {
    let tls = TlsConfig::builder();
    Ok(match ca_file {
        Some(file) => tls.root_certs(authorities(file)?).build(),
        None => tls.build(),
    })
}

/// The certificate authorities of a PEM file instead of the web's. Items that are not certificates are skipped.
///
/// # Errors
/// [`PemError`] when the file cannot be read, is not PEM, or holds no certificate.
pub fn authorities(file: &Path) -> Result<RootCerts, PemError> {
    Ok(RootCerts::from(certificates(file)?))
}

/// A client's certificate chain and its private key, each from a PEM file.
///
/// # Errors
/// [`PemError`] when one of the files cannot be read, is not PEM, or does not hold its item.
pub fn client_certificate(certificate_file: &Path, key_file: &Path) -> Result<ClientCert, PemError> {
    Ok(ClientCert::new_with_certs(&certificates(certificate_file)?, private_key(key_file)?))
}

fn certificates(file: &Path) -> Result<Vec<Certificate<'static>>, PemError> {
    let is_certificate = |item| match item {
        PemItem::Certificate(certificate) => Some(certificate),
        _ => None,
    };
    let found: Vec<_> = pem_items(file)?.into_iter().filter_map(is_certificate).collect();
    if found.is_empty() { Err(PemError::new(file, "it holds no PEM certificate")) } else { Ok(found) }
}

fn private_key(file: &Path) -> Result<PrivateKey<'static>, PemError> {
    let key = pem_items(file)?.into_iter().find_map(|item| match item {
        PemItem::PrivateKey(key) => Some(key),
        _ => None,
    });
    key.ok_or_else(|| PemError::new(file, "it holds no PEM private key"))
}

fn pem_items(file: &Path) -> Result<Vec<PemItem<'static>>, PemError> {
    let pem = bounded::read_file(file, MAX_PEM_BYTES).map_err(|e| PemError::new(file, e.reason.to_string()))?;
    parse_pem(&pem).collect::<Result<_, _>>().map_err(|_| PemError::new(file, "it is not valid PEM"))
}

/// The seconds of a `Retry-After` header. Dates are ignored, since our clock and the server's may differ.
pub fn retry_after(header: &str) -> Option<Duration> {
    header.trim().parse().ok().map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_seconds_of_retry_after_are_read() {
        assert_eq!(retry_after(" 7 "), Some(Duration::from_secs(7)));
        assert_eq!(retry_after("Wed, 21 Oct 2026 07:28:00 GMT"), None);
    }

    #[test]
    fn unusable_files_are_named_with_the_reason() {
        let file = std::env::temp_dir().join(format!("automap-pem-{}", std::process::id()));
        for (content, expected) in [
            ("", "it holds no PEM certificate"),
            ("-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n", "it is not valid PEM"),
        ] {
            std::fs::write(&file, content).unwrap();
            assert_eq!(authorities(&file).unwrap_err(), PemError::new(&file, expected));
        }
        std::fs::remove_file(&file).unwrap();
        assert!(authorities(&file).unwrap_err().to_string().starts_with(&file.display().to_string()));
    }
}
