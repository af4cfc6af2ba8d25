//! Why the interface cannot be offered at all. Each says what to do.

use crate::secret::watched::SecretError;

/// Why the interface does not start.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// Anybody on the network could ask.
    #[error(
        "api.listen is {listen}, which others can reach, and nobody is asked who they are; configure api.auth (tokens, users, proxy or jwt), listen \
         on 127.0.0.1, or write `insecure_no_auth: true` if something in front asks"
    )]
    OpenToAll {
        /// The address of the configuration.
        listen: std::net::SocketAddr,
    },
    /// Two settings do not go together, or one is out of range.
    #[error("api.{setting}: {reason}; {next}")]
    Setting {
        /// Which.
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
    #[error("cannot listen on {listen}: {reason}; choose another `api.listen`, or stop what uses it")]
    Listen {
        /// Which.
        listen: std::net::SocketAddr,
        /// What the system says.
        reason: String,
    },
    /// The system has no randomness to give.
    #[error("the system gives no random bytes; see its log")]
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
