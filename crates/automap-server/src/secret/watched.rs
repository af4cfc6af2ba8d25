//! Files that are parsed once, and again when they change: secrets, certificates, keys.
//!
//! Kubernetes replaces mounted secrets under a running process. A change is noticed at the next use; while the new content is unusable the old one
//! stays in use, so that a half-written file locks no one out.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use automap_sources::bounded::read_file;
use parking_lot::Mutex;

use super::{SecretSource, SecretString};

/// A token, hash, certificate or key set is never larger; a wrong path may be.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// Why a secret could not be read. Says where it should be, never its value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {reason}; {next}")]
pub struct SecretError {
    /// The file or variable.
    pub place: String,
    /// What is wrong with it.
    pub reason: String,
    /// What to do.
    pub next: &'static str,
}

/// The file's metadata when it was read; a difference means that it was replaced.
type Stamp = (Option<SystemTime>, u64);

/// A file that is parsed once and again when it changes. While the new content is unusable, the old one stays in use.
pub struct Watched<T> {
    path: PathBuf,
    parse: fn(&[u8]) -> Result<T, String>,
    check: fn(&T) -> Result<(), String>,
    state: Mutex<(Stamp, Arc<T>)>,
}

impl<T> std::fmt::Debug for Watched<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watched").field("path", &self.path).finish_non_exhaustive()
    }
}

impl<T> Watched<T> {
    /// Reads the file for the first time.
    ///
    /// # Errors
    /// [`SecretError`] when it cannot be read or parsed.
    pub fn open(path: &Path, parse: fn(&[u8]) -> Result<T, String>) -> Result<Self, SecretError> {
        Self::open_checked(path, parse, |_| Ok(()))
    }

    /// As [`Watched::open`]; content that `check` refuses is unusable as well, now and later.
    ///
    /// # Errors
    /// As [`Watched::open`].
    pub fn open_checked(
        path: &Path,
        parse: fn(&[u8]) -> Result<T, String>,
        check: fn(&T) -> Result<(), String>,
    ) -> Result<Self, SecretError> {
        let stamp = stamp(path);
        let value = parse(&read(path)?).map_err(|reason| unusable(path, reason))?;
        check(&value).map_err(|reason| unusable(path, reason))?;
        Ok(Self { path: path.to_owned(), parse, check, state: Mutex::new((stamp, Arc::new(value))) })
    }

    /// The current content. Costs one `stat` of the file while it does not change.
    pub fn get(&self) -> Arc<T> {
        let mut state = self.state.lock();
        let now = stamp(&self.path);
        if now != state.0
            && let Ok(bytes) = read(&self.path)
            && let Ok(value) = (self.parse)(&bytes)
            && (self.check)(&value).is_ok()
        {
            *state = (now, Arc::new(value));
        }
        Arc::clone(&state.1)
    }
}

/// A token or a hash that is read again when its file changes.
#[derive(Debug)]
pub struct WatchedSecret(Source);

#[derive(Debug)]
enum Source {
    File(Watched<SecretString>),
    Fixed(Arc<SecretString>),
}

impl WatchedSecret {
    /// Reads it for the first time.
    ///
    /// # Errors
    /// [`SecretError`] when it is missing or empty.
    pub fn open(from: &SecretSource) -> Result<Self, SecretError> {
        Self::open_checked(from, |_| Ok(()))
    }

    /// Reads it for the first time. A text that `check` refuses is unusable, at the start and later.
    ///
    /// # Errors
    /// [`SecretError`] when it is missing, empty or refused.
    pub fn open_checked(
        from: &SecretSource,
        check: fn(&SecretString) -> Result<(), String>,
    ) -> Result<Self, SecretError> {
        let refused = |reason| SecretError { place: from.to_string(), reason, next: "store another value there" };
        if let SecretSource::File(path) = from {
            let file = Watched::open_checked(path, secret, check)?;
            return Ok(Self(Source::File(file)));
        }
        let value = from.read().map_err(|e| SecretError {
            place: e.place,
            reason: e.reason,
            next: "set it before automap starts, or name a file instead",
        })?;
        check(&value).map_err(refused)?;
        Ok(Self(Source::Fixed(Arc::new(value))))
    }

    /// The current value.
    pub fn get(&self) -> Arc<SecretString> {
        match &self.0 {
            Source::File(file) => file.get(),
            Source::Fixed(value) => Arc::clone(value),
        }
    }
}

/// The text without the newline that editors add.
fn secret(bytes: &[u8]) -> Result<SecretString, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "it is not UTF-8 text")?.trim();
    if text.is_empty() { Err("it is empty or not there".into()) } else { Ok(text.into()) }
}

fn stamp(path: &Path) -> Stamp {
    fs::metadata(path).map_or((None, 0), |m| (m.modified().ok(), m.len()))
}

pub(crate) fn read(path: &Path) -> Result<Vec<u8>, SecretError> {
    read_file(path, MAX_FILE_BYTES).map_err(|e| unusable(path, e.reason.to_string()))
}

pub(crate) fn unusable(path: &Path, reason: String) -> SecretError {
    SecretError {
        place: path.display().to_string(),
        reason,
        next: "check the path in the configuration and that automap's user may read it",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::ExposeSecret;

    /// A secret's file, and the directory that is removed with it.
    fn file(text: &str) -> (PathBuf, tempfile::TempDir) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("secret");
        fs::write(&path, text).unwrap();
        (path, dir)
    }

    #[test]
    fn a_changed_file_is_read_again_and_a_broken_one_is_not() {
        let (path, _dir) = file("first\n");
        let secret = WatchedSecret::open(&SecretSource::File(path.clone())).unwrap();
        assert_eq!(secret.get().expose_secret(), "first");
        fs::write(&path, "the second").unwrap();
        assert_eq!(secret.get().expose_secret(), "the second");
        fs::write(&path, " \n").unwrap();
        assert_eq!(
            secret.get().expose_secret(),
            "the second",
            "an empty file neither replaces the secret nor admits an empty one"
        );
        fs::remove_file(&path).unwrap();
        assert_eq!(secret.get().expose_secret(), "the second");
    }

    #[test]
    fn what_is_missing_is_named_and_what_is_there_is_not_printed() {
        let error = WatchedSecret::open(&SecretSource::Env("AUTOMAP_TEST_NO_SUCH".into())).unwrap_err().to_string();
        assert!(error.contains("AUTOMAP_TEST_NO_SUCH") && error.contains("set it"), "{error}");
        let (path, _dir) = file("hunter2");
        let secret = WatchedSecret::open(&SecretSource::File(path)).unwrap();
        assert!(!format!("{secret:?}").contains("hunter2"));
    }
}
