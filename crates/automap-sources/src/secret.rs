//! Passwords, tokens and addresses that contain them: where they are read from. They are never printed.
//!
//! The text itself is [`SecretString`] of the `secrecy` crate: its `Debug` shows nothing, it has no `Display`, and its memory is wiped on drop.
//! Watching a file for changes is left to the caller; [`SecretSource::read`] reads its current content.

use std::fmt;
use std::path::PathBuf;

pub use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use crate::bounded::read_text_file;

/// No token, or address with one, is longer; the file at a wrong path may be.
const MAX_BYTES: u64 = 64 << 10;

/// Where a secret is: `{file: /etc/automap/token}` or `{env: SLACK_URL}`.
///
/// It is read on every use, so a replaced file, such as a mounted Kubernetes secret, takes effect with the next use. A configuration cannot contain
/// the secret itself.
///
/// ```
/// use automap_sources::secret::{ExposeSecret, SecretSource};
///
/// let source = SecretSource::Value("hunter2".into());
/// assert_eq!(source.read().unwrap().expose_secret(), "hunter2");
/// assert!(!format!("{source:?}").contains("hunter2"));
/// ```
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SecretSource {
    /// The content of a file, without surrounding white space.
    File(PathBuf),
    /// An environment variable.
    Env(String),
    /// The secret itself, from the command line or an address; never from a configuration.
    #[serde(skip)]
    Value(SecretString),
}

/// Why a secret cannot be read. Names the file or variable, never its content.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {reason}")]
pub struct SecretError {
    /// The file or variable.
    pub place: String,
    /// What is wrong with it.
    pub reason: String,
}

impl SecretSource {
    /// Reads the current value.
    ///
    /// # Errors
    /// [`SecretError`] when it is missing, empty, larger than 64 KiB, not text, or longer than one line.
    pub fn read(&self) -> Result<SecretString, SecretError> {
        let fail = |reason: &str| SecretError { place: self.to_string(), reason: reason.to_owned() };
        let text = match self {
            Self::File(path) => read_text_file(path, MAX_BYTES).map_err(|e| fail(&e.reason.to_string()))?,
            Self::Env(name) => std::env::var(name).map_err(|_| fail("it is not set"))?,
            Self::Value(secret) => return Ok(secret.clone()),
        };
        match text.trim() {
            "" => Err(fail("it is empty")),
            // A line break would end a header or an address early.
            text if text.chars().any(char::is_control) => Err(fail("it holds more than one line")),
            text => Ok(text.into()),
        }
    }
}

impl fmt::Display for SecretSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Env(name) => write!(f, "environment variable {name}"),
            Self::Value(_) => f.write_str("a secret"),
        }
    }
}

impl PartialEq for SecretSource {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::File(a), Self::File(b)) => a == b,
            (Self::Env(a), Self::Env(b)) => a == b,
            (Self::Value(a), Self::Value(b)) => a.expose_secret() == b.expose_secret(),
            _ => false,
        }
    }
}

impl Eq for SecretSource {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_as_it_is_now_and_never_shown() {
        let path = std::env::temp_dir().join(format!("automap-secret-{}", std::process::id()));
        let source = SecretSource::File(path.clone());
        assert!(source.read().unwrap_err().to_string().contains("automap-secret"));
        for (content, secret) in [("one\n", Some("one")), (" two ", Some("two")), ("\n", None), ("a\nb", None)] {
            std::fs::write(&path, content).unwrap();
            assert_eq!(source.read().ok().as_ref().map(ExposeSecret::expose_secret), secret, "{content:?}");
        }
        std::fs::write(&path, "hidden").unwrap();
        assert!(!format!("{:?}", source.read()).contains("hidden"));
        std::fs::write(&path, vec![b'x'; 65 << 10]).unwrap();
        assert!(source.read().unwrap_err().to_string().contains("larger than 64 KiB"));
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn a_configuration_names_a_place_and_no_secret() {
        let read = |yaml: &str| serde_saphyr::from_str::<SecretSource>(yaml);
        assert_eq!(read("{file: /run/token}").unwrap(), SecretSource::File("/run/token".into()));
        assert_eq!(read("{env: TOKEN}").unwrap(), SecretSource::Env("TOKEN".into()));
        assert!(read("{value: hunter2}").is_err());
    }
}
