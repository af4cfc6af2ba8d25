//! Who can access the API: from where, how protected, and with which role.

use ipnet::IpNet;

use super::finding::{Findings, WeaknessCode};
use crate::auth::Role;
use crate::auth::config::AuthConfig;
use crate::config::Config;

/// A public network with more addresses than these prefixes is hardly a proxy's own.
const MIN_PREFIX_V4: u8 = 24;
const MIN_PREFIX_V6: u8 = 48;
/// Longest lifetime of a token without a finding, in seconds: a day.
const MAX_LIFETIME_S: u64 = 86_400;

pub(super) fn find(config: &Config, found: &mut Findings) {
    let api = &config.api;
    let is_reachable = !api.listen.ip().to_canonical().is_loopback();
    if is_reachable && api.insecure_no_auth {
        let finding = format!("whoever reaches {} may read incidents, start diagnoses and confirm causes", api.listen);
        found.add(WeaknessCode::NoAuthentication, "api.insecure_no_auth", finding, "configure api.auth");
    }
    let by_secret = !api.auth.tokens.is_empty() || !api.auth.users.is_empty() || api.auth.jwt.is_some();
    if is_reachable && api.tls.is_none() && by_secret {
        let finding = format!("tokens and passwords are sent to {} without encryption", api.listen);
        let remedy = "set api.tls, or listen on 127.0.0.1 behind a proxy that encrypts";
        found.add(WeaknessCode::CredentialsWithoutTls, "api.tls", finding, remedy);
    }
    if is_reachable && api.open_metrics {
        let finding = "names of targets and counts of incidents are shown to everybody";
        found.add(
            WeaknessCode::OpenMetrics,
            "api.open_metrics",
            finding,
            "give Prometheus a token with the role viewer",
        );
    }
    roles(&api.auth, found);
    for (i, net) in api.auth.proxy.iter().flat_map(|p| p.from.iter().enumerate()) {
        if is_wide(net) {
            let finding = format!("any of the addresses of {net} may name the user and the groups of a request");
            let path = format!("api.auth.proxy.from[{i}]");
            found.add(WeaknessCode::ProxyTrustsMany, path, finding, "list the proxy's own addresses");
        }
    }
}

fn roles(auth: &AuthConfig, found: &mut Findings) {
    let defaults = [
        ("api.auth.proxy.default_role", auth.proxy.as_ref().and_then(|p| p.default_role)),
        ("api.auth.jwt.default_role", auth.jwt.as_ref().and_then(|j| j.default_role)),
    ];
    for (path, _) in defaults.iter().filter(|(_, role)| *role == Some(Role::Operator)) {
        let remedy = "make it viewer, and list the groups of the operators";
        found.add(WeaknessCode::EveryoneIsOperator, *path, "everybody who logs in may confirm causes", remedy);
    }
    let Some(jwt) = &auth.jwt else { return };
    let finding = match jwt.max_lifetime_s {
        None => "a token is accepted however long it is valid, and none can be withdrawn before".to_owned(),
        Some(s) if s > MAX_LIFETIME_S => {
            format!("a token may be valid for {} hours, and none can be withdrawn before", s / 3600)
        }
        Some(_) => return,
    };
    let remedy = "set it to what your provider issues, such as 3600";
    found.add(WeaknessCode::LongTokenLifetime, "api.auth.jwt.max_lifetime_s", finding, remedy);
}

/// Whether a network is large and not private.
fn is_wide(net: &IpNet) -> bool {
    let private = [
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "fc00::/7",
        "fe80::/10",
    ];
    let is_private = private.iter().filter_map(|p| p.parse::<IpNet>().ok()).any(|p| p.contains(net));
    let min = if net.addr().is_ipv4() { MIN_PREFIX_V4 } else { MIN_PREFIX_V6 };
    !is_private && net.prefix_len() < min
}
