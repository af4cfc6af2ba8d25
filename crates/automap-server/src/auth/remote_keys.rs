//! An identity provider's keys from its address in the configuration, fetched ahead of need: no request ever waits for the provider, and
//! none can make automap fetch anything. While the provider does not answer, the keys fetched last go on to count.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use automap_sources::http;
use parking_lot::Mutex;
use ureq::Agent;
use ureq::tls::TlsConfig;

use super::jwks::KeySet;
use crate::secret::watched::{SecretError, unusable};

/// Largest answer.
const MAX_BYTES: u64 = 1 << 20;
/// Longest fetch.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Until the keys are fetched again. Providers publish a key long before they sign with it.
pub(crate) const FETCH_AGAIN: Duration = Duration::from_secs(300);
/// The same after a failure.
pub(crate) const TRY_AGAIN: Duration = Duration::from_secs(20);

/// The keys at an address.
#[derive(Debug)]
pub struct RemoteKeys {
    url: String,
    agent: Agent,
    keys: Mutex<Option<Arc<KeySet>>>,
}

impl RemoteKeys {
    /// Fetches nothing yet.
    ///
    /// # Errors
    /// [`SecretError`] when the file with the authorities' certificates cannot be read.
    pub fn new(url: &str, ca_file: Option<&Path>) -> Result<Self, SecretError> {
        let mut tls = TlsConfig::builder();
        if let Some(path) = ca_file {
            tls = tls.root_certs(http::authorities(path).map_err(|e| unusable(path, e.reason))?);
        }
        let config = http::agent_config(tls.build(), TIMEOUT).https_only(!is_loopback(url)).build();
        Ok(Self { url: url.to_owned(), agent: Agent::new_with_config(config), keys: Mutex::default() })
    }

    /// The keys fetched last; `None` before the first answer.
    pub fn present(&self) -> Option<Arc<KeySet>> {
        self.keys.lock().clone()
    }

    /// Fetches them; blocks for ten seconds at most.
    ///
    /// # Errors
    /// In words, with the address; the keys fetched before stay.
    pub fn fetch(&self) -> Result<(), String> {
        let fail =
            |reason: String| format!("{}: {reason}; tokens of api.auth.jwt may be refused until it answers", self.url);
        let mut response = self.agent.get(&self.url).call().map_err(|e| fail(e.to_string()))?;
        let body = response.body_mut().with_config().limit(MAX_BYTES).read_to_vec();
        let keys = KeySet::parse(&body.map_err(|e| fail(e.to_string()))?).map_err(fail)?;
        *self.keys.lock() = Some(Arc::new(keys));
        Ok(())
    }
}

/// Whether an address is `https`, or stays on this machine.
pub(crate) fn is_private(url: &str) -> bool {
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
    // `http://localhost:x@evil.example/` is not what it seems.
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
    fn keys_stay_while_the_provider_answers_nonsense() {
        let set = r#"{"keys": [{"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;
        let redirect =
            "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
        let huge = ok(&format!("{set}{}", " ".repeat(2 << 20)));
        let url = provider(vec![ok("{}"), ok(set), ok(r#"{"keys": []}"#), redirect.into(), huge]);
        let keys = RemoteKeys::new(&url, None).unwrap();
        assert!(keys.present().is_none() && keys.fetch().unwrap_err().contains(&url));
        keys.fetch().unwrap();
        let first = keys.present().unwrap();
        for _ in 0..3 {
            assert!(keys.fetch().is_err());
            assert!(Arc::ptr_eq(&first, &keys.present().unwrap()));
        }
    }

    #[test]
    fn keys_travel_encrypted_or_not_at_all() {
        for fine in ["https://id.example/jwks", "http://localhost:8080/jwks", "http://127.0.0.1/jwks"] {
            assert!(is_private(fine), "{fine}");
        }
        for bad in [
            "http://id.example/jwks",
            "http://localhost:x@evil.example/",
            "http://localhost.evil.example/",
            "file:///etc/passwd",
        ] {
            assert!(!is_private(bad), "{bad}");
        }
    }
}
