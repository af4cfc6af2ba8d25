//! The certificates by which side-cars recognise each other, as Istio issues them: one authority, and one certificate for each workload.
//!
//! As in Sock Shop every workload runs under the service account `default`, so the SPIFFE identity is the same for all; the workload is a second name in
//! the certificate, in place of the metadata that Istio's proxies exchange. Left out: renewal, since a lab does not live that long.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose, SanType};

use crate::plan::{COMPONENTS, Component, GATEWAY};

/// The files of one workload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Files {
    /// The certificate of the authority.
    pub(crate) authority: PathBuf,
    /// The workload's own certificate.
    pub(crate) certificate: PathBuf,
    /// Its private key.
    pub(crate) key: PathBuf,
}

impl Files {
    /// Where they are in the mesh's directory.
    pub(crate) fn of(name: &str, dir: &Path) -> Self {
        Self {
            authority: dir.join("authority.pem"),
            certificate: dir.join(format!("{name}.pem")),
            key: dir.join(format!("{name}.key")),
        }
    }
}

/// The identity of a component.
pub(crate) fn identity(component: &Component) -> String {
    format!("spiffe://cluster.local/ns/{}/sa/default", component.namespace)
}

/// Creates an authority, whose key is not kept, and writes the files of every component.
///
/// # Errors
/// When a file cannot be written.
pub(crate) fn write(dir: &Path) -> io::Result<()> {
    fs::create_dir_all(dir)?;
    let authority = authority().map_err(io::Error::other)?;
    for component in COMPONENTS.iter().chain([&GATEWAY]) {
        let files = Files::of(component.name, dir);
        let (certificate, key) = issue(component, &authority).map_err(io::Error::other)?;
        write_private(&files.key, &key)?;
        fs::write(&files.certificate, certificate)?;
        fs::write(&files.authority, authority.pem())?;
    }
    Ok(())
}

fn authority() -> Result<CertifiedIssuer<'static, KeyPair>, rcgen::Error> {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "automap lab");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    CertifiedIssuer::self_signed(params, KeyPair::generate()?)
}

fn issue(component: &Component, by: &CertifiedIssuer<'_, KeyPair>) -> Result<(String, String), rcgen::Error> {
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, component.name);
    params.subject_alt_names =
        vec![SanType::URI(identity(component).try_into()?), SanType::DnsName(component.name.try_into()?)];
    Ok((params.signed_by(&key, by)?.pem(), key.serialize_pem()))
}

/// Readable for its owner only.
fn write_private(path: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn everyone_with_a_proxy_has_a_certificate_and_keys_are_private() {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path()).unwrap();
        for component in COMPONENTS.iter().chain([&GATEWAY]) {
            let files = Files::of(component.name, dir.path());
            assert!(fs::read_to_string(&files.certificate).unwrap().starts_with("-----BEGIN CERTIFICATE-----"));
            assert_eq!(fs::metadata(&files.key).unwrap().permissions().mode() & 0o777, 0o600);
        }
        let first = fs::read(dir.path().join("authority.pem")).unwrap();
        write(dir.path()).unwrap();
        assert_ne!(fs::read(dir.path().join("authority.pem")).unwrap(), first, "another lab, another authority");
    }
}
