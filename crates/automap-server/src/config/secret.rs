//! Secrets: from a file or the environment, read when they are needed, never printed.

use std::path::PathBuf;

use serde::Deserialize;

/// Largest secret that is read from a file, in bytes.
const MAX_BYTES: u64 = 64 * 1024;

/// Where a secret is.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum SecretSource {
    /// In a file, read again for every use: mounted secrets are rotated under running programs.
    File(PathBuf),
    /// In a variable of the environment.
    Env(String),
}

impl SecretSource {
    /// The secret, without spaces and line ends around it.
    ///
    /// # Errors
    /// Where it should have been and why it was not, without what was there.
    pub fn read(&self) -> Result<String, String> {
        let text = match self {
            Self::File(path) => {
                let place = |e: std::io::Error| format!("{}: {e}", path.display());
                if std::fs::metadata(path).map_err(place)?.len() > MAX_BYTES {
                    return Err(format!("{}: larger than a secret is ({MAX_BYTES} bytes)", path.display()));
                }
                std::fs::read_to_string(path).map_err(place)?
            }
            Self::Env(name) => std::env::var(name).map_err(|_| format!("the variable {name} is not set"))?,
        };
        let text = text.trim();
        if text.is_empty() { Err(format!("{self:?} is empty")) } else { Ok(text.to_owned()) }
    }
}
