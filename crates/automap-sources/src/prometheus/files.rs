//! The failure that names an unusable file.

use std::path::Path;

use super::error::Failure;
use crate::http::PemError;

pub(crate) fn unusable(path: &Path, reason: &str) -> Failure {
    Failure::File { path: path.display().to_string(), reason: reason.to_owned() }
}

impl From<PemError> for Failure {
    fn from(error: PemError) -> Self {
        unusable(&error.file, &error.reason)
    }
}
