//! Files that hold a password or a token, and the failure that names an unusable file.

use std::path::Path;

use super::error::Failure;
use crate::bounded;
use crate::http::PemError;

/// A token or password is never larger; a wrong path may be.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// The text of a secret's file without the newline that editors add.
pub(crate) fn read_secret(path: &Path) -> Result<String, Failure> {
    let text = bounded::read_text_file(path, MAX_FILE_BYTES).map_err(|e| unusable(path, &e.reason.to_string()))?;
    let secret = text.trim();
    if secret.is_empty() {
        return Err(unusable(path, "it is empty"));
    }
    Ok(secret.to_owned())
}

pub(crate) fn unusable(path: &Path, reason: &str) -> Failure {
    Failure::File { path: path.display().to_string(), reason: reason.to_owned() }
}

impl From<PemError> for Failure {
    fn from(error: PemError) -> Self {
        unusable(&error.file, &error.reason)
    }
}
