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
}

impl AuthConfig {
    /// Whether credentials are required.
    pub fn is_enabled(&self) -> bool {
        !self.tokens.is_empty() || !self.users.is_empty() || self.proxy.is_some() || self.jwt.is_some()
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

/// An identity provider (OpenID Connect): its tokens come as bearer tokens.
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

fn name_claim() -> String {
    "sub".into()
}

fn groups_claim() -> String {
    "groups".into()
}

/// A group that would give two roles, if there is one.
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
