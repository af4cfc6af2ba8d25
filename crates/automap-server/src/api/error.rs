//! Why the API does not start. Every error names the setting and what to try next.

use crate::secret::watched::SecretError;

/// Why the API does not start.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// Everybody on the network could use it.
    #[error(
        "api.listen is {listen}, which others can reach, and no credentials are required; configure api.auth (tokens, users, proxy, jwt or oidc), listen \
         on 127.0.0.1, or set `insecure_no_auth: true` if a proxy in front authenticates"
    )]
    OpenToAll {
        /// The address of the configuration.
        listen: std::net::SocketAddr,
    },
    /// A setting contradicts another one, or is out of range.
    #[error("api.{setting}: {reason}; {next}")]
    Setting {
        /// The setting.
        setting: &'static str,
        /// What is wrong with it.
        reason: String,
        /// What to do.
        next: &'static str,
    },
    /// A secret or certificate cannot be read.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The address cannot be used.
    #[error("cannot listen on {listen}: {reason}; choose another `api.listen`, or stop the program that uses it")]
    Listen {
        /// The address.
        listen: std::net::SocketAddr,
        /// The operating system's error.
        reason: String,
    },
    /// The operating system provides no random bytes.
    #[error("the operating system provides no random bytes; see its log")]
    NoRandomness,
}

impl ApiError {
    /// The key of the configuration that is wrong, and why.
    pub(crate) fn place(&self) -> (String, String) {
        match self {
            Self::OpenToAll { .. } => {
                ("api.listen".to_owned(), self.to_string().replacen("api.listen is ", "it is ", 1))
            }
            Self::Setting { setting, reason, next } => (format!("api.{setting}"), format!("{reason}; {next}")),
            _ => ("api".to_owned(), self.to_string()),
        }
    }
}
