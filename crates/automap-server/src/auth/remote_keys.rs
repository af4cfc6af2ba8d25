//! An identity provider's keys, fetched from the configured address in advance. No request waits for the provider, and no request can make
//! automap fetch anything. While the provider does not answer, the keys of the last fetch stay valid.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use automap_sources::http;
use parking_lot::Mutex;
use ureq::Agent;

use super::jwks::KeySet;
use crate::secret::watched::{SecretError, unusable};

/// Largest answer that is read.
const MAX_BYTES: u64 = 1 << 20;
/// Longest time for a fetch.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How often the keys are fetched. Providers publish a key long before they sign with it.
pub(crate) const FETCH_EVERY: Duration = Duration::from_secs(300);
/// Pause after a failed fetch.
pub(crate) const RETRY_AFTER: Duration = Duration::from_secs(20);

/// The keys published at an address.
#[derive(Debug)]
pub struct RemoteKeys {
    url: String,
    agent: Agent,
    keys: Mutex<Option<Arc<KeySet>>>,
}

impl RemoteKeys {
    /// Nothing is fetched yet.
    ///
    /// # Errors
    /// [`SecretError`] when the file with the authorities' certificates cannot be read.
    pub fn new(url: &str, ca_file: Option<&Path>) -> Result<Self, SecretError> {
        let tls = http::trusting(ca_file).map_err(|e| unusable(&e.file, e.reason))?;
        let config = http::agent_config(tls, TIMEOUT).https_only(!is_loopback(url)).build();
        Ok(Self { url: url.to_owned(), agent: Agent::new_with_config(config), keys: Mutex::default() })
    }

    /// The keys of the last successful fetch; `None` before the first.
    pub fn current(&self) -> Option<Arc<KeySet>> {
        self.keys.lock().clone()
    }

    /// Fetches the keys. Blocks for at most ten seconds.
    ///
    /// # Errors
    /// A message with the address. The keys fetched before stay in use.
    pub fn fetch(&self) -> Result<(), String> {
        let fail =
            |reason: String| format!("{}: {reason}; tokens of api.auth.jwt may be refused until it answers", self.url);
        let body = http::get(&self.agent, &self.url, None, MAX_BYTES).map_err(|e| fail(e.to_string()))?;
        let keys = KeySet::parse(&body).map_err(fail)?;
        *self.keys.lock() = Some(Arc::new(keys));
        Ok(())
    }
}

/// Whether a connection to the address is encrypted, or stays on this machine.
pub(crate) fn is_protected(url: &str) -> bool {
    url.starts_with("https://") || is_loopback(url)
}

fn is_loopback(url: &str) -> bool {
    [
        "http://127.0.0.1:",
        "http://127.0.0.1/",
        "http://localhost:",
        "http://localhost/",
        "http://[::1]:",
        "http://[::1]/",
    ]
    .iter()
    // The host of `http://localhost:x@evil.example/` is evil.example.
    .any(|start| url.starts_with(start) && !url.contains('@'))
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;

    use super::*;

    /// Answers each connection with the next text, then no more.
    fn provider(answers: Vec<String>) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/jwks", listener.local_addr().unwrap());
        std::thread::spawn(move || {
            for answer in answers {
                let (mut stream, _) = listener.accept().unwrap();
                let _ = stream.read(&mut [0; 2048]);
                let _ = stream.write_all(answer.as_bytes());
            }
        });
        url
    }

    fn ok(body: &str) -> String {
        format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
    }

    #[test]
    fn keys_stay_in_use_while_the_provider_answers_nonsense() {
        let set = r#"{"keys": [{"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;
        let redirect =
            "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
        let huge = ok(&format!("{set}{}", " ".repeat(2 << 20)));
        let url = provider(vec![ok("{}"), ok(set), ok(r#"{"keys": []}"#), redirect.into(), huge]);
        let keys = RemoteKeys::new(&url, None).unwrap();
        assert!(keys.current().is_none() && keys.fetch().unwrap_err().contains(&url));
        keys.fetch().unwrap();
        let first = keys.current().unwrap();
        for _ in 0..3 {
            assert!(keys.fetch().is_err());
            assert!(Arc::ptr_eq(&first, &keys.current().unwrap()));
        }
    }

    #[test]
    fn keys_are_fetched_over_an_encrypted_connection_only() {
        for fine in ["https://id.example/jwks", "http://localhost:8080/jwks", "http://127.0.0.1/jwks"] {
            assert!(is_protected(fine), "{fine}");
        }
        for bad in [
            "http://id.example/jwks",
            "http://localhost:x@evil.example/",
            "http://localhost.evil.example/",
            "file:///etc/passwd",
        ] {
            assert!(!is_protected(bad), "{bad}");
        }
    }
}
