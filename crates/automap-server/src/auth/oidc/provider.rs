//! The requests to an identity provider: for its document (OpenID Connect Discovery), its keys, and the exchange of a code.
//!
//! Every answer is bounded, every request has a deadline, redirects are not followed, and nothing is sent over a connection that others can read.

use std::path::Path;
use std::time::Duration;

use automap_sources::http;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use ureq::Agent;

use super::LoginError;
use crate::auth::jwks::KeySet;
use crate::auth::remote_keys::is_protected;
use crate::percent::encoded;
use crate::secret::watched::{SecretError, unusable};
use crate::secret::{ExposeSecret, SecretString};

/// Largest document, key set and token answer that is read.
const MAX_BYTES: u64 = 1 << 20;
/// Longest time for one request.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Longest text of the provider that is quoted.
const MAX_SHOWN_CHARS: usize = 200;

/// A provider's document and keys.
#[derive(Debug)]
pub(super) struct Provider {
    pub(super) authorization_endpoint: String,
    pub(super) end_session_endpoint: Option<String>,
    pub(super) keys: KeySet,
    token_endpoint: String,
    /// Whether a secret goes into the form instead of the header `Authorization`.
    secret_in_form: bool,
}

#[derive(Deserialize)]
struct Document {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    end_session_endpoint: Option<String>,
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
    code_challenge_methods_supported: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct Tokens {
    id_token: String,
}

#[derive(Deserialize)]
struct Refusal {
    error: String,
    #[serde(default)]
    error_description: String,
}

/// The requests to one provider.
#[derive(Debug)]
pub(super) struct Requests {
    issuer: String,
    agent: Agent,
}

impl Requests {
    pub(super) fn new(issuer: &str, ca_file: Option<&Path>) -> Result<Self, SecretError> {
        let tls = http::trusting(ca_file).map_err(|e| unusable(&e.file, e.reason))?;
        let config = http::agent_config(tls, TIMEOUT).http_status_as_error(false).build();
        Ok(Self { issuer: issuer.to_owned(), agent: Agent::new_with_config(config) })
    }

    /// The provider's document and keys.
    pub(super) fn discover(&self) -> Result<Provider, String> {
        let address = format!("{}/.well-known/openid-configuration", self.issuer.trim_end_matches('/'));
        let fail = |place: &str, reason: String| format!("{place}: {reason}; nobody can log in there until it answers");
        let read = |place: &str| self.get(place).map_err(|reason| fail(place, reason));
        let document = parse(&read(&address)?, &self.issuer).map_err(|reason| fail(&address, reason))?;
        let keys = KeySet::parse(&read(&document.jwks_uri)?).map_err(|reason| fail(&document.jwks_uri, reason))?;
        let methods = document.token_endpoint_auth_methods_supported.unwrap_or_default();
        let takes = |method: &str| methods.iter().any(|known| known == method);
        Ok(Provider {
            authorization_endpoint: document.authorization_endpoint,
            end_session_endpoint: document.end_session_endpoint,
            keys,
            token_endpoint: document.token_endpoint,
            secret_in_form: takes("client_secret_post") && !takes("client_secret_basic"),
        })
    }

    fn get(&self, url: &str) -> Result<Vec<u8>, String> {
        let mut answer = self.agent.get(url).call().map_err(|e| e.to_string())?;
        let status = answer.status().as_u16();
        let body = answer.body_mut().with_config().limit(MAX_BYTES).read_to_vec().map_err(|e| e.to_string())?;
        if status == 200 { Ok(body) } else { Err(format!("status {status}")) }
    }

    /// The ID token for a code.
    pub(super) fn exchange(
        &self,
        provider: &Provider,
        client_id: &str,
        secret: Option<&SecretString>,
        form: &[(&str, &str)],
    ) -> Result<String, LoginError> {
        let place = &provider.token_endpoint;
        let mut form = form.to_vec();
        let mut request = self.agent.post(place).header("accept", "application/json");
        match secret {
            Some(secret) if !provider.secret_in_form => {
                // RFC 6749, 2.3.1: each is encoded before they are joined.
                let pair = format!("{}:{}", encoded(client_id), encoded(secret.expose_secret()));
                request = request.header("authorization", format!("Basic {}", STANDARD.encode(pair)));
            }
            Some(secret) => form.extend([("client_id", client_id), ("client_secret", secret.expose_secret())]),
            None => form.push(("client_id", client_id)),
        }
        let silent = |e: &dyn std::fmt::Display| LoginError::Provider(format!("{place}: {e}"));
        let mut answer = request.send_form(form).map_err(|e| silent(&e))?;
        let status = answer.status().as_u16();
        let body = answer.body_mut().with_config().limit(MAX_BYTES).read_to_vec().map_err(|e| silent(&e))?;
        if status == 200 {
            let tokens: Tokens =
                serde_json::from_slice(&body).map_err(|_| LoginError::Token("there is no ID token"))?;
            return Ok(tokens.id_token);
        }
        let said: Option<Refusal> = serde_json::from_slice(&body).ok();
        Err(said.map_or_else(
            || silent(&format!("status {status}")),
            |said| LoginError::Denied(format!("{} {}", shown(&said.error), shown(&said.error_description))),
        ))
    }
}

fn parse(bytes: &[u8], issuer: &str) -> Result<Document, String> {
    let document: Document = serde_json::from_slice(bytes).map_err(|e| format!("it is no OpenID document: {e}"))?;
    if document.issuer != issuer {
        return Err(format!(
            "it is that of {}, and api.auth.oidc.issuer is {issuer}: both have to be equal",
            shown(&document.issuer)
        ));
    }
    let known = document.code_challenge_methods_supported.as_ref();
    if known.is_some_and(|methods| !methods.iter().any(|method| method == "S256")) {
        return Err("it does not support PKCE with S256, without which nobody is logged in".to_owned());
    }
    let addresses = [&document.authorization_endpoint, &document.token_endpoint, &document.jwks_uri];
    let open = addresses.into_iter().chain(&document.end_session_endpoint).find(|url| !is_protected(url));
    if let Some(open) = open {
        return Err(format!("{} is not encrypted", shown(open)));
    }
    Ok(document)
}

/// A provider's text, cut to what is shown.
pub(super) fn shown(text: &str) -> String {
    automap_core::text::shown(text, MAX_SHOWN_CHARS)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const ISSUER: &str = "https://id.example";

    fn document(changes: &[(&str, Value)]) -> Result<Document, String> {
        let mut document = json!({"issuer": ISSUER, "authorization_endpoint": "https://id.example/auth",
            "token_endpoint": "https://id.example/token", "jwks_uri": "https://id.example/jwks"});
        for (name, value) in changes {
            document[*name] = value.clone();
        }
        parse(document.to_string().as_bytes(), ISSUER)
    }

    #[test]
    fn a_document_that_cannot_be_trusted_says_why() {
        assert!(document(&[]).is_ok());
        assert!(document(&[("code_challenge_methods_supported", json!(["plain", "S256"]))]).is_ok());
        for (name, value, reason) in [
            ("issuer", json!("https://evil.example"), "both have to be equal"),
            ("token_endpoint", json!("http://id.example/token"), "is not encrypted"),
            ("end_session_endpoint", json!("javascript:alert(1)"), "is not encrypted"),
            ("jwks_uri", json!(7), "no OpenID document"),
            ("code_challenge_methods_supported", json!(["plain"]), "PKCE"),
        ] {
            let Err(error) = document(&[(name, value)]) else { panic!("{name} was accepted") };
            assert!(error.contains(reason), "{name}: {error}");
        }
    }
}
