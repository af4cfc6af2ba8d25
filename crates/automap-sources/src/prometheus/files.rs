//! Small files that hold secrets and certificates.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::error::Failure;

/// A token, password or certificate bundle is never larger; a wrong path may be.
const MAX_FILE_BYTES: u64 = 1 << 20;

pub(crate) fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes))
        .map_err(|e| unusable(path, &e.to_string()))?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(unusable(path, "it is larger than 1 MiB"));
    }
    Ok(bytes)
}

/// The text of a secret's file without the newline that editors add.
pub(crate) fn read_secret(path: &Path) -> Result<String, Failure> {
    let text = String::from_utf8(read(path)?).map_err(|_| unusable(path, "it is not UTF-8 text"))?;
    let secret = text.trim();
    if secret.is_empty() {
        return Err(unusable(path, "it is empty"));
    }
    Ok(secret.to_owned())
}

pub(crate) fn unusable(path: &Path, reason: &str) -> Failure {
    Failure::File { path: path.display().to_string(), reason: reason.to_owned() }
}
