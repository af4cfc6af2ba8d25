//! The server's address: checked once, safe to show.
//!
//! Credentials and parameters in it are split off, since both may be secrets. They are sent with every request and appear in no message.

use super::error::{Failure, RequestError};
use super::options::Auth;
use crate::secret::SecretSource;

/// A base address without credentials, query and trailing slash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    base: String,
}

/// The parts of the address that the user typed.
#[derive(Debug)]
pub(crate) struct Typed {
    pub(crate) address: Address,
    /// The user and password in front of the host.
    pub(crate) auth: Option<Auth>,
    /// The parameters behind the `?`.
    pub(crate) parameters: Vec<(String, String)>,
}

/// Parameters of the API, which users cannot set.
const RESERVED: [&str; 7] = ["query", "time", "start", "end", "step", "timeout", "state"];

impl Address {
    /// Splits the typed address into an address to show, the credentials and the parameters.
    pub(crate) fn parse(typed: &str) -> Result<Typed, RequestError> {
        let refuse = |why: &str| Err(RequestError::new(&to_show(typed), Failure::BadAddress(why.to_owned())));
        let Some((scheme, rest)) = typed.trim().split_once("://") else {
            return refuse("it has no scheme; write it like http://localhost:9090");
        };
        if !matches!(scheme, "http" | "https") {
            return refuse("only http and https are spoken");
        }
        if rest.contains('#') {
            return refuse("it holds a fragment; give the base address, such as http://host:9090/prometheus");
        }
        let (rest, parameters) = rest.split_once('?').unwrap_or((rest, ""));
        let parameters = split_parameters(parameters);
        if let Err(why) = check_parameters(parameters.iter().map(|(name, _)| name.as_str())) {
            return refuse(&why);
        }
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let (credentials, host) = match authority.rsplit_once('@') {
            Some((credentials, host)) => (Some(credentials), host),
            None => (None, authority),
        };
        if host.is_empty() || host.contains(|c: char| c.is_whitespace() || c.is_control()) {
            return refuse("it has no host");
        }
        if path.contains(|c: char| c.is_whitespace() || c.is_control()) {
            return refuse("its path holds a space or a control character; write %20 for a space");
        }
        let path = path.trim_end_matches('/');
        let path = path.strip_suffix("/api/v1").unwrap_or(path);
        let address = Self { base: format!("{scheme}://{host}{path}") };
        Ok(Typed { address, auth: credentials.map(basic), parameters })
    }

    /// The address to show, also in `Observation::source`.
    pub(crate) fn as_str(&self) -> &str {
        &self.base
    }

    /// The URL of one endpoint.
    pub(crate) fn endpoint(&self, path: &str) -> String {
        format!("{}/api/v1/{path}", self.base)
    }
}

/// Refuses parameters that would change a query.
pub(crate) fn check_parameters<'a>(mut names: impl Iterator<Item = &'a str>) -> Result<(), String> {
    match names.find(|name| name.is_empty() || RESERVED.contains(name) || name.starts_with("match[")) {
        None => Ok(()),
        Some("") => Err("a parameter has no name; write it as ?namespace=shop".to_owned()),
        Some(name) => Err(format!("it sets the parameter {name}, which every query sets itself")),
    }
}

/// `a=1&b=%20` as pairs.
fn split_parameters(text: &str) -> Vec<(String, String)> {
    let pairs = text.split('&').filter(|pair| !pair.is_empty());
    let plus = |text: &str| decode(&text.replace('+', " "));
    pairs.map(|pair| pair.split_once('=').unwrap_or((pair, ""))).map(|(n, v)| (plus(n), plus(v))).collect()
}

fn basic(credentials: &str) -> Auth {
    let (user, password) = credentials.split_once(':').unwrap_or((credentials, ""));
    Auth::Basic { user: decode(user), password: SecretSource::Value(decode(password).into()) }
}

/// Percent-decoding; invalid escapes are kept unchanged.
fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut i = 0;
    while i < bytes.len() {
        let escape = (bytes[i] == b'%').then(|| text.get(i + 1..i + 3)).flatten();
        match escape.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                out.push(byte);
                i += 3;
            }
            None => {
                out.push(bytes[i]);
                i += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// For messages about addresses that could not be parsed: removes everything between the scheme and the last `@`, and all parameters.
fn to_show(typed: &str) -> String {
    let typed = typed.split(['?', '#']).next().unwrap_or_default();
    match (typed.split_once("://"), typed.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, rest))) => format!("{scheme}://{rest}"),
        (None, Some((_, rest))) => rest.to_owned(),
        (_, None) => typed.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::ExposeSecret;

    fn base(typed: &str) -> String {
        Address::parse(typed).unwrap().address.base
    }

    #[test]
    fn prefixes_stay_and_slashes_go() {
        assert_eq!(base("http://localhost:9090/"), "http://localhost:9090");
        assert_eq!(base("https://m.example.com/select/0/prometheus/"), "https://m.example.com/select/0/prometheus");
        assert_eq!(base("http://h/prometheus/api/v1/"), "http://h/prometheus");
        assert_eq!(Address::parse("http://h:1").unwrap().address.endpoint("query"), "http://h:1/api/v1/query");
    }

    #[test]
    fn credentials_leave_the_address() {
        let Typed { address, auth, .. } = Address::parse("https://ann:p%40ss@h:9090/x").unwrap();
        assert_eq!(address.as_str(), "https://h:9090/x");
        let Some(Auth::Basic { user, password: SecretSource::Value(secret) }) = auth else { panic!("{auth:?}") };
        assert_eq!((user.as_str(), secret.expose_secret()), ("ann", "p@ss"));
    }

    #[test]
    fn parameters_leave_the_address() {
        for typed in ["http://h:1/?namespace=a+b%26c&dedup", "http://h:1?namespace=a%20b%26c&&dedup="] {
            let Typed { address, parameters, .. } = Address::parse(typed).unwrap();
            assert_eq!(address.as_str(), "http://h:1");
            assert_eq!(parameters, [("namespace", "a b&c"), ("dedup", "")].map(|(n, v)| (n.to_owned(), v.to_owned())));
        }
    }

    #[test]
    fn bad_addresses_say_what_is_expected_and_hide_credentials() {
        for (typed, expected) in [
            ("localhost:9090", "no scheme"),
            ("ann:secret@h:9090", "no scheme"),
            ("ftp://ann:secret@h", "only http and https"),
            ("http://ann:secret@h/#x", "it holds a fragment"),
            ("http://h/?query=secret", "it sets the parameter query"),
            ("http://h/?match%5B%5D=secret", "it sets the parameter match[]"),
            ("http://h/?=secret", "a parameter has no name"),
            ("http:///x", "no host"),
            ("http://ann:secret@h/a\0b", "its path holds"),
        ] {
            let message = Address::parse(typed).unwrap_err().to_string();
            assert!(message.contains(expected) && !message.contains("secret"), "{message}");
        }
    }
}
