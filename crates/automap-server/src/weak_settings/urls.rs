//! Addresses that are connected to: credentials without encryption, passwords inside addresses, receivers inside the network.

use ureq::http::Uri;

use super::finding::{Findings, WeaknessCode};
use crate::config::{Config, Prometheus};
use crate::notify::{NotifyConfig, is_internal_host};
use crate::secret::{ExposeSecret, SecretSource};

const USE_HTTPS: &str = "use https, or a connection inside this machine";

pub(super) fn find(config: &Config, found: &mut Findings) {
    for (i, target) in config.targets.iter().enumerate() {
        prometheus(&target.prometheus, &format!("targets[{i}].prometheus"), found);
        let grafana = target.grafana.as_ref().map(|g| ("grafana", &g.url, &g.token));
        let flags = target.feature_flags.as_ref().map(|f| ("feature_flags", &f.url, &f.token));
        for (key, url, token) in grafana.into_iter().chain(flags) {
            if token.is_some()
                && let Some(address) = Address::parse(url).filter(Address::is_readable)
            {
                let finding = format!("the token is sent to {} without encryption", address.host);
                found.add(WeaknessCode::CredentialsOverHttp, format!("targets[{i}].{key}.url"), finding, USE_HTTPS);
            }
        }
    }
    for (i, source) in config.mutes.alertmanagers.iter().enumerate() {
        if source.token.is_some()
            && let Some(address) = Address::parse(&source.url).filter(Address::is_readable)
        {
            let finding = format!("the token is sent to {} without encryption", address.host);
            let path = format!("mutes.alertmanagers[{i}].url");
            found.add(WeaknessCode::CredentialsOverHttp, path, finding, USE_HTTPS);
        }
    }
    notify(&config.notify, found);
    if let Some(source) = &config.store.postgres {
        postgres(source, found);
    }
}

/// The properties of an address.
struct Address {
    is_plain: bool,
    host: String,
    has_password: bool,
}

impl Address {
    fn parse(url: &str) -> Option<Self> {
        let uri: Uri = url.parse().ok()?;
        let has_password = uri.authority().is_some_and(|a| a.as_str().contains('@'));
        Some(Self { is_plain: uri.scheme_str() == Some("http"), host: uri.host()?.to_owned(), has_password })
    }

    /// Whether others may read what is sent there.
    fn is_readable(&self) -> bool {
        self.is_plain && !is_loopback(&self.host)
    }
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare.eq_ignore_ascii_case("localhost")
        || bare.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback())
}

fn prometheus(prometheus: &Prometheus, path: &str, found: &mut Findings) {
    let Some(address) = Address::parse(&prometheus.url) else { return };
    if address.has_password {
        let finding = format!("the address of {} has a user or password in it", address.host);
        let remedy = "use username and password_file";
        found.add(WeaknessCode::PasswordInUrl, format!("{path}.url"), finding, remedy);
    }
    let is_secret = |name: &str| {
        let name = name.trim().to_ascii_lowercase();
        ["authorization", "cookie", "token", "secret", "password", "api-key", "apikey"].iter().any(|s| name.contains(s))
    };
    let named = |list: &[String], separator: char| {
        list.iter().position(|entry| entry.split_once(separator).is_some_and(|(name, _)| is_secret(name)))
    };
    let (header, parameter) = (named(&prometheus.headers, ':'), named(&prometheus.url_parameters, '='));
    for (key, at) in [("headers", header), ("url_parameters", parameter)] {
        if let Some(at) = at {
            let (path, remedy) =
                (format!("{path}.{key}[{at}]"), "use bearer_token_file, or username and password_file");
            let finding = "it looks like a secret in the text of the configuration";
            found.add(WeaknessCode::SecretInConfiguration, path, finding, remedy);
        }
    }
    let has_credentials = prometheus.username.is_some()
        || prometheus.bearer_token_file.is_some()
        || address.has_password
        || header.is_some()
        || parameter.is_some();
    if has_credentials && address.is_readable() {
        let finding = format!("credentials are sent to {} without encryption", address.host);
        found.add(WeaknessCode::CredentialsOverHttp, format!("{path}.url"), finding, USE_HTTPS);
    }
    if prometheus.insecure_skip_verify {
        let finding = format!("whoever answers for {} is believed, and gets the credentials", address.host);
        let path = format!("{path}.insecure_skip_verify");
        found.add(WeaknessCode::CertificateNotChecked, path, finding, "set ca_file instead");
    }
}

fn notify(notify: &NotifyConfig, found: &mut Findings) {
    if notify.http.allow_loopback && !notify.receivers.is_empty() {
        let finding = "who chooses a receiver's address may reach every service of this machine";
        let path = "notify.http.allow_loopback";
        found.add(WeaknessCode::ReceiverMayReachLoopback, path, finding, "set it only for a side-car or a test");
    }
    if let Some(address) = notify.http.proxy.as_deref().and_then(Address::parse).filter(|a| a.has_password) {
        let finding = format!("the address of {} has a user or password in it", address.host);
        let remedy = "leave them out, and let the proxy know automap by its address";
        found.add(WeaknessCode::PasswordInUrl, "notify.http.proxy", finding, remedy);
    }
    // Nobody offers a public receiver without encryption.
    let mut internal = 0;
    for (i, receiver) in notify.receivers.iter().enumerate() {
        let path = format!("notify.receivers[{i}].to");
        let secrets = receiver.to.secrets();
        let is_sent = secrets.iter().any(|(key, _)| !matches!(*key, "secret" | "webhook"));
        let addresses: Vec<Address> = receiver.to.urls().into_iter().filter_map(Address::parse).collect();
        // A webhook's address is itself the credential.
        let hidden = secrets.iter().filter(|(key, _)| *key == "webhook").filter_map(|(_, source)| source.read().ok());
        let hidden: Vec<Address> = hidden.filter_map(|url| Address::parse(url.expose_secret())).collect();
        internal += addresses.iter().chain(&hidden).filter(|a| a.is_plain || is_internal_host(&a.host)).count();
        let readable = addresses.iter().filter(|_| is_sent).chain(&hidden).find(|address| address.is_readable());
        if let Some(address) = readable {
            // The host of a hidden address is not secret, its path is.
            let finding = format!("'{}' is given its credentials without encryption ({})", receiver.name, address.host);
            found.add(WeaknessCode::CredentialsOverHttp, path, finding, USE_HTTPS);
        }
    }
    if internal == 0 && notify.http.allow_private && !notify.receivers.is_empty() {
        let finding = "all receivers are on the internet, yet one whose address changes may be in a private network";
        let path = "notify.http.allow_private";
        found.add(WeaknessCode::ReceiverMayReachPrivateAddresses, path, finding, "set it to false");
    }
}

/// The whole address is a secret, and so is the password in it; it is shown if it comes from the environment.
fn postgres(source: &SecretSource, found: &mut Findings) {
    let Ok(address) = source.read() else { return };
    let text = address.expose_secret();
    let after_scheme = text.split_once("://").map(|(_, rest)| rest);
    let user = after_scheme.and_then(|rest| rest.split(['/', '?']).next()?.rsplit_once('@')).map(|(user, _)| user);
    let has_password = user.is_some_and(|user| user.contains(':')) || text.contains("password=");
    if has_password && matches!(source, SecretSource::Env(_)) {
        let finding =
            "the address with its password is in the environment, which every child process and crash report gets";
        let remedy = "keep it in a file that automap's user alone may read: store.postgres: {file: …}";
        found.add(WeaknessCode::PasswordInUrl, "store.postgres", finding, remedy);
    }
    if let Some(host) = remote_host(text).filter(|_| {
        !["require", "verify-ca", "verify-full"].iter().any(|mode| text.contains(&format!("sslmode={mode}")))
    }) {
        let finding = format!("the connection to {host} may be without encryption");
        found.add(WeaknessCode::CredentialsOverHttp, "store.postgres", finding, "add sslmode=require to the address");
    }
}

/// The host of a PostgreSQL address in either form, unless it is this machine or a socket.
fn remote_host(text: &str) -> Option<String> {
    let host = match text.split_once("://") {
        Some((_, rest)) => {
            let place = rest.split(['/', '?']).next()?;
            let place = place.rsplit_once('@').map_or(place, |(_, place)| place);
            match place.strip_prefix('[') {
                Some(v6) => v6.split(']').next()?.to_owned(),
                None => place.split([':', ',']).next()?.to_owned(),
            }
        }
        None => text.split_whitespace().find_map(|word| word.strip_prefix("host="))?.trim_matches('\'').to_owned(),
    };
    (!host.is_empty() && !host.starts_with('/') && !is_loopback(&host)).then_some(host)
}
