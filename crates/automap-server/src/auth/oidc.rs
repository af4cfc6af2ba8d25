//! Logging in at an identity provider with a browser: OpenID Connect, the authorization code flow with PKCE (RFC 6749, RFC 7636, OpenID Connect Core).
//!
//! [`Oidc::begin`] sends the browser to the provider, with a cookie that holds the state of this login alone. The provider sends it back with a code,
//! and [`Oidc::finish`] exchanges the code for an ID token and reads the user from it: by the same rules as a bearer token ([`super::jwt`]), and only
//! if state and nonce match the cookie. The provider's tokens are not kept. Left out on purpose: the implicit flow, answers by form, claims that are
//! not in the ID token, and refresh tokens, since a session here ends after a working day.

mod pending;
mod provider;

use std::sync::Arc;

use parking_lot::Mutex;
use ring::digest::{SHA256, digest};
use subtle::ConstantTimeEq as _;

use super::config::{JwtConfig, OidcConfig};
use super::identity::Identity;
use super::jwt;
use crate::percent::encoded;
use crate::secret::watched::{SecretError, WatchedSecret};
use pending::{Pending, Seal};
use provider::{Provider, Requests};

/// The path at which the provider sends a browser back.
pub(crate) const CALLBACK_PATH: &str = "/api/v1/session/oidc/callback";
/// How long a user may take at the provider.
pub(crate) const PENDING_S: u64 = 600;
/// Longest code and state that are read.
const MAX_PARAMETER_BYTES: usize = 4096;
/// Longest path to go back to.
const MAX_TO_BYTES: usize = 1024;

/// A configured provider.
#[derive(Debug)]
pub struct Oidc {
    config: OidcConfig,
    claims: JwtConfig,
    secret: Option<WatchedSecret>,
    requests: Requests,
    seal: Seal,
    /// The provider's document and keys; `None` before it answered.
    provider: Mutex<Option<Arc<Provider>>>,
}

/// A login that began.
#[derive(Debug)]
pub struct Begun {
    /// Where the browser goes.
    pub location: String,
    /// The state of the login, as a cookie.
    pub cookie: String,
}

/// A login that succeeded.
#[derive(Debug, PartialEq, Eq)]
pub struct LoggedIn {
    /// Who logged in.
    pub identity: Identity,
    /// The path of the page where the login began.
    pub to: String,
}

/// What the provider sent along with the browser.
#[derive(Clone, Debug, Default)]
pub struct Callback {
    /// The code to exchange.
    pub code: Option<String>,
    /// The state from [`Oidc::begin`].
    pub state: Option<String>,
    /// Why there is no code.
    pub error: Option<String>,
    /// The same in words.
    pub error_description: Option<String>,
    /// The issuer (RFC 9207).
    pub iss: Option<String>,
}

/// Why a login failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LoginError {
    /// The provider cannot be reached.
    #[error("{0}")]
    Provider(String),
    /// The cookie is missing, is too old, or was made before a restart.
    #[error("this login was not begun here, or more than ten minutes ago")]
    NotBegun,
    /// The answer belongs to another login.
    #[error("the answer belongs to another login than the last one that this browser began")]
    OtherLogin,
    /// The provider refused.
    #[error("the identity provider refused: {0}")]
    Denied(String),
    /// The provider's token is not valid.
    #[error("the identity provider's token was not accepted: {0}")]
    Token(&'static str),
    /// The user has no role here.
    #[error("{0} has no role in automap")]
    NoRole(String),
}

impl Oidc {
    /// Reads the secrets; the provider is not contacted yet.
    ///
    /// # Errors
    /// [`SecretError`] for a secret or certificate that cannot be read, or if the system has no random bytes.
    pub fn open(config: &OidcConfig) -> Result<Self, SecretError> {
        Ok(Self {
            claims: config.as_jwt(),
            secret: config.client_secret.as_ref().map(WatchedSecret::open).transpose()?,
            requests: Requests::new(&config.issuer, config.ca_file.as_deref())?,
            seal: Seal::new()?,
            provider: Mutex::default(),
            config: config.clone(),
        })
    }

    /// The provider's name on the page.
    pub fn name(&self) -> &str {
        let host = self.config.issuer.split_once("://").map_or(self.config.issuer.as_str(), |(_, rest)| rest);
        self.config.display_name.as_deref().unwrap_or_else(|| host.split('/').next().unwrap_or(host))
    }

    /// The claim that determines roles, for messages.
    pub fn groups_claim(&self) -> &str {
        &self.config.groups_claim
    }

    /// Whether browsers reach automap over TLS.
    pub fn is_encrypted(&self) -> bool {
        self.config.redirect_url.starts_with("https://")
    }

    /// Fetches the provider's document and its keys. Blocks for at most twenty seconds.
    ///
    /// # Errors
    /// A message with the address. What was fetched before stays in use.
    pub fn refresh(&self) -> Result<(), String> {
        let provider = self.requests.discover()?;
        *self.provider.lock() = Some(Arc::new(provider));
        Ok(())
    }

    fn provider(&self) -> Result<Arc<Provider>, LoginError> {
        let known = self.provider.lock().clone();
        let silent = || LoginError::Provider(format!("{} has not answered yet", self.config.issuer));
        known.ok_or_else(silent)
    }

    /// Begins a login that returns to the path `to`; any other address returns to the first page. `now_s` is Unix time in seconds.
    ///
    /// # Errors
    /// [`LoginError::Provider`] before the provider answered.
    pub fn begin(&self, to: &str, now_s: f64) -> Result<Begun, LoginError> {
        let provider = self.provider()?;
        let no_random = || LoginError::Provider("the operating system provides no random bytes".to_owned());
        let pending = Pending::new(own_path(to), now_s + PENDING_S as f64).ok_or_else(no_random)?;
        let scopes: String = self.config.scopes.iter().map(|scope| format!(" {scope}")).collect();
        let challenge = pending::base64(digest(&SHA256, pending.verifier.as_bytes()).as_ref());
        let parameters = [
            ("response_type", "code"),
            ("client_id", &self.config.client_id),
            ("redirect_uri", &self.config.redirect_url),
            ("scope", &format!("openid{scopes}")),
            ("state", &pending.state),
            ("nonce", &pending.nonce),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ];
        let location = with_parameters(&provider.authorization_endpoint, &parameters);
        Ok(Begun { location, cookie: self.seal.close(&pending).ok_or_else(no_random)? })
    }

    /// Completes a login: returns the user. Blocks for at most forty seconds.
    ///
    /// # Errors
    /// [`LoginError`].
    pub fn finish(&self, callback: &Callback, cookie: Option<&str>, now_s: f64) -> Result<LoggedIn, LoginError> {
        let pending = cookie.and_then(|text| self.seal.open(text)).filter(|pending| now_s < pending.ends_s);
        let pending = pending.ok_or(LoginError::NotBegun)?;
        if !is_same(callback.state.as_deref(), &pending.state) {
            return Err(LoginError::OtherLogin);
        }
        if let Some(code) = &callback.error {
            let said = callback.error_description.as_deref().unwrap_or_default();
            return Err(LoginError::Denied(format!("{} {}", provider::shown(code), provider::shown(said))));
        }
        if callback.iss.as_ref().is_some_and(|iss| *iss != self.config.issuer) {
            return Err(LoginError::Token("it comes from another provider"));
        }
        let code = callback.code.as_deref().filter(|code| code.len() <= MAX_PARAMETER_BYTES);
        let code = code.ok_or(LoginError::Token("there is no code"))?;
        let token = self.exchange(code, &pending.verifier)?;
        let claims = self.claims_of(&token, now_s)?;
        let text = |name: &str| claims.get(name).and_then(|value| value.as_str());
        if !is_same(text("nonce"), &pending.nonce) {
            return Err(LoginError::Token("its nonce is not that of this login"));
        }
        if text("azp").is_some_and(|azp| azp != self.config.client_id) {
            return Err(LoginError::Token("it was issued to another program (azp)"));
        }
        let Some(name) = text(&self.config.name_claim) else {
            return Err(LoginError::Token("it does not name the user (name_claim)"));
        };
        let no_role = || LoginError::NoRole(provider::shown(name));
        Ok(LoggedIn { identity: jwt::user(&self.claims, &claims).ok_or_else(no_role)?, to: pending.to })
    }

    fn exchange(&self, code: &str, verifier: &str) -> Result<String, LoginError> {
        let provider = self.provider()?;
        let secret = self.secret.as_ref().map(WatchedSecret::get);
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &self.config.redirect_url),
            ("code_verifier", verifier),
        ];
        self.requests.exchange(&provider, &self.config.client_id, secret.as_deref(), &form)
    }

    /// The claims of a valid token. If no known key fits, the provider may have new ones: they are fetched once.
    fn claims_of(&self, token: &str, now_s: f64) -> Result<serde_json::Map<String, serde_json::Value>, LoginError> {
        let valid = || self.provider().map(|known| jwt::valid_claims(&self.claims, &known.keys, token, now_s));
        if let Some(claims) = valid()? {
            return Ok(claims);
        }
        self.refresh().map_err(LoginError::Provider)?;
        valid()?.ok_or(LoginError::Token("its signature, issuer, audience or time is wrong"))
    }

    /// Where logging out continues, if that is configured and the provider has such an address.
    pub fn log_out_location(&self) -> Option<String> {
        let provider = self.provider.lock().clone().filter(|_| self.config.provider_logout)?;
        let origin = self.config.redirect_url.strip_suffix(CALLBACK_PATH)?;
        let back = format!("{origin}/");
        let parameters = [("client_id", self.config.client_id.as_str()), ("post_logout_redirect_uri", &back)];
        Some(with_parameters(provider.end_session_endpoint.as_deref()?, &parameters))
    }
}

/// Compares in constant time.
fn is_same(given: Option<&str>, expected: &str) -> bool {
    given.is_some_and(|given| bool::from(given.as_bytes().ct_eq(expected.as_bytes())))
}

fn with_parameters(address: &str, parameters: &[(&str, &str)]) -> String {
    let pairs: Vec<String> = parameters.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
    format!("{address}{}{}", if address.contains('?') { '&' } else { '?' }, pairs.join("&"))
}

/// A path of automap's page, else the first page: browsers treat `//host` and `/\host` as other sites.
fn own_path(to: &str) -> String {
    let is_own = to.starts_with('/') && !to.starts_with("//") && !to.starts_with("/api/");
    let is_plain = to.len() <= MAX_TO_BYTES && to.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    if is_own && is_plain { to.to_owned() } else { "/".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_leads_back_to_pages_of_automap_only() {
        for own in ["/", "/incidents/shop-1", "/services?find=pay&x=%2F"] {
            assert_eq!(own_path(own), own);
        }
        for other in [
            "//evil.example",
            "/\\evil.example",
            "https://evil.example",
            "",
            "/a\r\nset-cookie: x",
            "/api/v1/session",
            "javascript:alert(1)",
        ] {
            assert_eq!(own_path(other), "/", "{other}");
        }
        assert_eq!(own_path(&format!("/{}", "x".repeat(MAX_TO_BYTES))), "/");
    }

    #[test]
    fn parameters_are_encoded_and_join_those_that_are_there() {
        let with = |address: &str| with_parameters(address, &[("scope", "openid a&b"), ("state", "ü")]);
        assert_eq!(with("https://id.example/auth"), "https://id.example/auth?scope=openid%20a%26b&state=%C3%BC");
        assert_eq!(
            with("https://id.example/auth?x=1"),
            "https://id.example/auth?x=1&scope=openid%20a%26b&state=%C3%BC"
        );
    }
}
