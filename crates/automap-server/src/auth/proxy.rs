//! A proxy in front that has already asked who somebody is. It is believed by its address, and only then.

use std::net::IpAddr;

use super::config::{ProxyConfig, role_of};
use super::{Claim, Identity};

/// Longest user name that is taken from a header.
const MAX_NAME: usize = 256;
/// Most groups that are looked at.
const MAX_GROUPS: usize = 256;
/// Most addresses of `X-Forwarded-For` that are looked at.
const MAX_HOPS: usize = 16;

/// Whether the peer is one of the proxies.
pub fn trusts(config: &ProxyConfig, peer: IpAddr) -> bool {
    let peer = peer.to_canonical();
    config.from.iter().any(|net| net.contains(&peer))
}

/// The user whom a trusted proxy names; `None` when the peer is no such proxy or names nobody with a role.
pub fn identify(config: &ProxyConfig, claim: &Claim<'_>) -> Option<Identity> {
    if !trusts(config, claim.peer) {
        return None;
    }
    let name = claim.headers.one(&config.user_header)?.trim();
    if name.is_empty() || name.len() > MAX_NAME {
        return None;
    }
    let groups = claim.headers.one(&config.groups_header).unwrap_or_default();
    let groups = groups.split(',').map(str::trim).take(MAX_GROUPS);
    let role = role_of(groups, &config.operator_groups, &config.viewer_groups, config.default_role)?;
    Some(Identity { name: name.to_owned(), role })
}

/// The address that limits are counted for: behind trusted proxies the last one that they do not own, else the peer.
pub fn client(config: Option<&ProxyConfig>, peer: IpAddr, forwarded_for: Option<&str>) -> IpAddr {
    let Some(config) = config.filter(|c| trusts(c, peer)) else { return peer.to_canonical() };
    let mut last = peer;
    for hop in forwarded_for.unwrap_or_default().rsplit(',').take(MAX_HOPS) {
        let Ok(address) = hop.trim().parse::<IpAddr>() else { break };
        last = address;
        if !trusts(config, address) {
            break;
        }
    }
    last.to_canonical()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::{Headers, Role};
    use super::*;

    #[derive(Debug)]
    struct Fixed(BTreeMap<&'static str, &'static str>);

    impl Headers for Fixed {
        fn one(&self, name: &str) -> Option<&str> {
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
        let claim = Claim { authorization: None, peer: peer.parse().unwrap(), headers: &headers };
        identify(&config(), &claim).map(|i| i.role)
    }

    #[test]
    fn headers_count_only_from_the_named_addresses() {
        assert_eq!(who("10.1.2.3", "dev, sre"), Some(Role::Operator));
        assert_eq!(who("::ffff:10.1.2.3", "dev"), Some(Role::Viewer), "IPv4 inside IPv6 is the same address");
        assert_eq!(who("10.1.2.3", "guests"), None);
        assert_eq!(who("192.168.0.1", "sre"), None);
    }

    #[test]
    fn the_client_is_the_last_address_that_no_proxy_owns() {
        let config = config();
        let of = |peer: &str, header| client(Some(&config), peer.parse().unwrap(), header).to_string();
        assert_eq!(
            of("10.0.0.1", Some("6.6.6.6, 1.2.3.4, 10.0.0.2")),
            "1.2.3.4",
            "what stands before it may be forged"
        );
        assert_eq!(of("1.2.3.4", Some("6.6.6.6")), "1.2.3.4");
        assert_eq!(of("10.0.0.1", None), "10.0.0.1");
        assert_eq!(of("10.0.0.1", Some("nonsense")), "10.0.0.1");
    }
}
