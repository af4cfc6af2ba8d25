//! Certificates: from the user's files to the client's settings.

use std::path::Path;

use ureq::tls::{Certificate, ClientCert, PemItem, PrivateKey, RootCerts, TlsConfig, parse_pem};

use super::error::Failure;
use super::files;
use super::options::TlsOptions;

pub(crate) fn config(options: &TlsOptions) -> Result<TlsConfig, Failure> {
    let mut config = TlsConfig::builder().disable_verification(options.insecure_skip_verify);
    if let Some(path) = &options.ca_file {
        config = config.root_certs(RootCerts::from(certificates(path)?));
    }
    match (&options.cert_file, &options.key_file) {
        (Some(cert), Some(key)) => {
            let identity = ClientCert::new_with_certs(&certificates(cert)?, private_key(key)?);
            config = config.client_cert(Some(identity));
        }
        (Some(lonely), None) => return Err(files::unusable(lonely, "a client certificate needs its key file too")),
        (None, Some(lonely)) => return Err(files::unusable(lonely, "a client key needs its certificate file too")),
        (None, None) => {}
    }
    Ok(config.build())
}

fn certificates(path: &Path) -> Result<Vec<Certificate<'static>>, Failure> {
    let found: Vec<_> = items(path)?
        .into_iter()
        .filter_map(|item| match item {
            PemItem::Certificate(certificate) => Some(certificate),
            _ => None,
        })
        .collect();
    if found.is_empty() {
        return Err(files::unusable(path, "it holds no PEM certificate"));
    }
    Ok(found)
}

fn private_key(path: &Path) -> Result<PrivateKey<'static>, Failure> {
    let key = items(path)?.into_iter().find_map(|item| match item {
        PemItem::PrivateKey(key) => Some(key),
        _ => None,
    });
    key.ok_or_else(|| files::unusable(path, "it holds no PEM private key"))
}

fn items(path: &Path) -> Result<Vec<PemItem<'static>>, Failure> {
    let pem = files::read(path)?;
    parse_pem(&pem).collect::<Result<_, _>>().map_err(|_| files::unusable(path, "it is not valid PEM"))
}
