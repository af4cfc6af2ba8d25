//! The `api` part of the configuration, and the checks that refuse an unsafe one.
//!
//! Example:
//!
//! ```yaml
//! api:
//!   listen: 0.0.0.0:9977
//!   hosts: [automap.example.org]
//!   tls: { cert_file: /tls/tls.crt, key_file: /tls/tls.key }
//!   auth:
//!     tokens:
//!       - { name: alertmanager, role: alerts, from: { file: /run/secrets/alertmanager } }
//!       - { name: grafana, role: viewer, from: { env: AUTOMAP_GRAFANA_TOKEN } }
//!     users:
//!       - { name: ann, role: operator, from: { file: /run/secrets/ann.hash } }
//!     proxy: { from: [10.0.0.0/8], operator_groups: [sre], viewer_groups: [dev] }
//!     jwt: { issuer: "https://id.example.org", audience: automap, jwks_file: /etc/automap/jwks.json, default_role: viewer }
//!     oidc:
//!       issuer: https://id.example.org
//!       client_id: automap
//!       client_secret: { file: /run/secrets/oidc }
//!       redirect_url: https://automap.example.org/api/v1/session/oidc/callback
//!       scopes: [profile, groups]
//!       operator_groups: [sre]
//! ```

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use ipnet::IpNet;
use serde::Deserialize;

use crate::address;
use crate::api::embed::EmbedConfig;
use crate::api::error::ApiError;
use crate::auth::AuthConfig;
use crate::auth::config::{OidcConfig, ambiguous_group};
use crate::auth::oidc::CALLBACK_PATH;
use crate::auth::remote_keys::is_protected;
use crate::secret::SecretSource;

/// What to do about an address with a password.
const WITHOUT_CREDENTIALS: &str = "use the plain https:// address";

/// Where the API listens, and who may use it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ApiConfig {
    /// Address to listen on.
    pub listen: SocketAddr,
    /// Host names by which it is reached, besides IP addresses and `localhost`. Empty with authentication: any name is accepted.
    pub hosts: Vec<String>,
    /// Certificate and key; unset: plain HTTP.
    pub tls: Option<TlsFiles>,
    /// The credentials that are accepted.
    pub auth: AuthConfig,
    /// Whether an address that others can reach may be served without authentication.
    pub insecure_no_auth: bool,
    /// Whether `/metrics` is answered without credentials.
    pub open_metrics: bool,
    /// How changes are received.
    pub changes: ChangesConfig,
    /// Who may show parts of it in a frame.
    pub embed: EmbedConfig,
    /// What a client, and all clients together, may use.
    pub limits: Limits,
}

impl Default for ApiConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 9977)),
            hosts: Vec::new(),
            tls: None,
            auth: AuthConfig::default(),
            insecure_no_auth: false,
            open_metrics: false,
            changes: ChangesConfig::default(),
            embed: EmbedConfig::default(),
            limits: Limits::default(),
        }
    }
}

/// How changes are received.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ChangesConfig {
    /// Where the secret of GitHub's webhook is; unset: GitHub's webhook is refused.
    pub github_secret: Option<SecretSource>,
}

/// Certificate and key as PEM files; read again when they change.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsFiles {
    /// The certificate chain, the server's own certificate first.
    pub cert_file: PathBuf,
    /// Its private key.
    pub key_file: PathBuf,
}

/// What a single client, and all clients together, may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Largest body of a request, in bytes.
    pub body_bytes: usize,
    /// Longest time until an answer begins, in seconds. A diagnosis that takes longer continues, and its result can be fetched later.
    pub request_timeout_s: u64,
    /// Longest time for the head of a request to arrive, in seconds.
    pub header_timeout_s: u64,
    /// Most open connections.
    pub connections: usize,
    /// Most open connections from one address that is not a trusted proxy.
    pub connections_per_client: usize,
    /// Requests a second that one client may send on average.
    pub rate_per_s: u32,
    /// Requests that one client may send at once.
    pub rate_burst: u32,
    /// Wrong credentials that one client may send in a minute.
    pub wrong_credentials_per_minute: u32,
    /// Most analyses that run at once.
    pub analyses: usize,
    /// Most analyses that wait: diagnoses, comparisons, service maps, explanations.
    pub analyses_waiting: usize,
    /// Most groups of alerts that wait for the watcher.
    pub alerts_waiting: usize,
    /// Most clients that listen to `/api/v1/events`.
    pub event_streams: usize,
    /// Most of these streams for one user or token, and for one address.
    pub event_streams_per_client: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: 1 << 20,
            request_timeout_s: 60,
            header_timeout_s: 10,
            connections: 512,
            connections_per_client: 64,
            rate_per_s: 20,
            rate_burst: 200,
            wrong_credentials_per_minute: 10,
            analyses: 2,
            analyses_waiting: 16,
            alerts_waiting: 256,
            event_streams: 64,
            event_streams_per_client: 8,
        }
    }
}

impl ApiConfig {
    /// Refuses a configuration that would let everybody in by accident, and limits that are out of range.
    ///
    /// # Errors
    /// [`ApiError::OpenToAll`] and [`ApiError::Setting`].
    pub fn check(&self) -> Result<(), ApiError> {
        if !self.listen.ip().to_canonical().is_loopback() && !self.auth.is_enabled() && !self.insecure_no_auth {
            return Err(ApiError::OpenToAll { listen: self.listen });
        }
        if self.insecure_no_auth && self.auth.is_enabled() {
            return Err(setting("insecure_no_auth", "api.auth requires credentials", "remove one of the two"));
        }
        // Two halves of the address space together cover all of it.
        let covers_all =
            |nets: &Vec<IpNet>| nets.is_empty() || IpNet::aggregate(nets).iter().any(|n| n.prefix_len() == 0);
        if self.auth.proxy.as_ref().is_some_and(|p| covers_all(&p.from)) {
            return Err(setting(
                "auth.proxy.from",
                "it is empty or contains every address",
                "list the proxy's own networks",
            ));
        }
        self.auth.check_groups()?;
        self.embed.check()?;
        if let Some(jwt) = &self.auth.jwt {
            if jwt.jwks_file.is_some() == jwt.jwks_url.is_some() {
                return Err(setting("auth.jwt", "it needs exactly one of jwks_file and jwks_url", "set one of them"));
            }
            if let Some(url) = &jwt.jwks_url {
                let key = "auth.jwt.jwks_url";
                if !is_protected(url) {
                    let reason = "keys must not be fetched over an unencrypted connection";
                    return Err(setting(key, reason, "use an https:// address"));
                }
                address::check(url).map_err(|reason| setting(key, reason, WITHOUT_CREDENTIALS))?;
            }
        }
        self.auth.oidc.as_ref().map_or(Ok(()), OidcConfig::check)?;
        self.limits.check()
    }
}

impl OidcConfig {
    /// Nothing is sent over a connection that others can read, and browsers come back to automap's own callback.
    fn check(&self) -> Result<(), ApiError> {
        if !is_protected(&self.issuer) {
            let reason = "people must not be sent to log in over an unencrypted connection";
            return Err(setting("auth.oidc.issuer", reason, "use an https:// address"));
        }
        address::check(&self.issuer).map_err(|reason| setting("auth.oidc.issuer", reason, WITHOUT_CREDENTIALS))?;
        let origin = self.redirect_url.strip_suffix(CALLBACK_PATH).filter(|_| is_protected(&self.redirect_url));
        let host = origin.and_then(|origin| origin.split_once("://")).map(|(_, host)| host);
        if host.is_none_or(|host| host.is_empty() || host.contains(['/', '?', '#', '@'])) {
            let reason = "it is not the address of automap's callback, over https";
            let next = "write https://HOST/api/v1/session/oidc/callback, and register the same at the provider";
            return Err(setting("auth.oidc.redirect_url", reason, next));
        }
        if self.client_id.is_empty() {
            return Err(setting("auth.oidc.client_id", "it is empty", "write the name that the provider gave automap"));
        }
        if self.scopes.iter().any(|scope| scope.is_empty() || !scope.bytes().all(|b| b.is_ascii_graphic())) {
            return Err(setting(
                "auth.oidc.scopes",
                "a scope is empty or holds a space",
                "write each as an entry of its own",
            ));
        }
        Ok(())
    }
}

impl AuthConfig {
    /// A group has one role.
    fn check_groups(&self) -> Result<(), ApiError> {
        let proxy = self.proxy.as_ref().map(|p| ("auth.proxy.viewer_groups", &p.operator_groups, &p.viewer_groups));
        let jwt = self.jwt.as_ref().map(|j| ("auth.jwt.viewer_groups", &j.operator_groups, &j.viewer_groups));
        let oidc = self.oidc.as_ref().map(|o| ("auth.oidc.viewer_groups", &o.operator_groups, &o.viewer_groups));
        for (key, operators, viewers) in proxy.into_iter().chain(jwt).chain(oidc) {
            if let Some(group) = ambiguous_group(operators, viewers) {
                let reason = format!("'{group}' is in operator_groups, too, so its members would have two roles");
                return Err(setting(key, &reason, "keep it in one of them"));
            }
            if operators.iter().chain(viewers).any(String::is_empty) {
                return Err(setting(key, "a group's name is empty", "remove it"));
            }
        }
        Ok(())
    }
}

impl Limits {
    fn check(&self) -> Result<(), ApiError> {
        let ranges: [(&'static str, u64, u64); 13] = [
            ("limits.body_bytes", self.body_bytes as u64, 16 << 20),
            ("limits.request_timeout_s", self.request_timeout_s, 3600),
            ("limits.header_timeout_s", self.header_timeout_s, 300),
            ("limits.connections", self.connections as u64, 65_536),
            ("limits.connections_per_client", self.connections_per_client as u64, 65_536),
            ("limits.rate_per_s", self.rate_per_s.into(), 100_000),
            ("limits.rate_burst", self.rate_burst.into(), 1_000_000),
            ("limits.wrong_credentials_per_minute", self.wrong_credentials_per_minute.into(), 1000),
            ("limits.analyses", self.analyses as u64, 64),
            ("limits.analyses_waiting", self.analyses_waiting as u64, 1024),
            ("limits.alerts_waiting", self.alerts_waiting as u64, 65_536),
            ("limits.event_streams", self.event_streams as u64, 4096),
            ("limits.event_streams_per_client", self.event_streams_per_client as u64, 4096),
        ];
        for (name, value, most) in ranges {
            if value == 0 || value > most {
                return Err(setting(
                    name,
                    &format!("{value} is not within 1 to {most}"),
                    "leave it out for the default",
                ));
            }
        }
        Ok(())
    }
}

fn setting(setting: &'static str, reason: &str, next: &'static str) -> ApiError {
    ApiError::Setting { setting, reason: reason.to_owned(), next }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(yaml: &str) -> Result<ApiConfig, String> {
        serde_saphyr::from_str(yaml).map_err(|e| e.to_string())
    }

    #[test]
    fn the_default_listens_on_this_machine_only() {
        let config = read("{}").unwrap();
        assert_eq!(config, ApiConfig::default());
        assert_eq!(config.listen.to_string(), "127.0.0.1:9977");
        config.check().unwrap();
    }

    #[test]
    fn the_example_in_the_module_documentation_is_valid() {
        let text = include_str!("config.rs");
        let yaml: Vec<&str> =
            text.lines().take_while(|l| l.starts_with("//!")).filter_map(|l| l.strip_prefix("//! ")).collect();
        let yaml = yaml.iter().skip_while(|l| **l != "```yaml").skip(2).take_while(|l| **l != "```");
        let yaml: String = yaml.map(|l| format!("{}\n", &l[2..])).collect();
        let config = read(&yaml).unwrap();
        config.check().unwrap();
        assert_eq!((config.auth.tokens.len(), config.auth.users.len()), (2, 1));
        assert!(config.auth.jwt.is_some() && config.auth.proxy.is_some() && config.tls.is_some());
        assert!(config.auth.oidc.is_some_and(|oidc| oidc.client_secret.is_some() && oidc.scopes.len() == 2));
    }

    #[test]
    fn an_address_that_others_can_reach_needs_authentication() {
        for listen in ["0.0.0.0:9977", "192.168.1.5:80", "'[::]:9977'"] {
            let config = read(&format!("listen: {listen}")).unwrap();
            let error = config.check().unwrap_err().to_string();
            assert!(error.contains("insecure_no_auth: true") && error.contains("api.auth"), "{error}");
            read(&format!("listen: {listen}\ninsecure_no_auth: true")).unwrap().check().unwrap();
        }
        read("listen: '[::1]:9977'").unwrap().check().unwrap();
    }

    #[test]
    fn mistakes_are_named() {
        assert!(read("lisen: 127.0.0.1:1").unwrap_err().contains("lisen"));
        assert!(read("auth: { tokens: [{ name: a, role: king, from: { env: A } }] }").is_err());
        let open = read("auth: { proxy: { from: [0.0.0.0/0] } }").unwrap().check().unwrap_err().to_string();
        assert!(open.contains("auth.proxy.from"), "{open}");
        for nets in ["'::/0'", "0.0.0.0/1, 128.0.0.0/1", "'8000::/1', 10.0.0.0/8, '::/1'"] {
            let error =
                read(&format!("auth: {{ proxy: {{ from: [{nets}] }} }}")).unwrap().check().unwrap_err().to_string();
            assert!(error.contains("auth.proxy.from") && error.contains("every address"), "{nets}: {error}");
        }
        for part in [
            "proxy: { from: [10.0.0.0/8], operator_groups: [sre, dev], viewer_groups: [dev] }",
            "jwt: { issuer: i, audience: a, jwks_file: f, operator_groups: [dev], viewer_groups: [dev] }",
        ] {
            let error = read(&format!("auth: {{ {part} }}")).unwrap().check().unwrap_err().to_string();
            assert!(
                error.contains("viewer_groups") && error.contains("'dev'") && error.contains("two roles"),
                "{error}"
            );
        }
        for (jwks, place) in [
            ("", "auth.jwt: "),
            ("jwks_url: http://id.example/jwks", "auth.jwt.jwks_url: "),
            ("jwks_url: https://ann:hunter2@id.example/jwks", "auth.jwt.jwks_url: "),
        ] {
            let yaml = format!("auth: {{ jwt: {{ issuer: i, audience: a, {jwks} }} }}");
            let error = read(&yaml).unwrap().check().unwrap_err().to_string();
            assert!(error.contains(place), "{error}");
        }
        let callback = "/api/v1/session/oidc/callback";
        for (issuer, redirect, place) in [
            ("http://id.example", format!("https://a.example{callback}"), "issuer"),
            ("https://ann:hunter2@id.example", format!("https://a.example{callback}"), "issuer"),
            ("https://id.example", format!("http://a.example{callback}"), "redirect_url"),
            ("https://id.example", "https://a.example/".to_owned(), "redirect_url"),
            ("https://id.example", format!("https://a.example/b{callback}"), "redirect_url"),
            ("https://id.example", format!("https://{callback}"), "redirect_url"),
        ] {
            let yaml = format!("auth: {{ oidc: {{ issuer: '{issuer}', client_id: c, redirect_url: '{redirect}' }} }}");
            let error = read(&yaml).unwrap().check().unwrap_err().to_string();
            assert!(error.contains(&format!("auth.oidc.{place}: ")), "{redirect}: {error}");
        }
        let none = read("limits: { connections: 0 }").unwrap().check().unwrap_err().to_string();
        assert!(none.contains("limits.connections") && none.contains("65536"), "{none}");
    }
}
