//! Addresses that no message is sent to, whatever a name resolves to.
//!
//! Link-local addresses belong to the machine's own network: cloud providers hand out credentials there. Private addresses are allowed, since a
//! cluster's services have them; loopback only where the configuration says so. Checked after resolution, for every connection, so that a
//! name which changes its address between a check and its use gains nothing.

use std::net::{IpAddr, Ipv6Addr};

use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

/// Resolves names and leaves out addresses that are not for us.
#[derive(Debug)]
pub(super) struct Guard {
    pub(super) allow_loopback: bool,
    inner: DefaultResolver,
}

impl Guard {
    pub(super) fn new(allow_loopback: bool) -> Self {
        Self { allow_loopback, inner: DefaultResolver::default() }
    }
}

impl Resolver for Guard {
    fn resolve(&self, uri: &Uri, config: &Config, timeout: NextTimeout) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let all = self.inner.resolve(uri, config, timeout)?;
        let mut kept = self.empty();
        for address in all.iter().filter(|a| is_allowed(a.ip(), self.allow_loopback)) {
            kept.push(*address);
        }
        if kept.is_empty() {
            let refused: Vec<String> = all.iter().map(|a| a.ip().to_string()).collect();
            let text = format!("no message is sent to {} (link-local, metadata or loopback)", refused.join(", "));
            return Err(ureq::Error::Io(std::io::Error::new(std::io::ErrorKind::PermissionDenied, text)));
        }
        Ok(kept)
    }
}

fn is_allowed(ip: IpAddr, allow_loopback: bool) -> bool {
    /// Amazon's metadata service.
    const METADATA: Ipv6Addr = Ipv6Addr::new(0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x254);
    let ip = match ip {
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or(ip, IpAddr::V4),
        IpAddr::V4(_) => ip,
    };
    let link_local = match ip {
        IpAddr::V4(v4) => v4.is_link_local() || v4.is_unspecified() || v4.is_broadcast(),
        IpAddr::V6(v6) => v6.is_unicast_link_local() || v6.is_unspecified() || v6 == METADATA,
    };
    !link_local && !ip.is_multicast() && (allow_loopback || !ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_of_the_machine_are_out_of_reach() {
        for refused in
            ["169.254.169.254", "::ffff:169.254.169.254", "fe80::1", "fd00:ec2::254", "0.0.0.0", "::", "224.0.0.1"]
        {
            assert!(!is_allowed(refused.parse().unwrap(), true), "{refused}");
        }
        for ours in ["10.96.0.1", "192.168.1.7", "fd00::7", "93.184.216.34"] {
            assert!(is_allowed(ours.parse().unwrap(), false), "{ours}");
        }
        for loopback in ["127.0.0.1", "::1", "::ffff:127.0.0.1"] {
            assert!(is_allowed(loopback.parse().unwrap(), true) && !is_allowed(loopback.parse().unwrap(), false));
        }
    }
}
