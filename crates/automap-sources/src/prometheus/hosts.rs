//! Parses addresses as written by exporters, proxies and clients.

use std::net::IpAddr;

/// Hosts that mean the pod itself.
const LOOPBACK: [&str; 3] = ["localhost", "localhost.localdomain", "ip6-localhost"];

/// The parts of `redis://user@session-db.shop:6379/0`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Address<'a> {
    pub(crate) text: &'a str,
    pub(crate) host: &'a str,
    pub(crate) port: Option<u16>,
}

impl<'a> Address<'a> {
    pub(crate) fn of(text: &'a str) -> Self {
        let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
        let rest = rest.split(['/', '?']).next().unwrap_or(rest);
        // A password in front of the host is dropped.
        let rest = rest.rsplit_once('@').map_or(rest, |(_, rest)| rest);
        let (host, port) = match rest.rsplit_once(':') {
            Some((host, port)) if !host.contains(':') || host.ends_with(']') => (host, port.parse().ok()),
            _ => (rest, None),
        };
        Self { text: rest, host: host.trim_matches(['[', ']']), port }
    }

    /// Whether the host names something else, rather than being an IP address or the pod itself.
    pub(crate) fn names_somebody(&self) -> bool {
        !self.host.is_empty() && !is_address(self.host) && !LOOPBACK.contains(&self.host)
    }
}

/// Whether it is an IP address: Istio writes bare ones while pods come and go.
pub(crate) fn is_address(name: &str) -> bool {
    let host = name.rsplit_once(':').map_or(name, |(host, _)| host);
    name.parse::<IpAddr>().is_ok() || host.parse::<IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_taken_apart_without_their_passwords() {
        for (text, host, port) in [
            ("db:3306", "db", Some(3306)),
            ("mongodb://u:p@db.shop:27017/admin?x=y", "db.shop", Some(27017)),
            ("db", "db", None),
            ("[fd00::1]:6379", "fd00::1", Some(6379)),
            ("fd00::1", "fd00::1", None),
        ] {
            let address = Address::of(text);
            assert_eq!((address.host, address.port), (host, port), "{text}");
            assert!(!address.text.contains('p') || !text.contains("u:p@") || !address.text.contains("u:p"));
        }
        assert!(!Address::of("fd00::1").names_somebody() && !Address::of("127.0.0.1:1").names_somebody());
    }
}
