//! How to reach a Prometheus: address, identity, trust, limits. Secrets in these types are never printed.

use std::path::PathBuf;
use std::time::Duration;

use super::presets::Presets;
use crate::secret::{SecretSource, SecretString};

/// Requests under way at once. Prometheus runs at most 20 queries by default; we leave most to others.
pub const MAX_CONCURRENCY: usize = 4;
/// Largest answer that is read, in bytes.
pub const DEFAULT_MAX_BODY_BYTES: u64 = 64 << 20;
/// Most retries of one request.
pub const MAX_RETRIES: u32 = 2;

/// Everything about the connection to one server.
#[derive(Clone, Debug)]
pub struct ClientOptions {
    /// Where the API lives, path prefix included: `https://metrics.example.com/prometheus`. A user and password in
    /// the address are used as basic authentication, parameters behind a `?` are sent with every request; neither appears in a message.
    pub url: String,
    /// Parameters of the address sent with every request, such as `namespace` for a tenant. Their values are treated as secrets.
    pub parameters: Vec<(String, SecretString)>,
    /// The credentials.
    pub auth: Auth,
    /// Headers sent with every request, such as `X-Scope-OrgID`. Their values are treated as secrets.
    pub headers: Vec<(String, SecretString)>,
    /// Trusted certificate authorities, and the client's own certificate.
    pub tls: TlsOptions,
    /// For one request, start to end; also passed to the server as its time limit.
    pub timeout: Duration,
    /// Requests under way at once, 1 to [`MAX_CONCURRENCY`].
    pub concurrency: usize,
    /// Largest answer that is read, in bytes.
    pub max_body_bytes: u64,
    /// What to do when the server is busy or the connection breaks.
    pub retry: RetryOptions,
    /// The presets that are looked for on this server.
    pub presets: Presets,
    /// The cluster to observe, if the server has several.
    pub cluster: Option<String>,
}

impl ClientOptions {
    /// Defaults for this address: no credentials, the web's certificate authorities, 30 s, four requests at once.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            parameters: Vec::new(),
            auth: Auth::None,
            headers: Vec::new(),
            tls: TlsOptions::default(),
            timeout: Duration::from_secs(30),
            concurrency: MAX_CONCURRENCY,
            max_body_bytes: DEFAULT_MAX_BODY_BYTES,
            retry: RetryOptions::default(),
            presets: Presets::default(),
            cluster: None,
        }
    }
}

/// Credentials for the server.
#[derive(Clone, Debug, Default)]
pub enum Auth {
    /// Anonymous.
    #[default]
    None,
    /// A user and a password.
    Basic {
        /// The user's name.
        user: String,
        /// The password.
        password: SecretSource,
    },
    /// A token, as service accounts have it.
    Bearer {
        /// The token.
        token: SecretSource,
    },
}

impl Auth {
    /// A user with a password, or a token, each from a file; if both are given the password is used, and a user alone is anonymous.
    pub fn from_files(user: Option<&String>, password: Option<&PathBuf>, token: Option<&PathBuf>) -> Self {
        let file = |path: &PathBuf| SecretSource::File(path.clone());
        match (user, password, token) {
            (Some(user), Some(password), _) => Self::Basic { user: user.clone(), password: file(password) },
            (_, _, Some(token)) => Self::Bearer { token: file(token) },
            _ => Self::None,
        }
    }
}

/// Certificates: those the client trusts, and its own.
#[derive(Clone, Debug, Default)]
pub struct TlsOptions {
    /// Certificate authorities (PEM) instead of the web's.
    pub ca_file: Option<PathBuf>,
    /// The client's certificate (PEM); needs `key_file`.
    pub cert_file: Option<PathBuf>,
    /// The key of the client's certificate (PEM).
    pub key_file: Option<PathBuf>,
    /// Accepts any certificate. For experiments only: anyone on the network path can read the token.
    pub insecure_skip_verify: bool,
}

/// When and how a request is repeated: only for 429, 5xx and broken connections.
#[derive(Clone, Copy, Debug)]
pub struct RetryOptions {
    /// Repetitions, at most [`MAX_RETRIES`].
    pub retries: u32,
    /// Pause before the first repetition; doubles each time, with jitter.
    pub base: Duration,
    /// Longest pause, even if the server's `Retry-After` is longer.
    pub cap: Duration,
}

impl Default for RetryOptions {
    fn default() -> Self {
        Self { retries: MAX_RETRIES, base: Duration::from_millis(250), cap: Duration::from_secs(10) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_do_not_print() {
        let mut options = ClientOptions::new("http://localhost:9090");
        options.auth = Auth::Basic { user: "ann".into(), password: SecretSource::Value("hunter2".into()) };
        options.headers.push(("X-Api-Key".into(), "hunter3".into()));
        options.parameters.push(("token".into(), "hunter4".into()));
        let text = format!("{options:?}");
        assert!(text.contains("ann") && !text.contains("hunter"), "{text}");
    }
}
