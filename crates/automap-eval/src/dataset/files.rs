//! Reads folders and small JSON files, with errors that name the path.

use std::fs;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

use super::case::DatasetError;

pub(super) fn wrong(path: &Path, reason: impl ToString) -> DatasetError {
    DatasetError { path: path.to_owned(), reason: reason.to_string() }
}

pub(super) fn json<T: DeserializeOwned>(path: &Path) -> Result<T, DatasetError> {
    serde_json::from_str(&text(path)?).map_err(|e| wrong(path, e))
}

pub(super) fn text(path: &Path) -> Result<String, DatasetError> {
    fs::read_to_string(path).map_err(|e| wrong(path, e))
}

/// Subfolders and files of a folder, by name.
pub(super) fn list(dir: &Path) -> Result<(Vec<PathBuf>, Vec<PathBuf>), DatasetError> {
    let entries = fs::read_dir(dir).and_then(|entries| entries.map(|e| e.map(|e| e.path())).collect());
    let mut all: Vec<PathBuf> = entries.map_err(|e| wrong(dir, e))?;
    all.sort();
    Ok(all.into_iter().partition(|p| p.is_dir()))
}

/// Whether a listing holds a file of this name.
pub(super) fn has(files: &[PathBuf], name: &str) -> bool {
    files.iter().any(|p| p.file_name().is_some_and(|n| n == name))
}
