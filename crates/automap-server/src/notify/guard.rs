//! Which addresses messages may be sent to. They come from the configuration alone, but its author may not be allowed to reach everything that this
//! process can: cloud metadata services give credentials to any process inside the network.
//!
//! Link-local, metadata, multicast and reserved addresses are always refused, and so are IPv6 addresses that embed such an IPv4 address or a private
//! one; loopback, private and shared ranges follow [`Allowed`]. Addresses are checked after name resolution, and the connection uses the checked
//! address, so a name that later resolves to another one gains nothing; redirects are not followed at all.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ureq::Error;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

/// Metadata services outside the link-local ranges: Azure, Alibaba Cloud, Oracle Cloud.
const METADATA_V4: [Ipv4Addr; 3] =
    [Ipv4Addr::new(168, 63, 129, 16), Ipv4Addr::new(100, 100, 100, 200), Ipv4Addr::new(192, 0, 0, 192)];
/// AWS, Google Cloud.
const METADATA_V6: [Ipv6Addr; 2] =
    [Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254), Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)];
/// Names of metadata services; refused by name too, since a proxy would resolve them.
const METADATA_NAMES: [&str; 3] = ["metadata.google.internal", "metadata", "instance-data"];

/// Which addresses are allowed besides public ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Allowed {
    /// This machine.
    pub(super) loopback: bool,
    /// Private ranges.
    pub(super) private: bool,
    /// Shared addresses, 100.64.0.0/10.
    pub(super) cgnat: bool,
}

/// Resolves names and refuses the addresses that no message may go to.
#[derive(Debug)]
pub(super) struct GuardedResolver {
    pub(super) allowed: Allowed,
}

impl Resolver for GuardedResolver {
    fn resolve(&self, uri: &Uri, config: &Config, timeout: NextTimeout) -> Result<ResolvedSocketAddrs, Error> {
        let host = uri.host().unwrap_or_default();
        let deny = |why: String| Error::Io(io::Error::new(io::ErrorKind::PermissionDenied, why));
        if let Some(why) = refused_host(host, self.allowed) {
            return Err(deny(why));
        }
        let found = DefaultResolver::default().resolve(uri, config, timeout)?;
        match found.iter().find_map(|address| refused(address.ip(), self.allowed)) {
            Some(why) => Err(deny(format!("{host} is {why}"))),
            None => Ok(found),
        }
    }
}

/// Why nothing may be sent to this host, judged by its name.
pub(super) fn refused_host(host: &str, allowed: Allowed) -> Option<String> {
    let bare = bare(host);
    if METADATA_NAMES.contains(&bare.as_str()) {
        return Some(format!("{bare} is a metadata service; messages cannot go there"));
    }
    refused(address_of(&bare)?, allowed).map(|why| format!("{bare} is {why}"))
}

/// Whether a host is an address of this machine or a private network, or a name that only such a network knows.
pub(crate) fn is_internal_host(host: &str) -> bool {
    let bare = bare(host);
    match address_of(&bare) {
        Some(address) => refused(address, Allowed { loopback: false, private: false, cgnat: false }).is_some(),
        None => {
            let internal = [".svc", ".local", ".internal", ".localhost", ".lan", ".home.arpa"];
            !bare.contains('.') || internal.iter().any(|end| bare.ends_with(end)) || bare.ends_with(".cluster.local")
        }
    }
}

/// Without brackets and the trailing dot, in lower case.
fn bare(host: &str) -> String {
    host.trim_start_matches('[').trim_end_matches(']').trim_end_matches('.').to_ascii_lowercase()
}

/// The address that a text denotes, if it is one. C libraries and proxies read `2130706433`, `0x7f.1` and `0177.0.0.1` as addresses, too.
fn address_of(bare: &str) -> Option<IpAddr> {
    // A zone (`fe80::1%eth0`) does not change which address it is.
    let plain = bare.split('%').next().unwrap_or_default();
    plain.parse().ok().or_else(|| legacy_v4(plain).map(IpAddr::V4))
}

/// One to four numbers, decimal, octal or hexadecimal; the last one fills the rest of the address.
fn legacy_v4(text: &str) -> Option<Ipv4Addr> {
    let parts: Vec<&str> = text.split('.').collect();
    let number = |part: &&str| match part.strip_prefix("0x") {
        Some("") => Some(0),
        Some(hex) => u32::from_str_radix(hex, 16).ok(),
        None if part.len() > 1 && part.starts_with('0') => u32::from_str_radix(part, 8).ok(),
        None => part.parse().ok(),
    };
    let numbers = parts.iter().map(number).collect::<Option<Vec<u32>>>()?;
    let (last, heads) = numbers.split_last()?;
    let rest_bits = 8 * (4 - u32::try_from(heads.len()).ok().filter(|n| *n < 4)?);
    if heads.iter().any(|n| *n > 255) || (rest_bits < 32 && last >> rest_bits != 0) {
        return None;
    }
    let high = heads.iter().zip([24, 16, 8]).fold(0, |bits, (n, shift)| bits | n << shift);
    Some(Ipv4Addr::from_bits(high | last))
}

fn refused(address: IpAddr, allowed: Allowed) -> Option<&'static str> {
    match address.to_canonical() {
        IpAddr::V4(v4) => refused_v4(v4, allowed),
        IpAddr::V6(v6) => refused_v6(v6, allowed),
    }
}

fn refused_v4(v4: Ipv4Addr, allowed: Allowed) -> Option<&'static str> {
    let [first, second, third, _] = v4.octets();
    if METADATA_V4.contains(&v4) {
        Some("a metadata service; messages cannot go there")
    } else if v4.is_link_local() {
        Some("a link-local address; messages cannot go there")
    } else if v4.is_loopback() || v4.is_unspecified() {
        // Linux connects 0.0.0.0 to the machine itself.
        (!allowed.loopback).then_some("this machine itself; set http.allow_loopback if that is meant")
    } else if first == 0 || first >= 224 || (first, second, third) == (192, 0, 0) {
        Some("not the address of a single machine")
    } else if v4.is_private() {
        (!allowed.private).then_some("a private address, and http.allow_private is false")
    } else if first == 100 && second & 0xc0 == 64 {
        (!allowed.cgnat).then_some("a shared address (100.64.0.0/10); set http.allow_cgnat if that is meant")
    } else {
        None
    }
}

fn refused_v6(v6: Ipv6Addr, allowed: Allowed) -> Option<&'static str> {
    let s = v6.segments();
    if METADATA_V6.contains(&v6) {
        Some("a metadata service; messages cannot go there")
    } else if v6.is_unicast_link_local() {
        Some("a link-local address; messages cannot go there")
    } else if v6.is_loopback() || v6.is_unspecified() {
        (!allowed.loopback).then_some("this machine itself; set http.allow_loopback if that is meant")
    } else if v6.is_multicast() || s[0] & 0xffc0 == 0xfec0 {
        Some("not the address of a single machine")
    } else if v6.is_unique_local() {
        (!allowed.private).then_some("a private address, and http.allow_private is false")
    } else if s[..2] == [0x2001, 0] || s[..3] == [0x64, 0xff9b, 1] {
        // Teredo, and translation by a rule that only the network knows: the real address cannot be determined.
        Some("an IPv6 address that stands for another one; give that one")
    } else {
        let strict = Allowed { loopback: false, private: false, cgnat: false };
        let inner = embedded_v4(s).and_then(|inner| refused_v4(inner, strict));
        inner.map(|_| "an IPv6 address that hides an internal IPv4 address; messages cannot go there")
    }
}

/// The IPv4 address inside an IPv6 one: compatible (`::a.b.c.d`), behind NAT64 (`64:ff9b::/96`), or 6to4 (`2002::/16`). A mapped one
/// (`::ffff:a.b.c.d`) is that address itself and never gets here.
fn embedded_v4(s: [u16; 8]) -> Option<Ipv4Addr> {
    let of = |high: u16, low: u16| Some(Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low)));
    match s {
        [0, 0, 0, 0, 0, 0, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => of(high, low),
        [0x2002, high, low, ..] => of(high, low),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLUSTER: Allowed = Allowed { loopback: false, private: true, cgnat: false };
    const EVERYTHING: Allowed = Allowed { loopback: true, private: true, cgnat: true };
    const PUBLIC: Allowed = Allowed { loopback: false, private: false, cgnat: false };

    #[test]
    fn metadata_link_local_and_reserved_addresses_are_refused_in_every_spelling() {
        for host in [
            "169.254.169.254",
            "169.254.0.1",
            "[fe80::1]",
            "[fe80::1%eth0]",
            "[febf::1]",
            "[fec0::1]",
            "[feff::1]",
            "[fd00:ec2::254]",
            "[fd20:ce::254]",
            "[::ffff:169.254.169.254]",
            "[::ffff:a9fe:a9fe]",
            "[::169.254.169.254]",
            "[64:ff9b::a9fe:a9fe]",
            "[64:ff9b::10.0.0.1]",
            "[64:ff9b:1::1]",
            "[64:ff9b:1:a9fe:a9:fe00::]",
            "[2002:a9fe:a9fe::1]",
            "[2002:0a00:0001::1]",
            "[2002:7f00:0001::]",
            "[2001:0:4136:e378:8000:63bf:3fff:fdd2]",
            "100.100.100.200",
            "[::ffff:100.100.100.200]",
            "168.63.129.16",
            "[::ffff:168.63.129.16]",
            "[2002:a83f:8110::1]",
            "192.0.0.192",
            "192.0.0.1",
            "0.1.2.3",
            "Metadata.Google.Internal",
            "metadata.google.internal.",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "[ff02::1]",
            "2852039166",
            "0xa9fea9fe",
            "0xa9.254.0251.0xfe",
            "169.254.43518",
            "168.4161808",
        ] {
            assert!(refused_host(host, EVERYTHING).is_some(), "{host}");
        }
    }

    #[test]
    fn clusters_are_reached_and_other_ranges_as_the_settings_say() {
        let check = |hosts: &[&str], refusing: Allowed, setting: &str| {
            for host in hosts {
                let why = refused_host(host, refusing);
                assert!(why.as_ref().is_some_and(|why| why.contains(setting)), "{host}: {why:?}");
                assert_eq!(refused_host(host, EVERYTHING), None, "{host}");
            }
        };
        for host in
            ["10.96.0.12", "172.20.1.2", "192.168.1.1", "[fd12:3456::1]", "93.184.216.34", "alertmanager.monitoring"]
        {
            assert_eq!(refused_host(host, CLUSTER), None, "{host}");
        }
        for host in ["93.184.216.34", "[2606:2800:220:1::1]", "[2002:5db8:d822::1]", "[64:ff9b::5db8:d822]", "1.2.3"] {
            assert_eq!(refused_host(host, PUBLIC), None, "{host}");
        }
        let loopback =
            ["127.0.0.1", "127.9.9.9", "[::1]", "0.0.0.0", "[::]", "[::ffff:127.0.0.1]", "0x7f.1", "2130706433"];
        check(&loopback, CLUSTER, "allow_loopback");
        check(&["100.64.0.1", "100.127.255.254", "[::ffff:100.64.0.1]"], CLUSTER, "allow_cgnat");
        check(
            &["10.96.0.12", "172.31.0.1", "192.168.1.1", "[fd12:3456::1]", "[::ffff:10.0.0.1]"],
            PUBLIC,
            "allow_private",
        );
        assert_eq!(refused_host("100.128.0.1", CLUSTER), None, "beyond the shared range");
    }

    #[test]
    fn internal_hosts_are_told_from_public_ones() {
        for host in ["localhost", "alertmanager", "a.monitoring.svc", "a.b.svc.cluster.local", "10.1.2.3", "[fd00::1]"]
        {
            assert!(is_internal_host(host), "{host}");
        }
        for host in ["hooks.slack.com", "93.184.216.34", "events.pagerduty.com."] {
            assert!(!is_internal_host(host), "{host}");
        }
    }
}
