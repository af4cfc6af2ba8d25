//! Secrets: where they are read from, and that they are not printed.

pub mod watched;

use std::fmt;
use std::path::PathBuf;

use automap_sources::bounded::read_text_file;
use serde::Deserialize;

/// A token or an address with one in it is never longer; a wrong path may be.
const MAX_BYTES: u64 = 64 << 10;

/// Where a secret is: `{file: /etc/automap/token}` or `{env: SLACK_URL}`. It is read whenever it is needed, so a file that is replaced
/// (as a mounted Kubernetes secret is) counts from the next message on. There is no way to write it into the configuration itself.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SecretSource {
    /// The content of a file, without white space around it.
    File(PathBuf),
    /// An environment variable.
    Env(String),
}

/// A secret's text. `Debug` does not show it, and there is no `Display`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The text, for the one place that sends it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl SecretSource {
    /// Reads it now.
    ///
    /// # Errors
    /// What to put right, naming the file or variable and never its content.
    pub fn read(&self) -> Result<Secret, String> {
        let text = match self {
            Self::File(path) => read_text_file(path, MAX_BYTES).map_err(|e| format!("{self}: {}", e.reason))?,
            Self::Env(name) => std::env::var(name).map_err(|_| format!("{self} is not set"))?,
        };
        match text.trim() {
            "" => Err(format!("{self} is empty")),
            // A line break would end a header or an address early.
            text if text.chars().any(char::is_control) => Err(format!("{self} holds more than one line")),
            text => Ok(Secret(text.to_owned())),
        }
    }
}

impl fmt::Display for SecretSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "the secret's file {}", path.display()),
            Self::Env(name) => write!(f, "the environment variable {name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_counts_as_it_is_now_and_is_never_shown() {
        let path = std::env::temp_dir().join(format!("automap-secret-{}", std::process::id()));
        let source = SecretSource::File(path.clone());
        assert!(source.read().unwrap_err().contains("automap-secret"));
        for (content, secret) in [("one\n", Some("one")), (" two ", Some("two")), ("\n", None), ("a\nb", None)] {
            std::fs::write(&path, content).unwrap();
            assert_eq!(source.read().ok().as_ref().map(Secret::expose), secret, "{content:?}");
        }
        std::fs::write(&path, "hidden").unwrap();
        assert!(!format!("{:?}", source.read()).contains("hidden"));
        std::fs::write(&path, vec![b'x'; 65 << 10]).unwrap();
        assert!(source.read().unwrap_err().contains("larger than 64 KiB"));
        std::fs::remove_file(path).unwrap();
    }
}
