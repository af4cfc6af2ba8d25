//! Which addresses messages may be sent to. They come from the configuration alone, but its author may not be allowed to reach everything that
//! this process can: cloud metadata services give credentials to any process inside the network.
//!
//! Link-local, metadata and multicast addresses are refused always; loopback unless `allow_loopback` is set (a side-car, a test). Private
//! ranges are allowed: receivers inside a cluster have no other. The addresses are checked after the name was resolved and are the ones
//! that are then connected to, so a name that resolves to another address later gains nothing; redirects are not followed at all.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ureq::Error;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

/// Metadata services outside the link-local ranges: Alibaba Cloud, Oracle Cloud.
const METADATA_V4: [Ipv4Addr; 2] = [Ipv4Addr::new(100, 100, 100, 200), Ipv4Addr::new(192, 0, 0, 192)];
/// AWS, Google Cloud.
const METADATA_V6: [Ipv6Addr; 2] =
    [Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254), Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)];
/// Names of metadata services; refused by name too, since a proxy would resolve them.
const METADATA_NAMES: [&str; 3] = ["metadata.google.internal", "metadata", "instance-data"];

/// Resolves names and refuses the addresses that no message may go to.
#[derive(Debug)]
pub(super) struct GuardedResolver {
    pub(super) allow_loopback: bool,
}

impl Resolver for GuardedResolver {
    fn resolve(&self, uri: &Uri, config: &Config, timeout: NextTimeout) -> Result<ResolvedSocketAddrs, Error> {
        let host = uri.host().unwrap_or_default();
        let deny = |why: String| Error::Io(io::Error::new(io::ErrorKind::PermissionDenied, why));
        if let Some(why) = refused_host(host, self.allow_loopback) {
            return Err(deny(why));
        }
        let found = DefaultResolver::default().resolve(uri, config, timeout)?;
        match found.iter().find_map(|address| refused(address.ip(), self.allow_loopback)) {
            Some(why) => Err(deny(format!("{host} is {why}"))),
            None => Ok(found),
        }
    }
}

/// Why nothing may be sent to this host, as far as its name says.
pub(super) fn refused_host(host: &str, allow_loopback: bool) -> Option<String> {
    let bare = host.trim_start_matches('[').trim_end_matches(']').trim_end_matches('.').to_ascii_lowercase();
    if METADATA_NAMES.contains(&bare.as_str()) {
        return Some(format!("{bare} is a metadata service; messages cannot go there"));
    }
    let address: IpAddr = bare.parse().ok()?;
    refused(address, allow_loopback).map(|why| format!("{bare} is {why}"))
}

fn refused(address: IpAddr, allow_loopback: bool) -> Option<&'static str> {
    let address = match address {
        IpAddr::V6(v6) => inner_v4(v6).map_or(address, IpAddr::V4),
        IpAddr::V4(_) => address,
    };
    let (link_local, metadata) = match address {
        IpAddr::V4(v4) => (v4.is_link_local(), METADATA_V4.contains(&v4)),
        IpAddr::V6(v6) => (v6.is_unicast_link_local(), METADATA_V6.contains(&v6)),
    };
    if link_local {
        Some("a link-local address; messages cannot go there")
    } else if metadata {
        Some("a metadata service; messages cannot go there")
    } else if address.is_multicast() || address == IpAddr::V4(Ipv4Addr::BROADCAST) {
        Some("not the address of a single machine")
    } else if !allow_loopback && (address.is_loopback() || address.is_unspecified()) {
        // Linux connects 0.0.0.0 to the machine itself.
        Some("this machine itself; set http.allow_loopback if that is meant")
    } else {
        None
    }
}

/// The IPv4 address inside an IPv6 one: mapped, compatible (but not `::` and `::1`), or behind NAT64.
fn inner_v4(v6: Ipv6Addr) -> Option<Ipv4Addr> {
    if v6.is_loopback() || v6.is_unspecified() {
        return None;
    }
    let s = v6.segments();
    let embedded = matches!(s, [0, 0, 0, 0, 0, 0 | 0xffff, ..] | [0x64, 0xff9b, 0, 0, 0, 0, ..]);
    embedded.then(|| Ipv4Addr::from_bits(u32::from(s[6]) << 16 | u32::from(s[7])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_and_link_local_are_refused_in_every_spelling() {
        for host in [
            "169.254.169.254",
            "169.254.0.1",
            "[fe80::1]",
            "[febf::1]",
            "[fd00:ec2::254]",
            "[::ffff:169.254.169.254]",
            "[::ffff:a9fe:a9fe]",
            "[::169.254.169.254]",
            "[64:ff9b::a9fe:a9fe]",
            "100.100.100.200",
            "Metadata.Google.Internal",
            "metadata.google.internal.",
            "224.0.0.1",
            "255.255.255.255",
            "[ff02::1]",
        ] {
            assert!(refused_host(host, true).is_some(), "{host}");
        }
    }

    #[test]
    fn clusters_are_reached_and_loopback_only_on_request() {
        for host in
            ["10.96.0.12", "172.20.1.2", "192.168.1.1", "[fd12:3456::1]", "93.184.216.34", "alertmanager.monitoring"]
        {
            assert_eq!(refused_host(host, false), None, "{host}");
        }
        for host in ["127.0.0.1", "127.9.9.9", "[::1]", "0.0.0.0", "[::]", "[::ffff:127.0.0.1]"] {
            assert!(refused_host(host, false).is_some_and(|why| why.contains("allow_loopback")), "{host}");
            assert_eq!(refused_host(host, true), None, "{host}");
        }
    }
}
