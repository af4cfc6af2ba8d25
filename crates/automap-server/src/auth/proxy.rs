//! Users that a reverse proxy has authenticated. Its headers count only if the connection comes from a configured address; from anywhere else they
//! are ignored.

use std::net::IpAddr;

use automap_core::text::observed_name;

use super::config::{ProxyConfig, role_of};
use super::credentials::Credentials;
use super::identity::Identity;

/// Longest user name that is accepted from a header.
const MAX_NAME_BYTES: usize = 256;
/// Most groups that are read.
const MAX_GROUPS: usize = 256;
/// Most addresses of `X-Forwarded-For` that are read.
const MAX_HOPS: usize = 16;

/// Whether the peer is one of the configured proxies.
pub fn is_trusted(config: &ProxyConfig, peer: IpAddr) -> bool {
    let peer = peer.to_canonical();
    config.from.iter().any(|net| net.contains(&peer))
}

/// The user named by a trusted proxy; `None` when the peer is not such a proxy, or the user has no role.
pub fn identify(config: &ProxyConfig, credentials: &Credentials<'_>) -> Option<Identity> {
    if !is_trusted(config, credentials.peer) {
        return None;
    }
    let name = credentials.headers.single(&config.user_header)?.trim();
    if name.is_empty() || name.len() > MAX_NAME_BYTES {
        return None;
    }
    let groups = credentials.headers.single(&config.groups_header).unwrap_or_default();
    let groups = groups.split(',').map(str::trim).take(MAX_GROUPS);
    let role = role_of(groups, &config.operator_groups, &config.viewer_groups, config.default_role)?;
    Some(Identity { name: observed_name(name).into_owned(), role })
}

/// The address that rate limits count: the peer or, behind trusted proxies, the last address of `X-Forwarded-For` that is not one of them.
///
/// Addresses further left in the header come from the client and may be forged.
pub fn client_address(config: Option<&ProxyConfig>, peer: IpAddr, forwarded_for: Option<&str>) -> IpAddr {
    let Some(config) = config.filter(|c| is_trusted(c, peer)) else { return peer.to_canonical() };
    let mut last = peer;
    for hop in forwarded_for.unwrap_or_default().rsplit(',').take(MAX_HOPS) {
        let Ok(address) = hop.trim().parse::<IpAddr>() else { break };
        last = address;
        if !is_trusted(config, address) {
            break;
        }
    }
    last.to_canonical()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::credentials::HeaderLookup;
    use super::super::identity::Role;
    use super::*;

    #[derive(Debug)]
    struct Fixed(BTreeMap<&'static str, &'static str>);

    impl HeaderLookup for Fixed {
        fn single(&self, name: &str) -> Option<&str> {
            self.0.get(name).copied()
        }
    }

    fn config() -> ProxyConfig {
        ProxyConfig {
            from: vec!["10.0.0.0/8".parse().unwrap()],
            user_header: "x-forwarded-user".into(),
            groups_header: "x-forwarded-groups".into(),
            default_role: None,
            operator_groups: vec!["sre".into()],
            viewer_groups: vec!["dev".into()],
        }
    }

    fn who(peer: &str, groups: &'static str) -> Option<Role> {
        let headers = Fixed(BTreeMap::from([("x-forwarded-user", "ann"), ("x-forwarded-groups", groups)]));
        let credentials = Credentials { authorization: None, peer: peer.parse().unwrap(), headers: &headers };
        identify(&config(), &credentials).map(|i| i.role)
    }

    #[test]
    fn headers_count_only_from_the_named_addresses() {
        assert_eq!(who("10.1.2.3", "dev, sre"), Some(Role::Operator));
        assert_eq!(
            who("::ffff:10.1.2.3", "dev"),
            Some(Role::Viewer),
            "an IPv4-mapped IPv6 address is the same address"
        );
        assert_eq!(who("10.1.2.3", "guests"), None);
        assert_eq!(who("192.168.0.1", "sre"), None);
    }

    #[test]
    fn the_client_is_the_last_address_that_is_not_a_proxy() {
        let config = config();
        let of = |peer: &str, header| client_address(Some(&config), peer.parse().unwrap(), header).to_string();
        assert_eq!(of("10.0.0.1", Some("6.6.6.6, 1.2.3.4, 10.0.0.2")), "1.2.3.4", "addresses before it may be forged");
        assert_eq!(of("1.2.3.4", Some("6.6.6.6")), "1.2.3.4");
        assert_eq!(of("10.0.0.1", None), "10.0.0.1");
        assert_eq!(of("10.0.0.1", Some("nonsense")), "10.0.0.1");
    }
}
