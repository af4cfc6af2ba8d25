//! The TLS settings of a Prometheus client, from the user's certificate files.

use ureq::tls::TlsConfig;

use super::error::Failure;
use super::files::unusable;
use super::options::TlsOptions;
use crate::http;

pub(crate) fn config(options: &TlsOptions) -> Result<TlsConfig, Failure> {
    let mut config = TlsConfig::builder().disable_verification(options.insecure_skip_verify);
    if let Some(file) = &options.ca_file {
        config = config.root_certs(http::authorities(file)?);
    }
    match (&options.cert_file, &options.key_file) {
        (Some(cert), Some(key)) => config = config.client_cert(Some(http::client_certificate(cert, key)?)),
        (Some(cert), None) => return Err(unusable(cert, "a client certificate needs its key file too")),
        (None, Some(key)) => return Err(unusable(key, "a client key needs its certificate file too")),
        (None, None) => {}
    }
    Ok(config.build())
}
