//! The `api.auth` part of the configuration.

use std::path::PathBuf;

use ipnet::IpNet;
use serde::Deserialize;

use super::identity::Role;
use crate::secret::SecretSource;

/// The credentials that are accepted. When nothing is configured, no credentials are required.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AuthConfig {
    /// Bearer tokens of programs such as Alertmanager and Grafana.
    pub tokens: Vec<TokenConfig>,
    /// Users with a password.
    pub users: Vec<UserConfig>,
    /// A reverse proxy that authenticates users.
    pub proxy: Option<ProxyConfig>,
    /// An identity provider whose tokens are accepted.
    pub jwt: Option<JwtConfig>,
    /// An identity provider at which people log in.
    pub oidc: Option<OidcConfig>,
}

impl AuthConfig {
    /// Whether credentials are required.
    pub fn is_enabled(&self) -> bool {
        let is_told = self.proxy.is_some() || self.jwt.is_some() || self.oidc.is_some();
        is_told || !self.tokens.is_empty() || !self.users.is_empty()
    }
}

/// One token.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenConfig {
    /// Name of the program that sends it, for the log.
    pub name: String,
    /// What its sender may do.
    pub role: Role,
    /// Where it is stored: `file: /run/secrets/token` or `env: AUTOMAP_TOKEN`. A file is read again when it changes.
    pub from: SecretSource,
}

/// One user.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UserConfig {
    /// Name to log in with.
    pub name: String,
    /// What the user may do.
    pub role: Role,
    /// Where the hash is stored that `automap config hash-password` prints.
    pub from: SecretSource,
}

/// A trusted reverse proxy.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProxyConfig {
    /// Its addresses. The headers of any other peer are ignored.
    pub from: Vec<IpNet>,
    /// Header with the user's name.
    #[serde(default = "user_header")]
    pub user_header: String,
    /// Header with the user's groups, separated by commas.
    #[serde(default = "groups_header")]
    pub groups_header: String,
    /// Role of every user that the proxy names; unset: only members of the groups below have a role.
    #[serde(default)]
    pub default_role: Option<Role>,
    /// Groups whose members are operators.
    #[serde(default)]
    pub operator_groups: Vec<String>,
    /// Groups whose members are viewers.
    #[serde(default)]
    pub viewer_groups: Vec<String>,
}

fn user_header() -> String {
    "x-forwarded-user".into()
}

fn groups_header() -> String {
    "x-forwarded-groups".into()
}

/// An identity provider (OpenID Connect) whose tokens are sent as bearer tokens.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JwtConfig {
    /// The `iss` that a token must carry.
    pub issuer: String,
    /// The `aud` that a token must carry.
    pub audience: String,
    /// File with the provider's keys (JWKS); read again when it changes. Either this or `jwks_url`.
    #[serde(default)]
    pub jwks_file: Option<PathBuf>,
    /// Address of the provider's keys; fetched every five minutes.
    #[serde(default)]
    pub jwks_url: Option<String>,
    /// Certificates of the authorities that sign this address's certificate; unset: the public ones.
    #[serde(default)]
    pub jwks_ca_file: Option<PathBuf>,
    /// Longest time for which a token may still be valid, in seconds; one that is valid for longer is refused. Unset: no limit.
    #[serde(default)]
    pub max_lifetime_s: Option<u64>,
    /// Claim that names the user.
    #[serde(default = "name_claim")]
    pub name_claim: String,
    /// Claim that lists the groups.
    #[serde(default = "groups_claim")]
    pub groups_claim: String,
    /// Role of every user with a valid token; unset: only members of the groups below have a role.
    #[serde(default)]
    pub default_role: Option<Role>,
    /// Groups whose members are operators.
    #[serde(default)]
    pub operator_groups: Vec<String>,
    /// Groups whose members are viewers.
    #[serde(default)]
    pub viewer_groups: Vec<String>,
}

/// An identity provider at which people log in with a browser (OpenID Connect, the code flow with PKCE).
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OidcConfig {
    /// The provider's address, which its tokens carry as `iss`; its document is below it, at `/.well-known/openid-configuration`.
    pub issuer: String,
    /// The client id of automap at the provider.
    pub client_id: String,
    /// The password for that id; unset if the provider requires none.
    #[serde(default)]
    pub client_secret: Option<SecretSource>,
    /// The address of automap's callback as browsers reach it, as registered at the provider:
    /// `https://automap.example.org/api/v1/session/oidc/callback`.
    pub redirect_url: String,
    /// Scopes to request besides `openid`, such as the one that brings the groups.
    #[serde(default = "scopes")]
    pub scopes: Vec<String>,
    /// The provider's name on the page; unset: the host of its address.
    #[serde(default)]
    pub display_name: Option<String>,
    /// Certificates of the authorities that sign the provider's certificate; unset: the public ones.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// Whether logging out here also leads to the provider's own log-out.
    #[serde(default)]
    pub provider_logout: bool,
    /// Claim of the ID token that names the user.
    #[serde(default = "name_claim")]
    pub name_claim: String,
    /// Claim of the ID token that lists the groups.
    #[serde(default = "groups_claim")]
    pub groups_claim: String,
    /// Role of every user of the provider; unset: only members of the groups below have a role.
    #[serde(default)]
    pub default_role: Option<Role>,
    /// Groups whose members are operators.
    #[serde(default)]
    pub operator_groups: Vec<String>,
    /// Groups whose members are viewers.
    #[serde(default)]
    pub viewer_groups: Vec<String>,
}

impl OidcConfig {
    /// The rules for its ID tokens: the same as for bearer tokens, with automap itself as the audience.
    pub(super) fn as_jwt(&self) -> JwtConfig {
        JwtConfig {
            issuer: self.issuer.clone(),
            audience: self.client_id.clone(),
            jwks_file: None,
            jwks_url: None,
            jwks_ca_file: None,
            max_lifetime_s: None,
            name_claim: self.name_claim.clone(),
            groups_claim: self.groups_claim.clone(),
            default_role: self.default_role,
            operator_groups: self.operator_groups.clone(),
            viewer_groups: self.viewer_groups.clone(),
        }
    }
}

fn scopes() -> Vec<String> {
    ["profile", "email"].map(str::to_owned).to_vec()
}

fn name_claim() -> String {
    "sub".into()
}

fn groups_claim() -> String {
    "groups".into()
}

/// A group that would give two roles, if any.
pub(crate) fn ambiguous_group<'a>(operators: &'a [String], viewers: &[String]) -> Option<&'a str> {
    operators.iter().find(|group| viewers.contains(group)).map(String::as_str)
}

/// The role of a member of `groups`: the highest role that one of them gives, or `otherwise`.
pub(crate) fn role_of<'a>(
    groups: impl Iterator<Item = &'a str>,
    operators: &[String],
    viewers: &[String],
    otherwise: Option<Role>,
) -> Option<Role> {
    let mut role = otherwise;
    for group in groups {
        if operators.iter().any(|g| g == group) {
            return Some(Role::Operator);
        }
        // A default role of `alerts` must not take reading away from a viewer.
        if viewers.iter().any(|g| g == group) && role != Some(Role::Operator) {
            role = Some(Role::Viewer);
        }
    }
    role
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_group_decides() {
        let (ops, view) = (vec!["sre".to_owned()], vec!["dev".to_owned()]);
        let role = |groups: &[&str], otherwise| role_of(groups.iter().copied(), &ops, &view, otherwise);
        assert_eq!(role(&["dev", "sre"], None), Some(Role::Operator));
        assert_eq!(role(&["dev"], None), Some(Role::Viewer));
        assert_eq!(role(&["SRE"], None), None);
        assert_eq!(role(&["dev"], Some(Role::Operator)), Some(Role::Operator));
        assert_eq!(role(&[], Some(Role::Viewer)), Some(Role::Viewer));
    }
}
